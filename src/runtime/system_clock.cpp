#include <cerrno>
#include <ctime>
#include <sys/random.h>

#include "base/check.h"
#include "runtime/clock.h"

namespace weir::runtime {
namespace {

std::int64_t read_ns(clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

}  // namespace

UnixTime SystemClock::unix_now() const { return {read_ns(CLOCK_REALTIME)}; }
MonoTime SystemClock::mono_now() const { return {read_ns(CLOCK_MONOTONIC)}; }

// Up to 256 bytes come whole once the kernel's pool is ready, for which it waits.
std::uint64_t SystemRng::next() {
    std::uint64_t value = 0;
    ssize_t n = 0;
    do {
        n = ::getrandom(&value, sizeof value, 0);
    } while (n < 0 && errno == EINTR);
    WEIR_CHECK(n == sizeof value);
    return value;
}

}  // namespace weir::runtime
