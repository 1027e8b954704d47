#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>

#include "app/cli_family.h"
#include "app/cli_text.h"

namespace weir::app {
namespace {

std::string value_text(const Json& value) {
    if (value.is_string()) return value.get<std::string>();
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// "expires: → 2026-12-31T00:00:00Z": members that differ.
std::string change_text(const Json& row) {
    const Json before = row["before"].is_object() ? row["before"] : Json::object();
    const Json after = row["after"].is_object() ? row["after"] : Json::object();
    if (row["before"].is_null() || row["after"].is_null()) return "";
    std::string out;
    for (const auto& [name, value] : after.items()) {
        const std::string was = before.contains(name) ? value_text(before[name]) : "";
        const std::string is = value_text(value);
        if (was == is) continue;
        out += fmt::format("{}{}: {} → {}", out.empty() ? "" : ", ", name, was.empty() ? "∅" : was,
                           is.empty() ? "∅" : is);
    }
    for (const auto& [name, value] : before.items()) {
        if (after.contains(name)) continue;
        out += fmt::format("{}{}: {} → ∅", out.empty() ? "" : ", ", name, value_text(value));
    }
    return out;
}

}  // namespace

void add_audit_command(CLI::App& app, CliContext& context) {
    struct Options {
        std::int64_t limit = 30;
        std::int64_t before = 0;
    };
    auto o = std::make_shared<Options>();
    CLI::App* audit = app.add_subcommand("audit", "Show who changed what, latest first");
    audit->add_option("-n,--limit", o->limit, "At most so many")->capture_default_str();
    audit->add_option("--before", o->before, "Go on where an earlier page ended")->type_name("ROW");
    audit->footer(
        "Keys, teams, budgets, price imports and corrections are audited.\n\n"
        "Example:\n  weir audit --limit 100 --json");
    asks(*audit, context, [&context, o](AdminClient& client) -> Result<int> {
        Result<Json> page = client.get(
            "/audit" + query_of({{"limit", std::to_string(o->limit)},
                                 {"before", o->before == 0 ? "" : std::to_string(o->before)}}));
        if (!page) return std::unexpected(std::move(page).error());
        if (context.json) {
            print_json(context.out, *page);
            return kExitDone;
        }
        Table table({{"TIME (UTC)"}, {"WHO"}, {"DID"}, {"TO"}, {"WHAT CHANGED"}});
        for (const Json& row : (*page)["audit"]) {
            table.add({time_text(text_of(row, "at")), text_of(row, "actor"), text_of(row, "action"),
                       text_of(row, "subject"), change_text(row)});
        }
        context.out << (table.empty() ? "nothing was changed yet\n" : table.text());
        if ((*page)["next"].is_number()) {
            context.out << fmt::format("(more: --before {})\n", number_of(*page, "next"));
        }
        return kExitDone;
    });
}

}  // namespace weir::app
