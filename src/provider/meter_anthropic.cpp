// Anthropic Messages (wire.md §1.4): usage begins in message_start, and each message_delta replaces
// what it gives. Commit is at message_stop, or where the stop reason came with its usage.
#include <algorithm>
#include <string>

#include "provider/billing.h"
#include "provider/meter.h"
#include "provider/usage_anthropic.h"
#include "provider/usage_scan.h"

namespace weir::provider {

namespace {

class AnthropicMeter final : public Meter {
 public:
    explicit AnthropicMeter(const core::CallShape& shape) : long_cache_(shape.wants_long_cache) {}

    void on_event(std::string_view name, std::string_view data) override;
    void on_body(std::string_view body) override;
    bool ended() const override { return ended_; }
    bool failed() const override { return failed_; }
    core::Usage usage() const override;

 private:
    // The message in hand; a stream may hold a second one after the first has stopped.
    struct Message {
        std::string id;
        std::string model;
        std::string stop_reason;
        AnthropicUsage usage;
        bool started = false;
        bool final_usage = false;
    };

    void on_start(std::string_view data);
    void on_delta(std::string_view data);
    void on_stop();
    void on_error(std::string_view data);
    // False: torn.
    bool read_message(json::object object);
    void count_text(std::string_view data);

    bool long_cache_;
    Message message_;
    core::Usage earlier_;  // of messages that stopped before this one began
    ErrorNames error_;
    std::size_t text_bytes_ = 0;
    bool has_earlier_ = false;
    bool repeated_ = false;
    bool inconsistent_ = false;
    bool ended_ = false;
    bool failed_ = false;
};

void AnthropicMeter::on_event(std::string_view name, std::string_view data) {
    const std::string_view type = event_type(name, data);
    if (type == "content_block_delta") {
        count_text(data);
    } else if (type == "message_start") {
        on_start(data);
    } else if (type == "message_delta") {
        on_delta(data);
    } else if (type == "message_stop") {
        on_stop();
    } else if (type == "error") {
        on_error(data);
    }
}

void AnthropicMeter::count_text(std::string_view data) {
    constexpr KeyInitials kDelta = {'d', 'd', 'd', 'd'};
    for (std::size_t at = find_initial(data, 0, kDelta); at != kNotFound;
         at = find_initial(data, at + 1, kDelta)) {
        const std::size_t value = value_after_key(data, at, "delta");
        if (value == kNotFound) continue;
        std::size_t end = 0;
        text_bytes_ += text_bytes(data, value, end);
        return;
    }
}

bool AnthropicMeter::read_message(json::object object) {
    message_.started = true;
    return each_field(object, [&](std::string_view key, json::value value) {
        if (key == "id") read_name(value, message_.id);
        if (key == "model") read_name(value, message_.model);
        if (key == "stop_reason") read_name(value, message_.stop_reason);
        if (key == "usage") {
            if (const auto usage = object_of(value)) read_anthropic_usage(*usage, message_.usage);
        }
    });
}

void AnthropicMeter::on_start(std::string_view data) {
    JsonReader reader;
    const auto object = reader.object(data);
    if (!object) return;
    if (message_.started && ended_) {
        earlier_ = usage();
        has_earlier_ = true;
    } else if (message_.started) {
        // Two streams spliced into one: the first never ended, and only the last can be metered.
        repeated_ = true;
        inconsistent_ = true;
    }
    message_ = Message{};
    text_bytes_ = 0;
    ended_ = false;
    const bool walked = each_field(*object, [&](std::string_view key, json::value value) {
        if (key != "message") return;
        if (const auto message = object_of(value)) read_message(*message);
    });
    if (!walked || !reader.intact()) message_.usage = AnthropicUsage{};
    message_.final_usage = !message_.stop_reason.empty() && message_.usage.measured();
}

void AnthropicMeter::on_delta(std::string_view data) {
    JsonReader reader;
    const auto object = reader.object(data);
    if (!object) return;
    bool has_usage = false;
    AnthropicUsage figures = message_.usage;
    const bool walked = each_field(*object, [&](std::string_view key, json::value value) {
        if (key == "usage") {
            if (const auto usage = object_of(value)) {
                has_usage = true;
                read_anthropic_usage(*usage, figures);
            }
        } else if (key == "delta") {
            if (const auto delta = object_of(value)) {
                each_field(*delta, [&](std::string_view part, json::value name) {
                    if (part == "stop_reason") read_name(name, message_.stop_reason);
                });
            }
        }
    });
    if (!walked || !reader.intact()) return;
    message_.usage = std::move(figures);
    repeated_ |= has_usage && message_.final_usage;
    message_.final_usage |= has_usage && !message_.stop_reason.empty();
}

void AnthropicMeter::on_stop() { ended_ = true; }

void AnthropicMeter::on_error(std::string_view data) {
    failed_ = true;
    JsonReader reader;
    const auto object = reader.object(data);
    if (!object) return;
    each_field(*object, [&](std::string_view key, json::value value) {
        if (key == "error") error_ = read_error_names(value);
    });
}

void AnthropicMeter::on_body(std::string_view body) {
    JsonReader reader;
    const auto object = reader.object(body);
    if (!object) return;
    bool is_error = false;
    each_field(*object, [&](std::string_view key, json::value value) {
        if (key == "error" && !is_null(value)) {
            is_error = true;
            error_ = read_error_names(value);
        }
    });
    if (is_error) {
        failed_ = true;
        return;
    }
    const auto message = reader.object(body);
    if (!message || !read_message(*message) || !reader.intact()) {
        message_.usage = AnthropicUsage{};
        return;
    }
    message_.final_usage = message_.usage.measured();
    ended_ = true;
}

core::Usage AnthropicMeter::usage() const {
    core::Usage usage = has_earlier_ ? earlier_ : core::Usage{};
    usage.response_id = message_.id;
    usage.finish_reason = message_.stop_reason;
    if (repeated_) usage.note(core::UsageNote::repeated);
    if (inconsistent_) usage.note(core::UsageNote::inconsistent);
    const auto estimate = static_cast<std::int64_t>(tokens_of_text(text_bytes_));
    if (!message_.usage.measured()) {
        const bool refused = failed_ && text_bytes_ == 0 && !message_.started &&
                             billing_of_names(error_) == Billing::unbilled;
        if (refused) return usage;
        core::UsageLine& line = usage.lines.emplace_back();
        line.model = message_.model;
        line.of(core::TokenClass::output) = estimate;
        usage.completeness =
            has_earlier_ ? core::Completeness::partial : core::Completeness::estimated;
        return usage;
    }
    const std::size_t before = usage.lines.size();
    map_anthropic_usage(message_.usage, message_.model, long_cache_, usage);
    const AnthropicUsage& given = message_.usage;
    const bool readable = !given.unreadable;
    const bool earlier_exact = !has_earlier_ || earlier_.is_exact();
    if (message_.final_usage && readable && earlier_exact) {
        usage.completeness = core::Completeness::exact;
        return usage;
    }
    usage.completeness = core::Completeness::partial;
    if (!message_.final_usage && usage.lines.size() > before) {
        std::int64_t& output = usage.lines[before].of(core::TokenClass::output);
        output = std::max(output, estimate);
    }
    return usage;
}

}  // namespace

std::unique_ptr<Meter> make_anthropic_meter(const core::CallShape& shape) {
    return std::make_unique<AnthropicMeter>(shape);
}

}  // namespace weir::provider
