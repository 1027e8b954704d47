#include <gmock/gmock.h>

#include "admin/admin_fixture.h"

namespace weir::admin {
namespace {

using ::testing::HasSubstr;

class LedgerTest : public AdminTest {
 protected:
    void end_unknown(std::uint64_t seq) {
        write(store::admit_of(store::attempt(seq)));
        write(store::end_of(store::attempt(seq), ledger::EndState::unknown));
    }
    Json attempt(std::uint64_t seq) {
        return get("/calls/" + store::attempt(seq).call.text()).body["attempts"][0];
    }
    static std::string proof(std::uint64_t seq, const std::string& rest) {
        return R"({"attempt":")" + store::attempt(seq).text() + "\"," + rest + "}";
    }
};

TEST_F(LedgerTest, OrphansAreListedWithTheirBoundsUntilTheyAreProven) {
    settle(1, 2);
    end_unknown(3);
    end_unknown(4);
    Json orphans = get("/ledger/orphans").body;
    ASSERT_EQ(orphans["orphans"].size(), 2u);
    EXPECT_EQ(orphans["orphans"][0]["charge_usd"], "0.002");
    EXPECT_EQ(orphans["unproven_usd"], "0.004");
    ASSERT_EQ(post("/ledger/corrections",
                   proof(3, R"("billed_usd":"0.0011","billed_tokens":500,"reason":"invoice")"))
                  .status,
              201);
    orphans = get("/ledger/orphans").body;
    EXPECT_EQ(orphans["orphans"][1]["charge_usd"], "0.0011");
    EXPECT_EQ(orphans["orphans"][1]["corrected"], true);
    EXPECT_EQ(orphans["unproven_usd"], "0.002");
}

TEST_F(LedgerTest, WhatWasBilledBecomesWhatIsChargedHoweverOftenItIsSaid) {
    end_unknown(3);
    const Reply first =
        post("/ledger/corrections", proof(3, R"("billed_usd":"0.0011","reason":"invoice")"));
    EXPECT_EQ(first.body["charge_delta_usd"], "-0.0009");
    EXPECT_EQ(first.body["cost_delta_usd"], "0.0002");
    EXPECT_EQ(first.body["actor"], "operator");
    EXPECT_EQ(attempt(3)["charge_usd"], "0.0011");
    EXPECT_EQ(attempt(3)["cost_usd"], "0.0011");
    const Reply again =
        post("/ledger/corrections", proof(3, R"("billed_usd":"0.0011","reason":"invoice")"));
    EXPECT_EQ(again.status, 409);
    clock.now = clock.now + std::chrono::seconds{1};
    EXPECT_EQ(post("/ledger/corrections", proof(3, R"("billed_usd":"0.0015","reason":"credit")"))
                  .body["charge_delta_usd"],
              "0.0004");
    EXPECT_EQ(attempt(3)["charge_usd"], "0.0015");
    EXPECT_EQ(attempt(3)["corrections"].size(), 2u);
}

TEST_F(LedgerTest, SignedChangesAreTakenAsTheyAre) {
    settle(3, 3);
    EXPECT_EQ(post("/ledger/corrections",
                   proof(3, R"("cost_delta_usd":"-0.0001","token_delta":-20,"reason":"r")"))
                  .status,
              201);
    EXPECT_EQ(attempt(3)["cost_usd"], "0.0008");
    EXPECT_EQ(attempt(3)["charge_usd"], "0.0009");
    const Json row = get("/audit?limit=1").body["audit"][0];
    EXPECT_EQ(row["action"], "ledger.correct");
    EXPECT_EQ(row["subject"], "attempt:" + store::attempt(3).text());
    EXPECT_EQ(row["after"]["token_delta"], -20);
}

TEST_F(LedgerTest, CorrectionBelowZeroIsRefused) {
    settle(3, 3);
    const auto change = [&](const std::string& rest) {
        return post("/ledger/corrections", proof(3, rest + R"(,"reason":"r")"));
    };
    for (const char* below : {R"("charge_delta_usd":"-0.00091")", R"("cost_delta_usd":"-1")",
                              R"("token_delta":-421)"}) {
        const Reply refused = change(below);
        EXPECT_EQ(refused.status, 400) << below;
        EXPECT_THAT(refused.message(), HasSubstr("below zero: it stands at cost 0.0009"));
    }
    EXPECT_EQ(attempt(3)["corrections"].size(), 0u);
    EXPECT_EQ(change(R"("charge_delta_usd":"-0.0005")").status, 201);
    EXPECT_EQ(change(R"("charge_delta_usd":"-0.0005")").status, 400) << "with what came before";
}

TEST_F(LedgerTest, CorrectionThatCountsIsNoErrorWhateverIsStillToDo) {
    settle(3, 3);
    correction_note = "The disk has not confirmed it.";
    const Reply done =
        post("/ledger/corrections", proof(3, R"("billed_usd":"0.0011","reason":"invoice")"));
    EXPECT_EQ(done.status, 201);
    EXPECT_EQ(done.body["note"], correction_note);
    correction_note.clear();
    const Reply clean =
        post("/ledger/corrections", proof(3, R"("billed_usd":"0.0012","reason":"invoice")"));
    EXPECT_FALSE(clean.body.contains("note"));
}

TEST_F(LedgerTest, CorrectionThatMeansNothingIsRefused) {
    settle(3, 3);
    write(store::admit_of(store::attempt(4)));
    write(store::refusal_of(store::attempt(5)));
    const auto refusal = [&](const std::string& body) {
        return post("/ledger/corrections", body);
    };
    EXPECT_EQ(refusal(proof(4, R"("billed_usd":"1","reason":"r")")).status, 409);
    EXPECT_EQ(refusal(proof(5, R"("billed_usd":"1","reason":"r")")).status, 404);
    EXPECT_EQ(refusal(proof(9, R"("billed_usd":"1","reason":"r")")).status, 404);
    EXPECT_EQ(refusal(proof(3, R"("billed_usd":"1")")).message(), "'reason' is required.");
    EXPECT_THAT(refusal(proof(3, R"("reason":"r")")).message(), HasSubstr("Say either"));
    EXPECT_THAT(refusal(proof(3, R"("billed_usd":"1","token_delta":1,"reason":"r")")).message(),
                HasSubstr("Say either"));
    EXPECT_THAT(refusal(proof(3, R"("billed_usd":"-1","reason":"r")")).message(),
                HasSubstr("negative"));
    // A JSON number went through a double somewhere.
    EXPECT_THAT(refusal(proof(3, R"("billed_usd":0.1,"reason":"r")")).message(),
                HasSubstr("must be a string"));
    EXPECT_EQ(refusal(R"({"attempt":"3","billed_usd":"1","reason":"r"})").status, 400);
    EXPECT_EQ(attempt(3)["corrections"].size(), 0u);
}

constexpr const char* kCatalogue = R"({
  "gpt-6-luna": {"litellm_provider": "openai", "mode": "chat",
    "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-05,
    "cache_read_input_token_cost": 1e-07},
  "gpt-7": {"litellm_provider": "openai", "mode": "chat",
    "input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06}})";

TEST_F(AdminTest, PricesAreFoundAsACallWouldFindThem) {
    const Json found = get("/prices/find?model=claude-sonnet-5").body;
    ASSERT_EQ(found["rows"].size(), 1u) << found;
    const Json row = found["rows"][0];
    EXPECT_EQ(row["provider"], "anthropic");
    EXPECT_EQ(row["tiers"][0]["tier"], "standard");
    EXPECT_EQ(row["tiers"][0]["bands"][0]["usd_per_million"]["input"], "3");
    EXPECT_EQ(row["tiers"][0]["bands"][0]["usd_each"]["web_search"], "0.01");
    EXPECT_EQ(row["tiers"][0]["bands"][1]["above_input_tokens"], 200'000);
    EXPECT_EQ(row["tiers"][0]["bands"][1]["usd_per_million"]["output"], "22.5");
    EXPECT_EQ(get("/prices/find?model=nothing").status, 404);
    EXPECT_EQ(get("/prices?model=GPT-*").body["rows"].size(), 1u);
    EXPECT_EQ(get("/prices?limit=1").body["rows_total"], 2);
    EXPECT_EQ(get("/prices?limit=1&offset=1").body["rows"].size(), 1u);
}

TEST_F(AdminTest, ImportSaysWhatChangesAndADryRunChangesNothing) {
    const std::string before = book->hash();
    for (const std::string path : {"/prices/diff", "/prices/import?dry_run=true"}) {
        const Reply diff = post(path, kCatalogue);
        ASSERT_EQ(diff.status, 200) << diff.text;
        EXPECT_EQ(diff.body["imported"], false);
        EXPECT_EQ(diff.body["rows_added"], 1);
        EXPECT_EQ(diff.body["rows_changed"], 1);
        ASSERT_EQ(diff.body["changes"].size(), 1u);
        EXPECT_EQ(diff.body["changes"][0]["what"], "standard output");
        EXPECT_EQ(diff.body["changes"][0]["before"], "5");
        EXPECT_EQ(diff.body["changes"][0]["after"], "20");
        EXPECT_EQ(diff.body["changes"][0]["jump"], true);
        EXPECT_EQ(diff.body["jumps"], 1);
    }
    EXPECT_EQ(book->hash(), before);
    EXPECT_TRUE(imported.empty());
    const Reply done = post("/prices/import?name=litellm", kCatalogue);
    EXPECT_EQ(done.status, 201);
    EXPECT_EQ(imported.count("litellm"), 1u);
    const Json row = get("/prices/find?model=gpt-6-luna").body["rows"][0];
    EXPECT_EQ(row["origin"], "imported");
    EXPECT_EQ(row["tiers"][0]["bands"][0]["usd_per_million"]["output"], "20");
    const Json audit = get("/audit?limit=1").body["audit"][0];
    EXPECT_EQ(audit["action"], "prices.import");
    EXPECT_EQ(audit["subject"], "prices:litellm");
    EXPECT_EQ(audit["before"]["book"], before);
    EXPECT_EQ(audit["after"]["book"], book->hash());
}

TEST_F(AdminTest, LargeCatalogueKeepsTheNameItCameWith) {
    const std::string padded = std::string(1u << 20, ' ') + kCatalogue;
    EXPECT_EQ(post("/prices/import?name=from-a-large-file", padded).status, 201);
    EXPECT_EQ(imported.count("from-a-large-file"), 1u);
}

TEST_F(AdminTest, NegotiatedRatesStandBeforeAnImport) {
    std::vector<core::PriceRow> rows = store::parse_overlay(kPrices).value();
    book = core::PriceBook::build(std::move(rows)).value();  // this time as the overlay it is
    ASSERT_TRUE(publish());
    const Reply diff = post("/prices/diff", kCatalogue);
    EXPECT_EQ(diff.body["rows_overruled"], 1) << diff.text;
    EXPECT_EQ(diff.body["rows_changed"], 0);
}

TEST_F(AdminTest, WhatIsNoCatalogueIsNotImported) {
    EXPECT_EQ(post("/prices/import", "nonsense").code(), "config_invalid");
    EXPECT_EQ(post("/prices/import", R"({"a":1})").status, 400);
    EXPECT_EQ(post("/prices/import?name=../x", kCatalogue).code(), "invalid_parameter");
    EXPECT_EQ(post("/prices/import?name=.hidden", kCatalogue).code(), "invalid_parameter");
    EXPECT_TRUE(imported.empty());
}

}  // namespace
}  // namespace weir::admin
