#include "app/apply_plan.h"

#include <algorithm>
#include <fmt/format.h>

#include "admin/budget_fields.h"
#include "admin/budget_json.h"
#include "app/cli_family.h"

namespace weir::app {
namespace {

// A shell takes it as one word.
std::string quoted(const std::string& word) {
    const bool plain = !word.empty() && word.find_first_not_of(
                                            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "0123456789-_./:@,") == std::string::npos;
    if (plain) return word;
    std::string out = "'";
    for (const char c : word) out += c == '\'' ? std::string{"'\\''"} : std::string{c};
    return out + "'";
}

const Json* find_named(const Json& list, const std::string& name) {
    for (const Json& item : list) {
        if (text_of(item, "name") == name) return &item;
    }
    return nullptr;
}

// In one order, whoever wrote it.
Json sorted_values(const Json& where) {
    std::map<std::string, std::vector<std::string>> sorted;
    for (const auto& [name, values] : where.items()) {
        auto& list = sorted[name];
        if (values.is_array()) {
            list = values.get<std::vector<std::string>>();
        } else {
            list.push_back(values.get<std::string>());
        }
        std::ranges::sort(list);
    }
    Json out = Json::object();
    for (auto& [name, values] : sorted) out[name] = std::move(values);
    return out;
}

Json sorted_members(const Json& object) {
    std::map<std::string, Json> sorted;
    for (const auto& [name, value] : object.items()) sorted[name] = value;
    Json out = Json::object();
    for (auto& [name, value] : sorted) out[name] = std::move(value);
    return out;
}

// What a file can say of a budget, of the API's words for it.
Json budget_members(const Json& terms) {
    Json out = Json::object();
    for (const char* name : {"where", "by", "unit", "amount", "except", "window", "alert_at",
                             "block_at", "clamp", "mode"}) {
        out[name] = terms[name];
    }
    out["where"] = sorted_values(out["where"]);
    out["except"] = sorted_members(out["except"]);
    return out;
}

class Planner {
 public:
    Planner(const ApplyFile& file, const ApplyPresent& present, bool prune)
        : file_(file), present_(present), prune_(prune) {}

    Result<ApplyPlan> plan() {
        for (const core::TeamRecord& team : file_.teams) plan_team(team);
        for (const ApplyKey& key : file_.keys) plan_key(key);
        for (const core::BudgetSpec& spec : file_.budgets) plan_budget(spec);
        plan_stops();
        if (prune_ && file_.has_budgets) prune_budgets();
        if (problems_.empty()) return std::move(plan_);
        return fail(ErrorCode::conflict, std::move(problems_));
    }

 private:
    using Verb = ApplyChange::Verb;

    void complain(const std::string& what) { problems_ += (problems_.empty() ? "" : "\n") + what; }

    void plan_team(const core::TeamRecord& team) {
        Json after = Json::object();
        for (const auto& [name, value] : team.attributes) after[name] = value;
        ApplyChange change{.subject = "team " + team.name, .after = after};
        const Json* there = find_named(present_.teams, team.name);
        if (there == nullptr) {
            change.path = "/teams";
            change.body = {{"name", team.name}, {"attributes", after}};
            plan_.changes.push_back(std::move(change));
            return;
        }
        change.before = sorted_members((*there)["attributes"]);
        if (change.before == after) return;
        Json attributes = after;
        for (const auto& [name, value] : change.before.items()) {
            if (!after.contains(name)) attributes[name] = nullptr;
        }
        change.verb = Verb::patch;
        change.path = "/teams/" + segment(team.name);
        change.body = {{"attributes", std::move(attributes)}};
        plan_.changes.push_back(std::move(change));
    }

    void plan_key(const ApplyKey& key) {
        std::vector<const Json*> found;
        for (const Json& one : present_.keys) {
            if (text_of(one, "name") == key.name && text_of(one, "team") == key.team) {
                found.push_back(&one);
            }
        }
        if (found.empty()) return plan_.missing_keys.push_back(minting(key));
        if (found.size() > 1) {
            return complain(fmt::format("team {} has {} keys of the name {}: which one is meant?",
                                        key.team, found.size(), key.name));
        }
        const Json& there = *found.front();
        Json before = Json::object();
        for (const char* name : {"application", "environment", "task_type", "user"}) {
            before[name] = text_of(there, name);
        }
        before["models"] = there["models"];
        const Json after = {{"application", key.application},
                            {"environment", key.environment},
                            {"task_type", key.task_type},
                            {"user", key.user},
                            {"models", key.models}};
        if (before == after) return;
        plan_.changes.push_back({.verb = Verb::patch,
                                 .path = "/keys/" + segment(text_of(there, "id")),
                                 .body = after,
                                 .subject = fmt::format("key {} of {}", key.name, key.team),
                                 .before = std::move(before),
                                 .after = after});
    }

    static std::string minting(const ApplyKey& key) {
        std::string out =
            fmt::format("weir keys create {} --team {}", quoted(key.name), quoted(key.team));
        const auto add = [&out](const char* option, const std::string& value) {
            if (!value.empty()) out += fmt::format(" {} {}", option, quoted(value));
        };
        add("--environment", key.environment);
        add("--application", key.application);
        add("--task-type", key.task_type);
        add("--user", key.user);
        std::string models;
        for (const std::string& model : key.models) models += (models.empty() ? "" : ",") + model;
        add("--models", models);
        return out;
    }

