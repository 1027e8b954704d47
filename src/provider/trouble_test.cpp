#include "provider/trouble.h"

#include <gtest/gtest.h>

namespace weir::provider {
namespace {

using core::Trouble;
using std::chrono::milliseconds;
using std::chrono::seconds;

codec::ResponseHead head_of(std::vector<codec::HeaderField> fields) {
    codec::ResponseHead head;
    head.fields = std::move(fields);
    return head;
}

// wire.md §3.5
TEST(Trouble, IsToldByStatusAndWhereThatIsNotEnoughByTheBody) {
    EXPECT_EQ(trouble_of_answer(200, "{}"), Trouble::none);
    EXPECT_EQ(trouble_of_answer(404, "{}"), Trouble::none);
    EXPECT_EQ(trouble_of_answer(422, "{}"), Trouble::none);
    EXPECT_EQ(trouble_of_answer(401, "{}"), Trouble::unauthorized);
    EXPECT_EQ(trouble_of_answer(429, "{}"), Trouble::rate_limited);
    EXPECT_EQ(trouble_of_answer(500, "<html>"), Trouble::server_error);
    EXPECT_EQ(trouble_of_answer(529, "{}"), Trouble::overloaded);
    EXPECT_EQ(
        trouble_of_answer(400, R"({"error":{"code":"context_length_exceeded","message":"..."}})"),
        Trouble::too_long);
    EXPECT_EQ(trouble_of_answer(400, R"({"type":"error","error":{"type":"invalid_request_error",)"
                                     R"("message":"prompt is too long: 210000 tokens > 200000"}})"),
              Trouble::too_long);
    EXPECT_EQ(trouble_of_answer(400, R"({"error":{"code":"content_filter","innererror":)"
                                     R"({"code":"ResponsibleAIPolicyViolation"}}})"),
              Trouble::filtered);
    EXPECT_EQ(trouble_of_answer(400, R"({"error":{"type":"invalid_request_error"}})"),
              Trouble::none);
}

TEST(Trouble, OfAStreamsErrorIsToldByItsName) {
    EXPECT_EQ(trouble_of_event(R"({"type":"error","error":{"type":"overloaded_error"}})"),
              Trouble::overloaded);
    EXPECT_EQ(trouble_of_event(R"({"error":{"code":"rate_limit_exceeded"}})"),
              Trouble::rate_limited);
    EXPECT_EQ(trouble_of_event(R"({"error":{"type":"server_error"}})"), Trouble::server_error);
    EXPECT_EQ(trouble_of_event(R"({"error":{"type":"invalid_request_error"}})"), Trouble::none);
    EXPECT_EQ(trouble_of_event("not json"), Trouble::server_error);
}

TEST(RetryAfter, IsReadInEachOfItsForms) {
    const UnixTime now = UnixTime::from_seconds(784'111'777);  // 06 Nov 1994 08:49:37
    EXPECT_EQ(retry_after(head_of({{"retry-after-ms", "1500"}, {"retry-after", "9"}}), now),
              milliseconds{1500});
    EXPECT_EQ(retry_after(head_of({{"Retry-After", "9"}}), now), seconds{9});
    EXPECT_EQ(retry_after(head_of({{"retry-after", "Sun, 06 Nov 1994 08:49:47 GMT"}}), now),
              seconds{10});
    for (const char* text : {"", "-1", "soon", "1e9", "Sun, 06 Nov 1994 08:49:27 GMT"}) {
        EXPECT_FALSE(retry_after(head_of({{"retry-after", text}}), now)) << text;
    }
}

TEST(Quota, IsReadAsEitherVendorSaysIt) {
    const auto openai = quota(head_of({{"x-ratelimit-remaining-requests", "9"},
                                       {"x-ratelimit-limit-requests", "10"},
                                       {"x-ratelimit-remaining-tokens", "800"},
                                       {"x-ratelimit-reset-tokens", "6m0s"}}));
    EXPECT_EQ(openai.requests_left, 9);
    EXPECT_EQ(openai.requests_limit, 10);
    EXPECT_EQ(openai.tokens_left, 800);
    EXPECT_EQ(openai.tokens_limit, -1);
    const auto anthropic = quota(head_of({{"Anthropic-RateLimit-Requests-Remaining", "3"},
                                          {"anthropic-ratelimit-tokens-limit", "40000"}}));
    EXPECT_EQ(anthropic.requests_left, 3);
    EXPECT_EQ(anthropic.tokens_limit, 40'000);
    EXPECT_FALSE(quota(head_of({{"content-type", "application/json"}})).said());
}

}  // namespace
}  // namespace weir::provider
