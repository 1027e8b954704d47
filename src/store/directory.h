// Who may call and what may be spent: keys, teams, budgets, stops, and the price books that entries
// refer to. Each change stands with its audit row in one transaction, and is on the disk before the
// call returns (ledger.md J8); the app then makes a new policy snapshot from `load_policy_parts`.
// Thread: one, the control thread; it waits for the bookkeeper's transaction where one is running.
// Errors: io, conflict (exists already, in use), not_found, invalid_parameter.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/secret.h"
#include "core/identify.h"
#include "core/policy.h"
#include "store/recovery.h"
#include "store/sqlite.h"

namespace weir::store {

// `data` keys call models; the others open the admin API (product.md §3.20).
enum class KeyRole : std::uint8_t { data, admin, finance, team_owner, viewer };
std::string_view key_role_name(KeyRole role);
std::optional<KeyRole> key_role_named(std::string_view name);

struct StoredKey {
    core::KeyRecord record;
    KeyRole role = KeyRole::data;
};

// What a new key is bound to.
struct KeySpec {
    std::string name;
    std::string team;
    KeyRole role = KeyRole::data;
    std::optional<UnixTime> expires;
    std::string application;
    std::string environment;
    std::string task_type;
    std::string user;
    std::vector<std::string> models;
};

// What a key stands for: it wins over anything a caller says.
struct KeyBinding {
    std::string application;
    std::string environment;
    std::string task_type;
    std::string user;
    std::vector<std::string> models;
};

struct MintedKey {
    StoredKey key;
    Secret text;  // shown once; only its digest is kept
};

// Who asks for a change, and when.
struct Change {
    std::string actor;
    UnixTime at;
};

struct AuditRow {
    std::int64_t row = 0;
    UnixTime at;
    std::string actor;
    std::string action;   // "key.create", "budget.update", …
    std::string subject;  // "key:<id>", "team:<name>", "budget:<name>", "stop:<id>"
    std::string before;   // JSON; empty: was not there
    std::string after;    // JSON; empty: is gone
};

struct PolicyParts {
    std::vector<core::KeyRecord> keys;  // data keys, revoked and expired ones too: they are told so
    std::vector<StoredKey> admin_keys;
    core::Teams teams;
    std::vector<core::BudgetSpec> budgets;
    std::vector<core::StopRule> stops;
    std::optional<core::Observing> observing;
};

class Directory {
 public:
    // `rng` must outlive the directory.
    static Result<std::unique_ptr<Directory>> open(const std::string& database_path,
                                                   core::Sha256 sha256, Rng& rng);

    Result<MintedKey> create_key(const KeySpec& spec, const Change& change);
    // A new secret for the same key; the present one works until `previous_until`.
    Result<MintedKey> rotate_key(std::string_view id, UnixTime previous_until,
                                 const Change& change);
    Result<StoredKey> expire_key(std::string_view id, UnixTime at, const Change& change);
    // The whole of it: what `binding` leaves empty is bound no more.
    Result<StoredKey> bind_key(std::string_view id, const KeyBinding& binding,
                               const Change& change);
    Result<StoredKey> revoke_key(std::string_view id, const Change& change);
    Result<StoredKey> key(std::string_view id);
    Result<std::vector<StoredKey>> keys();

    // A team's attributes are what they are now, for past calls too: a change makes budgets that
    // ask for them other budgets, which start with what the ledger knows. Flush first, as for
    // put_budget.
    Result<> create_team(const core::TeamRecord& team, const Change& change);
    Result<> update_team(const core::TeamRecord& team, const Change& change);
    // Errors: conflict while it has keys that are not revoked.
    Result<> remove_team(std::string_view name, const Change& change);
    Result<core::Teams> teams();

