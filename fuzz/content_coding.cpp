// Content codings: the first byte chooses them, the rest is the body. The same result however the
// bytes arrive, never more than the limit; and what our encoders write comes back.
#include "codec/content_coding.h"

#include <array>
#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include "fuzz/target.h"

namespace weir::fuzz {
namespace {

using namespace weir::codec;

constexpr std::size_t kOutputMax = std::size_t{256} * 1024;
constexpr std::array<std::string_view, 8> kCodings{
    "gzip", "deflate", "br", "zstd", "", "gzip, gzip", "zstd, br", "deflate, zstd, gzip",
};

struct Outcome {
    bool failed = false;
    std::string out;
    bool operator==(const Outcome&) const = default;
};

Outcome decode(std::string_view coding, std::string_view body,
               const std::vector<std::size_t>& way) {
    auto list = parse_content_encoding(coding);
    WEIR_CHECK(list.has_value());
    Decoder decoder(*list, kOutputMax);
    std::string out;
    for (std::size_t n : way) {
        auto fed = decoder.feed(body.substr(0, n), out);
        WEIR_CHECK(out.size() <= kOutputMax);
        if (!fed) {
            WEIR_CHECK(!decoder.finish());
            return {true, {}};
        }
        body.remove_prefix(n);
    }
    if (!decoder.finish()) return {true, {}};
    return {false, std::move(out)};
}

std::string zlib_encoded(std::string_view text, int window_bits) {
    z_stream z{};
    WEIR_CHECK(deflateInit2(&z, 1, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    std::string in{text};
    std::string out(deflateBound(&z, text.size()), '\0');
    z.next_in = reinterpret_cast<Bytef*>(in.data());
    z.avail_in = static_cast<uInt>(in.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    WEIR_CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    out.resize(z.total_out);
    deflateEnd(&z);
    return out;
}

std::string encode(std::string_view coding, std::string_view text) {
    if (coding == "gzip") return zlib_encoded(text, 31);
    if (coding == "deflate") return zlib_encoded(text, text.size() % 2 == 0 ? 15 : -15);
    std::string out(text.size() * 2 + 1024, '\0');
    std::size_t size = out.size();
    if (coding == "br") {
        const auto* in = reinterpret_cast<const std::uint8_t*>(text.data());
        auto* to = reinterpret_cast<std::uint8_t*>(out.data());
        WEIR_CHECK(BrotliEncoderCompress(1, 18, BROTLI_MODE_GENERIC, text.size(), in, &size, to) ==
                   BROTLI_TRUE);
    } else {
        size = ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 1);
        WEIR_CHECK(ZSTD_isError(size) == 0);
    }
    out.resize(size);
    return out;
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weir::fuzz;
    if (size == 0 || size > 64 * 1024) return 0;
    std::size_t choice = data[0] % kCodings.size();
    std::string_view coding = kCodings.at(choice);
    std::string_view body = text_of(data + 1, size - 1);
    Outcome whole = decode(coding, body, {body.size()});
    WEIR_CHECK(choice != 4 || (!whole.failed && whole.out == body));
    for (const auto& way : ways_to_cut(body)) WEIR_CHECK(decode(coding, body, way) == whole);
    if (choice < 4) {
        std::string encoded = encode(coding, body);
        WEIR_CHECK(decode(coding, encoded, {encoded.size()}) ==
                   (Outcome{false, std::string{body}}));
    }
    return 0;
}
