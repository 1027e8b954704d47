#include "sim/provider/draft.h"

#include <gtest/gtest.h>

#include "sim/provider/text.h"

namespace weir::sim {
namespace {

Tool weather() {
    return {.name = "weather", .schema = Json::parse(R"({"type":"object","required":["city"],
                "properties":{"city":{"type":"string"},"days":{"type":"integer","minimum":1,
                "maximum":5}}})")};
}

TEST(Draft, TheSameSeedSaysTheSame) {
    Ask ask{.choices = 2, .tools = {weather()}};
    Settings settings;
    Draft a = make_draft(ask, {}, settings, 11);
    Draft b = make_draft(ask, {}, settings, 11);
    ASSERT_EQ(a.choices.size(), 2U);
    EXPECT_EQ(a.tokens, b.tokens);
    EXPECT_EQ(a.choices[1].parts.front().text, b.choices[1].parts.front().text);
    settings.seed = 2;
    Draft c = make_draft(ask, {}, settings, 11);
    EXPECT_NE(a.choices[0].parts.front().text, c.choices[0].parts.front().text);
}

TEST(Draft, NoChoiceIsLongerThanItMayBe) {
    Settings settings;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
        Ask ask{.max_output = 1 + std::int64_t(seed % 40), .choices = 2, .tools = {weather()}};
        ask.reasons = seed % 2 == 0;
        Draft draft = make_draft(ask, {}, settings, seed);
        std::int64_t sum = 0;
        for (const Choice& choice : draft.choices) {
            EXPECT_LE(choice.tokens, *ask.max_output) << seed;
            std::int64_t parts = 0;
            for (const Part& part : choice.parts) parts += part.tokens;
            EXPECT_EQ(parts, choice.tokens) << seed;
            EXPECT_LE(choice.reasoning, choice.tokens) << seed;
            sum += choice.tokens;
        }
        EXPECT_EQ(sum, draft.tokens) << seed;
    }
}

TEST(Draft, GreedyUsesAllItMayAndIgnoringGoesBeyond) {
    Settings settings;
    Ask ask{.max_output = 77};
    EXPECT_EQ(make_draft(ask, {.greedy = true}, settings, 1).tokens, 77);
    EXPECT_EQ(make_draft(ask, {.ignore_max = 0}, settings, 1).tokens, 154);
    EXPECT_EQ(make_draft(ask, {.ignore_max = 9000}, settings, 1).tokens, 9000);
    EXPECT_EQ(make_draft({}, {.greedy = true}, settings, 1).tokens, settings.output_most);
    Draft nothing = make_draft({.max_output = 0}, {}, settings, 1);
    EXPECT_EQ(nothing.tokens, 0);
    EXPECT_EQ(nothing.choices.front().stop, Stop::length);
}

TEST(Draft, ToolsAreCalledWithArgumentsOfTheirSchemaAndLoopsEnd) {
    Settings settings;
    Ask ask{.tools = {weather()}, .tool_choice = ToolChoice::required};
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        Draft draft = make_draft(ask, {}, settings, seed);
        const Choice& choice = draft.choices.front();
        ASSERT_EQ(choice.stop, Stop::tools);
        Json arguments = Json::parse(choice.parts.front().text);
        EXPECT_TRUE(arguments["city"].is_string());
        if (arguments.contains("days")) {
            EXPECT_GE(arguments["days"], 1);
            EXPECT_LE(arguments["days"], 5);
        }
    }
    settings.tool_chance = 1;
    ask.tool_choice = ToolChoice::automatic;
    EXPECT_EQ(make_draft(ask, {}, settings, 1).choices.front().stop, Stop::tools);
    ask.tool_rounds = settings.tool_rounds_most;
    EXPECT_NE(make_draft(ask, {}, settings, 1).choices.front().stop, Stop::tools);
    ask.tool_rounds = 0;
    ask.tool_choice = ToolChoice::none;
    EXPECT_NE(make_draft(ask, {}, settings, 1).choices.front().stop, Stop::tools);
}

TEST(Draft, StructuredAnswersHaveTheirSchemasForm) {
    Json schema = Json::parse(R"({"$defs":{"Tag":{"enum":["a","b"]}},"type":"object",
        "required":["name","tags","kind","maybe"],"properties":{"name":{"type":"string"},
        "tags":{"type":"array","items":{"$ref":"#/$defs/Tag"},"minItems":2},
        "kind":{"const":"k"},"maybe":{"anyOf":[{"type":"null"},{"type":"number"}]}}})");
    Ask ask;
    ask.schema = &schema;
    Draft draft = make_draft(ask, {}, {}, 4);
    Json value = Json::parse(draft.choices.front().parts.front().text);
    EXPECT_TRUE(value["name"].is_string());
    ASSERT_EQ(value["tags"].size(), 2U);
    EXPECT_TRUE(value["tags"][0] == "a" || value["tags"][0] == "b");
    EXPECT_EQ(value["kind"], "k");
    EXPECT_TRUE(value["maybe"].is_null());
}

TEST(Draft, ASchemaThatHoldsItselfEnds) {
    Json schema = Json::parse(R"({"type":"object","required":["next"],
        "properties":{"next":{"$ref":"#"},"more":{"$ref":"#/properties/more"}}})");
    SeededRng rng{1};
    EXPECT_TRUE(sample(schema, rng).is_object());
}

}  // namespace
}  // namespace weir::sim
