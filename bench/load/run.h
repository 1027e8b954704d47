// The kinds of runs, each from its first connection to what it reports.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "load/client.h"
#include "load/options.h"
#include "load/poller.h"
#include "load/provider.h"
#include "load/watch.h"

namespace weir::bench {

class Run {
 public:
    explicit Run(const Options& options);
    // One JSON object, or why there is none.
    std::optional<std::string> go(std::string& error);

 private:
    std::string timed();
    std::string memory();
    std::string start();

    bool make_clients(int count);
    void on_done(Client& client);
    void begin_load();
    void end_load();
    void next_arrival(Nanos due, std::uint64_t load);
    void wait_until_quiet(Nanos most);
    void hold_all();
    void rest_all();
    std::size_t busy() const;
    std::string report(const CpuReading& before, const CpuReading& after, Nanos loaded);
    std::uint16_t target() const;

    Options options_;
    Poller poller_;
    Tally tally_;
    Provider provider_;
    bool loading_ = false;
    std::uint64_t load_number_ = 0;
    std::vector<std::unique_ptr<Client>> clients_;
    std::vector<Client*> free_;  // of paced
    std::deque<Nanos> waiting_;  // calls that found no free connection
};

}  // namespace weir::bench
