// The admin API: keys, teams, budgets, prices, calls and audit, over HTTP on a listener of its own.
// Every change goes into the store with its audit row and reaches the road as a new policy snapshot
// (Services::publish). The command line and the dashboard use nothing else.
// Thread: the control loop's.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "core/budget.h"
#include "core/policy.h"
#include "core/target_health.h"
#include "runtime/clock.h"
#include "runtime/slab.h"
#include "runtime/stream.h"
#include "runtime/task.h"
#include "store/bookkeeper.h"
#include "store/directory.h"
#include "store/outbox.h"
#include "store/queries.h"
#include "telemetry/webhook.h"

namespace weir::admin {

// Work that takes seconds: it is asked to end early by its token.
using Work = std::move_only_function<void(const std::stop_token&)>;
using Then = std::move_only_function<void()>;

// What the API stands on. Everything outlives the server; callbacks run on the control thread.
struct Services {
    store::Directory& directory;
    store::Queries& queries;
    store::BookkeeperThread& bookkeeper;
    store::Outbox& outbox;
    const runtime::Clock& clock;
    Rng& rng;
    runtime::BufferPool& buffers;
    core::Sha256 sha256;
    // The credential of whoever can read the data directory: made anew at each start, role admin.
    Secret operator_key;
    // The policy that the road has now.
    std::function<std::shared_ptr<const core::Policy>()> policy;
    // Reads keys, teams and budgets from the store into a new policy and hands it to the road.
    // Errors: what was not taken over, and that the rest was.
    std::function<Result<>()> publish;
    // Those that are configured now.
    std::function<const std::vector<telemetry::Webhook>&()> webhooks;
    // Live figures of all budget instances.
    std::function<std::vector<core::InstanceFigures>()> figures;
    // What was seen of the targets of calls.
    std::function<std::vector<core::TargetHealth::Figures>()> targets;
    // Keeps a catalogue (JSON) in the data directory and publishes a book with it.
    std::function<Result<>(std::string_view name, std::string_view catalogue)> import_prices;
    // Writes a correction into the journal and the balances; returns what is not yet done about it,
    // for people: empty where all is. Errors: not_found, ledger_unavailable, of the bookkeeper;
    // then nothing was written, and it may be said again.
    std::function<Result<std::string>(const ledger::CorrectionRecord&)> correct;
    // Does `work` on a thread of its own, then `then` on the control thread. False: such work is
    // under way already, and this was not taken.
    std::function<bool(Work work, Then then)> apart;
    // Of the store, for work that reads it apart.
    std::string database_path;
    // False while draining: /readyz says so.
    std::function<bool()> ready;
    std::string version;
    // Of the data listener, for paste-ready blocks.
    std::string gateway_url = "http://127.0.0.1:4000";
};

class Server {
 public:
    explicit Server(Services services);
    ~Server();
    Server(const Server&) = delete;

    void accept(runtime::Own stream, std::string_view peer_address);
    // Idle connections close now, others after their present answer.
    void drain();
    runtime::Task<void> drained();

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace weir::admin
