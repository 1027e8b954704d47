// A whole simulated provider on a loop, for programs that start one inside: its bill, its timers,
// its port. Made and destroyed on the loop's thread, or while the loop does not run.
#pragma once

#include <memory>
#include <string>

#include "sim/provider/bill.h"
#include "sim/provider/fine_timers.h"
#include "sim/provider/provider.h"
#include "sim/provider/server.h"

namespace weir::sim {

class Simulator {
 public:
    struct Options {
        Settings settings{};
        std::string host = "127.0.0.1";
        std::uint16_t port = 0;   // 0: any free one
        std::string bill_file{};  // empty: the bill is in memory only
    };
    // Errors: as of Server::open and Bill::open.
    static Result<std::unique_ptr<Simulator>> open(runtime::Loop& loop, const runtime::Clock& clock,
                                                   Options options);
    Simulator(const Simulator&) = delete;

    std::uint16_t port() const { return server_->port(); }
    std::string url() const { return server_->url(); }  // "http://127.0.0.1:4010"
    const Bill& bill() const { return bill_; }
    Provider& provider() { return provider_; }
    // No new connections; idle ones close now, others after their present answer.
    void drain();
    runtime::Task<void> drained() { return provider_.drained(); }

 private:
    Simulator(runtime::Loop& loop, const runtime::Clock& clock, Settings settings);

    Bill bill_;
    FineTimers timers_;
    Provider provider_;
    std::unique_ptr<Server> server_;
};

}  // namespace weir::sim
