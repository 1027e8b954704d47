#include "core/budget_judge.h"

#include <algorithm>
#include <bit>
#include <optional>

namespace weir::core {
namespace {

// One budget alone. Asking for nothing always fits: it cannot make anything worse.
VerdictKind judge(const HoldPart& part) {
    const Int128 want = part.held;
    const Int128 unspent = part.amount - part.settled;
    if (want == 0 || want <= unspent - part.others_held) return VerdictKind::admitted;
    if (want > part.amount) return VerdictKind::too_large;
    return want <= unspent ? VerdictKind::busy : VerdictKind::exhausted;
}

}  // namespace

bool blocks(const BudgetSpec& spec, bool lenient) {
    if (spec.observe || spec.blocking == Blocking::never) return false;
    if (spec.blocking == Blocking::always || !lenient) return true;
    // A spiral in production is still a spiral (product.md §3.1).
    return spec.by == Dimension::trajectory || spec.by == Dimension::goal;
}

Int128 asked(BudgetUnit unit, const ReserveRequest& request) {
    switch (unit) {
        case BudgetUnit::usd:
            return request.usd_bound.pico();
        case BudgetUnit::tokens:
            return request.token_bound;
        case BudgetUnit::calls:
            return request.first_attempt ? 1 : 0;
    }
    return 0;
}

// What of the part is spent in the end. A call counts once it was dispatched, whatever it cost.
Int128 charged(const HoldPart& part, const SettleAmounts& charge) {
    switch (part.unit) {
        case BudgetUnit::usd:
            return charge.usd.pico();
        case BudgetUnit::tokens:
            return charge.tokens;
        case BudgetUnit::calls:
            return part.held;
    }
    return 0;
}

Tightness tightness(Int128 left, Int128 amount) {
    if (amount <= 0) return {.left = -1, .amount = 0};
    const auto high = static_cast<std::uint64_t>(amount >> 64);
    const auto low = static_cast<std::uint64_t>(amount);
    const int width = high != 0 ? 128 - std::countl_zero(high) : 64 - std::countl_zero(low);
    const int shift = std::max(0, width - 31);
    left = std::clamp(left, -amount, amount);
    return {.left = static_cast<std::int64_t>(left >> shift),
            .amount = static_cast<std::int64_t>(amount >> shift)};
}

namespace {

// The part to tell the client: the refusing one, of the kind of the verdict; else the tightest that
// blocks; else the tightest.
template <class IsShown>
std::optional<std::size_t> choose_part(const Verdict& verdict, const IsShown& is_shown) {
    std::optional<std::size_t> best;
    int best_rank = 0;
    Tightness best_tightness;
    for (std::size_t i = 0; i < verdict.parts.size(); ++i) {
        const HoldPart& part = verdict.parts[i];
        if (!is_shown(part)) continue;
        const bool refuses = part.refused && judge(part) == verdict.kind;
        const int rank = refuses ? 0 : part.blocks ? 1 : 2;
        const Tightness tight =
            tightness(part.amount - part.settled - part.others_held - part.held, part.amount);
        if (best && (rank > best_rank || (rank == best_rank && !(tight < best_tightness))))
            continue;
        best = i;
        best_rank = rank;
        best_tightness = tight;
    }
    return best;
}

}  // namespace

std::optional<std::size_t> telling_part(const Verdict& verdict,
                                        const std::function<bool(const HoldPart&)>& is_shown) {
    return choose_part(verdict, is_shown);
}

// All verdicts together: the least hopeful is the call's.
void decide(Verdict& verdict) {
    verdict.kind = VerdictKind::admitted;
    for (HoldPart& part : verdict.parts) {
        const VerdictKind kind = part.blocks ? judge(part) : VerdictKind::admitted;
        part.refused = kind != VerdictKind::admitted;
        verdict.kind = std::max(verdict.kind, kind);
    }
    verdict.telling = choose_part(verdict, [](const HoldPart&) { return true; });
}

std::string_view budget_unit_name(BudgetUnit u) {
    switch (u) {
        case BudgetUnit::usd:
            return "usd";
        case BudgetUnit::tokens:
            return "tokens";
        case BudgetUnit::calls:
            return "calls";
    }
    return "usd";
}

std::string_view verdict_name(VerdictKind v) {
    switch (v) {
        case VerdictKind::admitted:
            return "admitted";
        case VerdictKind::busy:
            return "busy";
        case VerdictKind::exhausted:
            return "exhausted";
        case VerdictKind::too_large:
            return "too_large";
    }
    return "admitted";
}

}  // namespace weir::core
