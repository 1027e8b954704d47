#include "store/entry_writer.h"

#include <fmt/core.h>

#include "store/entry_columns.h"
#include "store/json_text.h"

namespace weir::store {
namespace {

std::int64_t ignored_mask(const core::Attribution& attribution) {
    std::int64_t mask = 0;
    for (const core::Dimension d : attribution.ignored) {
        mask |= std::int64_t{1} << static_cast<int>(d);
    }
    return mask;
}

// Same figures, whatever the slots of the live table were.
bool same_parts(const std::vector<core::HoldPart>& a, const std::vector<core::HoldPart>& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (a[i].budget_id != b[i].budget_id || a[i].instance != b[i].instance ||
            a[i].window != b[i].window || a[i].held != b[i].held) {
            return false;
        }
    }
    return true;
}

Result<bool> was_new(Database& database, Statement& statement) {
    if (Result<> done = statement.run(); !done) return std::unexpected(std::move(done).error());
    return database.changes() != 0;
}

}  // namespace

Result<EntryWriter> EntryWriter::open(Database& database) {
    EntryWriter writer{database};
    const auto prepare = [&](Statement& to, const std::string& sql) -> Result<> {
        Result<Statement> statement = database.prepare(sql);
        if (!statement) return std::unexpected(std::move(statement).error());
        to = std::move(*statement);
        return {};
    };
    const std::pair<Statement*, std::string> wanted[] = {
        {&writer.insert_,
         fmt::format("INSERT INTO entries ({},{},{}) VALUES {} ON CONFLICT DO NOTHING",
                     kHeadColumns, kAdmitColumns, kEndColumns,
                     placeholders(kHeadCount + kAdmitCount + kEndCount))},
        {&writer.stub_,
         "INSERT INTO entries (epoch,worker,seq,ordinal,admitted_at,dispatched_at) "
         "VALUES (?,?,?,?,?5,?5) ON CONFLICT DO NOTHING"},
        {&writer.complete_,
         fmt::format(
             "UPDATE entries SET {},"
             // What stood in `parts` came with the end.
             "end_parts=nullif(coalesce(end_parts,parts),?{}),"
             "dispatched_at=coalesce(dispatched_at,?{}) WHERE row=?{}",
             assignments(fmt::format("{},{}", kHeadColumns, kAdmitColumns), "dispatched_at"),
             kHeadCount + kAdmitParts, kHeadCount + kAdmitCount, kHeadCount + kAdmitCount + 1)},
        {&writer.dispatched_,
         "UPDATE entries SET dispatched_at=? WHERE row=? AND dispatched_at IS NULL"},
        {&writer.end_,
         // The end's parts are kept only where they differ from the decision's.
         fmt::format("UPDATE entries SET {},end_parts=nullif(?3,parts),"
                     "dispatched_at=coalesce(dispatched_at,?43) WHERE row=?42",
                     assignments(kEndColumns, "end_parts"))},
        {&writer.remove_, "DELETE FROM entries WHERE row=?"},
        {&writer.charge_, "INSERT INTO charges VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"},
        {&writer.refusal_,
         fmt::format("INSERT INTO refusals ({},{}) VALUES {} ON CONFLICT DO NOTHING", kHeadColumns,
                     kRefusalColumns, placeholders(kHeadCount + kRefusalCount))},
    };
    for (const auto& [statement, sql] : wanted) {
        if (Result<> done = prepare(*statement, sql); !done) {
            return std::unexpected(std::move(done).error());
        }
    }
    return writer;
}

int EntryWriter::bind_head(Statement& to, int at, const ledger::AttemptHead& head,
                           std::int64_t scope) {
    at = bind_id(to, at, head.id);
    to.bind(at++, scope);
    to.bind(at++, head.admitted_at.ns);
    to.bind(at++, core::endpoint_name(head.endpoint));
    to.bind(at++, std::int64_t{head.stream});
    for (const core::Dimension d : kColumnDimensions) to.bind(at++, head.attribution.of(d));
    sources_.clear();
    append_sources(sources_, head.attribution);
    to.bind(at++, sources_);
    to.bind(at++, ignored_mask(head.attribution));
    if (head.attribution.tags.empty()) {
        to.bind_null(at++);
    } else {
        tags_.clear();
        append_tags(tags_, head.attribution.tags);
        to.bind(at++, tags_);
    }
    to.bind(at++, head.asked_model);
    to.bind(at++, head.provider);
    to.bind(at++, head.model);
    to.bind(at++, head.price_id);
    to.bind(at++, head.book_hash);
    to.bind(at++, head.price_vendor);
    to.bind(at++, std::int64_t{head.provisional_price});
    to.bind(at++, std::int64_t{head.local_free});
    to.bind(at++, std::int64_t{head.own_credential});
    return at;
}

