#include "core/price_hash.h"

#include <bit>
#include <cstring>

namespace weir::core {
namespace {

// Two lanes of multiply and rotate over 8-byte words, with different odd multipliers.
class Digest {
 public:
    void number(std::int64_t value) { word(static_cast<std::uint64_t>(value)); }

    void text(std::string_view text) {
        word(text.size());
        while (text.size() >= 8) {
            std::uint64_t w = 0;
            std::memcpy(&w, text.data(), 8);
            word(w);
            text.remove_prefix(8);
        }
        std::uint64_t last = 0;
        if (!text.empty()) std::memcpy(&last, text.data(), text.size());
        word(last);
    }

    std::string hex() const {
        std::string out;
        for (std::uint64_t lane : {finish(a_ + std::rotl(b_, 32)), finish(b_ ^ a_)}) {
            for (int shift = 60; shift >= 0; shift -= 4) {
                out.push_back("0123456789abcdef"[(lane >> shift) & 15]);
            }
        }
        return out;
    }

 private:
    void word(std::uint64_t w) {
        a_ = std::rotl(a_ ^ (w * 0x9E3779B185EBCA87ull), 31) * 0xC2B2AE3D27D4EB4Full;
        b_ = std::rotl(b_ + (w * 0xD6E8FEB86659FD93ull), 27) * 0xA0761D6478BD642Full;
    }

    static std::uint64_t finish(std::uint64_t h) {
        h ^= h >> 33;
        h *= 0xFF51AFD7ED558CCDull;
        h ^= h >> 33;
        h *= 0xC4CEB9FE1A85EC53ull;
        return h ^ (h >> 33);
    }

    std::uint64_t a_ = 0x243F6A8885A308D3ull;
    std::uint64_t b_ = 0x13198A2E03707344ull;
};

void add_match(Digest& digest, const ModelMatch& match) {
    digest.number(static_cast<std::int64_t>(match.kind));
    digest.text(match.text);
    digest.number(static_cast<std::int64_t>(match.parts.size()));
    for (const ModelMatch& part : match.parts) add_match(digest, part);
}

void add_instant(Digest& digest, const std::optional<UnixTime>& t) {
    digest.number(t.has_value() ? 1 : 0);
    digest.number(t ? t->ns : 0);
}

template <std::size_t N>
void add_rates(Digest& digest, const std::array<std::optional<Rate>, N>& rates) {
    for (const auto& rate : rates) digest.number(rate ? rate->femto() : -1);
}

void add_row(Digest& digest, const PriceRow& row) {
    digest.text(row.id);
    digest.text(row.provider);
    digest.text(row.model);
    add_match(digest, row.match);
    add_instant(digest, row.from);
    add_instant(digest, row.until);
    digest.number(row.daily ? row.daily->from_s : -1);
    digest.number(row.daily ? row.daily->until_s : -1);
    digest.number(row.context_window);
    digest.number(row.max_output);
    digest.number(static_cast<std::int64_t>(row.origin));
    for (const PriceTier& tier : row.tiers) {
        digest.text(tier.name);
        for (const PriceBand& band : tier.bands) {
            digest.number(band.above_input_tokens);
            add_rates(digest, band.prices.token);
            add_rates(digest, band.prices.unit);
        }
    }
}

}  // namespace

std::string hash_of_rows(const std::vector<PriceRow>& rows) {
    Digest digest;
    digest.number(static_cast<std::int64_t>(rows.size()));
    for (const PriceRow& row : rows) add_row(digest, row);
    return digest.hex();
}

}  // namespace weir::core
