#include "store/ledger_fold.h"

#include <charconv>
#include <tuple>

#include "base/check.h"
#include "store/entry_columns.h"
#include "store/json_text.h"

namespace weir::store {
namespace {

constexpr std::size_t kScopesCachedMax = 200'000;

using Counter = std::pair<std::string_view, std::int64_t FoldCounters::*>;
constexpr Counter kCounters[] = {
    {"fold.records", &FoldCounters::records},
    {"fold.entries_ended", &FoldCounters::entries_ended},
    {"fold.refusals", &FoldCounters::refusals},
    {"fold.corrections", &FoldCounters::corrections},
    {"fold.duplicates", &FoldCounters::duplicates},
};

std::array<std::string_view, 9> scope_values(const ledger::AttemptHead& head) {
    const core::Attribution& a = head.attribution;
    return {a.of(core::Dimension::team),
            a.of(core::Dimension::application),
            a.of(core::Dimension::environment),
            a.of(core::Dimension::task_type),
            a.of(core::Dimension::agent),
            a.of(core::Dimension::user),
            a.of(core::Dimension::key),
            head.provider,
            head.model};
}

// Which of two ends of one attempt counts, whatever the order in which they were read.
bool is_before(const ledger::EndRecord& a, const ledger::EndRecord& b) {
    return std::tie(a.at, a.state, a.charge, a.charge_tokens) <
           std::tie(b.at, b.state, b.charge, b.charge_tokens);
}

std::optional<ledger::EndState> end_state_named(std::string_view name) {
    for (const auto state : {ledger::EndState::settled, ledger::EndState::released,
                             ledger::EndState::unknown, ledger::EndState::orphaned}) {
        if (ledger::end_state_name(state) == name) return state;
    }
    return std::nullopt;
}

// As much of an end as rollups and balances were made of.
Result<ledger::EndRecord> read_end(const Statement& row, const AttemptId& id) {
    ledger::EndRecord end;
    end.head.id = id;
    end.at = {row.integer(1)};
    const auto state = end_state_named(row.text(2));
    Result<std::vector<core::HoldPart>> parts = parse_parts(row.text(9));
    if (!parts) return std::unexpected(std::move(parts).error());
    if (!state) return fail(ErrorCode::corrupt, "an entry has an unknown state");
    end.state = *state;
    end.charge = row.money(3);
    end.charge_tokens = row.integer(5);
    end.cost = row.money(6);
    end.head.admitted_at = {row.integer(8)};
    end.parts = std::move(*parts);
    end.outcome.has_error = row.integer(10) != 0;
    end.outcome.http_status = static_cast<int>(row.integer(11));
    end.usage.reasoning_tokens = row.integer(12);
    end.usage.units[0] = row.integer(13);
    core::UsageLine& line = end.usage.lines.emplace_back();
    for (std::size_t c = 0; c < core::kTokenClasses; ++c) {
        line.tokens[c] = row.integer(14 + static_cast<int>(c));
    }
    return end;
}

// Lengths keep ("ab", "c") and ("a", "bc") apart.
void append_scope_key(std::string& out, std::string_view value) {
    const auto length = static_cast<std::uint32_t>(value.size());
    out.append({static_cast<char>(length), static_cast<char>(length >> 8),
                static_cast<char>(length >> 16)});
    out.append(value);
}

}  // namespace

// A batch, by attempt in order of first appearance.
struct LedgerFold::Sorted {
    std::vector<Pending> attempts;
    std::unordered_map<AttemptId, std::size_t> places;
    std::vector<const ledger::RefusalRecord*> refusals;
    std::vector<const ledger::CorrectionRecord*> corrections;

