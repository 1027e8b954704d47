#include "http/client.h"

#include "http/upstream_exchange.h"

namespace weir::http {
namespace {

std::string request_head(const runtime::Address& address, const ClientRequest& request) {
    std::string head;
    codec::append_request_line(head, request.method, request.target);
    bool literal6 = address.host.contains(':');
    std::string host = literal6 ? "[" + address.host + "]" : address.host;
    codec::append_field(head, "host", host + ":" + std::to_string(address.port));
    for (const auto& [name, value] : request.fields) codec::append_field(head, name, value);
    if (!request.body.empty() || request.method == "POST") {
        codec::append_field(head, "content-length", std::uint64_t{request.body.size()});
    }
    head.append(codec::kCrlf);
    return head;
}

}  // namespace

runtime::Task<Result<ClientAnswer>> fetch(UpstreamPool& pool, const runtime::Address& address,
                                          const ClientRequest& request, Duration timeout,
                                          std::size_t answer_bytes_max) {
    auto connection = co_await pool.acquire(address, timeout);
    if (!connection) co_return std::unexpected(connection.error());
    UpstreamExchange exchange(pool, address, std::move(*connection),
                              {.write = timeout, .first_byte = timeout, .idle = timeout});
    std::string head = request_head(address, request);
    if (auto sent = co_await exchange.send(head, request.body); !sent) {
        co_return std::unexpected(sent.error());
    }
    if (auto answered = co_await exchange.read_head(request.method == "HEAD"); !answered) {
        co_return std::unexpected(answered.error());
    }
    ClientAnswer answer;
    answer.status = exchange.head().status;
    answer.content_type = exchange.head().find("content-type");
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

}  // namespace weir::http
