#include "base/nearest.h"

#include <array>
#include <gtest/gtest.h>

namespace weir {
namespace {

constexpr std::array<std::string_view, 4> kWords = {"team", "trajectory", "task_type", "model"};

TEST(Nearest, NamesTheWordThatWasMeant) {
    EXPECT_EQ(nearest("taem", kWords), "team");
    EXPECT_EQ(nearest("tasktype", kWords), "task_type");
    EXPECT_EQ(did_you_mean("modle", kWords), " (did you mean 'model'?)");
}

TEST(Nearest, IsSilentWhereNothingIsNear) {
    EXPECT_EQ(nearest("provider", kWords), std::nullopt);
    EXPECT_EQ(did_you_mean("", {}), "");
    EXPECT_EQ(nearest(std::string(100'000, 'm'), kWords), std::nullopt);
}

}  // namespace
}  // namespace weir
