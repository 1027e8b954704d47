#include <algorithm>
#include <cerrno>
#include <coroutine>
#include <utility>

#include "admin/admin.h"
#include "admin/handlers.h"
#include "admin/routes.h"
#include "codec/http1.h"
#include "codec/url.h"
#include "http/server_connection.h"

extern "C" const char weir_embed_admin_openapi[];
extern "C" const std::size_t weir_embed_admin_openapi_size;

namespace weir::admin {
namespace {

constexpr std::size_t kConnectionsMax = 256;
constexpr std::size_t kBodyBytesMax = 8u << 20;  // catalogues are the largest

http::Limits connection_limits() {
    http::Limits limits;
    limits.body_bytes_max = kBodyBytesMax;
    return limits;
}

Answer error_answer(const Error& error) {
    return answer({{"error", {{"code", error.info().name}, {"message", error.message()}}}},
                  error.info().http_status);
}

struct Admitted {
    const Route* route = nullptr;
    Request request;
};

// Everything that the head alone decides, so that no stranger's body is read.
Result<Admitted> admit(Services& services, const codec::RequestHead& head) {
    if (Result<> same = check_origin(head); !same) return std::unexpected(same.error());
    const codec::TargetParts target = codec::split_target(head.origin);
    Result<RouteMatch> match = find_route(head.method, target.path);
    Admitted admitted;
    admitted.request.now = services.clock.unix_now();
    const bool open = match && match->route->access == Access::open;
    if (!open) {
        // Who has no key does not learn what there is.
        Result<Caller> caller = identify_caller(services, head, admitted.request.now);
        if (!caller) return std::unexpected(std::move(caller).error());
        admitted.request.caller = std::move(*caller);
    }
    if (!match) return std::unexpected(std::move(match).error());
    const store::KeyRole role = admitted.request.caller.role;
    if (!open && !may(role, match->route->access)) {
        return fail(ErrorCode::forbidden,
                    "A key of the role " + std::string{key_role_name(role)} + " may not do this.");
    }
    admitted.route = match->route;
    admitted.request.query = target.query;
    admitted.request.captures = std::move(match->captures);
    return admitted;
}

// Awaits the rest of an answer, which is made apart. By then the asking frame may be gone.
class Rest {
 public:
    Rest(Services& services, Answer begun)
        : services_(services), begun_(std::move(begun)), state_(std::make_shared<State>()) {}
    ~Rest() { state_->handle = {}; }
    Rest(const Rest&) = delete;

    bool await_ready() const { return false; }
    bool await_suspend(std::coroutine_handle<> handle) {
        auto work = [state = state_,
                     rest = std::move(begun_.rest)](const std::stop_token& stop) mutable {
            state->made = rest(stop);
        };
        auto then = [state = state_] {
            if (state->handle) std::exchange(state->handle, {}).resume();
        };
        state_->handle = handle;
        if (services_.apart(std::move(work), std::move(then))) return true;
        state_->handle = {};
        state_->made = fail(ErrorCode::conflict,
                            "Another long question is being answered: ask again when it is done.");
        return false;
    }
    Result<Answer> await_resume() { return std::move(state_->made); }

 private:
    struct State {
        std::coroutine_handle<> handle;  // touched on the control thread only
        Result<Answer> made = fail(ErrorCode::internal);
    };
    Services& services_;
    Answer begun_;
    std::shared_ptr<State> state_;
};

}  // namespace

Result<> publish(Services& services) {
    Result<> published = services.publish();
    if (published) return {};
    return fail(published.error().code(),
                "The change is stored, but the gateway could not take over all of it: " +
                    std::string{published.error().message()},
                published.error().detail());
}

Result<Answer> get_health(Services& /*services*/, const Request& /*request*/) {
    return Answer{200, "ok\n", "text/plain"};
}

Result<Answer> get_ready(Services& services, const Request& /*request*/) {
    if (services.ready()) return Answer{200, "ready\n", "text/plain"};
    return Answer{503, "not ready: starting or draining\n", "text/plain"};
}

Result<Answer> get_openapi(Services& /*services*/, const Request& /*request*/) {
    return Answer{200, {weir_embed_admin_openapi, weir_embed_admin_openapi_size}};
}

Result<Answer> get_me(Services& services, const Request& request) {
    const Caller& caller = request.caller;
    return answer({{"actor", caller.actor},
                   {"name", caller.name},
                   {"role", key_role_name(caller.role)},
                   {"team", json_text(caller.team)},
                   {"version", services.version},
                   {"gateway_url", services.gateway_url}});
}

struct Server::Impl {
    // In the frame of a connection that waits for its next request.
    struct Idle {
        Idle(Impl& impl, runtime::Stream& stream) : owner(impl), waiting(stream) {
            owner.idle.push_back(this);
        }
        ~Idle() { std::erase(owner.idle, this); }
        Idle(const Idle&) = delete;
        Impl& owner;
        runtime::Stream& waiting;
    };

