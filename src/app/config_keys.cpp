#include <fmt/format.h>

#include "app/apply_file.h"
#include "app/config.h"

namespace weir::app {

const std::vector<ConfigKey>& config_keys() {
    static const std::vector<ConfigKey> kKeys{
        {"", "data", "path", "weir-data", "Directory of the journal and the database."},
        {"", "listen", "host:port", "127.0.0.1:4000", "Where clients call."},
        {"", "admin", "host:port", "127.0.0.1:4001", "Where the admin API answers."},
        {"", "tls", "section", "", "Certificate of the data listener."},
        {"", "insecure", "bool", "false",
         "Allows listening beyond loopback without TLS, and `verify_tls: false`."},
        {"", "workers", "1..64", "one a core, at most 8", "Threads that serve calls."},
        {"", "durability", "background | sync", "background",
         "`sync` waits for the disk before each dispatch, so that budgets hold through a power "
         "cut."},
        {"", "drain", "seconds", "30", "How long running calls may finish after SIGTERM."},
        {"", "journal_keep", "bytes", "4294967296",
         "Journal beyond which segments that the database holds are removed."},
        {"", "timezone", "IANA name", "UTC",
         "By whose calendar budgets' windows begin, such as Europe/Berlin. A change counts anew "
         "what was spent in the present windows; nothing is forgotten."},
        {"", "environments", "section", "production: { block_at: never }, staging, development",
         "Environments by name. Budgets block in all but those with `block_at: never`."},
        {"", "providers", "section", "from the environment",
         "Providers by name. Known names need only a key."},
        {"", "routes", "section", "",
         "Served model name, or a glob of names → targets, `provider/model`, in order; without the "
         "model, or with `*`, as asked. Where one is in trouble, the next is tried."},
        {"", "budgets", "section", "", "Budgets by name: a spend query with an amount."},
        {"", "rate_limits", "section", "",
         "Rate limits by name: how fast calls may come. Money is a budget's."},
        {"", "access", "section", "",
         "Access rules by name: which models, providers and endpoints calls may use, on every "
         "path."},
        {"", "webhooks", "section", "",
         "Webhooks by name: who is told of budget events, at least once."},
        {"", "prices", "section", "", "Catalogue files to import, and negotiated rates."},
        {"", "expect", "list of dimensions", "[task_type]",
         "Dimensions whose absence is told in `x-weir-missing`."},
        {"", "limits", "section", "", "Bounds on time and size."},

        {"tls", "certificate", "path", "", "PEM chain."},
        {"tls", "key", "path", "", "PEM private key."},

        {"environments.*", "aliases", "list", "[]", "Other names for it."},
        {"environments.*", "block_at", "100 | never", "100", "`never`: budgets alert only."},

        {"providers.*", "key", "env:NAME | file:PATH", "the usual variable", "The provider's key."},
        {"providers.*", "keys", "list of env:NAME | file:PATH", "",
         "Several keys: trajectories are spread over them, and another is tried where one is in "
         "trouble."},
        {"providers.*", "url", "URL", "the vendor's own",
         "Base URL, with the version: https://api.openai.com/v1. One that ends in `/.` has none."},
        {"providers.*", "vendor", "openai | anthropic | openai_compatible", "by name",
         "Which dialect it speaks."},
        {"providers.*", "prices", "name", "by name", "The vendor's name in the price book."},
        {"providers.*", "auth", "bearer | x-api-key | api-key | none", "by vendor",
         "How the key is sent."},
        {"providers.*", "models", "list of globs", "by the price book", "Models it serves."},
        {"providers.*", "price", "free", "",
         "`free` for a local server that costs nothing a token."},
        {"providers.*", "ca", "path", "the system's", "A further trust anchor, PEM."},
        {"providers.*", "verify_tls", "bool", "true", "Needs `insecure: true` to be off."},
        {"providers.*", "stream_options", "bool", "by vendor",
         "Whether it accepts `stream_options.include_usage`."},
        {"providers.*", "max_completion_tokens", "bool", "by vendor",
         "Whether it knows that name of the output limit."},

        {"routes.*", "targets", "list, or target: weight", "",
         "What serves the name. With weights each gets its share of the trajectories, and the "
         "others follow."},
        {"routes.*", "first_byte_ms", "ms", "as in limits",
         "Waiting for an answer to begin, where another target follows. What had begun may be "
         "billed, and is charged."},
        {"routes.*", "on_filter", "stop | next", "stop",
         "Whether another target is asked what a provider's content filter refused."},

        {"budgets.*", "where", "dimension: value | list", "everything",
         "What it counts: values, globs with `*`, `(none)`, of a dimension or of an attribute of "
         "the "
         "team: department, cost_center, owner, group, team.NAME. A team's attributes are what "
         "they "
         "are now; when one changes, what was spent in the present window is counted anew."},
        {"budgets.*", "by", "dimension", "", "One instance for each value; also of an attribute."},
        {"budgets.*", "usd", "amount", "", "Dollars, exact: 0.05 or 50000."},
        {"budgets.*", "tokens", "amount", "", "Tokens."},
        {"budgets.*", "calls", "amount", "", "Client calls."},
        {"budgets.*", "repeats", "amount", "",
         "Client calls that say what one of the last 64 of the same instance said to the same "
         "model, "
         "and whose answer its caller got. Counted from when the budget is there."},
        {"budgets.*", "attempts", "amount", "",
         "Tries at a provider, those of retries and fallbacks included."},
        {"budgets.*", "except", "value: amounts", "",
         "Values of `by` with amounts of their own: `{ research: { usd: 20000 } }`."},
        {"budgets.*", "window", "hour | day | week | month | quarter | total", "month",
         "When it begins anew."},
        {"budgets.*", "alert_at", "percent", "80", "Share at which it alerts."},
        {"budgets.*", "block_at", "100 | never", "by environment",
         "100 blocks in every environment, never in none."},
        {"budgets.*", "clamp", "off | rare | tail | always", "tail",
         "What a call that no longer fits may be admitted with: less output, where 99 of 100 "
         "answers of its kind need no more (`rare`), seven of ten do once no other call is in "
         "flight (`tail`), or never below `limits.min_output` (`always`)."},
        {"budgets.*", "mode", "observe", "", "`observe`: decided and recorded, not applied."},

        {"budgets.*.except.*", "usd", "amount", "", "In place of the budget's."},
        {"budgets.*.except.*", "tokens", "amount", "", "In place of the budget's."},
        {"budgets.*.except.*", "calls", "amount", "", "In place of the budget's."},
        {"budgets.*.except.*", "repeats", "amount", "", "In place of the budget's."},
        {"budgets.*.except.*", "attempts", "amount", "", "In place of the budget's."},

        {"access.*", "where", "dimension: value | list", "everybody",
         "Whom it restricts, by what keys are bound to: team, application, environment, task_type, "
         "user, key; or by an attribute of the team: department, cost_center, owner, group, "
         "team.NAME."},
        {"access.*", "models", "list of globs", "all",
         "As callers ask for them, or as providers are asked."},
        {"access.*", "providers", "list of globs", "all", "Providers by name."},
        {"access.*", "endpoints", "list of globs", "all",
         "chat_completions, responses, messages, embeddings and so on."},
        {"access.*", "mode", "observe", "", "`observe`: decided and recorded, not applied."},

        {"webhooks.*", "url", "URL | env:NAME | file:PATH", "",
         "Where events are posted. With many receivers it is a password: give it by reference."},
        {"webhooks.*", "format", "weir | slack | alertmanager", "weir; slack for hooks.slack.com",
         "The event as JSON, a Slack message, or Alertmanager's `/api/v2/alerts`."},
        {"webhooks.*", "secret", "env:NAME | file:PATH", "not signed",
         "Signs as Standard Webhooks says (`webhook-signature: v1,…`); `whsec_…` or any text."},
        {"webhooks.*", "events", "list of alert, exhausted, reset, overrun, orphan", "all",
         "What it is told of."},
        {"webhooks.*", "where", "team, budget or attribute: value | list", "everything",
         "Events of these teams, budgets, or teams with this `owner`, `department`, … alone. "
         "Globs."},
        {"webhooks.*", "ca", "path", "the system's", "A further trust anchor, PEM."},

        {"rate_limits.*", "where", "dimension: value | list", "everything",
         "What it counts, as of a budget."},
        {"rate_limits.*", "by", "dimension", "", "One instance for each value, as of a budget."},
        {"rate_limits.*", "requests", "count", "", "Client calls a minute."},
        {"rate_limits.*", "tokens", "count", "",
         "Tokens a minute: a call's most while it runs, what it used when it has ended."},
        {"rate_limits.*", "parallel", "count", "", "Calls in flight at once."},
        {"rate_limits.*", "burst", "seconds", "60",
         "As much as passes in this time may come at once."},

        {"prices", "import", "list of paths", "[]",
         "Catalogues: genai-prices, LiteLLM or models.dev JSON."},
        {"prices", "overlay", "path", "", "Negotiated rates, YAML."},

        {"limits", "header_bytes", "bytes", "65536", "Most of a request's head."},
        {"limits", "body_bytes", "bytes", "33554432", "Most of a request's body, decoded too."},
        {"limits", "default_max_output", "tokens", "16384",
         "Bound of the output where neither call nor catalogue names one."},
        {"limits", "min_output", "tokens", "1024",
         "No clamp goes below it, nor below the thinking budget."},
        {"limits", "busy_wait_ms", "ms", "0",
         "How long a call waits in line for what others hold before it is told `budget_busy`."},
        {"limits", "retry_percent", "0..1000", "50",
         "How many of a worker's calls may have one further attempt at another target, in the long "
         "run: trouble is not made larger by trying again."},
        {"limits", "connect_ms", "ms", "5000", "Dialing a provider."},
        {"limits", "first_byte_ms", "ms", "600000", "Waiting for a provider's answer to begin."},
        {"limits", "idle_ms", "ms", "300000", "Between bytes of a provider."},
        {"limits", "total_ms", "ms", "3600000", "A whole call, with all its attempts."},
        {"limits", "drain_ms", "ms", "600000", "Reading on for exact usage after the client left."},
        {"limits", "client_header_ms", "ms", "30000", "A client's head, once begun."},
        {"limits", "client_idle_ms", "ms", "60000", "Between bytes of a client, either way."},
        {"limits", "keep_alive_ms", "ms", "75000", "An idle client connection."},
        {"limits", "connections", "count", "20000", "Client connections of one worker."},
        {"limits", "provider_connections", "count", "4096", "To one provider, of one worker."},
    };
    return kKeys;
}

namespace {

void append_sections(std::string& out, const std::vector<ConfigKey>& keys) {
    std::string_view section = "-";
    for (const ConfigKey& key : keys) {
        if (key.section != section) {
            section = key.section;
            out += fmt::format(
                "\n## {}\n\n| key | value | default | |\n|---|---|---|---|\n",
                section.empty() ? std::string("Top level") : fmt::format("`{}`", section));
        }
        std::string type{key.type};
        for (auto at = type.find('|'); at != std::string::npos; at = type.find('|', at + 2)) {
            type.insert(at, "\\");
        }
        out += fmt::format(
            "| `{}` | {} | {} | {} |\n", key.name, type,
            key.fallback.empty() ? std::string("–") : fmt::format("`{}`", key.fallback), key.help);
    }
}

}  // namespace

std::string config_reference() {
    std::string out =
        "# Configuration reference\n\nPrinted by `weir check --reference`; a test keeps it so. "
        "Every key is optional. Unknown keys "
        "are errors.\n";
    append_sections(out, config_keys());
    out +=
        "\n# Files of `weir apply`\n\nTeams, keys' bindings, budgets and stops as they are to be; "
        "budgets are spelled as above.\n";
    std::vector<ConfigKey> own = apply_keys();
    std::erase_if(own, [](const ConfigKey& key) { return key.section.starts_with("budgets."); });
    append_sections(out, own);
    return out;
}

}  // namespace weir::app
