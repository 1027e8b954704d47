#include "telemetry/webhook_sender.h"

#include <algorithm>
#include <charconv>
#include <fmt/core.h>
#include <spdlog/spdlog.h>

namespace weir::telemetry {
namespace {

using std::chrono::seconds;

constexpr Duration kLookEvery = seconds{1};
constexpr Duration kTimeout = seconds{10};
constexpr std::size_t kAnswerMax = std::size_t{64} << 10;
constexpr seconds kDelayFirst{5};
constexpr seconds kDelayMost{3'600};
constexpr seconds kRetryAfterMost{86'400};
constexpr int kTriesMax = 80;  // about three days

bool is_success(const Result<http::ClientAnswer>& answer) {
    return answer && answer->status >= 200 && answer->status < 300;
}

// For the operator; the receiver's own words may be anything, and stay out.
std::string failure_text(const Result<http::ClientAnswer>& answer) {
    if (answer) return fmt::format("answered {}", answer->status);
    const std::string_view name = error_info(answer.error().code()).name;
    const std::string_view detail = answer.error().detail();
    return detail.empty() ? std::string{name} : fmt::format("{}: {}", name, detail);
}

}  // namespace

Duration retry_delay(int failures, std::string_view retry_after, Rng& rng) {
    seconds delay = kDelayMost;
    if (failures < 16) delay = std::min(kDelayMost, kDelayFirst * (1 << std::max(failures, 0)));
    std::int64_t asked = 0;
    std::from_chars(retry_after.data(), retry_after.data() + retry_after.size(), asked);
    // A fifth more at most, so that receivers that come back are not met by everybody at once.
    const Duration own =
        delay + Duration{delay} / 1'000 * static_cast<std::int64_t>(rng.below(200));
    return std::max<Duration>(own, std::clamp(seconds{asked}, seconds{0}, kRetryAfterMost));
}

void WebhookSender::take(std::vector<Webhook> webhooks) {
    webhooks_ = std::move(webhooks);
    // What was wrong may have been mended.
    for (auto& [name, lane] : lanes_) lane.rests_until = {};
}

std::vector<std::string> WebhookSender::recipients(const store::Event& event) const {
    const std::shared_ptr<const core::Policy> policy = ports_.policy();
    const auto team = policy->teams.find(event.team);
    std::vector<std::string> names;
    for (const Webhook& webhook : webhooks_) {
        if (wants(webhook, event, team == policy->teams.end() ? nullptr : &team->second)) {
            names.push_back(webhook.name);
        }
    }
    return names;
}

runtime::Task<void> WebhookSender::run() {
    for (;;) {
        const Result<> looked = look();
        if (!looked && !failing_) {
            spdlog::error("webhooks: the outbox cannot be read: {} {}", looked.error().message(),
                          looked.error().detail());
        }
        failing_ = !looked;
        co_await ports_.net.sleep(kLookEvery);
    }
}

Result<> WebhookSender::look() {
    const UnixTime now = ports_.clock.unix_now();
    const auto closed = ports_.outbox.close_windows(now);
    if (!closed) return std::unexpected(closed.error());
    const auto addressed =
        ports_.outbox.address([this](const store::Event& event) { return recipients(event); });
    if (!addressed) return std::unexpected(addressed.error());
    for (const Webhook& webhook : webhooks_) {
        Lane& lane = lanes_[webhook.name];
        if (lane.sending || now < lane.rests_until) continue;
        lane.sending = true;
        sends_.spawn(send_due(webhook, lane));
    }
    return {};
}

runtime::Task<void> WebhookSender::send_due(Webhook webhook, Lane& lane) {
    for (;;) {
        const auto due = ports_.outbox.next_due(webhook.name, ports_.clock.unix_now());
        if (!due || !*due) break;
        const store::Delivery& delivery = **due;
        const http::ClientRequest request =
            webhook_request(webhook, delivery.event, ports_.clock.unix_now());
        const auto answer =
            co_await http::fetch(pool_, webhook.address, request, kTimeout, kAnswerMax);
        if (!is_success(answer)) {
            (void)note_failure(webhook, lane, delivery, answer);
            break;
        }
        lane.failing = false;
        // If this cannot be written it is told again: at least once.
        if (!ports_.outbox.delivered(webhook.name, delivery.event.row, ports_.clock.unix_now())) {
            break;
        }
    }
    lane.sending = false;
}

Result<> WebhookSender::note_failure(const Webhook& webhook, Lane& lane,
                                     const store::Delivery& delivery,
                                     const Result<http::ClientAnswer>& answer) {
    const std::string text = failure_text(answer);
    if (!lane.failing) spdlog::warn("webhooks: {}: {}", webhook.name, text);
    lane.failing = true;
    const UnixTime now = ports_.clock.unix_now();
    const std::string_view asked = answer ? std::string_view{answer->retry_after} : "";
    const UnixTime next = now + retry_delay(delivery.attempts, asked, ports_.rng);
    lane.rests_until = next;
    if (delivery.attempts + 1 < kTriesMax) {
        return ports_.outbox.failed(webhook.name, delivery.event.row, now, text, next);
    }
    spdlog::error("webhooks: {}: event {} is given up after {} tries", webhook.name,
                  delivery.event.id, kTriesMax);
    return ports_.outbox.failed(webhook.name, delivery.event.row, now, text, std::nullopt);
}

}  // namespace weir::telemetry
