// Sums of one transaction, kept in memory and written once at its end: rollups by hour and day, and
// balances of budgets. Adding is commutative, so the order of records does not matter.
// Thread: the bookkeeper's.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "core/budget.h"
#include "ledger/record.h"
#include "store/entry_columns.h"
#include "store/sqlite.h"

namespace weir::store {

struct BalanceKey {
    std::uint64_t budget = 0;
    core::WindowSpan window;
    std::string instance;
    bool operator==(const BalanceKey&) const = default;
};
struct BalanceKeyHash {
    std::size_t operator()(const BalanceKey& key) const noexcept;
};
struct BalanceDelta {
    Int128 settled = 0;
    Int128 overrun = 0;
    // Of the ends that add to it the one that was admitted last, and its part; nullptr: none does.
    const ledger::EndRecord* end = nullptr;
    const core::HoldPart* part = nullptr;
};
class EventFold;

struct RollupSums {
    std::int64_t calls = 0;
    std::int64_t attempts = 0;
    std::int64_t errors = 0;
    std::int64_t refusals = 0;
    std::int64_t unknown = 0;
    std::array<std::int64_t, core::kTokenClasses> tokens{};
    std::int64_t reasoning = 0;
    std::int64_t units = 0;
    std::int64_t charge_tokens = 0;
    Money cost;       // with corrections
    Money charge;     // with corrections
    Money corrected;  // of cost

    // `sign` is +1 or −1.
    void add(const RollupSums& other, int sign = 1);
};

class Tally {
 public:
    static Result<Tally> open(Database& database);

    // `end` must outlive the flush.
    void add_end(std::int64_t scope, const ledger::EndRecord& end);
    // Takes back what add_end added.
    void take_end(std::int64_t scope, const ledger::EndRecord& end);
    void add_refusal(std::int64_t scope, const ledger::RefusalRecord& refusal);
    // Of an entry that was admitted then and settled these parts.
    void add_correction(std::int64_t scope, UnixTime admitted_at,
                        const ledger::CorrectionRecord& correction,
                        const std::vector<core::HoldPart>& parts);
    // Adds everything to the tables, inside the caller's transaction, and is empty again. `events`
    // hears what balances came to.
    Result<> flush(EventFold& events);
    void clear();

 private:
    struct RollupKey {
        std::int64_t start = 0;
        std::int64_t scope = 0;
        bool operator==(const RollupKey&) const = default;
    };
    struct RollupKeyHash {
        std::size_t operator()(const RollupKey& key) const noexcept;
    };
    using Rollups = std::unordered_map<RollupKey, RollupSums, RollupKeyHash>;

    void add(std::int64_t scope, UnixTime at, const RollupSums& sums, int sign = 1);
    void move_end(std::int64_t scope, const ledger::EndRecord& end, int sign);
    Result<> flush_rollups(Statement& upsert, const Rollups& rollups);
    Result<> flush_balances(EventFold& events);

    Rollups hours_;
    std::unordered_map<BalanceKey, BalanceDelta, BalanceKeyHash> balances_;
    Statement upsert_hour_;
    Statement upsert_day_;
    Statement select_balance_;
    Statement select_seed_;
    Statement upsert_balance_;
};

}  // namespace weir::store
