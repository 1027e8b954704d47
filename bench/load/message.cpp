#include "load/message.h"

#include <algorithm>
#include <charconv>
#include <strings.h>

namespace weir::bench {
namespace {

constexpr std::string_view kBlankLine = "\r\n\r\n";
constexpr std::size_t kHeadMax = 64 * 1024;

bool is_named(std::string_view line, std::string_view name) {
    return line.size() > name.size() && line[name.size()] == ':' &&
           ::strncasecmp(line.data(), name.data(), name.size()) == 0;
}

std::string_view value_of(std::string_view line) {
    line.remove_prefix(line.find(':') + 1);
    while (line.starts_with(' ')) line.remove_prefix(1);
    return line;
}

}  // namespace

void Message::restart() { *this = Message{}; }

void Message::read_head(std::string_view head) {
    if (head.starts_with("HTTP/1.1 ")) {
        std::from_chars(head.data() + 9, head.data() + head.size(), status_);
    }
    for (auto end = head.find("\r\n"); end != std::string_view::npos; end = head.find("\r\n")) {
        std::string_view line = head.substr(0, end);
        head.remove_prefix(end + 2);
        if (is_named(line, "content-length")) {
            std::string_view value = value_of(line);
            std::from_chars(value.data(), value.data() + value.size(), left_);
        } else if (is_named(line, "transfer-encoding")) {
            chunked_ = value_of(line) == "chunked";
        }
    }
    state_ = chunked_ || left_ > 0 ? State::body : State::done;
}

bool Message::take_head(std::string_view& bytes) {
    if (held_.empty()) {  // the usual case: whole, so not copied
        auto end = bytes.find(kBlankLine);
        if (end != std::string_view::npos) {
            read_head(bytes.substr(0, end + 2));
            bytes.remove_prefix(end + kBlankLine.size());
            return true;
        }
    }
    std::size_t before = held_.size();
    held_.append(bytes.substr(0, kHeadMax));
    auto end = held_.find(kBlankLine, before < 3 ? 0 : before - 3);
    if (end == std::string::npos) {
        if (held_.size() >= kHeadMax) state_ = State::broken;
        bytes = {};
        return false;
    }
    bytes.remove_prefix(end + kBlankLine.size() - before);
    held_.resize(end + 2);
    read_head(held_);
    held_.clear();
    return true;
}

std::string_view Message::take_payload(std::string_view& bytes, std::string* payload) {
    std::string_view piece = bytes.substr(0, left_);
    bytes.remove_prefix(piece.size());
    left_ -= piece.size();
    payload_bytes_ += piece.size();
    if (payload != nullptr) payload->append(piece);
    return piece;
}

void Message::take_sized(std::string_view& bytes, std::string* payload) {
    take_payload(bytes, payload);
    if (left_ == 0) state_ = State::done;
}

// The line of a size, the empty line behind a chunk's bytes, or the one that ends the body.
void Message::take_chunk_line(std::string_view& bytes) {
    auto end = bytes.find('\n');
    held_.append(bytes.substr(0, end));
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    if (end == std::string_view::npos) return;
    std::string line;
    line.swap(held_);
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) {
        if (last_chunk_) state_ = State::done;
        return;
    }
    auto [stop, error] = std::from_chars(line.data(), line.data() + line.size(), left_, 16);
    if (error != std::errc{}) state_ = State::broken;
    last_chunk_ = left_ == 0;
    in_chunk_ = left_ > 0;
}

void Message::take_chunks(std::string_view& bytes, std::string* payload) {
    while (!bytes.empty() && state_ == State::body) {
        if (!in_chunk_) {
            take_chunk_line(bytes);
            continue;
        }
        take_payload(bytes, payload);
        in_chunk_ = left_ > 0;
    }
}

Message::State Message::feed(std::string_view& bytes, std::string* payload) {
    if (state_ == State::head && !take_head(bytes)) return state_;
    if (state_ == State::body && chunked_) {
        take_chunks(bytes, payload);
    } else if (state_ == State::body) {
        take_sized(bytes, payload);
    }
    return state_;
}

}  // namespace weir::bench
