#include "runtime/hmac.h"

#include <gtest/gtest.h>

namespace weir::runtime {
namespace {

// RFC 4231 §4.3.
TEST(Hmac, IsThatOfTheStandardsTestCase) {
    const auto digest = hmac_sha256("Jefe", "what do ya want for nothing?");
    const std::string_view bytes{reinterpret_cast<const char*>(digest.data()), digest.size()};
    EXPECT_EQ(base64(bytes), "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
}

// The example of the Standard Webhooks specification.
TEST(Hmac, SignsAWebhookAsTheSpecificationSays) {
    const auto digest =
        hmac_sha256(from_base64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").value(),
                    R"(msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314})");
    const std::string_view bytes{reinterpret_cast<const char*>(digest.data()), digest.size()};
    EXPECT_EQ(base64(bytes), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

// RFC 4648 §10.
TEST(Base64, IsThatOfTheStandardsTestVectors) {
    const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                     {"f", "Zg=="},
                                                                     {"fo", "Zm8="},
                                                                     {"foo", "Zm9v"},
                                                                     {"foob", "Zm9vYg=="},
                                                                     {"fooba", "Zm9vYmE="},
                                                                     {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, text] : vectors) {
        EXPECT_EQ(base64(plain), text);
        EXPECT_EQ(from_base64(text), plain);
    }
    EXPECT_FALSE(from_base64("Zm9"));
    EXPECT_FALSE(from_base64("Zm9*"));
}

}  // namespace
}  // namespace weir::runtime
