#include <algorithm>
#include <fmt/format.h>
#include <functional>

#include "admin/budget_fields.h"
#include "admin/budget_json.h"
#include "admin/fields.h"
#include "admin/handlers.h"
#include "core/budget_outlook.h"

namespace weir::admin {
namespace {

constexpr std::int64_t kInstancesMax = 10'000;

std::unexpected<Error> no_budget(std::string_view name) {
    return fail(ErrorCode::not_found, fmt::format("There is no budget {}.", name.substr(0, 64)));
}

struct BudgetQuery {
    std::optional<std::string> instance;
    std::size_t limit = 0;  // instances of each budget
};

Result<BudgetQuery> read_query(const Request& request, std::int64_t usual) {
    Fields query = Fields::of_query(request.query, {"instance", "limit"});
    BudgetQuery out;
    out.instance = query.text("instance");
    out.limit = static_cast<std::size_t>(query.integer("limit", 0, kInstancesMax).value_or(usual));
    if (Result<> good = query.problem(); !good) return std::unexpected(std::move(good).error());
    return out;
}

using Figures = std::vector<core::InstanceFigures>;

bool is_shown(const core::BudgetSpec& spec, const core::InstanceFigures& figures,
              const Caller& caller, const BudgetQuery& query) {
    if (figures.budget_id != spec.id) return false;
    if (query.instance && *query.instance != figures.instance) return false;
    return !caller.only_team() ||
           core::budget_is_of_team(spec, figures.instance, *caller.only_team());
}

// What is shown of one budget: its tightest instances, which someone will ask about first.
struct Shown {
    const core::BudgetSpec* spec = nullptr;
    std::vector<const core::InstanceFigures*> instances = {};
    std::size_t total = 0;
};

Shown select_instances(const core::BudgetSpec& spec, const Figures& all, const Caller& caller,
                       const BudgetQuery& query) {
    Shown shown{.spec = &spec};
    for (const core::InstanceFigures& figures : all) {
        if (is_shown(spec, figures, caller, query)) shown.instances.push_back(&figures);
    }
    shown.total = shown.instances.size();
    std::ranges::sort(shown.instances, [](const auto* a, const auto* b) {
        if (core::is_tighter(*a, *b) || core::is_tighter(*b, *a)) return core::is_tighter(*a, *b);
        return a->instance < b->instance;
    });
    shown.instances.resize(std::min(shown.total, query.limit));
    return shown;
}

// How fast each is spent. One pass over the books for all budgets.
Result<std::vector<store::Queries::InstanceSpend>> find_spend(Services& services,
                                                              const std::vector<Shown>& shown,
                                                              UnixTime now) {
    // So that a rate is as new as the figures beside it. Without, they are shown all the same.
    (void)services.bookkeeper.flush();
    std::vector<store::BudgetSpendQuery> queries;
    for (const Shown& budget : shown) {
        store::BudgetSpendQuery& query = queries.emplace_back();
        query.spec = budget.spec;
        query.since = core::burn_since(core::window_at(*budget.spec, now), now);
        for (const core::InstanceFigures* f : budget.instances) {
            query.instances.push_back(f->instance);
        }
    }
    return services.queries.budget_spend(queries);
}

Result<Json> with_figures(Services& services, const std::vector<Shown>& shown, UnixTime now) {
    const auto spend = find_spend(services, shown, now);
    if (!spend) return std::unexpected(spend.error());
    const auto configured = services.directory.configured_budgets();
    if (!configured) return std::unexpected(configured.error());
    Json list = Json::array();
    for (std::size_t b = 0; b < shown.size(); ++b) {
        const core::BudgetSpec& spec = *shown[b].spec;
        Json instances = Json::array();
        for (std::size_t i = 0; i < shown[b].instances.size(); ++i) {
            const core::InstanceFigures& figures = *shown[b].instances[i];
            Json line = budget_figures(spec, figures);
            const bool is_open = now.seconds() < figures.window.end;
            if (const auto& spent = (*spend)[b][i]; spent && is_open) {
                const UnixTime since = core::burn_since(figures.window, now);
                const core::Outlook outlook = core::outlook_of(figures, *spent, since, now);
                line.update(budget_outlook(spec, outlook, now));
            }
            instances.push_back(std::move(line));
        }
        Json budget = budget_terms(spec);
        const bool of_file = std::ranges::binary_search(*configured, spec.name);
        budget["origin"] = of_file ? "configuration" : "api";
        budget["instances"] = std::move(instances);
        budget["instances_total"] = shown[b].total;
        list.push_back(std::move(budget));
    }
    return list;
}

// A team owner sees the budgets that count its team alone.
bool is_listed(const core::BudgetSpec& spec, const Caller& caller) {
    if (!caller.only_team()) return true;
    const std::string_view team = *caller.only_team();
    return core::budget_is_of_team(spec, team, team) ||
           core::budget_is_of_team(spec, std::string{team} + "/", team);
}

}  // namespace

Result<Answer> list_budgets(Services& services, const Request& request) {
    Result<BudgetQuery> query = read_query(request, 20);
    if (!query) return std::unexpected(std::move(query).error());
    const auto policy = services.policy();
    const Figures figures = services.figures();
    std::vector<Shown> shown;
    for (const core::BudgetSpec& spec : policy->budgets) {
        if (!is_listed(spec, request.caller)) continue;
        shown.push_back(select_instances(spec, figures, request.caller, *query));
    }
    Result<Json> list = with_figures(services, shown, request.now);
    if (!list) return std::unexpected(std::move(list).error());
    return answer({{"budgets", std::move(*list)}});
}

Result<Answer> get_budget(Services& services, const Request& request) {
    Result<BudgetQuery> query = read_query(request, 100);
    if (!query) return std::unexpected(std::move(query).error());
    const auto policy = services.policy();
    const std::string& name = request.captures[0];
    const auto spec = std::ranges::find(policy->budgets, name, &core::BudgetSpec::name);
    if (spec == policy->budgets.end() || !is_listed(*spec, request.caller)) {
        return no_budget(name);
    }
    const Figures figures = services.figures();
    Result<Json> list = with_figures(
        services, {select_instances(*spec, figures, request.caller, *query)}, request.now);
    if (!list) return std::unexpected(std::move(list).error());
    return answer(list->front());
}

Result<Answer> put_budget(Services& services, const Request& request) {
    Result<core::BudgetSpec> spec = read_budget_terms(request.body, request.captures[0]);
    if (!spec) return std::unexpected(std::move(spec).error());
    // What was spent already in its window is found in the database.
    if (Result<> level = services.bookkeeper.flush(); !level) {
        return std::unexpected(std::move(level).error());
    }
    Result<core::BudgetSpec> kept = services.directory.put_budget(*spec, "api", request.change());
    if (!kept) return std::unexpected(std::move(kept).error());
    if (Result<> done = publish(services); !done) return std::unexpected(std::move(done).error());
    return answer(budget_terms(*kept));
}

Result<Answer> remove_budget(Services& services, const Request& request) {
    const std::string& name = request.captures[0];
    Result<> done = services.directory.remove_budget(name, request.change());
    if (done) done = publish(services);
    if (!done) return std::unexpected(std::move(done).error());
    return answer({{"removed", name}});
}

Result<Answer> raise_budget(Services& services, const Request& request) {
    const std::string& name = request.captures[0];
    const auto policy = services.policy();
    const auto spec = std::ranges::find(policy->budgets, name, &core::BudgetSpec::name);
    if (spec == policy->budgets.end()) {
        return no_budget(name);
    }
    Result<core::BudgetRaise> raise = read_budget_raise(request.body, spec->unit);
    if (!raise) return std::unexpected(std::move(raise).error());
    Result<core::BudgetSpec> raised =
        services.directory.raise_budget(name, std::move(*raise), request.change());
    if (!raised) return std::unexpected(std::move(raised).error());
    if (Result<> done = publish(services); !done) return std::unexpected(std::move(done).error());
    return answer(budget_terms(*raised));
}

Result<Answer> end_raises(Services& services, const Request& request) {
    Result<core::BudgetSpec> ended =
        services.directory.end_raises(request.captures[0], request.change());
    if (!ended) return std::unexpected(std::move(ended).error());
    if (Result<> done = publish(services); !done) return std::unexpected(std::move(done).error());
    return answer(budget_terms(*ended));
}

}  // namespace weir::admin
