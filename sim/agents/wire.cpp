#include "sim/agents/wire.h"

namespace weir::agents {

runtime::Task<Reply> insist(Wire& wire, const Ask& ask) {
    constexpr int kRetries = 2;
    Reply reply = co_await wire.send(ask);
    Duration wait = std::chrono::milliseconds{500};
    for (int i = 0; i < kRetries && !reply.is_final(); ++i) {
        co_await wire.pause(wait);
        wait *= 2;
        reply = co_await wire.send(ask);
    }
    co_return reply;
}

}  // namespace weir::agents
