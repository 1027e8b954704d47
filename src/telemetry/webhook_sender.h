// Tells webhooks what is in the outbox: one request at a time to each, again after a while where it
// failed (5 s, doubling up to an hour), for about three days. Owner: the service. Thread: the
// control loop's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "core/policy.h"
#include "http/upstream_pool.h"
#include "runtime/clock.h"
#include "store/outbox.h"
#include "telemetry/webhook.h"

namespace weir::telemetry {

class WebhookSender {
 public:
    // All outlive the sender.
    struct Ports {
        runtime::Net& net;
        runtime::BufferPool& buffers;
        const runtime::Clock& clock;
        Rng& rng;
        store::Outbox& outbox;
        std::function<std::shared_ptr<const core::Policy>()> policy;
    };
    explicit WebhookSender(Ports ports)
        : ports_(std::move(ports)), pool_(ports_.net, ports_.buffers, {}) {}
    WebhookSender(const WebhookSender&) = delete;

    // These are all there are from now on; of one that goes, what waits stays in the outbox.
    void take(std::vector<Webhook> webhooks);
    const std::vector<Webhook>& webhooks() const { return webhooks_; }

    // Looks into the outbox once a second, until its frame is destroyed.
    runtime::Task<void> run();

 private:
    struct Lane {
        bool sending = false;
        UnixTime rests_until;
        bool failing = false;  // so that a row of failures is one line of the log
    };
    Result<> look();
    std::vector<std::string> recipients(const store::Event& event) const;
    // Until nothing is due, or one fails. `webhook` is a copy: the configuration may change.
    runtime::Task<void> send_due(Webhook webhook, Lane& lane);
    Result<> note_failure(const Webhook& webhook, Lane& lane, const store::Delivery& delivery,
                          const Result<http::ClientAnswer>& answer);

    Ports ports_;
    http::UpstreamPool pool_;
    std::vector<Webhook> webhooks_;
    std::map<std::string, Lane> lanes_;  // of removed ones too: they may be sending
    bool failing_ = false;
    runtime::TaskGroup sends_;
};

// After so many failures. `retry_after`: what the receiver said, in seconds, or nothing.
Duration retry_delay(int failures, std::string_view retry_after, Rng& rng);

}  // namespace weir::telemetry
