#include <algorithm>

#include "codec/http1.h"
#include "codec/http1_scan.h"

namespace weir::codec {
namespace {

// Nobody needs extensions or trailers here; a body may not consist of them.
constexpr std::uint32_t kDroppedMax = 16 * 1024;

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

Result<ChunkedDecoder::Step> ChunkedDecoder::feed(std::string_view in) {
    Step step;
    while (step.consumed < in.size() && state_ != State::done) {
        if (state_ == State::data) {
            if (!step.payload.empty()) return step;
            std::size_t held = in.size() - step.consumed;
            auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, held));
            step.payload = in.substr(step.consumed, n);
            step.consumed += n;
            left_ -= n;
            if (left_ == 0) state_ = State::data_cr;
            continue;
        }
        if (state_ == State::failed || !take(in[step.consumed])) {
            state_ = State::failed;
            if (!step.payload.empty()) return step;
            return fail(ErrorCode::malformed_http, {}, "malformed chunked body");
        }
        ++step.consumed;
    }
    step.done = state_ == State::done;
    return step;
}

bool ChunkedDecoder::take(char c) {
    switch (state_) {
        case State::size_first:
        case State::size:
        case State::extension:
        case State::size_lf:
            return take_size(c);
        case State::data_cr:
            state_ = State::data_lf;
            return c == '\r';
        case State::data_lf:
            state_ = State::size_first;
            return c == '\n';
        default:
            return take_trailer(c);
    }
}

bool ChunkedDecoder::take_size(char c) {
    if (state_ == State::size_lf) {
        if (c != '\n') return false;
        digits_ = 0;
        state_ = left_ == 0 ? State::trailer_first : State::data;
        return true;
    }
    if (state_ != State::extension) {
        if (int digit = hex_value(c); digit >= 0) {
            if (digits_ == 16) return false;
            ++digits_;
            left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
            state_ = State::size;
            return true;
        }
        if (state_ == State::size_first) return false;
    }
    if (c == '\r') {
        state_ = State::size_lf;
        return true;
    }
    if (state_ == State::size && c != ';') return false;
    state_ = State::extension;
    return !scan::is_control(c) && ++dropped_ <= kDroppedMax;
}

bool ChunkedDecoder::take_trailer(char c) {
    if (++dropped_ > kDroppedMax) return false;
    switch (state_) {
        case State::trailer_first:
            if (c == '\r') {
                state_ = State::end_lf;
                return true;
            }
            state_ = State::trailer_name;
            return scan::is_token_char(c);
        case State::trailer_name:
            if (c != ':') return scan::is_token_char(c);
            state_ = State::trailer_value;
            return true;
        case State::trailer_value:
            if (c != '\r') return !scan::is_control(c);
            state_ = State::trailer_lf;
            return true;
        case State::trailer_lf:
            state_ = State::trailer_first;
            return c == '\n';
        case State::end_lf:
            state_ = State::done;
            return c == '\n';
        default:
            return false;
    }
}

}  // namespace weir::codec
