#include "core/budget.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "base/check.h"
#include "core/budget_judge.h"
#include "core/budget_match.h"
#include "core/budget_table.h"
#include "core/recent_calls.h"
#include "core/waiting_lines.h"

namespace weir::core {
namespace {

constexpr std::uint32_t kNone = BudgetTable::kNone;
constexpr std::uint32_t kSweepStep = 4;       // cells looked at for each new one
constexpr std::uint32_t kSweepPressed = 512;  // and where there is no room
constexpr std::size_t kPartsUsual = 8;        // budgets that match a call

struct Budget {
    BudgetSpec spec;
    BudgetMatch match;
    // Names its cells: a new one whenever earlier balances would mean something else.
    std::uint64_t owner = 0;
    bool opened = false;
    WindowSpan window;  // the latest that anything was counted in; never goes back
    // The start of a window of which not all that the ledger knows is here: it found no room.
    std::optional<std::int64_t> incomplete = {};
};

// A clock that steps back stays in the latest window (ledger.md W1).
WindowSpan window_of(const Budget& budget, UnixTime now) {
    if (budget.opened && now.seconds() < budget.window.end) return budget.window;
    WindowSpan window = window_at(budget.spec, now);
    // What an open window was, it stays: where the zone's rules have changed since, the next one
    // begins where it ends (ledger.md W6).
    if (budget.opened) window.start = std::max(window.start, budget.window.end);
    return window;
}

void open_window(Budget& budget, WindowSpan window) {
    if (budget.opened && window.start <= budget.window.start) return;
    budget.window = window;
    budget.opened = true;
}

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
        return std::hash<std::string_view>{}(text);
    }
};

bool same_shape(const BudgetSpec& a, const BudgetSpec& b) {
    return a.by == b.by && a.unit == b.unit && a.window == b.window;
}

}  // namespace

struct Budgets::Impl {
    struct Place {
        std::uint32_t budget = 0;  // index into budgets
        std::uint32_t slot = kNone;
        std::uint64_t hash = 0;
    };

    explicit Impl(Options options) : table(options.instances_max, options.hash_seed) {}

    BudgetTable table;
    std::vector<BudgetSpec> specs;
    std::vector<Budget> budgets;                                // beside specs
    std::unordered_map<std::uint64_t, Budget> removed;          // by id
    std::unordered_map<std::uint64_t, std::uint32_t> by_id;     // → budgets
    std::unordered_map<std::uint64_t, const Budget*> by_owner;  // also those removed
    // Budgets with a condition of exact values are looked up by it, the others are always looked
    // at.
    using ByValue =
        std::unordered_map<std::string, std::vector<std::uint32_t>, TextHash, std::equal_to<>>;
    std::array<ByValue, kDimensions> by_value;
    std::vector<Dimension> indexed;  // those of by_value that are not empty
    std::vector<std::uint32_t> unindexed;
    // Hashes of the call's instance names by `by`, the last for budgets without; 0 = not known yet.
    std::array<std::uint64_t, kDimensions + 1> text_hashes{};
    std::vector<Place> places;  // beside the parts of the verdict being made
    std::uint64_t next_owner = 1;
    std::uint64_t sequence = 0;
    std::uint32_t sweep_hand = 0;
    OutputLengths lengths;
    WaitingLines lines;
    std::unordered_map<std::uint32_t, RecentCalls> recent;  // of cells that count repeats
    // The second book of holds, kept apart from the cells: Σ of all units.
    Int128 held_total = 0;
    std::uint64_t holds_open = 0;

    void define(std::vector<BudgetSpec> next);
    void index();
    // The parts of the verdict, one for each budget that matches. The cells lie anywhere in
    // memory: all are asked for before the first is read.
    void gather(const ReserveRequest& request, Verdict& out);
    void match(std::uint32_t budget, const BudgetSubject& subject, const ReserveRequest& request,
               Verdict& out);
    void look_up(Place& place, const ReserveRequest& request, HoldPart& part);
    std::uint64_t text_hash(const Budget& budget, std::string_view instance);
    bool make_places(const Verdict& verdict);
    void commit(Verdict& verdict);
    bool may_drop(std::uint32_t slot, bool pressed) const;
    void sweep(std::uint32_t cells, bool pressed);
    bool make_room(std::uint32_t cells);
    bool is_repeat(std::uint32_t slot, std::uint64_t fingerprint) const;
    BudgetCell* take_back(const HoldPart& part, bool delivered);
    BudgetCell* cell_of(std::uint64_t budget_id, std::string_view instance, WindowSpan window);
    InstanceFigures figures_of(const Budget& budget, std::string instance, WindowSpan window,
                               std::uint32_t slot, UnixTime now) const;
};

