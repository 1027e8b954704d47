#include "app/control_desk.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "admin/call_json.h"
#include "core/budget_outlook.h"

namespace weir::app {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLastCalls = 10;

Json attribution_json(const core::Attribution& attribution) {
    Json out = Json::object();
    for (std::size_t i = 0; i < core::kDimensions; ++i) {
        auto d = static_cast<core::Dimension>(i);
        if (attribution.of(d).empty()) continue;
        out[std::string(core::dimension_name(d))] = {
            {"value", attribution.of(d)}, {"from", core::source_name(attribution.source(d))}};
    }
    return out;
}

Json missing_json(const core::Policy& policy, const core::Attribution& attribution) {
    Json out = Json::array();
    for (core::Dimension d : policy.expected) {
        if (attribution.of(d).empty()) out.push_back(core::dimension_name(d));
    }
    return out;
}

Json budget_json(const core::BudgetSpec& spec, const core::InstanceFigures& figures) {
    Json out{{"name", spec.name}, {"unit", core::budget_unit_name(spec.unit)}};
    if (!figures.instance.empty()) out["instance"] = figures.instance;
    Int128 left = figures.amount - figures.settled - figures.held;
    out["amount"] = core::amount_text(spec.unit, figures.amount);
    out["used"] = core::amount_text(spec.unit, figures.settled);
    out["held"] = core::amount_text(spec.unit, figures.held);
    out["remaining"] = core::amount_text(spec.unit, std::max<Int128>(left, 0));
    out["window"] = core::window_name(spec.window);
    if (figures.window.end != std::numeric_limits<std::int64_t>::max()) {
        out["resets_at"] = to_rfc3339(UnixTime::from_seconds(figures.window.end));
    }
    return out;
}

Json budgets_json(const core::Policy& policy, const core::Attribution& caller,
                  const std::vector<core::InstanceFigures>& figures) {
    Json out = Json::array();
    for (const core::InstanceFigures& f : figures) {
        auto spec = std::ranges::find(policy.budgets, f.budget_id, &core::BudgetSpec::id);
        if (spec == policy.budgets.end()) continue;
        if (core::budget_is_shown_to(caller, *spec, f.instance)) {
            out.push_back(budget_json(*spec, f));
        }
    }
    return out;
}

Json rate_limits_json(const std::vector<core::RateStanding>& standings) {
    Json out = Json::array();
    for (const core::RateStanding& s : standings) {
        Json limit{{"name", s.limit}, {"unit", core::rate_unit_name(s.unit)}};
        if (!s.instance.empty()) limit["instance"] = s.instance;
        limit["amount"] = s.amount;
        limit["remaining"] = s.remaining;
        out.push_back(std::move(limit));
    }
    return out;
}

Json last_calls_json(const std::vector<store::CallRow>& rows) {
    Json out = Json::array();
    for (const store::CallRow& row : rows) {
        out.push_back({{"id", row.head.id.call.text()},
                       {"attempt", row.head.id.ordinal},
                       {"at", to_rfc3339(row.head.admitted_at)},
                       {"model", row.head.model},
                       {"state", row.state},
                       {"cost_usd", row.cost.to_usd()}});
    }
    return out;
}

}  // namespace

void ControlDesk::ask(gateway::DeskQuestion question,
                      std::move_only_function<void(Result<std::string>)> reply) {
    control_.post([this, question = std::move(question), reply = std::move(reply)]() mutable {
        reply(answer(question));
    });
}

Result<std::string> ControlDesk::answer(const gateway::DeskQuestion& question) {
    // What the caller has just done is to be found.
    if (auto flushed = bookkeeper_.flush(); !flushed) return std::unexpected(flushed.error());
    return question.kind == gateway::DeskQuestion::Kind::me ? tell_me(question)
                                                            : tell_call(question);
}

Result<std::string> ControlDesk::tell_me(const gateway::DeskQuestion& question) {
    auto policy = policy_();
    auto key = policy->keys.find(question.key_id);
    if (key == policy->keys.end()) return fail(ErrorCode::key_unknown);
    auto last = queries_.last_calls_of_key(question.key_id, kLastCalls);
    if (!last) return std::unexpected(last.error());
    Json out;
    out["team"] = question.team;
    out["key"] = {{"id", key->second.id}, {"name", key->second.name}};
    if (key->second.expires) out["key"]["expires"] = to_rfc3339(*key->second.expires);
    if (!key->second.models.empty()) out["key"]["models"] = key->second.models;
    out["attribution"] = attribution_json(question.attribution);
    out["missing"] = missing_json(*policy, question.attribution);
    out["budgets"] =
        budgets_json(*policy, question.attribution, treasury_.figures_for(question.attribution));
    out["rate_limits"] = rate_limits_json(treasury_.standings(question.attribution));
    out["last_calls"] = last_calls_json(*last);
    return out.dump(2) + "\n";
}

Result<std::string> ControlDesk::tell_call(const gateway::DeskQuestion& question) {
    auto none = [&] {
        return fail(ErrorCode::not_found, "Your team has no call of that id.");
    };
    auto id = CallId::parse(question.call_id);
    if (!id) return none();
    auto call = queries_.call(*id);
    if (!call) {
        if (call.error().code() == ErrorCode::not_found) return none();
        return std::unexpected(call.error());
    }
    bool own = !call->attempts.empty() && call->attempts.front().row.head.attribution.of(
                                              core::Dimension::team) == question.team;
    if (!own) return none();
    return admin::call_json(*call, *policy_(), admin::CallView::owner);
}

}  // namespace weir::app
