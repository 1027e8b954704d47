#include "store/directory.h"
#include "store/json_text.h"

namespace weir::store {
namespace {

constexpr Duration kLongest = std::chrono::days{31};

std::string observing_json(const core::Observing& observing) {
    std::string out;
    append_object(out, {{"until", to_rfc3339(observing.until)}, {"reason", observing.reason}});
    return out;
}

Result<> check(const core::Observing& observing, UnixTime now) {
    const auto wrong = [](const char* what) -> Result<> {
        return fail(ErrorCode::invalid_parameter, what);
    };
    if (observing.until <= now) return wrong("Observing ends in the future.");
    if (observing.until > now + kLongest) return wrong("Observing lasts 31 days at most.");
    if (observing.reason.empty()) return wrong("Observing needs a reason.");
    if (!is_reason(observing.reason)) {
        return wrong("A reason has at most 500 bytes of UTF-8.");
    }
    return {};
}

}  // namespace

Result<std::optional<core::Observing>> Directory::observing() {
    Result<Statement> rows = database_.prepare("SELECT until,reason,actor,since FROM observing");
    if (!rows) return std::unexpected(std::move(rows).error());
    Result<bool> row = rows->step();
    if (!row) return std::unexpected(std::move(row).error());
    if (!*row) return std::nullopt;
    return core::Observing{
        {rows->integer(0)}, rows->string(1), rows->string(2), {rows->integer(3)}};
}

Result<core::Observing> Directory::observe(UnixTime until, std::string reason,
                                           const Change& change) {
    core::Observing now{until, std::move(reason), change.actor, change.at};
    if (Result<> good = check(now, change.at); !good) return std::unexpected(good.error());
    Result<> done = in_transaction([&]() -> Result<> {
        Result<std::optional<core::Observing>> before = observing();
        if (!before) return std::unexpected(std::move(before).error());
        Result<Statement> put =
            database_.prepare("INSERT OR REPLACE INTO observing VALUES (1,?,?,?,?)");
        if (!put) return std::unexpected(std::move(put).error());
        put->bind(1, now.until.ns).bind(2, now.reason).bind(3, now.actor).bind(4, now.since.ns);
        if (Result<> written = put->run(); !written) return written;
        return write_audit(change, "enforcement.observe", "enforcement",
                           *before ? observing_json(**before) : "", observing_json(now));
    });
    if (!done) return std::unexpected(std::move(done).error());
    return now;
}

Result<> Directory::enforce(const Change& change) {
    return in_transaction([&]() -> Result<> {
        Result<std::optional<core::Observing>> before = observing();
        if (!before) return std::unexpected(std::move(before).error());
        if (!*before) return {};
        Result<Statement> remove = database_.prepare("DELETE FROM observing");
        if (!remove) return std::unexpected(std::move(remove).error());
        if (Result<> removed = remove->run(); !removed) return removed;
        return write_audit(change, "enforcement.enforce", "enforcement", observing_json(**before),
                           "");
    });
}

}  // namespace weir::store
