#include "app/time_zones.h"

#include <algorithm>
#include <array>
#include <cctz/civil_time.h>
#include <cctz/time_zone.h>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <string_view>
#include <vector>

#include "base/nearest.h"

namespace weir::app {
namespace {

namespace fs = std::filesystem;
using Instant = cctz::time_point<cctz::seconds>;

// Rules are known for ever, shifts are written down for as long as anybody's budget may live.
const Instant kWrittenUntil =
    cctz::convert(cctz::civil_second(2200, 1, 1, 0, 0, 0), cctz::utc_time_zone());

fs::path database() {
    const char* set = std::getenv("TZDIR");  // NOLINT(concurrency-mt-unsafe): before threads
    return set != nullptr && *set != '\0' ? set : "/usr/share/zoneinfo";
}

bool is_zone_file(const fs::path& path) {
    std::array<char, 4> magic{};
    std::ifstream in(path, std::ios::binary);
    in.read(magic.data(), magic.size());
    return in.good() && std::string_view{magic.data(), magic.size()} == "TZif";
}

// Not a path out of the database, nor a name by which the machine means itself, or the same zones
// again.
bool is_zone_name(std::string_view name) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '/' || c == '_' || c == '-' || c == '+';
    };
    return !name.empty() && !name.starts_with('/') && std::ranges::all_of(name, fits) &&
           name != "localtime" && name != "posixrules" && name != "Factory" &&
           !name.starts_with("posix/") && !name.starts_with("right/");
}

std::vector<std::string> zone_names() {
    std::vector<std::string> names;
    const fs::path root = database();
    std::error_code error;
    for (fs::recursive_directory_iterator at{root, error}, end; !error && at != end;
         at.increment(error)) {
        const std::string name = at->path().lexically_relative(root).string();
        std::error_code unreadable;
        if (!at->is_regular_file(unreadable) || !is_zone_name(name)) continue;
        if (is_zone_file(at->path())) names.push_back(name);
    }
    std::ranges::sort(names);
    return names;
}

std::string plain(std::string_view text) {
    std::string out{text};
    for (char& c : out) {
        if (c == ' ') c = '_';
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

// By its own name in other letters, or by its city's; else what is spelled most like it.
std::string meant(const std::string& name, const std::vector<std::string>& known) {
    constexpr std::size_t kMost = 3;
    const std::string wanted = plain(name);
    std::vector<std::string> found;
    for (const std::string& zone : known) {
        const std::string text = plain(zone);
        if (text == wanted || text.ends_with("/" + wanted)) found.push_back("'" + zone + "'");
    }
    if (!found.empty()) {
        found.resize(std::min(found.size(), kMost));
        return fmt::format(" (did you mean {}?)", fmt::join(found, " or "));
    }
    return did_you_mean(name, std::vector<std::string_view>{known.begin(), known.end()});
}

core::Zone zone_of(const std::string& name, const cctz::time_zone& zone) {
    Instant at = Instant::min();
    const auto offset = [&] {
        return std::int64_t{zone.lookup(at).offset};
    };
    const std::int64_t first = offset();
    std::vector<core::Zone::Shift> shifts;
    cctz::time_zone::civil_transition change;
    while (zone.next_transition(at, &change)) {
        at = zone.lookup(change.to).trans;
        if (at >= kWrittenUntil) break;
        shifts.push_back({at.time_since_epoch().count(), offset()});
    }
    return {name, first, shifts};
}

}  // namespace

Result<std::shared_ptr<const core::Zone>> read_zone(const std::string& name) {
    if (name == "UTC") return std::make_shared<const core::Zone>();
    cctz::time_zone zone;
    const bool there = is_zone_name(name) && is_zone_file(database() / name);
    if (there && cctz::load_time_zone(name, &zone)) {
        return std::make_shared<const core::Zone>(zone_of(name, zone));
    }
    const std::vector<std::string> known = zone_names();
    if (known.empty()) {
        return fail(ErrorCode::config_invalid,
                    fmt::format("this machine has no time zones in {}: install tzdata, or leave "
                                "'timezone' at UTC",
                                database().string()));
    }
    return fail(ErrorCode::config_invalid,
                fmt::format("there is no time zone '{}'{}", name, meant(name, known)));
}

}  // namespace weir::app
