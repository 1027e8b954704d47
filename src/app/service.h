// The gateway as a running whole: books, treasury, workers, admin API. The object graph, built by
// hand; main.cpp and the demo are its users.
// Thread: the control thread (the one that calls start and run), but for what says otherwise.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/config.h"
#include "app/first_start.h"
#include "store/directory.h"

namespace weir::app {

class Service {
 public:
    // Everything up to listening; calls are answered from here on. Signals must be blocked already
    // (runtime/signals.h). Errors: each says what to do.
    static Result<std::unique_ptr<Service>> start(Config config);
    Service(const Service&) = delete;
    ~Service();

    // Serves until SIGTERM or SIGINT, or shut_down(); SIGHUP reads the configuration again. Running
    // calls finish within the configured drain time.
    void run();
    // Thread: any.
    void shut_down();
    // Runs `f` on the control thread. Thread: any.
    void post(std::move_only_function<void()> f);

    const Config& config() const;  // with the ports that were really taken
    std::string gateway_url() const;
    std::string admin_url() const;
    std::uint32_t epoch() const;
    // Of a first start; taken once.
    std::optional<FirstKeys> take_first_keys();
    // Holds of dead starts: ended at their bounds, and released.
    std::pair<std::size_t, std::size_t> recovered() const;
    // For changes by whoever owns the process; publish() hands them to the road.
    store::Directory& directory();
    Result<> publish();
    // Returns when every call that was answered is in the database.
    Result<> flush();

 private:
    struct Impl;
    explicit Service(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace weir::app
