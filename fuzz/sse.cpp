// Event streams: what the parser gives is what the standard's own algorithm gives on the whole
// text, and its raw bytes are the input, however the bytes arrive.
#include "codec/sse.h"

#include "fuzz/target.h"

namespace weir::fuzz {
namespace {

using codec::SseEvent;
using codec::SseParser;

constexpr std::size_t kNoLimit = std::size_t{1} << 30;

struct Event {
    std::string name;
    std::string data;
    bool operator==(const Event&) const = default;
};

struct Outcome {
    std::vector<Event> events;
    std::string bytes;
    bool failed = false;
};

Outcome parse(std::string_view text, const std::vector<std::size_t>& way, std::size_t limit) {
    SseParser parser(limit);
    Outcome out;
    for (std::size_t n : way) {
        // Own memory for each piece, so that a view kept too long is found.
        std::string piece{text.substr(0, n)};
        text.remove_prefix(n);
        parser.feed(piece);
        SseEvent event;
        for (;;) {
            auto more = parser.next(event);
            if (!more) {
                out.failed = true;
                return out;
            }
            if (!*more) break;
            WEIR_CHECK(!event.raw.empty() && event.raw.size() <= limit);
            WEIR_CHECK(event.has_data || event.data.empty());
            out.bytes += event.raw;
            if (event.has_data)
                out.events.push_back({std::string{event.name}, std::string{event.data}});
        }
    }
    out.bytes += parser.rest();
    return out;
}

// Line by line after WHATWG HTML §9.2.6, with no thought of speed.
std::vector<Event> by_the_letter(std::string_view text) {
    std::vector<Event> events;
    std::string name;
    std::string data;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    for (;;) {
        std::size_t end = text.find_first_of("\r\n");
        if (end == std::string_view::npos) return events;
        std::string_view line = text.substr(0, end);
        text.remove_prefix(text.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
        if (line.empty()) {
            if (!data.empty()) {
                data.pop_back();
                events.push_back({name, data});
            }
            name.clear();
            data.clear();
            continue;
        }
        std::size_t colon = line.find(':');
        std::string_view field = line.substr(0, colon);
        std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
        if (value.starts_with(' ')) value.remove_prefix(1);
        if (field == "event") name = value;
        if (field == "data") data.append(value).append("\n");
    }
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weir::fuzz;
    std::string_view text = text_of(data, size);
    std::vector<Event> expected = by_the_letter(text);
    bool too_long = parse(text, {text.size()}, 64).failed;
    for (const auto& way : ways_to_cut(text)) {
        Outcome outcome = parse(text, way, kNoLimit);
        WEIR_CHECK(!outcome.failed && outcome.bytes == text);
        WEIR_CHECK(outcome.events == expected);
        // A CRLF torn apart may move one byte to the next event; else the limit falls alike.
        if (text.find('\r') == std::string_view::npos)
            WEIR_CHECK(parse(text, way, 64).failed == too_long);
    }
    return 0;
}
