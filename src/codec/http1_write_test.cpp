#include <array>
#include <gtest/gtest.h>

#include "codec/http1.h"

namespace weir::codec {
namespace {

using namespace std::literals;

TEST(HttpWrite, a_written_head_is_read_back) {
    std::string text;
    append_request_line(text, "POST", "/v1/responses?x=1");
    append_field(text, "Host", "api.test");
    append_field(text, "Content-Length", std::uint64_t{18446744073709551615ULL});
    text += kCrlf;
    RequestHead head;
    std::size_t scanned = 0;
    auto r = parse_request_head(text, scanned, {}, head);
    ASSERT_TRUE(r);
    EXPECT_EQ(*r, text.size());
    EXPECT_EQ(head.method, "POST");
    EXPECT_EQ(head.target, "/v1/responses?x=1");
    EXPECT_EQ(head.content_length, 18446744073709551615ULL);
}

TEST(HttpWrite, status_lines_carry_the_reason) {
    std::string text;
    append_status_line(text, 429);
    append_status_line(text, 599);
    EXPECT_EQ(text, "HTTP/1.1 429 Too Many Requests\r\nHTTP/1.1 599 Unknown\r\n");
    EXPECT_EQ(reason_phrase(200), "OK");
    EXPECT_EQ(reason_phrase(0), "Unknown");
}

TEST(HttpWrite, a_value_cannot_smuggle_a_field_or_a_body) {
    std::string text;
    append_field(text, "x-note", "a\r\nSet-Cookie: b\0c"sv);
    EXPECT_EQ(text, "x-note: a  Set-Cookie: b c\r\n");
}

TEST(HttpWrite, chunk_headers_are_hexadecimal) {
    std::array<char, kChunkHeaderMax> room{};
    EXPECT_EQ((std::string_view{room.data(), append_chunk_header(room.data(), 500)}), "1f4\r\n");
    std::string_view most{room.data(), append_chunk_header(room.data(), ~std::uint64_t{0})};
    EXPECT_EQ(most, "ffffffffffffffff\r\n");
    EXPECT_LE(most.size(), kChunkHeaderMax);
}

TEST(HttpWords, hop_by_hop_fields_are_known_in_any_case) {
    for (const char* name : {"Connection", "KEEP-ALIVE", "te", "Trailer", "Transfer-Encoding",
                             "Upgrade", "Proxy-Authorization", "Proxy-Connection"})
        EXPECT_TRUE(is_hop_by_hop(name)) << name;
    for (const char* name : {"Content-Length", "Authorization", "x-connection", ""})
        EXPECT_FALSE(is_hop_by_hop(name)) << name;
}

TEST(HttpWords, tokens_and_safe_values) {
    EXPECT_TRUE(is_token("x-weir_key!#$%&'*+.^`|~9"));
    for (std::string_view text : {""sv, "a b"sv, "a:b"sv, "a\0"sv, "\xc3\xa9"sv, "a\""sv})
        EXPECT_FALSE(is_token(text)) << text;
    EXPECT_TRUE(header_value_is_safe("caf\xc3\xa9\ttab and blank"));
    EXPECT_TRUE(header_value_is_safe(""));
    for (std::size_t at = 0; at < 40; ++at) {
        for (char c : {'\r', '\n', '\0', '\x7f', '\x1f'}) {
            std::string text(40, 'a');
            text[at] = c;
            EXPECT_FALSE(header_value_is_safe(text)) << at;
        }
    }
}

TEST(HttpWords, case_is_folded_for_letters_only) {
    EXPECT_TRUE(equals_ignore_case("Content-TYPE", "content-type"));
    EXPECT_FALSE(equals_ignore_case("a@", "a`"));
    EXPECT_FALSE(equals_ignore_case("[", "{"));
    EXPECT_FALSE(equals_ignore_case("ab", "a"));
    EXPECT_FALSE(equals_ignore_case("\xc3\x84", "\xc3\xa4"));
}

}  // namespace
}  // namespace weir::codec
