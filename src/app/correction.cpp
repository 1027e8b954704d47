#include "app/correction.h"

#include <algorithm>
#include <fmt/format.h>

#include "ledger/fold.h"

namespace weir::app {
namespace {

Result<std::vector<core::HoldPart>> parts_of(store::Queries& queries, const AttemptId& id) {
    auto call = queries.call(id.call);
    if (!call) return std::unexpected(call.error());
    auto attempt = std::ranges::find_if(call->attempts, [&id](const auto& a) {
        return a.row.head.id == id && a.row.state != "open" && a.row.state != "refused";
    });
    if (attempt == call->attempts.end()) {
        return fail(ErrorCode::not_found, "There is no ended attempt " + id.text() + ".");
    }
    return std::move(attempt->row.parts);
}

// A failed sync gives the segment up: once more on the next, since two readings of one record are
// one record.
Result<> sync(ledger::JournalWriter& journal, const ledger::Record& record) {
    if (journal.sync()) return {};
    if (auto again = journal.append(record); !again) return again;
    return journal.sync();
}

}  // namespace

Result<std::string> apply_correction(const CorrectionPlaces& places,
                                     const ledger::CorrectionRecord& correction) {
    if (auto flushed = places.bookkeeper.flush(); !flushed) {
        return std::unexpected(flushed.error());
    }
    auto parts = parts_of(places.queries, correction.id);
    if (!parts) return std::unexpected(parts.error());
    const ledger::Record record{correction};
    if (auto written = places.journal.append(record); !written) {
        return std::unexpected(written.error());
    }
    for (const core::HoldPart& part : *parts) {
        places.treasury.correct(part.budget_id, part.instance, part.window,
                                ledger::corrected_part(correction, part));
    }
    std::string note;
    if (auto synced = sync(places.journal, record); !synced) {
        note =
            "It counts, but the disk has not confirmed it: after a power cut, look whether it is "
            "still there.";
    }
    if (auto flushed = places.bookkeeper.flush(); !flushed) {
        note += fmt::format("{}It counts; the books show it when the bookkeeper can go on: {}",
                            note.empty() ? "" : " ", flushed.error().message());
    }
    return note;
}

}  // namespace weir::app
