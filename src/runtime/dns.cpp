#include "runtime/dns.h"

#include <ares.h>
#include <cerrno>
#include <coroutine>
#include <map>
#include <optional>
#include <sys/stat.h>
#include <utility>

namespace weir::runtime {
namespace {

constexpr int kTryMs = 2000;
constexpr int kTries = 3;
constexpr std::size_t kMaxAddresses = 16;

struct FreeAnswer {
    void operator()(ares_addrinfo* answer) const noexcept { ares_freeaddrinfo(answer); }
};
using Answer = std::unique_ptr<ares_addrinfo, FreeAnswer>;

// When the system's servers were last changed.
timespec servers_changed() {
    struct stat status{};
    if (::stat("/etc/resolv.conf", &status) != 0) return {};
    return status.st_mtim;
}

}  // namespace

struct Resolver::Flight {
    Resolver& resolver;
    std::string host;
    ListNode waiting;
};

struct Resolver::Link : ListNode {};

// co_await: 0, or ETIMEDOUT.
class Resolver::Waiting final : public Link, private Timer {
 public:
    Waiting(Loop& loop, Flight& flight, Duration timeout)
        : loop_(loop), flight_(flight), timeout_(timeout) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
        handle_ = handle;
        flight_.waiting.append(static_cast<Link&>(*this));
        loop_.wheel().set(*this, loop_.now() + timeout_);
    }
    int await_resume() const noexcept { return error_; }
    static Waiting& of(ListNode& node) { return static_cast<Waiting&>(static_cast<Link&>(node)); }
    void leave() {
        Link::unlink();
        loop_.wheel().clear(*this);
    }
    void resume() {
        leave();
        handle_.resume();
    }

 private:
    void expire() override {
        Link::unlink();
        error_ = ETIMEDOUT;
        handle_.resume();
    }
    Loop& loop_;
    Flight& flight_;
    Duration timeout_;
    std::coroutine_handle<> handle_;
    int error_ = 0;
};

using List = ListNode;  // a name that the bases of Channel do not hide

// c-ares on the loop: its sockets, its timeouts, and those that wait for what has landed. Waiters
// are resumed in the next turn, not inside c-ares, where they could not ask again.
class Resolver::Channel final : private Timer, private Yielded {
 public:
    Channel(Loop& loop, std::string servers) : loop_(loop), servers_(std::move(servers)) {}
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;
    ~Channel() {
        close();
        while (landed_.linked()) Waiting::of(landed_.first()).leave();
    }

    // The answer may come before this returns.
    void ask(Flight& flight) {
        if (!open()) return land(flight, ARES_ENOMEM, nullptr);
        ++in_flight_;
        ares_addrinfo_hints hints{};
        hints.ai_family = AF_UNSPEC;
        hints.ai_socktype = SOCK_STREAM;
        ares_getaddrinfo(channel_, flight.host.c_str(), nullptr, &hints, on_answer, &flight);
        arm();
    }

 private:
    struct Socket final : Buried, EventSource {
        Socket(Channel& o, int f) : owner(o), fd(f) {}
        void on_event(std::uint32_t events) override {
            bool failed = (events & (EPOLLERR | EPOLLHUP)) != 0;
            bool in = failed || (events & EPOLLIN) != 0;
            bool out = failed || (events & EPOLLOUT) != 0;
            owner.process(in ? fd : ARES_SOCKET_BAD, out ? fd : ARES_SOCKET_BAD);
        }
        Channel& owner;
        int fd;
    };

    static void on_answer(void* data, int status, int, ares_addrinfo* raw) {
        Answer answer{raw};
        auto& flight = *static_cast<Flight*>(data);
        if (status == ARES_EDESTRUCTION) return;
        Channel& self = *flight.resolver.channel_;
        --self.in_flight_;
        self.land(flight, status, answer.get());
    }

    static void on_socket(void* data, ares_socket_t fd, int readable, int writable) {
        static_cast<Channel*>(data)->watch(fd, readable != 0, writable != 0);
    }

    bool open() {
        timespec changed = servers_changed();
        bool same = changed.tv_sec == changed_.tv_sec && changed.tv_nsec == changed_.tv_nsec;
        if (channel_ != nullptr && (same || in_flight_ > 0)) return true;
        close();
        changed_ = changed;
        ares_options options{};
        options.timeout = kTryMs;
        options.tries = kTries;
        options.sock_state_cb = on_socket;
        options.sock_state_cb_data = this;
        int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
        if (ares_init_options(&channel_, &options, mask) != ARES_SUCCESS) {
            channel_ = nullptr;
            return false;
        }
        if (!servers_.empty()) ares_set_servers_ports_csv(channel_, servers_.c_str());
        return true;
    }

