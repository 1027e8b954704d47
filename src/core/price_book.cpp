#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "core/price.h"
#include "core/price_hash.h"
#include "core/price_match.h"
#include "core/price_resolve.h"

namespace weir::core {
namespace {

constexpr std::size_t kNameMax = 512;      // a longer model name is no catalogue's
constexpr std::size_t kSlots = 4096;       // of remembered answers; a power of two
constexpr std::size_t kRemembered = 2048;  // callers' made-up names must not fill memory
constexpr std::size_t kProbes = 8;

// Positions of the rows for one model name, best first; dates are asked at each lookup.
using Positions = std::vector<std::uint32_t>;

struct Remembered {
    std::uint64_t hash;
    std::string provider;
    std::string model;
    Positions rows;
};

struct Vendor {
    std::unordered_map<std::string, Positions> exact;  // lower-case names
    Positions patterns;                                // rows that other names may match as well
    Positions dearest;                                 // dearest first
};

std::uint64_t hash_of(std::string_view provider, std::string_view model) {
    std::uint64_t h = 0x9E3779B97F4A7C15ull ^ (provider.size() << 32 | model.size());
    for (std::string_view text : {provider, model}) {
        for (; text.size() >= 8; text.remove_prefix(8)) {
            std::uint64_t word = 0;
            std::memcpy(&word, text.data(), 8);
            h = (h ^ word) * 0xC2B2AE3D27D4EB4Full;
            h ^= h >> 29;
        }
        std::uint64_t last = 0;
        if (!text.empty()) std::memcpy(&last, text.data(), text.size());
        h = (h ^ last) * 0xC2B2AE3D27D4EB4Full;
        h ^= h >> 32;
    }
    return h;
}

bool is_within(const DailyWindow& window, UnixTime at) {
    constexpr std::int64_t kDay = 86'400;
    auto second = static_cast<std::int32_t>(((at.seconds() % kDay) + kDay) % kDay);
    if (window.until_s < window.from_s) return second >= window.from_s || second < window.until_s;
    return second >= window.from_s && second < window.until_s;
}

bool in_effect(const PriceRow& row, UnixTime at) {
    if (row.from && at < *row.from) return false;
    if (row.until && at >= *row.until) return false;
    return !row.daily || is_within(*row.daily, at);
}

bool dates_overlap(const PriceRow& a, const PriceRow& b) {
    bool a_ends_first = a.until && b.from && *a.until <= *b.from;
    bool b_ends_first = b.until && a.from && *b.until <= *a.from;
    return !a_ends_first && !b_ends_first;
}

// What an average call costs, roughly: its only use is to order rows.
Int128 dearness(const PriceRow& row) {
    Int128 most = 0;
    for (const PriceBand& band : standard_tier(row).bands) {
        auto in = class_price(band.prices, TokenClass::input);
        auto out = class_price(band.prices, TokenClass::output);
        Int128 sum = (in ? Int128{in->rate.femto()} : 0) + (out ? Int128{out->rate.femto()} : 0);
        most = std::max(most, sum);
    }
    return most;
}

std::unexpected<Error> bad_row(const PriceRow& row, std::string_view what) {
    return fail(ErrorCode::config_invalid, "price row " + row.id + ": " + std::string(what));
}

Result<> check_row(const PriceRow& row) {
    if (row.id.empty() || row.provider.empty() || row.model.empty()) {
        return bad_row(row, "a row needs an id, a provider and a model");
    }
    if (tier_named(row, kStandardTier) == nullptr) return bad_row(row, "has no standard tier");
    if (row.from && row.until && *row.until <= *row.from)
        return bad_row(row, "ends before it begins");
    if (row.context_window < 0 || row.max_output < 0) return bad_row(row, "has a negative limit");
    for (const PriceTier& tier : row.tiers) {
        if (tier.bands.empty() || tier.bands.front().above_input_tokens != 0) {
            return bad_row(row, "tier " + tier.name + " has no band from zero tokens on");
        }
        auto not_ascending = [](const PriceBand& a, const PriceBand& b) {
            return a.above_input_tokens >= b.above_input_tokens;
        };
        if (std::ranges::adjacent_find(tier.bands, not_ascending) != tier.bands.end()) {
            return bad_row(row, "the bands of tier " + tier.name + " do not ascend");
        }
    }
    return {};
}

// Rows of one model and origin may follow each other, never overlap: there would be two prices.
Result<> check_dates(const std::vector<PriceRow>& rows) {
    using Key = std::tuple<PriceOrigin, std::string_view, std::string_view>;
    std::map<Key, std::vector<const PriceRow*>> of_model;
    for (const PriceRow& row : rows) {
        auto& earlier = of_model[{row.origin, row.provider, row.model}];
        for (const PriceRow* other : earlier) {
            if (other->id == row.id) return bad_row(row, "appears twice");
            if (other->daily == row.daily && dates_overlap(*other, row)) {
                return bad_row(row, "overlaps in time with " + other->id);
            }
            if (row.daily && !other->daily) {
                return bad_row(row, "must stand before the row for the whole day: " + other->id);
            }
        }
        earlier.push_back(&row);
    }
    return {};
}

// The operator's own rates before imports before the catalogue; what is only assumed comes last.
int precedence(PriceOrigin origin) {
    return origin == PriceOrigin::provisional ? -1 : static_cast<int>(origin);
}

// By provider, then by origin; rows of one origin keep their order, in which the first match
// counts.
std::vector<PriceRow> in_order(std::vector<PriceRow> rows) {
    std::vector<std::size_t> order(rows.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, [&rows](std::size_t a, std::size_t b) {
        if (auto c = rows[a].provider <=> rows[b].provider; c != 0) return c < 0;
        int of_a = precedence(rows[a].origin);
        int of_b = precedence(rows[b].origin);
        return of_a != of_b ? of_a > of_b : a < b;
    });
    std::vector<PriceRow> out;
    out.reserve(rows.size());
    for (std::size_t i : order) out.push_back(std::move(rows[i]));
    return out;
}

// "-20260423" at the end, or before '-' or ':', → "-2026-04-23"; empty if there is none.
std::string with_dashed_date(std::string_view model) {
    auto is_digit = [](char c) {
        return c >= '0' && c <= '9';
    };
    for (std::size_t i = 0; i + 9 <= model.size(); ++i) {
        if (model[i] != '-' || model[i + 1] != '2' || model[i + 2] != '0') continue;
        std::string_view date = model.substr(i + 1, 8);
        bool ends = i + 9 == model.size() || model[i + 9] == '-' || model[i + 9] == ':';
        if (!ends || !std::ranges::all_of(date, is_digit)) continue;
        std::string out(model.substr(0, i + 5));
        out.append("-").append(date.substr(4, 2)).append("-").append(date.substr(6, 2));
        return out.append(model.substr(i + 9));
    }
    return {};
}

}  // namespace

std::string_view price_origin_name(PriceOrigin o) {
    switch (o) {
        case PriceOrigin::embedded:
            return "embedded";
        case PriceOrigin::imported:
            return "imported";
        case PriceOrigin::overlay:
            return "overlay";
        case PriceOrigin::provisional:
            return "provisional";
        case PriceOrigin::declared_local:
            return "declared_local";
    }
    return "unknown";
}

struct PriceBook::Impl {
    std::vector<PriceRow> rows;
    std::vector<ModelMatcher> matchers;  // of rows, by position
    std::unordered_map<std::string, Vendor> vendors;
    std::string hash;

