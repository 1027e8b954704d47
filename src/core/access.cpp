#include "core/access.h"

#include <algorithm>

#include "core/budget_match.h"
#include "core/identify.h"
#include "core/policy.h"

namespace weir::core {
namespace {

// A missing value is matched by its name alone, not by a glob over values.
bool holds(const AccessCondition& condition, std::string_view value) {
    if (value.empty())
        return std::ranges::find(condition.any_of, kNoValue) != condition.any_of.end();
    return std::ranges::any_of(condition.any_of, [value](const std::string& pattern) {
        return glob_matches(pattern, value);
    });
}

std::string_view trusted_value(const AccessCondition& condition, const AccessRequest& request) {
    const Attribution& attribution = *request.attribution;
    if (condition.dimension) {
        const bool trusted = is_trusted(attribution.source(*condition.dimension));
        return trusted ? std::string_view{attribution.of(*condition.dimension)} : "";
    }
    const auto team = request.policy->teams.find(attribution.of(Dimension::team));
    if (team == request.policy->teams.end()) return {};
    const auto attribute = team->second.attributes.find(condition.attribute);
    return attribute == team->second.attributes.end() ? std::string_view{} : attribute->second;
}

bool is_of(const AccessRule& rule, const AccessRequest& request) {
    return std::ranges::all_of(rule.where, [&request](const AccessCondition& condition) {
        return holds(condition, trusted_value(condition, request));
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
