#include "app/service.h"

#include <algorithm>
#include <csignal>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <thread>
#include <utility>
#include <vector>

#include "admin/admin.h"
#include "app/books.h"
#include "app/cli.h"
#include "app/control_desk.h"
#include "app/correction.h"
#include "app/journal_keeper.h"
#include "app/price_sources.h"
#include "app/publisher.h"
#include "app/road_worker.h"
#include "app/side_thread.h"
#include "app/small_file.h"
#include "core/identify.h"
#include "runtime/sha256.h"
#include "runtime/signals.h"
#include "store/outbox.h"
#include "telemetry/webhook_sender.h"

namespace weir::app {
namespace {

constexpr int kWorkersMax = 8;

int worker_count(const Config& config) {
    if (config.workers > 0) return config.workers;
    auto cores = static_cast<int>(std::thread::hardware_concurrency());
    return std::clamp(cores, 1, kWorkersMax);
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::string scheme(const Config& config) {
    return config.tls_certificate.empty() ? "http://" : "https://";
}

}  // namespace

struct Service::Impl {
    Config config;
    runtime::SystemClock clock;
    runtime::SystemRng rng;
    runtime::Loop control;
    Books books;
    gateway::Treasury treasury{clock, {.hash_seed = rng.next()}};
    gateway::InputMemory inputs{rng.next()};
    gateway::TargetWatch targets;
    std::shared_ptr<const core::PriceBook> prices;
    std::optional<Publisher> publisher;
    std::optional<FirstKeys> first_keys;

    runtime::TlsClient tls_client;
    runtime::TlsServer tls_server;
    std::unique_ptr<ControlDesk> desk;
    std::optional<RoadShared> shared;
    std::vector<std::unique_ptr<RoadWorker>> workers;
    std::unique_ptr<JournalKeeper> keeper;

    std::unique_ptr<store::Outbox> outbox;
    runtime::BufferPool webhook_buffers;
    runtime::LoopNet webhook_net{control, tls_client};
    std::optional<telemetry::WebhookSender> webhooks;

    SideThread side{control};
    runtime::BufferPool admin_buffers;
    std::unique_ptr<admin::Server> admin;
    std::unique_ptr<runtime::Listener> admin_listener;
    std::unique_ptr<runtime::Signals> signals;
    runtime::TaskGroup tasks;
    bool draining = false;
    std::size_t still_draining = 0;

