// What the simulated provider would have answered and billed, with no byte of it made: for the
// past. The prompt cache is the provider's own. Owner: History. Thread: its.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/time.h"
#include "core/usage.h"
#include "sim/agents/talk.h"
#include "sim/provider/prompt_cache.h"

namespace weir::agents {

struct PastAnswer {
    enum class Fate : std::uint8_t {
        whole,
        overloaded,   // refused before work: bills nothing
        cut_off,      // the provider's connection broke half-way: nobody knows
        client_left,  // read to its end without the client
    };
    Fate fate = Fate::whole;
    int status = 200;
    core::Usage usage;  // what was billed
    core::Usage seen;   // what the answer said of it, as far as it came
    Duration first_byte{};
    Duration total{};
    std::int64_t bytes = 0;
    std::int64_t chunks = 0;
    std::string request_id;
    std::vector<Message> messages;
};

class PastProvider {
 public:
    explicit PastProvider(std::uint64_t seed) : dice_(seed) {}
    // `model`: as sent.
    PastAnswer answer(const Ask& ask, std::string_view model, UnixTime now);

 private:
    void bill(const Ask& ask, std::string_view model, UnixTime now, core::Usage& usage);
    void draw_fate(const Ask& ask, PastAnswer& answer);
    void time_it(const Ask& ask, PastAnswer& answer);

    SeededRng dice_;
    sim::PromptCache cache_{1};
};

}  // namespace weir::agents
