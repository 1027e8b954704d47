#include "codec/content_coding.h"

#include <brotli/encode.h>
#include <gtest/gtest.h>
#include <vector>
#include <zlib.h>
#include <zstd.h>

namespace weir::codec {
namespace {

std::string zlib_encoded(std::string_view text, int window_bits) {
    z_stream z{};
    EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    std::string out(deflateBound(&z, text.size()), '\0');
    std::string in{text};
    z.next_in = reinterpret_cast<Bytef*>(in.data());
    z.avail_in = static_cast<uInt>(in.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
    out.resize(z.total_out);
    deflateEnd(&z);
    return out;
}
std::string gzip(std::string_view text) { return zlib_encoded(text, 15 + 16); }
std::string deflated(std::string_view text) { return zlib_encoded(text, 15); }
std::string raw_deflated(std::string_view text) { return zlib_encoded(text, -15); }

std::string brotli(std::string_view text) {
    std::string out(BrotliEncoderMaxCompressedSize(text.size()) + 16, '\0');
    std::size_t size = out.size();
    EXPECT_EQ(BrotliEncoderCompress(5, 22, BROTLI_MODE_GENERIC, text.size(),
                                    reinterpret_cast<const std::uint8_t*>(text.data()), &size,
                                    reinterpret_cast<std::uint8_t*>(out.data())),
              BROTLI_TRUE);
    out.resize(size);
    return out;
}

std::string zstd(std::string_view text) {
    std::string out(ZSTD_compressBound(text.size()), '\0');
    out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
    return out;
}

// The decoded body, or the name of the error.
std::string decode(std::string_view coding, std::string_view body, std::size_t piece = 1 << 20,
                   std::size_t max = 1 << 20) {
    auto list = parse_content_encoding(coding);
    if (!list) return std::string{list.error().info().name};
    Decoder decoder(*list, max);
    std::string out;
    for (; !body.empty(); body.remove_prefix(std::min(piece, body.size()))) {
        if (auto fed = decoder.feed(body.substr(0, piece), out); !fed)
            return std::string{fed.error().info().name};
    }
    if (auto end = decoder.finish(); !end) return std::string{end.error().info().name};
    return out;
}

std::string sample() {
    std::string text = "{\"messages\":[";
    for (int i = 0; i < 5000; ++i) text += std::to_string(i * 7919) + ",";
    return text + "]}";
}

struct Sample {
    std::string_view coding;
    std::string body;
};
std::vector<Sample> samples(std::string_view text) {
    return {{"gzip", gzip(text)},
            {"X-GZIP", gzip(text)},
            {"deflate", deflated(text)},
            {"deflate", raw_deflated(text)},
            {"br", brotli(text)},
            {"zstd", zstd(text)},
            {"identity", std::string{text}},
            {"", std::string{text}}};
}

TEST(ContentCoding, every_coding_is_decoded_in_any_pieces) {
    for (const std::string& text : {sample(), std::string{"x"}, std::string(200000, 'a')}) {
        for (const auto& [coding, body] : samples(text)) {
            for (std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1} << 20})
                EXPECT_TRUE(decode(coding, body, piece) == text) << coding << ' ' << piece;
        }
    }
}

TEST(ContentCoding, codings_are_undone_in_reverse_order) {
    std::string text = sample();
    EXPECT_TRUE(decode("gzip, br", brotli(gzip(text))) == text);
    EXPECT_TRUE(decode("zstd,identity , deflate,\tgzip", gzip(deflated(zstd(text))), 5) == text);
    EXPECT_EQ(decode("br, gzip", brotli(gzip(text))), "malformed_body");
}

TEST(ContentCoding, unknown_or_too_many_codings_are_refused) {
    for (const char* value :
         {"compress", "gzip, x", "gzip;q=1", "gzip, br, zstd, gzip", "aws-chunked"})
        EXPECT_EQ(decode(value, ""), "unsupported_encoding") << value;
    EXPECT_TRUE(parse_content_encoding(" , identity,")->empty());
}

TEST(ContentCoding, a_body_cut_off_anywhere_is_an_error) {
    std::string text = sample().substr(0, 300);
    for (const auto& [coding, body] : samples(text)) {
        if (coding.empty() || coding == "identity") continue;
        for (std::size_t n = 1; n < body.size(); ++n)
            EXPECT_EQ(decode(coding, std::string_view{body}.substr(0, n)), "malformed_body")
                << coding << ' ' << n;
        EXPECT_EQ(decode(coding, ""), "") << "no bytes at all are an empty body";
    }
}

TEST(ContentCoding, damage_and_trailing_bytes_are_errors) {
    std::string text = sample();
    for (const auto& [coding, body] : samples(text)) {
        if (coding.empty() || coding == "identity") continue;
        EXPECT_EQ(decode(coding, body + "tail"), "malformed_body") << coding;
        EXPECT_EQ(decode(coding, body + "tail", 1), "malformed_body") << coding;
        EXPECT_EQ(decode(coding, "{\"model\":\"this is not coded\"}"), "malformed_body") << coding;
    }
    std::string flipped = gzip(text);
    flipped[flipped.size() - 6] = static_cast<char>(flipped[flipped.size() - 6] ^ 1);
    EXPECT_EQ(decode("gzip", flipped), "malformed_body") << "the checksum is looked at";
}

TEST(ContentCoding, members_and_frames_may_follow_each_other) {
    EXPECT_EQ(decode("gzip", gzip("a") + gzip("b")), "ab");
    EXPECT_EQ(decode("zstd", zstd("a") + zstd("b"), 1), "ab");
    EXPECT_EQ(decode("deflate", deflated("a") + deflated("b")), "malformed_body");
}

TEST(ContentCoding, a_bomb_stops_at_the_limit) {
    std::string text(4 << 20, '\0');
    for (const auto& [coding, body] : samples(text)) {
        EXPECT_EQ(decode(coding, body, 1 << 20, 1 << 20), "body_too_large") << coding;
        EXPECT_TRUE(decode(coding, body, 1 << 20, text.size()) == text) << coding;
    }
    EXPECT_EQ(decode("gzip, gzip", gzip(gzip(text))), "body_too_large");
    // What is kept of a bomb is the limit and one block at most.
    Decoder decoder(*parse_content_encoding("gzip"), 1000);
    std::string out;
    EXPECT_FALSE(decoder.feed(gzip(text), out));
    EXPECT_LE(out.size(), 1000U + 64 * 1024);
    EXPECT_FALSE(decoder.feed("x", out)) << "an error is final";
    EXPECT_FALSE(decoder.finish());
}

TEST(ContentCoding, a_zstd_window_beyond_eight_mebibytes_is_refused) {
    // Magic number, a frame header without content size, then a window descriptor.
    std::string_view wide{"\x28\xb5\x2f\xfd\x00\x70\x01\x00\x00", 9};  // 2^24
    EXPECT_EQ(decode("zstd", wide), "malformed_body");
    std::string_view fits{"\x28\xb5\x2f\xfd\x00\x68\x01\x00\x00", 9};  // 2^23
    EXPECT_EQ(decode("zstd", fits), "");
}

}  // namespace
}  // namespace weir::codec