int EntryWriter::bind_admit(Statement& to, int at, const AttemptFacts& facts) {
    const ledger::AdmitRecord* admit = facts.admit;
    to.bind(at++, std::int64_t{admit != nullptr});
    if (admit != nullptr) {
        to.bind(at, static_cast<std::int64_t>(admit->sequence));
        to.bind(at + 1, admit->input_bound);
        to.bind(at + 2, admit->max_output);
        to.bind(at + 3, admit->client_address);
        to.bind(at + 4, admit->user_agent);
    } else {
        for (int i = 0; i < 5; ++i) to.bind_null(at + i);
    }
    at += 5;
    parts_.clear();
    append_parts(parts_, admit != nullptr ? admit->parts : facts.end->parts);
    to.bind(at++, parts_);
    to.bind_money(at, admit != nullptr ? admit->bound : facts.end->bound);
    at += 2;
    if (facts.dispatched) {
        to.bind(at++, facts.dispatched->ns);
    } else {
        to.bind_null(at++);
    }
    return at;
}

int EntryWriter::bind_usage(Statement& to, int at, const ledger::EndRecord& end) {
    to.bind(at++, core::completeness_name(end.usage.completeness));
    to.bind(at++, std::int64_t{end.usage.notes});
    to.bind(at++, std::int64_t{end.bill.unpriced});
    for (std::size_t c = 0; c < core::kTokenClasses; ++c) {
        to.bind(at++, tokens_of(end.usage, static_cast<core::TokenClass>(c)));
    }
    to.bind(at++, plausible(end.usage.reasoning_tokens));
    to.bind(at++, units_of(end.usage));
    // One line says no more than the totals and the charges do.
    if (end.usage.lines.size() > 1 || end.bill.unpriced) {
        usage_lines_.clear();
        append_usage_lines(usage_lines_, end.usage.lines);
        to.bind(at++, usage_lines_);
    } else {
        to.bind_null(at++);
    }
    to.bind(at++, end.usage.response_id);
    to.bind(at++, end.usage.finish_reason);
    return at;
}

int EntryWriter::bind_outcome(Statement& to, int at, const ledger::EndRecord& end) {
    const ledger::Outcome& o = end.outcome;
    to.bind(at++, std::int64_t{o.http_status});
    to.bind(at++, std::int64_t{o.provider_status});
    if (o.has_error) {
        to.bind(at, error_info(o.error).name);
        to.bind(at + 1, o.error_text);
    } else {
        to.bind_null(at);
        to.bind_null(at + 1);
    }
    at += 2;
    to.bind(at++, std::int64_t{o.client_gone});
    for (const std::int64_t figure :
         {o.connect_us, o.first_byte_us, o.total_us, o.request_bytes, o.response_bytes, o.chunks}) {
        to.bind(at++, figure);
    }
    to.bind(at++, o.provider_request_id);
    if (o.notes.empty()) {
        to.bind_null(at++);
    } else {
        notes_.clear();
        append_strings(notes_, o.notes);
        to.bind(at++, notes_);
    }
    return at;
}

int EntryWriter::bind_end(Statement& to, int at, const ledger::EndRecord* end,
                          bool parts_are_same) {
    if (end == nullptr) {
        to.bind(at, "open");
        to.bind_null(at + 1);
        to.bind_null(at + 2);
        // Figures are never null, so that sums need no care.
        for (int i = 3; i < 10; ++i) to.bind(at + i, std::int64_t{0});
        to.bind_null(at + 10);
        to.bind_null(at + 11);
        for (int i = 12; i < 25; ++i) to.bind(at + i, std::int64_t{0});
        for (int i = 25; i < kEndCount; ++i) to.bind_null(at + i);
        return at + kEndCount;
    }
    to.bind(at++, ledger::end_state_name(end->state));
    to.bind(at++, end->at.ns);
    if (parts_are_same) {
        to.bind_null(at++);
    } else {
        end_parts_.clear();
        append_parts(end_parts_, end->parts);
        to.bind(at++, end_parts_);
    }
    to.bind_money(at, end->cost);
    to.bind_money(at + 2, end->charge);
    to.bind(at + 4, end->charge_tokens);
    to.bind_money(at + 5, end->overrun);
    at = bind_usage(to, at + 7, *end);
    return bind_outcome(to, at, *end);
}

