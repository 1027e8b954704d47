// The read side: calls, spend, balances, as plain values. Reads on a connection of its own, so that
// nobody who reads keeps the bookkeeper waiting. Pages are found by key and sums come from rollups:
// the cost of an answer does not grow with the number of calls.
// Thread: one at a time; make one Queries for each thread. Errors: io, corrupt, not_found.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/budget.h"
#include "ledger/record.h"
#include "store/events.h"
#include "store/recovery.h"
#include "store/sqlite.h"
#include "store/tally.h"

namespace weir::store {

// An attempt, or a call that was refused before one (`state` "refused").
struct CallRow {
    ledger::AttemptHead head;
    std::string state;  // open, settled, released, unknown, orphaned, refused
    std::optional<UnixTime> dispatched_at;
    std::optional<UnixTime> ended_at;
    std::uint64_t sequence = 0;
    Money bound;
    std::int64_t input_bound = 0;
    std::int64_t max_output = 0;
    Money cost;
    Money charge;
    Money overrun;
    std::int64_t charge_tokens = 0;
    std::string completeness;
    std::uint16_t usage_notes = 0;
    bool unpriced = false;
    std::array<std::int64_t, core::kTokenClasses> tokens{};
    std::int64_t reasoning = 0;
    std::int64_t units = 0;
    std::string usage_lines;  // JSON; only where several models were billed, or one is unpriced
    std::string response_id;
    std::string finish_reason;
    int http_status = 0;
    int provider_status = 0;
    std::string error;       // name in the error table; empty: none
    std::string error_text;  // of a refusal: its message
    bool client_gone = false;
    std::int64_t connect_us = 0;
    std::int64_t first_byte_us = 0;
    std::int64_t total_us = 0;
    std::int64_t request_bytes = 0;
    std::int64_t response_bytes = 0;
    std::int64_t chunks = 0;
    std::string provider_request_id;
    std::vector<std::string> notes;
    std::string client_address;
    std::string user_agent;
    std::vector<core::HoldPart> parts;  // figures of the decision; slot and generation are 0
};

struct CallDetail {
    struct Attempt {
        CallRow row;
        std::vector<core::Charge> charges;
        std::vector<ledger::CorrectionRecord> corrections;
    };
    CallId id;
    std::vector<Attempt> attempts;  // by ordinal; refused ones too
};

struct CallFilter {
    std::vector<std::pair<core::Dimension, std::string>> where;  // provider and model too
    std::optional<std::string> state;
    std::optional<std::string> asked_model;
    bool unproven = false;          // held or charged at the bound: unknown, orphaned
    bool errors = false;            // answered with an error
    std::optional<UnixTime> from;   // inclusive, by admission
    std::optional<UnixTime> until;  // exclusive
};

// A place in the list "latest first".
struct PageKey {
    UnixTime admitted_at;
    AttemptId id;
    bool operator==(const PageKey&) const = default;
};

struct CallPage {
    std::vector<CallRow> rows;
    std::optional<PageKey> next;  // nullopt: the end
};

// A place in the order in which rows came into the books: for --follow.
struct FollowPlace {
    std::int64_t entry = 0;
    std::int64_t refusal = 0;
    bool operator==(const FollowPlace&) const = default;
};

struct SpendQuery {
    // As a budget's. What teams' attributes are has been learned.
    std::vector<core::Facet> by;
    std::vector<core::Condition> where;
    enum class Bucket : std::uint8_t { none, hour, day } bucket = Bucket::none;
    std::shared_ptr<const core::Zone> zone = {};  // whose hours and days these are; nullptr: UTC
    UnixTime from;
    UnixTime until;  // exclusive
};

struct SpendRow {
    std::int64_t start = 0;           // of the bucket's window, seconds UTC; 0 without buckets
    std::vector<std::string> values;  // in the order of `by`; empty: none
    RollupSums sums;
};

// Instances of a budget, and since when their spend is asked for: a whole hour.
struct BudgetSpendQuery {
    const core::BudgetSpec* spec = nullptr;
    UnixTime since = {};
    std::vector<std::string> instances = {};
};

class Queries {
 public:
    static Result<std::unique_ptr<Queries>> open(const std::string& database_path);

    // Latest first; `after` is the `next` of the page before.
    Result<CallPage> calls(const CallFilter& filter, std::optional<PageKey> after,
                           std::size_t limit);
    // What came into the books after `place`, which moves on.
    Result<std::vector<CallRow>> follow(const CallFilter& filter, FollowPlace& place,
                                        std::size_t limit);
    Result<FollowPlace> latest_place();
    // One call with all that is known of it. Errors: not_found.
    Result<CallDetail> call(const CallId& id);
    Result<std::vector<CallRow>> last_calls_of_key(std::string_view key, std::size_t limit);

    // By any dimensions and attributes. From rollups, and from entries where a time begins or ends
    // within an hour; from entries alone where `customer`, `goal`, `trajectory` or `version` is
    // named. Errors: invalid_parameter, beyond 10,000 buckets.
    Result<std::vector<SpendRow>> spend(const SpendQuery& query);
    Result<std::vector<Event>> events(const EventFilter& filter, std::size_t limit) {
        return read_events(database_, filter, limit);
    }
    // What calls admitted since then, and ended, charged to each of the instances, in their order:
    // Σ of rollups. Where the budget names `customer`, `goal`, `trajectory` or `version`, from the
    // entries of that time. Of `repeats` the books know nothing: nullopt.
    using InstanceSpend = std::vector<std::optional<Int128>>;
    Result<std::vector<InstanceSpend>> budget_spend(const std::vector<BudgetSpendQuery>& queries);
    Result<std::vector<Balance>> balances(UnixTime now) { return load_balances(database_, now); }

    // Every attempt of the time, earliest first, one line each (with its line end), until `sink`
    // says false. Amounts are decimal USD, exact to the pico.
    enum class Format : std::uint8_t { jsonl, csv };
    Result<> export_ledger(Format format, UnixTime from, UnixTime until,
                           const std::function<bool(std::string_view)>& sink);

 private:
    explicit Queries(Database database) : database_(std::move(database)) {}
    Result<std::vector<SpendRow>> spend_at_once(const SpendQuery& query);
    Result<std::vector<CallRow>> entries(const CallFilter& filter, std::string_view tail,
                                         const std::function<void(Statement&, int)>& bind_tail);
    Result<std::vector<CallRow>> refusals(const CallFilter& filter, std::string_view tail,
                                          const std::function<void(Statement&, int)>& bind_tail);
    Result<std::vector<core::Charge>> charges(const AttemptId& id);
    Result<std::vector<ledger::CorrectionRecord>> corrections(const AttemptId& id);

    Database database_;
};

}  // namespace weir::store
