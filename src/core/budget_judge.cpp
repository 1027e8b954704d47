#include "core/budget_judge.h"

#include <algorithm>
#include <bit>
#include <optional>

namespace weir::core {
namespace {

// Where nobody knows yet how long such answers are (ledger.md §2).
constexpr std::int64_t kUsualUnknown = 256;

// How the call may be shortened, as one decision sees it.
class Shortening {
 public:
    Shortening(const ReserveRequest& request, const OutputLengths& lengths)
        : request_(request), lengths_(lengths) {}

    bool is_possible() const { return request_.room != nullptr; }
    // The least output with which the budget may admit the call: with no other in flight, or beside
    // others. As much as it asked for: not with less.
    std::int64_t least(Clamp clamp, bool alone) {
        const OutputRoom& room = *request_.room;
        if (clamp == Clamp::off) return room.asked;
        if (clamp == Clamp::always && alone) return std::min(room.least, room.asked);
        if (!usual_)
            usual_ = lengths_.usual(request_.model, request_.attribution->of(Dimension::task_type));
        const bool tail = clamp == Clamp::tail && alone;
        const std::int64_t known = tail ? usual_->most : usual_->rare;
        const std::int64_t enough = known > 0 ? known : tail ? kUsualUnknown : room.asked;
        return std::min(std::max(enough, room.least), room.asked);
    }
    // The most output of which the worst case costs no more than `money`.
    std::int64_t most(BudgetUnit unit, Int128 money) const {
        const OutputRoom& room = *request_.room;
        const Int128 rest = money - asked(unit, request_, 0);
        Int128 most = room.asked;
        if (unit == BudgetUnit::usd && room.usd_rate.femto() > 0) {
            most = rest * 1000 / room.usd_rate.femto();
        } else if (unit == BudgetUnit::tokens) {
            most = rest / room.answers;
        }
        return static_cast<std::int64_t>(std::clamp<Int128>(most, 0, room.asked));
    }

 private:
    const ReserveRequest& request_;
    const OutputLengths& lengths_;
    std::optional<UsualOutput> usual_;
};

// One budget alone. Asking for nothing always fits: it cannot make anything worse. `output` falls
// to what the budget admits the call with.
VerdictKind judge(const HoldPart& part, const ReserveRequest& request, Shortening& shortening,
                  std::int64_t& output) {
    const Int128 want = part.held;
    const Int128 unspent = part.amount - part.settled;
    const Int128 free = unspent - part.others_held;
    if (want == 0) return VerdictKind::admitted;
    if (want <= free) return part.live.behind ? VerdictKind::busy : VerdictKind::admitted;
    if (want <= unspent) return VerdictKind::busy;
    if (!shortening.is_possible() || counts_events(part.unit)) {
        return want > part.amount ? VerdictKind::too_large : VerdictKind::exhausted;
    }
    // Money is really going, not merely held.
    const std::int64_t alone = shortening.least(part.live.clamp, true);
    const Int128 need = asked(part.unit, request, alone);
    if (need > part.amount) return VerdictKind::too_large;
    if (need > unspent) return VerdictKind::exhausted;
    if (part.live.behind) return VerdictKind::busy;
    const std::int64_t most = shortening.most(part.unit, free);
    const std::int64_t enough =
        part.others_held == 0 ? alone : std::max(alone, shortening.least(part.live.clamp, false));
    if (most < enough) return VerdictKind::busy;
    output = std::min(output, most);
    return VerdictKind::admitted;
}

}  // namespace

bool blocks(const BudgetSpec& spec, bool lenient) {
    if (spec.blocking == Blocking::never) return false;
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
        case BudgetUnit::repeats:
            return 0;
        case BudgetUnit::attempts:
            return 1;
    }
    return 0;
}

Int128 asked(BudgetUnit unit, const ReserveRequest& request, std::int64_t output) {
    const OutputRoom& room = *request.room;
    switch (unit) {
        case BudgetUnit::usd:
            return (room.usd_fixed + round_up(femto_cost(output, room.usd_rate))).pico();
        case BudgetUnit::tokens:
            return request.token_bound - Int128{room.asked - output} * room.answers;
        default:
            return asked(unit, request);
    }
}

// What of the part is spent in the end. An event counts once it was dispatched, whatever it cost.
Int128 charged(const HoldPart& part, const SettleAmounts& charge) {
    switch (part.unit) {
        case BudgetUnit::usd:
            return charge.usd.pico();
        case BudgetUnit::tokens:
            return charge.tokens;
        default:
            return part.held;
    }
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
        const bool refuses = part.refused && part.live.kind == verdict.kind;
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
void decide(Verdict& verdict, const ReserveRequest& request, const OutputLengths& lengths) {
    verdict.kind = VerdictKind::admitted;
    verdict.clamped_to.reset();
    Shortening shortening{request, lengths};
    const std::int64_t whole = request.room != nullptr ? request.room->asked : 0;
    std::int64_t output = whole;
    for (HoldPart& part : verdict.parts) {
        part.live.kind =
            part.blocks ? judge(part, request, shortening, output) : VerdictKind::admitted;
    }
    for (HoldPart& part : verdict.parts) {
        // What does not fit beside what others hold may fit with less output.
        const Int128 unspent = part.amount - part.settled;
        if (output < whole && part.live.kind == VerdictKind::busy && !part.live.behind &&
            !counts_events(part.unit) && part.held <= unspent &&
            asked(part.unit, request, output) <= unspent - part.others_held) {
            part.live.kind = VerdictKind::admitted;
        }
        part.refused = part.live.kind != VerdictKind::admitted;
        verdict.kind = std::max(verdict.kind, part.live.kind);
    }
    if (verdict.kind == VerdictKind::admitted && output < whole) {
        verdict.clamped_to = output;
        for (HoldPart& part : verdict.parts) {
            if (!counts_events(part.unit)) part.held = asked(part.unit, request, output);
        }
    }
    verdict.telling = choose_part(verdict, [](const HoldPart&) { return true; });
}

Int128 amount_for(const BudgetSpec& spec, std::string_view instance, UnixTime now) {
    Int128 amount = spec.amount;
    const auto own =
        std::ranges::lower_bound(spec.except, instance, {}, &std::pair<std::string, Int128>::first);
    if (own != spec.except.end() && own->first == instance) amount = own->second;
    for (const BudgetRaise& raise : spec.raises) {
        const bool is_its = raise.instance.empty() || raise.instance == instance;
        if (is_its && now < raise.until) amount += raise.by;
    }
    return amount;
}

std::string_view clamp_name(Clamp c) {
    switch (c) {
        case Clamp::off:
            return "off";
        case Clamp::rare:
            return "rare";
        case Clamp::tail:
            return "tail";
        case Clamp::always:
            return "always";
    }
    return "tail";
}

std::string_view budget_unit_name(BudgetUnit u) {
    switch (u) {
        case BudgetUnit::usd:
            return "usd";
        case BudgetUnit::tokens:
            return "tokens";
        case BudgetUnit::calls:
            return "calls";
        case BudgetUnit::repeats:
            return "repeats";
        case BudgetUnit::attempts:
            return "attempts";
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
