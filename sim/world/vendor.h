// The providers of the second world and their own book of what they billed: the truth that ledgers
// are compared with. They answer, fail, bill after a cut and bill what timed out, as the seed says.
// They read bodies with a JSON library of their own. Thread: the scheduler's.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/money.h"
#include "sim/world/dialects.h"
#include "sim/world/server.h"
#include "sim/world/sim_net.h"

namespace weir::world {

// The bytes of a body without white space that a model reads, each of them a token at most: all but
// the members that only say how to answer, which Weir writes too.
std::int64_t text_bytes(std::string_view body);

// One request that a provider had whole.
struct Truth {
    std::string call;  // the client's mark in the body
    std::string model;
    // At the sample company's prices: pico-USD that it can bill by what it was sent.
    Int128 worst = 0;
    std::int64_t worst_tokens = 0;
    Int128 billed = 0;  // what it will come to
    std::int64_t tokens = 0;
    bool final = false;  // told, or decided: nothing is billed beyond it
    bool told = false;   // by an answer that was whole
    MonoTime received;

    Int128 due() const { return final ? billed : worst; }
    std::int64_t due_tokens() const { return final ? tokens : worst_tokens; }
};

struct VendorFaults {
    unsigned percent = 30;     // of requests that do not go well
    bool bills_above = false;  // some ignore the maximum output
    Duration slow_max = std::chrono::seconds{2};
};

class Vendor {
 public:
    Vendor(Scheduler& scheduler, Internet& internet, const Link& link, VendorFaults faults);
    Vendor(const Vendor&) = delete;

    const std::deque<Truth>& book() const { return book_; }
    std::size_t open() const { return server_.open(); }

 private:
    enum class Dialect : std::uint8_t { chat, completions, responses, messages, embeddings };
    struct Asked {
        Dialect dialect = Dialect::chat;
        bool stream = false;
        bool include_usage = false;
        std::int64_t max_output = 0;
        std::int64_t choices = 1;
        std::int64_t input = 0;  // tokens
        bool cache_asked = false;
    };
    Asked read(const Received& request, Truth& truth) const;
    Spent draw(const Asked& asked, Truth& truth);
    Reply serve(const Received& request);
    Reply count(const Received& request);
    Reply well(const Asked& asked, const Spent& spent, Truth& truth);
    Reply badly(const Asked& asked, const Spent& spent, Truth& truth);
    Reply broken_answer(const Asked& asked, const Spent& spent, Truth& truth, std::uint64_t how);
    Reply refusal(const Asked& asked, Truth& truth);
    std::vector<std::string> events(const Asked& asked, const Spent& spent,
                                    const StreamSays& says) const;
    std::string body(const Asked& asked, const Spent& spent) const;
    void slow_down(Reply& reply);

    Scheduler& scheduler_;
    VendorFaults faults_;
    std::deque<Truth> book_;
    Server server_;
};

}  // namespace weir::world
