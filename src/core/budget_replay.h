// What other budgets, or other prices, would have done with calls that were made. The past is given
// attempt by attempt, in the order of admission; `Budgets` itself decides on each again, and ends
// it when it ended then, so that holds overlap as they did.
//
// What it cannot know: what callers would have done after a refusal (so it says what was refused,
// and apart from it what came later in the same trajectory); whether a call that would have been
// shortened had been content (it counts as refused); what repeats another (no entry says it).
// Pure. Thread: one at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "core/attribution.h"
#include "core/budget.h"

namespace weir::core {

struct PastAttempt {
    AttemptId id;
    UnixTime admitted_at;
    std::optional<UnixTime> ended_at;  // nullopt: it is in flight
    bool released = false;             // ended without having been sent
    bool refused = false;  // then, by a budget: it has a bound, and nobody knows what it had cost
    bool counts_call = true;  // as ReserveRequest::first_attempt
    Attribution attribution;
    std::string provider;
    std::string model;
    bool environment_is_lenient = false;
    Money bound;
    std::int64_t token_bound = 0;
    Money cost;            // what reports show of it
    SettleAmounts charge;  // what balances do
};

struct ReplayCount {
    std::int64_t calls = 0;
    Money cost;
    void add(bool is_call, Money its_cost) {
        calls += is_call ? 1 : 0;
        cost += its_cost;
    }
};

// One instance of a budget over the whole time. A call that several budgets would have refused
// counts where its caller would have been told of it.
struct ReplayInstance {
    std::uint64_t budget_id = 0;
    std::string instance;
    std::optional<UnixTime> alerted_at;  // first at its share for alerts
    std::optional<UnixTime> reached_at;  // first at its amount
    std::optional<UnixTime> refused_at;  // first refusal
    ReplayCount refused;
    // Let pass, in a trajectory that it had refused a call of before: an agent that had stopped
    // there had not made them.
    ReplayCount after;
    std::map<std::string, ReplayCount> by_team;  // of `refused`
};

struct ReplayReport {
    ReplayCount seen;  // all that was decided on again
    ReplayCount refused;
    ReplayCount after;
    std::int64_t waited = 0;  // calls that others' holds had kept waiting, and that went on
    // Refused then, for money, and fitting now. Their bounds stand for costs that nobody knows.
    std::int64_t passing_calls = 0;
    Money passing_bound;
    std::vector<ReplayInstance> instances;  // of which there is something to tell
};

class BudgetReplay {
 public:
    struct Options {
        std::uint32_t instances_max = 500'000;
        // A call that waits for what others hold gives up after that, as clients do, and counts as
        // refused.
        Duration patience = std::chrono::minutes{10};
    };
    // Raises of the specs do not apply: they are of another time. Ids are distinct.
    BudgetReplay(std::vector<BudgetSpec> specs, UnixTime from, Options options);
    BudgetReplay(std::vector<BudgetSpec> specs, UnixTime from);
    ~BudgetReplay();
    BudgetReplay(const BudgetReplay&) = delete;

    // From when on attempts are needed: those before `from` in windows that were open then are
    // counted, and not refused.
    UnixTime needs_from() const;
    // In order of admission. Errors: invalid_parameter (more instances than it keeps).
    Result<> add(PastAttempt attempt);
    // Lets all that is in flight end. Once. Errors: as of `add`.
    Result<ReplayReport> finish();

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace weir::core
