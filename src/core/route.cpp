#include "core/route.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <string_view>
#include <utility>

#include "core/identify.h"

namespace weir::core {
namespace {

constexpr std::size_t kNamesTold = 3;
constexpr std::size_t kNameBytesTold = 64;  // longer names are not compared

const ProviderRecord* provider_named(const Policy& policy, std::string_view name) {
    const auto found = std::ranges::find(policy.providers, name, &ProviderRecord::name);
    return found == policy.providers.end() ? nullptr : &*found;
}

const PriceRow* price_of(const Policy& policy, const ProviderRecord& provider,
                         std::string_view model, UnixTime now) {
    if (policy.prices == nullptr || provider.price_vendor.empty()) return nullptr;
    return policy.prices->find(provider.price_vendor, model, now);
}

Target make_target(const Policy& policy, const ProviderRecord& provider, std::string model,
                   std::string_view asked, UnixTime now) {
    Target target;
    target.provider = &provider;
    target.model_changed = model != asked;
    target.price = price_of(policy, provider, model, now);
    // An unpriced model of a known vendor is bounded by the vendor's dearest (product.md §3.7).
    const bool unpriced = target.price == nullptr && !provider.free;
    if (unpriced && policy.prices != nullptr && !provider.price_vendor.empty()) {
        target.price = policy.prices->dearest_of(provider.price_vendor, now);
        target.provisional = target.price != nullptr;
    }
    if (target.price != nullptr) target.price_id = target.price->id;
    target.model = std::move(model);
    return target;
}

struct Prefixed {
    const ProviderRecord* provider = nullptr;
    std::string_view model;
};

// "provider/model" of a provider that is configured. Names with a slash of their own stay whole.
Prefixed split_prefix(const Policy& policy, std::string_view name) {
    const std::size_t slash = name.find('/');
    if (slash == std::string_view::npos || slash + 1 == name.size()) return {};
    return {provider_named(policy, name.substr(0, slash)), name.substr(slash + 1)};
}

bool lists(const ProviderRecord& provider, std::string_view model) {
    return std::ranges::any_of(
        provider.models, [model](const std::string& glob) { return glob_matches(glob, model); });
}

// The vendor whose own dialect the endpoint is.
Vendor vendor_of(Endpoint endpoint) {
    return dialect_of(endpoint) == Dialect::anthropic ? Vendor::anthropic : Vendor::openai;
}

const ProviderRecord* choose(const Policy& policy, const CallShape& shape, UnixTime now) {
    std::vector<const ProviderRecord*> open;  // those that speak and do not list what they serve
    for (const ProviderRecord& provider : policy.providers) {
        if (!speaks(provider, shape.endpoint)) continue;
        if (lists(provider, shape.model)) return &provider;
        if (provider.models.empty()) open.push_back(&provider);
    }
    // The endpoint's own vendor first, then whoever else has a price for it.
    for (const bool native : {true, false}) {
        for (const ProviderRecord* provider : open) {
            if ((provider->vendor == vendor_of(shape.endpoint)) != native) continue;
            if (price_of(policy, *provider, shape.model, now) != nullptr) return provider;
        }
    }
    return open.size() == 1 ? open.front() : nullptr;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
        }
    }
    return row[b.size()];
}

// Names that may be asked for on this endpoint, as far as Weir knows any.
std::set<std::string_view> served_names(const Policy& policy, Endpoint endpoint) {
    std::set<std::string_view> names;
    std::set<std::string_view> vendors;
    for (const auto& [name, route] : policy.routes) {
        if (!name.contains('*')) names.insert(name);
    }
    for (const ProviderRecord& provider : policy.providers) {
        if (!speaks(provider, endpoint)) continue;
        for (const std::string& name : provider.models) {
            if (!name.contains('*')) names.insert(name);
        }
        if (provider.models.empty()) vendors.insert(provider.price_vendor);
    }
    if (policy.prices == nullptr) return names;
    for (const PriceRow& row : policy.prices->rows()) {
        if (vendors.contains(row.provider)) names.insert(row.model);
    }
    return names;
}

std::string nearest_names(const Policy& policy, const CallShape& shape) {
    if (shape.model.size() > kNameBytesTold) return {};
    std::vector<std::pair<std::size_t, std::string_view>> near;
    const std::size_t most = std::max<std::size_t>(2, shape.model.size() / 3);
    for (const std::string_view name : served_names(policy, shape.endpoint)) {
        if (name.size() > shape.model.size() + most || name.size() + most < shape.model.size()) {
            continue;
        }
        const std::size_t distance = edit_distance(shape.model, name);
        if (distance <= most) near.emplace_back(distance, name);
    }
    std::ranges::sort(near);
    std::string out;
    for (std::size_t i = 0; i < std::min(near.size(), kNamesTold); ++i) {
        if (i != 0) out += ", ";
        out += near[i].second;
    }
    return out;
}

std::unexpected<Error> unknown(const Policy& policy, const CallShape& shape) {
    const bool any = std::ranges::any_of(
        policy.providers,
        [&shape](const ProviderRecord& provider) { return speaks(provider, shape.endpoint); });
    if (!any) {
        const std::string_view key =
            vendor_of(shape.endpoint) == Vendor::anthropic ? "ANTHROPIC_API_KEY" : "OPENAI_API_KEY";
        return fail(ErrorCode::unknown_model,
                    "No provider is configured for this endpoint: the operator can set " +
                        std::string{key} +
                        " where weir runs, or name a provider in its "
                        "configuration.");
    }
    std::string message =
        "The model \"" + shape.model.substr(0, kNameBytesTold) + "\" is not known to this gateway.";
    if (const std::string near = nearest_names(policy, shape); !near.empty()) {
        message += " Nearest: " + near + ".";
    } else {
        message += " Name it as provider/model to choose the provider.";
    }
    return fail(ErrorCode::unknown_model, std::move(message));
}

