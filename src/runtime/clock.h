// Time and randomness, handed in. Everything outside runtime/ and app/ sees only these interfaces.
#pragma once

#include "base/random.h"
#include "base/time.h"

namespace weir::runtime {

class Clock {
 public:
    virtual UnixTime unix_now() const = 0;  // fine: for records
    virtual MonoTime mono_now() const = 0;  // fine: for latencies
 protected:
    ~Clock() = default;
};

// clock_gettime, a vDSO call of some 20 ns. Thread: any.
class SystemClock final : public Clock {
 public:
    UnixTime unix_now() const override;
    MonoTime mono_now() const override;
};

// getrandom(2). Thread: any.
class SystemRng final : public Rng {
 public:
    std::uint64_t next() override;
};

}  // namespace weir::runtime
