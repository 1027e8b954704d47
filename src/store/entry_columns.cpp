#include "store/entry_columns.h"

#include <algorithm>

#include "core/budget_match.h"
#include "store/json_text.h"

namespace weir::store {
namespace {

core::Endpoint endpoint_named(std::string_view name) {
    for (int i = 0; i <= static_cast<int>(core::Endpoint::models); ++i) {
        const auto endpoint = static_cast<core::Endpoint>(i);
        if (core::endpoint_name(endpoint) == name) return endpoint;
    }
    return core::Endpoint::chat_completions;
}

void read_sources(core::Attribution& to, std::string_view sources) {
    for (std::size_t i = 0; i < std::min(sources.size(), core::kDimensions); ++i) {
        const int source = sources[i] - '0';
        if (source < 0 || source > static_cast<int>(core::Source::inferred)) continue;
        to.sources[i] = static_cast<core::Source>(source);
    }
}

// Provider and model join an attribution only once a target is chosen, as a source says.
void read_target_dimensions(core::Attribution& to, const ledger::AttemptHead& head) {
    if (to.source(core::Dimension::provider) != core::Source::none) {
        to.values[static_cast<std::size_t>(core::Dimension::provider)] = head.provider;
    }
    if (to.source(core::Dimension::model) != core::Source::none) {
        to.values[static_cast<std::size_t>(core::Dimension::model)] = head.model;
    }
}

}  // namespace

int bind_id(Statement& to, int at, const AttemptId& id) {
    to.bind(at, std::int64_t{id.call.epoch});
    to.bind(at + 1, std::int64_t{id.call.worker});
    to.bind(at + 2, static_cast<std::int64_t>(id.call.seq));
    to.bind(at + 3, std::int64_t{id.ordinal});
    return at + kIdCount;
}

AttemptId read_id(const Statement& row, int at) {
    AttemptId id;
    id.call.epoch = static_cast<std::uint32_t>(row.integer(at));
    id.call.worker = static_cast<std::uint16_t>(row.integer(at + 1));
    id.call.seq = static_cast<std::uint64_t>(row.integer(at + 2));
    id.ordinal = static_cast<std::uint16_t>(row.integer(at + 3));
    return id;
}

ledger::AttemptHead read_head(const Statement& row, int at) {
    ledger::AttemptHead head;
    head.id = read_id(row, at);
    head.admitted_at = {row.integer(at + 5)};
    head.endpoint = endpoint_named(row.text(at + 6));
    head.stream = row.integer(at + 7) != 0;
    int column = at + 8;
    for (const core::Dimension d : kColumnDimensions) {
        head.attribution.values[static_cast<std::size_t>(d)] = row.string(column++);
    }
    read_sources(head.attribution, row.text(column++));
    const std::int64_t ignored = row.integer(column++);
    for (std::size_t i = 0; i < core::kDimensions; ++i) {
        if ((ignored >> i & 1) != 0) {
            head.attribution.ignored.push_back(static_cast<core::Dimension>(i));
        }
    }
    head.attribution.tags = parse_tags(row.text(column++));
    head.asked_model = row.string(column++);
    head.provider = row.string(column++);
    head.model = row.string(column++);
    head.price_id = row.string(column++);
    head.book_hash = row.string(column++);
    head.price_vendor = row.string(column++);
    head.provisional_price = row.integer(column++) != 0;
    head.local_free = row.integer(column++) != 0;
    head.own_credential = row.integer(column++) != 0;
    read_target_dimensions(head.attribution, head);
    return head;
}

void append_sources(std::string& out, const core::Attribution& attribution) {
    for (const core::Source source : attribution.sources) {
        out += static_cast<char>('0' + static_cast<int>(source));
    }
}

std::int64_t plausible(std::int64_t tokens) {
    return std::clamp<std::int64_t>(tokens, 0, kTokensMax);
}

std::int64_t tokens_of(const core::Usage& usage, core::TokenClass c) {
    std::int64_t sum = 0;
    for (const core::UsageLine& line : usage.lines) sum = plausible(sum + plausible(line.of(c)));
    return sum;
}

std::int64_t units_of(const core::Usage& usage) {
    std::int64_t sum = 0;
    for (const std::int64_t quantity : usage.units) sum = plausible(sum + plausible(quantity));
    return sum;
}

std::string placeholders(int count) {
    std::string out = "(";
    for (int i = 0; i < count; ++i) out += i == 0 ? "?" : ",?";
    return out + ")";
}

std::string assignments(std::string_view columns, std::string_view but) {
    std::string out;
    for (int number = 1; !columns.empty(); ++number) {
        const std::string_view column = columns.substr(0, columns.find(','));
        columns.remove_prefix(std::min(columns.size(), column.size() + 1));
        if (column == but) continue;
        if (!out.empty()) out += ',';
        out.append(column).append("=?").append(std::to_string(number));
    }
    return out;
}

bool is_outside_budgets(std::string_view endpoint) {
    return std::ranges::find(core::kEndpointsOutsideBudgets, endpoint, core::endpoint_name) !=
           core::kEndpointsOutsideBudgets.end();
}

Int128 tokens_held(const std::vector<core::HoldPart>& parts, std::int64_t input_bound,
                   std::int64_t max_output) {
    const auto held = std::ranges::find(parts, core::BudgetUnit::tokens, &core::HoldPart::unit);
    return held != parts.end() ? held->held : Int128{input_bound} + max_output;
}

}  // namespace weir::store
