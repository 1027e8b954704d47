// Query strings and bodies of the admin API: whatever comes is values or an error of the listed
// kinds, an answer about it is JSON, and a team owner's question is always about its own team.
#include <algorithm>

#include "admin/call_query.h"
#include "fuzz/target.h"

namespace {

using namespace weir;
using namespace weir::admin;

bool is_refusal(const Error& error) {
    return error.code() == ErrorCode::invalid_parameter ||
           error.code() == ErrorCode::malformed_json || error.code() == ErrorCode::forbidden;
}

void check_error(const Error& error) {
    WEIR_CHECK(is_refusal(error));
    const std::string text = to_text({{"message", error.message()}});
    WEIR_CHECK(!Json::parse(text, nullptr, false).is_discarded());
}

void check_fields(Fields fields) {
    const bool good = fields.problem().has_value();
    (void)fields.flag("errors");
    (void)fields.integer("limit", 1, 1'000);
    (void)fields.time("from");
    (void)fields.usd("usd");
    (void)fields.list("models");
    (void)fields.members("attributes");
    const std::string name = fields.required("team");
    const Result<> problem = fields.problem();
    // Reading on never makes a wrong request a good one.
    WEIR_CHECK(good || !problem);
    if (problem) {
        WEIR_CHECK(!name.empty() && name.find('\n') == std::string::npos);
    } else {
        check_error(problem.error());
    }
}

void check_own_team(const std::vector<std::pair<core::Dimension, std::string>>& where) {
    WEIR_CHECK(std::ranges::count(where, core::Dimension::team,
                                  [](const auto& w) { return w.first; }) == 1);
    for (const auto& [dimension, value] : where) {
        WEIR_CHECK(dimension != core::Dimension::team || value == "own");
    }
}

void check_own_team(const std::vector<core::Condition>& where) {
    const core::Facet team = core::Dimension::team;
    WEIR_CHECK(std::ranges::count(where, team, &core::Condition::facet) == 1);
    for (const core::Condition& condition : where) {
        WEIR_CHECK(condition.facet != team || condition.any_of == std::vector<std::string>{"own"});
    }
}

void check_queries(std::string_view text) {
    Request request;
    request.query = text;
    request.caller = {"key:k", "k", store::KeyRole::team_owner, "own"};
    request.now = UnixTime::from_seconds(1'795'489'200);
    if (const Result<CallQuery> query = read_call_query(request)) {
        check_own_team(query->filter.where);
        WEIR_CHECK(query->limit >= 1 && query->limit <= kCallsMax);
        if (query->after) WEIR_CHECK(parse_page(page_text(*query->after)) == query->after);
        if (query->place) WEIR_CHECK(parse_place(place_text(*query->place)) == query->place);
    } else {
        check_error(query.error());
    }
    const core::Teams teams = {{"own", {"own", {{"department", "research"}, {"region", "eu"}}}}};
    if (const Result<store::SpendQuery> query = read_spend_query(request, teams, nullptr)) {
        check_own_team(query->where);
        WEIR_CHECK(query->from <= query->until);
    } else {
        check_error(query.error());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = weir::fuzz::text_of(data, size);
    const Fields::Names names = {"team", "errors", "limit", "from", "usd", "models", "attributes"};
    check_fields(Fields::of_query(text, names));
    check_fields(Fields::of_body(text, names));
    check_queries(text);
    return 0;
}