// In [0, 1), evenly, and as if by chance.
double chance(std::uint64_t spread, std::string_view name, std::uint64_t number) {
    std::uint64_t x = spread ^ number * 0x9e37'79b9'7f4a'7c15;
    for (const char c : name) x = (x ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3;
    x ^= x >> 33;
    x *= 0xff51'afd7'ed55'8ccd;
    x ^= x >> 33;
    x *= 0xc4ce'b9fe'1a85'ec53;
    x ^= x >> 33;
    return static_cast<double>(x >> 11) * 0x1p-53;
}

// Rendezvous hashing: each comes first in proportion to its weight, and those whose first is gone
// are spread over the rest alike.
double score(double weight, double chance) { return -std::log1p(-chance) / weight; }

// The provider's keys in this call's order.
std::vector<std::uint16_t> keys_in_order(const ProviderRecord& provider, std::uint64_t spread) {
    std::vector<std::uint16_t> keys(provider.more_keys.size() + 1);
    std::iota(keys.begin(), keys.end(), std::uint16_t{0});
    std::ranges::sort(keys, {}, [&provider, spread](std::uint16_t key) {
        return score(1, chance(spread, provider.name, key + 1u));
    });
    return keys;
}

void add_by_each_key(Plan& plan, Target target, std::uint64_t spread) {
    if (target.provider->more_keys.empty()) return plan.targets.push_back(std::move(target));
    for (const std::uint16_t key : keys_in_order(*target.provider, spread)) {
        target.key = key;
        plan.targets.push_back(target);
    }
}

const RouteRecord* route_named(const Policy& policy, const std::string& model) {
    if (const auto exact = policy.routes.find(model); exact != policy.routes.end()) {
        return &exact->second;
    }
    const std::string* longest = nullptr;
    const RouteRecord* found = nullptr;
    for (const auto& [name, route] : policy.routes) {
        if (!name.contains('*') || !glob_matches(name, model)) continue;
        if (longest != nullptr && name.size() <= longest->size()) continue;
        longest = &name;
        found = &route;
    }
    return found;
}

std::vector<RouteTarget> in_order(const RouteRecord& route, std::uint64_t spread) {
    std::vector<RouteTarget> targets = route.targets;
    if (std::ranges::any_of(targets, [](const RouteTarget& t) { return t.weight > 0; })) {
        std::ranges::sort(targets, {}, [spread](const RouteTarget& t) {
            return score(static_cast<double>(t.weight), chance(spread, t.provider + t.model, 0));
        });
    }
    return targets;
}

// Targets of a route that speak the call's dialect, in order.
Plan follow(const Policy& policy, const RouteRecord& route, const CallShape& shape, UnixTime now,
            std::uint64_t spread) {
    Plan plan{.targets = {},
              .first_byte_timeout_ms = route.first_byte_timeout_ms,
              .filtered_goes_on = route.filtered_goes_on};
    for (const RouteTarget& step : in_order(route, spread)) {
        const ProviderRecord* provider = provider_named(policy, step.provider);
        if (provider == nullptr || !speaks(*provider, shape.endpoint)) continue;
        add_by_each_key(
            plan,
            make_target(policy, *provider, step.model.empty() ? shape.model : step.model,
                        shape.model, now),
            spread);
    }
    return plan;
}

}  // namespace

bool speaks(const ProviderRecord& provider, Endpoint endpoint) {
    switch (endpoint) {
        case Endpoint::models:
            return true;
        case Endpoint::messages:
        case Endpoint::count_tokens:
            return provider.vendor == Vendor::anthropic;
        case Endpoint::chat_completions:
        case Endpoint::completions:
        case Endpoint::embeddings:
        case Endpoint::responses:
            return provider.vendor != Vendor::anthropic;
        case Endpoint::responses_input_tokens:
        case Endpoint::responses_compact:
            return provider.vendor == Vendor::openai;
    }
    return false;
}

Result<Plan> route(const Policy& policy, const CallShape& shape, UnixTime now,
                   std::uint64_t spread) {
    Plan plan;
    const Prefixed prefixed = split_prefix(policy, shape.model);
    if (prefixed.provider != nullptr && speaks(*prefixed.provider, shape.endpoint)) {
        add_by_each_key(
            plan,
            make_target(policy, *prefixed.provider, std::string{prefixed.model}, shape.model, now),
            spread);
        return plan;
    }
    if (const RouteRecord* named = route_named(policy, shape.model); named != nullptr) {
        plan = follow(policy, *named, shape, now, spread);
        if (!plan.targets.empty()) return plan;
        return fail(ErrorCode::unknown_model,
                    "No target of the route \"" + shape.model + "\" serves this endpoint.");
    }
    const ProviderRecord* provider = choose(policy, shape, now);
    if (provider == nullptr) return unknown(policy, shape);
    add_by_each_key(plan, make_target(policy, *provider, shape.model, shape.model, now), spread);
    return plan;
}

}  // namespace weir::core
