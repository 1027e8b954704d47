// A loop's pool of 16 kB IO buffers. They come from slabs of 1 MB, so that they do not scatter over
// the heap, and are never zeroed. When more than `high` lie unused, the memory of all but `low` is
// given back to the kernel; the address space stays. As many buffers exist as were in use at once:
// the limits of connections bound that. Outlives its buffers. Thread: the loop's.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace weir::runtime {

class BufferPool;

// Move-only; goes back to its pool when destroyed. Default: empty, without a pool.
class Buffer {
 public:
    Buffer() = default;
    Buffer(Buffer&& other) noexcept
        : data(std::exchange(other.data, nullptr)),
          size(std::exchange(other.size, 0)),
          pool_(std::exchange(other.pool_, nullptr)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(data, other.data);
        std::swap(size, other.size);
        std::swap(pool_, other.pool_);
        return *this;
    }
    ~Buffer() { reset(); }

    // Gives it back now.
    void reset() noexcept;
    explicit operator bool() const { return data != nullptr; }

    char* data = nullptr;
    std::size_t size = 0;

 private:
    friend class BufferPool;
    Buffer(char* d, std::size_t s, BufferPool* pool) : data(d), size(s), pool_(pool) {}
    BufferPool* pool_ = nullptr;
};

class BufferPool {
 public:
    static constexpr std::size_t kBufferSize = 16 * 1024;
    static constexpr std::size_t kSlabSize = 1024 * 1024;

    struct Marks {
        std::size_t low = 64;
        std::size_t high = 256;
    };
    BufferPool() : BufferPool(Marks{}) {}
    explicit BufferPool(Marks marks) : marks_(marks) {}
    BufferPool(const BufferPool&) = delete;
    BufferPool& operator=(const BufferPool&) = delete;
    ~BufferPool();

    // Throws std::bad_alloc when the kernel has no memory, as new does.
    Buffer take();

    std::size_t in_use() const { return in_use_; }
    // Unused, but resident in memory.
    std::size_t warm() const { return warm_.size(); }
    // All that were ever needed at once, in whole slabs.
    std::size_t capacity() const { return slabs_.size() * (kSlabSize / kBufferSize); }

 private:
    friend class Buffer;
    void give_back(char* data) noexcept;
    void cool() noexcept;
    void grow();

    Marks marks_;
    std::size_t in_use_ = 0;
    std::vector<char*> warm_;  // the last one used is taken first
    std::vector<char*> cold_;  // without memory
    std::vector<char*> slabs_;
};

inline void Buffer::reset() noexcept {
    if (pool_ != nullptr) std::exchange(pool_, nullptr)->give_back(data);
    data = nullptr;
    size = 0;
}

}  // namespace weir::runtime
