#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>

#include "app/cli_family.h"
#include "app/cli_text.h"

namespace weir::app {
namespace {

// "agent=triage" → a member.
Result<Json> where_of(const std::vector<std::string>& pairs) {
    Json out = Json::object();
    for (const std::string& pair : pairs) {
        const std::size_t equals = pair.find('=');
        if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size()) {
            return fail(ErrorCode::invalid_parameter,
                        fmt::format("'{}' is not DIMENSION=VALUE, such as agent=triage.", pair));
        }
        const std::string name = pair.substr(0, equals);
        if (out.contains(name)) {
            return fail(ErrorCode::invalid_parameter,
                        fmt::format("'{}' is named twice: make a stop of each value.", name));
        }
        out[name] = pair.substr(equals + 1);
    }
    return out;
}

std::string stop_where(const Json& stop) {
    std::string out;
    for (const auto& [name, value] : stop["where"].items()) {
        out += (out.empty() ? "" : " ") + name + "=" + value.get<std::string>();
    }
    return out.empty() ? "everything" : out;
}

std::string stop_table(const Json& stops) {
    Table table({{"STOP", Table::Align::right}, {"WHAT"}, {"SINCE (UTC)"}, {"BY"}, {"REASON"}});
    for (const Json& stop : stops) {
        table.add({std::to_string(number_of(stop, "id")), stop_where(stop),
                   time_text(text_of(stop, "since")), text_of(stop, "actor"),
                   text_of(stop, "reason")});
    }
    return table.empty() ? "nothing is stopped\n" : table.text();
}

Result<int> show(CliContext& context, AdminClient& client) {
    Result<Json> all = client.get("/stops");
    if (!all) return std::unexpected(std::move(all).error());
    context.json ? print_json(context.out, *all) : void(context.out << stop_table((*all)["stops"]));
    return kExitDone;
}

void add_stop(CLI::App& app, CliContext& context) {
    struct Options {
        std::vector<std::string> where;
        bool everything = false;
        std::string reason;
    };
    auto o = std::make_shared<Options>();
    CLI::App* stop = app.add_subcommand(
        "stop", "End calls of a kind, new ones and open ones, until resumed; alone: show stops");
    auto* where = stop->add_option("--where", o->where, "What to stop; several must all hold")
                      ->type_name("DIMENSION=VALUE")
                      ->allow_extra_args(false);
    stop->add_flag("--everything", o->everything, "All calls")->excludes(where);
    stop->add_option("--reason", o->reason, "Told to callers");
    stop->footer(
        "New calls are refused (403 stopped, no retry), open streams end within a second. A value "
        "may\nbe a glob. Only team, environment, user, key, provider and model cannot be evaded by "
        "callers.\n\nExamples:\n  weir stop --where agent=triage --reason 'it loops, see ticket "
        "4711'\n  weir stop --where team=research --where 'model=gpt-6-*'\n  weir stop");
    asks(*stop, context, [&context, o](AdminClient& client) -> Result<int> {
        if (o->where.empty() && !o->everything && o->reason.empty()) return show(context, client);
        Result<Json> conditions = where_of(o->where);
        if (!conditions) return std::unexpected(std::move(conditions).error());
        Json body{{"reason", o->reason}};
        if (!conditions->empty()) body["where"] = std::move(*conditions);
        if (o->everything) body["everything"] = true;
        Result<Json> made = client.post("/stops", body);
        if (!made) return std::unexpected(std::move(made).error());
        if (context.json) {
            print_json(context.out, *made);
        } else {
            context.out << fmt::format("stopped {}; go on with: weir resume {}\n",
                                       printable(stop_where(*made)), number_of(*made, "id"));
        }
        return kExitDone;
    });
}

void add_resume(CLI::App& app, CliContext& context) {
    struct Options {
        std::vector<std::int64_t> stops;
        bool all = false;
    };
    auto o = std::make_shared<Options>();
    CLI::App* resume = app.add_subcommand("resume", "Let calls through again that were stopped");
    auto* stops = resume->add_option("stop", o->stops, "Numbers, as `weir stop` shows them");
    resume->add_flag("--all", o->all, "Every stop")->excludes(stops);
    asks(*resume, context, [&context, o](AdminClient& client) -> Result<int> {
        if (o->all) {
            Result<Json> all = client.get("/stops");
            if (!all) return std::unexpected(std::move(all).error());
            for (const Json& stop : (*all)["stops"]) o->stops.push_back(number_of(stop, "id"));
        } else if (o->stops.empty()) {
            return fail(ErrorCode::invalid_parameter,
                        "Name the stops to resume, or --all: `weir stop` shows them.");
        }
        Json resumed = Json::array();
        for (const std::int64_t id : o->stops) {
            Result<Json> stop = client.remove("/stops/" + std::to_string(id));
            if (!stop) return std::unexpected(std::move(stop).error());
            if (!context.json) {
                context.out << fmt::format("resumed {}\n", printable(stop_where(*stop)));
            }
            resumed.push_back(std::move(*stop));
        }
        if (context.json) print_json(context.out, {{"resumed", resumed}});
        if (!context.json && resumed.empty()) context.out << "nothing is stopped\n";
        return kExitDone;
    });
}

}  // namespace

void add_stop_commands(CLI::App& app, CliContext& context) {
    add_stop(app, context);
    add_resume(app, context);
}

}  // namespace weir::app
