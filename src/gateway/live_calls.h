// The attempts of one worker that are on their way, so that those which an operator stops can be
// cut at once. Owner: the road. Thread: its loop.
#pragma once

#include <string_view>

#include "core/attribution.h"
#include "core/stop.h"
#include "http/upstream_exchange.h"
#include "runtime/list_node.h"
#include "runtime/stream.h"

namespace weir::gateway {

class LiveCalls {
 public:
    // While it lives its attempt is known. What it refers to must outlive it.
    class Entry : runtime::ListNode {
     public:
        Entry(LiveCalls& calls, const core::Attribution& attribution, std::string_view provider,
              std::string_view model, http::UpstreamExchange& exchange, runtime::Stream& client)
            : attribution_(attribution),
              provider_(provider),
              model_(model),
              exchange_(exchange),
              client_(client) {
            calls.entries_.append(*this);
        }

     private:
        friend class LiveCalls;
        const core::Attribution& attribution_;
        std::string_view provider_;
        std::string_view model_;
        http::UpstreamExchange& exchange_;
        runtime::Stream& client_;
    };

    // Ends each that a stop holds for. Their coroutines run on before this returns.
    void end_stopped(const std::vector<core::StopRule>& stops);

 private:
    runtime::ListNode entries_;
};

}  // namespace weir::gateway
