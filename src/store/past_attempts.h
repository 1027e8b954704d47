// The attempts of a time, and what was refused for money in it, in the order of admission, as
// core/budget_replay takes them. Internal to store/simulation. Thread: one at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/budget_replay.h"
#include "core/usage.h"
#include "store/sqlite.h"

namespace weir::store {

struct PastRow {
    core::PastAttempt attempt;  // environment_is_lenient is for others to say
    std::int64_t row = 0;       // of `entries`
    std::string price_vendor;
    bool is_billed = true;  // to whom runs this gateway, by a price a token
};

struct PastTime {
    UnixTime from;
    UnixTime refusals_from;  // refusals before it are of no interest
    UnixTime until;          // exclusive
};

class PastAttempts {
 public:
    // `database` outlives it. With `token_bounds` it finds out what calls held of tokens.
    static Result<PastAttempts> open(Database& database, const PastTime& time, bool token_bounds);

    // The next one, valid until it is asked again; nullptr: the end. Errors: io, corrupt.
    Result<PastRow*> next();
    // What an attempt consumed, from its charges.
    Result<core::Usage> usage_of(const PastRow& row);

 private:
    // One table, read a page at a time.
    struct Pages {
        Statement statement;
        bool of_refusals = false;
        UnixTime until = {};
        UnixTime after_at = {};
        AttemptId after_id = {};
        std::vector<PastRow> rows = {};
        std::size_t place = 0;
        bool ended = false;
    };
    explicit PastAttempts(bool token_bounds) : token_bounds_(token_bounds) {}
    Result<> turn_page(Pages& pages);
    Result<> read(const Pages& pages, PastRow& out) const;
    Result<> correct(PastRow& row);

    bool token_bounds_ = false;
    Pages entries_;
    Pages refusals_;
    Statement corrections_;
    Statement charges_;
};

}  // namespace weir::store
