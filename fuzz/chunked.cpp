// Chunked bodies: the same payload, end and verdict however the bytes arrive; and any bytes, sent
// as chunks with our own writer, come back.
#include <array>

#include "codec/http1.h"
#include "fuzz/target.h"

namespace weir::fuzz {
namespace {

using namespace weir::codec;

struct Outcome {
    std::string payload;
    bool failed = false;
    bool done = false;
    std::size_t consumed = 0;  // counts where the body ended
    bool operator==(const Outcome&) const = default;
};

Outcome decode(std::string_view body, const std::vector<std::size_t>& way) {
    ChunkedDecoder decoder;
    Outcome out;
    std::size_t at = 0;
    std::size_t end = 0;
    for (std::size_t n : way) {
        end += n;
        while (at < end) {
            std::string_view in = body.substr(at, end - at);
            auto step = decoder.feed(in);
            if (!step) {
                out.failed = true;
                WEIR_CHECK(!decoder.feed("0\r\n\r\n"));
                return out;
            }
            WEIR_CHECK(lies_within(step->payload, in) && step->consumed <= in.size());
            WEIR_CHECK(step->done || !step->payload.empty() || step->consumed == in.size());
            out.payload += step->payload;
            at += step->consumed;
            if (step->done) {
                out.done = true;
                out.consumed = at;
                return out;
            }
        }
    }
    return out;
}

std::string encode(std::string_view payload, const std::vector<std::size_t>& way) {
    std::string out;
    for (std::size_t n : way) {
        if (n == 0) continue;
        std::array<char, kChunkHeaderMax> header{};
        out.append(header.data(), append_chunk_header(header.data(), n));
        out.append(payload.substr(0, n)).append(kCrlf);
        payload.remove_prefix(n);
    }
    return out.append(kLastChunk);
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weir::fuzz;
    std::string_view text = text_of(data, size);
    Outcome whole = decode(text, {text.size()});
    for (const auto& way : ways_to_cut(text)) {
        WEIR_CHECK(decode(text, way) == whole);
        std::string chunks = encode(text, way);
        Outcome back = decode(chunks, {chunks.size()});
        WEIR_CHECK(back.done && back.payload == text && back.consumed == chunks.size());
    }
    return 0;
}