void Budgets::Impl::define(std::vector<BudgetSpec> next) {
    std::vector<Budget> old = std::exchange(budgets, {});
    for (Budget& budget : old) removed.insert_or_assign(budget.spec.id, std::move(budget));
    for (const BudgetSpec& spec : next) {
        Budget budget{.spec = spec, .match = BudgetMatch{spec}, .window = {}};
        const auto before = removed.find(spec.id);
        if (before != removed.end() && same_shape(before->second.spec, spec)) {
            budget.owner = before->second.owner;
            budget.opened = before->second.opened;
            budget.window = before->second.window;
            budget.incomplete = before->second.incomplete;
        } else {
            budget.owner = next_owner++;
        }
        if (before != removed.end()) removed.erase(before);
        budgets.push_back(std::move(budget));
    }
    specs = std::move(next);
    index();
}

void Budgets::Impl::index() {
    by_id.clear();
    by_owner.clear();
    by_value = {};
    indexed.clear();
    unindexed.clear();
    for (std::uint32_t i = 0; i < budgets.size(); ++i) {
        const Budget& budget = budgets[i];
        WEIR_CHECK(by_id.emplace(budget.spec.id, i).second);
        by_owner.emplace(budget.owner, &budget);
        const Condition* exact = budget.match.exact_condition();
        if (exact == nullptr) {
            unindexed.push_back(i);
            continue;
        }
        for (const std::string& value : exact->any_of) {
            std::vector<std::uint32_t>& list =
                by_value[static_cast<std::size_t>(exact->facet.dimension)][value];
            if (list.empty() || list.back() != i) list.push_back(i);
        }
    }
    for (std::size_t d = 0; d < kDimensions; ++d) {
        if (!by_value[d].empty()) indexed.push_back(static_cast<Dimension>(d));
    }
    for (const auto& [id, budget] : removed) by_owner.emplace(budget.owner, &budget);
}

void Budgets::Impl::gather(const ReserveRequest& request, Verdict& out) {
    const BudgetSubject subject{request.attribution, request.provider, request.model};
    places.clear();
    if (out.parts.capacity() == 0) out.parts.reserve(kPartsUsual);
    text_hashes.fill(0);
    for (const std::uint32_t i : unindexed) match(i, subject, request, out);
    for (const Dimension d : indexed) {
        const ByValue& values = by_value[static_cast<std::size_t>(d)];
        const auto listed = values.find(subject.of(d));
        if (listed == values.end()) continue;
        for (const std::uint32_t i : listed->second) match(i, subject, request, out);
    }
    out.parts.resize(places.size());
    for (const Place& place : places) table.prefetch_cell(place.hash);
    for (std::size_t i = 0; i < places.size(); ++i) look_up(places[i], request, out.parts[i]);
}

void Budgets::Impl::match(std::uint32_t index, const BudgetSubject& subject,
                          const ReserveRequest& request, Verdict& out) {
    const Budget& budget = budgets[index];
    if (!budget.match.matches(subject)) return;
    if (out.parts.size() <= places.size()) out.parts.emplace_back();
    HoldPart& part = out.parts[places.size()];
    budget.match.instance(subject, part.instance);
    part.window = window_of(budget, request.now);
    Place& place = places.emplace_back();
    place.budget = index;
    place.hash =
        BudgetTable::hash_cell(budget.owner, part.window.start, text_hash(budget, part.instance));
}

