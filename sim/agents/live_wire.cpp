#include "sim/agents/live_wire.h"

#include "sim/agents/render.h"

namespace weir::agents {
namespace {

constexpr Duration kTimeout = std::chrono::seconds{60};

Duration scaled(Duration d, double factor) {
    return Duration{static_cast<std::int64_t>(static_cast<double>(d.count()) * factor)};
}

}  // namespace

runtime::Task<Reply> LiveWire::send(const Ask& ask) {
    http::ClientRequest request = render(ask, options_.keys.at(ask.key).reveal());
    auto answer = co_await http::fetch(pool_, options_.gateway, request, kTimeout);
    Reply reply{.status = 0, .error = "no_answer"};
    if (answer) reply = read_answer(ask, *answer);
    count(reply);
    co_return reply;
}

runtime::Task<void> LiveWire::pause(Duration d) {
    co_await net_.sleep(scaled(d, 1 / options_.speed));
}

UnixTime LiveWire::now() const {
    return options_.start + scaled(net_.loop_now() - begun_, options_.speed);
}

// A refusal by the gateway says so in the body, in every dialect.
void LiveWire::count(const Reply& reply) {
    calls_.fetch_add(1, std::memory_order_relaxed);
    if (reply.ok()) return;
    bool refused = reply.body.find("\"weir\":") != std::string::npos && reply.status >= 400 &&
                   reply.status < 500;
    (refused ? refused_ : failed_).fetch_add(1, std::memory_order_relaxed);
}

}  // namespace weir::agents
