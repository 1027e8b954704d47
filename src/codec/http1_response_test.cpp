#include <gtest/gtest.h>

#include "codec/http1.h"

namespace weir::codec {
namespace {

struct Answer {
    std::string text;
    ResponseHead head;
    Result<std::optional<std::size_t>> result{std::nullopt};

    explicit Answer(std::string t, bool request_was_head = false) : text(std::move(t)) {
        std::size_t scanned = 0;
        result = parse_response_head(text, scanned, {}, request_was_head, head);
    }
    bool whole() const { return result && *result == text.size(); }
};

TEST(HttpResponseHead, a_typical_stream_head_is_read) {
    Answer a(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        "Transfer-Encoding: chunked\r\nrequest-id: req_1\r\n\r\n");
    ASSERT_TRUE(a.whole());
    EXPECT_EQ(a.head.status, 200);
    EXPECT_EQ(a.head.reason, "OK");
    EXPECT_EQ(a.head.framing, Framing::chunked);
    EXPECT_TRUE(a.head.keep_alive);
    EXPECT_EQ(a.head.find("Request-Id"), "req_1");
    EXPECT_EQ(a.head.count("content-type"), 1U);
}

TEST(HttpResponseHead, without_framing_the_body_ends_with_the_connection) {
    Answer a("HTTP/1.1 200 OK\r\n\r\n");
    ASSERT_TRUE(a.whole());
    EXPECT_EQ(a.head.framing, Framing::until_close);
    EXPECT_FALSE(a.head.keep_alive);
}

TEST(HttpResponseHead, some_answers_never_have_a_body) {
    Answer head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true);
    EXPECT_EQ(head.head.framing, Framing::none);
    EXPECT_EQ(head.head.content_length, 5U);
    EXPECT_TRUE(head.head.keep_alive);
    EXPECT_EQ(Answer("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n").head.framing,
              Framing::none);
    Answer empty("HTTP/1.1 204 No Content\r\n\r\n");
    EXPECT_EQ(empty.head.framing, Framing::none);
    EXPECT_TRUE(empty.head.keep_alive);
    Answer interim("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
    EXPECT_TRUE(interim.head.interim());
    EXPECT_EQ(interim.head.framing, Framing::none);
}

TEST(HttpResponseHead, a_body_announced_where_none_may_be_ends_the_connection) {
    EXPECT_FALSE(Answer("HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n").head.keep_alive);
    EXPECT_FALSE(Answer("HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n").head.keep_alive);
    EXPECT_TRUE(Answer("HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n").head.keep_alive);
}

TEST(HttpResponseHead, reasons_may_be_empty_or_foreign) {
    EXPECT_TRUE(Answer("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n").whole());
    EXPECT_TRUE(Answer("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n").whole());
    Answer a(
        "HTTP/1.0 529 Sehr besch\xc3\xa4"
        "ftigt\r\nContent-Length: 0\r\n\r\n");
    EXPECT_TRUE(a.whole());
    EXPECT_EQ(a.head.status, 529);
    EXPECT_FALSE(a.head.keep_alive);
}

TEST(HttpResponseHead, ambiguous_or_broken_heads_are_refused) {
    for (const char* text : {
             "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
             "HTTP/1.1 20 OK\r\n\r\n",
             "HTTP/1.1 2000 OK\r\n\r\n",
             "HTTP/1.1 099 OK\r\n\r\n",
             "HTTP/1.1 600 OK\r\n\r\n",
             "HTTP/1.1 2x0 OK\r\n\r\n",
             "HTTP/1.1  200 OK\r\n\r\n",
             "HTTP/1.1 200\tOK\r\n\r\n",
             "HTTP/2 200 OK\r\n\r\n",
             "HTTP/1.2 200 OK\r\n\r\n",
             "\r\nHTTP/1.1 200 OK\r\n\r\n",
             "ICY 200 OK\r\n\r\n",
             "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
             "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
             "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
             "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
             "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
             "HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
         }) {
        Answer a(text);
        ASSERT_FALSE(a.result) << text;
        EXPECT_EQ(a.result.error().code(), ErrorCode::malformed_http) << text;
    }
}

TEST(HttpResponseHead, arriving_byte_by_byte_gives_the_same_head) {
    std::string text =
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 3\r\nContent-Length: 2\r\n\r\n";
    ResponseHead head;
    std::size_t scanned = 0;
    for (std::size_t n = 0; n < text.size(); ++n) {
        auto r = parse_response_head(std::string_view{text}.substr(0, n), scanned, {}, false, head);
        ASSERT_TRUE(r && !r->has_value()) << n;
    }
    auto r = parse_response_head(text, scanned, {}, false, head);
    ASSERT_TRUE(r && *r == text.size());
    EXPECT_EQ(head.status, 429);
    EXPECT_EQ(head.find("retry-after"), "3");
}

}  // namespace
}  // namespace weir::codec
