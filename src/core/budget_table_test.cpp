#include "core/budget_table.h"

#include <gtest/gtest.h>
#include <map>

#include "base/random.h"

namespace weir::core {
namespace {

constexpr WindowSpan kDay{86'400, 172'800};

struct Names {
    BudgetTable table;
    std::map<std::string, std::uint32_t> slots{};

    std::uint32_t find(const std::string& name) const {
        return table.find(table.hash(1, kDay.start, name), 1, kDay.start, name);
    }
    void insert(const std::string& name) {
        slots[name] = table.insert(table.hash(1, kDay.start, name), 1, kDay, name);
    }
    void erase(const std::string& name) {
        table.erase(slots.at(name));
        slots.erase(name);
    }
    void check() const {
        for (const auto& [name, slot] : slots) ASSERT_EQ(find(name), slot) << name;
    }
};

// Through all sizes of the index, with cells that come and go.
TEST(BudgetTable, FindsWhatIsThereAndNothingElseAsItGrows) {
    Names names{BudgetTable{20'000, 7}};
    SeededRng rng{1};
    for (int step = 0; step < 30'000; ++step) {
        const std::string name = "t-" + std::to_string(rng.below(12'000));
        if (!names.slots.contains(name)) {
            ASSERT_EQ(names.find(name), BudgetTable::kNone) << name;
            names.insert(name);
        } else if (rng.below(3) == 0) {
            names.erase(name);
            ASSERT_EQ(names.find(name), BudgetTable::kNone) << name;
        }
        if (step % 5'000 == 0) names.check();
    }
    names.check();
    EXPECT_EQ(names.table.live(), names.slots.size());
}

TEST(BudgetTable, OneNameInAnotherWindowOrOfAnotherOwnerIsAnotherCell) {
    BudgetTable table{4, 7};
    const std::uint32_t slot = table.insert(table.hash(1, 0, "t"), 1, {0, 60}, "t");
    EXPECT_EQ(table.find(table.hash(1, 0, "t"), 1, 0, "t"), slot);
    EXPECT_EQ(table.find(table.hash(1, 60, "t"), 1, 60, "t"), BudgetTable::kNone);
    EXPECT_EQ(table.find(table.hash(2, 0, "t"), 2, 0, "t"), BudgetTable::kNone);
    // What differs although its hash is the same.
    EXPECT_EQ(table.find(table.hash(1, 0, "t"), 1, 0, "u"), BudgetTable::kNone);
}

// Callers choose names: ones whose hashes fall into one bucket cost time, never truth.
TEST(BudgetTable, KeepsApartWhatSharesABucket) {
    BudgetTable table{100, 7};
    constexpr std::uint64_t kSame = 0x1234'5678'0000'0000;
    std::vector<std::uint32_t> slots;
    for (int i = 0; i < 50; ++i) {
        slots.push_back(table.insert(kSame, 1, kDay, "t-" + std::to_string(i)));
    }
    for (int i = 0; i < 50; i += 2) table.erase(slots[static_cast<std::size_t>(i)]);
    for (int i = 0; i < 50; ++i) {
        const std::uint32_t found = table.find(kSame, 1, kDay.start, "t-" + std::to_string(i));
        EXPECT_EQ(found, i % 2 == 0 ? BudgetTable::kNone : slots[static_cast<std::size_t>(i)]);
    }
}

}  // namespace
}  // namespace weir::core
