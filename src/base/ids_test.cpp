#include "base/ids.h"

#include <gtest/gtest.h>

#include "base/secret.h"

namespace weir {
namespace {

TEST(CallId, TextGoesThereAndBack) {
    for (CallId id :
         {CallId{1, 0, 1}, CallId{0xFFFFFFFF, 0xFFFF, 0xFFFFFFFFFFFF}, CallId{7, 3, 99}}) {
        EXPECT_EQ(CallId::parse(id.text()), id) << id.text();
        EXPECT_EQ(id.text().size(), 25u);
    }
    AttemptId attempt{{7, 3, 99}, 2};
    EXPECT_EQ(AttemptId::parse(attempt.text()), attempt);
}

TEST(CallId, RefusesWhatItDidNotPrint) {
    for (const char* text : {"", "call_", "call_0000000000000000000i", "call_zzzzzzzzzzzzzzzzzzzz",
                             "call_00000000000000000000", "call_000000000000000000001"}) {
        EXPECT_FALSE(CallId::parse(text)) << text;
    }
    EXPECT_FALSE(AttemptId::parse(CallId{1, 0, 1}.text()));
    EXPECT_FALSE(AttemptId::parse(CallId{1, 0, 1}.text() + ".0"));
}

TEST(Secret, ComparesWholeValues) {
    EXPECT_TRUE(equal_constant_time("abc", "abc"));
    EXPECT_FALSE(equal_constant_time("abc", "abd"));
    EXPECT_FALSE(equal_constant_time("abc", "abcd"));
}

}  // namespace
}  // namespace weir
