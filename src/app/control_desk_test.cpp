// /weir/me and /weir/calls/<id> over a real store.
#include "app/control_desk.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "runtime/loop_fixture.h"
#include "store/store_fixture.h"

namespace weir::app {
namespace {

using core::Dimension;
using Json = nlohmann::json;

class ControlDeskTest : public runtime::LoopTest {
 protected:
    ControlDeskTest() {
        store::BookkeeperOptions books;
        books.database_path = scratch.file("weir.db");
        books.journal_directory = scratch.file("journal");
        std::filesystem::create_directory(books.journal_directory);
        bookkeeper = std::make_unique<store::BookkeeperThread>(
            store::Bookkeeper::open(books).value(), [](const Error&) {});
        queries = store::Queries::open(books.database_path).value();
        core::KeyRecord key;
        key.id = "k1";
        key.team = "support";
        policy->keys.emplace(key.id, key);
    }

    Json me() {
        gateway::DeskQuestion question;
        question.key_id = "k1";
        question.team = "support";
        question.attribution.offer(Dimension::team, "support", core::Source::key);
        question.attribution.offer(Dimension::key, "k1", core::Source::key);
        treasury.define(policy->budgets);
        ControlDesk desk{loop, treasury, *queries, *bookkeeper, [this] {
                             return policy;
                         }};
        std::string answer;
        desk.ask(std::move(question), [&](Result<std::string> said) {
            answer = said.value_or("");
            loop.stop();
        });
        runtime::Watchdog watchdog{loop};
        loop.run();
        return Json::parse(answer, nullptr, false);
    }

    store::ScratchDirectory scratch;
    store::StandingClock clock;
    gateway::Treasury treasury{clock};
    std::unique_ptr<store::BookkeeperThread> bookkeeper;
    std::unique_ptr<store::Queries> queries;
    std::shared_ptr<core::Policy> policy = std::make_shared<core::Policy>();
};

TEST_F(ControlDeskTest, MeIsShownTheBudgetsOfItsTeamAndItsKey) {
    auto budget = [](std::uint64_t id, std::string name, std::optional<Dimension> by,
                     std::vector<core::Condition> where) {
        core::BudgetSpec spec;
        spec.id = id;
        spec.name = std::move(name);
        spec.by = by;
        spec.where = std::move(where);
        spec.amount = Money::from_usd(5).pico();
        return spec;
    };
    policy->budgets = {budget(1, "organisation", {}, {}), budget(2, "team", Dimension::team, {}),
                       budget(3, "mine", {}, {{Dimension::key, {"k1"}}}),
                       budget(4, "both", {}, {{Dimension::team, {"support", "research"}}})};
    std::vector<std::string> names;
    for (const Json& shown : me().at("budgets")) names.push_back(shown.at("name"));
    std::ranges::sort(names);
    EXPECT_EQ(names, (std::vector<std::string>{"mine", "team"}));
}

}  // namespace
}  // namespace weir::app
