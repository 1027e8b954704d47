#include "sim/agents/office.h"

#include <array>
#include <cmath>

namespace weir::agents {
namespace {

constexpr std::array kKeys{
    KeyPlan{"support-production", "support", "support", "production"},
    KeyPlan{"support-staging", "support", "support", "staging"},
    KeyPlan{"documents-production", "documents", "intake", "production"},
    KeyPlan{"documents-staging", "documents", "intake", "staging"},
    KeyPlan{"platform-development", "platform", "coder", "development"},
    KeyPlan{"research-staging", "research", "evals", "staging", "gpt-6-*"},
};

}  // namespace

std::span<const KeyPlan> key_plans() { return kKeys; }

struct Office::Position {
    std::string_view key;
    runtime::Task<void> (*work)(Wire&, Post, std::uint64_t number, std::uint64_t seed);
    double an_hour;  // when busiest
};

std::span<const Office::Position> Office::positions() {
    static constexpr std::array kPositions{
        Position{"support-production", resolve_ticket, 8},
        Position{"support-staging", resolve_ticket, 0.6},
        Position{"documents-production", process_batch, 0.55},
        Position{"documents-staging", process_batch, 0.1},
        Position{"platform-development", write_change, 1.1},
        Position{"research-staging", evaluate_release, 0.3},
    };
    return kPositions;
}

double busyness(UnixTime at) {
    constexpr std::array<double, 24> kHours{.10, .08, .06, .06, .08, .12, .22, .45,
                                            .75, .95, 1.0, .95, .80, .90, 1.0, .95,
                                            .85, .65, .45, .35, .28, .22, .18, .14};
    constexpr std::int64_t kDay = 86'400;
    std::int64_t seconds = at.seconds();
    bool weekend = (seconds / kDay + 3) % 7 >= 5;  // 1970-01-01 was a Thursday
    return kHours[static_cast<std::size_t>(seconds % kDay / 3'600)] * (weekend ? 0.3 : 1.0);
}

void Office::open() {
    SeededRng rng{options_.seed};
    for (const Position& position : positions()) tasks_.spawn(receive(position, rng.next()));
}

// Arrivals at the busiest hour's rate, of which quieter hours see a part.
runtime::Task<void> Office::receive(const Position& position, std::uint64_t seed) {
    SeededRng rng{seed};
    const Post post{std::string{position.key}, options_.prefix, options_.ratchet_from};
    std::uint64_t number = options_.first_number;
    // A demo that has just begun is at work already.
    if (options_.always_open) tasks_.spawn(position.work(wire_, post, number++, rng.next()));
    for (;;) {
        double gap_s = -std::log(1.0 - rng.unit()) * 3'600 / position.an_hour;
        co_await wire_.pause(Duration{static_cast<std::int64_t>(gap_s * 1e9)});
        std::uint64_t work_seed = rng.next();
        if (!options_.always_open && rng.unit() >= busyness(wire_.now())) continue;
        tasks_.spawn(position.work(wire_, post, number++, work_seed));
    }
}

}  // namespace weir::agents
