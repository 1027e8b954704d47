// ledger_fold: how many entries a second the bookkeeper folds from a journal into the database
// (design.md §11). An entry is three records: admit, dispatched, end, with six budgets, two charges
// and full attribution; `--flight N` calls are open at a time, so that admit and end fall into
// different transactions where N is larger than one holds.
//
//   fold_bench [entries] [calls in flight] [records a transaction]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fmt/core.h>
#include <string>
#include <time.h>

#include "ledger/journal.h"
#include "store/bookkeeper.h"
#include "store/store_fixture.h"

namespace {

using namespace weir;

void six_budgets(std::vector<core::HoldPart>& parts) {
    for (std::uint64_t id = 10; parts.size() < 6; ++id) {
        parts.push_back(parts.front());
        parts.back().budget_id = id;
    }
}

bool write_journal(const std::string& directory, std::uint64_t entries, std::uint64_t flight) {
    store::StandingClock clock;
    ledger::JournalOptions options;
    options.directory = directory;
    options.clock = &clock;
    auto writer = ledger::JournalWriter::open(options, 1, 0);
    if (!writer) return false;
    for (std::uint64_t seq = 1; seq <= entries + flight; ++seq) {
        if (seq <= entries) {
            ledger::AdmitRecord admit = store::admit_of(store::attempt(seq));
            six_budgets(admit.parts);
            if (!(*writer)->append(admit)) return false;
            if (!(*writer)->append(store::dispatched_of(admit.head.id))) return false;
        }
        if (seq > flight) {
            ledger::EndRecord end = store::end_of(store::attempt(seq - flight));
            six_budgets(end.parts);
            if (!(*writer)->append(end)) return false;
        }
    }
    return true;
}

std::uint64_t argument(int argc, char** argv, int index, std::uint64_t otherwise) {
    return argc > index ? std::strtoull(argv[index], nullptr, 10) : otherwise;
}

// CPU of this thread, which does not count what others on the machine took.
double cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

int main(int argc, char** argv) {
    const std::uint64_t entries = argument(argc, argv, 1, 300'000);
    const std::uint64_t flight = argument(argc, argv, 2, 1'000);
    const std::uint64_t batch = argument(argc, argv, 3, 8'192);
    store::ScratchDirectory scratch;
    if (!write_journal(scratch.path(), entries, flight)) {
        fmt::print(stderr, "the journal could not be written\n");
        return 1;
    }
    store::BookkeeperOptions options;
    options.database_path = scratch.file("weir.db");
    options.journal_directory = scratch.path();
    options.records_a_transaction = batch;
    auto bookkeeper = store::Bookkeeper::open(options);
    if (!bookkeeper) return 1;
    const auto start = std::chrono::steady_clock::now();
    const double cpu_start = cpu_seconds();
    const auto folded = (*bookkeeper)->fold_all();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (!folded || (*bookkeeper)->counters().entries_ended != static_cast<std::int64_t>(entries)) {
        fmt::print(stderr, "not every entry was folded\n");
        return 1;
    }
    const double cpu_us = (cpu_seconds() - cpu_start) * 1e6 / static_cast<double>(entries);
    const double rate = static_cast<double>(entries) / took.count();
    constexpr double kBar = 100'000;
    fmt::print(
        "{{\"figure\":\"ledger_fold\",\"value\":{:.0f},\"unit\":\"entries/s\",\"against\":\"bar\","
        "\"ratio\":{:.2f},\"bar\":{:.0f},\"met\":{},\"cpu_us_an_entry\":{:.1f}}}\n",
        rate, rate / kBar, kBar, rate >= kBar, cpu_us);
    return 0;
}
