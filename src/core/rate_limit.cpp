#include "core/rate_limit.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/money.h"
#include "core/budget_match.h"

namespace weir::core {
namespace {

constexpr std::int64_t kMinuteNs = 60'000'000'000;
constexpr int kSweepStep = 4;       // instances looked at for each new one
constexpr int kSweepPressed = 512;  // and where there is no room

// One instance of one limit.
struct Cell {
    // When what was let through has passed at the set rate; at or before now: at rest.
    UnixTime requests_due;
    UnixTime tokens_due;
    std::int64_t tokens_held = 0;
    std::int64_t parallel = 0;

    bool is_at_rest(UnixTime now) const {
        return requests_due <= now && tokens_due <= now && tokens_held == 0 && parallel == 0;
    }
};

// How long so much takes at so much a minute, rounded up; at most a year.
Duration time_of(std::int64_t quantity, std::int64_t a_minute) {
    constexpr Int128 kMost = Int128{366} * 86'400 * 1'000'000'000;
    const Int128 ns = (Int128{quantity} * kMinuteNs + (a_minute - 1)) / a_minute;
    return Duration{static_cast<std::int64_t>(std::min(ns, kMost))};
}

std::int64_t quantity_of(Duration time, std::int64_t a_minute) {
    return static_cast<std::int64_t>(Int128{std::max<std::int64_t>(time.count(), 0)} * a_minute /
                                     kMinuteNs);
}

// Where a limit with a rate stands: how far off its due instant is, with what is in flight.
struct Level {
    Duration due{};   // from now
    Duration held{};  // of calls in flight
    Duration burst{};

    // What must pass before a call that takes `own` may come; zero or less: it may now. One that
    // takes more than a burst has to wait until the limit is at rest.
    Duration wait_for(Duration own) const { return due + held + std::min(own, burst) - burst; }
};

Level requests_level(const RateLimitSpec& spec, const Cell& cell, UnixTime now) {
    return {.due = std::max(cell.requests_due - now, Duration{}), .burst = spec.burst};
}

Level tokens_level(const RateLimitSpec& spec, const Cell& cell, UnixTime now) {
    return {.due = std::max(cell.tokens_due - now, Duration{}),
            .held = time_of(cell.tokens_held, spec.tokens),
            .burst = spec.burst};
}

RateStanding standing_of(const RateLimitSpec& spec, std::string_view instance, RateUnit unit,
                         const Cell& cell, UnixTime now) {
    RateStanding out{.limit = spec.name, .instance = std::string(instance), .unit = unit};
    const auto tell = [&out, &spec](std::int64_t a_minute, const Level& level) {
        out.amount = a_minute;
        out.full_in = level.due + level.held;
        out.remaining = quantity_of(spec.burst - out.full_in, a_minute);
        if (out.full_in == Duration{}) out.remaining = std::max<std::int64_t>(out.remaining, 1);
    };
    switch (unit) {
        case RateUnit::requests:
            tell(spec.requests, requests_level(spec, cell, now));
            break;
        case RateUnit::tokens:
            tell(spec.tokens, tokens_level(spec, cell, now));
            break;
        case RateUnit::parallel:
            out.amount = spec.parallel;
            out.remaining = std::max<std::int64_t>(spec.parallel - cell.parallel, 0);
            break;
    }
    return out;
}

std::int64_t amount_of(const RateLimitSpec& spec, RateUnit unit) {
    switch (unit) {
        case RateUnit::requests:
            return spec.requests;
        case RateUnit::tokens:
            return spec.tokens;
        case RateUnit::parallel:
            return spec.parallel;
    }
    return 0;
}

constexpr std::array kUnits{RateUnit::requests, RateUnit::tokens, RateUnit::parallel};

// Keeps the tightest of each unit: the least share that is left.
void tell(const RateLimitSpec& spec, std::string_view instance, const Cell& cell, UnixTime now,
          std::vector<RateStanding>& told) {
    for (const RateUnit unit : kUnits) {
        if (amount_of(spec, unit) == 0) continue;
        RateStanding standing = standing_of(spec, instance, unit, cell, now);
        const auto at = std::ranges::find(told, unit, &RateStanding::unit);
        if (at == told.end()) {
            told.push_back(std::move(standing));
        } else if (Int128{standing.remaining} * at->amount <
                   Int128{at->remaining} * standing.amount) {
            *at = std::move(standing);
        }
    }
}

}  // namespace

struct RateLimits::Impl {
    struct Limit {
        RateLimitSpec spec;
        BudgetMatch match;
        std::uint64_t id = 0;  // a new one whenever earlier standings would mean something else
        std::map<std::string, Cell, std::less<>> cells = {};
        std::string swept_to = {};