Result<bool> EntryWriter::insert(const ledger::AttemptHead& head, std::int64_t scope,
                                 const AttemptFacts& facts) {
    int at = bind_head(insert_, 1, head, scope);
    at = bind_admit(insert_, at, facts);
    const bool same = facts.end == nullptr || facts.admit == nullptr ||
                      same_parts(facts.admit->parts, facts.end->parts);
    bind_end(insert_, at, facts.end, same);
    return was_new(*database_, insert_);
}

Result<bool> EntryWriter::insert_stub(const AttemptId& id, UnixTime dispatched) {
    bind_id(stub_, 1, id);
    stub_.bind(5, dispatched.ns);
    return was_new(*database_, stub_);
}

Result<> EntryWriter::complete(std::int64_t row, std::int64_t scope,
                               const ledger::AdmitRecord& admit) {
    int at = bind_head(complete_, 1, admit.head, scope);
    at = bind_admit(complete_, at, AttemptFacts{&admit, nullptr, std::nullopt});
    complete_.bind(at, row);
    return complete_.run();
}

Result<> EntryWriter::mark_dispatched(std::int64_t row, UnixTime at) {
    dispatched_.bind(1, at.ns);
    dispatched_.bind(2, row);
    return dispatched_.run();
}

Result<> EntryWriter::end(std::int64_t row, const ledger::EndRecord& end,
                          std::optional<UnixTime> dispatched) {
    const int at = bind_end(end_, 1, &end, false);
    end_.bind(at, row);
    end_.bind_optional(at + 1, dispatched ? std::optional{dispatched->ns} : std::nullopt);
    return end_.run();
}

Result<> EntryWriter::remove_stub(std::int64_t row) {
    remove_.bind(1, row);
    return remove_.run();
}

Result<> EntryWriter::insert_charges(std::int64_t row, const core::Bill& bill) {
    std::int64_t n = 0;
    for (const core::Charge& charge : bill.charges) {
        charge_.bind(1, row);
        charge_.bind(2, n++);
        charge_.bind(3, charge.model);
        charge_.bind(4, charge.tier);
        charge_.bind(5, core::line_role_name(charge.role));
        charge_.bind(6, std::int64_t{charge.is_unit});
        charge_.bind(7, charge.is_unit
                            ? core::unit_kind_name(static_cast<core::UnitKind>(charge.kind))
                            : core::token_class_name(static_cast<core::TokenClass>(charge.kind)));
        charge_.bind(8, charge.quantity);
        charge_.bind(9, charge.rate.femto());
        charge_.bind_money(10, charge.cost);
        charge_.bind(12, charge.price_id);
        charge_.bind(13, std::int64_t{charge.price_fallback});
        if (Result<> done = charge_.run(); !done) return done;
    }
    return {};
}

Result<bool> EntryWriter::insert_refusal(const ledger::RefusalRecord& refusal, std::int64_t scope) {
    int at = bind_head(refusal_, 1, refusal.head, scope);
    refusal_.bind(at++, refusal.at.ns);
    refusal_.bind(at++, static_cast<std::int64_t>(refusal.sequence));
    refusal_.bind(at++, error_info(refusal.error).name);
    refusal_.bind(at++, refusal.message);
    refusal_.bind(at++, std::int64_t{refusal.http_status});
    refusal_.bind_money(at, refusal.bound);
    at += 2;
    refusal_.bind(at++, refusal.input_bound);
    refusal_.bind(at++, refusal.max_output);
    parts_.clear();
    append_parts(parts_, refusal.parts);
    refusal_.bind(at++, parts_);
    refusal_.bind(at++, refusal.client_address);
    refusal_.bind(at++, refusal.user_agent);
    return was_new(*database_, refusal_);
}

}  // namespace weir::store
