#include "app/demo_spiral.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <future>

#include "app/books.h"
#include "app/demo_world.h"
#include "app/price_sources.h"
#include "app/service.h"
#include "provider/provider.h"
#include "runtime/signals.h"
#include "store/queries.h"

namespace weir::app {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr std::string_view kModel = "gpt-6-astra";
constexpr std::string_view kCapped = "capped";
constexpr std::string_view kCounted = "counted";
const Money kAmount = Money::from_usd(2);

// A directory of this run's own, gone with it.
class TemporaryDirectory {
 public:
    TemporaryDirectory() : path_((fs::temp_directory_path() / "weir-spiral-XXXXXX").string()) {
        made_ = ::mkdtemp(path_.data()) != nullptr;
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory() {
        std::error_code ignored;
        if (made_) fs::remove_all(path_, ignored);
    }
    bool made() const { return made_; }
    const std::string& path() const { return path_; }

 private:
    std::string path_;
    bool made_ = false;
};

// What the twin knows: a total that grows when an answer has come.
struct Counter {
    std::shared_ptr<const core::PriceBook> book;
    UnixTime now;
    Money spent;

    void add(const agents::Reply& reply) {
        core::CallShape shape;
        auto meter = provider::make_meter(core::Endpoint::chat_completions, {}, shape);
        meter->on_body(reply.body);
        spent += core::rate(*book, "openai", kModel, meter->usage(), now).total;
    }
};

// Agents on one ticket, with one key. Thread: the clients'.
struct Ring {
    std::string key;
    Counter* counter = nullptr;  // null: the gateway's budget is what holds them
    SpiralFigures figures{};
    std::promise<void> ended{};
};

std::string ticket_of(const Ring& ring) { return "ticket-4711-" + ring.key; }

agents::Conversation first_words(Rng& rng) {
    agents::Conversation talk{
        agents::passage(rng, 200),
        {{"lookup_order", "Finds an order with its shipments and payments.", "order_number"}}};
    talk.say(agents::passage(rng, 80));
    return talk;
}

agents::Ask next_ask(const Ring& ring, const agents::Conversation& talk) {
    agents::Ask ask;
    ask.key = ring.key;
    ask.user_agent = "support-desk/2.5.0";
    ask.model = kModel;
    ask.max_output = 256;
    ask.conversation = &talk;
    ask.labels.task_type = "support_reply";
    ask.labels.agent = "resolver";
    ask.labels.goal = "ticket-4711";
    ask.labels.trajectory = ticket_of(ring);
    ask.script = {.output = 60, .reasoning = 200, .tool = "lookup_order"};
    return ask;
}

// The tool fails, the agent asks again, with all that was said but what no longer fits.
runtime::Task<void> spiral(agents::Wire& wire, Ring& ring, std::uint64_t seed) {
    SeededRng rng{seed};
    agents::Conversation talk = first_words(rng);
    constexpr std::int64_t kContextBytesMax = 3'000;
    for (;;) {
        if (ring.counter != nullptr && ring.counter->spent >= kAmount) {
            ++ring.figures.refused;
            co_return;
        }
        agents::Reply reply = co_await wire.send(next_ask(ring, talk));
        if (reply.error == "budget_busy") {
            ++ring.figures.waited;
            co_await wire.pause(milliseconds{40});
            continue;
        }
        if (!reply.ok()) {
            ++ring.figures.refused;
            if (ring.figures.refusal.status == 0) ring.figures.refusal = std::move(reply);
            co_return;
        }
        if (ring.counter != nullptr) ring.counter->add(reply);
        talk.add(std::move(reply.messages));
        talk.answer_tools(agents::passage(rng, 50, 90));
        talk.forget_beyond(kContextBytesMax);
    }
}

runtime::Task<void> run_ring(agents::LiveWire& wire, Ring& ring, int agents, std::uint64_t seed) {
    SeededRng rng{seed};
    runtime::TaskGroup group;
    for (int i = 0; i < agents; ++i) group.spawn(spiral(wire, ring, rng.next()));
    co_await group.drained();
    ring.ended.set_value();
}

Result<Config> configure(const std::string& directory, const std::string& provider_url) {
    auto config = parse_config(fmt::format("providers:\n"
                                           "  openai: {{ key: env:KEY, url: \"{}/v1\" }}\n"
                                           "budgets:\n"
                                           "  ticket: {{ where: {{ application: {} }}, "
                                           "by: trajectory, usd: {}, window: total }}\n",
                                           provider_url, kCapped, kAmount.to_usd()),
                               "the demo",
                               [](const std::string&) { return std::optional<std::string>{"-"}; });
    if (!config) return config;
    config->data_dir = directory;
    config->listen.port = 0;
    config->admin.port = 0;
    config->drain_seconds = 5;
    return config;
}

Result<std::map<std::string, Secret, std::less<>>> make_keys(Service& service, UnixTime now) {
    std::map<std::string, Secret, std::less<>> keys;
    store::Change change{"demo", now};
    core::TeamRecord team;
    team.name = "support";
    if (auto made = service.directory().create_team(team, change); !made) {
        return std::unexpected(made.error());
    }
    for (std::string_view name : {kCapped, kCounted}) {
        store::KeySpec spec;
        spec.name = name;
        spec.team = team.name;
        spec.application = name;
        spec.environment = "production";
        auto key = service.directory().create_key(spec, change);
        if (!key) return std::unexpected(key.error());
        keys[spec.name] = std::move(key->text);
    }
    if (auto published = service.publish(); !published) return std::unexpected(published.error());
    return keys;
}

// Reads the ring's calls out of the books.
Result<> read_ledger(store::Queries& queries, const std::string& ticket, SpiralFigures& out) {
    store::CallFilter filter;
    filter.where = {{core::Dimension::trajectory, ticket}};
    std::optional<store::PageKey> after;
    do {
        auto page = queries.calls(filter, after, 500);
        if (!page) return std::unexpected(page.error());
        for (const store::CallRow& row : page->rows) {
            if (row.state == "refused") {
                if (row.error == "budget_exhausted") out.refused_call = row.head.id.call.text();
                continue;
            }
            if (row.state == "open") out.held += row.bound;
            ++out.answered;
            out.spent += row.charge;
            out.first_cost = row.cost;
            if (out.last_cost.is_zero()) out.last_cost = row.cost;
        }
        after = page->next;
    } while (after);
    return {};
}

Result<> run_and_read(Service& service, ClientThread& clients, const SpiralOptions& options,
                      Ring& ring) {
    constexpr auto kLongest = std::chrono::minutes{3};
    auto ended = ring.ended.get_future();
    clients.run([&ring, &options](agents::LiveWire& wire) {
        return run_ring(wire, ring, options.agents, options.seed);
    });
    if (ended.wait_for(kLongest) != std::future_status::ready) {
        clients.stop();
        return fail(ErrorCode::internal, "the agents did not come to an end");
    }
    if (auto flushed = service.flush(); !flushed) return flushed;
    auto queries = store::Queries::open(database_path(service.config().data_dir));
    if (!queries) return std::unexpected(queries.error());
    return read_ledger(**queries, ticket_of(ring), ring.figures);
}

}  // namespace

Result<SpiralOutcome> run_spiral(const SpiralOptions& options) {
    runtime::block_signals({});
    runtime::SystemClock clock;
    TemporaryDirectory directory;
    if (!directory.made()) return fail(ErrorCode::io, "cannot make " + directory.path());
    sim::Settings settings;
    settings.seed = options.seed;
    // Long enough that many calls are in flight at once.
    settings.first_byte = options.agents > 1 ? milliseconds{30} : milliseconds{0};
    auto provider = SimulatedProvider::open(std::move(settings), clock);
    if (!provider) return std::unexpected(provider.error());
    auto config = configure(directory.path(), (*provider)->url());
    if (!config) return std::unexpected(config.error());
    auto service = Service::start(std::move(*config));
    if (!service) return std::unexpected(service.error());
    auto keys = make_keys(**service, clock.unix_now());
    if (!keys) return std::unexpected(keys.error());
    auto prices = read_price_book((*service)->config());
    if (!prices) return std::unexpected(prices.error());
    const ListenAddress& listen = (*service)->config().listen;
    ClientThread clients{{.gateway = {.host = listen.host, .port = listen.port},
                          .keys = std::move(*keys),
                          .speed = 1,
                          .start = clock.unix_now()}};

    SpiralOutcome outcome{.amount = kAmount, .weir = {}, .twin = {}};
    Ring capped{.key = std::string{kCapped}};
    if (auto run = run_and_read(**service, clients, options, capped); !run) {
        return std::unexpected(run.error());
    }
    outcome.weir = std::move(capped.figures);
    if (options.with_twin) {
        Counter counter{.book = prices->book, .now = clock.unix_now(), .spent = {}};
        Ring counted{.key = std::string{kCounted}, .counter = &counter};
        if (auto run = run_and_read(**service, clients, options, counted); !run) {
            return std::unexpected(run.error());
        }
        outcome.twin = std::move(counted.figures);
    }
    clients.stop();
    return outcome;
}

}  // namespace weir::app
