// From what is there to what a file says: the changes, each one request of the admin API. Pure.
#pragma once

#include <string>
#include <vector>

#include "app/admin_client.h"
#include "app/apply_file.h"

namespace weir::app {

// The lists that the admin API gives: active data keys, and all the others.
struct ApplyPresent {
    Json teams;
    Json keys;
    Json budgets;
    Json stops;
};

struct ApplyChange {
    enum class Verb : std::uint8_t { post, put, patch, remove };
    Verb verb = Verb::post;
    std::string path = {};
    Json body = nullptr;
    std::string subject = {};  // "budget ticket"
    Json before = nullptr;     // members by name; null: is not there yet
    Json after = nullptr;      // null: is there no more
};

struct ApplyPlan {
    // In the order in which they are to be made. A second plan over what they leave is empty.
    std::vector<ApplyChange> changes;
    // Keys that are not there, each with the command that mints it: secrets are no file's.
    std::vector<std::string> missing_keys;
};

// With `prune`, budgets and stops that their section leaves out go; teams and keys never do.
// Errors: conflict: what cannot be as the file says, one a line.
Result<ApplyPlan> plan_apply(const ApplyFile& file, const ApplyPresent& present, bool prune);

// "~ budget ticket: amount 2.00 → 5.00", one line.
std::string change_text(const ApplyChange& change);

}  // namespace weir::app
