// What can go wrong at a provider: one closed table, from which faults are chosen by name, for one
// request or at a seeded rate. Sans-IO.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace weir::sim {

enum class Fault : std::uint8_t {
    // the connection
    refuse,
    reset,
    reset_after_head,
    reset_mid,
    reset_before_usage,
    close_before_usage,
    eof_before_usage,
    hang,
    hang_mid,
    timeout,
    drip,
    split,
    close_after,
    announce_close,
    // the answer
    http,
    error_after_200,
    garbage_head,
    garbage_body,
    wrong_length,
    bad_chunk,
    crlf,
    cr,
    comments,
    heartbeats_only,
    huge_event,
    prompt_filter,
    gzip,
    // its usage
    no_usage,
    usage_null,
    usage_twice,
    usage_every_chunk,
    two_message_delta,
    no_message_delta,
    raise_input,
    // the reading of the request
    ignore_max,
    reject_stream_options,
    last_wins,
};

struct FaultInfo {
    Fault fault;
    std::string_view name;
    std::string_view argument;  // what the argument means; empty: takes none
    std::int64_t otherwise;     // the argument where none is given
    std::string_view help;
};
// In the order of the enum.
std::span<const FaultInfo> fault_table();
const FaultInfo& fault_info(Fault fault);

struct ChosenFault {
    Fault fault;
    std::int64_t argument = 0;
    // Only the first attempts of one tag (or of one prompt, where there is no tag). 0: all.
    std::int64_t times = 0;
    // Of http:
    std::int64_t retry_after_ms = -1;
    std::optional<bool> should_retry{};
    bool billed = false;
};

// The faults of one attempt.
class Faults {
 public:
    void add(ChosenFault fault);  // instead of the same one
    void remove(Fault fault);
    bool has(Fault fault) const { return find(fault) != nullptr; }
    const ChosenFault* find(Fault fault) const;
    std::int64_t argument(Fault fault) const;  // 0 without it
    std::span<const ChosenFault> all() const { return chosen_; }
    std::string text() const;  // "reset_mid=3; comments=2"

 private:
    std::vector<ChosenFault> chosen_;
};

// "reset_mid=3", "http=429,retry_after_ms=20,should_retry=false,billed,times=1", several separated
// by ";". Error: invalid_parameter, which names what is known.
Result<Faults> parse_faults(std::string_view text);

struct FaultRate {
    ChosenFault fault;
    double probability = 0;
};
// "reset_mid=3:0.05". Error: invalid_parameter.
Result<FaultRate> parse_fault_rate(std::string_view text);
// Adds what the dice say to what was chosen.
void draw_faults(std::span<const FaultRate> rates, Rng& rng, Faults& faults);

}  // namespace weir::sim
