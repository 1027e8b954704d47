#include <gtest/gtest.h>

#include "codec/http1.h"

namespace weir::codec {
namespace {

using namespace std::literals;

struct Parsed {
    std::string text;
    RequestHead head;
    Result<std::optional<std::size_t>> result{std::nullopt};

    explicit Parsed(std::string t, HeadLimits limits = {}) : text(std::move(t)) {
        std::size_t scanned = 0;
        result = parse_request_head(text, scanned, limits, head);
    }
    bool whole() const { return result && *result == text.size(); }
    bool fails_with(ErrorCode code) const { return !result && result.error().code() == code; }
};

std::string with(std::string_view fields) {
    return "POST /v1/messages HTTP/1.1\r\nHost: weir\r\n" + std::string{fields} + "\r\n";
}

TEST(HttpRequestHead, a_typical_call_is_read) {
    Parsed p(
        "POST /v1/chat/completions?beta=true HTTP/1.1\r\n"
        "Host: gateway.example:8080\r\nAuthorization: Bearer wk_1\r\n"
        "content-type:application/json\r\nX-Empty:\r\nX-Blank: \t \r\nx-note: caf\xc3\xa9 a\tb "
        "\t\r\n"
        "CONTENT-LENGTH: 42\r\n\r\n");
    ASSERT_TRUE(p.whole());
    EXPECT_EQ(p.head.method, "POST");
    EXPECT_EQ(p.head.target, "/v1/chat/completions?beta=true");
    EXPECT_EQ(p.head.origin, p.head.target);
    EXPECT_EQ(p.head.host, "gateway.example:8080");
    EXPECT_EQ(p.head.minor, 1);
    EXPECT_EQ(p.head.framing, Framing::length);
    EXPECT_EQ(p.head.content_length, 42U);
    EXPECT_TRUE(p.head.keep_alive);
    EXPECT_EQ(p.head.fields.size(), 7U);
    EXPECT_EQ(p.head.find("authorization"), "Bearer wk_1");
    EXPECT_EQ(p.head.find("Content-Type"), "application/json");
    EXPECT_EQ(p.head.find("x-note"), "caf\xc3\xa9 a\tb");
    EXPECT_EQ(p.head.find("x-blank"), "");
    EXPECT_NE(p.head.find("x-empty").data(), nullptr);
    EXPECT_EQ(p.head.find("x-absent").data(), nullptr);
    EXPECT_EQ(p.head.count("host"), 1U);
}

TEST(HttpRequestHead, what_follows_the_head_is_left_alone) {
    std::string head = with("Content-Length: 4\r\n");
    Parsed p(head + "\nGET");
    ASSERT_TRUE(p.result && p.result->has_value());
    EXPECT_EQ(**p.result, head.size());
}

TEST(HttpRequestHead, arriving_byte_by_byte_gives_the_same_head) {
    std::string text = "\r\n" + with("Content-Length: 7\r\nConnection: close\r\nA: b\r\n");
    RequestHead head;
    std::size_t scanned = 0;
    for (std::size_t n = 0; n < text.size(); ++n) {
        auto r = parse_request_head(std::string_view{text}.substr(0, n), scanned, {}, head);
        ASSERT_TRUE(r) << n;
        ASSERT_FALSE(r->has_value()) << n;
    }
    auto r = parse_request_head(text, scanned, {}, head);
    ASSERT_TRUE(r);
    EXPECT_EQ(*r, text.size());
    EXPECT_EQ(head.content_length, 7U);
    EXPECT_FALSE(head.keep_alive);
    EXPECT_EQ(head.find("a"), "b");
}

TEST(HttpRequestHead, a_bare_lf_in_pieces_is_refused_at_once) {
    std::string text = "GET / HTTP/1.1\nHost: a\r\n\r\n";
    RequestHead head;
    std::size_t scanned = 0;
    ASSERT_TRUE(parse_request_head(std::string_view{text}.substr(0, 5), scanned, {}, head));
    EXPECT_FALSE(parse_request_head(std::string_view{text}.substr(0, 15), scanned, {}, head));
}

TEST(HttpRequestHead, one_empty_line_before_a_request_is_tolerated_and_no_more) {
    EXPECT_TRUE(Parsed("\r\n" + with("")).whole());
    EXPECT_TRUE(Parsed("\r\n\r\n" + with("")).fails_with(ErrorCode::malformed_http));
    EXPECT_TRUE(Parsed("\n" + with("")).fails_with(ErrorCode::malformed_http));
}

TEST(HttpRequestHead, a_second_request_does_not_inherit_the_first) {
    RequestHead head;
    std::size_t scanned = 0;
    std::string first =
        "POST http://other/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n"
        "Expect: 100-continue\r\n\r\n";
    ASSERT_TRUE(parse_request_head(first, scanned, {}, head));
    EXPECT_EQ(head.host, "other");
    scanned = 0;
    std::string second = "GET / HTTP/1.1\r\nHost: b\r\n\r\n";
    ASSERT_TRUE(parse_request_head(second, scanned, {}, head));
    EXPECT_EQ(head.host, "b");
    EXPECT_EQ(head.framing, Framing::none);
    EXPECT_EQ(head.content_length, 0U);
    EXPECT_EQ(head.fields.size(), 1U);
    EXPECT_TRUE(head.keep_alive);
    EXPECT_FALSE(head.expect_continue);
}

TEST(HttpRequestHead, anything_that_two_parsers_could_read_differently_is_refused) {
    const std::string_view cases[] = {
        // line ends
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        // folded lines and blanks around names
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
        // names and values
        "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX(y): b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX\xc3\xa9: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n"sv,
        "GET / HTTP/1.1\r\nHost: a\r\nX: a value long enough for the wide scan \x01\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a value long enough for the wide scan \x7f\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX\0: a\r\n\r\n"sv,
        // content-length
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5.0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n",
        // transfer-encoding
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\x0b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
        "chunked\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        // host
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n",
        // request line
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET /\r\n\r\n",
        "GET HTTP/1.1\r\nHost: a\r\n\r\n",
        "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET / http/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET relative HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n",
        "\x16\x03\x01\x02\r\n\r\n",
    };
    for (std::string_view text : cases) {
        Parsed p{std::string{text}};
        EXPECT_TRUE(p.fails_with(ErrorCode::malformed_http)) << text;
    }
}

TEST(HttpRequestHead, framing_follows_the_fields) {
    EXPECT_EQ(Parsed(with("")).head.framing, Framing::none);
    EXPECT_EQ(Parsed(with("Transfer-Encoding: Chunked\r\n")).head.framing, Framing::chunked);
    Parsed zero(with("Content-Length: 0\r\n"));
    EXPECT_EQ(zero.head.framing, Framing::length);
    EXPECT_EQ(zero.head.content_length, 0U);
    Parsed most(with("Content-Length: 18446744073709551615\r\n"));
    EXPECT_TRUE(most.whole());
    EXPECT_EQ(most.head.content_length, ~std::uint64_t{0});
}

TEST(HttpRequestHead, connections_are_kept_as_version_and_fields_say) {
    EXPECT_TRUE(Parsed(with("")).head.keep_alive);
    EXPECT_FALSE(Parsed(with("Connection: x, CLOSE\r\n")).head.keep_alive);
    EXPECT_FALSE(Parsed("GET / HTTP/1.0\r\n\r\n").head.keep_alive);
    EXPECT_TRUE(Parsed("GET / HTTP/1.0\r\n\r\n").whole());
    EXPECT_FALSE(Parsed("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").head.keep_alive);
    EXPECT_FALSE(Parsed(with("Connection: keep-alive, close\r\n")).head.keep_alive);
}

TEST(HttpRequestHead, expectations_and_upgrades_are_told) {
    EXPECT_TRUE(Parsed(with("Expect: 100-Continue\r\nContent-Length: 1\r\n")).head.expect_continue);
    EXPECT_FALSE(Parsed(with("Expect: 100-continue\r\n")).head.expect_continue);
    EXPECT_TRUE(Parsed(with("Connection: Upgrade\r\nUpgrade: x, WebSocket\r\n")).head.websocket);
    EXPECT_FALSE(Parsed(with("Upgrade: websocket\r\n")).head.websocket);
    EXPECT_FALSE(
        Parsed(with("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n")).head.websocket);
}

TEST(HttpRequestHead, absolute_targets_give_path_and_host) {
    Parsed p("GET HTTP://api.test:81/v1/models?x=http://y HTTP/1.1\r\nHost: other\r\n\r\n");
    ASSERT_TRUE(p.whole());
    EXPECT_EQ(p.head.origin, "/v1/models?x=http://y");
    EXPECT_EQ(p.head.host, "api.test:81");
    Parsed root("GET https://[::1] HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(root.whole());
    EXPECT_EQ(root.head.origin, "/");
    EXPECT_EQ(root.head.host, "[::1]");
    EXPECT_TRUE(Parsed("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").whole());
    EXPECT_TRUE(Parsed("CONNECT api.test:443 HTTP/1.1\r\nHost: x\r\n\r\n").whole());
}

TEST(HttpRequestHead, limits_hold_to_the_byte_and_to_the_field) {
    std::string text = with("A: 1\r\nB: 2\r\n");
    EXPECT_TRUE(Parsed(text, {.bytes_max = text.size()}).whole());
    EXPECT_TRUE(
        Parsed(text, {.bytes_max = text.size() - 1}).fails_with(ErrorCode::headers_too_large));
    EXPECT_TRUE(Parsed(text, {.fields_max = 3}).whole());
    EXPECT_TRUE(Parsed(text, {.fields_max = 2}).fails_with(ErrorCode::headers_too_large));
    EXPECT_TRUE(
        Parsed(std::string(100, 'a'), {.bytes_max = 100}).fails_with(ErrorCode::headers_too_large));
    Parsed more(std::string(99, 'a'), {.bytes_max = 100});
    EXPECT_TRUE(more.result && !more.result->has_value());
}

TEST(HttpRequestHead, fields_named_by_connection_are_known) {
    Parsed p(with("Connection: close, X-Hop\r\nConnection: x-other\r\nX-Hop: 1\r\n"));
    EXPECT_TRUE(connection_names(p.head.fields, "x-hop"));
    EXPECT_TRUE(connection_names(p.head.fields, "X-Other"));
    EXPECT_FALSE(connection_names(p.head.fields, "host"));
}

}  // namespace
}  // namespace weir::codec
