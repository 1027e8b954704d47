#include "gateway/live_calls.h"

namespace weir::gateway {

void LiveCalls::end_stopped(const std::vector<core::StopRule>& stops) {
    if (stops.empty()) return;
    // One that is ended leaves its list, and others may come meanwhile.
    runtime::ListNode unchecked;
    unchecked.take_all(entries_);
    while (unchecked.linked()) {
        auto& call = static_cast<Entry&>(unchecked.first());
        call.unlink();
        entries_.append(call);
        const core::StopRule* stop =
            core::stopped_by(stops, call.attribution_, call.provider_, call.model_);
        if (stop == nullptr) continue;
        runtime::Stream& client = call.client_;
        // Either it waits for its provider, or for a client that is slow to read.
        if (!call.exchange_.stop(core::stop_message(*stop))) client.cancel(ECANCELED);
    }
}

}  // namespace weir::gateway
