#include "load/watch.h"

#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <unistd.h>

namespace weir::bench {
namespace {

namespace fs = std::filesystem;

Nanos first_number(const fs::path& path) {
    std::ifstream in(path);
    Nanos value = 0;
    in >> value;
    return value;
}

std::map<std::string, Nanos> thread_cpu(pid_t pid) {
    std::map<std::string, Nanos> out;
    std::error_code gone;
    for (const auto& task : fs::directory_iterator(fmt::format("/proc/{}/task", pid), gone)) {
        std::string name;
        std::ifstream(task.path() / "comm") >> name;
        out[name] += first_number(task.path() / "schedstat");
    }
    return out;
}

// user, nice, system, irq and softirq of all processors; not idle, iowait and steal.
Nanos machine_cpu() {
    std::ifstream in("/proc/stat");
    std::string cpu;
    Nanos user = 0;
    Nanos nice = 0;
    Nanos system = 0;
    Nanos idle = 0;
    Nanos iowait = 0;
    Nanos irq = 0;
    Nanos softirq = 0;
    in >> cpu >> user >> nice >> system >> idle >> iowait >> irq >> softirq;
    return (user + nice + system + irq + softirq) * (kSecond / ::sysconf(_SC_CLK_TCK));
}

}  // namespace

Nanos process_cpu(pid_t pid) {
    Nanos sum = 0;
    for (const auto& [name, cpu] : thread_cpu(pid)) sum += cpu;
    return sum;
}

CpuReading read_cpu(pid_t watched) {
    CpuReading out;
    if (watched > 0) out.threads = thread_cpu(watched);
    for (const auto& [name, cpu] : out.threads) out.watched += cpu;
    out.own = process_cpu(::getpid());
    out.machine = machine_cpu();
    out.at = monotonic_now();
    return out;
}

std::int64_t resident_kb(pid_t pid) {
    std::ifstream in(fmt::format("/proc/{}/smaps_rollup", pid));
    for (std::string word; in >> word;) {
        std::int64_t kb = -1;
        if (word == "Rss:" && in >> kb) return kb;
    }
    return -1;
}

}  // namespace weir::bench
