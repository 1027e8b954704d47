#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>

#include "codec/sse.h"
#include "provider/provider.h"
#include "provider/usage_json.h"
#include "provider/usage_scan.h"

namespace weir::provider {

namespace {

// A Responses terminal event repeats the whole output, images included.
constexpr std::size_t kEventBytesMax = std::size_t{32} << 20;
constexpr KeyInitials kUsageKey = {'u', 'u', 'u', 'u'};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool is_within(std::string_view part, std::string_view whole) {
    const std::less_equal<const char*> before;
    return before(whole.data(), part.data()) &&
           before(part.data() + part.size(), whole.data() + whole.size());
}

// How many braces stay open before `at`, told from what follows it: in a well-formed object as many
// must still close. -1: it is not well-formed.
int depth_before(std::string_view text, std::size_t at) {
    int open = 0;
    while (at < text.size()) {
        const char c = text[at++];
        if (c == '{' || c == '[') --open;
        if (c == '}' || c == ']') ++open;
        if (c != '"') continue;
        while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
        if (at >= text.size()) return -1;
        ++at;
    }
    return open;
}

struct Cut {
    std::size_t begin = 0;
    std::size_t end = 0;  // begin == end: nothing to cut
};

// The span of the top-level member `"usage":null` whose key is at `key` and value at `value`, with
// the one comma that goes with it.
Cut member_span(std::string_view data, std::size_t key, std::size_t value) {
    const std::size_t after = value + 4;
    std::size_t begin = key;
    while (begin > 0 && is_space(data[begin - 1])) --begin;
    if (begin > 0 && data[begin - 1] == ',') return {begin - 1, after};
    std::size_t end = after;
    while (end < data.size() && is_space(data[end])) ++end;
    if (end == data.size() || data[end] != ',') return {key, after};
    ++end;
    while (end < data.size() && is_space(data[end])) ++end;
    return {key, end};
}

// Where the members of an event's usage object begin: its own, or its response's (wire.md §1), and
// no deeper one, which may be anybody's. kNotFound: it has none, or an empty one.
std::size_t usage_members(std::string_view data) {
    for (std::size_t key = find_initial(data, 0, kUsageKey); key != kNotFound;
         key = find_initial(data, key + 1, kUsageKey)) {
        const std::size_t value = value_after_key(data, key, "usage");
        if (value == kNotFound || data[value] != '{') continue;
        const int depth = depth_before(data, value);
        if (depth < 1 || depth > 2) continue;
        std::size_t first = value + 1;
        while (first < data.size() && is_space(data[first])) ++first;
        return first < data.size() && data[first] == '"' ? first : kNotFound;
    }
    return kNotFound;
}

struct Verdict {
    bool drop = false;
    Cut cut;
};

}  // namespace

struct SseRelay::Impl {
    Impl(Meter& m, Options o) : meter(m), options(o), parser(kEventBytesMax) {}

    Verdict judge(const codec::SseEvent& event);
    bool is_usage_chunk(std::string_view data);
    void forward(const codec::SseEvent& event, std::string_view payload,
                 std::vector<std::string_view>& out);
    bool forward_with_cost(const codec::SseEvent& event, std::string_view payload,
                           std::vector<std::string_view>& out);
    void emit(std::string_view piece, std::string_view payload, std::vector<std::string_view>& out);

