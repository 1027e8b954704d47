#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/cli_family.h"
#include "app/cli_text.h"

namespace weir::app {
namespace {

double real_of(const Json& object, const char* name) {
    return object.contains(name) && object[name].is_number() ? object[name].get<double>() : 0;
}

std::string state_text(const Json& target) {
    const std::string state = text_of(target, "state");
    if (state != "cooling") return state;
    return fmt::format("cooling, {:.0f} s more", real_of(target, "cooldown_seconds"));
}

// "880 of 1,000"; "-" where the provider does not say.
std::string left_text(const Json& quota, const char* left, const char* limit) {
    if (!quota[left].is_number()) return "-";
    std::string out = count_text(number_of(quota, left));
    if (quota[limit].is_number()) out += " of " + count_text(number_of(quota, limit));
    return out;
}

std::string name_text(const Json& provider, const Json& target) {
    std::string out = text_of(provider, "name") + "/" + text_of(target, "model");
    if (number_of(target, "key") > 1) out += fmt::format(" #{}", number_of(target, "key"));
    return out;
}

void add_target(Table& table, const Json& provider, const Json& target) {
    const std::string trouble = text_of(target, "last_trouble");
    const double first_byte = real_of(target, "first_byte_seconds");
    const Json& quota = target["quota"];
    table.add({name_text(provider, target), state_text(target),
               count_text(number_of(target, "attempts")), count_text(number_of(target, "failures")),
               fmt::format("{:.0f} %", real_of(target, "recent_failure_rate") * 100),
               first_byte > 0 ? micros_text(static_cast<std::int64_t>(first_byte * 1e6)) : "-",
               left_text(quota, "requests_left", "requests_limit"),
               left_text(quota, "tokens_left", "tokens_limit"), trouble == "none" ? "-" : trouble});
}

std::string providers_table(const Json& providers) {
    Table table({{"TARGET"},
                 {"STATE"},
                 {"ATTEMPTS", Table::Align::right},
                 {"FAILED", Table::Align::right},
                 {"LATELY", Table::Align::right},
                 {"FIRST BYTE", Table::Align::right},
                 {"REQUESTS LEFT", Table::Align::right},
                 {"TOKENS LEFT", Table::Align::right},
                 {"LAST TROUBLE"}});
    for (const Json& provider : providers) {
        for (const Json& target : provider["targets"]) add_target(table, provider, target);
        if (!provider["targets"].empty()) continue;
        table.add({text_of(provider, "name"), "not called yet", "0", "0", "-", "-", "-", "-", "-"});
    }
    return table.empty() ? "no providers\n" : table.text();
}

}  // namespace

void add_providers_command(CLI::App& app, CliContext& context) {
    CLI::App* providers =
        app.add_subcommand("providers", "How providers fare: cooldowns, errors, latency, quota");
    providers->footer(
        "A target that fails three times in a row, or says that it has too much to do, is left "
        "alone\nfor a second, twice as long each further time, up to a minute; its retry-after is "
        "obeyed.\nThen one call finds out. Since the start of this process; LATELY is of the last "
        "minutes.");
    asks(*providers, context, [&context](AdminClient& client) -> Result<int> {
        Result<Json> all = client.get("/providers");
        if (!all) return std::unexpected(std::move(all).error());
        context.json ? print_json(context.out, *all)
                     : void(context.out << providers_table((*all)["providers"]));
        return kExitDone;
    });
}

}  // namespace weir::app
