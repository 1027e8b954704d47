// What other budgets, or other prices, would have done with the calls of a time.
#include <algorithm>
#include <fmt/format.h>
#include <map>

#include "admin/budget_fields.h"
#include "admin/budget_json.h"
#include "admin/fields.h"
#include "admin/handlers.h"
#include "store/budget_rows.h"
#include "store/price_source.h"
#include "store/simulation.h"

namespace weir::admin {
namespace {

constexpr Duration kTimeMax = std::chrono::minutes{2};
constexpr std::size_t kBudgetsMax = 1'000;
constexpr std::int64_t kInstancesMax = 10'000;

struct Question {
    store::Simulation simulation;
    std::string prices;  // a catalogue, or negotiated rates; empty: as they were
    std::vector<std::string> left_out;
    std::size_t limit = 0;  // instances of each budget
};

// The budgets in force, with those that are given in the place of those of their name.
void lay_over(std::vector<core::BudgetSpec>& specs, core::BudgetSpec given,
              const core::Policy& policy) {
    const auto same = std::ranges::find(specs, given.name, &core::BudgetSpec::name);
    store::complete_budget(given, policy.teams, policy.zone);
    given.id = store::budget_id_of(given);
    if (same != specs.end()) {
        *same = std::move(given);
    } else {
        specs.push_back(std::move(given));
    }
}

Result<std::vector<core::BudgetSpec>> read_budgets(Fields& body, const core::Policy& policy) {
    std::vector<core::BudgetSpec> specs;
    if (!body.flag("only")) specs = policy.budgets;
    for (const auto& [name, terms] : body.objects("budgets")) {
        Result<core::BudgetSpec> spec = read_budget_terms(terms, name);
        if (!spec) {
            return fail(spec.error().code(),
                        fmt::format("Budget {}: {}", name.substr(0, 64), spec.error().message()));
        }
        if (!spec->except.empty() && !spec->by) {
            return fail(
                ErrorCode::invalid_parameter,
                fmt::format("Budget {} has an exception, and no 'by' to tell it by.", name));
        }
        lay_over(specs, std::move(*spec), policy);
    }
    return specs;
}

// No entry says what repeats what.
void leave_out_repeats(Question& question) {
    std::erase_if(question.simulation.budgets, [&question](const core::BudgetSpec& spec) {
        const bool out = spec.unit == core::BudgetUnit::repeats;
        if (out) question.left_out.push_back(spec.name);
        return out;
    });
}

Result<Question> read_question(Services& services, const Request& request) {
    Fields body =
        Fields::of_body(request.body, {"from", "until", "budgets", "only", "prices", "limit"});
    Question question;
    store::Simulation& simulation = question.simulation;
    simulation.policy = services.policy();
    if (!body.has("from")) body.complain("'from' is required: a time, or a date.");
    simulation.from = body.time("from").value_or(UnixTime{});
    simulation.until = std::min(body.time("until").value_or(request.now), request.now);
    question.prices = body.document("prices").value_or("");
    question.limit = static_cast<std::size_t>(body.integer("limit", 0, kInstancesMax).value_or(20));
    Result<std::vector<core::BudgetSpec>> specs = read_budgets(body, *simulation.policy);
    if (simulation.until <= simulation.from) {
        body.complain("The time to replay ends, at 'until' or now, before it begins.");
    }
    if (Result<> good = body.problem(); !good) return std::unexpected(std::move(good).error());
    if (!specs) return std::unexpected(std::move(specs).error());
    simulation.budgets = std::move(*specs);
    leave_out_repeats(question);
    if (simulation.budgets.empty() || simulation.budgets.size() > kBudgetsMax) {
        return fail(ErrorCode::invalid_parameter,
                    fmt::format("A replay takes from 1 to {} budgets, and these are {}: name some "
                                "in 'budgets'.",
                                kBudgetsMax, simulation.budgets.size()));
    }
    return question;
}

// The book in force, with the prices that are given before its own.
Result<std::shared_ptr<const core::PriceBook>> book_with(const core::PriceBook& book,
                                                         std::string_view text) {
    std::vector<core::PriceRow> rows = book.rows();
    Result<store::ParsedPrices> catalogue = store::parse_catalogue(text);
    if (catalogue) {
        std::ranges::move(catalogue->rows, std::back_inserter(rows));
        return core::PriceBook::build(std::move(rows));
    }
    Result<std::vector<core::PriceRow>> rates = store::parse_overlay(text);
    if (!rates) {
        return fail(ErrorCode::config_invalid,
                    "'prices' is neither a catalogue nor negotiated rates: " +
                        std::string{rates.error().message()});
    }
    std::ranges::move(*rates, std::back_inserter(rows));
    return core::PriceBook::build(std::move(rows));
}

Json count_json(const core::ReplayCount& count) {
    return {{"calls", count.calls}, {"cost_usd", json_usd(count.cost)}};
}

Json teams_json(const std::map<std::string, core::ReplayCount>& teams) {
    Json out = Json::array();
    for (const auto& [team, count] : teams) {
        Json line = {{"team", json_text(team)}};
        line.update(count_json(count));
        out.push_back(std::move(line));
    }
    return out;
}

Json instance_json(const core::ReplayInstance& instance) {
    return {{"instance", instance.instance},
            {"alerted_at", json_time(instance.alerted_at)},
            {"reached_at", json_time(instance.reached_at)},
            {"refused_at", json_time(instance.refused_at)},
            {"refused", count_json(instance.refused)},
            {"after", count_json(instance.after)},
            {"by_team", teams_json(instance.by_team)}};
}

// What would have been saved most comes first, then what came nearest to it.
bool tells_more(const core::ReplayInstance* a, const core::ReplayInstance* b) {
    if (a->refused.cost != b->refused.cost) return a->refused.cost > b->refused.cost;
    if (a->refused.calls != b->refused.calls) return a->refused.calls > b->refused.calls;
    if (a->reached_at.has_value() != b->reached_at.has_value()) return a->reached_at.has_value();
    return a->instance < b->instance;
}

Json budget_json(const core::BudgetSpec& spec, const core::ReplayReport& report,
                 std::size_t limit) {
    std::vector<const core::ReplayInstance*> own;
    core::ReplayCount refused;
    core::ReplayCount after;
    std::map<std::string, core::ReplayCount> teams;
    std::int64_t alerted = 0;
    for (const core::ReplayInstance& instance : report.instances) {
        if (instance.budget_id != spec.id) continue;
        own.push_back(&instance);
        refused.calls += instance.refused.calls;
        refused.cost += instance.refused.cost;
        after.calls += instance.after.calls;
        after.cost += instance.after.cost;
        alerted += instance.alerted_at.has_value() ? 1 : 0;
        for (const auto& [team, count] : instance.by_team) {
            teams[team].calls += count.calls;
            teams[team].cost += count.cost;
        }
    }
    std::ranges::sort(own, tells_more);
    Json instances = Json::array();
    for (std::size_t i = 0; i < std::min(own.size(), limit); ++i) {
        instances.push_back(instance_json(*own[i]));
    }
    Json out = budget_terms(spec);
    out.erase("raises");
    out.update({{"refused", count_json(refused)},
                {"after", count_json(after)},
                {"alerted", alerted},
                {"by_team", teams_json(teams)},
                {"instances", std::move(instances)},
                {"instances_total", own.size()}});
    return out;
}

// Which limits of a replay bear on this one.
Json notes_of(const Question& question, const store::SimulationResult& result) {
    Json notes = Json::array();
    notes.push_back(
        "Callers are taken to have gone on as they did; after a refusal they would not have. "
        "'refused' is what the budgets themselves refuse, 'after' what they let pass later in a "
        "trajectory that they had refused a call of.");
    notes.push_back(
        "A call that would have been admitted with less output counts as refused, and one that "
        "waits for what others hold goes on when it fits, within ten minutes.");
    if (result.report.passing_calls > 0) {
        notes.push_back(
            "'passing' were refused then and fit now: they spend nothing here, since nobody knows "
            "what they had cost. Their bounds are the most.");
    }
    if (!question.prices.empty()) {
        notes.push_back(
            "Bounds change as the cost of their call does: the ledger does not keep what they "
            "were reckoned from.");
    }
    for (const std::string& name : question.left_out) {
        notes.push_back(fmt::format(
            "Budget {} is left out: no entry of the ledger says what repeats what.", name));
    }
    return notes;
}

Json report_json(const Question& question, const store::SimulationResult& result) {
    const store::Simulation& simulation = question.simulation;
    const core::ReplayReport& report = result.report;
    Json budgets = Json::array();
    for (const core::BudgetSpec& spec : simulation.budgets) {
        budgets.push_back(budget_json(spec, report, question.limit));
    }
    return {{"from", json_time(simulation.from)},
            {"until", json_time(simulation.until)},
            {"seen", count_json(report.seen)},
            {"refused", count_json(report.refused)},
            {"after", count_json(report.after)},
            {"waited", report.waited},
            {"passing",
             {{"calls", report.passing_calls}, {"bound_usd", json_usd(report.passing_bound)}}},
            {"unpriced_attempts", result.unpriced},
            {"budgets", std::move(budgets)},
            {"notes", notes_of(question, result)}};
}

Result<Answer> simulate(Question& question, const std::string& database_path,
                        const runtime::Clock& clock, const std::stop_token& stop) {
    store::Simulation& simulation = question.simulation;
    if (!question.prices.empty()) {
        auto book = book_with(*simulation.policy->prices, question.prices);
        if (!book) return std::unexpected(std::move(book).error());
        simulation.prices = std::move(*book);
    }
    const MonoTime begun = clock.mono_now();
    simulation.may_go_on = [&clock, &stop, begun]() -> Result<> {
        if (stop.stop_requested()) return fail(ErrorCode::shutting_down);
        if (clock.mono_now() - begun < kTimeMax) return {};
        return fail(ErrorCode::invalid_parameter,
                    "The replay was not done within two minutes: take a shorter time, or leave "
                    "out budgets whose window is 'total', which read the whole ledger.");
    };
    Result<store::SimulationResult> result = store::simulate_budgets(database_path, simulation);
    if (!result) return std::unexpected(std::move(result).error());
    return answer(report_json(question, *result));
}

}  // namespace

Result<Answer> simulate_budgets(Services& services, const Request& request) {
    if (request.caller.only_team()) {
        return fail(ErrorCode::forbidden, "A replay tells of all teams: a team owner may not ask.");
    }
    Result<Question> question = read_question(services, request);
    if (!question) return std::unexpected(std::move(question).error());
    // What has ended by now is to be found.
    if (Result<> level = services.bookkeeper.flush(); !level) {
        return std::unexpected(std::move(level).error());
    }
    Answer begun;
    begun.rest = [question = std::move(*question), path = services.database_path,
                  clock = &services.clock](const std::stop_token& stop) mutable {
        return simulate(question, path, *clock, stop);
    };
    return begun;
}

}  // namespace weir::admin