    AttemptFacts& of(const AttemptId& id) {
        const auto [it, is_new] = places.try_emplace(id, attempts.size());
        if (is_new) attempts.push_back({id, {}});
        return attempts[it->second].facts;
    }
};

Result<LedgerFold> LedgerFold::open(Database& database) {
    LedgerFold fold{database};
    if (Result<> done = fold.prepare(); !done) return std::unexpected(std::move(done).error());
    if (Result<> done = fold.reload(); !done) return std::unexpected(std::move(done).error());
    return fold;
}

Result<> LedgerFold::prepare() {
    Result<EntryWriter> writer = EntryWriter::open(*database_);
    if (!writer) return std::unexpected(std::move(writer).error());
    writer_.emplace(std::move(*writer));
    Result<Tally> tally = Tally::open(*database_);
    if (!tally) return std::unexpected(std::move(tally).error());
    tally_.emplace(std::move(*tally));
    Result<EventFold> events = EventFold::open(*database_);
    if (!events) return std::unexpected(std::move(events).error());
    events_.emplace(std::move(*events));
    const std::pair<Statement*, std::string_view> wanted[] = {
        {&find_entry_,
         "SELECT row,scope,admitted,state,admitted_at,coalesce(end_parts,parts) FROM entries "
         "WHERE epoch=? AND worker=? AND seq=? AND ordinal=?"},
        {&find_end_,
         "SELECT scope,ended_at,state,charge_usd,charge_pico,charge_tokens,cost_usd,cost_pico,"
         "admitted_at,coalesce(end_parts,parts),error IS NOT NULL,http_status,reasoning,units,"
         "input,cache_read,cache_write_short,cache_write_long,input_audio,input_image,"
         "cache_read_audio,output,output_audio,output_image FROM entries WHERE row=?"},
        {&remove_charges_, "DELETE FROM charges WHERE entry=?"},
        {&find_scope_,
         "SELECT id FROM scopes WHERE team=? AND application=? AND environment=? AND task_type=? "
         "AND agent=? AND user=? AND key=? AND provider=? AND model=?"},
        {&insert_scope_,
         "INSERT INTO scopes (team,application,environment,task_type,agent,user,key,provider,"
         "model) VALUES (?,?,?,?,?,?,?,?,?)"},
        {&insert_correction_,
         "INSERT INTO corrections (epoch,worker,seq,ordinal,at,cost_usd,cost_pico,charge_usd,"
         "charge_pico,tokens,reason,actor) VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO "
         "NOTHING"},
        {&waiting_corrections_,
         "SELECT at,cost_usd,cost_pico,charge_usd,charge_pico,tokens FROM corrections "
         "WHERE epoch=? AND worker=? AND seq=? AND ordinal=? AND applied=0"},
        {&mark_corrections_,
         "UPDATE corrections SET applied=1 WHERE epoch=? AND worker=? AND seq=? AND ordinal=?"},
        {&upsert_cursor_, "INSERT OR REPLACE INTO cursors VALUES (?,?,?,?)"},
        {&delete_cursor_, "DELETE FROM cursors WHERE epoch=? AND worker=? AND seq=?"},
        {&upsert_counter_, "INSERT OR REPLACE INTO meta VALUES (?,?)"},
    };
    for (const auto& [statement, sql] : wanted) {
        Result<Statement> prepared = database_->prepare(sql);
        if (!prepared) return std::unexpected(std::move(prepared).error());
        *statement = std::move(*prepared);
    }
    return {};
}

Result<> LedgerFold::reload() {
    open_.clear();
    scopes_.clear();
    waiting_.clear();
    cursors_.clear();
    counters_ = {};
    tally_->clear();
    const auto each = [&](std::string_view sql, auto&& take) -> Result<> {
        Result<Statement> rows = database_->prepare(sql);
        if (!rows) return std::unexpected(std::move(rows).error());
        for (;;) {
            Result<bool> row = rows->step();
            if (!row) return std::unexpected(std::move(row).error());
            if (!*row) return {};
            take(*rows);
        }
    };
    Result<> done = each(
        "SELECT epoch,worker,seq,ordinal,row,scope,admitted,dispatched_at FROM entries "
        "WHERE state='open'",
        [&](Statement& row) {
            OpenRow open{row.integer(4), row.integer(5), row.integer(6) != 0, std::nullopt};
            if (!row.is_null(7)) open.dispatched = UnixTime{row.integer(7)};
            open_.emplace(read_id(row, 0), open);
        });
    if (!done) return done;
    done = each("SELECT epoch,worker,seq,ordinal FROM corrections WHERE applied=0",
                [&](Statement& row) { waiting_.insert(read_id(row, 0)); });
    if (!done) return done;
    done = each("SELECT epoch,worker,seq,place FROM cursors", [&](Statement& row) {
        const ledger::SegmentName name{static_cast<std::uint32_t>(row.integer(0)),
                                       static_cast<std::uint16_t>(row.integer(1)),
                                       static_cast<std::uint32_t>(row.integer(2))};
        cursors_[name] = static_cast<std::uint64_t>(row.integer(3));
    });
    if (!done) return done;
    done = each("SELECT name,value FROM meta WHERE name LIKE 'fold.%'", [&](Statement& row) {
        for (const auto& [name, member] : kCounters) {
            const std::string_view value = row.text(1);
            if (row.text(0) != name) continue;
            std::from_chars(value.data(), value.data() + value.size(), counters_.*member);
        }
    });
    if (done) stale_ = false;
    return done;
}

Result<std::vector<ledger::Cursor>> LedgerFold::cursors() {
    if (stale_) {
        if (Result<> done = reload(); !done) return std::unexpected(std::move(done).error());
    }
    std::vector<ledger::Cursor> out;
    for (const auto& [segment, offset] : cursors_) out.push_back({segment, offset});
    return out;
}

Result<> LedgerFold::fold(const std::vector<ledger::Record>& records,
                          const std::vector<ledger::Cursor>& cursors) {
    Result<Transaction> transaction = Transaction::begin(*database_);
    if (!transaction) return std::unexpected(std::move(transaction).error());
    if (stale_) {
        if (Result<> done = reload(); !done) return done;
    }
    stale_ = true;
    if (Result<> done = fold_in_transaction(records, cursors); !done) return done;
    if (Result<> done = transaction->commit(); !done) return done;
    stale_ = false;
    return {};
}

Result<> LedgerFold::fold_in_transaction(const std::vector<ledger::Record>& records,
                                         const std::vector<ledger::Cursor>& cursors) {
    if (Result<> done = events_->begin(); !done) return done;
    Sorted sorted;
    sort(records, sorted);
    for (const Pending& pending : sorted.attempts) {
        if (Result<> done = apply(pending); !done) return done;
    }
    for (const ledger::RefusalRecord* refusal : sorted.refusals) {
        if (Result<> done = apply_refusal(*refusal); !done) return done;
    }
    for (const ledger::CorrectionRecord* correction : sorted.corrections) {
        if (Result<> done = apply_correction(*correction); !done) return done;
    }
    counters_.records += static_cast<std::int64_t>(records.size());
    if (Result<> done = tally_->flush(*events_); !done) return done;
    if (Result<> done = save_cursors(cursors); !done) return done;
    return save_counters();
}

void LedgerFold::sort(const std::vector<ledger::Record>& records, Sorted& out) {
    out.places.reserve(records.size());
    out.attempts.reserve(records.size());
    for (const ledger::Record& record : records) {
        if (const auto* admit = std::get_if<ledger::AdmitRecord>(&record)) {
            AttemptFacts& facts = out.of(admit->head.id);
            if (facts.admit != nullptr) ++counters_.duplicates;
            if (facts.admit == nullptr) facts.admit = admit;
        } else if (const auto* mark = std::get_if<ledger::DispatchedRecord>(&record)) {
            AttemptFacts& facts = out.of(mark->id);
            if (facts.dispatched) ++counters_.duplicates;
            if (!facts.dispatched) facts.dispatched = mark->at;
        } else if (const auto* end = std::get_if<ledger::EndRecord>(&record)) {
            AttemptFacts& facts = out.of(end->head.id);
            if (facts.end != nullptr) ++counters_.duplicates;
            if (facts.end == nullptr || is_before(*end, *facts.end)) facts.end = end;
        } else if (const auto* refusal = std::get_if<ledger::RefusalRecord>(&record)) {
            out.refusals.push_back(refusal);
        } else if (const auto* correction = std::get_if<ledger::CorrectionRecord>(&record)) {
            out.corrections.push_back(correction);
        }
    }
}

Result<> LedgerFold::apply(const Pending& pending) {
    const auto it = open_.find(pending.id);
    if (it != open_.end()) return apply_to_open(pending, it->second);
    return apply_to_unseen(pending, pending.facts.dispatched);
}

Result<> LedgerFold::apply_to_open(const Pending& pending, OpenRow& open) {
    const AttemptFacts& facts = pending.facts;
    if (facts.dispatched && open.dispatched) ++counters_.duplicates;
    const auto dispatched = open.dispatched ? open.dispatched : facts.dispatched;
    if (!open.admitted && (facts.admit != nullptr || facts.end != nullptr)) {
        // Only a mark stood there: the row is written anew, whole.
        if (Result<> done = writer_->remove_stub(open.row); !done) return done;
        open_.erase(pending.id);
        return apply_to_unseen(pending, dispatched);
    }
    if (facts.admit != nullptr) ++counters_.duplicates;
    if (facts.end == nullptr) {
        if (!facts.dispatched || open.dispatched) return {};
        open.dispatched = facts.dispatched;
        return writer_->mark_dispatched(open.row, *facts.dispatched);
    }
    const OpenRow closed = open;
    open_.erase(pending.id);
    if (Result<> done = writer_->end(closed.row, *facts.end, facts.dispatched); !done) return done;
    return accept_end(closed.row, closed.scope, *facts.end);
}

Result<> LedgerFold::apply_to_unseen(const Pending& pending, std::optional<UnixTime> dispatched) {
    AttemptFacts facts = pending.facts;
    facts.dispatched = dispatched;
    if (facts.admit == nullptr && facts.end == nullptr) {
        Result<bool> is_new = writer_->insert_stub(pending.id, *dispatched);
        if (!is_new) return std::unexpected(std::move(is_new).error());
        if (!*is_new) return apply_to_ended(pending);
        open_[pending.id] = {writer_->last_row(), 0, false, dispatched};
        return {};
    }
    const ledger::AttemptHead& head = facts.admit != nullptr ? facts.admit->head : facts.end->head;
    Result<std::int64_t> scope = scope_of(head);
    if (!scope) return std::unexpected(std::move(scope).error());
    Result<bool> is_new = writer_->insert(head, *scope, facts);
    if (!is_new) return std::unexpected(std::move(is_new).error());
    if (!*is_new) return apply_to_ended(pending);
    const std::int64_t row = writer_->last_row();
    if (facts.end != nullptr) return accept_end(row, *scope, *facts.end);
    open_[pending.id] = {row, *scope, true, dispatched};
    return {};
}

// The row is there and has ended: only an admit or a mark that comes late can add to it.
Result<> LedgerFold::apply_to_ended(const Pending& pending) {
    const AttemptFacts& facts = pending.facts;
    bind_id(find_entry_, 1, pending.id);
    Result<bool> found = find_entry_.step();
    if (!found) return std::unexpected(std::move(found).error());
    WEIR_CHECK(*found);
    const std::int64_t row = find_entry_.integer(0);
    const std::int64_t scope = find_entry_.integer(1);
    const bool admitted = find_entry_.integer(2) != 0;
    find_entry_.reset();
    if (facts.end != nullptr) {
        ++counters_.duplicates;
        if (Result<> done = replace_later_end(row, *facts.end); !done) return done;
    }
    if (facts.admit != nullptr && admitted) ++counters_.duplicates;
    if (facts.admit != nullptr && !admitted) {
        if (Result<> done = writer_->complete(row, scope, *facts.admit); !done) return done;
    }
    if (facts.dispatched) return writer_->mark_dispatched(row, *facts.dispatched);
    return {};
}

// Two different ends of one attempt: recovery ended a hold whose true end lay unread elsewhere.
Result<> LedgerFold::replace_later_end(std::int64_t row, const ledger::EndRecord& end) {
    find_end_.bind(1, row);
    Result<bool> found = find_end_.step();
    if (!found) return std::unexpected(std::move(found).error());
    WEIR_CHECK(*found);
    const std::int64_t scope = find_end_.integer(0);
    Result<ledger::EndRecord> old = read_end(find_end_, end.head.id);
    find_end_.reset();
    if (!old) return std::unexpected(std::move(old).error());
    if (!is_before(end, *old)) return {};
    tally_->take_end(scope, *old);
    tally_->add_end(scope, end);
    remove_charges_.bind(1, row);
    if (Result<> done = remove_charges_.run(); !done) return done;
    if (Result<> done = writer_->end(row, end, std::nullopt); !done) return done;
    return writer_->insert_charges(row, end.bill);
}

Result<> LedgerFold::accept_end(std::int64_t row, std::int64_t scope,
                                const ledger::EndRecord& end) {
    ++counters_.entries_ended;
    tally_->add_end(scope, end);
    if (Result<> done = events_->add_end(end); !done) return done;
    if (Result<> done = writer_->insert_charges(row, end.bill); !done) return done;
    if (waiting_.empty() || !waiting_.contains(end.head.id)) return {};
    return apply_waiting_corrections(end.head.id);
}

Result<> LedgerFold::apply_refusal(const ledger::RefusalRecord& refusal) {
    Result<std::int64_t> scope = scope_of(refusal.head);
    if (!scope) return std::unexpected(std::move(scope).error());
    Result<bool> is_new = writer_->insert_refusal(refusal, *scope);
    if (!is_new) return std::unexpected(std::move(is_new).error());
    if (!*is_new) {
        ++counters_.duplicates;
        return {};
    }
    ++counters_.refusals;
    tally_->add_refusal(*scope, refusal);
    return events_->add_refusal(refusal);
}

Result<std::int64_t> LedgerFold::scope_of(const ledger::AttemptHead& head) {
    const std::array<std::string_view, 9> values = scope_values(head);
    scratch_.clear();
    for (const std::string_view value : values) append_scope_key(scratch_, value);
    if (const auto it = scopes_.find(scratch_); it != scopes_.end()) return it->second;
    for (Statement* statement : {&find_scope_, &insert_scope_}) {
        for (std::size_t i = 0; i < values.size(); ++i) {
            statement->bind(static_cast<int>(i) + 1, values[i]);
        }
    }
    Result<bool> found = find_scope_.step();
    if (!found) return std::unexpected(std::move(found).error());
    std::int64_t id = 0;
    if (*found) {
        id = find_scope_.integer(0);
        find_scope_.reset();
    } else {
        if (Result<> done = insert_scope_.run(); !done) {
            return std::unexpected(std::move(done).error());
        }
        id = database_->last_row();
    }
    if (scopes_.size() >= kScopesCachedMax) scopes_.clear();
    scopes_.emplace(scratch_, id);
    return id;
}

Result<> LedgerFold::save_cursors(const std::vector<ledger::Cursor>& cursors) {
    std::map<ledger::SegmentName, std::uint64_t> wanted;
    for (const ledger::Cursor& cursor : cursors) wanted[cursor.segment] = cursor.offset;
    for (const auto& [segment, offset] : wanted) {
        const auto known = cursors_.find(segment);
        if (known != cursors_.end() && known->second == offset) continue;
        upsert_cursor_.bind(1, std::int64_t{segment.epoch});
        upsert_cursor_.bind(2, std::int64_t{segment.worker});
        upsert_cursor_.bind(3, std::int64_t{segment.seq});
        upsert_cursor_.bind(4, static_cast<std::int64_t>(offset));
        if (Result<> done = upsert_cursor_.run(); !done) return done;
    }
    for (const auto& [segment, offset] : cursors_) {
        if (wanted.contains(segment)) continue;
        delete_cursor_.bind(1, std::int64_t{segment.epoch});
        delete_cursor_.bind(2, std::int64_t{segment.worker});
        delete_cursor_.bind(3, std::int64_t{segment.seq});
        if (Result<> done = delete_cursor_.run(); !done) return done;
    }
    cursors_ = std::move(wanted);
    return {};
}

Result<> LedgerFold::save_counters() {
    for (const auto& [name, member] : kCounters) {
        const std::string value = std::to_string(counters_.*member);
        upsert_counter_.bind(1, name);
        upsert_counter_.bind(2, value);
        if (Result<> done = upsert_counter_.run(); !done) return done;
    }
    return {};
}

}  // namespace weir::store
