#include "admin/call_query.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

#include "base/nearest.h"

namespace weir::admin {
namespace {

constexpr std::array<std::string_view, 6> kStates = {"open",    "settled",  "released",
                                                     "unknown", "orphaned", "refused"};

std::vector<std::string_view> dimension_names() {
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < core::kDimensions; ++i) {
        names.push_back(core::dimension_name(static_cast<core::Dimension>(i)));
    }
    return names;
}

using Where = std::vector<std::pair<core::Dimension, std::string>>;

Where read_where(Fields& query) {
    Where where;
    for (std::size_t i = 0; i < core::kDimensions; ++i) {
        const auto d = static_cast<core::Dimension>(i);
        if (auto value = query.text(core::dimension_name(d))) where.emplace_back(d, *value);
    }
    return where;
}

// A team owner asks of its own team, whether it says so or not.
Result<> narrow(const Caller& caller, Where& where) {
    if (!caller.only_team()) return {};
    const auto team = std::ranges::find(where, core::Dimension::team, &Where::value_type::first);
    if (team == where.end()) {
        where.emplace_back(core::Dimension::team, std::string{*caller.only_team()});
    } else if (!caller.sees_team(team->second)) {
        return fail(ErrorCode::forbidden, "A team owner sees its own team only.");
    }
    return {};
}

std::optional<std::int64_t> whole(std::string_view text) {
    std::int64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
    return value;
}

// All that spend can be told apart by.
std::vector<std::string> spend_names(const core::Teams& teams) {
    std::vector<std::string> names;
    for (const std::string_view name : core::facet_names()) names.emplace_back(name);
    for (const auto& [name, team] : teams) {
        for (const auto& [attribute, value] : team.attributes) {
            std::string full = core::Facet::named("team." + attribute)->name();
            if (std::ranges::find(names, full) == names.end()) names.push_back(std::move(full));
        }
    }
    return names;
}

Result<> narrow(const Caller& caller, std::vector<core::Condition>& where) {
    if (!caller.only_team()) return {};
    const auto team =
        std::ranges::find(where, core::Facet{core::Dimension::team}, &core::Condition::facet);
    if (team == where.end()) {
        where.push_back({core::Dimension::team, {std::string{*caller.only_team()}}});
    } else if (!caller.sees_team(team->any_of.front())) {
        return fail(ErrorCode::forbidden, "A team owner sees its own team only.");
    }
    return {};
}

}  // namespace

std::string page_text(const store::PageKey& key) {
    return fmt::format("{}~{}", key.admitted_at.ns, key.id.text());
}

std::optional<store::PageKey> parse_page(std::string_view text) {
    const std::size_t mark = text.find('~');
    if (mark == std::string_view::npos) return std::nullopt;
    const auto ns = whole(text.substr(0, mark));
    const auto id = AttemptId::parse(text.substr(mark + 1));
    if (!ns || !id) return std::nullopt;
    return store::PageKey{{*ns}, *id};
}

std::string place_text(const store::FollowPlace& place) {
    return fmt::format("{}~{}", place.entry, place.refusal);
}

std::optional<store::FollowPlace> parse_place(std::string_view text) {
    const std::size_t mark = text.find('~');
    if (mark == std::string_view::npos) return std::nullopt;
    const auto entry = whole(text.substr(0, mark));
    const auto refusal = whole(text.substr(mark + 1));
    if (!entry || !refusal) return std::nullopt;
    return store::FollowPlace{*entry, *refusal};
}

Result<CallQuery> read_call_query(const Request& request) {
    Fields::Names allowed = dimension_names();
    for (const std::string_view name : {"asked_model", "state", "errors", "unproven", "from",
                                        "until", "limit", "after", "place"}) {
        allowed.push_back(name);
    }
    Fields query = Fields::of_query(request.query, allowed);
    CallQuery out;
    out.filter.where = read_where(query);
    out.filter.asked_model = query.text("asked_model");
    out.filter.state = query.text("state");
    if (out.filter.state && std::ranges::find(kStates, *out.filter.state) == kStates.end()) {
        query.complain(fmt::format("'state' is one of {}{}.", fmt::join(kStates, ", "),
                                   did_you_mean(*out.filter.state, kStates)));
    }
    out.filter.errors = query.flag("errors");
    out.filter.unproven = query.flag("unproven");
    out.filter.from = query.time("from");
    out.filter.until = query.time("until");
    out.limit =
        static_cast<std::size_t>(query.integer("limit", 1, kCallsMax).value_or(kCallsUsual));
    if (auto after = query.text("after")) {
        out.after = parse_page(*after);
        if (!out.after) query.complain("'after' is the 'next' of an earlier answer.");
    }
    if (auto place = query.text("place")) {
        out.place = parse_place(*place);
        if (!out.place) query.complain("'place' is the 'place' of an earlier answer.");
    }
    if (Result<> good = query.problem(); !good) return std::unexpected(std::move(good).error());
    Result<> narrowed = narrow(request.caller, out.filter.where);
    if (!narrowed) return std::unexpected(std::move(narrowed).error());
    return out;
}

Result<store::SpendQuery> read_spend_query(const Request& request, const core::Teams& teams,
                                           const std::shared_ptr<const core::Zone>& zone) {
    const std::vector<std::string> known = spend_names(teams);
    const Fields::Names names{known.begin(), known.end()};
    Fields::Names allowed = names;
    for (const std::string_view name : {"by", "bucket", "from", "until"}) allowed.push_back(name);
    Fields query = Fields::of_query(request.query, allowed);
    store::SpendQuery out;
    for (const std::string& name : known) {
        if (auto value = query.text(name)) {
            out.where.push_back({*core::Facet::named(name), {std::move(*value)}});
        }
    }
    for (const std::string& name : query.list("by")) {
        const auto facet = core::Facet::named(name);
        if (!facet) {
            query.complain(fmt::format("There is no dimension '{}'{}.", name.substr(0, 64),
                                       did_you_mean(name, names)));
        } else if (std::ranges::find(out.by, *facet) == out.by.end()) {
            out.by.push_back(*facet);
            out.by.back().learn(teams);
        }
    }
    core::learn(out.where, teams);
    const std::string bucket = query.text_or("bucket", "none");
    if (bucket == "hour") {
        out.bucket = store::SpendQuery::Bucket::hour;
    } else if (bucket == "day") {
        out.bucket = store::SpendQuery::Bucket::day;
    } else if (bucket != "none") {
        query.complain("'bucket' is none, hour or day.");
    }
    // All that is there: to the end of the hour, which the rollups know as a whole.
    const auto until = query.time("until");
    out.until = until.value_or(
        UnixTime::from_seconds(core::window_at(core::WindowKind::hour, request.now).end));
    const core::WindowSpan month = core::window_at(
        core::WindowKind::month, until.value_or(request.now), zone ? *zone : core::Zone{});
    out.zone = zone;
    out.from = query.time("from").value_or(UnixTime::from_seconds(month.start));
    if (out.from > out.until) query.complain("'from' lies after 'until'.");
    if (Result<> good = query.problem(); !good) return std::unexpected(std::move(good).error());
    Result<> narrowed = narrow(request.caller, out.where);
    if (!narrowed) return std::unexpected(std::move(narrowed).error());
    return out;
}

}  // namespace weir::admin
