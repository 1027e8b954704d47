#include "load/run.h"

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load/payloads.h"

namespace weir::bench {
namespace {

constexpr Nanos kDrain = 10 * kSecond;

Nanos nanos(double seconds) { return static_cast<Nanos>(seconds * static_cast<double>(kSecond)); }

Provider::Answer answer_of(Mode mode) {
    if (mode == Mode::streams) return Provider::Answer::stream;
    if (mode == Mode::held) return Provider::Answer::held_stream;
    return Provider::Answer::whole;
}

double microseconds_at(std::vector<Nanos>& values, double quantile) {
    if (values.empty()) return 0;
    auto index = static_cast<std::size_t>(quantile * static_cast<double>(values.size() - 1));
    auto at = values.begin() + static_cast<std::ptrdiff_t>(index);
    std::ranges::nth_element(values, at);
    return static_cast<double>(*at) / 1000;
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') out.push_back('\\');
        if (static_cast<unsigned char>(c) >= 0x20) out.push_back(c);
    }
    return out + "\"";
}

pid_t spawn(const std::vector<std::string>& command) {
    pid_t child = ::fork();
    if (child != 0) return child;
    int nothing = ::open("/dev/null", O_RDWR);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(nothing, STDOUT_FILENO);
    std::vector<char*> words;
    for (const auto& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    ::execvp(words.front(), words.data());
    ::_exit(127);
}

void end_child(pid_t child) {
    ::kill(child, SIGTERM);
    for (int i = 0; i < 1000; ++i) {
        if (::waitpid(child, nullptr, WNOHANG) == child) return;
        ::usleep(10'000);
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
}

}  // namespace

Run::Run(const Options& options) : options_(options), provider_(poller_, answer_of(options.mode)) {}

std::uint16_t Run::target() const {
    return options_.target_port != 0 ? options_.target_port : options_.upstream_port;
}

std::optional<std::string> Run::go(std::string& error) {
    if (!provider_.listen(options_.upstream_port)) {
        error = fmt::format("port {} is taken", options_.upstream_port);
        return std::nullopt;
    }
    if (options_.mode == Mode::start) return start();
    bool memory_run = options_.mode == Mode::idle || options_.mode == Mode::held;
    if (!make_clients(options_.connections)) {
        error = fmt::format("nobody answers at port {}", target());
        return std::nullopt;
    }
    return memory_run ? memory() : timed();
}

bool Run::make_clients(int count) {
    bool stream = options_.mode == Mode::streams || options_.mode == Mode::held;
    std::string body = chat_request(options_.body, stream);
    Client::Expected expected{.stream = stream,
                              .chunks = options_.mode == Mode::held ? 1 : kChunksAStream,
                              .body_bytes = kWholeAnswerBody};
    // Those whose memory is measured connect when their turn comes.
    bool now = options_.mode != Mode::idle && options_.mode != Mode::held;
    for (int i = 0; i < count; ++i) {
        clients_.push_back(std::make_unique<Client>(poller_, tally_,
                                                    request_bytes(body, options_.key, i), expected,
                                                    [this](Client& c) { on_done(c); }));
        if (now && !clients_.back()->connect(target())) return false;
    }
    return true;
}

std::size_t Run::busy() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(clients_, [](const auto& c) { return c->busy(); }));
}

void Run::on_done(Client& client) {
    if (options_.mode == Mode::saturate || options_.mode == Mode::streams) {
        if (loading_) client.call(monotonic_now());
    } else if (options_.mode == Mode::paced) {
        if (waiting_.empty()) return free_.push_back(&client);
        Nanos due = waiting_.front();
        waiting_.pop_front();
        client.call(due);
    }
}

// The instant at which a call was due counts, so a proxy that falls behind shows it.
void Run::next_arrival(Nanos due, std::uint64_t load) {
    if (!loading_ || load != load_number_) return;
    if (free_.empty()) {
        waiting_.push_back(due);
    } else {
        Client* client = free_.back();
        free_.pop_back();
        client->call(due);
    }
    Nanos next = due + kSecond / options_.rate;
    poller_.at(next, [this, next, load] { next_arrival(next, load); });
}

void Run::begin_load() {
    loading_ = true;
    std::uint64_t number = ++load_number_;
    Nanos now = monotonic_now();
    if (options_.mode == Mode::paced) {
        free_.clear();
        for (auto& client : clients_) free_.push_back(client.get());
        return next_arrival(now, number);
    }
    // Streams begin over the length of one, so that their chunks do not come in volleys.
    Nanos spread = options_.mode == Mode::streams ? kChunkEvery * kChunksAStream : 0;
    auto count = static_cast<Nanos>(clients_.size());
    for (Nanos i = 0; i < count; ++i) {
        Nanos when = now + spread * i / count;
        Client* client = clients_[static_cast<std::size_t>(i)].get();
        if (spread == 0) {
            client->call(now);
            continue;
        }
        poller_.at(when, [this, client, number] {
            if (loading_ && number == load_number_) client->call(monotonic_now());
        });
    }
}

void Run::end_load() {
    loading_ = false;
    poller_.run(monotonic_now() + kDrain, [this] { return busy() == 0 && waiting_.empty(); });
}

// Work that a proxy puts off, such as the folding of a ledger, belongs to the calls that made it.
void Run::wait_until_quiet(Nanos most) {
    if (options_.watch == 0) return;
    constexpr Nanos kLook = 100 * kMillisecond;
    Nanos end = monotonic_now() + most;
    Nanos last = process_cpu(options_.watch);
    for (int quiet = 0; quiet < 3 && monotonic_now() < end;) {
        poller_.run(monotonic_now() + kLook, [] { return false; });
        Nanos cpu = process_cpu(options_.watch);
        quiet = cpu - last < kLook / 30 ? quiet + 1 : 0;
        last = cpu;
    }
}

std::string Run::timed() {
    begin_load();
    poller_.run(monotonic_now() + nanos(options_.warm_seconds), [] { return false; });
    end_load();
    wait_until_quiet(5 * kSecond);
    std::uint64_t warm_errors = tally_.errors;
    std::string warm_error = tally_.first_error;
    tally_.clear();
    if (warm_errors > 0) {
        tally_.errors = warm_errors;
        tally_.first_error = warm_error;
    }
    CpuReading before = read_cpu(options_.watch);
    begin_load();
    constexpr std::uint64_t kErrorsMax = 100;
    poller_.run(monotonic_now() + nanos(options_.seconds),
                [this] { return tally_.errors > kErrorsMax; });
    end_load();
    Nanos loaded = monotonic_now() - before.at;
    wait_until_quiet(15 * kSecond);
    return report(before, read_cpu(options_.watch), loaded);
}

std::string Run::report(const CpuReading& before, const CpuReading& after, Nanos loaded) {
    std::string threads;
    for (const auto& [name, cpu] : after.threads) {
        auto was = before.threads.find(name);
        Nanos spent = cpu - (was == before.threads.end() ? 0 : was->second);
        threads += fmt::format("{}{}:{}", threads.empty() ? "" : ",", quoted(name), spent);
    }
    Nanos watched = after.watched - before.watched;
    Nanos own = after.own - before.own;
    Nanos others = after.machine - before.machine - watched - own;
    double seconds = static_cast<double>(loaded) / static_cast<double>(kSecond);
    double span = static_cast<double>(after.at - before.at);
    bool streams = !tally_.chunk_delays.empty();
    auto& delays = streams ? tally_.chunk_delays : tally_.latencies;
    return fmt::format(
        R"({{"calls":{},"chunks":{},"errors":{},"first_error":{},"seconds":{:.3f},"rate":{:.0f},)"
        R"("cpu_ns":{},"threads":{{{}}},"load_cpu_ns":{},"others":{:.3f},"quiet_seconds":{:.2f},)"
        R"("p50_us":{:.1f},"p90_us":{:.1f},"p99_us":{:.1f},"p999_us":{:.1f},"rss_kb":{},)"
        R"("upstream_connections":{}}})",
        tally_.calls, tally_.chunks, tally_.errors, quoted(tally_.first_error), seconds,
        static_cast<double>(streams ? tally_.chunks : tally_.calls) / seconds, watched, threads,
        own, static_cast<double>(std::max<Nanos>(others, 0)) / span,
        (span - static_cast<double>(loaded)) / static_cast<double>(kSecond),
        microseconds_at(delays, 0.5), microseconds_at(delays, 0.9), microseconds_at(delays, 0.99),
        microseconds_at(delays, 0.999), resident_kb(options_.watch), provider_.connections());
}

// Each connects and makes one call, 32 at a time; then all rest.
void Run::rest_all() {
    constexpr std::size_t kAtATime = 32;
    for (std::size_t next = 0; next < clients_.size() || busy() > 0;) {
        while (next < clients_.size() && next - tally_.calls - tally_.errors < kAtATime) {
            Client& client = *clients_[next++];
            if (client.connect(target())) {
                client.call(monotonic_now());
            } else {
                tally_.fail("cannot connect");
            }
        }
        std::uint64_t ended = tally_.calls + tally_.errors;
        bool moved = poller_.run(monotonic_now() + kDrain,
                                 [this, ended] { return tally_.calls + tally_.errors > ended; });
        if (!moved) return;
    }
}

void Run::hold_all() {
    for (auto& client : clients_) {
        if (!client->connect(target())) return tally_.fail("cannot connect");
        client->call(monotonic_now());
        poller_.run(monotonic_now() + kDrain, [&] { return client->begun() || tally_.errors > 0; });
        if (tally_.errors > 0) return;
    }
}

std::string Run::memory() {
    // What the proxy takes once, however many connections come.
    std::size_t first = std::min<std::size_t>(clients_.size() / 2, 64);
    auto split = clients_.begin() + static_cast<std::ptrdiff_t>(first);
    std::vector<std::unique_ptr<Client>> later(std::make_move_iterator(split),
                                               std::make_move_iterator(clients_.end()));
    clients_.resize(first);
    bool held = options_.mode == Mode::held;
    held ? hold_all() : rest_all();
    wait_until_quiet(3 * kSecond);
    std::int64_t before = resident_kb(options_.watch);
    std::swap(clients_, later);
    tally_.clear();
    held ? hold_all() : rest_all();
    wait_until_quiet(5 * kSecond);
    std::int64_t after = resident_kb(options_.watch);
    std::size_t upstream = provider_.connections();
    auto open = std::ranges::count_if(clients_, [](const auto& c) { return c->is_open(); });
    if (held) {
        provider_.release_held();
        poller_.run(monotonic_now() + kDrain, [this] { return busy() == 0; });
    }
    return fmt::format(
        R"({{"connections":{},"errors":{},"first_error":{},"rss_before_kb":{},"rss_after_kb":{},)"
        R"("kb_each":{:.3f},"upstream_connections":{}}})",
        open, tally_.errors, quoted(tally_.first_error), before, after,
        static_cast<double>(after - before) / static_cast<double>(std::max<long>(open, 1)),
        upstream);
}

std::string Run::start() {
    Nanos begun = monotonic_now();
    pid_t child = spawn(options_.command);
    Nanos end = begun + 20 * kSecond;
    Nanos answered = 0;
    Nanos connected = 0;
    while (answered == 0 && monotonic_now() < end) {
        clients_.clear();
        Tally tries;
        Client client(poller_, tries, request_bytes(chat_request("small", false), options_.key, 0),
                      {.stream = false, .chunks = 0, .body_bytes = kWholeAnswerBody},
                      [](Client&) {});
        if (!client.connect(target())) {
            poller_.run(monotonic_now() + kMillisecond / 2, [] { return false; });
            continue;
        }
        connected = monotonic_now();
        client.call(connected);
        poller_.run(end, [&] { return tries.calls + tries.errors > 0; });
        if (tries.calls > 0) answered = monotonic_now();
        if (tries.errors > 0) tally_.fail(tries.first_error);
    }
    end_child(child);
    return fmt::format(
        R"({{"start_ms":{:.2f},"first_call_ms":{:.2f},"errors":{},"first_error":{}}})",
        static_cast<double>(answered - begun) / kMillisecond,
        static_cast<double>(answered - connected) / kMillisecond, answered == 0 ? 1 : 0,
        quoted(tally_.first_error));
}

}  // namespace weir::bench
