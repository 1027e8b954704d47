// The clients of the second world: each sends calls of all kinds, one after the other, leaves in
// the middle of some, reads slowly or in a hurry, and looks at whatever it gets. Thread: the
// scheduler's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/world/client.h"
#include "sim/world/sample_policy.h"
#include "sim/world/sim_stream.h"

namespace weir::world {

// What became of one call, as its client saw it.
struct CallSeen {
    std::string team;
    std::string key_id;
    int status = 0;
    int attempts = 0;
    bool whole = false;
    bool left = false;  // by its own will
};

struct CustomerHabits {
    int customers = 4;
    int calls = 60;               // of all together
    unsigned leave_percent = 10;  // of calls that are not waited for
    unsigned slow_percent = 3;
    unsigned retry_percent = 0;  // of calls that failed: the same again, as SDKs do, up to twice
    unsigned route_percent = 0;  // of OpenAI's calls that ask for the route "any"
    int trajectories = 0;        // different ones of each customer; 0: it names none
    bool uniform = false;        // all calls alike, of one key
    Duration pause_max = std::chrono::milliseconds{300};
    Link link = {};
};

class Customers {
 public:
    struct Door {
        // A connection to the process, if one is there; and which process that is.
        std::function<runtime::Own(const Link&)> dial;
        std::function<std::uint64_t()> process;
    };
    Customers(Scheduler& scheduler, const Company& company, CustomerHabits habits, Door door);
    Customers(const Customers&) = delete;

    void add_calls(int calls);
    bool done() const { return tasks_.size() == 0; }
    const std::map<std::string, CallSeen>& calls() const { return calls_; }
    // What no client should have seen.
    const std::vector<std::string>& complaints() const { return complaints_; }

 private:
    enum class Kind : std::uint8_t { chat, completions, responses, messages, embeddings };
    struct Order {
        Kind kind = Kind::chat;
        bool stream = false;
        std::string mark;
        std::string bytes;
        Patience patience;
        CallSeen seen;
        int tries = 0;
    };
    runtime::Task<void> live(int number);
    bool tries_again(const Order& order, const Answer& answer);
    Order make_order(int number);
    std::string body_of(Order& order, int number);
    std::string padding();
    std::string messages_of(Kind kind, int number);
    void look_at(const Order& order, const Answer& answer, bool same_process);

    Scheduler& scheduler_;
    const Company& company_;
    CustomerHabits habits_;
    // What each customer said last, in chat and in messages, without the closing bracket.
    std::map<std::pair<int, Kind>, std::string> conversations_;
    Door door_;
    int left_ = 0;
    int next_mark_ = 0;
    std::map<std::string, CallSeen> calls_;
    std::vector<std::string> complaints_;
    runtime::TaskGroup tasks_;
};

}  // namespace weir::world
