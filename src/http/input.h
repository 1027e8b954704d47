// What was read from a stream and not yet consumed. Starts in a pooled 16 kB buffer and moves to
// the heap only for heads that are larger; gives either back as soon as it is empty, so that an
// idle connection holds no buffer. Owner: one connection. Thread: its loop.
#pragma once

#include <memory>
#include <string_view>

#include "base/error.h"
#include "runtime/slab.h"
#include "runtime/stream.h"

namespace weir::http {

class Input {
 public:
    explicit Input(runtime::BufferPool& pool) : pool_(pool) {}

    std::string_view bytes() const { return {data() + begin_, end_ - begin_}; }
    bool empty() const { return begin_ == end_; }
    void consume(std::size_t n);

    // Room for at least one more byte behind bytes(), growing up to `most` bytes in all. False:
    // full.
    bool make_room(std::size_t most);
    char* free_space() { return data() + end_; }
    std::size_t free_bytes() const { return capacity() - end_; }
    void filled(std::size_t n) { end_ += n; }
    // Gives an empty buffer back to the pool.
    void rest();

 private:
    const char* data() const { return big_ ? big_.get() : small_.data; }
    char* data() { return big_ ? big_.get() : small_.data; }
    std::size_t capacity() const { return big_ ? big_bytes_ : small_.size; }

    runtime::BufferPool& pool_;
    runtime::Buffer small_;
    std::unique_ptr<char[]> big_;
    std::size_t big_bytes_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

// Which of the caller's errors an errno of the stream is.
Error stream_error(int negative_errno, ErrorCode on_timeout, ErrorCode otherwise);

}  // namespace weir::http
