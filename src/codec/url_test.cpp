#include "codec/url.h"

#include <gtest/gtest.h>

namespace weir::codec {
namespace {

TEST(PercentDecode, decodes_strictly) {
    EXPECT_EQ(percent_decode("team%3Dred%2fblue+x").value_or("?"), "team=red/blue+x");
    EXPECT_EQ(percent_decode("").value_or("?"), "");
    EXPECT_EQ(percent_decode("%C3%bc").value_or("?"), "\xc3\xbc");
    for (const char* text : {"%", "a%2", "%zz", "%2", "%+1", "%00", "%%41"})
        EXPECT_FALSE(percent_decode(text)) << text;
}

TEST(PercentEncode, is_undone_by_decoding) {
    for (unsigned c = 1; c < 256; ++c) {
        std::string text(1, static_cast<char>(c));
        std::string encoded;
        append_percent_encoded(encoded, text);
        EXPECT_EQ(percent_decode(encoded).value_or("?"), text);
    }
    std::string encoded;
    append_percent_encoded(encoded, "aZ9-._~ /");
    EXPECT_EQ(encoded, "aZ9-._~%20%2F");
}

TEST(SplitTarget, parts_at_the_first_question_mark) {
    TargetParts parts = split_target("/v1/models?a=?b");
    EXPECT_EQ(parts.path, "/v1/models");
    EXPECT_EQ(parts.query, "a=?b");
    EXPECT_TRUE(split_target("/x?").has_query);
    EXPECT_FALSE(split_target("/x").has_query);
}

TEST(QueryValue, finds_and_decodes_the_first) {
    EXPECT_EQ(query_value("a=1&team=red+one%26&team=2", "team").value_or("?"), "red one&");
    EXPECT_EQ(query_value("flag&x=1", "flag").value_or("?"), "");
    EXPECT_EQ(query_value("x=a=b", "x").value_or("?"), "a=b");
    ASSERT_FALSE(query_value("a=1&&", "b"));
    EXPECT_EQ(query_value("a=1", "b").error().code(), ErrorCode::not_found);
    EXPECT_EQ(query_value("b=%", "b").error().code(), ErrorCode::invalid_parameter);
}

TEST(BaseUrl, is_taken_apart) {
    auto url = parse_base_url("HTTPS://Api.OpenAI.test/v1/");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->scheme, "https");
    EXPECT_EQ(url->host, "api.openai.test");
    EXPECT_EQ(url->port, 443);
    EXPECT_EQ(url->path, "/v1");
    EXPECT_TRUE(url->tls());
    EXPECT_EQ(url->authority(), "api.openai.test");
}

TEST(BaseUrl, knows_ports_and_ipv6) {
    auto plain = parse_base_url("http://127.0.0.1:11434");
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->port, 11434);
    EXPECT_EQ(plain->path, "");
    EXPECT_EQ(plain->authority(), "127.0.0.1:11434");
    auto six = parse_base_url("http://[::1]:8080/v1");
    ASSERT_TRUE(six);
    EXPECT_EQ(six->host, "::1");
    EXPECT_TRUE(six->ipv6);
    EXPECT_EQ(six->authority(), "[::1]:8080");
    EXPECT_EQ(parse_base_url("http://[2001:DB8::1]/")->authority(), "[2001:db8::1]");
}

TEST(BaseUrl, refuses_what_it_could_misread) {
    for (const char* text : {"",
                             "api.test",
                             "//api.test",
                             "ftp://api.test",
                             "https://",
                             "https:///v1",
                             "https://a b",
                             "https://a\n",
                             "https://user:secret@a",
                             "https://a?x",
                             "https://a#x",
                             "https://a:0",
                             "https://a:65536",
                             "https://a:",
                             "https://a:8x",
                             "https://a:-1",
                             "https://[::1",
                             "https://[zz]",
                             "https://[::1]x",
                             "https://[127.0.0.1]",
                             "https://a:1:2",
                             "https://\xc3\xa4",
                             "https://-a",
                             "https://.a",
                             "https://a%41"}) {
        auto url = parse_base_url(text);
        ASSERT_FALSE(url) << text;
        EXPECT_EQ(url.error().code(), ErrorCode::config_invalid) << text;
    }
}

TEST(BaseUrl, does_not_repeat_a_password) {
    for (const char* text : {"https://user:secret@a", "ftp://user:secret@a", "u:secret@a"}) {
        auto url = parse_base_url(text);
        ASSERT_FALSE(url);
        EXPECT_EQ(url.error().message().find("secret"), std::string_view::npos);
    }
}

}  // namespace
}  // namespace weir::codec
