// Randomness is handed in. SeededRng is the simulator's and the tests'; runtime/clock.h has the
// one that asks the kernel.
#pragma once

#include <cstdint>

namespace weir {

class Rng {
 public:
    virtual std::uint64_t next() = 0;
    // Uniform in [0, bound); bound > 0.
    std::uint64_t below(std::uint64_t bound) { return next() % bound; }
    // Uniform in [0, 1).
    double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 protected:
    ~Rng() = default;
};

// splitmix64: the same seed gives the same sequence on every machine.
class SeededRng final : public Rng {
 public:
    explicit SeededRng(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() override {
        std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
        return z ^ (z >> 31);
    }

 private:
    std::uint64_t state_;
};

}  // namespace weir
