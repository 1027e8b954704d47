// The simulated provider on one loop: reads requests from connections, answers in the dialect of
// the path, keeps its own bill. Also serves /sim/…: its bill, its last requests, and switches for
// tests. Owner: whoever runs the loop. Thread: the loop's.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <unordered_map>

#include "http/server_connection.h"
#include "runtime/clock.h"
#include "runtime/slab.h"
#include "runtime/stream.h"
#include "runtime/task.h"
#include "sim/provider/bill.h"
#include "sim/provider/delivery.h"
#include "sim/provider/dialect.h"
#include "sim/provider/settings.h"

namespace weir::sim {

class Provider {
 public:
    // `sleep`: resumes after at least that time.
    Provider(Settings settings, Bill& bill, Sleep sleep, const runtime::Clock& clock);
    Provider(const Provider&) = delete;

    // `descriptor`: of the stream's socket, so that a reset can be one; -1: a reset is a close.
    void accept(runtime::Own stream, int descriptor = -1);

    // Told when a fault wants connections refused for that time; without it they are reset.
    void on_refuse(std::move_only_function<void(Duration)> close_port) {
        on_refuse_ = std::move(close_port);
    }

    // Idle connections close now, others after their present answer.
    void drain();
    runtime::Task<void> drained() { return tasks_.drained(); }
    std::size_t open() const { return tasks_.size(); }
    const Settings& settings() const { return settings_; }

 private:
    struct Planned {
        Call call;
        Answer answer;
        bool anthropic = false;
        std::int64_t number = 0;  // on the bill; 0: not there
        bool error_is_billed = false;
        Pace pace;
    };

    runtime::Task<void> serve(runtime::Own stream, int descriptor);
    // False: the connection ends.
    runtime::Task<bool> serve_one(http::ServerConnection& client, int descriptor);
    runtime::Task<Result<Request>> read_request(http::ServerConnection& client);
    Planned plan(const Request& request);
    void plan_call(const Request& request, Planned& planned);
    void begin(const Request& request, Planned& planned);
    void refuse_connections(Duration time);
    void use_up_faults(const Request& request, Call& call);
    Pace pace_of(const Call& call) const;
    Answer control(const Request& request);
    void remember(const Request& request, const Planned& planned);

    Settings settings_;
    Bill& bill_;
    Sleep sleep_;
    const runtime::Clock& clock_;
    World world_;
    std::string run_;  // in request ids, so that no two runs give the same
    std::int64_t requests_ = 0;
    MonoTime refuses_until_;
    std::move_only_function<void(Duration)> on_refuse_;
    SeededRng dice_;
    std::unordered_map<std::string, std::int64_t> fault_uses_;
    std::deque<Json> last_requests_;
    runtime::BufferPool buffers_;
    bool draining_ = false;
    std::unordered_map<runtime::Stream*, bool> idle_;
    runtime::TaskGroup tasks_;
};

}  // namespace weir::sim
