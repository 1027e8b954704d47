#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <fmt/ostream.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "app/commands.h"
#include "app/price_sources.h"
#include "core/budget_outlook.h"
#include "provider/provider.h"

namespace weir::app {
namespace {

struct CheckOptions {
    std::string config_file;
    bool reference = false;
    bool endpoints = false;
};

// Dimensions that a caller can say of itself, without the key's word.
bool callers_can_set(core::Dimension d) {
    using enum core::Dimension;
    switch (d) {
        case team:
        case environment:
        case user:
        case key:
        case provider:
        case model:
            return false;
        default:
            return true;
    }
}

std::string quantity_text(core::BudgetUnit unit, Int128 amount) {
    if (unit == core::BudgetUnit::usd) return "$" + Money::from_pico(amount).to_usd();
    return to_string(amount) + " " + std::string(core::budget_unit_name(unit));
}

// "", or " (research $20000)"
std::string exceptions_text(const core::BudgetSpec& spec) {
    std::string out;
    for (const auto& [instance, amount] : spec.except) {
        out += fmt::format("{}{} {}", out.empty() ? " (" : ", ", instance,
                           quantity_text(spec.unit, amount));
    }
    return out.empty() ? out : out + ")";
}

// Of a budget or a rate limit.
std::vector<std::string> evadable(const auto& spec) {
    std::vector<std::string> names;
    for (const auto& condition : spec.where) {
        if (callers_can_set(condition.facet.dimension)) {
            names.push_back(condition.facet.name());
        }
    }
    if (spec.by && callers_can_set(spec.by->dimension)) names.push_back(spec.by->name());
    return names;
}

// " by team, for environment=staging"
std::string scope_text(const auto& spec) {
    std::string out = spec.by ? " by " + spec.by->name() : "";
    return spec.where.empty() ? out : out + ", for " + core::conditions_text(spec.where);
}

// "60 requests and 100000 tokens a minute, 8 calls at once"
std::string rates_text(const core::RateLimitSpec& spec) {
    std::string out;
    if (spec.requests > 0) out += fmt::format("{} requests", spec.requests);
    if (spec.tokens > 0) out += fmt::format("{}{} tokens", out.empty() ? "" : " and ", spec.tokens);
    if (!out.empty()) out += " a minute";
    if (spec.parallel > 0) {
        out += fmt::format("{}{} calls at once", out.empty() ? "" : ", ", spec.parallel);
    }
    return out;
}

std::string_view zone_name(const Config& config) {
    return config.zone ? std::string_view{config.zone->name()} : "UTC";
}

std::string joined(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
    return out;
}

void tell_evadable(std::ostream& out, const std::vector<std::string>& names, const char* what) {
    if (names.empty()) return;
    fmt::print(out,
               "             ! callers can set {}: bind it in the key, or keep a {} above this one "
               "that they cannot evade\n",
               joined(names), what);
}

void tell_access(std::ostream& out, const core::AccessRule& rule) {
    std::string only;
    auto add = [&only](const char* what, const std::vector<std::string>& names) {
        if (names.empty()) return;
        only += fmt::format("{}{} {}", only.empty() ? "" : "; ", what, joined(names));
    };
    add("models", rule.models);
    add("providers", rule.providers);
    add("endpoints", rule.endpoints);
    fmt::print(out, "  access     {:<12} {} for {}{}\n", rule.name, only,
               core::conditions_text(rule.where, "everybody"),
               rule.observe ? ": observed only" : "");
}

void tell_webhook(std::ostream& out, const telemetry::Webhook& webhook) {
    std::vector<std::string> kinds;
    for (const auto kind : webhook.events) kinds.emplace_back(store::event_kind_name(kind));
    fmt::print(out, "  webhook    {:<12} {} to {}{}\n", webhook.name,
               kinds.empty() ? "all events" : joined(kinds), webhook.address.host,
               webhook.signing_key.empty() ? "" : ", signed");
}

void tell(std::ostream& out, const Config& config, const core::PriceBook& prices) {
    fmt::print(out, "{}: good\n", config.file.empty() ? "the environment" : config.file);
    fmt::print(out, "  data       {}\n  listen     {}\n  admin      {}\n  prices     {} rows\n",
               config.data_dir, config.listen.text(), config.admin.text(), prices.rows().size());
    fmt::print(out, "  timezone   {}\n", zone_name(config));
    for (const auto& provider : config.providers) {
        fmt::print(out, "  provider   {:<12} {}://{}:{}{}{}\n", provider.name,
                   provider.tls ? "https" : "http", provider.host, provider.port,
                   provider.path_prefix, provider.free ? "  free" : "");
        bool unpriced = provider.price_vendor.empty() && !provider.free;
        if (unpriced) {
            fmt::print(out,
                       "             ! no price book: its calls are unpriced, and refused under "
                       "blocking budgets; say `prices:` or `price: free`\n");
        }
    }
    if (config.budgets.empty()) fmt::print(out, "  budgets    none: nothing is held back\n");
    for (const auto& budget : config.budgets) {
        fmt::print(out, "  budget     {:<12} {} a {}{}{}: {}\n", budget.name,
                   quantity_text(budget.unit, budget.amount), core::window_name(budget.window),
                   scope_text(budget), exceptions_text(budget), core::budget_kind(budget));
        tell_evadable(out, evadable(budget), "budget");
    }
    for (const auto& limit : config.rate_limits) {
        fmt::print(out, "  rate limit {:<12} {}{}\n", limit.name, rates_text(limit),
                   scope_text(limit));
        tell_evadable(out, evadable(limit), "rate limit");
    }
    for (const auto& rule : config.access) tell_access(out, rule);
    for (const auto& webhook : config.webhooks) tell_webhook(out, webhook);
}

void tell_json(std::ostream& out, const Config& config, const core::PriceBook& prices) {
    nlohmann::ordered_json doc;
    doc["file"] = config.file;
    doc["data"] = config.data_dir;
    doc["listen"] = config.listen.text();
    doc["admin"] = config.admin.text();
    doc["timezone"] = zone_name(config);
    doc["price_rows"] = prices.rows().size();
    doc["price_book"] = prices.hash();
    doc["providers"] = nlohmann::json::array();
    for (const auto& provider : config.providers) {
        doc["providers"].push_back({{"name", provider.name},
                                    {"host", provider.host},
                                    {"port", provider.port},
                                    {"tls", provider.tls},
                                    {"prices", provider.price_vendor},
                                    {"free", provider.free}});
    }
    doc["budgets"] = nlohmann::json::array();
    for (const auto& budget : config.budgets) {
        doc["budgets"].push_back({{"name", budget.name},
                                  {"kind", core::budget_kind(budget)},
                                  {"for", core::conditions_text(budget.where)},
                                  {"callers_can_set", evadable(budget)}});
    }
    doc["rate_limits"] = nlohmann::json::array();
    for (const auto& limit : config.rate_limits) {
        doc["rate_limits"].push_back({{"name", limit.name}, {"callers_can_set", evadable(limit)}});
    }
    doc["access"] = nlohmann::json::array();
    for (const auto& rule : config.access) {
        doc["access"].push_back({{"name", rule.name},
                                 {"for", core::conditions_text(rule.where, "everybody")},
                                 {"models", rule.models},
                                 {"providers", rule.providers},
                                 {"endpoints", rule.endpoints},
                                 {"mode", rule.observe ? "observe" : "enforce"}});
    }
    doc["webhooks"] = nlohmann::json::array();
    for (const auto& webhook : config.webhooks) {
        doc["webhooks"].push_back({{"name", webhook.name},
                                   {"host", webhook.address.host},
                                   {"format", telemetry::webhook_format_name(webhook.format)}});
    }
    fmt::print(out, "{}\n", doc.dump(2));
}

int check(CliContext& context, const CheckOptions& options) {
    if (options.reference) {
        context.out << config_reference();
        return kExitDone;
    }
    if (options.endpoints) {
        context.out << endpoint_reference();
        return kExitDone;
    }
    auto config = find_config(context, options.config_file);
    if (!config) {
        fmt::print(context.err, "{}\n", config.error().message());
        return kExitFailed;
    }
    auto prices = read_price_book(*config);
    if (!prices) {
        fmt::print(context.err, "{}\n", prices.error().message());
        return kExitFailed;
    }
    (context.json ? tell_json : tell)(context.out, *config, *prices->book);
    return kExitDone;
}

}  // namespace

std::string endpoint_reference() {
    return "# Endpoints\n\nPrinted by `weir check --endpoints`; a test keeps it so. Nothing passes "
           "unseen: an endpoint is governed\n(admitted against budgets and metered), free (written "
           "down, against no budget) or refused.\n\n" +
           provider::endpoints_markdown();
}

void add_check_command(CLI::App& app, CliContext& context) {
    auto options = std::make_shared<CheckOptions>();
    CLI::App* check_app =
        app.add_subcommand("check", "Read the configuration, say what it means, change nothing");
    check_app->add_option("-c,--config", options->config_file, "Configuration file");
    check_app->add_flag("--json", context.json, "Print JSON, for programs");
    check_app->add_flag("--reference", options->reference, "Print every key of the file");
    check_app->add_flag("--endpoints", options->endpoints, "Print the fate of every endpoint");
    check_app->footer(
        "Says of each budget whether it is hard, hard outside production or alerts only, and "
        "which\n"
        "rules rest on what callers say of themselves. Every error is told with its line.");
    check_app->callback([&context, options] {
        context.run = [&context, options] {
            return check(context, *options);
        };
    });
}

}  // namespace weir::app
