// What people must hear of (ledger.md W8, I14): a budget near its amount, at it, past it, or new
// again; money of a dead start that waits for proof. Each is one row, found again by its id however
// often the journal is read.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "core/budget.h"
#include "store/sqlite.h"

namespace weir::store {

enum class EventKind : std::uint8_t {
    alert,      // an instance has used `alert_at` of its amount
    exhausted,  // the first final refusal, or all of it used where it does not block
    reset,      // the window of one that was told of is over
    overrun,    // a provider billed more than could be bounded
    orphan,     // calls of a start that died were ended at their bounds
    test,       // of a webhook, by hand
};
inline constexpr std::array kEventKinds{EventKind::alert,   EventKind::exhausted, EventKind::reset,
                                        EventKind::overrun, EventKind::orphan,    EventKind::test};
std::string_view event_kind_name(EventKind kind);
std::optional<EventKind> event_kind_named(std::string_view name);

struct Event {
    std::int64_t row = 0;  // in the order of being written
    // Follows from what happened, so that a receiver knows one that is sent again.
    std::string id = {};
    EventKind kind = EventKind::alert;
    UnixTime at = {};
    std::string team = {};  // whose it is alone; empty: of several, or of nobody
    // Of a budget; empty for an orphan, whose `settled` is what its calls were charged.
    std::string budget = {};
    core::BudgetUnit unit = core::BudgetUnit::usd;
    core::WindowKind window_kind = core::WindowKind::total;
    std::string instance = {};
    core::WindowSpan window = {};
    int percent = 0;  // the budget's `alert_at`
    Int128 amount = 0;
    Int128 settled = 0;
    Int128 held = 0;     // by others, when a call was refused
    Int128 overrun = 0;  // of the instance in this window
    std::int64_t calls = 0;
    std::optional<CallId> call = {};  // that brought it about, or the last of them

    bool has_end() const { return window.end != std::numeric_limits<std::int64_t>::max(); }
};

struct EventFilter {
    std::optional<EventKind> kind = {};
    std::optional<std::string> team = {};
    std::optional<std::string> budget = {};
    std::int64_t before_row = 0;  // 0: from the latest
};

// Latest first.
Result<std::vector<Event>> read_events(Database& database, const EventFilter& filter,
                                       std::size_t limit);
// Earliest first; `condition`: SQL over the columns of `events`.
Result<std::vector<Event>> read_events_where(Database& database, std::string_view condition,
                                             std::size_t limit);

// Writes it unless its id is there. Inside the caller's transaction. Returns whether it was new.
class EventWriter {
 public:
    static Result<EventWriter> open(Database& database);
    Result<bool> write(const Event& event);

 private:
    Database* database_ = nullptr;
    Statement insert_;
};

// Same things, same id. `what`: of one event, and of no other.
std::string event_id(EventKind kind, std::string_view what);

}  // namespace weir::store
