#include <gtest/gtest.h>

#include "codec/http1.h"

namespace weir::codec {
namespace {

struct Outcome {
    std::string payload;
    bool failed = false;
    bool done = false;
    std::size_t consumed = 0;

    bool operator==(const Outcome&) const = default;
};

// Feeds `body` in pieces of `piece` bytes.
Outcome decode(std::string_view body, std::size_t piece = std::string_view::npos) {
    ChunkedDecoder decoder;
    Outcome out;
    std::size_t end = 0;
    while (end < body.size() && !out.done) {
        end = piece < body.size() - end ? end + piece : body.size();
        while (out.consumed < end) {
            auto step = decoder.feed(body.substr(out.consumed, end - out.consumed));
            if (!step) {
                out.failed = true;
                return out;
            }
            out.payload += step->payload;
            out.consumed += step->consumed;
            if (step->done) {
                out.done = true;
                break;
            }
        }
    }
    return out;
}

TEST(ChunkedDecoder, chunks_become_the_body_whatever_the_reads) {
    std::string_view body =
        "5\r\nhello\r\n00000000000000A;name=\"a;b\"\r\n, world 12\r\n0\r\nX-Trailer: 1\r\n\r\nGET "
        "/";
    Outcome whole = decode(body);
    EXPECT_TRUE(whole.done);
    EXPECT_EQ(whole.payload, "hello, world 12");
    EXPECT_EQ(body.substr(whole.consumed), "GET /");
    for (std::size_t piece = 1; piece < body.size(); ++piece)
        EXPECT_EQ(decode(body, piece), whole) << piece;
}

TEST(ChunkedDecoder, payload_is_a_view_into_the_input) {
    std::string body = "3\r\nabc\r\n0\r\n\r\n";
    ChunkedDecoder decoder;
    auto step = decoder.feed(body);
    ASSERT_TRUE(step);
    EXPECT_EQ(step->payload.data(), body.data() + 3);
    EXPECT_EQ(step->consumed, body.size());
    EXPECT_TRUE(step->done);
    EXPECT_TRUE(decoder.done());
}

TEST(ChunkedDecoder, a_decoder_serves_the_next_body_after_reset) {
    ChunkedDecoder decoder;
    ASSERT_TRUE(decoder.feed("1\r\na\r\n0\r\n\r\n"));
    decoder.reset();
    auto step = decoder.feed("2\r\nbc\r\n0\r\n\r\n");
    ASSERT_TRUE(step);
    EXPECT_EQ(step->payload, "bc");
}

TEST(ChunkedDecoder, loose_chunks_are_refused_in_any_split) {
    for (std::string_view body : {
             "\r\n",
             "g\r\n",
             " 5\r\nhello\r\n",
             "5 \r\nhello\r\n",
             "5\nhello\r\n",
             "5\r\nhello\n0\r\n\r\n",
             "5\r\nhelloX\r\n",
             "5\r\nhello\r0\r\n\r\n",
             "+5\r\nhello\r\n",
             "-1\r\n",
             "0x5\r\nhello\r\n",
             ";a\r\n",
             "5;a\nhello\r\n",
             "5;a\rb\r\nhello\r\n",
             "5;\x01\r\nhello\r\n",
             "00000000000000005\r\nhello\r\n",
             "FFFFFFFFFFFFFFFFF\r\n",
             "0\r\n\n",
             "0\r\nX: 1\n\r\n",
             "0\r\n X: 1\r\n\r\n",
             "0\r\nno colon\r\n\r\n",
             "0\r\nX: \x01\r\n\r\n",
             "0\r\n\rX",
         }) {
        EXPECT_TRUE(decode(body).failed) << body;
        EXPECT_EQ(decode(body, 1).failed, true) << body;
        EXPECT_EQ(decode(body, 1).payload, decode(body).payload) << body;
    }
}

TEST(ChunkedDecoder, a_broken_decoder_stays_broken) {
    ChunkedDecoder decoder;
    ASSERT_FALSE(decoder.feed("x"));
    EXPECT_FALSE(decoder.feed("5\r\nhello\r\n"));
    EXPECT_FALSE(decoder.done());
}

TEST(ChunkedDecoder, extensions_and_trailers_cannot_go_on_for_ever) {
    EXPECT_TRUE(decode("1;" + std::string(20000, 'a') + "\r\nx\r\n0\r\n\r\n").failed);
    std::string many;
    for (int i = 0; i < 20000; ++i) many += "1;a\r\nx\r\n";
    EXPECT_TRUE(decode(many).failed);
    EXPECT_TRUE(decode("0\r\nX: " + std::string(20000, 'a') + "\r\n\r\n").failed);
    EXPECT_TRUE(decode("1;" + std::string(100, 'a') + "\r\nx\r\n0\r\n\r\n").done);
}

}  // namespace
}  // namespace weir::codec
