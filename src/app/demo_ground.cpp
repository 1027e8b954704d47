#include "app/demo_ground.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <optional>

#include "app/books.h"
#include "app/policy_builder.h"
#include "app/price_sources.h"
#include "app/small_file.h"
#include "sim/agents/office.h"

namespace weir::app {
namespace {

namespace fs = std::filesystem;
using std::chrono::days;
using std::chrono::hours;

// In a demo's data directory: "writing" until its past is whole, then "ready".
constexpr const char* kMarkFile = "demo.mark";
constexpr const char* kWriting = "writing\n";
constexpr const char* kReady = "ready\n";
constexpr std::string_view kVisitor = "you";

std::string mark_path(const DemoPlan& plan) { return plan.data_dir + "/" + kMarkFile; }

Result<> remove_all(const std::string& path) {
    std::error_code error;
    fs::remove_all(path, error);
    if (error) return fail(ErrorCode::io, "cannot remove " + path + ": " + error.message());
    return {};
}

// True: the directory holds a whole demo. What a demo left half-written, or `fresh` gives up, is
// thrown away; what is not a demo's is not touched.
Result<bool> look_around(const DemoPlan& plan) {
    std::error_code error;
    bool empty = !fs::exists(plan.data_dir, error) || fs::is_empty(plan.data_dir, error);
    if (error) {
        return fail(ErrorCode::io, "cannot look into " + plan.data_dir + ": " + error.message());
    }
    if (empty) return false;
    auto mark = read_file(mark_path(plan));
    if (!mark) {
        return fail(ErrorCode::conflict, plan.data_dir +
                                             " is not a demo's data directory: name another with "
                                             "--data");
    }
    if (*mark == kReady && !plan.fresh) return true;
    // Whoever still runs on it keeps it.
    if (auto lock = ledger::DataDirectory::open(plan.data_dir); !lock) {
        return std::unexpected(lock.error());
    }
    if (auto removed = remove_all(plan.data_dir); !removed) return std::unexpected(removed.error());
    return false;
}

Result<> mark(const DemoPlan& plan, const char* state) {
    std::error_code error;
    fs::create_directories(plan.data_dir, error);
    if (error) {
        return fail(ErrorCode::io, "cannot make " + plan.data_dir + ": " + error.message());
    }
    return write_file(mark_path(plan), state, 0644);
}

Environment simulated_keys() {
    return [](const std::string&) -> std::optional<std::string> {
        return "simulated";
    };
}

store::KeySpec spec_of(const agents::KeyPlan& plan) {
    store::KeySpec spec;
    spec.name = plan.name;
    spec.team = plan.team;
    spec.application = plan.application;
    spec.environment = plan.environment;
    if (!plan.models.empty()) spec.models.emplace_back(plan.models);
    return spec;
}

store::KeySpec visitor_spec() {
    store::KeySpec spec;
    spec.name = kVisitor;
    spec.team = "visitors";
    spec.application = "playground";
    spec.environment = "development";
    return spec;
}

// The teams, keys and budgets of one demo, while no service runs on its books.
class Registry {
 public:
    Registry(store::Directory& directory, store::Change change, DemoGround& ground)
        : directory_(directory), change_(std::move(change)), ground_(ground) {}

    Result<> make_keys() {
        for (const agents::KeyPlan& plan : agents::key_plans()) {
            if (auto made = make_team(std::string{plan.team}); !made) return made;
            auto key = directory_.create_key(spec_of(plan), change_);
            if (!key) return std::unexpected(key.error());
            ground_.keys[key->key.record.name] = std::move(key->text);
        }
        if (auto made = make_team(visitor_spec().team); !made) return made;
        auto key = directory_.create_key(visitor_spec(), change_);
        if (!key) return std::unexpected(key.error());
        visitor_id_ = key->key.record.id;
        ground_.visitor_key = std::move(key->text);
        return {};
    }

    // Only digests are kept, so a later start needs new secrets; the old ones work for a day.
    Result<> rotate_keys() {
        auto keys = directory_.keys();
        if (!keys) return std::unexpected(keys.error());
        for (const store::StoredKey& key : *keys) {
            const std::string& name = key.record.name;
            auto minted = directory_.rotate_key(key.record.id, change_.at + days{1}, change_);
            if (!minted) return std::unexpected(minted.error());
            bool visitor = name == kVisitor;
            if (visitor) visitor_id_ = key.record.id;
            (visitor ? ground_.visitor_key : ground_.keys[name]) = std::move(minted->text);
        }
        return {};
    }

