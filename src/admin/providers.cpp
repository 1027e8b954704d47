#include <cmath>
#include <fmt/format.h>

#include "admin/fields.h"
#include "admin/handlers.h"

namespace weir::admin {
namespace {

using core::TargetHealth;

std::string_view state_name(TargetHealth::State state) {
    switch (state) {
        case TargetHealth::State::open:
            return "open";
        case TargetHealth::State::cooling:
            return "cooling";
        case TargetHealth::State::probing:
            return "probing";
    }
    return "open";
}

std::string_view vendor_name(core::Vendor vendor) {
    switch (vendor) {
        case core::Vendor::openai:
            return "openai";
        case core::Vendor::anthropic:
            return "anthropic";
        case core::Vendor::openai_compatible:
            return "openai_compatible";
    }
    return "openai_compatible";
}

double seconds(Duration d) {
    return std::round(std::chrono::duration<double>(d).count() * 1000) / 1000;
}

Json known(std::int64_t n) { return n < 0 ? Json{} : Json(n); }

Json target_json(const TargetHealth::Figures& f) {
    Json out{{"model", f.model},
             {"key", f.key + 1},
             {"state", state_name(f.state)},
             {"cooldown_seconds", seconds(f.cooldown_left)},
             {"last_trouble", core::trouble_name(f.last_trouble)},
             {"attempts", f.attempts},
             {"failures", f.failures},
             {"recent_failure_rate", std::round(f.recent_failure_rate * 1000) / 1000},
             {"first_byte_seconds", seconds(f.first_byte)}};
    out["quota"] = {{"requests_left", known(f.quota.requests_left)},
                    {"requests_limit", known(f.quota.requests_limit)},
                    {"tokens_left", known(f.quota.tokens_left)},
                    {"tokens_limit", known(f.quota.tokens_limit)}};
    return out;
}

Json provider_json(const core::ProviderRecord& provider,
                   const std::vector<TargetHealth::Figures>& figures) {
    Json targets = Json::array();
    for (const TargetHealth::Figures& f : figures) {
        if (f.provider == provider.name) targets.push_back(target_json(f));
    }
    const bool has_key = !provider.key.empty();
    return {{"name", provider.name},
            {"vendor", vendor_name(provider.vendor)},
            {"host", fmt::format("{}:{}", provider.host, provider.port)},
            {"tls", provider.tls},
            {"keys", has_key ? provider.more_keys.size() + 1 : 0},
            {"targets", std::move(targets)}};
}

}  // namespace

Result<Answer> list_providers(Services& services, const Request& request) {
    Fields query = Fields::of_query(request.query, {});
    if (Result<> good = query.problem(); !good) return std::unexpected(std::move(good).error());
    const std::vector<TargetHealth::Figures> figures = services.targets();
    Json list = Json::array();
    for (const core::ProviderRecord& provider : services.policy()->providers) {
        list.push_back(provider_json(provider, figures));
    }
    return answer({{"providers", std::move(list)}});
}

}  // namespace weir::admin
