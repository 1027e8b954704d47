#include "admin/fields.h"
#include "admin/handlers.h"

namespace weir::admin {
namespace {

constexpr std::int64_t kRowsMax = 1'000;
constexpr std::int64_t kRowsUsual = 100;

Json parsed(const std::string& text) {
    Json value = text.empty() ? Json(nullptr) : Json::parse(text, nullptr, false);
    return value.is_discarded() ? Json(text) : value;
}

}  // namespace

Result<Answer> list_audit(Services& services, const Request& request) {
    Fields query = Fields::of_query(request.query, {"before", "limit"});
    const std::int64_t before = query.integer("before", 1, INT64_MAX).value_or(0);
    const std::int64_t limit = query.integer("limit", 1, kRowsMax).value_or(kRowsUsual);
    if (Result<> good = query.problem(); !good) return std::unexpected(std::move(good).error());
    Result<std::vector<store::AuditRow>> rows =
        services.directory.audit(before, static_cast<std::size_t>(limit));
    if (!rows) return std::unexpected(std::move(rows).error());
    Json list = Json::array();
    for (const store::AuditRow& row : *rows) {
        list.push_back({{"row", row.row},
                        {"at", json_time(row.at)},
                        {"actor", row.actor},
                        {"action", row.action},
                        {"subject", row.subject},
                        {"before", parsed(row.before)},
                        {"after", parsed(row.after)}});
    }
    const bool more = rows->size() == static_cast<std::size_t>(limit) && rows->back().row > 1;
    return answer(
        {{"audit", std::move(list)}, {"next", more ? Json(rows->back().row) : Json(nullptr)}});
}

}  // namespace weir::admin
