#include "sim/world/server.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>

#include "sim/world/sim_stream.h"

namespace weir::world {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    return out;
}

std::size_t number(std::string_view text) {
    std::size_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

void read_fields(std::string_view head, Received& out) {
    auto line_end = head.find("\r\n");
    std::string_view line = head.substr(0, line_end);
    auto space = line.find(' ');
    out.method = line.substr(0, space);
    out.target = line.substr(space + 1, line.rfind(' ') - space - 1);
    while (line_end + 2 < head.size()) {
        head.remove_prefix(line_end + 2);
        line_end = head.find("\r\n");
        line = head.substr(0, line_end);
        if (line.empty()) break;
        auto colon = line.find(": ");
        out.fields.emplace_back(lower(line.substr(0, colon)), line.substr(colon + 2));
    }
}

// Takes one whole request off the front of `bytes`.
std::optional<Received> take_request(std::string& bytes) {
    auto end = bytes.find("\r\n\r\n");
    if (end == std::string::npos) return std::nullopt;
    Received out;
    read_fields(std::string_view(bytes).substr(0, end + 4), out);
    std::size_t length = number(out.field("content-length"));
    if (bytes.size() < end + 4 + length) return std::nullopt;
    out.body = bytes.substr(end + 4, length);
    bytes.erase(0, end + 4 + length);
    return out;
}

}  // namespace

std::string_view Received::field(std::string_view name) const {
    auto at = std::ranges::find(fields, name, [](const auto& f) { return f.first; });
    return at == fields.end() ? std::string_view{} : std::string_view{at->second};
}

std::size_t Received::count(std::string_view name) const {
    return static_cast<std::size_t>(
        std::ranges::count(fields, name, [](const auto& f) { return f.first; }));
}

Reply answer(int status, std::string_view content_type, std::string_view body,
             std::string_view more_fields) {
    Reply reply;
    reply.pieces.push_back(
        {.bytes = fmt::format("HTTP/1.1 {} X\r\ncontent-type: {}\r\ncontent-length: {}\r\n{}\r\n{}",
                              status, content_type, body.size(), more_fields, body),
         .after = {},
         .first = {}});
    return reply;
}

std::string chunk(std::string_view bytes) {
    return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

Reply stream_of(const std::vector<std::string>& events, Duration between) {
    Reply reply;
    reply.pieces.push_back({.bytes = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                                     "transfer-encoding: chunked\r\n\r\n",
                            .after = {},
                            .first = {}});
    for (const std::string& event : events) {
        reply.pieces.push_back({.bytes = chunk(event), .after = between, .first = {}});
    }
    reply.pieces.push_back({.bytes = "0\r\n\r\n", .after = {}, .first = {}});
    return reply;
}

void Server::accept(runtime::Own stream) { tasks_.spawn(converse(std::move(stream), ++accepted_)); }

runtime::Task<bool> Server::send(runtime::Stream& stream, Reply& reply) {
    bool listening = true;
    for (Reply::Piece& piece : reply.pieces) {
        if (piece.after > Duration::zero()) co_await scheduler_.delay(piece.after);
        if (!listening && reply.stops) break;
        if (piece.first) piece.first();
        if (!listening || piece.bytes.empty()) continue;
        iovec out{piece.bytes.data(), piece.bytes.size()};
        stream.set_deadline(std::chrono::hours{1});
        // Who does not listen any more is served on all the same: pieces have effects.
        listening = co_await runtime::write_all(stream, &out, 1) == 0;
    }
    co_return listening;
}

runtime::Task<void> Server::converse(runtime::Own stream, int connection) {
    std::string bytes;
    std::array<char, 4096> buffer;
    std::size_t seen = 0;  // of the request that is coming in
    auto cut = cut_request ? cut_request() : std::nullopt;
    for (int number = 1;;) {
        auto request = take_request(bytes);
        if (!request) {
            stream->set_deadline(idle_max);
            ssize_t n = co_await runtime::read_some(*stream, buffer.data(), buffer.size());
            if (n <= 0) co_return;
            seen += static_cast<std::size_t>(n);
            if (cut && seen >= *cut) co_return SimStream::abort(std::move(stream));
            bytes.append(buffer.data(), static_cast<std::size_t>(n));
            continue;
        }
        request->connection = connection;
        request->number = number++;
        if (received) received(*request);
        Reply reply = serve_(*request);
        bool listening = co_await send(*stream, reply);
        if (reply.end == Reply::End::reset) co_return SimStream::abort(std::move(stream));
        if (reply.end == Reply::End::hang) co_await scheduler_.delay(std::chrono::hours{100});
        if (!listening || reply.end == Reply::End::close) co_return;
        seen = 0;
        cut = cut_request ? cut_request() : std::nullopt;
    }
}

}  // namespace weir::world
