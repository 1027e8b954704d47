// Budgets that hold: a spend query with an amount (design.md §6, ledger.md §1).
//
// Pure state: no clock, no lock, no IO. The gateway guards one Budgets with one mutex for all
// workers; a reserve across six scopes takes well under a microsecond and allocates nothing once
// its instances exist.
//
// Order that the road keeps (ledger.md §0.7): reserve here → write admit → dispatch; write end →
// settle here. Raising an amount is journaled first; lowering is done here first.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/money.h"
#include "base/time.h"
#include "core/attribution.h"
#include "core/budget_spec.h"
#include "core/budget_verdict.h"
#include "core/output_lengths.h"

namespace weir::core {

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
    // `unheld`: the part of `settled` that is of calls which held nothing here, and that is told
    // for the first time. Of an instance that is known here already the larger figures count; where
    // calls in flight hold it, it grows by `unheld`, since the ledger may know their ends sooner
    // than they settle here. A window that has closed already is ignored, and so is an unknown
    // budget. Where there is no room for a balance, the budget begins none in that window: such
    // calls are refused as those beyond `instances_max`.
    void seed(std::uint64_t budget_id, std::string_view instance, WindowSpan window, Int128 settled,
              Int128 overrun, Int128 unheld = 0);

    // All matching budgets or none. Never fails: a refusal is a verdict. Errors only when a new
    // instance cannot be had: too_many_trajectories.
    // A refusal changes nothing but the sequence. The form with `out` reuses its storage; after an
    // error `out` is unspecified.
    Result<Verdict> reserve(const ReserveRequest& request);
    Result<> reserve(const ReserveRequest& request, Verdict& out);

    // A call that was told *busy* may wait: with a ticket (larger than any before it) it stands in
    // line at the budget that told it so, and no later call passes it there. A reserve with the
    // ticket takes it out of the line, or leaves it where it must wait now.
    bool is_next(std::uint64_t ticket) const;
    void give_up(std::uint64_t ticket);
    // From which a clamp knows what is still enough.
    OutputLengths& lengths();

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
