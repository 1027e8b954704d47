#include "runtime/slab.h"

#include <new>
#include <sys/mman.h>

#include "base/check.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif

namespace weir::runtime {
namespace {

// Under AddressSanitizer, touching a buffer that was given back is reported.
void forbid([[maybe_unused]] const char* data, [[maybe_unused]] std::size_t size) {
#ifdef ASAN_POISON_MEMORY_REGION
    ASAN_POISON_MEMORY_REGION(data, size);
#endif
}

void allow([[maybe_unused]] const char* data, [[maybe_unused]] std::size_t size) {
#ifdef ASAN_UNPOISON_MEMORY_REGION
    ASAN_UNPOISON_MEMORY_REGION(data, size);
#endif
}

}  // namespace

BufferPool::~BufferPool() {
    WEIR_CHECK(in_use_ == 0);
    for (char* slab : slabs_) {
        allow(slab, kSlabSize);
        ::munmap(slab, kSlabSize);
    }
}

Buffer BufferPool::take() {
    if (warm_.empty() && cold_.empty()) grow();
    std::vector<char*>& from = warm_.empty() ? cold_ : warm_;
    char* data = from.back();
    from.pop_back();
    ++in_use_;
    allow(data, kBufferSize);
    return {data, kBufferSize, this};
}

// Reserves room in both lists, so that giving back never allocates.
void BufferPool::grow() {
    constexpr std::size_t kBuffers = kSlabSize / kBufferSize;
    std::size_t all = capacity() + kBuffers;
    slabs_.reserve(slabs_.size() + 1);
    warm_.reserve(all);
    cold_.reserve(all);
    void* memory =
        ::mmap(nullptr, kSlabSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc{};
    char* slab = static_cast<char*>(memory);
    slabs_.push_back(slab);
    forbid(slab, kSlabSize);
    for (std::size_t i = kBuffers; i-- > 0;) cold_.push_back(slab + i * kBufferSize);
}

void BufferPool::give_back(char* data) noexcept {
    --in_use_;
    forbid(data, kBufferSize);
    warm_.push_back(data);
    if (warm_.size() > marks_.high) cool();
}

// The ones at the front have not been used for longest.
void BufferPool::cool() noexcept {
    std::size_t excess = warm_.size() - marks_.low;
    for (std::size_t i = 0; i < excess; ++i) {
        ::madvise(warm_[i], kBufferSize, MADV_DONTNEED);
        cold_.push_back(warm_[i]);
    }
    warm_.erase(warm_.begin(), warm_.begin() + static_cast<std::ptrdiff_t>(excess));
}

}  // namespace weir::runtime
