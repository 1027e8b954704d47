#include "http/client.h"

#include "http/upstream_exchange.h"

namespace weir::http {
namespace {

std::string request_head(const runtime::Address& address, const ClientRequest& request) {
    std::string head;
    codec::append_request_line(head, request.method, request.target);
    bool literal6 = address.host.contains(':');
    std::string host = literal6 ? "[" + address.host + "]" : address.host;
    if (address.port != (address.tls ? 443 : 80)) host += ":" + std::to_string(address.port);
    codec::append_field(head, "host", host);
    for (const auto& [name, value] : request.fields) codec::append_field(head, name, value);
    if (!request.body.empty() || request.method == "POST") {
        codec::append_field(head, "content-length", std::uint64_t{request.body.size()});
    }
    head.append(codec::kCrlf);
    return head;
}

// May be sent again where nobody knows whether it arrived (RFC 9110 §9.2.2).
bool is_idempotent(std::string_view method) {
    return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE";
}

runtime::Task<Result<ClientAnswer>> read_answer(UpstreamExchange& exchange, bool head_only,
                                                std::size_t answer_bytes_max) {
    if (auto answered = co_await exchange.read_head(head_only); !answered) {
        co_return std::unexpected(answered.error());
    }
    ClientAnswer answer;
    answer.status = exchange.head().status;
    answer.content_type = exchange.head().find("content-type");
    answer.retry_after = exchange.head().find("retry-after");
    std::vector<std::string_view> pieces;
    do {
        if (auto read = co_await exchange.read_payload(pieces); !read) {
            co_return std::unexpected(read.error());
        }
        for (std::string_view piece : pieces) {
            if (answer.body.size() + piece.size() > answer_bytes_max) {
                co_return fail(ErrorCode::provider_protocol, "The answer is too large.");
            }
            answer.body.append(piece);
        }
    } while (!pieces.empty());
    co_return answer;
}

}  // namespace

runtime::Task<Result<ClientAnswer>> fetch(UpstreamPool& pool, const runtime::Address& address,
                                          const ClientRequest& request, Duration timeout,
                                          std::size_t answer_bytes_max) {
    MonoTime end = pool.now() + timeout;
    std::string head = request_head(address, request);
    for (bool fresh : {false, true}) {
        Duration left = std::max(end - pool.now(), Duration{1});
        auto connection =
            fresh ? co_await pool.dial(address, left) : co_await pool.acquire(address, left);
        if (!connection) co_return std::unexpected(connection.error());
        left = std::max(end - pool.now(), Duration{1});
        UpstreamExchange exchange(pool, address, std::move(*connection), {.total = left});
        Result<ClientAnswer> answer = fail(ErrorCode::provider_reset);
        auto sent = co_await exchange.send(head, request.body);
        if (sent) {
            answer = co_await read_answer(exchange, request.method == "HEAD", answer_bytes_max);
        } else {
            answer = std::unexpected(sent.error());
        }
        // A server may close a kept connection just when it is used again.
        bool stale = !answer && answer.error().code() == ErrorCode::provider_reset &&
                     exchange.reused() && !exchange.answer_begun() &&
                     (!exchange.fully_sent() || is_idempotent(request.method));
        if (!stale) co_return answer;
    }
    co_return fail(ErrorCode::provider_reset);
}

}  // namespace weir::http
