// Content codings taken off a body as it comes (RFC 9110 §8.4): gzip, deflate, br, zstd. Bounded in
// output, window and depth, so a small body cannot grow without limit. Owner: one message.
// Errors: unsupported_encoding, malformed_body, body_too_large.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace weir::codec {

enum class Coding : std::uint8_t { gzip, deflate, br, zstd };

// In the order they were applied; identity is left out.
struct CodingList {
    static constexpr std::size_t kMax = 3;
    std::array<Coding, kMax> codings{};
    std::size_t count = 0;

    bool empty() const { return count == 0; }
};

// The value of a Content-Encoding field; several fields are to be refused or joined by comma. An
// empty value is identity. Error: unsupported_encoding, also for more than three codings.
Result<CodingList> parse_content_encoding(std::string_view value);

class Decoder {
 public:
    // `output_bytes_max` bounds the whole decoded body, and what each coding on the way gives.
    Decoder(const CodingList& codings, std::size_t output_bytes_max);
    ~Decoder();
    Decoder(Decoder&&) noexcept;
    Decoder& operator=(Decoder&&) noexcept;

    // Appends to `out` what can be decoded so far. An error is final; what was appended before it
    // is of no use.
    Result<> feed(std::string_view in, std::string& out);
    // No more input. malformed_body: the body is cut off. A body of no bytes at all decodes to
    // none.
    Result<> finish();

    struct Stage;  // one coding; defined in the .cpp

 private:
    Result<> pump(std::size_t stage, std::string_view in, std::string& out);

    std::array<std::unique_ptr<Stage>, CodingList::kMax> stages_;  // outermost first
    std::size_t count_ = 0;
    std::size_t output_bytes_max_;
    std::size_t identity_bytes_ = 0;
    bool failed_ = false;
    bool fed_ = false;
};

}  // namespace weir::codec
