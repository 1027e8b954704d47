// How the targets of calls fare, as the calls themselves see it: which one is left alone for a
// while after it failed, and who finds out whether it is back. A pure state machine: times come
// with each word. One for the process; the caller's lock.
//
//   open → (failures in a row, or the provider's word) → cooling → one probe → open | cooling
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace weir::core {

// Why an attempt did not come to an answer that the call could have had elsewhere.
enum class Trouble : std::uint8_t {
    none,  // answered, or refused for what the call is
    unreachable,
    timed_out,  // no first byte in time
    cut_off,    // the connection ended before the answer did
    rate_limited,
    overloaded,
    server_error,
    unauthorized,  // the key is refused
    too_long,      // beyond the model's context window
    filtered,      // by the provider's content filter
};
std::string_view trouble_name(Trouble trouble);
// False: it is about the call, and the target fares well.
bool weighs_on_target(Trouble trouble);

// What a provider says is left of its own rate limits; -1: it did not say.
struct ProviderQuota {
    std::int64_t requests_left = -1;
    std::int64_t requests_limit = -1;
    std::int64_t tokens_left = -1;
    std::int64_t tokens_limit = -1;
    bool said() const { return requests_left >= 0 || tokens_left >= 0; }
};

// What one attempt has shown of its target.
struct Sighting {
    Trouble trouble = Trouble::none;
    Duration first_byte{};                     // of one that answered
    std::optional<Duration> retry_after = {};  // the provider's word
    ProviderQuota quota = {};
};

// A model at a provider, by one of the provider's keys. A view.
struct TargetName {
    std::string_view provider;
    std::string_view model;
    std::uint16_t key = 0;
    auto operator<=>(const TargetName&) const = default;
    std::string text() const;  // "openai/gpt-6", "openai/gpt-6 #2" by its second key
};

class TargetHealth {
 public:
    static constexpr int kFailuresInARow = 3;
    static constexpr Duration kShortestCooldown = std::chrono::seconds{1};
    static constexpr Duration kLongestCooldown = std::chrono::seconds{60};
    static constexpr Duration kLongestRetryAfter = std::chrono::minutes{10};
    // Without a word of the probe by then, another call probes.
    static constexpr Duration kProbePatience = std::chrono::seconds{30};
    static constexpr std::size_t kTargetsMax = 4'096;  // what is beyond is not watched

    // How long it is still to be left alone; zero: a call may go there now, and where that is a
    // probe no other may until `saw` tells of it.
    Duration ask(TargetName target, MonoTime now);
    // The same without a probe.
    Duration rest_of_cooldown(TargetName target, MonoTime now) const;
    // Why it cools, or cooled last.
    Trouble last_trouble(TargetName target) const;
    void saw(TargetName target, const Sighting& sighting, MonoTime now);

    enum class State : std::uint8_t { open, cooling, probing };
    struct Figures {
        std::string provider;
        std::string model;
        std::uint16_t key = 0;
        State state = State::open;
        Duration cooldown_left{};
        Trouble last_trouble = Trouble::none;
        std::uint64_t attempts = 0;      // since the start
        std::uint64_t failures = 0;      // of these
        double recent_failure_rate = 0;  // 0…1, an attempt weighs half as much a minute later
        Duration first_byte{};           // moving average
        ProviderQuota quota;
    };
    std::vector<Figures> figures(MonoTime now) const;

 private:
    struct Target {
        std::string provider;
        std::string model;
        std::uint16_t key = 0;
        int failures_in_a_row = 0;
        int cooldowns_in_a_row = 0;
        MonoTime cool_until{};
        MonoTime probe_until{};
        bool cooled = false;  // no call has answered since the last cooldown
        Trouble last_trouble = Trouble::none;
        std::uint64_t attempts = 0;
        std::uint64_t failures = 0;
        double recent_attempts = 0;
        double recent_failures = 0;
        MonoTime recent_at{};
        double first_byte_ns = 0;
        ProviderQuota quota;
    };
    void cool(Target& target, const Sighting& sighting, MonoTime now);

    const Target* find(TargetName target) const;

    std::map<TargetName, std::unique_ptr<Target>> targets_;  // by views into what they hold
};

}  // namespace weir::core
