// What a caller may ask of calls and spend: query parameters → filters of the store, narrowed to
// the caller's own team. Pure. Thread: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "admin/fields.h"
#include "admin/request.h"
#include "store/queries.h"

namespace weir::admin {

struct CallQuery {
    store::CallFilter filter;
    std::size_t limit = 0;
    std::optional<store::PageKey> after;
    std::optional<store::FollowPlace> place;
};

inline constexpr std::int64_t kCallsMax = 1'000;
inline constexpr std::int64_t kCallsUsual = 100;

// Errors: invalid_parameter, forbidden (another team's, for a team owner).
Result<CallQuery> read_call_query(const Request& request);

// by, bucket (none, hour, day), from, until (now), and a condition on each dimension or attribute
// of these teams: a value, a glob, or "(none)". Without `from` the present month of that zone.
// Errors as above.
Result<store::SpendQuery> read_spend_query(const Request& request, const core::Teams& teams,
                                           const std::shared_ptr<const core::Zone>& zone);

// Places in lists, as text that means something to this server only.
std::string page_text(const store::PageKey& key);
std::optional<store::PageKey> parse_page(std::string_view text);
std::string place_text(const store::FollowPlace& place);
std::optional<store::FollowPlace> parse_place(std::string_view text);

}  // namespace weir::admin
