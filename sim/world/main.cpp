// weir-world --seed N [--steps M]: runs one history of the second world again and says what was
// found in it. Exit code 1: something was.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "sim/world/world.h"

int main(int argc, char** argv) {
    CLI::App app{"One history of the second world, as its seed has it."};
    std::uint64_t seed = 1;
    std::uint64_t count = 1;
    std::uint64_t steps = 0;
    app.add_option("--seed", seed, "the first seed")->required();
    app.add_option("--count", count, "how many seeds from it on");
    app.add_option("--steps", steps, "ends a history after so many steps");
    CLI11_PARSE(app, argc, argv);
    bool clean = true;
    for (std::uint64_t s = seed; s < seed + count; ++s) {
        weir::world::WorldOptions options = weir::world::options_of_seed(s);
        if (steps > 0) options.steps_max = steps;
        weir::world::WorldReport report = weir::world::run_world(options);
        std::printf("seed %llu %s", static_cast<unsigned long long>(s), report.text().c_str());
        std::fflush(stdout);
        clean = clean && report.findings.empty();
    }
    return clean ? 0 : 1;
}
