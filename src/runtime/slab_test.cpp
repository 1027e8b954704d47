#include "runtime/slab.h"

#include <cstring>
#include <gtest/gtest.h>
#include <set>
#include <vector>

namespace weir::runtime {
namespace {

TEST(BufferPool, GivesDistinctWritableBuffers) {
    BufferPool pool;
    std::vector<Buffer> buffers;
    std::set<char*> seen;
    for (int i = 0; i < 200; ++i) {
        buffers.push_back(pool.take());
        EXPECT_EQ(buffers.back().size, BufferPool::kBufferSize);
        std::memset(buffers.back().data, i, buffers.back().size);
        seen.insert(buffers.back().data);
    }
    EXPECT_EQ(seen.size(), 200u);
    for (std::size_t i = 0; i < buffers.size(); ++i) {
        EXPECT_EQ(buffers[i].data[BufferPool::kBufferSize - 1], static_cast<char>(i));
    }
    EXPECT_EQ(pool.in_use(), 200u);
    buffers.clear();
    EXPECT_EQ(pool.in_use(), 0u);
}

TEST(BufferPool, HandsOutTheLastOneUsedFirst) {
    BufferPool pool;
    char* data = nullptr;
    {
        Buffer a = pool.take();
        data = a.data;
    }
    EXPECT_EQ(pool.take().data, data);
}

TEST(BufferPool, GivesMemoryBackAboveTheHighMarkAndReusesIt) {
    BufferPool pool{{.low = 4, .high = 16}};
    std::vector<Buffer> buffers;
    for (int i = 0; i < 100; ++i) {
        buffers.push_back(pool.take());
        buffers.back().data[0] = 'x';
    }
    std::size_t capacity = pool.capacity();
    buffers.clear();
    EXPECT_LE(pool.warm(), 16u);
    EXPECT_GE(pool.warm(), 4u);
    for (int i = 0; i < 100; ++i) buffers.push_back(pool.take());
    EXPECT_EQ(pool.capacity(), capacity);
    // The kernel gives zeroed pages for what was given back: the memory really was.
    int fresh = 0;
    for (const Buffer& buffer : buffers) fresh += buffer.data[0] == 0 ? 1 : 0;
    EXPECT_GE(fresh, 80);
}

TEST(Buffer, MovesAndResets) {
    BufferPool pool;
    Buffer a = pool.take();
    Buffer b = std::move(a);
    EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move)
    EXPECT_TRUE(b);
    a = std::move(b);
    EXPECT_EQ(pool.in_use(), 1u);
    a.reset();
    a.reset();
    EXPECT_EQ(pool.in_use(), 0u);
    EXPECT_EQ(a.data, nullptr);
}

}  // namespace
}  // namespace weir::runtime
