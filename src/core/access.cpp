#include "core/access.h"

#include <algorithm>

#include "core/identify.h"
#include "core/policy.h"

namespace weir::core {
namespace {

// Of a condition: what is not trusted counts as missing.
std::string_view trusted_value(const Facet& facet, const Attribution& attribution) {
    if (!is_trusted(attribution.source(facet.dimension))) return {};
    const std::string& value = attribution.of(facet.dimension);
    return facet.attribute.empty() ? std::string_view{value} : facet.value_of(value);
}

bool is_of(const AccessRule& rule, const AccessRequest& request) {
    return std::ranges::all_of(rule.where, [&request](const Condition& condition) {
        return condition.holds(trusted_value(condition.facet, *request.attribution));
    });
}

// The list of models names none.
bool allows_model(const std::vector<std::string>& models, const AccessRequest& request) {
    return request.endpoint == Endpoint::models || name_allowed(models, request.asked_model) ||
           (!request.model.empty() && name_allowed(models, request.model));
}

std::string not_allowed(const AccessRule& rule, std::string_view what, std::string_view which) {
    std::string text = "Access rule " + rule.name + " does not allow " + std::string{what} + " '";
    return text.append(which).append("' here.");
}

// Empty: it does.
std::string why_not(const AccessRule& rule, const AccessRequest& request) {
    if (!name_allowed(rule.endpoints, endpoint_name(request.endpoint))) {
        return not_allowed(rule, "the endpoint", endpoint_name(request.endpoint));
    }
    if (!allows_model(rule.models, request)) {
        return not_allowed(rule, "the model", request.asked_model);
    }
    if (!request.provider.empty() && !name_allowed(rule.providers, request.provider)) {
        return not_allowed(rule, "the provider", request.provider);
    }
    return {};
}

}  // namespace

bool is_access_dimension(Dimension d) {
    switch (d) {
        case Dimension::team:
        case Dimension::application:
        case Dimension::environment:
        case Dimension::task_type:
        case Dimension::user:
        case Dimension::key:
            return true;
        default:
            return false;
    }
}

Result<> check_access(const AccessRequest& request, std::vector<std::string>& observed) {
    if (!allows_model(request.key->models, request)) {
        return fail(ErrorCode::model_not_allowed,
                    "The key may not use the model '" + std::string{request.asked_model} + "'.");
    }
    for (const AccessRule& rule : request.policy->access) {
        if (!is_of(rule, request)) continue;
        std::string why = why_not(rule, request);
        if (why.empty()) continue;
        if (!rule.observe && !request.observe)
            return fail(ErrorCode::model_not_allowed, std::move(why));
        if (std::ranges::find(observed, rule.name) == observed.end()) observed.push_back(rule.name);
    }
    return {};
}

}  // namespace weir::core
