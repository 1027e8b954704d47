// The past of the demo: the same agents in virtual time, each call decided by core (attribution,
// route, quote, budgets, prices) and written as the road writes it, to a journal of its own epoch.
// Nothing is sent. Thread: one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "base/money.h"
#include "core/policy.h"
#include "ledger/journal.h"
#include "runtime/clock.h"

namespace weir::agents {

// Time as it was; dates the records and the segments.
class PastClock final : public runtime::Clock {
 public:
    UnixTime unix_now() const override { return now_; }
    MonoTime mono_now() const override { return {now_.ns}; }
    void set(UnixTime now) { now_ = now; }

 private:
    UnixTime now_;
};

struct HistoryOptions {
    std::shared_ptr<const core::Policy> policy;  // whose keys have the names of key_plans()
    ledger::JournalWriter* journal = nullptr;    // dated by `clock`, and otherwise unused
    PastClock* clock = nullptr;
    std::uint32_t epoch = 0;  // of the journal
    std::uint16_t worker = 0;
    UnixTime from;
    UnixTime until;  // no record is later
    std::uint64_t seed = 1;
};

struct HistoryCounts {
    std::uint64_t calls = 0;
    std::uint64_t refusals = 0;
    std::uint64_t released = 0;
    std::uint64_t unknown = 0;
    std::uint64_t corrections = 0;
    Money cost;
    std::vector<core::InstanceFigures> figures;  // of the budgets, at the end
};

// The agents' work of that time. Every admitted attempt has its end. Errors: those of the journal.
Result<HistoryCounts> write_history(const HistoryOptions& options);

}  // namespace weir::agents
