#include <fmt/core.h>

#include "store/call_rows.h"
#include "store/json_text.h"
#include "store/queries.h"

namespace weir::store {
namespace {

// One field of an exported line: a name, its text, and whether JSON quotes it.
struct Field {
    std::string_view name;
    std::string value;
    bool quoted = true;
};

Field number(std::string_view name, std::int64_t value) {
    return {name, std::to_string(value), false};
}
Field instant(std::string_view name, std::optional<UnixTime> time) {
    return {name, time ? to_rfc3339(*time) : std::string{}, true};
}

void add_tokens(std::vector<Field>& fields, const CallRow& row) {
    for (std::size_t c = 0; c < core::kTokenClasses; ++c) {
        fields.push_back(
            number(core::token_class_name(static_cast<core::TokenClass>(c)), row.tokens[c]));
    }
    fields.push_back(number("reasoning", row.reasoning));
    fields.push_back(number("units", row.units));
}

std::vector<Field> fields_of(const CallRow& row) {
    const ledger::AttemptHead& head = row.head;
    std::string tags;
    append_object(tags, head.attribution.tags);
    std::vector<Field> fields;
    fields.push_back({"call", head.id.call.text()});
    fields.push_back(number("attempt", head.id.ordinal));
    fields.push_back({"state", row.state});
    fields.push_back(instant("admitted_at", head.admitted_at));
    fields.push_back(instant("ended_at", row.ended_at));
    fields.push_back({"endpoint", std::string{core::endpoint_name(head.endpoint)}});
    for (int d = 0; d <= static_cast<int>(core::Dimension::key); ++d) {
        const auto dimension = static_cast<core::Dimension>(d);
        fields.push_back({core::dimension_name(dimension), head.attribution.of(dimension)});
    }
    fields.push_back({"tags", tags, false});
    fields.push_back({"asked_model", head.asked_model});
    fields.push_back({"provider", head.provider});
    fields.push_back({"model", head.model});
    fields.push_back({"bound_usd", row.bound.to_usd()});
    fields.push_back({"cost_usd", row.cost.to_usd()});
    fields.push_back({"charge_usd", row.charge.to_usd()});
    fields.push_back({"overrun_usd", row.overrun.to_usd()});
    fields.push_back(number("charge_tokens", row.charge_tokens));
    fields.push_back({"completeness", row.completeness});
    add_tokens(fields, row);
    fields.push_back({"unpriced", row.unpriced ? "true" : "false", false});
    fields.push_back({"price_id", head.price_id});
    fields.push_back({"book_hash", head.book_hash});
    fields.push_back(number("http_status", row.http_status));
    fields.push_back({"error", row.error});
    fields.push_back(number("total_us", row.total_us));
    fields.push_back({"provider_request_id", row.provider_request_id});
    return fields;
}

std::string json_line(const std::vector<Field>& fields) {
    std::string out;
    for (const Field& field : fields) {
        out += out.empty() ? '{' : ',';
        append_json_string(out, field.name);
        out += ':';
        if (field.quoted) {
            append_json_string(out, field.value);
        } else {
            out += field.value;
        }
    }
    return out + "}\n";
}

// RFC 4180; a value that a spreadsheet would take for a formula is kept from being one.
void append_csv(std::string& out, std::string_view value, bool text) {
    const bool formula =
        text && !value.empty() && std::string_view{"=+-@\t\r"}.contains(value.front());
    if (!formula && value.find_first_of(",\"\r\n") == std::string_view::npos) {
        out += value;
        return;
    }
    out += formula ? "\"'" : "\"";
    for (const char c : value) {
        if (c == '"') out += '"';
        out += c;
    }
    out += '"';
}

std::string csv_line(const std::vector<Field>& fields, bool names) {
    std::string out;
    for (const Field& field : fields) {
        if (&field != &fields.front()) out += ',';
        append_csv(out, names ? field.name : std::string_view{field.value},
                   field.quoted && !field.name.ends_with("_usd"));
    }
    return out + "\n";
}

}  // namespace

Result<> Queries::export_ledger(Format format, UnixTime from, UnixTime until,
                                const std::function<bool(std::string_view)>& sink) {
    if (format == Format::csv && !sink(csv_line(fields_of({}), true))) return {};
    CallFilter filter;
    filter.from = from;
    filter.until = until;
    Result<Statement> rows = database_.prepare(select_entries() + entry_filter(filter).text +
                                               " ORDER BY admitted_at,epoch,worker,seq,ordinal");
    if (!rows) return std::unexpected(std::move(rows).error());
    bind_filter(*rows, filter);
    for (;;) {
        Result<bool> row = rows->step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) return {};
        Result<CallRow> call = read_entry(*rows);
        if (!call) return std::unexpected(std::move(call).error());
        const std::vector<Field> fields = fields_of(*call);
        if (!sink(format == Format::csv ? csv_line(fields, false) : json_line(fields))) return {};
    }
}

}  // namespace weir::store
