// weir_load: client and provider in one process, on one core. Prints one JSON object.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fmt/core.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "load/run.h"

namespace {

using weir::bench::Options;

void raise_descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

bool pin(const Options& options) {
    if (options.cpu >= 0) {
        cpu_set_t cpus;
        CPU_ZERO(&cpus);
        CPU_SET(static_cast<unsigned>(options.cpu), &cpus);
        if (::sched_setaffinity(0, sizeof cpus, &cpus) != 0) return false;
    }
    if (!options.realtime) return true;
    sched_param param{.sched_priority = 10};
    return ::sched_setscheduler(0, SCHED_FIFO, &param) == 0;
}

}  // namespace

int main(int argc, char** argv) {
    auto options = weir::bench::read_options(argc, argv);
    if (!options) return 2;
    raise_descriptor_limit();
    ::signal(SIGPIPE, SIG_IGN);
    ::prctl(PR_SET_TIMERSLACK, 1);
    // A command that is started is the one under test: it keeps the affinity it was given.
    if (!pin(*options))
        fmt::print(stderr, "weir_load: not pinned, or without real-time priority\n");
    std::string error;
    weir::bench::Run run(*options);
    auto report = run.go(error);
    if (!report) {
        fmt::print(stderr, "weir_load: {}\n", error);
        return 1;
    }
    fmt::print("{}\n", *report);
    return 0;
}
