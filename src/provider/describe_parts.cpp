#include "provider/describe_parts.h"

#include <charconv>
#include <fmt/format.h>

namespace weir::provider {
namespace {

constexpr std::int64_t kCountMax = std::int64_t{1} << 53;  // every JSON parser holds it exactly
// No watched key is longer than this even if each of its bytes is escaped.
constexpr std::size_t kKeyMax = 6 * 40;

bool is_plain_key(std::string_view raw) {
    for (char c : raw) {
        if ((c >= 'A' && c <= 'Z') || c == '\\' || static_cast<unsigned char>(c) >= 0x80) {
            return false;
        }
    }
    return true;
}

// Go folds these two into ASCII: the long s and the Kelvin sign.
std::size_t fold_beyond_ascii(std::string_view text, std::size_t at, char& folded) {
    if (text.substr(at).starts_with("\u017F")) {
        folded = 's';
        return 2;
    }
    if (text.substr(at).starts_with("\u212A")) {
        folded = 'k';
        return 3;
    }
    return 0;
}

}  // namespace

Word Word::read(JsonCursor& cursor) {
    Word word;
    if (cursor.kind() != JsonCursor::Kind::string) {
        cursor.skip();
        return word;
    }
    word.raw_ = cursor.string();
    if (word.raw_.find('\\') != std::string_view::npos) {
        word.escaped_ = true;
        word.owned_ = json_unescape(word.raw_).value_or(std::string{});
    }
    return word;
}

std::string_view folded_key(std::string_view raw, std::string& scratch) {
    if (raw.size() > kKeyMax || is_plain_key(raw)) return raw;
    std::string text = json_unescape(raw).value_or(std::string{raw});
    scratch.clear();
    for (std::size_t at = 0; at < text.size();) {
        char c = text[at];
        std::size_t length = fold_beyond_ascii(text, at, c);
        if (length == 0 && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        scratch.push_back(c);
        at += length == 0 ? 1 : length;
    }
    return scratch;
}

Result<std::size_t> KeyWatch::see(std::string_view raw) {
    std::string_view key = folded_key(raw, scratch_);
    for (std::size_t i = 0; i < names_.size(); ++i) {
        if (names_[i] != key) continue;
        if (raw != key) {
            return fail(ErrorCode::ambiguous_json,
                        fmt::format("`{}` is spelled with escapes or in another case: send the key "
                                    "as it is written here.",
                                    names_[i]));
        }
        std::uint64_t bit = std::uint64_t{1} << i;
        if ((seen_ & bit) != 0) {
            return fail(
                ErrorCode::ambiguous_json,
                fmt::format("`{}` appears twice in the same object: send it once.", names_[i]));
        }
        seen_ |= bit;
        return i;
    }
    return kOther;
}

Error invalid(std::string_view name, std::string_view must) {
    return Error{ErrorCode::invalid_parameter, fmt::format("`{}` must be {}.", name, must)};
}

Result<std::optional<std::int64_t>> read_count(JsonCursor& cursor, std::string_view name,
                                               std::int64_t least) {
    if (cursor.kind() == JsonCursor::Kind::null) {
        cursor.skip();
        return std::nullopt;
    }
    std::int64_t value = -1;
    if (cursor.kind() == JsonCursor::Kind::number) {
        std::string_view raw = cursor.number();
        auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), value);
        if (error != std::errc{} || end != raw.data() + raw.size() || raw.starts_with('-'))
            value = -1;
    } else {
        cursor.skip();
    }
    // A refused value is an error of syntax first, if it is one.
    if (!cursor.ok()) return fail(ErrorCode::malformed_json);
    if (value < least || value > kCountMax) {
        return std::unexpected(
            invalid(name, fmt::format("a whole number from {} to {}", least, kCountMax)));
    }
    return value;
}

}  // namespace weir::provider