void Budgets::Impl::look_up(Place& place, const ReserveRequest& request, HoldPart& part) {
    const Budget& budget = budgets[place.budget];
    part.budget_id = budget.spec.id;
    part.unit = budget.spec.unit;
    part.held = asked(budget.spec.unit, request);
    // A negative bound would raise the headroom (ledger.md §0.3).
    WEIR_CHECK(part.held >= 0);
    part.amount = amount_for(budget.spec, part.instance, request.now);
    const bool would_block = blocks(budget.spec, request.environment_is_lenient);
    part.live.observed = would_block && (budget.spec.observe || request.observe);
    part.blocks = would_block && !part.live.observed;
    const std::uint32_t slot =
        table.find(place.hash, budget.owner, part.window.start, part.instance);
    place.slot = slot;
    part.settled = slot == kNone ? 0 : table.at(slot).settled;
    part.others_held = slot == kNone ? 0 : table.at(slot).held;
    part.live.clamp = budget.spec.clamp;
    part.live.behind = slot != kNone && lines.is_behind(slot, request.ticket);
    part.live.slot = part.live.generation = 0;
    part.live.fingerprint = 0;
    if (part.unit != BudgetUnit::repeats) return;
    part.live.fingerprint = request.fingerprint;
    part.held = request.first_attempt && is_repeat(slot, request.fingerprint) ? 1 : 0;
}

std::uint64_t Budgets::Impl::text_hash(const Budget& budget, std::string_view instance) {
    const std::optional<Facet>& facet = budget.spec.by;
    if (facet && !facet->attribute.empty()) return table.hash_text(instance);
    const std::size_t by = facet ? static_cast<std::size_t>(facet->dimension) : kDimensions;
    if (text_hashes[by] == 0) text_hashes[by] = table.hash_text(instance);
    return text_hashes[by];
}

// Room for the balances that do not exist yet. One that was not let in when the ledger knew of it
// does not begin at nothing now.
bool Budgets::Impl::make_places(const Verdict& verdict) {
    std::uint32_t absent = 0;
    for (std::size_t i = 0; i < places.size(); ++i) {
        Budget& budget = budgets[places[i].budget];
        const WindowSpan window = verdict.parts[i].window;
        open_window(budget, window);  // and those that it closes make room
        if (places[i].slot != kNone) continue;
        if (budget.incomplete == window.start) return false;
        ++absent;
    }
    return make_room(absent);
}

void Budgets::Impl::commit(Verdict& verdict) {
    for (std::size_t i = 0; i < places.size(); ++i) {
        const Place& place = places[i];
        HoldPart& part = verdict.parts[i];
        const Budget& budget = budgets[place.budget];
        part.live.slot = place.slot != kNone
                             ? place.slot
                             : table.insert(place.hash, budget.owner, part.window, part.instance);
        BudgetCell& cell = table.at(part.live.slot);
        part.live.generation = cell.generation;
        cell.held += part.held;
        ++cell.open_holds;
        if (part.live.fingerprint != 0) recent[part.live.slot].begin(part.live.fingerprint);
        held_total += part.held;
        ++holds_open;
    }
}

bool Budgets::Impl::may_drop(std::uint32_t slot, bool pressed) const {
    const BudgetCell& cell = table.at(slot);
    if (!cell.live || cell.open_holds != 0 || lines.contains(slot)) return false;
    // Not what the call at hand is about to hold.
    if (std::ranges::find(places, slot, &Place::slot) != places.end()) return false;
    const auto owner = by_owner.find(cell.owner);
    if (owner == by_owner.end()) return true;
    const Budget& budget = *owner->second;
    if (cell.window.start < budget.window.start) return true;
    // A removed budget's balance is kept for its return, as long as there is room.
    if (pressed && !by_id.contains(budget.spec.id)) return true;
    return pressed && cell.settled == 0 && cell.overrun == 0;
}

void Budgets::Impl::sweep(std::uint32_t cells, bool pressed) {
    for (std::uint32_t i = 0; i < std::min(cells, table.slots()); ++i) {
        sweep_hand = sweep_hand + 1 < table.slots() ? sweep_hand + 1 : 0;
        if (!may_drop(sweep_hand, pressed)) continue;
        recent.erase(sweep_hand);
        table.erase(sweep_hand);
    }
}

bool Budgets::Impl::make_room(std::uint32_t cells) {
    if (cells == 0) return true;
    sweep(cells * kSweepStep, false);
    if (!table.has_room(cells)) sweep(kSweepPressed, true);
    return table.has_room(cells);
}

