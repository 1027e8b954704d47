#include "core/zone.h"

#include <algorithm>
#include <iterator>
#include <limits>

namespace weir::core {
namespace {

constexpr std::int64_t kEver = std::numeric_limits<std::int64_t>::min();

}  // namespace

Zone::Zone(std::string name, std::int64_t offset, const std::vector<Shift>& shifts)
    : name_(std::move(name)), eras_{{kEver, offset, kEver}} {
    for (const Shift& shift : shifts) {
        const Era& before = eras_.back();
        const std::int64_t last_shown = shift.since - 1 + before.offset;
        eras_.push_back({shift.since, shift.offset, std::max(before.latest_before, last_shown)});
    }
}

std::int64_t Zone::latest_local(std::int64_t utc) const {
    const auto next = std::ranges::upper_bound(eras_, utc, {}, &Era::since);
    const Era& era = *std::prev(next);
    return std::max(utc + era.offset, era.latest_before);
}

std::int64_t Zone::first_at(std::int64_t local) const {
    // Before the first era whose past has shown as much already.
    const auto after = std::ranges::lower_bound(std::next(eras_.begin()), eras_.end(), local, {},
                                                &Era::latest_before);
    const Era& era = *std::prev(after);
    return std::max(local - era.offset, era.since);
}

}  // namespace weir::core
