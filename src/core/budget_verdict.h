// What a call asks of the budgets, what they answer, and what it holds of each (ledger.md §2).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "base/time.h"
#include "core/attribution.h"
#include "core/budget_spec.h"

namespace weir::core {

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
    // Of this process, and never written.
    struct Live {
        std::uint32_t slot = 0;  // of the table
        std::uint32_t generation = 0;
        std::uint64_t fingerprint = 0;  // of the call, where repeats are counted
        Clamp clamp = Clamp::tail;
        bool behind = false;                       // others wait in line for this budget
        bool observed = false;                     // it would block, were it applied
        VerdictKind kind = VerdictKind::admitted;  // this budget's own word
    } live = {};
};

// Of a call that can do with less output than it asked for.
struct OutputRoom {
    std::int64_t asked = 0;    // tokens an answer; the bounds are reckoned with them
    std::int64_t least = 1;    // tokens an answer that are of any use
    std::int64_t answers = 1;  // as Quote::answers
    Rate usd_rate = {};        // of one token more of each answer
    Money usd_fixed = {};      // what no smaller output saves
};

struct ReserveRequest {
    const Attribution* attribution = nullptr;
    std::string_view provider = {};
    std::string_view model = {};
    bool environment_is_lenient = false;  // production, from a trusted source
    Money usd_bound = {};
    std::int64_t token_bound = 0;
    const OutputRoom* room = nullptr;  // nullptr: the call needs all it asks for
    std::uint64_t ticket = 0;          // of a call that waits in line; 0: it never did
    bool first_attempt = true;         // `calls` counts once for each client call
    bool observe = false;              // decided and recorded, not applied
    std::uint64_t fingerprint = 0;     // the same of two calls that say the same; 0: unknown
    UnixTime now = {};                 // max(wall, last journal time), decided by the caller
};

struct Verdict {
    VerdictKind kind = VerdictKind::admitted;
    std::uint64_t sequence = 0;   // global order of decisions (ledger.md J7); also of refusals
    std::vector<HoldPart> parts;  // all matching budgets
    // Admitted with so much output a choice, less than it asked for.
    std::optional<std::int64_t> clamped_to;
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
    bool delivered = true;  // the caller got an answer, or left before it
};

}  // namespace weir::core
