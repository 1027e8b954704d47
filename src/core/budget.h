// Budgets that hold: a spend query with an amount (design.md §6, ledger.md §1).
//
// Pure state: no clock, no lock, no IO. The gateway guards one Budgets with one mutex for all
// workers; a reserve across six scopes takes well under a microsecond and allocates nothing once
// its instances exist.
//
// Order that the road keeps (ledger.md §0.7): reserve here → write admit → dispatch; write end →
// settle here. Raising an amount is journaled first; lowering is done here first.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/money.h"
#include "base/time.h"
#include "core/attribution.h"

namespace weir::core {

enum class BudgetUnit : std::uint8_t { usd, tokens, calls };
enum class WindowKind : std::uint8_t { hour, day, week, month, quarter, total };
// What the amount does when it is reached. `by_environment`: blocks unless the call's environment
// is lenient *by a trusted source* (product.md §3.1).
enum class Blocking : std::uint8_t { by_environment, always, never };
std::string_view budget_unit_name(BudgetUnit u);
std::string_view window_name(WindowKind w);

struct BudgetCondition {
    Dimension dimension;
    // Exact values or globs with '*'; "(none)" matches a missing value, and nothing else does.
    std::vector<std::string> any_of;
};

struct BudgetSpec {
    std::uint64_t id =
        0;  // immutable; minted by the store; same name re-created adopts its balance
    std::string name;
    std::vector<BudgetCondition> where = {};
    std::optional<Dimension> by = {};  // one instance for each value; missing value = "(none)"
    BudgetUnit unit = BudgetUnit::usd;
    Int128 amount = 0;  // pico-USD, tokens or calls
    WindowKind window = WindowKind::month;
    int alert_percent = 80;
    Blocking blocking = Blocking::by_environment;
    bool observe = false;  // decided and recorded, not applied
    std::uint64_t version = 0;
};

// [start, end) in seconds UTC; total = [0, INT64_MAX).
struct WindowSpan {
    std::int64_t start = 0;
    std::int64_t end = 0;
    bool operator==(const WindowSpan&) const = default;
};
WindowSpan window_at(WindowKind kind, UnixTime at);

// Does the budget count such a call, and against which instance? For who reads the ledger; the road
// asks Budgets. Instances by trajectory are named "team/trajectory" (product.md §3.9), a missing
// value
// "(none)". `provider` and `model` may be empty where the attribution has them.
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

// The balances of one instance in one window, as an auditor reads them.
struct InstanceFigures {
    std::uint64_t budget_id = 0;
    std::string instance;  // value of `by`; empty for a budget without it
    WindowSpan window;
    Int128 amount = 0;
    Int128 settled = 0;
    Int128 held = 0;
    Int128 overrun = 0;  // Σ (charge − hold)+ of ended attempts: named, alarmed (ledger.md L9)
    bool operator==(const InstanceFigures&) const = default;
};

enum class VerdictKind : std::uint8_t { admitted, busy, exhausted, too_large };
std::string_view verdict_name(VerdictKind v);

// One budget's part of a decision. For an admitted call: what is held. For a refused one: what it
// asked for. With the figures before the decision, so that it can be done again by hand.
struct HoldPart {
    std::uint64_t budget_id = 0;
    std::string instance;
    WindowSpan window;
    BudgetUnit unit = BudgetUnit::usd;
    Int128 held = 0;         // this call's own part
    Int128 amount = 0;       // of the budget, then
    Int128 settled = 0;      // before it
    Int128 others_held = 0;  // before it
    bool blocks = false;     // for this call
    bool refused = false;    // this budget is why
    std::uint32_t slot = 0;  // of the live table; meaningless outside this process
    std::uint32_t generation = 0;
};

struct ReserveRequest {
    const Attribution* attribution = nullptr;
    std::string_view provider = {};
    std::string_view model = {};
    bool environment_is_lenient = false;  // production, from a trusted source
    Money usd_bound = {};
    std::int64_t token_bound = 0;
    bool first_attempt = true;  // `calls` counts once for each client call
    UnixTime now = {};          // max(wall, last journal time), decided by the caller
};

struct Verdict {
    VerdictKind kind = VerdictKind::admitted;
    std::uint64_t sequence = 0;   // global order of decisions (ledger.md J7); also of refusals
    std::vector<HoldPart> parts;  // all matching budgets
    // Index into parts of the one to tell the client: the refusing one, or the tightest.
    std::optional<std::size_t> telling;
};

// As Verdict::telling, among those that may be shown.
std::optional<std::size_t> telling_part(const Verdict& verdict,
                                        const std::function<bool(const HoldPart&)>& is_shown);

// What an attempt ended with, in every unit a budget may count.
struct SettleAmounts {
    Money usd;  // `charge`: upper end of what is known (ledger.md L3)
    std::int64_t tokens = 0;
};

class Budgets {
 public:
    struct Options {
        // Balances kept at once. One with an open hold, or with spend in an open window, is never
        // dropped: beyond this, calls that need a new one are refused.
        std::uint32_t instances_max = 1'000'000;
        std::uint64_t hash_seed = 0x7765'6972;  // random in service, fixed in tests
    };
    Budgets();
    explicit Budgets(Options options);
    ~Budgets();
    Budgets(const Budgets&) = delete;

    // Replaces the definitions; ids are distinct. Instances of kept ids keep their balances, and an
    // id that comes back in its window finds them again; calls in flight keep their holds. A budget
    // whose `by`, unit or window kind changed starts empty: `seed` it, under the same lock.
    void define(std::vector<BudgetSpec> specs);
    const std::vector<BudgetSpec>& specs() const;

    // Sets what the ledger knows of one instance; for start-up and for budgets made in mid-window.
    // Of an instance that is known here already the larger figures count. A window that has closed
    // already is ignored, and so is an unknown budget.
    void seed(std::uint64_t budget_id, std::string_view instance, WindowSpan window, Int128 settled,
              Int128 overrun);

    // All matching budgets or none. Never fails: a refusal is a verdict. Errors only when a new
    // instance cannot be had: too_many_trajectories.
    // A refusal changes nothing but the sequence. The form with `out` reuses its storage; after an
    // error `out` is unspecified.
    Result<Verdict> reserve(const ReserveRequest& request);
    Result<> reserve(const ReserveRequest& request, Verdict& out);

    // Ends the holds of an admitted verdict: moves `charge` from held to settled; what exceeds the
    // hold is overrun, in the same window. A window that has closed meanwhile is settled all the
    // same. Once for each verdict. Parts of another process (generation 0) are added to open
    // windows only.
    void settle(const std::vector<HoldPart>& parts, const SettleAmounts& charge);
    // The attempt was not dispatched, or proven unbilled: gives everything back.
    void release(const std::vector<HoldPart>& parts);
    // A later proof changes what was charged (ledger.md L2): signed.
    void correct(std::uint64_t budget_id, std::string_view instance, WindowSpan window,
                 Int128 delta);

    // Open windows, and closed ones that still have holds.
    std::vector<InstanceFigures> figures(UnixTime now) const;
    // What an attribution's next call would count against, tightest first; also where nothing was
    // spent yet.
    std::vector<InstanceFigures> figures_for(const Attribution& attribution, UnixTime now) const;
    // Σ of live holds recomputed from scratch equals `held` (invariant I1); for tests.
    bool books_balance() const;

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace weir::core
