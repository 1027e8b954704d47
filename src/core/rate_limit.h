// Rate limits: how fast, never how much (product.md §1). Requests and tokens a minute by GCRA,
// calls at once by a gauge.
//
// Of each limit and unit one instant is kept: when all that was let through has passed at the set
// rate. A call is let through if that instant, with the call, is no further off than `burst`.
// Tokens are not known before the end: the call's bound stands beside the instant while it is in
// flight, and what it really used moves the instant at its end, so nothing is given back
// (ledger.md W13). Never of money: a rate refills, a budget does not.
//
// Pure state, guarded by the lock of the budgets; nothing of it is journaled: after a restart every
// limit is rested.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "core/attribution.h"
#include "core/budget.h"

namespace weir::core {

enum class RateUnit : std::uint8_t { requests, tokens, parallel };
std::string_view rate_unit_name(RateUnit u);

struct RateLimitSpec {
    std::string name;
    std::vector<Condition> where = {};
    std::optional<Facet> by = {};  // one instance for each value; missing value = "(none)"
    // A minute; 0 = not limited.
    std::int64_t requests = 0;
    std::int64_t tokens = 0;
    // In flight, those that are read on after their client left among them; 0 = not limited.
    std::int64_t parallel = 0;
    // What passes in this time may come at once, so no minute sees more than (60 s + burst) / 60 s
    // of the limit. One call may come always when the limit has rested.
    Duration burst = std::chrono::minutes{1};
};

// One unit of one limit, as a caller is told.
struct RateStanding {
    std::string limit;
    std::string instance;
    RateUnit unit = RateUnit::requests;
    std::int64_t amount = 0;     // a minute, or at once
    std::int64_t remaining = 0;  // may come at once
    Duration full_in{};          // until all of it may
};

// What an attempt that was let through occupies until `leave`.
struct RateTicket {
    struct Part {
        std::uint64_t limit = 0;  // as RateLimits numbers them
        std::string instance;
        std::int64_t tokens = 0;
        Duration request{};  // that it added to what is due; zero: it was no request
    };
    std::vector<Part> parts;
};

struct RateVerdict {
    UnixTime at;
    // The limit that refuses; nothing was taken from any.
    std::optional<RateStanding> refused;
    std::string observed;    // the limit that would have refused, were limits applied
    Duration retry_after{};  // zero: when a call in flight ends
    // The tightest of each unit, of those that match and may be shown to the caller; after the
    // call, if it was let through.
    std::vector<RateStanding> standings;
};

struct RateRequest {
    const Attribution* attribution = nullptr;
    std::string_view provider = {};
    std::string_view model = {};
    std::int64_t token_bound = 0;
    bool first_attempt = true;  // `requests` counts once for each client call
    UnixTime now = {};
};

class RateLimits {
 public:
    // `instances_max`: of one limit. Those at rest are dropped; beyond it calls that need a new one
    // are refused.
    explicit RateLimits(std::uint32_t instances_max = 200'000);
    ~RateLimits();
    RateLimits(const RateLimits&) = delete;

    // Limits that keep their name and `by` keep their standing.
    void define(std::vector<RateLimitSpec> specs);
    bool empty() const;

    // All matching limits or none: `check` takes nothing, `enter` takes what `check` has just let
    // through. Errors: too_many_trajectories.
    Result<> check(const RateRequest& request, RateVerdict& out);
    void enter(const RateRequest& request, RateVerdict& told, RateTicket& out);
    // Once for each ticket, also where the attempt failed. `tokens`: what it used.
    void leave(const RateTicket& ticket, std::int64_t tokens, UnixTime now);

    // Instead of `leave`, where the call was refused in the end: nothing was taken.
    void undo(const RateTicket& ticket);

    // Of every limit that a call of this attribution meets and may be shown (as budgets are:
    // budget_is_shown_to).
    std::vector<RateStanding> standings(const Attribution& attribution, UnixTime now) const;

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace weir::core
