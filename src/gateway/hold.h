// One attempt's money: reserved in memory, written to the journal, and ended exactly once.
//
//   admit → (release | dispatched → settle | dispatched → unknown)
//
// A Hold that is dropped without an end ends itself: undispatched it is released, dispatched it
// becomes unknown and keeps its bound (ledger.md L6). Owner: the attempt. Thread: its loop.
#pragma once

#include <memory>
#include <optional>

#include "core/price.h"
#include "gateway/bound.h"
#include "gateway/road.h"
#include "ledger/record.h"

namespace weir::gateway {

// What an ended attempt came to, as the answer's headers tell it.
struct Settlement {
    Money cost;
    Money charge;
    bool unpriced = false;
};

class Hold {
 public:
    // Reserves across all matching rate limits and budgets and writes the admit record. `rates` and
    // `verdict` are filled either way, and `bound` is lowered to what a clamp left. Errors:
    // rate_limited, budget_busy, budget_exhausted, call_exceeds_budget, too_many_trajectories; the
    // bound's own, where a blocking budget matches and there is no bound (then nothing is held and
    // a refusal is to be written by the caller); ledger_unavailable.
    static Result<Hold> admit(Road& road, ledger::AdmitRecord draft, Bound& bound,
                              const core::ReserveRequest& request,
                              std::shared_ptr<const core::PriceBook> book, core::Verdict& verdict,
                              core::RateVerdict& rates);
    // A call that bills nothing (a count, a list of models): in the ledger, against no budget.
    static Result<Hold> admit_free(Road& road, ledger::AdmitRecord draft,
                                   std::shared_ptr<const core::PriceBook> book);
    Hold(Hold&& other) noexcept
        : road_(std::exchange(other.road_, nullptr)),
          record_(std::move(other.record_)),
          book_(std::move(other.book_)),
          ticket_(std::move(other.ticket_)),
          token_bound_(other.token_bound_),
          marked_(other.marked_),
          dispatched_(other.dispatched_) {}
    Hold& operator=(Hold&&) = delete;
    ~Hold();

    // Written after connect, before the first byte. Errors: ledger_unavailable.
    Result<> mark_dispatched();
    bool is_dispatched() const { return dispatched_; }

    // Never sent, or proven unbilled.
    void release(ledger::Outcome outcome);
    // The provider's usage. Where it is not exact the bound stays charged until proof.
    Settlement settle(core::Usage usage, ledger::Outcome outcome);
    // Sent, and nobody knows what it cost. `usage` is what was seen, for the estimate.
    Settlement unknown(core::Usage usage, ledger::Outcome outcome);

    // What `usage` costs whoever runs this gateway; nullopt where it has no price.
    std::optional<Money> cost_of(const core::Usage& usage) const;

    const ledger::AttemptHead& head() const { return admitted().head; }
    const std::vector<core::HoldPart>& parts() const { return admitted().parts; }

 private:
    using OwnRecord = std::unique_ptr<ledger::Record>;

    Hold(Road& road, OwnRecord record, std::shared_ptr<const core::PriceBook> book,
         core::RateTicket ticket, std::int64_t token_bound)
        : road_(&road),
          record_(std::move(record)),
          book_(std::move(book)),
          ticket_(std::move(ticket)),
          token_bound_(token_bound) {}
    core::Bill bill_of(const core::Usage& usage) const;
    const ledger::AdmitRecord& admitted() const { return std::get<ledger::AdmitRecord>(*record_); }
    static Result<Hold> write_admit(Road& road, ledger::AdmitRecord admit,
                                    std::shared_ptr<const core::PriceBook> book,
                                    core::RateTicket ticket, std::int64_t token_bound);
    Settlement end(ledger::EndState state, core::Usage usage, ledger::Outcome outcome);

    Road* road_;        // nullptr: moved from, or ended
    OwnRecord record_;  // an AdmitRecord; apart, since it is a kilobyte of texts to move
    std::shared_ptr<const core::PriceBook> book_;
    core::RateTicket ticket_;
    std::int64_t token_bound_ = 0;
    bool marked_ = false;  // the mark stands in the journal, whether or not it could be synced
    bool dispatched_ = false;
};

}  // namespace weir::gateway
