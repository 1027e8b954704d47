// Which models, providers and endpoints a call may use, by who is known to make it (product.md §2):
// what a key is bound to, and rules by team, environment and the like. Judged before anything is
// told of a model, and again at each target, so that no alias, prefix or fallback leads around it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "core/attribution.h"
#include "core/call.h"
#include "core/condition.h"

namespace weir::core {

struct KeyRecord;
struct Policy;

// Allows those whom it names nothing but this. Of several that match, each must allow the call.
struct AccessRule {
    std::string name;
    // All must hold; none: everybody. Only what a key or an operator's rule says of a call counts:
    // a caller could evade its own word.
    std::vector<Condition> where = {};
    // Names or globs with '*'; empty: all. A model may be named as callers ask for it, or as its
    // provider is asked.
    std::vector<std::string> models = {};
    std::vector<std::string> providers = {};
    std::vector<std::string> endpoints = {};  // as endpoint_name
    bool observe = false;                     // decided and recorded, not applied
};

// A dimension by which a rule may be told: one that a key can be bound to.
bool is_access_dimension(Dimension d);

struct AccessRequest {
    const Policy* policy = nullptr;
    const KeyRecord* key = nullptr;
    const Attribution* attribution = nullptr;
    Endpoint endpoint = Endpoint::chat_completions;
    std::string_view asked_model = {};
    // Of the target; empty: it is not known yet, and nothing is said of it.
    std::string_view provider = {};
    std::string_view model = {};
    bool observe = false;  // rules are decided and recorded, not applied; the key's own list is
};

// `observed`: the names of rules that would have refused it, were they applied. Errors:
// model_not_allowed.
Result<> check_access(const AccessRequest& request, std::vector<std::string>& observed);

}  // namespace weir::core