bool Budgets::Impl::is_repeat(std::uint32_t slot, std::uint64_t fingerprint) const {
    if (slot == kNone || fingerprint == 0) return false;
    const auto calls = recent.find(slot);
    return calls != recent.end() && calls->second.has(fingerprint);
}

BudgetCell* Budgets::Impl::take_back(const HoldPart& part, bool delivered) {
    const std::uint32_t slot = table.find_slot(part.live.slot, part.live.generation);
    if (slot == kNone) return nullptr;
    BudgetCell& cell = table.at(slot);
    WEIR_CHECK(cell.open_holds > 0 && cell.held >= part.held);
    cell.held -= part.held;
    --cell.open_holds;
    held_total -= part.held;
    --holds_open;
    if (part.live.fingerprint != 0) recent[slot].end(part.live.fingerprint, delivered);
    return &cell;
}

// nullptr: nothing that still matters.
BudgetCell* Budgets::Impl::cell_of(std::uint64_t budget_id, std::string_view instance,
                                   WindowSpan window) {
    const auto known = by_id.find(budget_id);
    const auto away = removed.find(budget_id);
    if (known == by_id.end() && away == removed.end()) return nullptr;
    Budget& budget = known != by_id.end() ? budgets[known->second] : away->second;
    const std::uint64_t hash = table.hash(budget.owner, window.start, instance);
    const std::uint32_t slot = table.find(hash, budget.owner, window.start, instance);
    if (slot != kNone) return &table.at(slot);
    if (known == by_id.end()) return nullptr;  // only what is kept for its return
    if (budget.opened && window.start < budget.window.start) return nullptr;
    places.clear();
    open_window(budget, window);
    if (!make_room(1)) {
        budget.incomplete = window.start;
        return nullptr;
    }
    return &table.at(table.insert(hash, budget.owner, window, instance));
}

InstanceFigures Budgets::Impl::figures_of(const Budget& budget, std::string instance,
                                          WindowSpan window, std::uint32_t slot,
                                          UnixTime now) const {
    InstanceFigures out{.budget_id = budget.spec.id,
                        .instance = std::move(instance),
                        .window = window,
                        .amount = 0};
    out.amount = amount_for(budget.spec, out.instance, now);
    if (slot != kNone) {
        const BudgetCell& cell = table.at(slot);
        out.settled = cell.settled;
        out.held = cell.held;
        out.overrun = cell.overrun;
    }
    return out;
}

Budgets::Budgets() : Budgets(Options{}) {}
Budgets::Budgets(Options options) : impl_(std::make_unique<Impl>(options)) {}
Budgets::~Budgets() = default;

void Budgets::define(std::vector<BudgetSpec> specs) { impl_->define(std::move(specs)); }

const std::vector<BudgetSpec>& Budgets::specs() const { return impl_->specs; }

void Budgets::seed(std::uint64_t budget_id, std::string_view instance, WindowSpan window,
                   Int128 settled, Int128 overrun, Int128 unheld) {
    BudgetCell* cell = impl_->cell_of(budget_id, instance, window);
    if (cell == nullptr) return;
    if (cell->open_holds != 0) {
        cell->settled += unheld;
        return;
    }
    // A budget that comes back has its old cell, in which calls may have settled that the books do
    // not hold yet; the books hold what was spent while it was away.
    cell->settled = std::max(cell->settled, settled);
    cell->overrun = std::max(cell->overrun, overrun);
}

Result<Verdict> Budgets::reserve(const ReserveRequest& request) {
    Verdict verdict;
    if (Result<> done = reserve(request, verdict); !done) return std::unexpected(done.error());
    return verdict;
}

Result<> Budgets::reserve(const ReserveRequest& request, Verdict& out) {
    impl_->gather(request, out);
    decide(out, request, impl_->lengths);
    if (request.ticket != 0) {
        impl_->lines.leave(request.ticket);
        if (out.kind == VerdictKind::busy) {
            const std::uint32_t slot = impl_->places[*out.telling].slot;
            if (slot != kNone) impl_->lines.enter(request.ticket, slot);
        }
    }
    if (out.kind == VerdictKind::admitted) {
        if (!impl_->make_places(out)) return fail(ErrorCode::too_many_trajectories);
        impl_->commit(out);
    }
    out.sequence = ++impl_->sequence;
    return {};
}

bool Budgets::is_next(std::uint64_t ticket) const { return impl_->lines.is_next(ticket); }

