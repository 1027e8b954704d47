// The part of the fold that takes corrections, which may come before the end that they correct.
#include "base/check.h"
#include "store/entry_columns.h"
#include "store/json_text.h"
#include "store/ledger_fold.h"

namespace weir::store {

Result<> LedgerFold::apply_correction(const ledger::CorrectionRecord& correction) {
    bind_id(insert_correction_, 1, correction.id);
    insert_correction_.bind(5, correction.at.ns);
    insert_correction_.bind_money(6, correction.cost_delta);
    insert_correction_.bind_money(8, correction.charge_delta);
    insert_correction_.bind(10, correction.token_delta);
    insert_correction_.bind(11, correction.reason);
    insert_correction_.bind(12, correction.actor);
    if (Result<> done = insert_correction_.run(); !done) return done;
    if (database_->changes() == 0) {
        ++counters_.duplicates;
        return {};
    }
    ++counters_.corrections;
    Result<bool> settled = settle_correction(correction);
    if (!settled) return std::unexpected(std::move(settled).error());
    if (!*settled) {
        waiting_.insert(correction.id);
        return {};
    }
    bind_id(mark_corrections_, 1, correction.id);
    return mark_corrections_.run();
}

// False if the attempt has not ended yet, as far as was read.
Result<bool> LedgerFold::settle_correction(const ledger::CorrectionRecord& correction) {
    bind_id(find_entry_, 1, correction.id);
    Result<bool> found = find_entry_.step();
    if (!found) return std::unexpected(std::move(found).error());
    if (!*found) return false;
    const bool ended = find_entry_.text(3) != "open";
    const std::int64_t scope = find_entry_.integer(1);
    const UnixTime admitted_at{find_entry_.integer(4)};
    Result<std::vector<core::HoldPart>> parts = parse_parts(find_entry_.text(5));
    find_entry_.reset();
    if (!ended) return false;
    if (!parts) return std::unexpected(std::move(parts).error());
    tally_->add_correction(scope, admitted_at, correction, *parts);
    return true;
}

Result<> LedgerFold::apply_waiting_corrections(const AttemptId& id) {
    bind_id(waiting_corrections_, 1, id);
    std::vector<ledger::CorrectionRecord> waiting;
    for (;;) {
        Result<bool> row = waiting_corrections_.step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) break;
        waiting.push_back({.id = id,
                           .at = {waiting_corrections_.integer(0)},
                           .cost_delta = waiting_corrections_.money(1),
                           .charge_delta = waiting_corrections_.money(3),
                           .token_delta = waiting_corrections_.integer(5),
                           .reason = {},
                           .actor = {}});
    }
    for (const ledger::CorrectionRecord& correction : waiting) {
        Result<bool> settled = settle_correction(correction);
        if (!settled) return std::unexpected(std::move(settled).error());
        WEIR_CHECK(*settled);
    }
    waiting_.erase(id);
    bind_id(mark_corrections_, 1, id);
    return mark_corrections_.run();
}

}  // namespace weir::store
