#include "store/directory.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "store/ledger_fold.h"
#include "store/recovery.h"
#include "store/schema.h"
#include "store/store_fixture.h"

namespace weir::store {
namespace {

// Not a cryptographic digest: tells texts apart, which is all that these tests ask of one.
core::Digest digest(std::string_view text) {
    core::Digest out{};
    for (std::size_t i = 0; i < text.size(); ++i) {
        out[i % out.size()] = static_cast<std::uint8_t>(out[i % out.size()] * 31 + text[i]);
    }
    return out;
}

struct Office {
    ScratchDirectory scratch;
    SeededRng rng{4};
    std::string path = scratch.file("weir.db");
    std::unique_ptr<Directory> directory = Directory::open(path, digest, rng).value();
    Change change{"ada", {kNoon * 1'000'000'000}};

    MintedKey new_key(const std::string& name) {
        KeySpec spec;
        spec.name = name;
        spec.team = "support";
        spec.environment = "staging";
        spec.models = {"gpt-*"};
        return directory->create_key(spec, change).value();
    }
    core::Policy policy() {
        core::Policy policy;
        for (core::KeyRecord& key : directory->load_policy_parts().value().keys) {
            policy.keys.emplace(key.id, key);
        }
        return policy;
    }
    ErrorCode refusal(std::string_view text, UnixTime at) {
        const auto who = core::identify(policy(), text, at, digest);
        EXPECT_FALSE(who);
        return who ? ErrorCode::internal : who.error().code();
    }
    bool opens(std::string_view text, UnixTime at) {
        return core::identify(policy(), text, at, digest).has_value();
    }
};

core::BudgetSpec monthly(std::string name, std::int64_t usd) {
    core::BudgetSpec spec;
    spec.name = std::move(name);
    spec.where = {{core::Dimension::environment, {"staging"}}};
    spec.by = core::Dimension::team;
    spec.amount = Money::from_usd(usd).pico();
    return spec;
}

TEST(Directory, KeyWorksAfterARestartAndIsKeptAsDigestOnly) {
    Office office;
    ASSERT_TRUE(office.directory->create_team({"support", {{"owner", "grace"}}}, office.change));
    const MintedKey key = office.new_key("ci");
    office.directory = Directory::open(office.path, digest, office.rng).value();
    EXPECT_TRUE(office.opens(key.text.reveal(), office.change.at));
    const core::KeyRecord stored = office.directory->key(key.key.record.id).value().record;
    EXPECT_EQ(stored.team, "support");
    EXPECT_EQ(stored.models, std::vector<std::string>{"gpt-*"});
    Database raw = open_store(office.path).value();
    const std::string secret{key.text.reveal().substr(18, 32)};
    EXPECT_EQ(
        raw.query_integer("SELECT count(*) FROM keys k, audit a WHERE instr(quote(k.digest),'" +
                          secret + "') OR instr(coalesce(a.after,''),'" + secret + "')")
            .value(),
        0);
}

TEST(Directory, RotatedOutSecretWorksUntilItsTimeAndTheNewOneAtOnce) {
    Office office;
    ASSERT_TRUE(office.directory->create_team({"support", {}}, office.change));
    const MintedKey old = office.new_key("ci");
    const UnixTime until = office.change.at + std::chrono::hours{24};
    const MintedKey fresh =
        office.directory->rotate_key(old.key.record.id, until, office.change).value();
    EXPECT_EQ(fresh.key.record.id, old.key.record.id);
    EXPECT_NE(fresh.text.reveal(), old.text.reveal());
    EXPECT_TRUE(office.opens(fresh.text.reveal(), office.change.at));
    EXPECT_TRUE(office.opens(old.text.reveal(), until - Duration{1}));
    EXPECT_EQ(office.refusal(old.text.reveal(), until), ErrorCode::key_unknown);
    EXPECT_TRUE(office.opens(fresh.text.reveal(), until));
}

TEST(Directory, RevokedAndExpiredKeysAreToldSo) {
    Office office;
    ASSERT_TRUE(office.directory->create_team({"support", {}}, office.change));
    const MintedKey key = office.new_key("a");
    const MintedKey other = office.new_key("b");
    ASSERT_TRUE(office.directory->revoke_key(key.key.record.id, office.change));
    ASSERT_TRUE(office.directory->expire_key(other.key.record.id, office.change.at, office.change));
    EXPECT_EQ(office.refusal(key.text.reveal(), office.change.at), ErrorCode::key_revoked);
    EXPECT_EQ(office.refusal(other.text.reveal(), office.change.at), ErrorCode::key_expired);
    const auto again = office.directory->rotate_key(key.key.record.id, {}, office.change);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code(), ErrorCode::conflict);
}

TEST(Directory, AdminKeysDoNotReachTheRoad) {
    Office office;
    KeySpec spec;
    spec.name = "root";
    spec.role = KeyRole::admin;
    ASSERT_TRUE(office.directory->create_key(spec, office.change));
    const PolicyParts parts = office.directory->load_policy_parts().value();
    EXPECT_TRUE(parts.keys.empty());
    ASSERT_EQ(parts.admin_keys.size(), 1u);
    EXPECT_EQ(parts.admin_keys[0].role, KeyRole::admin);
}

TEST(Directory, EachChangeHasItsAuditRowAndAFailedOneHasNone) {
    Office office;
    ASSERT_TRUE(office.directory->create_team({"support", {{"owner", "grace"}}}, office.change));
    ASSERT_TRUE(office.directory->update_team({"support", {{"owner", "joan"}}}, office.change));
    EXPECT_FALSE(office.directory->create_team({"support", {}}, office.change));
    KeySpec stray;
    stray.team = "nobody";
    EXPECT_FALSE(office.directory->create_key(stray, office.change));
    const MintedKey key = office.new_key("ci");
    EXPECT_EQ(office.directory->remove_team("support", office.change).error().code(),
              ErrorCode::conflict);
    ASSERT_TRUE(office.directory->revoke_key(key.key.record.id, office.change));
    ASSERT_TRUE(office.directory->remove_team("support", office.change));
    const std::vector<AuditRow> audit = office.directory->audit(0, 10).value();
    std::vector<std::string> actions;
    for (const AuditRow& row : audit) actions.push_back(row.action);
    EXPECT_EQ(actions, (std::vector<std::string>{"team.remove", "key.revoke", "key.create",
                                                 "team.update", "team.create"}));
    EXPECT_EQ(audit[3].actor, "ada");
    EXPECT_EQ(audit[3].before, R"({"owner":"grace"})");
    EXPECT_EQ(audit[3].after, R"({"owner":"joan"})");
}

TEST(Directory, ChangeThatIsKeptElsewhereHasItsAuditRow) {
    Office office;
    ASSERT_TRUE(office.directory->note_change(office.change, "ledger.correct", "attempt:call_x.1",
                                              "", R"({"reason":"invoice"})"));
    const std::vector<AuditRow> rows = office.directory->audit(0, 1).value();
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].actor, "ada");
    EXPECT_EQ(rows[0].action, "ledger.correct");
    EXPECT_EQ(rows[0].subject, "attempt:call_x.1");
    EXPECT_EQ(rows[0].before, "");
    EXPECT_EQ(rows[0].after, R"({"reason":"invoice"})");
}

// "a/b" with trajectory "c" would count in the instance of team "a" with trajectory "b/c".
TEST(Directory, TeamNameCannotReachIntoAnotherTeamsTrajectories) {
    Office office;
    const Result<> made = office.directory->create_team({"support/night", {}}, office.change);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code(), ErrorCode::invalid_parameter);
}

