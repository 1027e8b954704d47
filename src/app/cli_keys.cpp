#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <fmt/ostream.h>
#include <memory>

#include "app/cli_blocks.h"
#include "app/cli_family.h"
#include "app/cli_text.h"

namespace weir::app {
namespace {

// Keys are named by their id, or by a name that only one of them has.
Result<std::string> find_key_id(AdminClient& client, const std::string& named) {
    constexpr std::size_t kIdChars = 12;
    Result<Json> all = client.get("/keys");
    if (!all) return std::unexpected(std::move(all).error());
    std::vector<std::string> ids;
    for (const Json& key : (*all)["keys"]) {
        if (text_of(key, "id") == named) return named;
        if (text_of(key, "name") == named) ids.push_back(text_of(key, "id"));
    }
    if (ids.size() == 1) return ids.front();
    if (ids.size() > 1) {
        return fail(ErrorCode::conflict,
                    fmt::format("{} keys are named '{}': name one by its id, {}.", ids.size(),
                                named, fmt::join(ids, ", ")));
    }
    return fail(ErrorCode::not_found,
                fmt::format("There is no key {}: `weir keys list` shows them all{}.", named,
                            named.size() == kIdChars ? "" : ", with their ids"));
}

void print_key(std::ostream& out, const Json& key) {
    const auto line = [&](const char* title, const std::string& value) {
        if (!value.empty()) fmt::print(out, "  {:<13} {}\n", title, printable(value));
    };
    fmt::print(out, "key {}\n", text_of(key, "id"));
    line("name", text_of(key, "name"));
    line("role", text_of(key, "role"));
    line("team", text_of(key, "team"));
    line("state", text_of(key, "state"));
    line("environment", text_of(key, "environment"));
    line("application", text_of(key, "application"));
    line("task type", text_of(key, "task_type"));
    line("user", text_of(key, "user"));
    std::string models;
    for (const Json& model : key["models"]) {
        models += (models.empty() ? "" : ", ") + model.get<std::string>();
    }
    line("models", models.empty() ? "all" : models);
    line("created", time_text(text_of(key, "created_at")));
    if (key["expires_at"].is_string()) line("expires", time_text(text_of(key, "expires_at")));
    if (key["revoked_at"].is_string()) line("revoked", time_text(text_of(key, "revoked_at")));
    if (key["previous_secret_until"].is_string()) {
        line("old secret", "works until " + time_text(text_of(key, "previous_secret_until")));
    }
}

// The only time that the secret is seen.
void print_minted(std::ostream& out, const Json& minted, const std::string& gateway) {
    const Json& key = minted["key"];
    print_key(out, key);
    fmt::print(out, "\n  {}\n\nKeep it now: Weir stores only its hash and shows it once.\n",
               text_of(minted, "secret"));
    if (text_of(key, "role") != "data") {
        fmt::print(out, "\n{}", admin_blocks(text_of(minted, "secret")));
        return;
    }
    const std::string url = gateway.empty() ? text_of(minted, "gateway_url") : gateway;
    fmt::print(out, "\n{}", paste_blocks(url, text_of(minted, "secret")));
}

struct CreateOptions {
    std::string name;
    std::string team;
    std::string role;
    std::string environment;
    std::string application;
    std::string task_type;
    std::string user;
    std::vector<std::string> models;
    std::string expires;
    std::string gateway;
};

Result<Json> create_body(const CreateOptions& o) {
    Json body = {{"name", o.name}};
    const auto put = [&](const char* name, const std::string& value) {
        if (!value.empty()) body[name] = value;
    };
    put("team", o.team);
    put("role", o.role);
    put("environment", o.environment);
    put("application", o.application);
    put("task_type", o.task_type);
    put("user", o.user);
    if (!o.models.empty()) body["models"] = o.models;
    if (!o.expires.empty()) {
        const Result<UnixTime> at = parse_future(o.expires, present());
        if (!at) return std::unexpected(at.error());
        body["expires_at"] = to_rfc3339(*at);
    }
    return body;
}

void add_key_create(CLI::App& keys, CliContext& context) {
    auto o = std::make_shared<CreateOptions>();
    CLI::App* app = keys.add_subcommand("create", "Make a key; its secret is shown once");
    app->add_option("name", o->name, "What it is for")->required()->type_name("NAME");
    app->add_option("-t,--team", o->team, "Team that its calls belong to");
    app->add_option("-e,--environment", o->environment,
                    "production, staging, …: decides which budgets block");
    app->add_option("--application", o->application, "Bound to every call, whatever a caller says");
    app->add_option("--task-type", o->task_type, "Bound as well");
    app->add_option("--user", o->user, "Person or service behind the key");
    app->add_option("--models", o->models, "Models it may use, with *; default: all")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("NAME,…");
    app->add_option("--expires", o->expires, "A date, a time, or from now: 90d")->type_name("WHEN");
    app->add_option(
        "--role", o->role,
        "data (calls models), or for the admin API: admin, finance, team-owner, viewer");
    app->add_option("--gateway", o->gateway, "Address to print in the paste-ready blocks")
        ->type_name("URL");
    app->footer(
        "Examples:\n"
        "  weir keys create support-bot --team support --environment production\n"
        "  weir keys create laptop-ada --team research --user ada --models 'claude-*,gpt-6-luna'\n"
        "  weir keys create month-end --role finance --expires 30d");
    asks(*app, context, [&context, o](AdminClient& client) -> Result<int> {
        Result<Json> body = create_body(*o);
        if (!body) return std::unexpected(std::move(body).error());
        Result<Json> minted = client.post("/keys", *body);
        if (!minted) return std::unexpected(std::move(minted).error());
        context.json ? print_json(context.out, *minted)
                     : print_minted(context.out, *minted, o->gateway);
        return kExitDone;
    });
}

std::string key_table(const Json& keys, bool all) {
    Table table({{"ID"},
                 {"NAME"},
                 {"TEAM"},
                 {"ROLE"},
                 {"ENVIRONMENT"},
                 {"STATE"},
                 {"EXPIRES"},
                 {"CREATED"}});
    std::size_t hidden = 0;
    for (const Json& key : keys) {
        if (!all && text_of(key, "state") == "revoked") {
            ++hidden;
            continue;
        }
        const auto or_dash = [&](const char* name) {
            const std::string text = text_of(key, name);
            return text.empty() ? std::string{"-"} : text;
        };
        table.add({text_of(key, "id"), text_of(key, "name"), or_dash("team"), text_of(key, "role"),
                   or_dash("environment"), text_of(key, "state"),
                   time_text(text_of(key, "expires_at")), time_text(text_of(key, "created_at"))});
    }
    std::string out = table.empty() ? "no keys: make one with `weir keys create`\n" : table.text();
    if (hidden > 0) out += fmt::format("({} revoked: --all shows them)\n", hidden);
    return out;
}

void add_key_list(CLI::App& keys, CliContext& context) {
    struct Options {
        std::string team;
        bool all = false;
    };
    auto o = std::make_shared<Options>();
    CLI::App* app = keys.add_subcommand("list", "Show keys, without their secrets");
    app->add_option("-t,--team", o->team, "Of this team only");
    app->add_flag("-a,--all", o->all, "Revoked ones too");
    app->footer("Example:\n  weir keys list --team support");
    asks(*app, context, [&context, o](AdminClient& client) -> Result<int> {
        Result<Json> keys = client.get("/keys" + query_of({{"team", o->team}}));
        if (!keys) return std::unexpected(std::move(keys).error());
        context.json ? print_json(context.out, *keys)
                     : void(context.out << key_table((*keys)["keys"], o->all));
        return kExitDone;
    });
}

void add_key_show(CLI::App& keys, CliContext& context) {
    auto named = std::make_shared<std::string>();
    CLI::App* app =
        keys.add_subcommand("show", "Show one key: what it is bound to, how long it works");
    app->add_option("key", *named, "Id, or a name that one key has")->required();
    asks(*app, context, [&context, named](AdminClient& client) -> Result<int> {
        Result<std::string> id = find_key_id(client, *named);
        if (!id) return std::unexpected(std::move(id).error());
        Result<Json> key = client.get("/keys/" + segment(*id));
        if (!key) return std::unexpected(std::move(key).error());
        context.json ? print_json(context.out, *key) : print_key(context.out, *key);
        return kExitDone;
    });
}

void add_rotate(CLI::App& keys, CliContext& context) {
    struct Options {
        std::string key;
        std::string overlap = "24h";
        std::string gateway;
    };
    auto o = std::make_shared<Options>();
    CLI::App* app =
        keys.add_subcommand("rotate", "Give a key a new secret; the old one works on for a while");
    app->add_option("key", o->key, "Id, or a name that one key has")->required();
    app->add_option("--overlap", o->overlap, "How long both secrets work; 0s: not at all")
        ->type_name("SPAN")
        ->capture_default_str();
    app->add_option("--gateway", o->gateway, "Address to print in the paste-ready blocks")
        ->type_name("URL");
    app->footer(
        "Examples:\n  weir keys rotate support-bot\n  weir keys rotate support-bot --overlap 0s");
    asks(*app, context, [&context, o](AdminClient& client) -> Result<int> {
        const std::optional<Duration> overlap = parse_span(o->overlap);
        if (!overlap) {
            return fail(
                ErrorCode::invalid_parameter,
                fmt::format("'{}' is not a span of time: write 30m, 24h or 7d.", o->overlap));
        }
        Result<std::string> id = find_key_id(client, o->key);
        if (!id) return std::unexpected(std::move(id).error());
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*overlap).count();
        Result<Json> minted =
            client.post("/keys/" + segment(*id) + "/rotate", {{"overlap_seconds", seconds}});
        if (!minted) return std::unexpected(std::move(minted).error());
        context.json ? print_json(context.out, *minted)
                     : print_minted(context.out, *minted, o->gateway);
        return kExitDone;
    });
}

void add_expire(CLI::App& keys, CliContext& context) {
    struct Options {
        std::string key;
        std::string at;
    };
    auto o = std::make_shared<Options>();
    CLI::App* app = keys.add_subcommand("expire", "Let a key end at a time; it can be set anew");
    app->add_option("key", o->key, "Id, or a name that one key has")->required();
    app->add_option("--at", o->at, "A date, a time, or from now: 7d; default: now")
        ->type_name("WHEN");
    app->footer(
        "Examples:\n  weir keys expire contractor --at 2026-12-31\n  weir keys expire contractor");
    asks(*app, context, [&context, o](AdminClient& client) -> Result<int> {
        Json body = Json::object();
        if (!o->at.empty()) {
            const Result<UnixTime> at = parse_future(o->at, present());
            if (!at) return std::unexpected(at.error());
            body["at"] = to_rfc3339(*at);
        }
        Result<std::string> id = find_key_id(client, o->key);
        if (!id) return std::unexpected(std::move(id).error());
        Result<Json> key = client.post("/keys/" + segment(*id) + "/expire", body);
        if (!key) return std::unexpected(std::move(key).error());
        context.json ? print_json(context.out, *key) : print_key(context.out, *key);
        return kExitDone;
    });
}

void add_revoke(CLI::App& keys, CliContext& context) {
    auto named = std::make_shared<std::string>();
    CLI::App* app = keys.add_subcommand("revoke", "End a key now, for good");
    app->add_option("key", *named, "Id, or a name that one key has")->required();
    app->footer("Example:\n  weir keys revoke k7Qx0pZt9aBc");
    asks(*app, context, [&context, named](AdminClient& client) -> Result<int> {
        Result<std::string> id = find_key_id(client, *named);
        if (!id) return std::unexpected(std::move(id).error());
        Result<Json> key = client.post("/keys/" + segment(*id) + "/revoke", Json::object());
        if (!key) return std::unexpected(std::move(key).error());
        context.json ? print_json(context.out, *key) : print_key(context.out, *key);
        return kExitDone;
    });
}

}  // namespace

void add_keys_commands(CLI::App& app, CliContext& context) {
    CLI::App* keys = add_family(app, "keys", "Make, list, rotate and end the keys of callers");
    add_key_create(*keys, context);
    add_key_list(*keys, context);
    add_key_show(*keys, context);
    add_rotate(*keys, context);
    add_expire(*keys, context);
    add_revoke(*keys, context);
}

}  // namespace weir::app
