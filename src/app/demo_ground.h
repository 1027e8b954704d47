// What the demo stands on: a data directory of its own with teams, keys, budgets and a past, and
// the configuration that `serve` would have read from a file. Thread: main, before the service.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "app/config.h"
#include "base/secret.h"
#include "runtime/clock.h"
#include "sim/agents/history.h"

namespace weir::app {

struct DemoPlan {
    std::string data_dir = "weir-demo";
    bool fresh = false;  // throws away what the demo left there
    int days = 30;       // of the past
    std::uint64_t seed = 1;
    std::string provider_url;  // of the simulated provider
};

struct DemoGround {
    Config config;
    std::map<std::string, Secret, std::less<>> keys;  // of the agents, by name
    Secret visitor_key;
    bool has_new_past = false;  // written by this start
    agents::HistoryCounts past;
};

// Makes the ground, or takes it up again: keys then get new secrets, as `weir keys rotate` would
// give them, and the past is left as it is. Errors: conflict (a directory that is not a demo's:
// nothing is touched), locked (a demo is running there), io, and those of the store.
Result<DemoGround> prepare_demo(const DemoPlan& plan, const runtime::Clock& clock, Rng& rng);

// weir.yaml of the demo.
std::string demo_yaml(std::string_view provider_url, std::string_view visitor_key_id);

}  // namespace weir::app
