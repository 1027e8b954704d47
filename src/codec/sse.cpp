#include "codec/sse.h"

#include <algorithm>

#include "base/check.h"

namespace weir::codec {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::size_t kCarryKept = std::size_t{64} * 1024;  // capacity worth keeping for a stream

}  // namespace

SseParser::SseParser(std::size_t event_bytes_max) : event_bytes_max_(event_bytes_max) {}

void SseParser::feed(std::string_view bytes) {
    if (failed_) return;
    WEIR_CHECK(begin_ == input_.size());
    input_ = bytes;
    begin_ = 0;
    position_ = 0;
    next_lf_ = bytes.find('\n');
    next_cr_ = bytes.find('\r');
}

Result<bool> SseParser::next(SseEvent& event) {
    event = {};
    if (failed_) return fail(ErrorCode::provider_protocol, {}, "event over the limit");
    if (given_) {
        given_ = false;
        carry_.clear();
        if (carry_.capacity() > kCarryKept) std::string{}.swap(carry_);
    }
    if (begin_ == input_.size()) return false;
    if (take_torn_lf(event)) return true;
    bool whole = find_blank_line();
    if (offset_of(position_) > event_bytes_max_) {
        failed_ = true;
        return fail(ErrorCode::provider_protocol, {}, "event over the limit");
    }
    if (!whole) {
        carry_.append(input_.substr(begin_));
        begin_ = input_.size();
        return false;
    }
    take_event(event);
    return true;
}

// The LF of a CRLF torn between two feeds. True: the CR had ended an event, so the LF stands alone.
bool SseParser::take_torn_lf(SseEvent& event) {
    if (position_ != 0 || !after_cr_) return false;
    after_cr_ = false;
    if (input_.front() != '\n') return false;
    position_ = 1;
    if (carry_.empty()) {
        event.raw = input_.substr(0, 1);
        begin_ = 1;
        return true;
    }
    line_begin_ = offset_of(position_);
    return false;
}

std::size_t SseParser::next_line_end() {
    // npos, "none", is not before any position.
    if (next_lf_ < position_) next_lf_ = input_.find('\n', position_);
    if (next_cr_ < position_) next_cr_ = input_.find('\r', position_);
    return std::min(next_lf_, next_cr_);
}

// The stream's first three bytes may lie in both carry_ and input_.
bool SseParser::starts_with_bom() const {
    std::size_t held = carry_.size() + input_.size() - begin_;
    if (held < kByteOrderMark.size()) return false;
    for (std::size_t i = 0; i < kByteOrderMark.size(); ++i) {
        char c = i < carry_.size() ? carry_[i] : input_[begin_ + i - carry_.size()];
        if (c != kByteOrderMark[i]) return false;
    }
    return true;
}

// Takes lines up to the one that ends the event. False: the input ended first.
bool SseParser::find_blank_line() {
    for (;;) {
        std::size_t at = next_line_end();
        if (at == std::string_view::npos) {
            position_ = input_.size();
            return false;
        }
        position_ = at + 1;
        if (input_[at] == '\r') {
            if (position_ == input_.size()) {
                after_cr_ = true;
            } else if (input_[position_] == '\n') {
                ++position_;
            }
        }
        Line line{line_begin_, offset_of(at)};
        if (at_start_) {
            at_start_ = false;
            if (starts_with_bom()) line.begin += kByteOrderMark.size();
        }
        if (line.begin == line.end) return true;
        if (lines_seen_ < kLinesKept) lines_[lines_seen_] = line;
        ++lines_seen_;
        line_begin_ = offset_of(position_);
    }
}

// Gives out the event that ends at position_ and begins the next.
void SseParser::take_event(SseEvent& event) {
    event.raw = input_.substr(begin_, position_ - begin_);
    if (!carry_.empty()) {
        carry_.append(event.raw);
        event.raw = carry_;
        given_ = true;
    }
    begin_ = position_;
    data_lines_ = 0;
    for (std::size_t i = 0; i < std::min(lines_seen_, kLinesKept); ++i)
        read_line(event.raw.substr(lines_[i].begin, lines_[i].end - lines_[i].begin), event);
    if (lines_seen_ > kLinesKept) {
        // An empty line between CR and LF says nothing, so that pair needs no care here.
        std::string_view rest = event.raw.substr(lines_.back().end);
        while (!rest.empty()) {
            std::size_t end = std::min(rest.find_first_of("\r\n"), rest.size() - 1);
            read_line(rest.substr(0, end), event);
            rest.remove_prefix(end + 1);
        }
    }
    lines_seen_ = 0;
    line_begin_ = 0;
}

void SseParser::read_line(std::string_view line, SseEvent& event) {
    std::size_t colon = std::min(line.find(':'), line.size());
    std::string_view field = line.substr(0, colon);
    std::string_view value = line.substr(std::min(colon + 1, line.size()));
    if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    if (field == "event") {
        event.name = value;
    } else if (field == "data") {
        event.has_data = true;
        if (++data_lines_ == 1) {
            event.data = value;
            return;
        }
        if (data_lines_ == 2) joined_.assign(event.data);
        joined_.append("\n").append(value);
        event.data = joined_;
    }
    // id and retry are the reader's business; they travel in raw.
}

}  // namespace weir::codec
