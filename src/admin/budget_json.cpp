#include "admin/budget_json.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>

namespace weir::admin {
namespace {

std::string_view block_at(core::Blocking blocking) {
    switch (blocking) {
        case core::Blocking::by_environment:
            return "by_environment";
        case core::Blocking::always:
            return "100";
        case core::Blocking::never:
            return "never";
    }
    return "unknown";
}

}  // namespace

Json json_window(core::WindowSpan window) {
    const bool ends = window.end != std::numeric_limits<std::int64_t>::max();
    return {{"start", to_rfc3339(UnixTime::from_seconds(window.start))},
            {"end", ends ? Json(to_rfc3339(UnixTime::from_seconds(window.end))) : Json(nullptr)}};
}

Json budget_terms(const core::BudgetSpec& spec) {
    Json where = Json::object();
    for (const core::Condition& condition : spec.where) {
        where[condition.facet.name()] = condition.any_of;
    }
    Json except = Json::object();
    for (const auto& [instance, amount] : spec.except) {
        except[instance] = json_amount(spec.unit, amount);
    }
    Json raises = Json::array();
    for (const core::BudgetRaise& raise : spec.raises) {
        raises.push_back({{"amount", json_amount(spec.unit, raise.by)},
                          {"instance", raise.instance},
                          {"until", to_rfc3339(raise.until)},
                          {"reason", raise.reason},
                          {"actor", raise.actor}});
    }
    return {{"name", spec.name},
            // 64 bits: more than a JSON number keeps.
            {"id", std::to_string(spec.id)},
            {"where", where},
            {"by", spec.by ? Json(spec.by->name()) : Json(nullptr)},
            {"unit", core::budget_unit_name(spec.unit)},
            {"amount", json_amount(spec.unit, spec.amount)},
            {"except", except},
            {"raises", raises},
            {"window", core::window_name(spec.window)},
            {"timezone", spec.zone ? spec.zone->name() : core::Zone{}.name()},
            {"alert_at", spec.alert_percent},
            {"block_at", block_at(spec.blocking)},
            {"kind", core::budget_kind(spec)},
            {"clamp", core::clamp_name(spec.clamp)},
            {"mode", spec.observe ? "observe" : "enforce"},
            {"version", spec.version}};
}

Json budget_figures(const core::BudgetSpec& spec, const core::InstanceFigures& figures) {
    const Int128 remaining = figures.amount - figures.settled - figures.held;
    return {{"instance", figures.instance},
            {"window", json_window(figures.window)},
            {"amount", json_amount(spec.unit, figures.amount)},
            {"used", json_amount(spec.unit, figures.settled)},
            {"held", json_amount(spec.unit, figures.held)},
            {"remaining", json_amount(spec.unit, std::max<Int128>(remaining, 0))},
            {"overrun", json_amount(spec.unit, figures.overrun)}};
}

Json budget_outlook(const core::BudgetSpec& spec, const core::Outlook& outlook, UnixTime now) {
    Json out = {{"burn_per_day", json_amount(spec.unit, outlook.per_day)},
                {"burn_since", to_rfc3339(outlook.since)},
                {"reached_at", json_time(outlook.reached_at)},
                {"days_left", nullptr}};
    if (outlook.reached_at) {
        constexpr std::int64_t kHundredth = 864;  // of a day, in seconds
        const std::int64_t hundredths =
            (outlook.reached_at->seconds() - now.seconds()) / kHundredth;
        out["days_left"] = fmt::format("{}.{:02}", hundredths / 100, hundredths % 100);
    }
    return out;
}

}  // namespace weir::admin
