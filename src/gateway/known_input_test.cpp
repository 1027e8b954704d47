// Bounds that are tight enough to work under: what the provider counted of a conversation before,
// and what it counts when asked (product.md §3.6).
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "gateway/road_fixture.h"

namespace weir::gateway {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

constexpr std::int64_t kInputPico = 3'000'000;  // claude-sim, dearest class that is reached
constexpr std::int64_t kOutputPico = 15'000'000;

class KnownInput : public RoadTest {
 protected:
    // A conversation of so many messages, each of so many bytes of text.
    static std::string body(int messages, std::size_t text = 3'000, bool marks = false) {
        Json list = Json::array();
        for (int i = 0; i < messages; ++i) {
            Json part{{"type", "text"}, {"text", std::string(text, static_cast<char>('a' + i))}};
            if (marks && i + 1 == messages) part["cache_control"] = {{"type", "ephemeral"}};
            list.push_back({{"role", i % 2 == 0 ? "user" : "assistant"},
                            {"content", Json::array({std::move(part)})}});
        }
        return Json{{"model", "claude-sim"}, {"max_tokens", 2'000}, {"messages", list}}.dump();
    }
    // Bytes that `to` has more than `from`, less the commas between messages.
    static std::int64_t added(int from, int to) {
        return static_cast<std::int64_t>(body(to).size() - body(from).size()) - (to - from);
    }
    void answers(std::int64_t input, std::int64_t counted = 0) {
        provider = [input, counted](const world::Received& r) {
            if (r.target.contains("count_tokens")) {
                if (counted == 0) return world::answer(404, "application/json", "{}");
                return world::answer(200, "application/json",
                                     R"({"input_tokens":)" + std::to_string(counted) + "}");
            }
            return world::answer(
                200, "application/json",
                world::messages_answer({.model = "claude-sim", .input = input, .output = 20}));
        };
    }
    void budget(Int128 pico) { company.policy.budgets = {team_budget(1, "support", pico)}; }
    world::Answer ask(const std::string& text) { return call(messages_request(text)); }
    std::vector<ledger::AdmitRecord> admitted() { return records<ledger::AdmitRecord>(); }
};

TEST_F(KnownInput, ALaterCallIsBoundedByTheProvidersOwnFigure) {
    answers(1'500);
    budget(Int128{1} << 60);
    ASSERT_EQ(ask(body(1)).status, 200);
    ASSERT_EQ(ask(body(3)).status, 200);
    auto all = admitted();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(Int128{all[0].input_bound}, input_bound(body(1)));
    EXPECT_EQ(all[1].input_bound, 1'500 + added(1, 3) + 8);
    EXPECT_THAT(ends().at(1).outcome.notes,
                testing::Contains("input bounded by what an earlier call was billed"));
}

TEST_F(KnownInput, MovedCacheMarksDoNotHideTheConversation) {
    answers(1'500);
    budget(Int128{1} << 60);
    ASSERT_EQ(ask(body(1, 3'000, true)).status, 200);
    ASSERT_EQ(ask(body(3, 3'000, true)).status, 200);
    EXPECT_LT(admitted().at(1).input_bound, 1'500 + added(1, 3) + 100);
}

TEST_F(KnownInput, OfAnotherTeamNothingIsKnown) {
    answers(1'500);
    budget(Int128{1} << 60);
    ASSERT_EQ(ask(body(1)).status, 200);
    ASSERT_EQ(call(world::request(
                       "POST", "/v1/messages",
                       {{"x-api-key", company.research_key}, {"anthropic-version", "2023-06-01"}},
                       body(1)))
                  .status,
              200);
    EXPECT_EQ(Int128{admitted().at(1).input_bound}, input_bound(body(1)));
}

TEST_F(KnownInput, AnotherSystemPromptIsAnotherConversation) {
    answers(1'500);
    budget(Int128{1} << 60);
    ASSERT_EQ(ask(body(1)).status, 200);
    auto other = Json::parse(body(1));
    other["system"] = "Be brief.";
    ASSERT_EQ(ask(other.dump()).status, 200);
    EXPECT_GT(admitted().at(1).input_bound, 3'000);
}

TEST_F(KnownInput, AnAnswerWithoutItsUsageTeachesNothing) {
    provider = [](const world::Received&) {
        return world::answer(200, "application/json", R"({"type":"message","content":[]})");
    };
    budget(Int128{1} << 60);
    (void)ask(body(1));
    (void)ask(body(1));
    EXPECT_EQ(Int128{admitted().at(1).input_bound}, input_bound(body(1)));
}

TEST_F(KnownInput, IsCountedByTheProviderBeforeACallIsRefusedForItsSize) {
    // By its bytes the call costs three times the budget.
    answers(3'000, 3'000);
    budget(Int128{4'000} * kInputPico + Int128{2'000} * kOutputPico);
    auto answer = ask(body(3, 6'000));
    EXPECT_EQ(answer.status, 200) << answer.body;
    ASSERT_EQ(seen.size(), 2u);
    EXPECT_EQ(seen[0].target, "/v1/messages/count_tokens");
    auto asked = Json::parse(seen[0].body);
    EXPECT_FALSE(asked.contains("max_tokens")) << "counters refuse it";
    EXPECT_EQ(asked.at("messages"), Json::parse(body(3, 6'000)).at("messages"));
    EXPECT_EQ(Json::parse(seen[1].body).at("max_tokens"), 2'000) << "not shortened either";
    EXPECT_EQ(admitted().at(0).input_bound, 3'000 + 60 + 1 + 8) << "with a margin";
    EXPECT_THAT(only_end().outcome.notes,
                testing::Contains("input counted by the provider beforehand"));
}

TEST_F(KnownInput, IsNotCountedWhereTheBytesFit) {
    answers(3'000, 3'000);
    budget(Int128{1} << 60);
    ASSERT_EQ(ask(body(3, 6'000)).status, 200);
    EXPECT_EQ(seen.size(), 1u);
}

TEST_F(KnownInput, IsNotCountedWhereNothingWouldFit) {
    answers(3'000, 3'000);
    budget(Int128{1'000} * kInputPico);
    EXPECT_EQ(ask(body(3, 6'000)).status, 400);
    EXPECT_TRUE(seen.empty()) << "a refused caller makes no traffic";
}

TEST_F(KnownInput, AProviderThatCannotCountIsNotAskedAgainAtOnce) {
    answers(3'000);
    budget(Int128{4'000} * kInputPico + Int128{2'000} * kOutputPico);
    EXPECT_EQ(ask(body(3, 6'000)).status, 400);
    EXPECT_EQ(ask(body(3, 6'000)).status, 400);
    EXPECT_EQ(seen.size(), 1u);
    machine.scheduler.run_for(std::chrono::seconds{61});
    EXPECT_EQ(ask(body(3, 6'000)).status, 400);
    EXPECT_EQ(seen.size(), 2u);
}

TEST_F(KnownInput, ASilentCounterDelaysTheRefusalByItsPatienceAlone) {
    provider = [](const world::Received&) {
        world::Reply reply;
        reply.end = world::Reply::End::hang;
        return reply;
    };
    budget(Int128{4'000} * kInputPico + Int128{2'000} * kOutputPico);
    if (!weir) start();
    const MonoTime before = machine.scheduler.now();
    auto answer = ask(body(3, 6'000));
    EXPECT_EQ(answer.status, 400);
    EXPECT_THAT(answer.body, HasSubstr("call_exceeds_budget"));
    EXPECT_LE(machine.scheduler.now() - before, std::chrono::seconds{6});
}

// Of OpenAI's chat no endpoint counts, but of some models the vocabulary is published.
class KnownVocabulary : public KnownInput {
 protected:
    KnownVocabulary() {
        auto rows = company.policy.prices->rows();
        core::PriceRow row =
            *std::ranges::find(rows, std::string{"sim-small"}, &core::PriceRow::model);
        for (const char* model : {"gpt-4o-sim", "gpt-9-sim"}) {
            row.model = row.match.text = model;
            row.id = row.provider + "/" + row.model + "@";
            rows.push_back(row);
        }
        company.policy.prices = core::PriceBook::build(std::move(rows)).value();
        provider = [](const world::Received&) {
            return world::answer(200, "application/json",
                                 world::chat_answer({.input = 2'000, .output = 20}));
        };
    }
    static constexpr int kWords = 1'500;
    static constexpr Int128 kInput = 1'000'000;  // of sim-small
    static constexpr Int128 kOutput = 5'000'000;
    static std::string talk(int messages, const std::string& model = "gpt-4o-sim") {
        std::string words;
        for (int i = 0; i < kWords; ++i) words += " nothing";
        Json list = Json::array();
        for (int i = 0; i < messages; ++i) {
            list.push_back({{"role", i % 2 == 0 ? "user" : "assistant"}, {"content", words}});
        }
        return Json{{"model", model}, {"max_tokens", 100}, {"messages", list}}.dump();
    }
};

TEST_F(KnownVocabulary, AChatCallIsCountedByItBeforeItIsRefusedForItsSize) {
    budget(4'000 * kInput + 100 * kOutput);
    auto answer = chat(talk(2));  // 24,000 bytes, and a word is a token
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(seen.size(), 1u) << "nobody was asked";
    const std::int64_t bound = admitted().at(0).input_bound;
    EXPECT_GE(bound, 2 * kWords);
    EXPECT_LE(bound, 2 * kWords + 300);
    EXPECT_THAT(only_end().outcome.notes,
                testing::Contains("input counted by the model's vocabulary"));
}

TEST_F(KnownVocabulary, OfALongerConversationOnlyWhatIsNewIsCounted) {
    budget(13'000 * kInput + 100 * kOutput);
    ASSERT_EQ(chat(talk(1)).status, 200) << "fits by its bytes";
    ASSERT_EQ(chat(talk(3)).status, 200);
    const std::int64_t bound = admitted().at(1).input_bound;
    EXPECT_GE(bound, 2'000 + 2 * kWords);
    EXPECT_LE(bound, 2'000 + 2 * kWords + 300);
}

TEST_F(KnownVocabulary, OfAModelWhoseVocabularyIsNotPublishedTheBytesCount) {
    budget(4'000 * kInput + 100 * kOutput);
    EXPECT_EQ(chat(talk(2, "gpt-9-sim")).status, 400);
    EXPECT_TRUE(seen.empty());
}

}  // namespace
}  // namespace weir::gateway
