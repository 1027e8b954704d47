#include "provider/vocabulary.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <pcre2.h>

#include "base/check.h"

// Their form: packages/extract_vocabulary.mjs.
extern "C" const char weir_embed_o200k_base[];
extern "C" const std::size_t weir_embed_o200k_base_size;
extern "C" const char weir_embed_cl100k_base[];
extern "C" const std::size_t weir_embed_cl100k_base_size;

namespace weir::provider {
namespace {

constexpr std::uint32_t kNoRank = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kHead = 8;
constexpr std::size_t kSlot = 8;
// Merging takes the square of a word's length; beyond it the bytes are bound enough.
constexpr std::size_t kWordMax = 256;

std::uint32_t word_at(const char* at) {
    std::uint32_t out = 0;
    std::memcpy(&out, at, sizeof out);
    return out;
}

// FNV-1a, mixed.
std::uint32_t hash_of(std::string_view bytes) {
    std::uint32_t h = 0x811c9dc5;
    for (const char c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 0x01000193u;
    h ^= h >> 15;
    h *= 0x2c1b3c6du;
    return h ^ h >> 12;
}

struct FreeMatch {
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
    return std::ranges::any_of(
        prefixes, [text](std::string_view prefix) { return text.starts_with(prefix); });
}

}  // namespace

// tiktoken's own table of models (model.py) says which; of later families nobody has said.
const Vocabulary* Vocabulary::of_openai_model(std::string_view model) {
    if (model.starts_with("ft:")) model.remove_prefix(3);
    if (starts_with_any(model, {"gpt-4o", "chatgpt-4o", "gpt-4.1", "gpt-4.5", "gpt-5", "o1", "o3",
                                "o4-mini"})) {
        return &o200k();
    }
    if (starts_with_any(model, {"gpt-4-", "gpt-3.5-", "text-embedding-"}) || model == "gpt-4") {
        return &cl100k();
    }
    return nullptr;
}

const Vocabulary& Vocabulary::o200k() {
    static const Vocabulary kO200k{
        {static_cast<const char*>(weir_embed_o200k_base), weir_embed_o200k_base_size}};
    return kO200k;
}

const Vocabulary& Vocabulary::cl100k() {
    static const Vocabulary kCl100k{
        {static_cast<const char*>(weir_embed_cl100k_base), weir_embed_cl100k_base_size}};
    return kCl100k;
}

Vocabulary::Vocabulary(std::string_view embedded)
    : table_(embedded.data() + kHead), slots_(word_at(embedded.data())) {
    const std::string_view rest = embedded.substr(kHead + kSlot * slots_);
    const std::string_view pattern = rest.substr(0, word_at(embedded.data() + 4));
    blob_ = pattern.data() + pattern.size();
    int error = 0;
    PCRE2_SIZE where = 0;
    pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                     PCRE2_UTF | PCRE2_UCP, &error, &where, nullptr);
    WEIR_CHECK(code != nullptr);
    // Without it matching is slower, and the same.
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    pattern_ = code;
}

Vocabulary::~Vocabulary() { pcre2_code_free(static_cast<pcre2_code*>(pattern_)); }

std::uint32_t Vocabulary::rank(std::string_view token) const {
    for (std::uint32_t at = hash_of(token) & (slots_ - 1);; at = (at + 1) & (slots_ - 1)) {
        const char* slot = table_ + kSlot * at;
        const std::uint32_t packed = word_at(slot + 4);
        const std::size_t length = packed & 0xff;
        if (length == 0) return kNoRank;
        if (length != token.size()) continue;
        if (std::memcmp(blob_ + word_at(slot), token.data(), length) == 0) return packed >> 8;
    }
}

// Byte pair encoding: the neighbours that make the token of the lowest rank become one, until no
// two make any.
std::int64_t Vocabulary::count_word(std::string_view word) const {
    if (word.size() <= 1 || rank(word) != kNoRank) return word.empty() ? 0 : 1;
    if (word.size() > kWordMax) return static_cast<std::int64_t>(word.size());
    struct Piece {
        std::uint16_t begin = 0;
        std::uint32_t rank = kNoRank;  // of it and the next one together
    };
    std::array<Piece, kWordMax + 1> pieces;
    std::size_t count = word.size();
    const auto end_of = [&](std::size_t piece) {
        return piece < count ? std::size_t{pieces[piece].begin} : word.size();
    };
    const auto rank_with_next = [&](std::size_t piece) {
        if (piece + 1 >= count) return kNoRank;
        const std::size_t begin = pieces[piece].begin;
        return rank(word.substr(begin, end_of(piece + 2) - begin));
    };
    for (std::size_t i = 0; i < count; ++i) pieces[i].begin = static_cast<std::uint16_t>(i);
    for (std::size_t i = 0; i < count; ++i) pieces[i].rank = rank_with_next(i);
    for (;;) {
        const auto end = pieces.begin() + static_cast<std::ptrdiff_t>(count);
        const auto lowest = std::ranges::min_element(pieces.begin(), end, {}, &Piece::rank);
        if (lowest->rank == kNoRank) return static_cast<std::int64_t>(count);
        std::ranges::copy(lowest + 2, end, lowest + 1);
        --count;
        const auto at = static_cast<std::size_t>(lowest - pieces.begin());
        pieces[at].rank = rank_with_next(at);
        if (at > 0) pieces[at - 1].rank = rank_with_next(at - 1);
    }
}

std::int64_t Vocabulary::count(std::string_view text) const {
    const auto* code = static_cast<const pcre2_code*>(pattern_);
    const std::unique_ptr<pcre2_match_data, FreeMatch> match{
        pcre2_match_data_create_from_pattern(code, nullptr)};
    if (match == nullptr) return static_cast<std::int64_t>(text.size());
    const PCRE2_SIZE* span = pcre2_get_ovector_pointer(match.get());
    std::int64_t tokens = 0;
    std::size_t at = 0;
    std::uint32_t options = 0;
    while (at < text.size()) {
        const int found = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                      at, options, match.get(), nullptr);
        // Not UTF-8, or more to try than the library does: the bytes, then, of what is left.
        if (found < 0 || span[1] <= at) {
            return tokens + static_cast<std::int64_t>(text.size() - at);
        }
        // What no word covers is as many tokens as bytes, at most.
        tokens += static_cast<std::int64_t>(span[0] - at);
        tokens += count_word(text.substr(span[0], span[1] - span[0]));
        at = span[1];
        options = PCRE2_NO_UTF_CHECK;  // all of it was checked
    }
    return tokens;
}

}  // namespace weir::provider
