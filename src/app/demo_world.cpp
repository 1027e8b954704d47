#include "app/demo_world.h"

#include <utility>

namespace weir::app {

SimulatedProvider::~SimulatedProvider() {
    worker_.stop();
    worker_.join();
}

Result<std::unique_ptr<SimulatedProvider>> SimulatedProvider::open(sim::Settings settings,
                                                                   const runtime::Clock& clock) {
    std::unique_ptr<SimulatedProvider> made{new SimulatedProvider()};
    sim::Simulator::Options options;
    options.settings = std::move(settings);
    auto simulator = sim::Simulator::open(made->worker_.loop(), clock, std::move(options));
    if (!simulator) return std::unexpected(simulator.error());
    made->simulator_ = std::move(*simulator);
    made->worker_.start();
    return made;
}

ClientThread::ClientThread(agents::LiveOptions options) : wire_(net_, std::move(options)) {
    worker_.start();
}

ClientThread::~ClientThread() { stop(); }

void ClientThread::run(Work work) {
    worker_.loop().post([this, work = std::move(work)]() mutable { tasks_.spawn(work(wire_)); });
}

void ClientThread::open_office(agents::OfficeOptions options) {
    worker_.loop().post([this, options = std::move(options)]() mutable {
        office_ = std::make_unique<agents::Office>(wire_, std::move(options));
        office_->open();
    });
}

void ClientThread::stop() {
    worker_.stop();
    worker_.join();
    office_.reset();
}

}  // namespace weir::app
