// weir-world --seed N [--count M]: runs histories of the second world and says what was found in
// them. A finding names its step, the invariant of the ledger that does not hold, and the figures;
// `--story` tells everything that led to it. Exit code 1: something was found.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "sim/world/world.h"

namespace {

struct Sums {
    std::uint64_t seeds = 0;
    std::uint64_t failed = 0;
    std::uint64_t calls = 0;
    std::uint64_t decisions = 0;
    std::uint64_t probes = 0;
    std::uint64_t looks = 0;
    std::uint64_t steps = 0;
    std::uint64_t changes = 0;
    std::uint64_t corrections = 0;
    int kills = 0;
    int power_cuts = 0;
    int restarts = 0;

    void add(const weir::world::WorldReport& r) {
        ++seeds;
        failed += r.findings.empty() ? 0 : 1;
        calls += r.calls;
        decisions += r.decisions;
        probes += r.probes;
        looks += r.looks;
        steps += r.steps;
        changes += r.changes;
        corrections += r.corrections;
        kills += r.kills;
        power_cuts += r.power_cuts;
        restarts += r.restarts;
    }
    void print() const {
        auto n = [](std::uint64_t value) {
            return static_cast<unsigned long long>(value);
        };
        std::printf(
            "%llu seeds, %llu with findings: %llu calls, %llu decisions, %llu asked again, %llu "
            "steps, %llu looks; %d kills, %d power cuts, %d restarts, %llu changes, %llu "
            "corrections\n",
            n(seeds), n(failed), n(calls), n(decisions), n(probes), n(steps), n(looks), kills,
            power_cuts, restarts, n(changes), n(corrections));
    }
};

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Histories of the second world, as their seeds have them."};
    std::uint64_t seed = 1;
    std::uint64_t count = 1;
    std::uint64_t steps = 0;
    bool story = false;
    bool quiet = false;
    app.add_option("--seed", seed, "the first seed")->required();
    app.add_option("--count", count, "how many seeds from it on");
    app.add_option("--steps", steps, "ends a history after so many steps");
    app.add_flag("--story", story, "tells what happens, and every record of the ledger");
    app.add_flag("--quiet", quiet, "prints seeds with findings, and the sums");
    CLI11_PARSE(app, argc, argv);
    Sums sums;
    for (std::uint64_t s = seed; s < seed + count; ++s) {
        weir::world::WorldOptions options = weir::world::options_of_seed(s);
        if (steps > 0) options.steps_max = steps;
        if (story)
            options.tell = [](const std::string& line) {
                std::puts(line.c_str());
            };
        weir::world::WorldReport report = weir::world::run_world(options);
        sums.add(report);
        if (quiet && report.findings.empty()) continue;
        std::printf("seed %llu %s", static_cast<unsigned long long>(s), report.text().c_str());
        std::fflush(stdout);
    }
    if (count > 1) sums.print();
    return sums.failed == 0 ? 0 : 1;
}
