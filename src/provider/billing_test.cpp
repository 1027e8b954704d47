#include <gtest/gtest.h>

#include "provider/provider.h"

namespace weir::provider {
namespace {

using core::Vendor;

constexpr const char* kRate = R"({"error":{"message":"m","type":"rate_limit_error","code":null}})";
constexpr const char* kFilter =
    R"({"error":{"message":"m","type":null,"param":"prompt","code":"content_filter",
    "innererror":{"code":"ResponsibleAIPolicyViolation"}}})";

TEST(BillingOfErrors, RefusalsBeforeWorkAreUnbilled) {
    for (const int status : {400, 401, 402, 403, 404, 405, 413, 415, 422, 429}) {
        for (const auto vendor : {Vendor::openai, Vendor::anthropic, Vendor::openai_compatible}) {
            EXPECT_EQ(billing_of_error(vendor, status, kRate), Billing::unbilled) << status;
            EXPECT_EQ(billing_of_error(vendor, status, ""), Billing::unbilled) << status;
            EXPECT_EQ(billing_of_error(vendor, status, "<html>"), Billing::unbilled) << status;
        }
    }
}

TEST(BillingOfErrors, AContentFilterMayHaveActedOnWhatWasGenerated) {
    for (const int status : {400, 422, 429, 500}) {
        EXPECT_EQ(billing_of_error(Vendor::openai, status, kFilter), Billing::unknown) << status;
    }
    EXPECT_EQ(billing_of_error(Vendor::openai, 400,
                               R"({"error":{"code":"400","message":"m",
                               "innererror":{"code":"ResponsibleAIPolicyViolation"}}})"),
              Billing::unknown);
}

TEST(BillingOfErrors, AnErrorThatShowsAGenerationIsNotUnbilled) {
    EXPECT_EQ(billing_of_error(Vendor::openai_compatible, 400,
                               R"({"error":{"message":"m","type":"invalid_request_error",
                               "code":"tool_use_failed","failed_generation":"<function"}})"),
              Billing::unknown);
    EXPECT_EQ(billing_of_error(Vendor::openai_compatible, 400,
                               R"({"error":{"message":"m","failed_generation":"{"}})"),
              Billing::unknown);
}

TEST(BillingOfErrors, ServerErrorsAndTimeoutsAreUnknown) {
    for (const int status : {0, 200, 302, 408, 409, 418, 424, 499, 500, 502, 503, 504, 520, 529}) {
        EXPECT_EQ(billing_of_error(Vendor::openai, status, ""), Billing::unknown) << status;
        EXPECT_EQ(
            billing_of_error(Vendor::anthropic, status,
                             R"({"type":"error","error":{"type":"api_error","message":"m"}})"),
            Billing::unknown)
            << status;
    }
}

TEST(BillingOfErrors, ARefusalForLoadIsUnbilled) {
    constexpr const char* kOverloaded =
        R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})";
    EXPECT_EQ(billing_of_error(Vendor::anthropic, 529, kOverloaded), Billing::unbilled);
    EXPECT_EQ(billing_of_error(Vendor::anthropic, 503, kOverloaded), Billing::unbilled);
    EXPECT_EQ(billing_of_error(Vendor::anthropic, 500, kOverloaded), Billing::unknown);
}

TEST(BillingOfErrors, ErrorsWrappedInAnArrayAreRead) {
    EXPECT_EQ(billing_of_error(Vendor::openai_compatible, 400,
                               R"([{"error":{"code":"content_filter","message":"m"}}])"),
              Billing::unknown);
}

}  // namespace
}  // namespace weir::provider