    void close() {
        if (channel_ != nullptr) ares_destroy(std::exchange(channel_, nullptr));
        while (!sockets_.empty()) watch(sockets_.begin()->first, false, false);
        in_flight_ = 0;
    }

    void watch(int fd, bool readable, bool writable) {
        auto known = sockets_.find(fd);
        std::uint32_t events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u);
        if (events == 0) {
            if (known == sockets_.end()) return;
            loop_.remove(fd, *known->second);
            loop_.bury(*known->second);
            sockets_.erase(known);
        } else if (known != sockets_.end()) {
            loop_.modify(fd, *known->second, events);
        } else {
            auto* socket = new Socket(*this, fd);
            sockets_.emplace(fd, socket);
            loop_.add(fd, *socket, events);  // where that fails, c-ares's timeout ends the look-up
        }
    }

    void process(int readable, int writable) {
        ares_process_fd(channel_, readable, writable);
        arm();
    }

    void arm() {
        timeval wait{};
        if (ares_timeout(channel_, nullptr, &wait) == nullptr) return loop_.wheel().clear(*this);
        Duration after =
            std::chrono::seconds{wait.tv_sec} + std::chrono::microseconds{wait.tv_usec};
        loop_.wheel().set(*this, loop_.now() + after);
    }

    void expire() override { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }

    void land(Flight& flight, int status, const ares_addrinfo* answer) {
        Addresses addresses;
        std::optional<Duration> ttl;
        const ares_addrinfo_node* node = answer != nullptr ? answer->nodes : nullptr;
        for (; node != nullptr && addresses.size() < kMaxAddresses; node = node->ai_next) {
            auto address = SocketAddress::from(node->ai_addr);
            if (!address) continue;
            addresses.push_back(*address);
            if (node->ai_ttl <= 0) continue;  // as from /etc/hosts
            Duration own = std::chrono::seconds{node->ai_ttl};
            ttl = std::min(ttl.value_or(own), own);
        }
        DnsCache& cache = flight.resolver.cache_;
        if (status == ARES_SUCCESS && !addresses.empty()) {
            cache.store(flight.host, std::move(addresses), ttl, loop_.now());
        } else {
            const char* why = status == ARES_SUCCESS ? "no address" : ares_strerror(status);
            cache.store_failure(flight.host, why, loop_.now());
        }
        landed_.take_all(flight.waiting);
        flight.resolver.flights_.erase(std::string{flight.host});
        loop_.run_next_turn(*this);
    }

    void on_next_turn() override {
        List waiting;
        waiting.take_all(landed_);
        while (waiting.linked()) Waiting::of(waiting.first()).resume();
    }

    Loop& loop_;
    std::string servers_;
    ares_channel channel_ = nullptr;
    timespec changed_{};
    std::size_t in_flight_ = 0;
    std::map<int, Socket*> sockets_;
    List landed_;
};

Resolver::Resolver(Loop& loop, std::string servers)
    : loop_(loop), channel_(std::make_unique<Channel>(loop, std::move(servers))) {}

Resolver::~Resolver() {
    for (auto& [host, flight] : flights_) {
        while (flight->waiting.linked()) Waiting::of(flight->waiting.first()).leave();
    }
}

void Resolver::look_up(const std::string& host) {
    auto [place, added] = flights_.try_emplace(host);
    if (!added) return;
    ++look_ups_;
    place->second = std::make_unique<Flight>(*this, host);
    channel_->ask(*place->second);
}

Task<Result<Addresses>> Resolver::resolve(std::string host, std::uint16_t port, Duration timeout) {
    if (auto literal = SocketAddress::parse(host, port)) co_return Addresses{*literal};
    MonoTime end = loop_.now() + timeout;
    for (;;) {
        if (cache_.find(host, loop_.now()).look_up) look_up(host);
        DnsCache::Found found = cache_.find(host, loop_.now());
        if (found.addresses != nullptr) {
            Addresses addresses = *found.addresses;
            for (SocketAddress& address : addresses) address = address.with_port(port);
            co_return addresses;
        }
        if (found.failure != nullptr && !found.look_up) {
            co_return fail(ErrorCode::provider_unreachable, "The provider's name has no address.",
                           host + ": " + *found.failure);
        }
        auto flight = flights_.find(host);
        if (flight == flights_.end()) continue;
        Duration left = end - loop_.now();
        int error = co_await Waiting{loop_, *flight->second, left};
        if (error != 0) {
            co_return fail(ErrorCode::provider_timeout, "", host + ": no answer from DNS");
        }
    }
}

}  // namespace weir::runtime
