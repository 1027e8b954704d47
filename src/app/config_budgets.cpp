// The budgets and rate limits of the configuration (product.md §2).
#include <algorithm>
#include <fmt/format.h>

#include "app/config_reading.h"
#include "base/nearest.h"

namespace weir::app {
namespace {

// The amounts that are given, in the order in which a budget of several is told.
std::vector<std::pair<core::BudgetUnit, Int128>> read_amounts(Reading& r, const YAML::Node& node) {
    std::vector<std::pair<core::BudgetUnit, Int128>> amounts;
    if (auto usd = r.yaml.text(node, "usd")) {
        auto amount = Money::parse_usd(*usd);
        if (!amount || amount->is_negative()) {
            r.yaml.complain(node["usd"], "'usd' is an amount such as 0.05 or 50000");
        } else {
            amounts.emplace_back(core::BudgetUnit::usd, amount->pico());
        }
    }
    constexpr std::int64_t kMost = 1'000'000'000'000'000;
    for (auto unit : core::kBudgetUnits) {
        if (unit == core::BudgetUnit::usd) continue;
        const std::string name{core::budget_unit_name(unit)};
        if (auto count = r.yaml.integer(node, name.c_str(), 0, kMost)) {
            amounts.emplace_back(unit, *count);
        }
    }
    return amounts;
}

bool gives_amount(const YAML::Node& node) {
    return std::ranges::any_of(core::kBudgetUnits, [&node](core::BudgetUnit unit) {
        return node[std::string(core::budget_unit_name(unit))].IsDefined();
    });
}

void read_budget_window(Reading& r, const YAML::Node& node, core::BudgetSpec& spec) {
    if (auto window = r.yaml.text(node, "window")) {
        bool found = false;
        for (auto kind :
             {core::WindowKind::hour, core::WindowKind::day, core::WindowKind::week,
              core::WindowKind::month, core::WindowKind::quarter, core::WindowKind::total}) {
            if (core::window_name(kind) != *window) continue;
            spec.window = kind;
            found = true;
        }
        if (!found)
            r.yaml.complain(node["window"], "'window' is hour, day, week, month, quarter or total");
    }
    if (auto percent = r.yaml.integer(node, "alert_at", 1, 100)) {
        spec.alert_percent = static_cast<int>(*percent);
    }
    if (auto block = r.yaml.text(node, "block_at")) {
        if (*block == "never") {
            spec.blocking = core::Blocking::never;
        } else if (*block == "100") {
            spec.blocking = core::Blocking::always;
        } else {
            r.yaml.complain(node["block_at"], "'block_at' is 100 or never");
        }
    }
    if (auto clamp = r.yaml.text(node, "clamp")) {
        bool found = false;
        for (auto kind :
             {core::Clamp::off, core::Clamp::rare, core::Clamp::tail, core::Clamp::always}) {
            if (core::clamp_name(kind) != *clamp) continue;
            spec.clamp = kind;
            found = true;
        }
        if (!found) r.yaml.complain(node["clamp"], "'clamp' is off, rare, tail or always");
    }
    if (auto mode = r.yaml.text(node, "mode")) {
        spec.observe = *mode == "observe";
        if (!spec.observe) r.yaml.complain(node["mode"], "'mode' knows only 'observe'");
    }
}

// `where` and `by`, of a budget or a rate limit.
void read_scope(Reading& r, const YAML::Node& node, std::vector<core::Condition>& where,
                std::optional<core::Facet>& by) {
    where = read_where(r, node);
    if (auto text = r.yaml.text(node, "by")) by = read_facet(r, node["by"], *text);
}

// Several amounts are as many budgets, each under its own name: "ticket", "ticket.calls".
std::vector<core::BudgetSpec> by_amount(
    const core::BudgetSpec& terms,
    const std::vector<std::pair<core::BudgetUnit, Int128>>& amounts) {
    std::vector<core::BudgetSpec> out;
    for (const auto& [unit, amount] : amounts) {
        core::BudgetSpec spec = terms;
        if (!out.empty()) spec.name += "." + std::string(core::budget_unit_name(unit));
        spec.unit = unit;
        spec.amount = amount;
        out.push_back(std::move(spec));
    }
    return out;
}

void read_except(Reading& r, const std::string& instance, const YAML::Node& node,
                 std::vector<core::BudgetSpec>& specs) {
    if (!node.IsMap())
        return r.yaml.complain(node, "an exception is a map, such as { usd: 20000 }");
    r.yaml.check_keys(node, "budgets.*.except.*");
    if (!gives_amount(node)) r.yaml.complain(node, "an exception has an amount of its own");
    for (const auto& [unit, amount] : read_amounts(r, node)) {
        auto of_unit = std::ranges::find(specs, unit, &core::BudgetSpec::unit);
        if (of_unit == specs.end()) {
            r.yaml.complain(
                node, fmt::format("the budget has no amount in {}", core::budget_unit_name(unit)));
            continue;
        }
        of_unit->except.emplace_back(instance, amount);
    }
}

}  // namespace

std::optional<core::Facet> read_facet(Reading& r, const YAML::Node& at, const std::string& name) {
    auto facet = core::Facet::named(name);
    if (!facet) {
        r.yaml.complain(at, fmt::format("unknown dimension '{}'{}", name,
                                        did_you_mean(name, core::facet_names())));
    }
    return facet;
}

std::vector<core::Condition> read_where(Reading& r, const YAML::Node& node) {
    std::vector<core::Condition> where;
    r.yaml.entries(node, "where", [&](const std::string& key, const YAML::Node& value) {
        auto facet = read_facet(r, value, key);
        if (!facet) return;
        YAML::Node holder;
        holder["values"] = value;
        where.push_back({std::move(*facet), r.yaml.list(holder, "values")});
    });
    return where;
}

void read_budget(Reading& r, const std::string& name, const YAML::Node& node) {
    if (!node.IsMap()) return r.yaml.complain(node, "a budget is a map");
    r.yaml.check_keys(node, "budgets.*");
    core::BudgetSpec terms;
    terms.name = name;
    terms.zone = r.config.zone;
    read_scope(r, node, terms.where, terms.by);
    read_budget_window(r, node, terms);
    std::vector<core::BudgetSpec> specs = by_amount(terms, read_amounts(r, node));
    if (!gives_amount(node)) {
        r.yaml.complain(node, fmt::format("budget '{}' has no amount: usd, tokens, calls, "
                                          "repeats or attempts",
                                          name));
    }
    if (node["except"].IsDefined() && !terms.by) {
        r.yaml.complain(node["except"], "'except' names values of 'by', which is not given");
    }
    r.yaml.entries(node, "except", [&](const std::string& instance, const YAML::Node& own) {
        read_except(r, instance, own, specs);
    });
    for (core::BudgetSpec& spec : specs) {
        std::ranges::sort(spec.except);
        auto& all = r.config.budgets;
        if (std::ranges::find(all, spec.name, &core::BudgetSpec::name) != all.end()) {
            r.yaml.complain(node, fmt::format("a budget '{}' is there already", spec.name));
        }
        all.push_back(std::move(spec));
    }
}

void read_rate_limit(Reading& r, const std::string& name, const YAML::Node& node) {
    if (!node.IsMap()) return r.yaml.complain(node, "a rate limit is a map");
    r.yaml.check_keys(node, "rate_limits.*");
    core::RateLimitSpec spec;
    spec.name = name;
    read_scope(r, node, spec.where, spec.by);
    constexpr std::int64_t kMost = 1'000'000'000'000;
    auto take = [&](const char* unit, std::int64_t& amount) {
        amount = r.yaml.integer(node, unit, 1, kMost).value_or(0);
        return node[unit].IsDefined();
    };
    const bool requests = take("requests", spec.requests);
    const bool tokens = take("tokens", spec.tokens);
    const bool parallel = take("parallel", spec.parallel);
    if (!requests && !tokens && !parallel) {
        r.yaml.complain(
            node,
            fmt::format("rate limit '{}' limits nothing: requests, tokens or parallel", name));
    }
    if (auto burst = r.yaml.integer(node, "burst", 1, 60)) {
        spec.burst = std::chrono::seconds{*burst};
    }
    r.config.rate_limits.push_back(std::move(spec));
}

}  // namespace weir::app