        Cell cell_of(std::string_view instance) const {
            const auto known = cells.find(instance);
            return known == cells.end() ? Cell{} : known->second;
        }
    };
    struct Place {
        std::size_t limit = 0;
        std::string instance;
        bool is_shown = false;  // to the caller
    };

    std::uint32_t instances_max = 0;
    std::uint64_t next_id = 1;
    std::vector<Limit> limits;
    std::vector<Place> places;  // of the request that was checked last

    static void sweep(Limit& limit, int instances, UnixTime now);
    bool make_room(Limit& limit, UnixTime now) const;
    // No longer in flight. nullptr: its limit is gone.
    std::pair<const Limit*, Cell*> take_back(const RateTicket::Part& part);
};

void RateLimits::Impl::sweep(Limit& limit, int instances, UnixTime now) {
    auto at = limit.cells.upper_bound(limit.swept_to);
    for (int i = 0; i < instances && !limit.cells.empty(); ++i) {
        if (at == limit.cells.end()) at = limit.cells.begin();
        at = at->second.is_at_rest(now) ? limit.cells.erase(at) : std::next(at);
    }
    limit.swept_to = at == limit.cells.begin() ? std::string{} : std::prev(at)->first;
}

bool RateLimits::Impl::make_room(Limit& limit, UnixTime now) const {
    sweep(limit, kSweepStep, now);
    if (limit.cells.size() < instances_max) return true;
    sweep(limit, kSweepPressed, now);
    return limit.cells.size() < instances_max;
}

std::pair<const RateLimits::Impl::Limit*, Cell*> RateLimits::Impl::take_back(
    const RateTicket::Part& part) {
    const auto limit = std::ranges::find(limits, part.limit, &Limit::id);
    if (limit == limits.end()) return {};
    const auto known = limit->cells.find(part.instance);
    if (known == limit->cells.end()) return {};
    --known->second.parallel;
    known->second.tokens_held -= part.tokens;
    return {&*limit, &known->second};
}

RateLimits::RateLimits(std::uint32_t instances_max) : impl_(std::make_unique<Impl>()) {
    impl_->instances_max = instances_max;
}
RateLimits::~RateLimits() = default;

void RateLimits::define(std::vector<RateLimitSpec> specs) {
    std::vector<Impl::Limit> next;
    for (RateLimitSpec& spec : specs) {
        Impl::Limit limit{.spec = {}, .match = {spec.where, spec.by}};
        const auto before = std::ranges::find_if(impl_->limits, [&spec](const Impl::Limit& old) {
            return old.spec.name == spec.name && old.spec.by == spec.by;
        });
        if (before != impl_->limits.end()) {
            limit.id = before->id;
            limit.cells = std::move(before->cells);
        } else {
            limit.id = impl_->next_id++;
        }
        limit.spec = std::move(spec);
        next.push_back(std::move(limit));
    }
    impl_->limits = std::move(next);
}

bool RateLimits::empty() const { return impl_->limits.empty(); }

Result<> RateLimits::check(const RateRequest& request, RateVerdict& out) {
    const BudgetSubject subject{request.attribution, request.provider, request.model};
    out = {};
    out.at = request.now;
    impl_->places.clear();
    for (std::size_t i = 0; i < impl_->limits.size(); ++i) {
        Impl::Limit& limit = impl_->limits[i];
        if (!limit.match.matches(subject)) continue;
        Impl::Place& place = impl_->places.emplace_back();
        place.limit = i;
        limit.match.instance(subject, place.instance);
        place.is_shown =
            is_shown_to(*request.attribution, limit.spec.where, limit.spec.by, place.instance);
        const auto known = limit.cells.find(place.instance);
        const bool is_new = known == limit.cells.end();
        if (is_new && !impl_->make_room(limit, request.now)) {
            return fail(ErrorCode::too_many_trajectories);
        }
        const RateLimitSpec& spec = limit.spec;
        const Cell cell = is_new ? Cell{} : known->second;
        const auto refuse = [&](RateUnit unit, Duration wait) {
            if (out.refused && wait <= out.retry_after) return;
            out.refused = standing_of(spec, place.instance, unit, cell, request.now);
            out.retry_after = wait;
        };
        if (spec.parallel > 0 && cell.parallel >= spec.parallel)
            refuse(RateUnit::parallel, Duration{});
        if (spec.requests > 0 && request.first_attempt) {
            const Duration wait =
                requests_level(spec, cell, request.now).wait_for(time_of(1, spec.requests));
            if (wait > Duration{}) refuse(RateUnit::requests, wait);
        }
        if (spec.tokens > 0) {
            const Duration wait = tokens_level(spec, cell, request.now)
                                      .wait_for(time_of(request.token_bound, spec.tokens));
            if (wait > Duration{}) refuse(RateUnit::tokens, wait);
        }
    }
    if (!out.refused) return {};
    for (const Impl::Place& place : impl_->places) {
        if (!place.is_shown) continue;
        const Impl::Limit& limit = impl_->limits[place.limit];
        tell(limit.spec, place.instance, limit.cell_of(place.instance), request.now, out.standings);
    }
    return {};
}

void RateLimits::enter(const RateRequest& request, RateVerdict& told, RateTicket& out) {
    out.parts.clear();
    for (Impl::Place& place : impl_->places) {
        Impl::Limit& limit = impl_->limits[place.limit];
        const RateLimitSpec& spec = limit.spec;
        Cell& cell = limit.cells[place.instance];
        ++cell.parallel;
        cell.tokens_held += request.token_bound;
        Duration due{};
        if (spec.requests > 0 && request.first_attempt) {
            due = time_of(1, spec.requests);
            cell.requests_due = std::max(cell.requests_due, request.now) + due;
        }
        if (place.is_shown) tell(spec, place.instance, cell, request.now, told.standings);
        out.parts.push_back({.limit = limit.id,
                             .instance = std::move(place.instance),
                             .tokens = request.token_bound,
                             .request = due});
    }
    impl_->places.clear();
}

void RateLimits::leave(const RateTicket& ticket, std::int64_t tokens, UnixTime now) {
    for (const RateTicket::Part& part : ticket.parts) {
        const auto [limit, cell] = impl_->take_back(part);
        if (cell == nullptr) continue;
        if (limit->spec.tokens > 0 && tokens > 0) {
            cell->tokens_due =
                std::max(cell->tokens_due, now) + time_of(tokens, limit->spec.tokens);
        }
    }
}

void RateLimits::undo(const RateTicket& ticket) {
    for (const RateTicket::Part& part : ticket.parts) {
        const auto [limit, cell] = impl_->take_back(part);
        if (cell != nullptr) cell->requests_due = cell->requests_due - part.request;
    }
}

std::vector<RateStanding> RateLimits::standings(const Attribution& attribution,
                                                UnixTime now) const {
    const BudgetSubject subject{&attribution, {}, {}};
    std::vector<RateStanding> out;
    std::string instance;
    for (const Impl::Limit& limit : impl_->limits) {
        if (!limit.match.matches(subject)) continue;
        limit.match.instance(subject, instance);
        if (!is_shown_to(attribution, limit.spec.where, limit.spec.by, instance)) continue;
        for (const RateUnit unit : kUnits) {
            if (amount_of(limit.spec, unit) == 0) continue;
            out.push_back(standing_of(limit.spec, instance, unit, limit.cell_of(instance), now));
        }
    }
    return out;
}

std::string_view rate_unit_name(RateUnit u) {
    switch (u) {
        case RateUnit::requests:
            return "requests";
        case RateUnit::tokens:
            return "tokens";
        case RateUnit::parallel:
            return "parallel";
    }
    return "requests";
}

}  // namespace weir::core
