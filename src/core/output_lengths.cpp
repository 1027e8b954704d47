#include "core/output_lengths.h"

#include <algorithm>
#include <bit>

namespace weir::core {
namespace {

constexpr std::uint32_t kWholesForMost = 20;
constexpr std::uint32_t kWholesForRare = 200;
constexpr std::uint32_t kRemembered = 20'000;  // answers; then all counts are halved
constexpr double kMost = 0.7;
constexpr double kRare = 0.99;

}  // namespace

// Lengths below two octaves' worth each alone, then kParts to an octave.
std::size_t OutputLengths::bucket_of(std::int64_t tokens) {
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(tokens, 0));
    if (value < 2 * kParts) return static_cast<std::size_t>(value);
    const int shift = static_cast<int>(std::bit_width(value)) - 1 - kBits;
    const std::size_t octave = static_cast<std::size_t>(shift) + 1;
    return std::min(octave * kParts + ((value >> shift) & (kParts - 1)), kBuckets - 1);
}

std::int64_t OutputLengths::upper_edge(std::size_t bucket) {
    if (bucket < 2 * kParts) return static_cast<std::int64_t>(bucket);
    const std::size_t shift = bucket / kParts - 1;
    return static_cast<std::int64_t>(((bucket % kParts + kParts + 1) << shift) - 1);
}

std::string OutputLengths::name_of(std::string_view model, std::string_view task_type) {
    std::string name;
    name.reserve(model.size() + 1 + task_type.size());
    return name.append(model).append(1, '\n').append(task_type);
}

void OutputLengths::age(Kind& kind) {
    kind.wholes = kind.all = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
        kind.wholes += kind.whole[i] /= 2;
        kind.all += kind.whole[i] + (kind.cut[i] /= 2);
    }
}

void OutputLengths::ended(std::string_view model, std::string_view task_type, std::int64_t tokens,
                          bool cut) {
    std::string name = name_of(model, task_type);
    auto known = kinds_.find(name);
    if (known == kinds_.end()) {
        if (kinds_.size() >= kinds_max_) return;
        known = kinds_.emplace(std::move(name), Kind{}).first;
    }
    Kind& kind = known->second;
    if (kind.all >= kRemembered) age(kind);
    ++(cut ? kind.cut : kind.whole)[bucket_of(tokens)];
    kind.wholes += cut ? 0 : 1;
    ++kind.all;
}

// The share that outlives each length is the product of the shares that outlived the lengths
// before it, of those that got so far.
std::int64_t OutputLengths::quantile(const Kind& kind, double q) {
    double longer = 1;
    std::uint32_t at_risk = kind.all;
    for (std::size_t i = 0; i < kBuckets && at_risk > 0; ++i) {
        longer *= 1 - static_cast<double>(kind.whole[i]) / at_risk;
        if (kind.whole[i] > 0 && 1 - longer >= q) return upper_edge(i);
        at_risk -= kind.whole[i] + kind.cut[i];
    }
    return 0;
}

UsualOutput OutputLengths::usual(std::string_view model, std::string_view task_type) const {
    const auto known = kinds_.find(name_of(model, task_type));
    if (known == kinds_.end()) return {};
    const Kind& kind = known->second;
    UsualOutput out;
    if (kind.wholes >= kWholesForMost) out.most = quantile(kind, kMost);
    if (kind.wholes >= kWholesForRare) out.rare = quantile(kind, kRare);
    return out;
}

}  // namespace weir::core
