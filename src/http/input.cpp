#include "http/input.h"

#include <algorithm>
#include <cstring>

namespace weir::http {

void Input::consume(std::size_t n) {
    begin_ += n;
    if (begin_ == end_) {
        begin_ = end_ = 0;
        big_.reset();
        big_bytes_ = 0;
    }
}

bool Input::make_room(std::size_t most) {
    if (!big_ && small_.size == 0) small_ = pool_.take();
    if (end_ < capacity()) return true;
    std::size_t held = end_ - begin_;
    if (begin_ > 0) {
        std::memmove(data(), data() + begin_, held);
    } else {
        if (capacity() >= most) return false;
        std::size_t bytes = std::min(most, capacity() * 2);
        auto grown = std::make_unique_for_overwrite<char[]>(bytes);
        std::memcpy(grown.get(), data(), held);
        big_ = std::move(grown);
        big_bytes_ = bytes;
        small_ = {};
    }
    begin_ = 0;
    end_ = held;
    return true;
}

void Input::rest() {
    if (empty()) small_ = {};
}

Error stream_error(int negative_errno, ErrorCode on_timeout, ErrorCode otherwise) {
    if (negative_errno == -ETIMEDOUT) return Error{on_timeout};
    return Error{otherwise, {}, std::strerror(-negative_errno)};
}

}  // namespace weir::http