    Meter& meter;
    Options options;
    codec::SseParser parser;
    std::string carried;            // pieces of an event that began in an earlier feed
    std::deque<std::string> costs;  // members that were put in; views of them are out
    std::size_t fed_pieces = 0;
    bool dropped_at_cr = false;
    std::int64_t events = 0;
};

// The chunk that is there because include_usage was injected: usage, and no choices. Providers that
// put usage on the finish chunk do so unasked, and Azure's first chunk has no choices but no usage
// either: both stay.
bool SseRelay::Impl::is_usage_chunk(std::string_view data) {
    JsonReader reader;
    const auto object = reader.object(data);
    if (!object) return false;
    bool has_usage = false;
    bool has_choices = false;
    const bool walked = each_field(*object, [&](std::string_view key, json::value value) {
        if (key == "usage") {
            const auto usage = object_of(value);
            has_usage = usage && each_field(*usage, [](std::string_view, json::value) {});
        }
        // An error is never taken away.
        if (key == "error") has_choices |= !is_null(value);
        if (key == "choices") {
            json::array array;
            bool empty = false;
            if (value.get_array().get(array) == simdjson::SUCCESS) {
                empty = array.is_empty().value_unsafe();
            }
            has_choices |= !empty;
        }
    });
    return walked && reader.intact() && has_usage && !has_choices;
}

// The cut is in offsets of `event.raw`.
Verdict SseRelay::Impl::judge(const codec::SseEvent& event) {
    if (!event.has_data) return {};
    const std::string_view data = event.data;
    for (std::size_t key = find_initial(data, 0, kUsageKey); key != kNotFound;
         key = find_initial(data, key + 1, kUsageKey)) {
        const std::size_t value = value_after_key(data, key, "usage");
        if (value == kNotFound) continue;
        // Where it is not the injected chunk, whatever it is passes as it came.
        if (data[value] == '{') return {.drop = is_usage_chunk(data), .cut = {}};
        if (data.substr(value, 4) != "null" || depth_before(data, value + 4) != 1) continue;
        // Data of several lines is joined elsewhere; the member then stays, which is harmless.
        if (!is_within(data, event.raw)) return {};
        const auto at = static_cast<std::size_t>(data.data() - event.raw.data());
        const Cut cut = member_span(data, key, value);
        return {.drop = false, .cut = {at + cut.begin, at + cut.end}};
    }
    return {};
}

// A view into the payload may be passed on as it is; bytes that the parser holds go with its next
// step and are copied.
void SseRelay::Impl::emit(std::string_view piece, std::string_view payload,
                          std::vector<std::string_view>& out) {
    if (piece.empty()) return;
    if (!is_within(piece, payload)) {
        const std::size_t at = carried.size();
        carried.append(piece);  // reserved by feed(): earlier views stay good
        piece = std::string_view(carried).substr(at);
    }
    if (fed_pieces > 0 && out.back().data() + out.back().size() == piece.data()) {
        out.back() = std::string_view(out.back().data(), out.back().size() + piece.size());
        return;
    }
    out.push_back(piece);
    ++fed_pieces;
}

bool SseRelay::Impl::forward_with_cost(const codec::SseEvent& event, std::string_view payload,
                                       std::vector<std::string_view>& out) {
    if (!event.has_data || !is_within(event.data, event.raw)) return false;
    const std::size_t members = usage_members(event.data);
    if (members == kNotFound) return false;
    const core::Usage usage = meter.usage();
    std::string cost = usage.is_exact() ? options.cost(usage) : std::string{};
    if (cost.empty()) return false;
    const std::size_t at = static_cast<std::size_t>(event.data.data() - event.raw.data()) + members;
    emit(event.raw.substr(0, at), payload, out);
    out.push_back(costs.emplace_back("\"cost\":" + std::move(cost) + ","));
    ++fed_pieces;
    emit(event.raw.substr(at), payload, out);
    return true;
}

void SseRelay::Impl::forward(const codec::SseEvent& event, std::string_view payload,
                             std::vector<std::string_view>& out) {
    // The LF of a CRLF that was torn behind a dropped event goes with it.
    const bool torn_lf = dropped_at_cr && event.raw == "\n";
    dropped_at_cr = false;
    if (torn_lf) return;
    if (options.cost && forward_with_cost(event, payload, out)) return;
    if (!options.strip_injected_usage) return emit(event.raw, payload, out);
    const Verdict verdict = judge(event);
    if (verdict.drop) {
        dropped_at_cr = event.raw.ends_with('\r');
        return;
    }
    emit(event.raw.substr(0, verdict.cut.begin), payload, out);
    emit(event.raw.substr(verdict.cut.end), payload, out);
}

SseRelay::SseRelay(Meter& meter, Options options) : impl_(std::make_unique<Impl>(meter, options)) {}

SseRelay::~SseRelay() = default;

Result<> SseRelay::feed(std::string_view payload, std::vector<std::string_view>& out) {
    Impl& impl = *impl_;
    impl.fed_pieces = 0;
    impl.carried.clear();
    impl.costs.clear();
    if (const std::size_t held = impl.parser.rest().size(); held > 0) {
        impl.carried.reserve(held + payload.size());
    }
    impl.parser.feed(payload);
    codec::SseEvent event;
    while (true) {
        Result<bool> next = impl.parser.next(event);
        if (!next) return std::unexpected(std::move(next.error()));
        if (!*next) return {};
        if (event.has_data) {
            ++impl.events;
            impl.meter.on_event(event.name, event.data);
        }
        impl.forward(event, payload, out);
    }
}

// A last event without its blank line is no event to a browser, but SDKs read it, and its usage is
// billed: it is metered, and stripped, as if the line had come.
void SseRelay::finish(std::vector<std::string_view>& out) {
    Impl& impl = *impl_;
    impl.carried.assign(impl.parser.rest());
    const std::string_view rest = impl.carried;
    if (rest.empty()) return;
    const bool strip = impl.options.strip_injected_usage;
    Verdict verdict;
    impl.parser.feed("\n\n");
    codec::SseEvent event;
    while (true) {
        const Result<bool> next = impl.parser.next(event);
        if (!next || !*next) break;
        if (!event.has_data) continue;
        ++impl.events;
        impl.meter.on_event(event.name, event.data);
        if (strip) verdict = impl.judge(event);
    }
    if (verdict.drop) return;
    if (const std::string_view head = rest.substr(0, verdict.cut.begin); !head.empty()) {
        out.push_back(head);
    }
    if (const std::string_view tail = rest.substr(verdict.cut.end); !tail.empty()) {
        out.push_back(tail);
    }
}

std::int64_t SseRelay::events() const { return impl_->events; }

}  // namespace weir::provider
