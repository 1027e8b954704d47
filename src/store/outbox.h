// What has to be told to which webhook, kept until it was told: at least once, whatever ends the
// process in between. On a connection of its own. Thread: one, the control thread.
// Errors: those of sqlite.h; then nothing of it has changed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/events.h"

namespace weir::store {

struct Delivery {
    Event event;
    int attempts = 0;  // that failed
};

struct DeliveryFigures {
    std::int64_t waiting = 0;
    std::int64_t delivered = 0;
    std::int64_t given_up = 0;
    std::optional<UnixTime> tried_at;  // the last time
    std::string error;                 // of that time; empty: it went well
};

class Outbox {
 public:
    // Of a database that the bookkeeper has opened.
    static Result<std::unique_ptr<Outbox>> open(const std::string& database_path);

    // A `reset` for each instance that was told of, once its window is over. Returns how many.
    Result<std::size_t> close_windows(UnixTime now);
    // Puts events that came since the last time in line for the webhooks that `recipients` names,
    // once each. Returns how many events.
    using Recipients = std::function<std::vector<std::string>(const Event&)>;
    Result<std::size_t> address(const Recipients& recipients);
    // A test event, for this webhook alone. Returns its id.
    Result<std::string> add_test(std::string_view webhook, std::uint64_t nonce, UnixTime now);

    // What has waited longest.
    Result<std::optional<Delivery>> next_due(std::string_view webhook, UnixTime now);
    Result<> delivered(std::string_view webhook, std::int64_t event, UnixTime now);
    // `next`: when to try again; nullopt: it is given up.
    Result<> failed(std::string_view webhook, std::int64_t event, UnixTime now,
                    std::string_view error, std::optional<UnixTime> next);
    // What was given up goes into the line again, at once. Returns how many.
    Result<std::int64_t> retry(std::string_view webhook, UnixTime now);

    // By webhook; also of those that are not configured any more.
    Result<std::map<std::string, DeliveryFigures>> figures();

 private:
    explicit Outbox(Database database) : database_(std::move(database)) {}
    Result<> put(std::int64_t event, std::string_view webhook, UnixTime at);

    Database database_;
};

}  // namespace weir::store