// In a condition they would mean other teams too.
TEST(Directory, RefusesATeamWhoseNameIsAPattern) {
    Office office;
    for (const char* name : {"*", "re*", "(none)"}) {
        const Result<> made = office.directory->create_team({name, {}}, office.change);
        ASSERT_FALSE(made) << name;
        EXPECT_EQ(made.error().code(), ErrorCode::invalid_parameter);
    }
}

TEST(Directory, TheTermsOfABudgetComeBackAsTheyWerePut) {
    Office office;
    core::BudgetSpec spec = monthly("staging", 500);
    spec.by = core::Dimension::team;
    spec.clamp = core::Clamp::always;
    spec.except = {{"a \"quoted\" team", 7}, {"research", Money::from_usd(20'000).pico()}};
    ASSERT_TRUE(office.directory->put_budget(spec, "api", office.change));
    core::BudgetSpec kept = office.directory->budgets().value().at(0);
    EXPECT_EQ(kept.clamp, core::Clamp::always);
    EXPECT_EQ(kept.except, spec.except);
    spec.except.pop_back();
    EXPECT_EQ(office.directory->put_budget(spec, "api", office.change).value().version,
              kept.version + 1);
    EXPECT_EQ(office.directory->budgets().value().at(0).except, spec.except);
    spec.by.reset();
    EXPECT_FALSE(office.directory->put_budget(spec, "api", office.change));
}

TEST(Directory, BudgetKeepsItsIdWhenItsTermsChangeOrItIsMadeAgain) {
    Office office;
    const auto first = office.directory->put_budget(monthly("staging", 500), "api", office.change);
    ASSERT_TRUE(first);
    const auto raised =
        office.directory->put_budget(monthly("staging", 800), "api", office.change).value();
    EXPECT_EQ(raised.id, first->id);
    EXPECT_EQ(raised.version, 2u);
    ASSERT_TRUE(office.directory->remove_budget("staging", office.change));
    EXPECT_TRUE(office.directory->budgets().value().empty());
    const auto again =
        office.directory->put_budget(monthly("staging", 100), "api", office.change).value();
    EXPECT_EQ(again.id, first->id);
    core::BudgetSpec other = monthly("staging", 100);
    other.window = core::WindowKind::day;
    EXPECT_NE(office.directory->put_budget(other, "api", office.change).value().id, first->id);
    ASSERT_EQ(office.directory->budgets().value().size(), 1u);
    EXPECT_EQ(office.directory->budgets().value()[0].window, core::WindowKind::day);
}

TEST(Directory, ARaiseOutlivesAChangeOfItsBudgetAndIsTidiedWhenItIsOver) {
    Office office;
    ASSERT_TRUE(office.directory->put_budget(monthly("staging", 500), "api", office.change));
    const UnixTime until = office.change.at + std::chrono::hours{1};
    auto raise = [&](Int128 by) {
        return office.directory->raise_budget(
            "staging", {.by = by, .until = until, .reason = "load test"}, office.change);
    };
    ASSERT_TRUE(raise(7));
    EXPECT_EQ(office.directory->put_budget(monthly("staging", 800), "api", office.change)
                  .value()
                  .raises.size(),
              1u);
    const core::BudgetSpec kept = office.directory->budgets().value().at(0);
    ASSERT_EQ(kept.raises.size(), 1u);
    EXPECT_EQ(kept.raises[0].by, 7);
    EXPECT_EQ(kept.raises[0].until, until);
    EXPECT_EQ(kept.raises[0].reason, "load test");
    EXPECT_EQ(kept.raises[0].actor, office.change.actor);
    for (int i = 1; i < 100; ++i) ASSERT_TRUE(raise(1));
    EXPECT_EQ(raise(1).error().code(), ErrorCode::conflict);
    office.change.at = until;
    const auto next = office.directory->raise_budget(
        "staging", {.by = 1, .until = until + Duration{1}, .reason = "more"}, office.change);
    ASSERT_TRUE(next);
    EXPECT_EQ(next->raises.size(), 1u) << "those that are over are gone";
}

TEST(Directory, BudgetOfTheConfigurationGoesWithItAndOneOfTheApiStays) {
    Office office;
    ASSERT_TRUE(office.directory->put_budget(monthly("mine", 5), "api", office.change));
    ASSERT_TRUE(office.directory->apply_config_budgets({monthly("a", 1), monthly("b", 2)}, nullptr,
                                                       office.change));
    ASSERT_TRUE(office.directory->apply_config_budgets({monthly("b", 2)}, nullptr, office.change));
    std::vector<std::string> names;
    for (const auto& spec : office.directory->budgets().value()) names.push_back(spec.name);
    EXPECT_EQ(names, (std::vector<std::string>{"b", "mine"}));
    EXPECT_EQ(office.directory->audit(0, 1).value()[0].action, "budget.remove");
}

TEST(Directory, BudgetMadeInMidWindowStartsWithWhatTheLedgerKnows) {
    Office office;
    Database database = open_store(office.path).value();
    LedgerFold fold = LedgerFold::open(database).value();
    std::vector<ledger::Record> records;
    for (std::uint64_t seq = 1; seq <= 9; ++seq) records.emplace_back(end_of(attempt(seq)));
    records.emplace_back(end_of(attempt(12), ledger::EndState::released));
    records.emplace_back(correction_of(attempt(3), -100));
    ASSERT_TRUE(fold.fold(records, {}));
    const auto spec =
        office.directory->put_budget(monthly("late", 500), "api", office.change).value();
    Int128 support = 0;
    for (const Balance& balance : load_balances(database, office.change.at).value()) {
        if (balance.budget_id == spec.id && balance.instance == "support") {
            support = balance.settled;
        }
    }
    // Calls 3, 6 and 9 are of that team.
    EXPECT_EQ(to_string(support), to_string(Int128{3} * 900'000'000 - 100));
}

TEST(Directory, PriceBookIsKeptUnderItsHash) {
    Office office;
    ASSERT_TRUE(office.directory->keep_price_book("ab12", "canonical rows", office.change.at));
    ASSERT_TRUE(office.directory->keep_price_book("ab12", "canonical rows", office.change.at));
    EXPECT_EQ(office.directory->price_book("ab12").value(), "canonical rows");
    EXPECT_EQ(office.directory->price_book("cd").error().code(), ErrorCode::not_found);
}

}  // namespace
}  // namespace weir::store