    Result<> open();
    Result<> check_ports() const;
    Result<> apply_config(Config next);
    Result<> read_prices();
    void make_publisher();
    Result<> publish() { return publisher->publish(config, prices); }
    Result<> start_workers();
    Result<> start_webhooks();
    Result<> start_admin();
    Result<> import_prices(std::string_view name, std::string_view catalogue);
    Result<> write_addresses(const Secret& operator_key);
    void on_signal(int signal);
    void reload();
    void drain();
    void worker_drained();
    runtime::Task<void> stop_after(Duration d);
    void tear_down();
};

Result<> Service::Impl::check_ports() const {
    for (const ListenAddress* address : {&config.listen, &config.admin}) {
        if (address->port == 0) continue;
        if (auto free = runtime::check_port_is_free(address->host, address->port); !free) {
            return free;
        }
    }
    return {};
}

Result<> Service::Impl::open() {
    raise_descriptor_limit();
    if (auto free = check_ports(); !free) return free;
    if (!config.tls_certificate.empty()) {
        auto loaded = tls_server.load(config.tls_certificate, config.tls_key);
        if (!loaded) return loaded;
    }
    auto opened = open_books(config, clock, rng);
    if (!opened) return std::unexpected(opened.error());
    books = std::move(*opened);
    treasury.not_before(books.last_seen);
    if (auto read = read_prices(); !read) return read;
    auto minted = mint_first_keys(*books.directory, clock.unix_now());
    if (!minted) return std::unexpected(minted.error());
    first_keys = std::move(*minted);
    make_publisher();
    if (auto applied = publisher->apply_budgets(config.budgets, config.zone); !applied)
        return applied;
    if (auto published = publish(); !published) return published;
    if (auto started = start_workers(); !started) return started;
    if (auto started = start_webhooks(); !started) return started;
    return start_admin();
}

// The book's sources are on the disk before the first call is priced by it (ledger.md J8).
Result<> Service::Impl::read_prices() {
    auto read = read_price_book(config);
    if (!read) return std::unexpected(read.error());
    auto kept =
        books.directory->keep_price_book(read->book->hash(), read->sources, clock.unix_now());
    if (!kept) return kept;
    prices = std::move(read->book);
    return {};
}

void Service::Impl::make_publisher() {
    publisher.emplace(
        Publisher::Sources{*books.directory, *books.queries, *books.bookkeeper, treasury},
        [this](const std::shared_ptr<const core::Policy>& policy) {
            for (auto& worker : workers) worker->take_policy(policy);
        });
}

Result<> Service::Impl::start_workers() {
    desk = std::make_unique<ControlDesk>(control, treasury, *books.queries, *books.bookkeeper,
                                         [this] { return publisher->policy(); });
    shared.emplace(RoadShared{.config = config,
                              .clock = clock,
                              .treasury = treasury,
                              .inputs = inputs,
                              .targets = targets,
                              .desk = *desk,
                              .tls_client = tls_client,
                              .tls_server = config.tls_certificate.empty() ? nullptr : &tls_server,
                              .policy = publisher->policy(),
                              .epoch = books.epoch()});
    std::vector<ledger::JournalWriter*> writers{books.control_journal.get()};
    for (int i = 0; i < worker_count(config); ++i) {
        auto number = static_cast<std::uint16_t>(i);
        auto journal = ledger::JournalWriter::open(books.journal, books.epoch(), number);
        if (!journal) return std::unexpected(journal.error());
        writers.push_back(journal->get());
        workers.push_back(std::make_unique<RoadWorker>(number, std::move(*journal), *shared));
        auto port = workers.back()->listen(config.listen.host, config.listen.port);
        if (!port) return std::unexpected(port.error());
        config.listen.port = *port;  // of the first; the others share it
    }
    for (ledger::JournalWriter* writer : writers) {
        writer->on_seal(
            [this](const ledger::ChainHead& head) { books.bookkeeper->keep_chain_head(head); });
    }
    keeper = std::make_unique<JournalKeeper>(
        JournalKeeper::Options{books.journal.directory, books.epoch(), config.journal_keep_bytes},
        std::move(writers), *books.bookkeeper);
    for (auto& worker : workers) worker->start();
    return {};
}

Result<> Service::Impl::start_webhooks() {
    auto opened = store::Outbox::open(books.database_path);
    if (!opened) return std::unexpected(opened.error());
    outbox = std::move(*opened);
    webhooks.emplace(telemetry::WebhookSender::Ports{.net = webhook_net,
                                                     .buffers = webhook_buffers,
                                                     .clock = clock,
                                                     .rng = rng,
                                                     .outbox = *outbox,
                                                     .policy = [this] {
                                                         return publisher->policy();
                                                     }});
    webhooks->take(config.webhooks);
    tasks.spawn(webhooks->run());
    return {};
}

Result<> Service::Impl::start_admin() {
    Secret operator_key{core::mint_key(rng)};
    admin::Services services{
        .directory = *books.directory,
        .queries = *books.queries,
        .bookkeeper = *books.bookkeeper,
        .outbox = *outbox,
        .clock = clock,
        .rng = rng,
        .buffers = admin_buffers,
        .sha256 = runtime::sha256,
        .operator_key = operator_key,
        .policy = [this] { return publisher->policy(); },
        .publish = [this] { return publish(); },
        .webhooks = [this]() -> const auto& { return webhooks->webhooks(); },
        .figures = [this] { return treasury.figures(); },
        .targets = [this] { return targets.figures(clock.mono_now()); },
        .import_prices = [this](
                             std::string_view name,
                             std::string_view catalogue) { return import_prices(name, catalogue); },
        .correct =
            [this](const ledger::CorrectionRecord& correction) {
                return apply_correction(
                    {*books.bookkeeper, *books.queries, *books.control_journal, treasury},
                    correction);
            },
        .apart = [this](admin::Work work,
                        admin::Then then) { return side.run(std::move(work), std::move(then)); },
        .database_path = books.database_path,
        .ready = [this] { return !draining; },
        .version = WEIR_VERSION,
        .gateway_url = scheme(config) + config.listen.text()};
    admin = std::make_unique<admin::Server>(std::move(services));
    auto listener = runtime::Listener::open(control, config.admin.host, config.admin.port,
                                            [this](runtime::Own stream, std::string_view peer) {
                                                admin->accept(std::move(stream), std::string(peer));
                                            });
    if (!listener) return std::unexpected(listener.error());
    admin_listener = std::move(*listener);
    config.admin.port = admin_listener->port();
    return write_addresses(operator_key);
}

// Where the command line finds this process.
Result<> Service::Impl::write_addresses(const Secret& operator_key) {
    std::string base = config.data_dir + "/";
    auto key = write_file(base + kOperatorKeyFile, std::string(operator_key.reveal()) + "\n", 0600);
    if (!key) return key;
    return write_file(base + kAdminUrlFile, "http://" + config.admin.text() + "\n", 0644);
}

Result<> Service::Impl::import_prices(std::string_view name, std::string_view catalogue) {
    if (auto kept = keep_catalogue(config, name, catalogue); !kept) return kept;
    if (auto read = read_prices(); !read) return read;
    return publish();
}

// What can change while calls run: everything but addresses, threads, the data directory and how
// durably it is written.
Result<> Service::Impl::apply_config(Config next) {
    next.listen = config.listen;
    next.admin = config.admin;
    next.data_dir = config.data_dir;
    next.workers = config.workers;
    next.durability = config.durability;
    if (auto applied = publisher->apply_budgets(next.budgets, next.zone); !applied) return applied;
    bool tls = !next.tls_certificate.empty() && !config.tls_certificate.empty();
    if (tls) {
        auto loaded = tls_server.load(next.tls_certificate, next.tls_key);
        if (!loaded) return loaded;
    }
    config = std::move(next);
    webhooks->take(config.webhooks);
    if (auto read = read_prices(); !read) return read;
    return publish();
}

void Service::Impl::reload() {
    if (config.file.empty()) {
        spdlog::info("reload: there is no configuration file to read again");
        return;
    }
    auto next = read_config(config.file, process_environment);
    Result<> applied = next ? apply_config(std::move(*next)) : std::unexpected(next.error());
    if (applied) {
        spdlog::info("reload: {} is in force", config.file);
    } else {
        spdlog::error("reload: the old configuration stays: {}", applied.error().message());
    }
}

void Service::Impl::on_signal(int signal) {
    if (signal == SIGHUP) return reload();
    if (draining) return control.stop();  // the second time means now
    drain();
}

void Service::Impl::drain() {
    draining = true;
    still_draining = workers.size();
    spdlog::info("draining: running calls have {} s", config.drain_seconds);
    for (auto& worker : workers) {
        worker->drain([this] { control.post([this] { worker_drained(); }); });
    }
    tasks.spawn(stop_after(std::chrono::seconds{config.drain_seconds}));
}

void Service::Impl::worker_drained() {
    if (--still_draining == 0) control.stop();
}

runtime::Task<void> Service::Impl::stop_after(Duration d) {
    co_await control.sleep(d);
    spdlog::warn("draining: time is up; calls that still run end as unknown, at their bounds");
    control.stop();
}

// Outside in: no new calls, the running ones end in the journal, the journal is sealed, the
// bookkeeper reads it to its end.
void Service::Impl::tear_down() {
    if (admin_listener) admin_listener->close();
    for (auto& worker : workers) worker->stop();
    keeper.reset();
    workers.clear();
    books.control_journal.reset();
    if (books.bookkeeper) books.bookkeeper->stop();
    admin.reset();
}

Service::Service(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Service::~Service() { impl_->tear_down(); }

Result<std::unique_ptr<Service>> Service::start(Config config) {
    auto impl = std::make_unique<Impl>();
    impl->config = std::move(config);
    std::unique_ptr<Service> service{new Service(std::move(impl))};
    if (auto opened = service->impl_->open(); !opened) return std::unexpected(opened.error());
    return service;
}

void Service::run() {
    Impl& s = *impl_;
    s.signals = std::make_unique<runtime::Signals>(
        s.control, std::initializer_list<int>{SIGTERM, SIGINT, SIGHUP},
        [&s](int signal) { s.on_signal(signal); });
    s.control.run();
    s.signals.reset();
}

void Service::shut_down() {
    impl_->control.post([this] {
        if (!impl_->draining) impl_->drain();
    });
}

void Service::post(std::move_only_function<void()> f) { impl_->control.post(std::move(f)); }

const Config& Service::config() const { return impl_->config; }
std::string Service::gateway_url() const {
    return scheme(impl_->config) + impl_->config.listen.text();
}
std::string Service::admin_url() const { return "http://" + impl_->config.admin.text(); }
std::uint32_t Service::epoch() const { return impl_->books.epoch(); }
std::optional<FirstKeys> Service::take_first_keys() {
    return std::exchange(impl_->first_keys, std::nullopt);
}
std::pair<std::size_t, std::size_t> Service::recovered() const {
    return {impl_->books.orphaned, impl_->books.released};
}
Result<> Service::flush() { return impl_->books.bookkeeper->flush(); }
store::Directory& Service::directory() { return *impl_->books.directory; }
Result<> Service::publish() { return impl_->publish(); }

}  // namespace weir::app
