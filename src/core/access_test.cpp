#include "core/access.h"

#include <gtest/gtest.h>

#include "core/policy.h"

namespace weir::core {
namespace {

class Access : public ::testing::Test {
 protected:
    Access() {
        policy_.teams["interns"] = {.name = "interns", .attributes = {{"group", "guests"}}};
        who_.offer(Dimension::team, "interns", Source::key);
    }
    bool allows(const AccessRule& rule, std::string_view model = "gpt-6-luna") {
        policy_.access = {rule};
        learn(policy_.access[0].where, policy_.teams);
        AccessRequest request = request_;
        request.policy = &policy_;
        request.key = &key_;
        request.attribution = &who_;
        request.asked_model = model;
        return check_access(request, observed_).has_value();
    }

    Policy policy_;
    KeyRecord key_;
    Attribution who_;
    AccessRequest request_{.provider = "openai", .model = "gpt-6-luna-2026"};
    std::vector<std::string> observed_;
};

Condition by(Dimension d, std::vector<std::string> values) { return {d, std::move(values)}; }
Condition by(std::string_view attribute, std::vector<std::string> values) {
    return {*Facet::named(attribute), std::move(values)};
}

TEST_F(Access, ARuleAllowsWhatItNamesAndNothingElse) {
    EXPECT_TRUE(allows({.name = "r", .models = {"gpt-6-*"}}));
    EXPECT_TRUE(allows({.name = "r", .models = {"gpt-6-luna-2026"}})) << "by the provider's name";
    EXPECT_FALSE(allows({.name = "r", .models = {"claude-*"}}));
    EXPECT_TRUE(allows({.name = "r", .providers = {"openai"}}));
    EXPECT_FALSE(allows({.name = "r", .providers = {"anthropic"}}));
    EXPECT_TRUE(allows({.name = "r", .endpoints = {"chat_completions"}}));
    EXPECT_FALSE(allows({.name = "r", .endpoints = {"embeddings"}}));
    EXPECT_FALSE(allows({.name = "r", .models = {"gpt-6-*"}, .endpoints = {"embeddings"}}));
}

TEST_F(Access, ARuleIsOfThoseWhomItNames) {
    const std::vector<std::string> none = {"none"};
    EXPECT_FALSE(allows({.name = "r", .where = {by(Dimension::team, {"int*"})}, .models = none}));
    EXPECT_TRUE(allows({.name = "r", .where = {by(Dimension::team, {"support"})}, .models = none}));
    EXPECT_FALSE(allows({.name = "r", .where = {by("group", {"guests"})}, .models = none}));
    EXPECT_TRUE(allows({.name = "r", .where = {by("group", {"staff"})}, .models = none}));
    EXPECT_TRUE(allows({.name = "r", .where = {by("owner", {"*"})}, .models = none}))
        << "no glob matches what is missing";
    EXPECT_FALSE(allows({.name = "r", .where = {by("owner", {"(none)"})}, .models = none}));
    EXPECT_TRUE(allows({.name = "r",
                        .where = {by("group", {"guests"}), by(Dimension::team, {"support"})},
                        .models = none}))
        << "all conditions must hold";
}

TEST_F(Access, WhatACallerSaysOfItselfIsNotAsked) {
    who_.offer(Dimension::application, "trusted-app", Source::header);
    const std::vector<std::string> none = {"none"};
    EXPECT_FALSE(
        allows({.name = "r", .where = {by(Dimension::application, {"(none)"})}, .models = none}))
        << "its application is not known, whatever it says";
    EXPECT_TRUE(allows(
        {.name = "r", .where = {by(Dimension::application, {"trusted-app"})}, .models = none}));
}

TEST_F(Access, EachOfSeveralRulesMustAllowTheCall) {
    policy_.access = {{.name = "a", .models = {"gpt-*"}}, {.name = "b", .models = {"*-mini"}}};
    AccessRequest request = request_;
    request.policy = &policy_;
    request.key = &key_;
    request.attribution = &who_;
    request.asked_model = "gpt-6-luna";
    const auto refused = check_access(request, observed_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::model_not_allowed);
    EXPECT_TRUE(refused.error().message().contains("Access rule b"));
}

TEST_F(Access, AnObservedRuleRefusesNothingAndIsNamed) {
    EXPECT_TRUE(allows({.name = "r", .models = {"claude-*"}, .observe = true}));
    EXPECT_EQ(observed_, std::vector<std::string>{"r"});
    request_.observe = true;
    EXPECT_TRUE(allows({.name = "s", .models = {"claude-*"}}));
    EXPECT_EQ(observed_, (std::vector<std::string>{"r", "s"}));
    key_.models = {"claude-*"};
    EXPECT_FALSE(allows({.name = "s", .models = {"claude-*"}})) << "a key's own list stays";
}

TEST_F(Access, WhereNoTargetIsKnownOnlyWhatWasAskedIsJudged) {
    request_.provider = request_.model = {};
    EXPECT_TRUE(allows({.name = "r", .providers = {"anthropic"}}));
    EXPECT_FALSE(allows({.name = "r", .models = {"gpt-6-luna-2026"}}));
}

TEST_F(Access, TheListOfModelsNamesNone) {
    request_.endpoint = Endpoint::models;
    EXPECT_TRUE(allows({.name = "r", .models = {"claude-*"}}, ""));
    EXPECT_FALSE(allows({.name = "r", .endpoints = {"messages"}}, ""));
}

}  // namespace
}  // namespace weir::core
