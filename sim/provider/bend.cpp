#include "sim/provider/bend.h"

#include <algorithm>
#include <zlib.h>

#include "sim/provider/dialect.h"

namespace weir::sim {
namespace {

constexpr std::string_view kGarbage = "\x01\x02<html>\xFF\xFE not what you asked for {\"usage\":[";

void fail_half_way(const Faults& faults, bool anthropic, std::string_view request_id,
                   Answer& answer) {
    auto after = static_cast<std::size_t>(
        std::max<std::int64_t>(faults.argument(Fault::error_after_200), 0));
    Answer error = error_answer(anthropic, anthropic ? 529 : 500, {}, request_id);
    answer.fails = true;
    if (!answer.stream) {
        answer.body = error.body;
        return;
    }
    if (after < answer.steps.size()) answer.steps.resize(after);
    if (answer.error_event.empty()) {
        if (anthropic) answer.error_event = "event: error\n";
        answer.error_event += "data: " + error.body + "\n\n";
    }
    std::int64_t output = answer.steps.empty() ? 0 : answer.steps.back().output;
    answer.steps.push_back(
        {.bytes = answer.error_event, .output = output, .kind = Step::Kind::end, .paced = false});
}

void only_heartbeats(std::int64_t count, bool anthropic, Answer& answer) {
    std::string_view beat =
        anthropic ? "event: ping\ndata: {\"type\":\"ping\"}\n\n" : ": keep-alive\n\n";
    std::int64_t output = answer.steps.empty() ? 0 : answer.steps.back().output;
    answer.steps.clear();
    for (std::int64_t i = 0; i < count; ++i) {
        answer.steps.push_back({.bytes = std::string{beat}, .output = output});
    }
}

void add_comments(std::int64_t count, Answer& answer) {
    std::string comments;
    for (std::int64_t i = 0; i < count; ++i) comments += ": heartbeat\n\n";
    for (Step& step : answer.steps) {
        if (!step.bytes.empty()) step.bytes.insert(0, comments);
    }
}

// A member of that size in the first event that is an object.
void swell(std::int64_t bytes, Answer& answer) {
    std::string padding = ",\"padding\":\"";
    padding.append(static_cast<std::size_t>(std::max<std::int64_t>(bytes, 0)), 'x').append("\"");
    auto swell_text = [&](std::string& text) {
        std::size_t brace = text.rfind('}');
        if (brace == std::string::npos) return false;
        text.insert(brace, padding);
        return true;
    };
    if (!answer.stream) {
        swell_text(answer.body);
        return;
    }
    for (Step& step : answer.steps) {
        if (swell_text(step.bytes)) return;
    }
}

void end_lines_with(std::string_view line_end, Answer& answer) {
    for (Step& step : answer.steps) {
        std::string out;
        for (char c : step.bytes) {
            if (c == '\n') {
                out += line_end;
            } else {
                out += c;
            }
        }
        step.bytes = std::move(out);
    }
}

class Gzip {
 public:
    Gzip() { deflateInit2(&stream_, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY); }
    Gzip(const Gzip&) = delete;
    ~Gzip() { deflateEnd(&stream_); }

    std::string press(std::string_view in, int flush) {
        std::string out(deflateBound(&stream_, in.size()) + 64, '\0');
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
        stream_.avail_in = static_cast<uInt>(in.size());
        stream_.next_out = reinterpret_cast<Bytef*>(out.data());
        stream_.avail_out = static_cast<uInt>(out.size());
        deflate(&stream_, flush);
        out.resize(out.size() - stream_.avail_out);
        return out;
    }

 private:
    z_stream stream_{};
};

void press(Answer& answer) {
    Gzip gzip;
    answer.headers.emplace_back("content-encoding", "gzip");
    if (!answer.stream) {
        answer.body = gzip.press(answer.body, Z_FINISH);
        answer.usage_at = std::string::npos;
        return;
    }
    for (std::size_t i = 0; i < answer.steps.size(); ++i) {
        bool last = i + 1 == answer.steps.size();
        std::string& bytes = answer.steps[i].bytes;
        if (!bytes.empty() || last) bytes = gzip.press(bytes, last ? Z_FINISH : Z_SYNC_FLUSH);
    }
}

}  // namespace

void bend(const Faults& faults, bool anthropic, std::string_view request_id, Answer& answer) {
    if (faults.has(Fault::error_after_200)) fail_half_way(faults, anthropic, request_id, answer);
    if (faults.has(Fault::heartbeats_only) && answer.stream) {
        only_heartbeats(faults.argument(Fault::heartbeats_only), anthropic, answer);
    }
    if (faults.has(Fault::huge_event)) swell(faults.argument(Fault::huge_event), answer);
    if (faults.has(Fault::comments)) add_comments(faults.argument(Fault::comments), answer);
    if (faults.has(Fault::garbage_body)) {
        answer.body = kGarbage;
        answer.usage_at = std::string::npos;
        for (Step& step : answer.steps) step.bytes = kGarbage;
    }
    if (faults.has(Fault::crlf)) end_lines_with("\r\n", answer);
    if (faults.has(Fault::cr)) end_lines_with("\r", answer);
    if (faults.has(Fault::gzip)) press(answer);
}

}  // namespace weir::sim
