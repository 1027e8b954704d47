#include "codec/sse.h"

#include <gtest/gtest.h>
#include <vector>

namespace weir::codec {
namespace {

struct Seen {
    std::string name;
    std::string data;

    bool operator==(const Seen&) const = default;
};

struct Stream {
    std::vector<Seen> dispatched;  // what a browser would dispatch
    std::vector<std::string> raws;
    std::string rest;
    bool failed = false;

    std::string bytes() const {
        std::string all;
        for (const std::string& raw : raws) all += raw;
        return all + rest;
    }
};

// Feeds each piece from a buffer of its own, so that a view kept too long is seen by a sanitizer.
Stream parse(const std::vector<std::string>& pieces, std::size_t event_bytes_max = 1 << 20) {
    SseParser parser(event_bytes_max);
    Stream out;
    for (const std::string& piece : pieces) {
        std::string buffer = piece;
        parser.feed(buffer);
        SseEvent event;
        for (;;) {
            Result<bool> more = parser.next(event);
            if (!more) {
                out.failed = true;
                return out;
            }
            if (!*more) break;
            out.raws.emplace_back(event.raw);
            if (event.has_data)
                out.dispatched.push_back({std::string{event.name}, std::string{event.data}});
        }
    }
    out.rest = parser.rest();
    return out;
}

std::vector<std::string> in_pieces(const std::string& text, std::size_t size) {
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size(); at += size) pieces.push_back(text.substr(at, size));
    return pieces;
}

TEST(SseParser, reads_openai_and_anthropic_streams) {
    Stream s = parse({"data: {\"a\":1}\n\nevent: message_stop\ndata: {}\n\ndata: [DONE]\n\n"});
    EXPECT_EQ(s.dispatched,
              (std::vector<Seen>{{"", "{\"a\":1}"}, {"message_stop", "{}"}, {"", "[DONE]"}}));
    EXPECT_EQ(s.rest, "");
}

TEST(SseParser, an_event_that_lies_whole_in_the_read_is_not_copied) {
    std::string text = "event: e\ndata: x\n\n";
    SseParser parser;
    parser.feed(text);
    SseEvent event;
    ASSERT_EQ(parser.next(event).value_or(false), true);
    EXPECT_EQ(event.raw.data(), text.data());
    EXPECT_EQ(event.data.data(), text.data() + 15);
    EXPECT_EQ(event.name.data(), text.data() + 7);
    EXPECT_EQ(parser.next(event).value_or(true), false);
}

TEST(SseParser, follows_the_letter_of_the_standard) {
    const struct {
        const char* text;
        std::vector<Seen> dispatched;
    } cases[] = {
        {"data: a\n\n", {{"", "a"}}},
        {"data:a\n\n", {{"", "a"}}},
        {"data:  a\n\n", {{"", " a"}}},
        {"data\n\n", {{"", ""}}},
        {"data:\n\n", {{"", ""}}},
        {"data\ndata\n\n", {{"", "\n"}}},
        {"data: a\ndata: b\ndata: c\n\n", {{"", "a\nb\nc"}}},
        {"data: a\rdata: b\r\r", {{"", "a\nb"}}},
        {"data: a\r\ndata: b\r\n\r\n", {{"", "a\nb"}}},
        {"data: a\n\rdata: b\n\r", {{"", "a"}, {"", "b"}}},
        {"data: a\r\n\n", {{"", "a"}}},
        {"event: x\nevent: y\ndata: a\n\n", {{"y", "a"}}},
        {"event: x\n\ndata: a\n\n", {{"", "a"}}},
        {": comment\n\n", {}},
        {": c\ndata: a\n: d\ndata: b\n\n", {{"", "a\nb"}}},
        {"id: 1\nretry: 5\ndata: a\n\n", {{"", "a"}}},
        {"Data: a\n\n", {}},
        {" data: a\n\n", {}},
        {"data : a\n\n", {}},
        {"unknown: a\ndata: b\n\n", {{"", "b"}}},
        {"data: a:b: c\n\n", {{"", "a:b: c"}}},
        {"\n\n\r\r\r\n\r\ndata: a\n\n", {{"", "a"}}},
        {"\xEF\xBB\xBF"
         "data: a\n\n",
         {{"", "a"}}},
        {"\xEF\xBB\xBF\ndata: a\n\n", {{"", "a"}}},
        {"data: a\n\n\xEF\xBB\xBF"
         "data: b\n\n",
         {{"", "a"}}},
        {"\xEF\xBB"
         "data: a\n\n",
         {}},
        {"data: 1\ndata: 2\ndata: 3\ndata: 4\r\ndata: 5\rdata: 6\n: c\ndata: 7\r\ndata: "
         "8\rdata\nevent: e\n\n",
         {{"e", "1\n2\n3\n4\n5\n6\n7\n8\n"}}},
        {"data: unfinished\n", {}},
        {"data: a\n\ndata: unfinished", {{"", "a"}}},
    };
    for (const auto& c : cases) {
        std::string text = c.text;
        for (std::size_t size = 1; size <= text.size(); ++size) {
            Stream s = parse(in_pieces(text, size));
            EXPECT_EQ(s.dispatched, c.dispatched) << text << " by " << size;
            EXPECT_EQ(s.bytes(), text) << text << " by " << size;
        }
    }
}

TEST(SseParser, every_two_cuts_give_the_same_events_and_bytes) {
    std::string text =
        "\xEF\xBB\xBF: hi\r\n\r\nevent: a\r\ndata: 1\r\ndata: 2\r\n\r\ndata: x\r\rdata: y\n\n\r\n: "
        "c\n\nda";
    Stream whole = parse({text});
    EXPECT_EQ(whole.dispatched, (std::vector<Seen>{{"a", "1\n2"}, {"", "x"}, {"", "y"}}));
    for (std::size_t i = 0; i <= text.size(); ++i) {
        for (std::size_t j = i; j <= text.size(); ++j) {
            Stream s = parse({text.substr(0, i), text.substr(i, j - i), text.substr(j)});
            ASSERT_EQ(s.dispatched, whole.dispatched) << i << ' ' << j;
            ASSERT_EQ(s.bytes(), text) << i << ' ' << j;
        }
    }
}

TEST(SseParser, events_come_as_soon_as_their_blank_line_does) {
    SseParser parser;
    SseEvent event;
    parser.feed("data: a\r\n\r");
    ASSERT_EQ(parser.next(event).value_or(false), true);
    EXPECT_EQ(event.data, "a");
    ASSERT_EQ(parser.next(event).value_or(true), false);
    parser.feed("\ndata: b\r\n\r\n");
    ASSERT_EQ(parser.next(event).value_or(false), true);
    EXPECT_EQ(event.raw, "\n");
    EXPECT_FALSE(event.has_data);
    ASSERT_EQ(parser.next(event).value_or(false), true);
    EXPECT_EQ(event.raw, "data: b\r\n\r\n");
}

TEST(SseParser, heartbeats_are_passed_at_once_with_their_bytes) {
    Stream s = parse({": ping\n\n", "data: a\n\n"});
    EXPECT_EQ(s.raws, (std::vector<std::string>{": ping\n\n", "data: a\n\n"}));
}

TEST(SseParser, what_is_unfinished_at_the_end_is_told_apart) {
    Stream s = parse({"data: a\n\ndata: ", "b\n"});
    EXPECT_EQ(s.dispatched, (std::vector<Seen>{{"", "a"}}));
    EXPECT_EQ(s.rest, "data: b\n");
}

TEST(SseParser, an_event_over_the_limit_is_an_error_in_any_split) {
    std::string fits = "data: " + std::string(92, 'x') + "\n\n";
    std::string over = "data: " + std::string(93, 'x') + "\n\n";
    for (std::size_t size : {std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
        EXPECT_FALSE(parse(in_pieces(fits + fits, size), 100).failed);
        Stream s = parse(in_pieces(fits + over, size), 100);
        EXPECT_TRUE(s.failed);
        EXPECT_EQ(s.raws.size(), 1U);
        EXPECT_TRUE(parse(in_pieces(std::string(101, 'x'), size), 100).failed);
    }
    SseParser parser(10);
    SseEvent event;
    parser.feed("data: much too long");
    EXPECT_EQ(parser.next(event).error().code(), ErrorCode::provider_protocol);
    parser.feed("data: a\n\n");
    EXPECT_FALSE(parser.next(event)) << "an error is final";
}

TEST(SseParser, a_long_event_in_many_pieces_is_put_together) {
    std::string text = "data: " + std::string(300000, 'x') + "\n\ndata: b\n\n";
    Stream s = parse(in_pieces(text, 1000));
    ASSERT_EQ(s.dispatched.size(), 2U);
    EXPECT_EQ(s.dispatched[0].data.size(), 300000U);
    EXPECT_EQ(s.dispatched[1].data, "b");
}

}  // namespace
}  // namespace weir::codec