void Budgets::give_up(std::uint64_t ticket) { impl_->lines.leave(ticket); }

OutputLengths& Budgets::lengths() { return impl_->lengths; }

void Budgets::settle(const std::vector<HoldPart>& parts, const SettleAmounts& charge) {
    for (const HoldPart& part : parts) impl_->table.prefetch_slot(part.live.slot);
    for (const HoldPart& part : parts) {
        const Int128 spent = std::max<Int128>(charged(part, charge), 0);
        BudgetCell* cell = impl_->take_back(part, charge.delivered);
        if (cell == nullptr) cell = impl_->cell_of(part.budget_id, part.instance, part.window);
        if (cell == nullptr) continue;
        cell->settled += spent;
        if (spent > part.held) cell->overrun += spent - part.held;
    }
}

void Budgets::release(const std::vector<HoldPart>& parts) {
    for (const HoldPart& part : parts) impl_->take_back(part, false);
}

void Budgets::correct(std::uint64_t budget_id, std::string_view instance, WindowSpan window,
                      Int128 delta) {
    BudgetCell* cell = impl_->cell_of(budget_id, instance, window);
    if (cell != nullptr) cell->settled += delta;
}

std::vector<InstanceFigures> Budgets::figures(UnixTime now) const {
    std::vector<InstanceFigures> out;
    const Impl& impl = *impl_;
    for (std::uint32_t slot = 0; slot < impl.table.slots(); ++slot) {
        const BudgetCell& cell = impl.table.at(slot);
        if (!cell.live) continue;
        const auto owner = impl.by_owner.find(cell.owner);
        if (owner == impl.by_owner.end()) continue;
        const Budget& budget = *owner->second;
        if (!impl.by_id.contains(budget.spec.id)) continue;
        if (cell.open_holds == 0 && cell.window != window_of(budget, now)) continue;
        out.push_back(impl.figures_of(budget, cell.instance, cell.window, slot, now));
    }
    for (const Budget& budget : impl.budgets) {
        const WindowSpan window = window_of(budget, now);
        const std::uint64_t hash = impl.table.hash(budget.owner, window.start, {});
        if (budget.spec.by || impl.table.find(hash, budget.owner, window.start, {}) != kNone)
            continue;
        out.push_back(impl.figures_of(budget, {}, window, kNone, now));
    }
    std::ranges::sort(out, {}, [](const InstanceFigures& f) {
        return std::tuple<std::uint64_t, std::string_view, std::int64_t>{f.budget_id, f.instance,
                                                                         f.window.start};
    });
    return out;
}

std::vector<InstanceFigures> Budgets::figures_for(const Attribution& attribution,
                                                  UnixTime now) const {
    std::vector<InstanceFigures> out;
    const Impl& impl = *impl_;
    const BudgetSubject subject{&attribution, {}, {}};
    for (const Budget& budget : impl.budgets) {
        if (!budget.match.matches(subject)) continue;
        std::string instance;
        budget.match.instance(subject, instance);
        const WindowSpan window = window_of(budget, now);
        const std::uint64_t hash = impl.table.hash(budget.owner, window.start, instance);
        const std::uint32_t slot = impl.table.find(hash, budget.owner, window.start, instance);
        out.push_back(impl.figures_of(budget, std::move(instance), window, slot, now));
    }
    std::ranges::sort(out, [](const InstanceFigures& a, const InstanceFigures& b) {
        const Tightness left = tightness(a.amount - a.settled - a.held, a.amount);
        const Tightness right = tightness(b.amount - b.settled - b.held, b.amount);
        if (left < right || right < left) return left < right;
        return a.budget_id < b.budget_id;
    });
    return out;
}

bool Budgets::books_balance() const {
    Int128 held = 0;
    std::uint64_t holds = 0;
    for (std::uint32_t slot = 0; slot < impl_->table.slots(); ++slot) {
        const BudgetCell& cell = impl_->table.at(slot);
        if (!cell.live) continue;
        if (cell.held < 0 || (cell.open_holds == 0 && cell.held != 0)) return false;
        held += cell.held;
        holds += cell.open_holds;
    }
    return held == impl_->held_total && holds == impl_->holds_open;
}

}  // namespace weir::core
