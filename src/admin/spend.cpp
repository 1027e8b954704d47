#include "admin/call_query.h"
#include "admin/handlers.h"

namespace weir::admin {
namespace {

Json sums_json(const store::RollupSums& sums) {
    Json tokens = Json::object();
    for (std::size_t i = 0; i < core::kTokenClasses; ++i) {
        tokens[std::string{core::token_class_name(static_cast<core::TokenClass>(i))}] =
            sums.tokens[i];
    }
    return {{"calls", sums.calls},
            {"attempts", sums.attempts},
            {"errors", sums.errors},
            {"refusals", sums.refusals},
            {"unproven", sums.unknown},
            {"tokens", tokens},
            {"reasoning_tokens", sums.reasoning},
            {"units", sums.units},
            {"cost_usd", json_usd(sums.cost)},
            {"charge_usd", json_usd(sums.charge)},
            {"corrected_usd", json_usd(sums.corrected)}};
}

}  // namespace

Result<Answer> get_spend(Services& services, const Request& request) {
    const auto policy = services.policy();
    Result<store::SpendQuery> query = read_spend_query(request, policy->teams, policy->zone);
    if (!query) return std::unexpected(std::move(query).error());
    const bool level = services.bookkeeper.flush().has_value();
    Result<std::vector<store::SpendRow>> rows = services.queries.spend(*query);
    if (!rows) return std::unexpected(std::move(rows).error());
    store::RollupSums total;
    Json list = Json::array();
    for (const store::SpendRow& row : *rows) {
        total.add(row.sums);
        Json values = Json::object();
        for (std::size_t i = 0; i < query->by.size(); ++i) {
            values[query->by[i].name()] = json_text(row.values[i]);
        }
        Json line = {{"by", values}};
        if (query->bucket != store::SpendQuery::Bucket::none) {
            line["start"] = json_time(UnixTime::from_seconds(row.start));
        }
        line.update(sums_json(row.sums));
        list.push_back(std::move(line));
    }
    return answer({{"timezone", query->zone ? query->zone->name() : core::Zone{}.name()},
                   {"from", json_time(query->from)},
                   {"until", json_time(query->until)},
                   {"rows", std::move(list)},
                   {"total", sums_json(total)},
                   {"complete", level}});
}

}  // namespace weir::admin