    void plan_budget(const core::BudgetSpec& spec) {
        const Json* there = find_named(present_.budgets, spec.name);
        ApplyChange change{.verb = Verb::put,
                           .path = "/budgets/" + segment(spec.name),
                           .body = admin::budget_terms_body(spec),
                           .subject = "budget " + spec.name,
                           .after = budget_members(admin::budget_terms(spec))};
        if (there != nullptr) {
            change.before = budget_members(*there);
            if (change.before == change.after) return;
            if (text_of(*there, "origin") == "configuration") {
                return complain(fmt::format(
                    "budget {} is set in the configuration file: change it there", spec.name));
            }
        }
        plan_.changes.push_back(std::move(change));
    }

    void prune_budgets() {
        for (const Json& there : present_.budgets) {
            const std::string name = text_of(there, "name");
            const bool wanted = std::ranges::find(file_.budgets, name, &core::BudgetSpec::name) !=
                                file_.budgets.end();
            if (wanted || text_of(there, "origin") == "configuration") continue;
            plan_.changes.push_back({.verb = Verb::remove,
                                     .path = "/budgets/" + segment(name),
                                     .subject = "budget " + name,
                                     .before = budget_members(there)});
        }
    }

    static Json stop_members(const ApplyStop& stop) {
        Json where = Json::object();
        for (const core::Condition& condition : stop.where) {
            where[condition.facet.name()] = condition.any_of.front();
        }
        return {{"where", sorted_values(where)}, {"reason", stop.reason}};
    }

    void plan_stops() {
        std::vector<Json> wanted;
        for (const ApplyStop& stop : file_.stops) wanted.push_back(stop_members(stop));
        std::vector<const Json*> gone;  // in whose place others come
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            if (std::ranges::count(wanted, wanted[i]["where"],
                                   [](const Json& w) { return w["where"]; }) > 1) {
                return complain("stops: the same calls are stopped twice");
            }
            const Json* there = stop_of(wanted[i]["where"]);
            if (there != nullptr && text_of(*there, "reason") == file_.stops[i].reason) continue;
            if (there != nullptr) gone.push_back(there);
            Json body = {{"reason", file_.stops[i].reason}};
            if (wanted[i]["where"].empty()) {
                body["everything"] = true;
            } else {
                for (const auto& [name, values] : wanted[i]["where"].items()) {
                    body["where"][name] = values.front();
                }
            }
            plan_.changes.push_back({.verb = Verb::post,
                                     .path = "/stops",
                                     .body = std::move(body),
                                     .subject = "stop",
                                     .after = wanted[i]});
        }
        if (prune_ && file_.has_stops) {
            for (const Json& there : present_.stops) {
                const Json where = sorted_values(there["where"]);
                const bool kept = std::ranges::any_of(
                    wanted, [&where](const Json& w) { return w["where"] == where; });
                if (!kept) gone.push_back(&there);
            }
        }
        // After the new ones, so that nothing slips through between.
        for (const Json* there : gone) resume(*there);
    }

    const Json* stop_of(const Json& where) const {
        for (const Json& there : present_.stops) {
            if (sorted_values(there["where"]) == where) return &there;
        }
        return nullptr;
    }

    void resume(const Json& there) {
        const std::int64_t id = number_of(there, "id");
        plan_.changes.push_back({.verb = Verb::remove,
                                 .path = fmt::format("/stops/{}", id),
                                 .subject = fmt::format("stop {}", id),
                                 .before = {{"where", sorted_values(there["where"])},
                                            {"reason", text_of(there, "reason")}}});
    }

    const ApplyFile& file_;
    const ApplyPresent& present_;
    bool prune_;
    ApplyPlan plan_;
    std::string problems_;
};

// "staging", "{environment=staging}", "[a, b]"; "–" for nothing.
std::string value_text(const Json& value) {
    if (value.is_string()) return value.get<std::string>().empty() ? "–" : value.get<std::string>();
    if (value.is_null() || value.empty()) return "–";
    if (value.is_array()) {
        std::string out;
        for (const Json& item : value) out += (out.empty() ? "" : "|") + value_text(item);
        return out;
    }
    if (!value.is_object()) return value.dump();
    std::string out;
    for (const auto& [name, member] : value.items()) {
        out += fmt::format("{}{}={}", out.empty() ? "" : " ", name, value_text(member));
    }
    return "{" + out + "}";
}

}  // namespace

Result<ApplyPlan> plan_apply(const ApplyFile& file, const ApplyPresent& present, bool prune) {
    return Planner{file, present, prune}.plan();
}

std::string change_text(const ApplyChange& change) {
    const bool is_new = change.before.is_null();
    const bool is_gone = change.after.is_null();
    std::string out;
    const Json& members = is_gone ? change.before : change.after;
    for (const auto& [name, value] : members.items()) {
        const std::string text = value_text(value);
        if (is_new || is_gone) {
            if (text != "–") out += fmt::format("{}{} {}", out.empty() ? ": " : ", ", name, text);
            continue;
        }
        const std::string was =
            change.before.contains(name) ? value_text(change.before[name]) : "–";
        if (was != text) {
            out += fmt::format("{}{} {} → {}", out.empty() ? ": " : ", ", name, was, text);
        }
    }
    if (!is_new && !is_gone) {
        for (const auto& [name, value] : change.before.items()) {
            if (change.after.contains(name)) continue;
            out += fmt::format("{}{} {} → –", out.empty() ? ": " : ", ", name, value_text(value));
        }
    }
    return fmt::format("{} {}{}", is_new ? "+" : is_gone ? "-" : "~", change.subject, out);
}

}  // namespace weir::app
