// The clock on the wall of one place: how far it was from UTC, and since when. A value; who reads
// the machine's time zone database makes it (app/time_zones). Pure. Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir::core {

// Seconds everywhere: UTC since 1970, and `local` what the wall shows, counted the same way.
class Zone {
 public:
    struct Shift {
        std::int64_t since = 0;   // UTC
        std::int64_t offset = 0;  // local − UTC, from then on
        bool operator==(const Shift&) const = default;
    };

    Zone() : Zone("UTC", 0, {}) {}
    // `offset` holds before the first shift; shifts are in the order of time.
    Zone(std::string name, std::int64_t offset, const std::vector<Shift>& shifts);

    const std::string& name() const { return name_; }
    bool is_utc() const { return eras_.size() == 1 && eras_.front().offset == 0; }
    // The latest that the wall has shown until then: it stands while clocks repeat what was.
    std::int64_t latest_local(std::int64_t utc) const;
    // The first instant at which the wall shows this, or later where it never shows this.
    std::int64_t first_at(std::int64_t local) const;

 private:
    struct Era {
        std::int64_t since = 0;
        std::int64_t offset = 0;
        std::int64_t latest_before = 0;  // local, over all earlier eras
    };

    std::string name_;
    std::vector<Era> eras_;  // never empty
};

}  // namespace weir::core
