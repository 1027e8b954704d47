// The handlers of the route table, by resource. Each stands in the file of its resource.
#pragma once

#include "admin/request.h"

namespace weir::admin {

// server.cpp
Result<Answer> get_health(Services& services, const Request& request);
Result<Answer> get_ready(Services& services, const Request& request);
Result<Answer> get_openapi(Services& services, const Request& request);
Result<Answer> get_me(Services& services, const Request& request);

// keys.cpp
Result<Answer> list_keys(Services& services, const Request& request);
Result<Answer> create_key(Services& services, const Request& request);
Result<Answer> get_key(Services& services, const Request& request);
Result<Answer> bind_key(Services& services, const Request& request);
Result<Answer> rotate_key(Services& services, const Request& request);
Result<Answer> expire_key(Services& services, const Request& request);
Result<Answer> revoke_key(Services& services, const Request& request);

// teams.cpp
Result<Answer> list_teams(Services& services, const Request& request);
Result<Answer> create_team(Services& services, const Request& request);
Result<Answer> get_team(Services& services, const Request& request);
Result<Answer> update_team(Services& services, const Request& request);
Result<Answer> remove_team(Services& services, const Request& request);

// calls.cpp
Result<Answer> list_calls(Services& services, const Request& request);
Result<Answer> follow_calls(Services& services, const Request& request);
Result<Answer> get_call(Services& services, const Request& request);

// spend.cpp
Result<Answer> get_spend(Services& services, const Request& request);

// budgets.cpp
Result<Answer> list_budgets(Services& services, const Request& request);
Result<Answer> get_budget(Services& services, const Request& request);
Result<Answer> put_budget(Services& services, const Request& request);
Result<Answer> remove_budget(Services& services, const Request& request);
Result<Answer> raise_budget(Services& services, const Request& request);
Result<Answer> end_raises(Services& services, const Request& request);

// providers.cpp
Result<Answer> list_providers(Services& services, const Request& request);

// simulate.cpp
Result<Answer> simulate_budgets(Services& services, const Request& request);

// stops.cpp
Result<Answer> list_stops(Services& services, const Request& request);
Result<Answer> create_stop(Services& services, const Request& request);
Result<Answer> remove_stop(Services& services, const Request& request);

// enforcement.cpp
Result<Answer> get_enforcement(Services& services, const Request& request);
Result<Answer> observe_rules(Services& services, const Request& request);
Result<Answer> enforce_rules(Services& services, const Request& request);

// events.cpp
Result<Answer> list_events(Services& services, const Request& request);
Result<Answer> list_webhooks(Services& services, const Request& request);
Result<Answer> test_webhook(Services& services, const Request& request);
Result<Answer> retry_webhook(Services& services, const Request& request);

// prices.cpp
Result<Answer> list_prices(Services& services, const Request& request);
Result<Answer> find_prices(Services& services, const Request& request);
Result<Answer> import_prices(Services& services, const Request& request);
Result<Answer> compare_prices(Services& services, const Request& request);

// ledger.cpp
Result<Answer> list_orphans(Services& services, const Request& request);
Result<Answer> correct_attempt(Services& services, const Request& request);

// audit.cpp
Result<Answer> list_audit(Services& services, const Request& request);

// After a change was stored: hands it to the road. Errors: as of Services::publish, saying that the
// change stands and that the road does not know all of it yet.
Result<> publish(Services& services);

}  // namespace weir::admin
