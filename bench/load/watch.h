// What a process, this one and the rest of the machine spend, as the kernel tells it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <sys/types.h>

#include "load/poller.h"

namespace weir::bench {

struct CpuReading {
    std::map<std::string, Nanos> threads;  // of the watched process, by name
    Nanos watched = 0;
    Nanos own = 0;
    Nanos machine = 0;  // all that ran, everywhere (in ticks of 10 ms)
    Nanos at = 0;
};

CpuReading read_cpu(pid_t watched);
Nanos process_cpu(pid_t pid);  // 0: gone
// Resident, with shared pages; -1: unknown.
std::int64_t resident_kb(pid_t pid);

}  // namespace weir::bench
