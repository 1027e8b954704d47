#include "store/call_rows.h"

#include <fmt/core.h>

#include "store/entry_columns.h"
#include "store/json_text.h"

namespace weir::store {
namespace {

FilterSql filter_sql(const CallFilter& filter) {
    FilterSql sql{" WHERE 1", 1};
    const auto add = [&](std::string_view condition) {
        sql.text += fmt::format(" AND {}?{}", condition, sql.next++);
    };
    for (const auto& [dimension, value] : filter.where) {
        add(fmt::format("{}=", column_of(dimension)));
    }
    if (filter.asked_model) add("asked_model=");
    if (filter.from) add("admitted_at>=");
    if (filter.until) add("admitted_at<");
    return sql;
}

void read_outcome(const Statement& row, int at, CallRow& out) {
    out.http_status = static_cast<int>(row.integer(at));
    out.provider_status = static_cast<int>(row.integer(at + 1));
    out.error = row.string(at + 2);
    out.error_text = row.string(at + 3);
    out.client_gone = row.integer(at + 4) != 0;
    out.connect_us = row.integer(at + 5);
    out.first_byte_us = row.integer(at + 6);
    out.total_us = row.integer(at + 7);
    out.request_bytes = row.integer(at + 8);
    out.response_bytes = row.integer(at + 9);
    out.chunks = row.integer(at + 10);
    out.provider_request_id = row.string(at + 11);
    out.notes = parse_strings(row.text(at + 12));
}

std::optional<UnixTime> time_of(const Statement& row, int column) {
    const auto ns = row.optional_integer(column);
    return ns ? std::optional{UnixTime{*ns}} : std::nullopt;
}

}  // namespace

std::string_view column_of(core::Dimension d) { return core::dimension_name(d); }

std::string select_entries() {
    return fmt::format("SELECT {},{},{} FROM entries", kHeadColumns, kAdmitColumns, kEndColumns);
}

std::string select_refusals() {
    return fmt::format("SELECT {},{} FROM refusals", kHeadColumns, kRefusalColumns);
}

Result<CallRow> read_entry(const Statement& row) {
    CallRow out;
    out.head = read_head(row, 0);
    int at = kHeadCount;
    out.sequence = static_cast<std::uint64_t>(row.integer(at + 1));
    out.input_bound = row.integer(at + 2);
    out.max_output = row.integer(at + 3);
    out.client_address = row.string(at + 4);
    out.user_agent = row.string(at + 5);
    Result<std::vector<core::HoldPart>> parts = parse_parts(row.text(at + 6));
    if (!parts) return std::unexpected(std::move(parts).error());
    out.parts = std::move(*parts);
    out.bound = row.money(at + 7);
    out.dispatched_at = time_of(row, at + 9);
    at += kAdmitCount;
    out.state = row.string(at);
    out.ended_at = time_of(row, at + 1);
    out.cost = row.money(at + 3);
    out.charge = row.money(at + 5);
    out.charge_tokens = row.integer(at + 7);
    out.overrun = row.money(at + 8);
    out.completeness = row.string(at + 10);
    out.usage_notes = static_cast<std::uint16_t>(row.integer(at + 11));
    out.unpriced = row.integer(at + 12) != 0;
    for (std::size_t c = 0; c < core::kTokenClasses; ++c) {
        out.tokens[c] = row.integer(at + 13 + static_cast<int>(c));
    }
    out.reasoning = row.integer(at + 23);
    out.units = row.integer(at + 24);
    out.usage_lines = row.string(at + 25);
    out.response_id = row.string(at + 26);
    out.finish_reason = row.string(at + 27);
    read_outcome(row, at + 28, out);
    return out;
}

Result<CallRow> read_refusal(const Statement& row) {
    CallRow out;
    out.state = "refused";
    out.head = read_head(row, 0);
    const int at = kHeadCount;
    out.ended_at = UnixTime{row.integer(at)};
    out.sequence = static_cast<std::uint64_t>(row.integer(at + 1));
    out.error = row.string(at + 2);
    out.error_text = row.string(at + 3);
    out.http_status = static_cast<int>(row.integer(at + 4));
    out.bound = row.money(at + 5);
    out.input_bound = row.integer(at + 7);
    out.max_output = row.integer(at + 8);
    Result<std::vector<core::HoldPart>> parts = parse_parts(row.text(at + 9));
    if (!parts) return std::unexpected(std::move(parts).error());
    out.parts = std::move(*parts);
    out.client_address = row.string(at + 10);
    out.user_agent = row.string(at + 11);
    return out;
}

FilterSql entry_filter(const CallFilter& filter) {
    FilterSql sql = filter_sql(filter);
    if (filter.state) sql.text += fmt::format(" AND state=?{}", sql.next++);
    if (filter.unproven) sql.text += " AND state IN ('unknown','orphaned')";
    if (filter.errors) sql.text += " AND (error IS NOT NULL OR http_status>=400)";
    return sql;
}

FilterSql refusal_filter(const CallFilter& filter) {
    FilterSql sql = filter_sql(filter);
    // Every refusal is an error, and none is anything but refused.
    if (filter.state) sql.text += fmt::format(" AND 'refused'=?{}", sql.next++);
    if (filter.unproven) sql.text += " AND 0";
    return sql;
}

void bind_filter(Statement& to, const CallFilter& filter) {
    int at = 1;
    for (const auto& [dimension, value] : filter.where) to.bind(at++, value);
    if (filter.asked_model) to.bind(at++, *filter.asked_model);
    if (filter.from) to.bind(at++, filter.from->ns);
    if (filter.until) to.bind(at++, filter.until->ns);
    if (filter.state) to.bind(at++, *filter.state);
}

}  // namespace weir::store
