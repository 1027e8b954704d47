// What a budget is: which calls it counts, into which instances, how much of what, in which window,
// and what happens when it is reached (product.md §1, §2). Values only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/money.h"
#include "base/time.h"
#include "core/attribution.h"
#include "core/condition.h"
#include "core/zone.h"

namespace weir::core {

// `calls`: of clients, admitted. `repeats`: those of them that were among the last 64 of the same
// instance already. `attempts`: tries at a provider, those of fallbacks and retries included.
enum class BudgetUnit : std::uint8_t { usd, tokens, calls, repeats, attempts };
inline constexpr std::array kBudgetUnits{BudgetUnit::usd, BudgetUnit::tokens, BudgetUnit::calls,
                                         BudgetUnit::repeats, BudgetUnit::attempts};
// Of what happens, rather than of what it consumes: known when it is admitted.
constexpr bool counts_events(BudgetUnit u) { return u >= BudgetUnit::calls; }
enum class WindowKind : std::uint8_t { hour, day, week, month, quarter, total };
// What the amount does when it is reached. `by_environment`: blocks unless the call's environment
// is lenient *by a trusted source* (product.md §3.1).
enum class Blocking : std::uint8_t { by_environment, always, never };
// When a call that does not fit any more is admitted with less output than it asked for, rather
// than refused: where that is enough for 99 of 100 of its kind, for seven of ten once no other call
// is in flight, or for whatever its least is. Money merely held is waited for, never clamped to.
enum class Clamp : std::uint8_t { off, rare, tail, always };
std::string_view budget_unit_name(BudgetUnit u);
std::string_view window_name(WindowKind w);
std::string_view clamp_name(Clamp c);

// More for a while, on top of the amount.
struct BudgetRaise {
    std::int64_t id = 0;        // of the store
    std::string instance = {};  // of this one alone; empty: of each
    Int128 by = 0;
    UnixTime until = {};
    std::string reason = {};
    std::string actor = {};
    bool operator==(const BudgetRaise&) const = default;
};

struct BudgetSpec {
    std::uint64_t id =
        0;  // immutable; minted by the store; same name re-created adopts its balance
    std::string name;
    std::vector<Condition> where = {};
    std::optional<Facet> by = {};  // one instance for each value; missing value = "(none)"
    BudgetUnit unit = BudgetUnit::usd;
    Int128 amount = 0;  // pico-USD, or a count
    // Instances with an amount of their own, by name, sorted. Of a budget with `by`.
    std::vector<std::pair<std::string, Int128>> except = {};
    WindowKind window = WindowKind::month;
    std::shared_ptr<const Zone> zone = {};  // by whose calendar; nullptr: UTC
    int alert_percent = 80;
    Blocking blocking = Blocking::by_environment;
    Clamp clamp = Clamp::tail;
    bool observe = false;  // decided and recorded, not applied
    std::vector<BudgetRaise> raises = {};
    std::uint64_t version = 0;
};

// With what raises add at that instant.
Int128 amount_for(const BudgetSpec& spec, std::string_view instance, UnixTime now);

// [start, end) in seconds UTC; total = [0, INT64_MAX).
struct WindowSpan {
    std::int64_t start = 0;
    std::int64_t end = 0;
    bool operator==(const WindowSpan&) const = default;
};
WindowSpan window_at(WindowKind kind, UnixTime at, const Zone& zone = {});
WindowSpan window_at(const BudgetSpec& spec, UnixTime at);

// Does the budget count such a call, and against which instance? For who reads the ledger; the road
// asks Budgets. Instances by trajectory are named "team/trajectory" (product.md §3.9), a missing
// value "(none)". `provider` and `model` may be empty where the attribution has them.
bool budget_matches(const BudgetSpec& spec, const Attribution& attribution,
                    std::string_view provider = {}, std::string_view model = {});
std::string budget_instance(const BudgetSpec& spec, const Attribution& attribution,
                            std::string_view provider = {}, std::string_view model = {});

// Does this instance count that team's calls alone?
bool budget_is_of_team(const BudgetSpec& spec, std::string_view instance, std::string_view team);
// May who calls so be shown the instance's figures? Its team's own, and its key's; a pot from which
// others spend would tell of them (product.md §3.13, §3.14).
bool budget_is_shown_to(const Attribution& caller, const BudgetSpec& spec,
                        std::string_view instance);

}  // namespace weir::core
