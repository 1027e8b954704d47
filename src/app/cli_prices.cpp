#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <memory>

#include "app/cli_family.h"
#include "app/cli_price_table.h"
#include "app/cli_text.h"
#include "app/small_file.h"

namespace weir::app {
namespace {

Result<std::string> instant(const std::string& text) {
    if (text.empty()) return std::string{};
    const Result<UnixTime> at = parse_past(text, present());
    if (!at) return std::unexpected(at.error());
    return to_rfc3339(*at);
}

void add_price_list(CLI::App& prices, CliContext& context) {
    struct Options {
        std::string provider;
        std::string model;
        std::string at;
        bool all = false;
        std::int64_t limit = 50;
    };
    auto o = std::make_shared<Options>();
    CLI::App* app = prices.add_subcommand("list", "List rows of the price book");
    app->add_option("model", o->model, "A name, or a pattern with *")->type_name("MODEL");
    app->add_option("-p,--provider", o->provider, "Vendor, as the price book names it");
    app->add_option("--at", o->at, "As of a date or time; default: now")->type_name("WHEN");
    app->add_flag("--all", o->all, "Rows of other times too");
    app->add_option("-n,--limit", o->limit, "At most so many")->capture_default_str();
    app->footer(
        "Examples:\n  weir prices list 'claude-*' --provider anthropic\n"
        "  weir prices list 'gpt-5*' --at 2026-01-31");
    asks(*app, context, [&context, o](AdminClient& client) -> Result<int> {
        Result<std::string> at = instant(o->at);
        if (!at) return std::unexpected(std::move(at).error());
        Result<Json> rows = client.get("/prices" + query_of({{"provider", o->provider},
                                                             {"model", o->model},
                                                             {"at", *at},
                                                             {"all", o->all ? "true" : ""},
                                                             {"limit", std::to_string(o->limit)}}));
        if (!rows) return std::unexpected(std::move(rows).error());
        context.json ? print_json(context.out, *rows) : void(context.out << price_list(*rows));
        return kExitDone;
    });
}

void add_price_show(CLI::App& prices, CliContext& context) {
    struct Options {
        std::string model;
        std::string provider;
        std::string at;
    };
    auto o = std::make_shared<Options>();
    CLI::App* app =
        prices.add_subcommand("show", "Show what calls of a model cost: classes, bands and tiers");
    app->add_option("model", o->model, "As calls name it")->required()->type_name("MODEL");
    app->add_option("-p,--provider", o->provider, "At this vendor only");
    app->add_option("--at", o->at, "As of a date or time; default: now")->type_name("WHEN");
    app->footer("Example:\n  weir prices show claude-sonnet-4-5");
    asks(*app, context, [&context, o](AdminClient& client) -> Result<int> {
        Result<std::string> at = instant(o->at);
        if (!at) return std::unexpected(std::move(at).error());
        Result<Json> found =
            client.get("/prices/find" +
                       query_of({{"model", o->model}, {"provider", o->provider}, {"at", *at}}));
        if (!found) return std::unexpected(std::move(found).error());
        if (context.json) {
            print_json(context.out, *found);
            return kExitDone;
        }
        for (const Json& row : (*found)["rows"]) context.out << price_row_table(row) << "\n";
        return kExitDone;
    });
}

struct FileOptions {
    std::string file;
    std::string name;
    bool dry_run = false;
};

// The file's own name, so that tomorrow's download replaces today's.
std::string catalogue_name(const FileOptions& o) {
    if (!o.name.empty()) return o.name;
    std::string name = o.file.substr(o.file.rfind('/') + 1);
    if (name.ends_with(".json")) name.resize(name.size() - 5);
    std::ranges::replace_if(
        name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-'; },
        '_');
    return name.empty() ? "import" : name;
}

Result<int> send_catalogue(CliContext& context, AdminClient& client, const FileOptions& o,
                           std::string_view path) {
    Result<std::string> text = read_file(o.file);
    if (!text) return std::unexpected(std::move(text).error());
    Result<Json> effect = client.post_text(
        std::string{path} +
            query_of({{"name", catalogue_name(o)}, {"dry_run", o.dry_run ? "true" : ""}}),
        std::move(*text));
    if (!effect) return std::unexpected(std::move(effect).error());
    context.json ? print_json(context.out, *effect) : void(context.out << price_effect(*effect));
    return kExitDone;
}

void add_import(CLI::App& prices, CliContext& context) {
    auto o = std::make_shared<FileOptions>();
    CLI::App* app = prices.add_subcommand(
        "import", "Price by a catalogue of genai-prices, LiteLLM or models.dev from now on");
    app->add_option("file", o->file, "The catalogue, JSON")->required()->type_name("FILE");
    app->add_option("--name", o->name, "An import of the same name replaces the earlier one")
        ->type_name("NAME");
    app->add_flag("--dry-run", o->dry_run, "Say what would change, and change nothing");
    app->footer(
        "What calls cost already stays as it was. Negotiated rates (price_overlay in weir.yaml) "
        "go\n"
        "before imports, imports before the embedded catalogue.\n\n"
        "Examples:\n"
        "  weir prices diff model_prices_and_context_window.json\n"
        "  weir prices import model_prices_and_context_window.json --name litellm");
    asks(*app, context, [&context, o](AdminClient& client) {
        return send_catalogue(context, client, *o, "/prices/import");
    });
}

void add_diff(CLI::App& prices, CliContext& context) {
    auto o = std::make_shared<FileOptions>();
    CLI::App* app = prices.add_subcommand(
        "diff", "Compare a catalogue with the prices in force; change nothing");
    app->add_option("file", o->file, "The catalogue, JSON")->required()->type_name("FILE");
    app->footer(
        "Marks prices that change threefold or more: often a unit was mistaken.\n\n"
        "Example:\n  weir prices diff models.dev.json");
    asks(*app, context, [&context, o](AdminClient& client) {
        return send_catalogue(context, client, *o, "/prices/diff");
    });
}

}  // namespace

void add_prices_commands(CLI::App& app, CliContext& context) {
    CLI::App* prices = add_family(app, "prices", "Show, compare and import prices");
    add_price_list(*prices, context);
    add_price_show(*prices, context);
    add_import(*prices, context);
    add_diff(*prices, context);
}

}  // namespace weir::app