    // Creates or changes the budget of that name; returns it with its id and version. The id
    // follows from name, conditions, `by`, unit, window, zone: the same budget made again finds its
    // balances, and one that counts something else is another budget, which starts with what the
    // ledger knows of its present window (ledger.md W3, W4), calls in flight at their bounds. Let
    // the bookkeeper flush first. `origin`: "api", or a test's. Errors: conflict, of this and of
    // remove_budget, where the configuration has set it.
    Result<core::BudgetSpec> put_budget(const core::BudgetSpec& spec, std::string_view origin,
                                        const Change& change);
    Result<> remove_budget(std::string_view name, const Change& change);
    // The budgets of the configuration, whole: others of that origin are removed. From here on the
    // windows of all budgets are that zone's (nullptr: UTC). Flush first, too.
    Result<> apply_config_budgets(const std::vector<core::BudgetSpec>& specs,
                                  std::shared_ptr<const core::Zone> zone, const Change& change);
    Result<std::vector<core::BudgetSpec>> budgets();
    // Budgets that calls hold from now on: adds to their seeds what was admitted since they were
    // made, and before that. Returns what was added. Flush first, too.
    Result<std::vector<Balance>> seed_again(const std::vector<core::BudgetSpec>& specs,
                                            UnixTime now);
    // Names of those that the configuration has set.
    Result<std::vector<std::string>> configured_budgets();
    // More of a budget until an instant, whoever set it; it ends by itself, or with `end_raises`.
    // Both return the budget as it is then. Errors: not_found, conflict beyond 100 at once.
    Result<core::BudgetSpec> raise_budget(std::string_view name, core::BudgetRaise raise,
                                          const Change& change);
    Result<core::BudgetSpec> end_raises(std::string_view name, const Change& change);

    // Ends what `where` says until `resume`; at most 100 at once. Errors: conflict beyond.
    Result<core::StopRule> stop(std::vector<core::Condition> where, std::string reason,
                                const Change& change);
    Result<core::StopRule> resume(std::int64_t id, const Change& change);
    Result<std::vector<core::StopRule>> stops();

    // Nothing is held back until an instant, a month from now at most; or is again from now on.
    Result<core::Observing> observe(UnixTime until, std::string reason, const Change& change);
    Result<> enforce(const Change& change);
    Result<std::optional<core::Observing>> observing();

    // Keeps a book's canonical text under its hash; a book that is there already costs one look-up.
    Result<> keep_price_book(std::string_view hash, std::string_view content, UnixTime at);
    Result<std::string> price_book(std::string_view hash);

    Result<PolicyParts> load_policy_parts();
    // An audit row for a change that is kept elsewhere: a correction in the journal, a catalogue.
    Result<> note_change(const Change& change, std::string_view action, std::string_view subject,
                         const std::string& before, const std::string& after);
    // Latest first; `before_row` 0 = from the latest.
    Result<std::vector<AuditRow>> audit(std::int64_t before_row, std::size_t limit);

 private:
    Directory(Database database, core::Sha256 sha256, Rng& rng)
        : database_(std::move(database)), sha256_(sha256), rng_(&rng) {}
    Result<> in_transaction(const std::function<Result<>()>& body);
    Result<> write_key(const StoredKey& key);
    Result<StoredKey> change_key(std::string_view id, const Change& change, std::string_view action,
                                 const std::function<void(StoredKey&)>& edit);
    Result<std::optional<core::TeamRecord>> find_team(std::string_view name);
    Result<> write_team(const core::TeamRecord& team, UnixTime at);
    Result<core::BudgetSpec> put_budget_row(core::BudgetSpec spec, std::string_view origin,
                                            const Change& change);
    Result<> remove_budget_row(std::string_view name, const Change& change);
    Result<> remove_unlisted(const std::vector<core::BudgetSpec>& specs, const Change& change);
    Result<> put_config_budgets(const std::vector<core::BudgetSpec>& specs, const Change& change);
    Result<> note_zone(const Change& change);
    Result<> recount_budgets(const Change& change);
    Result<core::BudgetSpec> change_raises(
        std::string_view name, const std::function<Result<>(const core::BudgetSpec&)>& body);
    Result<> write_audit(const Change& change, std::string_view action, std::string_view subject,
                         const std::string& before, const std::string& after);

    Database database_;
    core::Sha256 sha256_;
    Rng* rng_;
    std::shared_ptr<const core::Zone> zone_;  // of the budgets' windows; nullptr: UTC
};

}  // namespace weir::store
