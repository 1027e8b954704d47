#include "provider/meter.h"

#include "provider/usage_scan.h"

namespace weir::provider {

namespace {

// Counting tokens and listing models cost nothing.
class FreeMeter final : public Meter {
 public:
    void on_event(std::string_view /*name*/, std::string_view /*data*/) override {}
    void on_body(std::string_view /*body*/) override { ended_ = true; }
    bool ended() const override { return ended_; }
    bool failed() const override { return false; }
    core::Usage usage() const override { return {}; }

 private:
    bool ended_ = false;
};

}  // namespace

std::string_view event_type(std::string_view name, std::string_view data) {
    if (!name.empty()) return name;
    constexpr KeyInitials kType = {'t', 't', 't', 't'};
    std::size_t at = find_initial(data, 0, kType);
    while (at != kNotFound) {
        const std::size_t value = value_after_key(data, at, "type");
        if (value != kNotFound) return string_at(data, value);
        at = find_initial(data, at + 1, kType);
    }
    return {};
}

std::unique_ptr<Meter> make_meter(core::Endpoint endpoint, const core::Quirks& quirks,
                                  const core::CallShape& shape) {
    switch (endpoint) {
        case core::Endpoint::chat_completions:
        case core::Endpoint::completions:
        case core::Endpoint::embeddings:
            return make_chat_meter(endpoint, quirks, shape);
        case core::Endpoint::responses:
        case core::Endpoint::responses_compact:
            return make_responses_meter(quirks);
        case core::Endpoint::messages:
            return make_anthropic_meter(shape);
        case core::Endpoint::responses_input_tokens:
        case core::Endpoint::count_tokens:
        case core::Endpoint::models:
            break;
    }
    return std::make_unique<FreeMeter>();
}

}  // namespace weir::provider
