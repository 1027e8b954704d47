#include "admin/fields.h"
#include "admin/handlers.h"

namespace weir::admin {
namespace {

Json enforcement_json(const std::optional<core::Observing>& observing, UnixTime now) {
    if (!observing || observing->until <= now) return {{"mode", "enforce"}};
    return {{"mode", "observe"},
            {"until", to_rfc3339(observing->until)},
            {"reason", observing->reason},
            {"actor", observing->actor},
            {"since", to_rfc3339(observing->since)}};
}

}  // namespace

Result<Answer> get_enforcement(Services& services, const Request&) {
    Result<std::optional<core::Observing>> observing = services.directory.observing();
    if (!observing) return std::unexpected(std::move(observing).error());
    return answer(enforcement_json(*observing, services.clock.unix_now()));
}

Result<Answer> observe_rules(Services& services, const Request& request) {
    Fields body = Fields::of_body(request.body, {"until", "reason"});
    (void)body.required("until");
    const UnixTime until = body.time("until").value_or(UnixTime{});
    std::string reason = body.required("reason");
    if (Result<> good = body.problem(); !good) return std::unexpected(std::move(good).error());
    Result<core::Observing> observing =
        services.directory.observe(until, std::move(reason), request.change());
    if (!observing) return std::unexpected(std::move(observing).error());
    if (Result<> done = publish(services); !done) return std::unexpected(std::move(done).error());
    return answer(enforcement_json(*observing, services.clock.unix_now()));
}

Result<Answer> enforce_rules(Services& services, const Request& request) {
    Result<> done = services.directory.enforce(request.change());
    if (done) done = publish(services);
    if (!done) return std::unexpected(std::move(done).error());
    return answer({{"mode", "enforce"}});
}

}  // namespace weir::admin
