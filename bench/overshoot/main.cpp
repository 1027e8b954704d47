// bench-budgets: how a budget of tokens is spent to its end, by Weir and by a gateway that counts
// after the fact (bench/README.md). Prints the table; with --json also a figure a line. Exit code
// 1: a bar was missed.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <fstream>
#include <spdlog/spdlog.h>
#include <string>
#include <vector>

#include "bench/overshoot/agents.h"
#include "bench/overshoot/tenants.h"

namespace weir::overshoot {
namespace {

// Runs of one setting, put together.
struct Row {
    std::string name;
    Setting setting;
    int budgets = 0;
    double overshoot = 0;  // percent, mean
    double overshoot_most = 0;
    double usable = 0;  // percent, mean
    double usable_least = 100;
    double torn = 0;  // a budget
    double shortened = 0;
    double refused = 0;
    double finals = 0;
    int transient_for_good = 0;
    double to_90 = 0;  // seconds, mean
    double to_99 = 0;  // of those that came so far
    double allowed = 0;
};

double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

void add(Row& row, const Run& run) {
    for (const Spent& spent : run.tenants) {
        ++row.budgets;
        const double used =
            100.0 * static_cast<double>(spent.billed) / static_cast<double>(row.setting.budget);
        row.overshoot += std::max(used - 100, 0.0);
        row.overshoot_most = std::max(row.overshoot_most, used - 100);
        row.usable += std::min(used, 100.0);
        row.usable_least = std::min(row.usable_least, used);
        row.torn += spent.torn;
        row.shortened += spent.shortened;
        row.refused += spent.refused;
        row.finals += spent.refused_for_good;
        row.transient_for_good += spent.transient_for_good;
        row.to_90 += seconds(spent.to_90);
        row.to_99 += seconds(spent.to_99);
    }
    row.allowed += seconds_allowed(row.setting, run, 0.99);
}

Row measure(std::string name, Setting setting, int seeds) {
    Row row;
    row.name = std::move(name);
    row.setting = setting;
    int reached_99 = 0;
    for (int seed = 1; seed <= seeds; ++seed) {
        setting.seed = static_cast<std::uint64_t>(seed);
        const Run done = run(setting);
        add(row, done);
        reached_99 += static_cast<int>(std::ranges::count_if(
            done.tenants, [](const Spent& s) { return s.to_99 != Duration{}; }));
    }
    for (double* sum : {&row.overshoot, &row.usable, &row.torn, &row.shortened, &row.refused,
                        &row.finals, &row.to_90}) {
        *sum /= row.budgets;
    }
    row.to_99 = reached_99 > 0 ? row.to_99 / reached_99 : 0;
    row.allowed /= seeds;
    return row;
}

void print_head() {
    fmt::print("{:<26} {:>7} {:<5} {:>16} {:>14} {:>6} {:>6} {:>9} {:>7} {:>13} {:>8}\n", "",
               "streams", "bills", "overshoot % max", "usable % least", "torn", "short", "refusals",
               "final", "t90 / t99 s", "t99 may");
}

void print(const Row& row) {
    fmt::print(
        "{:<26} {:>7} {:<5} {:>7.2f} {:>8.2f} {:>7.2f} {:>6.2f} {:>6.2f} {:>6.2f} {:>9.0f} "
        "{:>7.0f} {:>6.1f} {:>6.1f} {:>8.1f}\n",
        row.name, row.setting.streams, row.setting.bills_on ? "on" : "stops", row.overshoot,
        std::max(row.overshoot_most, 0.0), row.usable, row.usable_least, row.torn, row.shortened,
        row.refused, row.finals, row.to_90, row.to_99, row.allowed);
    std::fflush(stdout);
}

struct Bar {
    const char* figure;
    double value;
    double bar;
    bool met;
};

// ledger.md §2, "Bar to state". Those of the whole table hold in each of its cells.
std::vector<Bar> bars(const std::vector<Row>& cells) {
    double overshoot = 0;
    double torn = 0;
    double shortened = 0;
    double transient = 0;
    double usable = 100;
    double least = 100;
    double time = 0;
    for (const Row& row : cells) {
        overshoot = std::max(overshoot, row.overshoot_most);
        torn = std::max(torn, row.torn);
        transient += row.transient_for_good;
        if (row.setting.streams != 128) continue;
        usable = std::min(usable, row.usable);
        least = std::min(least, row.usable_least);
        shortened = std::max(shortened, row.shortened);
        time = std::max(time, row.to_99 / row.allowed);
    }
    return {{"overshoot_percent", overshoot, 0, overshoot <= 0},
            {"torn_a_budget", torn, 0, torn <= 0},
            {"usable_percent", usable, 99.0, usable >= 99.0},
            {"usable_least_percent", least, 98.5, least >= 98.5},
            {"shortened_a_budget", shortened, 0.35, shortened <= 0.35},
            {"transient_refusals_final", transient, 0, transient <= 0},
            {"time_to_99_of_allowed", time, 1.15, time <= 1.15}};
}

// Coding agents on trajectories of $2 each. Empty: there are no captures to grow.
std::vector<Bar> agent_cells(const std::string& directory, int seeds) {
    const auto captures = read_captures(directory);
    if (!captures) {
        fmt::print("\nagents: skipped, no captures in {}\n", directory);
        return {};
    }
    fmt::print("\n{:<12} {:>4} {:>13} {:>8} {:>6} {:>8} {:>6} {:>16} {:>9} {:>7} {:>10}\n", "",
               "subs", "request kB", "max out", "calls", "counted", "short", "at final % min",
               "could be", "used %", "overshoot");
    double overshoot = 0;
    double settled = 100;
    for (const Capture& capture : *captures) {
        for (int sub_agents : {0, 4}) {
            Trajectory sum;
            double at_final = 0;
            double least = 100;
            double could_be = 0;
            double used = 0;
            double most = 0;
            for (int seed = 1; seed <= seeds; ++seed) {
                const AgentSetting setting{.capture = &capture,
                                           .seed = static_cast<std::uint64_t>(seed),
                                           .sub_agents = sub_agents};
                const Trajectory one = run(setting);
                auto percent = [&setting](Int128 pico) {
                    return 100.0 * static_cast<double>(pico) / static_cast<double>(setting.amount);
                };
                const double final = percent(one.at_first_final.value_or(setting.amount));
                at_final += final / seeds;
                least = std::min(least, final);
                could_be += percent(one.could_be) / seeds;
                used += percent(one.billed) / seeds;
                most = std::max(most, percent(one.billed) - 100);
                sum.calls += one.calls;
                sum.counted += one.counted;
                sum.shortened += one.shortened;
                sum.max_output = one.max_output;
                sum.first_bytes = one.first_bytes;
                sum.longest_bytes = std::max(sum.longest_bytes, one.longest_bytes);
            }
            fmt::print(
                "{:<12} {:>4} {:>5} … {:>5} {:>8} {:>6.0f} {:>8.1f} {:>6.1f} {:>8.1f} "
                "{:>7.1f} {:>9.1f} {:>7.1f} {:>10.2f}\n",
                capture.agent, sub_agents, sum.first_bytes / 1000, sum.longest_bytes / 1000,
                sum.max_output, static_cast<double>(sum.calls) / seeds,
                static_cast<double>(sum.counted) / seeds,
                static_cast<double>(sum.shortened) / seeds, at_final, least, could_be, used,
                std::max(most, 0.0));
            std::fflush(stdout);
            overshoot = std::max(overshoot, most);
            settled = std::min(settled, at_final);
        }
    }
    return {{"agents_overshoot_percent", overshoot, 0, overshoot <= 0},
            {"agents_settled_percent", settled, 90, settled >= 90}};
}

bool print_bars(const std::vector<Bar>& all, const std::string& path) {
    std::ofstream out;
    if (!path.empty()) out.open(path);
    bool met = true;
    fmt::print("\n{:<28} {:>9} {:>7}\n", "", "reached", "bar");
    for (const Bar& bar : all) {
        fmt::print("{:<28} {:>9.3f} {:>7.2f}  {}\n", bar.figure, bar.value, bar.bar,
                   bar.met ? "met" : "MISSED");
        if (out.is_open()) {
            out << fmt::format(R"({{"figure":"{}","value":{:.4f},"bar":{},"met":{}}})", bar.figure,
                               bar.value, bar.bar, bar.met)
                << '\n';
        }
        met = met && bar.met;
    }
    return met;
}

int main_of(int seeds, const std::string& captures, const std::string& json) {
    print_head();
    std::vector<Row> cells;
    for (bool bills_on : {false, true}) {
        for (int streams : {1, 2, 4, 8, 16, 32, 64, 128}) {
            cells.push_back(measure("Weir", {.streams = streams, .bills_on = bills_on}, seeds));
            print(cells.back());
        }
    }
    for (double sigma : {0.6, 1.0}) {
        // So many that 0.3 shortened a budget can be told from 0.35.
        cells.push_back(measure(fmt::format("Weir, sigma {}", sigma),
                                {.bills_on = true, .sigma = sigma}, 4 * seeds));
        print(cells.back());
    }
    const int few = std::max(1, seeds / 4);
    print(measure("Weir, learned in the run", {.learned = false, .bills_on = true}, few));
    print(measure("Weir, no line: retries", {.gate = Gate::weir, .bills_on = true}, few));
    print(
        measure("never short (clamp: rare)", {.clamp = core::Clamp::rare, .bills_on = true}, few));
    print(measure("use it up (clamp: always)", {.clamp = core::Clamp::always, .bills_on = true},
                  few));
    print(measure("no clamp (clamp: off)", {.clamp = core::Clamp::off, .bills_on = true}, few));
    for (int streams : {1, 8, 32, 128}) {
        print(measure("count after the fact",
                      {.gate = Gate::count_after, .streams = streams, .bills_on = true}, few));
    }
    std::vector<Bar> all = bars(cells);
    std::ranges::copy(agent_cells(captures, few), std::back_inserter(all));
    return print_bars(all, json) ? 0 : 1;
}

}  // namespace
}  // namespace weir::overshoot

int main(int argc, char** argv) {
    CLI::App app{"A budget of tokens, spent to its end by many streams at once."};
    int seeds = 25;
    std::string captures = "../shared/data/captures";
    std::string json;
    app.add_option("--seeds", seeds, "runs of each cell, of eight budgets each")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    app.add_option("--captures", captures, "requests of coding agents")->capture_default_str();
    bool agents_only = false;
    app.add_flag("--agents-only", agents_only, "leave the tenants out");
    app.add_option("--json", json, "also write a figure a line to this file");
    CLI11_PARSE(app, argc, argv);
    spdlog::set_level(spdlog::level::off);
    if (agents_only) {
        const auto bars = weir::overshoot::agent_cells(captures, seeds);
        return weir::overshoot::print_bars(bars, json) ? 0 : 1;
    }
    return weir::overshoot::main_of(seeds, captures, json);
}
