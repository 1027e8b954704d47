// What the journal's records add up to: open holds, ended attempts, balances. A join by id that
// does not depend on the order of records, nor on how often each is read (ledger.md J5, I7):
// recovery, verify and tests use it; the store's tables must come to the same.
//
// Of several different ends of one attempt the earliest counts (by its instant; at the same instant
// the lowest by state, charge, tokens and bytes); the others are counted, and change nothing.
//
// Thread: one. Copyable: a copy is a snapshot, to be folded on from the cursors it was taken at.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/money.h"
#include "base/time.h"
#include "ledger/record.h"

namespace weir::ledger {

struct BalanceKey {
    std::uint64_t budget_id = 0;
    std::string instance;
    std::int64_t window_start = 0;
    std::int64_t window_end = 0;
    auto operator<=>(const BalanceKey&) const = default;
};

// In the budget's unit: pico-USD, tokens or calls.
struct Balance {
    Int128 settled = 0;  // Σ charges of ended attempts, corrections included
    Int128 held = 0;     // Σ holds of attempts without an end
    Int128 overrun = 0;  // Σ (charge − hold)+ at the end; corrections do not count
    bool operator==(const Balance&) const = default;
};

// What an end does to one of its budgets.
Int128 settled_part(const EndRecord& end, const core::HoldPart& part);
Int128 corrected_part(const CorrectionRecord& correction, const core::HoldPart& part);

class Fold {
 public:
    void add(const Record& record);

    struct OpenHold {
        AdmitRecord admit;
        bool dispatched = false;
    };
    // In order of ids.
    std::vector<OpenHold> open_holds() const;
    // All keys that anything was held or settled under, also those back at zero.
    const std::map<BalanceKey, Balance>& balances() const { return balances_; }

    struct Counts {
        std::uint64_t admitted = 0;
        std::uint64_t dispatched = 0;
        std::uint64_t ended = 0;
        std::uint64_t duplicate_ends = 0;  // different ends beyond the first of each attempt
        std::uint64_t ends_without_admit = 0;
        std::uint64_t dispatched_only = 0;  // neither admit nor end is there: lost by a power cut
        std::uint64_t corrections = 0;
        std::uint64_t corrections_without_end = 0;
        std::uint64_t refusals = 0;
        bool operator==(const Counts&) const = default;
    };
    Counts counts() const;

    // The latest instant of any record: the clock of the next start does not stand before it.
    UnixTime last_time() const { return last_time_; }
    // The highest decision number.
    std::uint64_t last_sequence() const { return last_sequence_; }
    bool has_ended(const AttemptId& id) const;

 private:
    // The digest of a record's bytes: two readings of one record are one record.
    using Digest = std::pair<std::uint64_t, std::uint64_t>;
    struct Ended {
        EndState state = EndState::settled;
        UnixTime at;
        Money charge;
        std::int64_t charge_tokens = 0;
        std::vector<core::HoldPart> parts;
        Digest digest{};
    };
    struct Attempt {
        std::optional<AdmitRecord> admit;  // dropped once ended
        bool admitted = false;
        bool dispatched = false;
        std::optional<Ended> end;
        std::vector<Digest> other_ends;
        std::vector<std::pair<Digest, CorrectionRecord>> corrections;
    };

    void add_admit(const AdmitRecord& r);
    void add_end(const EndRecord& r, const Record& whole);
    void add_correction(const CorrectionRecord& r, const Record& whole);
    // Adds (or with −1 takes away) all that one attempt does to the balances.
    void apply(const Attempt& attempt, int sign);
    Balance& balance_of(const core::HoldPart& part);
    void see(UnixTime at) {
        if (at > last_time_) last_time_ = at;
    }

    std::unordered_map<AttemptId, Attempt> attempts_;
    std::map<BalanceKey, Balance> balances_;
    std::unordered_map<CallId, std::vector<Digest>> refusals_;
    UnixTime last_time_;
    std::uint64_t last_sequence_ = 0;
};

}  // namespace weir::ledger
