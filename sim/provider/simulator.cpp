#include "sim/provider/simulator.h"

#include <utility>

namespace weir::sim {

Simulator::Simulator(runtime::Loop& loop, const runtime::Clock& clock, Settings settings)
    : bill_(settings.attempts_kept),
      timers_(loop, clock),
      provider_(
          std::move(settings), bill_, [this](Duration time) { return timers_.sleep(time); },
          clock) {}

Result<std::unique_ptr<Simulator>> Simulator::open(runtime::Loop& loop, const runtime::Clock& clock,
                                                   Options options) {
    std::unique_ptr<Simulator> simulator{new Simulator(loop, clock, std::move(options.settings))};
    if (!options.bill_file.empty()) {
        if (auto opened = simulator->bill_.open(options.bill_file); !opened) {
            return std::unexpected(opened.error());
        }
    }
    auto server = Server::open(loop, options.host, options.port, simulator->provider_);
    if (!server) return std::unexpected(server.error());
    simulator->server_ = std::move(*server);
    return simulator;
}

void Simulator::drain() {
    server_->close();
    provider_.drain();
}

}  // namespace weir::sim