    // Answers are only ever added, so that a reader needs no lock and no answer it holds can go.
    std::array<std::atomic<const Remembered*>, kSlots> slots{};
    std::mutex adding;
    std::vector<std::unique_ptr<const Remembered>> remembered;  // guarded by `adding`

    Result<> index();
    const Remembered* recall(std::uint64_t hash, std::string_view provider,
                             std::string_view model) const;
    void remember(Remembered answer);
    Positions candidates(std::string_view provider, std::string_view model) const;
    const PriceRow* first_in_effect(const Positions& positions, UnixTime at) const {
        for (std::uint32_t position : positions) {
            if (in_effect(rows[position], at)) return &rows[position];
        }
        return nullptr;
    }
};

Result<> PriceBook::Impl::index() {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        auto matcher = ModelMatcher::compile(rows[i].match);
        if (!matcher) return bad_row(rows[i], matcher.error().message());
        Vendor& vendor = vendors[rows[i].provider];
        auto position = static_cast<std::uint32_t>(i);
        names.clear();
        bool others_too = !matcher->exact_names(names);
        for (std::string& name : names) {
            Positions& at = vendor.exact[std::move(name)];
            if (at.empty() || at.back() != position) at.push_back(position);
        }
        if (others_too) vendor.patterns.push_back(position);
        vendor.dearest.push_back(position);
        matchers.push_back(std::move(*matcher));
    }
    for (auto& [name, vendor] : vendors) {
        std::ranges::sort(vendor.dearest, [this](std::uint32_t a, std::uint32_t b) {
            Int128 of_a = dearness(rows[a]);
            Int128 of_b = dearness(rows[b]);
            return of_a != of_b ? of_a > of_b : a < b;
        });
    }
    return {};
}

