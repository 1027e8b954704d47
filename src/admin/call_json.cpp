#include "admin/call_json.h"

#include <algorithm>
#include <array>

#include "admin/budget_json.h"

namespace weir::admin {
namespace {

constexpr std::array<std::pair<core::UsageNote, std::string_view>, 5> kUsageNotes{{
    {core::UsageNote::inconsistent, "inconsistent"},
    {core::UsageNote::ttl_split_inferred, "ttl_split_inferred"},
    {core::UsageNote::repeated, "repeated"},
    {core::UsageNote::unknown_fields, "unknown_fields"},
    {core::UsageNote::search_count_inferred, "search_count_inferred"},
}};

Json dimensions(const core::Attribution& attribution) {
    Json out = Json::object();
    for (std::size_t i = 0; i < core::kDimensions; ++i) {
        const auto d = static_cast<core::Dimension>(i);
        if (d == core::Dimension::provider || d == core::Dimension::model) continue;  // of attempts
        if (attribution.of(d).empty()) continue;
        out[std::string{core::dimension_name(d)}] = {
            {"value", attribution.of(d)}, {"from", core::source_name(attribution.source(d))}};
    }
    return out;
}

Json tags(const core::Attribution& attribution) {
    Json out = Json::array();
    for (const auto& [name, value] : attribution.tags) {
        out.push_back({{"name", name}, {"value", value}});
    }
    return out;
}

Json ignored(const core::Attribution& attribution) {
    Json out = Json::array();
    for (const core::Dimension d : attribution.ignored) out.push_back(core::dimension_name(d));
    return out;
}

// What an owner may see of a decision; see CallView.
bool shows(const core::HoldPart& part, const core::BudgetSpec* spec,
           const core::Attribution& attribution) {
    if (part.refused) return true;
    return spec != nullptr && core::budget_is_shown_to(attribution, *spec, part.instance);
}

// The figures as they were before the decision, so that it can be done again by hand.
Json decision(const store::CallRow& row, const core::Policy& policy, CallView view) {
    Json out = Json::array();
    for (const core::HoldPart& part : row.parts) {
        const auto found = std::ranges::find(policy.budgets, part.budget_id, &core::BudgetSpec::id);
        const core::BudgetSpec* spec = found == policy.budgets.end() ? nullptr : &*found;
        if (view == CallView::owner && !shows(part, spec, row.head.attribution)) continue;
        const Int128 remaining = part.amount - part.settled - part.others_held;
        out.push_back({{"budget", spec == nullptr ? "(removed)" : spec->name},
                       {"id", std::to_string(part.budget_id)},
                       {"instance", part.instance},
                       {"window", json_window(part.window)},
                       {"unit", core::budget_unit_name(part.unit)},
                       {"amount", json_amount(part.unit, part.amount)},
                       {"used", json_amount(part.unit, part.settled)},
                       {"held", json_amount(part.unit, part.others_held)},
                       {"remaining", json_amount(part.unit, std::max<Int128>(remaining, 0))},
                       {"asked", json_amount(part.unit, part.held)},
                       {"blocks", part.blocks},
                       {"refused", part.refused}});
    }
    return out;
}

Json usage(const store::CallRow& row) {
    Json tokens = Json::object();
    for (std::size_t i = 0; i < core::kTokenClasses; ++i) {
        if (row.tokens[i] == 0) continue;
        tokens[std::string{core::token_class_name(static_cast<core::TokenClass>(i))}] =
            row.tokens[i];
    }
    Json notes = Json::array();
    for (const auto& [note, name] : kUsageNotes) {
        if ((row.usage_notes & static_cast<std::uint16_t>(note)) != 0) notes.push_back(name);
    }
    Json out = {{"completeness", json_text(row.completeness)},
                {"tokens", tokens},
                {"reasoning_tokens", row.reasoning},
                {"units", row.units},
                {"notes", notes}};
    Json lines = Json::parse(row.usage_lines, nullptr, false);
    if (lines.is_array()) out["lines"] = std::move(lines);
    return out;
}

std::string_view kind_name(const core::Charge& charge) {
    return charge.is_unit ? core::unit_kind_name(static_cast<core::UnitKind>(charge.kind))
                          : core::token_class_name(static_cast<core::TokenClass>(charge.kind));
}

// A token's price as price lists say it; a unit's, for one.
std::string rate_text(const core::Charge& charge) {
    return charge.is_unit ? charge.rate.to_usd_per_unit() : charge.rate.to_usd_per_million();
}

Json charges(const std::vector<core::Charge>& all) {
    Json out = Json::array();
    for (const core::Charge& charge : all) {
        out.push_back({{"model", charge.model},
                       {"tier", charge.tier},
                       {"role", core::line_role_name(charge.role)},
                       {"class", kind_name(charge)},
                       {"quantity", charge.quantity},
                       {charge.is_unit ? "usd_each" : "usd_per_million", rate_text(charge)},
                       {"cost_usd", json_usd(charge.cost)},
                       {"price", json_text(charge.price_id)},
                       {"price_fallback", charge.price_fallback}});
    }
    return out;
}

Json corrections(const std::vector<ledger::CorrectionRecord>& all) {
    Json out = Json::array();
    for (const ledger::CorrectionRecord& c : all) {
        out.push_back({{"at", json_time(c.at)},
                       {"cost_delta_usd", json_usd(c.cost_delta)},
                       {"charge_delta_usd", json_usd(c.charge_delta)},
                       {"token_delta", c.token_delta},
                       {"reason", c.reason},
                       {"actor", c.actor}});
    }
    return out;
}

Json outcome(const store::CallRow& row) {
    return {{"http_status", row.http_status},
            {"provider_status", row.provider_status},
            {"error", json_text(row.error)},
            {"error_text", json_text(row.error_text)},
            {"finish_reason", json_text(row.finish_reason)},
            {"client_gone", row.client_gone},
            {"connect_us", row.connect_us},
            {"first_byte_us", row.first_byte_us},
            {"total_us", row.total_us},
            {"request_bytes", row.request_bytes},
            {"response_bytes", row.response_bytes},
            {"chunks", row.chunks},
            {"response_id", json_text(row.response_id)},
            {"provider_request_id", json_text(row.provider_request_id)}};
}

Money corrected_cost(const store::CallDetail::Attempt& attempt) {
    Money total = attempt.row.cost;
    for (const ledger::CorrectionRecord& c : attempt.corrections) total += c.cost_delta;
    return total;
}

Money corrected_charge(const store::CallDetail::Attempt& attempt) {
    Money total = attempt.row.charge;
    for (const ledger::CorrectionRecord& c : attempt.corrections) total += c.charge_delta;
    return total;
}

Json attempt_json(const store::CallDetail::Attempt& attempt, const core::Policy& policy,
                  CallView view) {
    const store::CallRow& row = attempt.row;
    Json out = {{"id", row.head.id.text()},
                {"attempt", row.head.id.ordinal},
                {"state", row.state},
                {"provider", json_text(row.head.provider)},
                {"model", json_text(row.head.model)},
                {"admitted_at", json_time(row.head.admitted_at)},
                {"dispatched_at", json_time(row.dispatched_at)},
                {"ended_at", json_time(row.ended_at)},
                {"sequence", row.sequence},
                {"bound_usd", json_usd(row.bound)},
                {"input_bound", row.input_bound},
                {"max_output", row.max_output},
                {"budgets", decision(row, policy, view)},
                {"usage", usage(row)},
                {"charges", charges(attempt.charges)},
                {"cost_usd", json_usd(corrected_cost(attempt))},
                {"charge_usd", json_usd(corrected_charge(attempt))},
                {"charge_tokens", row.charge_tokens},
                {"overrun_usd", json_usd(row.overrun)},
                {"corrections", corrections(attempt.corrections)},
                {"price",
                 {{"id", json_text(row.head.price_id)},
                  {"book", json_text(row.head.book_hash)},
                  {"vendor", json_text(row.head.price_vendor)},
                  {"provisional", row.head.provisional_price},
                  {"unpriced", row.unpriced},
                  {"free", row.head.local_free}}},
                {"outcome", outcome(row)},
                {"notes", row.notes}};
    if (view == CallView::everything) {
        out["client"] = {{"address", json_text(row.client_address)},
                         {"user_agent", json_text(row.user_agent)}};
    }
    return out;
}

}  // namespace

Json call_detail(const store::CallDetail& call, const core::Policy& policy, CallView view) {
    Money cost;
    Money charge;
    Json attempts = Json::array();
    for (const store::CallDetail::Attempt& attempt : call.attempts) {
        cost += corrected_cost(attempt);
        charge += corrected_charge(attempt);
        attempts.push_back(attempt_json(attempt, policy, view));
    }
    Json out = {{"id", call.id.text()}};
    if (call.attempts.empty()) return out;
    const store::CallRow& first = call.attempts.front().row;
    const store::CallRow& last = call.attempts.back().row;
    out["at"] = json_time(first.head.admitted_at);
    out["endpoint"] = core::endpoint_name(first.head.endpoint);
    out["stream"] = first.head.stream;
    out["asked_model"] = json_text(first.head.asked_model);
    out["state"] = last.state;
    out["http_status"] = last.http_status;
    out["error"] = json_text(last.error);
    out["cost_usd"] = json_usd(cost);
    out["charge_usd"] = json_usd(charge);
    out["attribution"] = dimensions(first.head.attribution);
    out["tags"] = tags(first.head.attribution);
    out["ignored"] = ignored(first.head.attribution);
    out["attempts"] = std::move(attempts);
    return out;
}

std::string call_json(const store::CallDetail& call, const core::Policy& policy, CallView view) {
    return call_detail(call, policy, view).dump(2, ' ', false, Json::error_handler_t::replace) +
           "\n";
}

Json call_summary(const store::CallRow& row) {
    std::int64_t input = 0;
    std::int64_t output = 0;
    for (std::size_t i = 0; i < core::kTokenClasses; ++i) {
        (core::is_output(static_cast<core::TokenClass>(i)) ? output : input) += row.tokens[i];
    }
    Json out = {{"call", row.head.id.call.text()},
                {"attempt", row.head.id.ordinal},
                {"state", row.state},
                {"at", json_time(row.head.admitted_at)},
                {"ended_at", json_time(row.ended_at)},
                {"endpoint", core::endpoint_name(row.head.endpoint)},
                {"stream", row.head.stream}};
    for (std::size_t i = 0; i < core::kDimensions; ++i) {
        const auto d = static_cast<core::Dimension>(i);
        if (d == core::Dimension::provider || d == core::Dimension::model) continue;
        out[std::string{core::dimension_name(d)}] = json_text(row.head.attribution.of(d));
    }
    out["asked_model"] = json_text(row.head.asked_model);
    out["provider"] = json_text(row.head.provider);
    out["model"] = json_text(row.head.model);
    out["input_tokens"] = input;
    out["output_tokens"] = output;
    out["completeness"] = json_text(row.completeness);
    out["bound_usd"] = json_usd(row.bound);
    out["cost_usd"] = json_usd(row.cost);
    out["charge_usd"] = json_usd(row.charge);
    out["unpriced"] = row.unpriced;
    out["http_status"] = row.http_status;
    out["error"] = json_text(row.error);
    out["total_us"] = row.total_us;
    return out;
}

}  // namespace weir::admin
