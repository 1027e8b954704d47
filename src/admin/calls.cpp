#include <algorithm>
#include <fmt/format.h>

#include "admin/call_json.h"
#include "admin/call_query.h"
#include "admin/handlers.h"

namespace weir::admin {
namespace {

Json rows_json(const std::vector<store::CallRow>& rows) {
    Json list = Json::array();
    for (const store::CallRow& row : rows) list.push_back(call_summary(row));
    return list;
}

bool is_of_caller(const Caller& caller, const store::CallDetail& call) {
    return std::ranges::all_of(call.attempts, [&](const store::CallDetail::Attempt& attempt) {
        return caller.sees_team(attempt.row.head.attribution.of(core::Dimension::team));
    });
}

}  // namespace

Result<Answer> list_calls(Services& services, const Request& request) {
    Result<CallQuery> query = read_call_query(request);
    if (!query) return std::unexpected(std::move(query).error());
    // What was just done is to be found. If the bookkeeper cannot, what is in the books still is
    // told: this is where one looks when something is wrong.
    const bool level = query->after || services.bookkeeper.flush().has_value();
    Result<store::CallPage> page =
        services.queries.calls(query->filter, query->after, query->limit);
    if (!page) return std::unexpected(std::move(page).error());
    return answer({{"calls", rows_json(page->rows)},
                   {"next", page->next ? Json(page_text(*page->next)) : Json(nullptr)},
                   {"complete", level}});
}

Result<Answer> follow_calls(Services& services, const Request& request) {
    Result<CallQuery> query = read_call_query(request);
    if (!query) return std::unexpected(std::move(query).error());
    if (!query->place) {
        Result<store::FollowPlace> latest = services.queries.latest_place();
        if (!latest) return std::unexpected(std::move(latest).error());
        return answer({{"calls", Json::array()}, {"place", place_text(*latest)}});
    }
    store::FollowPlace place = *query->place;
    auto rows = services.queries.follow(query->filter, place, query->limit);
    if (!rows) return std::unexpected(std::move(rows).error());
    return answer({{"calls", rows_json(*rows)}, {"place", place_text(place)}});
}

Result<Answer> get_call(Services& services, const Request& request) {
    const std::string& text = request.captures[0];
    std::optional<CallId> id = CallId::parse(text);
    // The id of an attempt names its call.
    if (!id) {
        if (const auto attempt = AttemptId::parse(text)) id = attempt->call;
    }
    if (!id) {
        return fail(ErrorCode::invalid_parameter,
                    fmt::format("'{}' is not the id of a call: they read call_ and 20 characters.",
                                text.substr(0, 64)));
    }
    (void)services.bookkeeper.flush();  // as in list_calls
    Result<store::CallDetail> call = services.queries.call(*id);
    const bool hidden = call && !is_of_caller(request.caller, *call);
    if (hidden || (!call && call.error().code() == ErrorCode::not_found)) {
        return fail(ErrorCode::not_found, fmt::format("There is no call {}.", id->text()));
    }
    if (!call) return std::unexpected(std::move(call).error());
    const auto view = request.caller.only_team() ? CallView::owner : CallView::everything;
    return Answer{200, call_json(*call, *services.policy(), view)};
}

}  // namespace weir::admin
