// Meters of all dialects on any answer: usage that could be a usage, asked twice the same, and a
// body fed as one. First byte: endpoint; second: s for an event stream, b for a body, and quirks.
#include "codec/sse.h"
#include "fuzz/endpoints.h"
#include "fuzz/target.h"
#include "fuzz/usage_check.h"
#include "provider/provider.h"

namespace weir::fuzz {
namespace {

void feed_events(provider::Meter& meter, std::string_view text) {
    codec::SseParser parser;
    parser.feed(text);
    codec::SseEvent event;
    bool ended = false;
    for (;;) {
        auto more = parser.next(event);
        if (!more || !*more) return;
        if (!event.has_data) continue;
        meter.on_event(event.name, event.data);
        check_usage(meter.usage());
        WEIR_CHECK(meter.ended() || !ended);  // what has ended stays so
        ended = meter.ended();
    }
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weir;
    using namespace weir::fuzz;
    if (size < 2) return 0;
    core::CallShape shape;
    shape.endpoint = endpoint_of(data[0]);
    shape.model = "asked";
    shape.stream = (data[1] & 1) != 0;
    core::Quirks quirks;
    quirks.usage_on_finish_chunk = (data[1] & 4) != 0;
    quirks.reasoning_outside_output = (data[1] & 8) != 0;
    std::string_view text = text_of(data + 2, size - 2);
    auto meter = provider::make_meter(shape.endpoint, quirks, shape);
    check_usage(meter->usage());
    if (shape.stream) {
        feed_events(*meter, text);
    } else {
        meter->on_body(text);
    }
    core::Usage usage = meter->usage();
    check_usage(usage);
    check_same_usage(usage, meter->usage());
    provider::billing_of_error(core::Vendor::openai, 500, text);
    return 0;
}