Positions PriceBook::Impl::candidates(std::string_view provider, std::string_view model) const {
    auto vendor = vendors.find(std::string(provider));
    if (vendor == vendors.end()) return {};
    std::string lower = lower_ascii(model);
    Positions out;
    if (auto exact = vendor->second.exact.find(lower); exact != vendor->second.exact.end()) {
        out = exact->second;
    }
    for (std::uint32_t position : vendor->second.patterns) {
        if (matchers[position].matches(model, lower)) out.push_back(position);
    }
    std::ranges::sort(out);
    auto repeated = std::ranges::unique(out);
    out.erase(repeated.begin(), repeated.end());
    return out;
}

const Remembered* PriceBook::Impl::recall(std::uint64_t hash_value, std::string_view provider,
                                          std::string_view model) const {
    for (std::size_t probe = 0; probe < kProbes; ++probe) {
        const Remembered* answer =
            slots[(hash_value + probe) & (kSlots - 1)].load(std::memory_order_acquire);
        if (answer == nullptr) return nullptr;
        if (answer->hash == hash_value && answer->model == model && answer->provider == provider) {
            return answer;
        }
    }
    return nullptr;
}

void PriceBook::Impl::remember(Remembered answer) {
    std::scoped_lock lock(adding);
    if (remembered.size() >= kRemembered || recall(answer.hash, answer.provider, answer.model)) {
        return;
    }
    for (std::size_t probe = 0; probe < kProbes; ++probe) {
        auto& slot = slots[(answer.hash + probe) & (kSlots - 1)];
        if (slot.load(std::memory_order_relaxed) != nullptr) continue;
        remembered.push_back(std::make_unique<const Remembered>(std::move(answer)));
        slot.store(remembered.back().get(), std::memory_order_release);
        return;
    }
}

PriceBook::PriceBook(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PriceBook::~PriceBook() = default;

Result<std::shared_ptr<const PriceBook>> PriceBook::build(std::vector<PriceRow> rows) {
    for (const PriceRow& row : rows) {
        if (auto checked = check_row(row); !checked) return std::unexpected(checked.error());
    }
    rows = in_order(std::move(rows));
    if (auto checked = check_dates(rows); !checked) return std::unexpected(checked.error());
    auto impl = std::make_unique<Impl>();
    impl->rows = std::move(rows);
    impl->hash = hash_of_rows(impl->rows);
    if (auto indexed = impl->index(); !indexed) return std::unexpected(indexed.error());
    return std::shared_ptr<const PriceBook>(new PriceBook(std::move(impl)));
}

const PriceRow* PriceBook::find(std::string_view provider, std::string_view model,
                                UnixTime at) const {
    if (model.empty() || model.size() > kNameMax) return nullptr;
    std::uint64_t hash_value = hash_of(provider, model);
    if (const Remembered* known = impl_->recall(hash_value, provider, model)) {
        return impl_->first_in_effect(known->rows, at);
    }
    Positions positions = impl_->candidates(provider, model);
    if (positions.empty()) {
        if (std::string dashed = with_dashed_date(model); !dashed.empty()) {
            positions = impl_->candidates(provider, dashed);
        }
    }
    const PriceRow* row = impl_->first_in_effect(positions, at);
    if (!positions.empty()) {
        impl_->remember(
            {hash_value, std::string(provider), std::string(model), std::move(positions)});
    }
    return row;
}

const PriceRow* PriceBook::dearest_of(std::string_view provider, UnixTime at) const {
    auto vendor = impl_->vendors.find(std::string(provider));
    if (vendor == impl_->vendors.end()) return nullptr;
    return impl_->first_in_effect(vendor->second.dearest, at);
}

const std::vector<PriceRow>& PriceBook::rows() const { return impl_->rows; }
const std::string& PriceBook::hash() const { return impl_->hash; }

}  // namespace weir::core