    explicit Impl(Services s) : services(std::move(s)) {}

    runtime::Task<void> serve(runtime::Own stream);
    // False: the connection cannot go on.
    runtime::Task<bool> serve_request(http::ServerConnection& client);
    static runtime::Task<bool> send(http::ServerConnection& client, Answer answer, bool head_only,
                                    bool keep);

    Services services;
    bool draining = false;
    std::vector<Idle*> idle;
    runtime::TaskGroup tasks;
};

runtime::Task<bool> Server::Impl::send(http::ServerConnection& client, Answer answer,
                                       bool head_only, bool keep) {
    std::string head;
    codec::append_status_line(head, answer.status);
    codec::append_field(head, "content-type", answer.content_type);
    codec::append_field(head, "content-length", std::uint64_t{answer.body.size()});
    codec::append_field(head, "cache-control", "no-store");
    codec::append_field(head, "x-content-type-options", "nosniff");
    if (answer.status == 401) codec::append_field(head, "www-authenticate", "Bearer");
    if (!keep) codec::append_field(head, "connection", "close");
    head.append(codec::kCrlf);
    const int written =
        co_await client.write(head, head_only ? std::string_view{} : std::string_view{answer.body});
    co_return keep&& written == 0;
}

runtime::Task<bool> Server::Impl::serve_request(http::ServerConnection& client) {
    const bool head_only = client.head().method == "HEAD";
    bool keep = client.head().keep_alive && !draining;
    Result<Admitted> admitted = admit(services, client.head());
    if (!admitted) {
        if (client.body_pending() && !co_await client.discard_body()) keep = false;
        co_return co_await send(client, error_answer(admitted.error()), head_only, keep);
    }
    Result<std::string_view> body = co_await client.read_body();
    if (!body) {
        if (body.error().code() == ErrorCode::client_gone) co_return false;
        co_return co_await send(client, error_answer(body.error()), head_only, false);
    }
    admitted->request.body = *body;
    Result<Answer> done = admitted->route->handler(services, admitted->request);
    if (done && done->rest) {
        Rest rest{services, std::move(*done)};
        done = co_await rest;
    }
    co_return co_await send(client, done ? std::move(*done) : error_answer(done.error()), head_only,
                            keep);
}

runtime::Task<void> Server::Impl::serve(runtime::Own stream) {
    http::ServerConnection client(*stream, services.buffers, connection_limits());
    bool open = true;
    while (open && !draining) {
        Result<bool> read = false;
        {
            Idle waiting{*this, *stream};
            read = co_await client.read_head();
        }
        if (read && !*read) co_return;
        if (!read && read.error().code() == ErrorCode::client_gone) co_return;
        open = read ? co_await serve_request(client)
                    : co_await send(client, error_answer(read.error()), false, false);
    }
    // Closing over unread bytes would reset the connection before the answer was read.
    Idle waiting{*this, *stream};
    co_await client.linger();
}

Server::Server(Services services) : impl_(std::make_unique<Impl>(std::move(services))) {}
Server::~Server() = default;

void Server::accept(runtime::Own stream, std::string_view /*peer_address*/) {
    if (impl_->draining || impl_->tasks.size() >= kConnectionsMax) return;
    impl_->tasks.spawn(impl_->serve(std::move(stream)));
}

void Server::drain() {
    impl_->draining = true;
    const std::vector<Impl::Idle*> waiting = impl_->idle;
    for (Impl::Idle* one : waiting) {
        // Resumes it, and it takes itself out; what it resumes may end others.
        if (std::ranges::find(impl_->idle, one) != impl_->idle.end()) {
            one->waiting.cancel(ECANCELED);
        }
    }
}

runtime::Task<void> Server::drained() { return impl_->tasks.drained(); }

}  // namespace weir::admin