    const std::string& visitor_id() const { return visitor_id_; }

 private:
    Result<> make_team(const std::string& name) {
        if (std::ranges::find(teams_, name) != teams_.end()) return {};
        teams_.push_back(name);
        core::TeamRecord team;
        team.name = name;
        return directory_.create_team(team, change_);
    }

    store::Directory& directory_;
    store::Change change_;
    DemoGround& ground_;
    std::vector<std::string> teams_;
    std::string visitor_id_;
};

Result<> write_past(const DemoPlan& plan, Books& books, UnixTime from, UnixTime until,
                    DemoGround& ground) {
    auto budgets = books.directory->apply_config_budgets(ground.config.budgets, ground.config.zone,
                                                         {"demo", from});
    if (!budgets) return budgets;
    auto read = read_price_book(ground.config);
    if (!read) return std::unexpected(read.error());
    auto kept = books.directory->keep_price_book(read->book->hash(), read->sources, from);
    if (!kept) return kept;
    auto parts = books.directory->load_policy_parts();
    if (!parts) return std::unexpected(parts.error());

    agents::PastClock clock;
    clock.set(from);
    ledger::JournalOptions options = books.journal;
    options.clock = &clock;
    constexpr std::uint16_t kWorker = 0;
    auto journal = ledger::JournalWriter::open(options, books.epoch(), kWorker);
    if (!journal) return std::unexpected(journal.error());
    auto written = agents::write_history(
        {.policy = build_policy(ground.config, std::move(*parts), read->book, 1),
         .journal = journal->get(),
         .clock = &clock,
         .epoch = books.epoch(),
         .worker = kWorker,
         .from = from,
         .until = until,
         .seed = plan.seed});
    if (!written) return std::unexpected(written.error());
    journal->reset();  // seals it
    ground.past = std::move(*written);
    ground.has_new_past = true;
    return books.bookkeeper->flush();
}

}  // namespace

std::string demo_yaml(std::string_view provider_url, std::string_view visitor_key_id) {
    return fmt::format(R"yaml(
providers:
  openai:    {{ key: env:OPENAI_API_KEY, url: "{0}/v1" }}
  anthropic: {{ key: env:ANTHROPIC_API_KEY, url: "{0}" }}

routes:
  support: [openai/gpt-6-sol]

budgets:
  organisation: {{ usd: 50000, window: month }}
  production:   {{ where: {{ environment: production }},  by: team, usd: 180, window: month }}
  staging:      {{ where: {{ environment: staging }},     by: team, usd: 4, window: week }}
  development:  {{ where: {{ environment: development }}, by: team, usd: 200, window: month }}
  ticket:       {{ where: {{ application: support }}, by: trajectory, usd: 2, window: total }}
  you:          {{ where: {{ key: {1} }}, usd: 0.05, window: day }}
)yaml",
                       provider_url, visitor_key_id);
}

Result<DemoGround> prepare_demo(const DemoPlan& plan, const runtime::Clock& clock, Rng& rng) {
    auto taken_up = look_around(plan);
    if (!taken_up) return std::unexpected(taken_up.error());
    if (!*taken_up) {
        if (auto marked = mark(plan, kWriting); !marked) return std::unexpected(marked.error());
    }
    DemoGround ground;
    Config bare;
    bare.data_dir = plan.data_dir;
    auto books = open_books(bare, clock, rng);
    if (!books) return std::unexpected(books.error());
    UnixTime now = std::max(clock.unix_now(), books->last_seen);
    UnixTime from = now - days{plan.days};
    Registry registry{*books->directory, {"demo", *taken_up ? now : from - hours{1}}, ground};
    auto keyed = *taken_up ? registry.rotate_keys() : registry.make_keys();
    if (!keyed) return std::unexpected(keyed.error());
    auto config = parse_config(demo_yaml(plan.provider_url, registry.visitor_id()), "the demo",
                               simulated_keys());
    if (!config) return std::unexpected(config.error());
    ground.config = std::move(*config);
    ground.config.data_dir = plan.data_dir;
    if (!*taken_up) {
        auto written = write_past(plan, *books, from, now, ground);
        if (written) written = mark(plan, kReady);
        if (!written) return std::unexpected(written.error());
    }
    return ground;
}

}  // namespace weir::app
