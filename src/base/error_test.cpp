#include "base/error.h"

#include <gtest/gtest.h>
#include <set>

namespace weir {
namespace {

TEST(ErrorTable, EveryCodeHasItsOwnNameAndAClientText) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < kErrorCodes; ++i) {
        const ErrorInfo& info = error_info(static_cast<ErrorCode>(i));
        EXPECT_TRUE(names.insert(info.name).second) << info.name;
        EXPECT_GE(info.http_status, 400);
        EXPECT_FALSE(info.message.empty());
    }
}

TEST(Error, DetailNeverBecomesTheClientText) {
    Error error{ErrorCode::io, "", "/var/lib/weir: EIO"};
    EXPECT_EQ(error.message(), error_info(ErrorCode::io).message);
}

}  // namespace
}  // namespace weir
