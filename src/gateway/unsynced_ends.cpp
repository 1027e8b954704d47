#include "gateway/unsynced_ends.h"

#include <algorithm>

namespace weir::gateway {
namespace {

// A sync that fails gives up a whole segment: not too often.
constexpr Duration kFirstPause = std::chrono::milliseconds{100};
constexpr Duration kLongestPause = std::chrono::seconds{10};

}  // namespace

void UnsyncedEnds::add(ledger::Record record, core::SettleAmounts amounts, bool counts) {
    ends_.push_back({std::move(record), amounts, counts});
    if (retrying_.size() == 0) retrying_.spawn(retry_until_synced());
}

// The segment whose sync failed is given up, so they are written again on its successor; two
// readings of one record are one record.
void UnsyncedEnds::retry() {
    if (ends_.empty()) return;
    for (const End& end : ends_) {
        if (!journal_.append(end.record)) return;
    }
    if (!journal_.sync()) return;
    for (const End& end : ends_) {
        const auto& parts = std::get<ledger::EndRecord>(end.record).parts;
        if (end.counts) {
            treasury_.settle(parts, end.amounts);
        } else {
            treasury_.release(parts);
        }
    }
    ends_.clear();
}

runtime::Task<void> UnsyncedEnds::retry_until_synced() {
    for (Duration pause = kFirstPause; !ends_.empty(); pause = std::min(pause * 2, kLongestPause)) {
        co_await net_.sleep(pause);
        retry();
    }
}

}  // namespace weir::gateway
