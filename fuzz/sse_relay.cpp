// The relay: what is forwarded and metered does not depend on how the bytes arrive; without
// stripping it is the input, with it a part of the input in order. First byte: endpoint; second:
// odd to strip.
#include "fuzz/endpoints.h"
#include "fuzz/target.h"
#include "fuzz/usage_check.h"
#include "provider/provider.h"

namespace weir::fuzz {
namespace {

struct Outcome {
    std::string forwarded;
    core::Usage usage;
    std::int64_t events = 0;
};

Outcome relay(core::Endpoint endpoint, bool strip, std::string_view text,
              const std::vector<std::size_t>& way) {
    core::CallShape shape;
    shape.endpoint = endpoint;
    shape.model = "asked";
    shape.stream = true;
    auto meter = provider::make_meter(endpoint, {}, shape);
    provider::SseRelay relay(*meter, {.strip_injected_usage = strip});
    Outcome outcome;
    std::vector<std::string_view> pieces;
    for (std::size_t n : way) {
        // Own memory for each piece, so that a view kept too long is found.
        std::string piece{text.substr(0, n)};
        text.remove_prefix(n);
        pieces.clear();
        WEIR_CHECK(relay.feed(piece, pieces).has_value());
        for (std::string_view part : pieces) outcome.forwarded += part;
    }
    pieces.clear();
    relay.finish(pieces);
    for (std::string_view part : pieces) outcome.forwarded += part;
    outcome.usage = meter->usage();
    outcome.events = relay.events();
    return outcome;
}

bool is_part_in_order(std::string_view part, std::string_view whole) {
    for (char c : whole) {
        if (!part.empty() && part.front() == c) part.remove_prefix(1);
    }
    return part.empty();
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weir::fuzz;
    if (size < 2) return 0;
    auto endpoint = endpoint_of(data[0]);
    bool strip = (data[1] & 1) != 0;
    std::string_view text = text_of(data + 2, size - 2);
    Outcome whole = relay(endpoint, strip, text, {text.size()});
    check_usage(whole.usage);
    WEIR_CHECK(strip ? is_part_in_order(whole.forwarded, text) : whole.forwarded == text);
    for (const auto& way : ways_to_cut(text)) {
        Outcome outcome = relay(endpoint, strip, text, way);
        WEIR_CHECK(outcome.forwarded == whole.forwarded && outcome.events == whole.events);
        check_same_usage(outcome.usage, whole.usage);
    }
    return 0;
}
