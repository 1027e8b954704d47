#include "sim/world/client.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>

namespace weir::world {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    return out;
}

// Reads on. False: nothing more comes.
runtime::Task<bool> more(Conversation& c, const Patience& patience, Answer& out,
                         std::size_t& total) {
    if (patience.leave_after && total >= *patience.leave_after) {
        c.stream.reset();
        out.closed = true;
        co_return false;
    }
    if (patience.pause > Duration::zero()) co_await c.scheduler.delay(patience.pause);
    std::array<char, 2048> buffer;
    c.stream->set_deadline(patience.limit);
    ssize_t n = co_await runtime::read_some(*c.stream, buffer.data(), buffer.size());
    if (n <= 0) {
        out.closed = true;
        co_return false;
    }
    total += static_cast<std::size_t>(n);
    c.unread.append(buffer.data(), static_cast<std::size_t>(n));
    co_return true;
}

void take_head(std::string_view head, Answer& out) {
    if (!head.starts_with("HTTP/1.1 ")) {
        out.malformed = "no status line";
        return;
    }
    std::from_chars(head.data() + 9, head.data() + 12, out.status);
    auto at = head.find("\r\n");
    while (at + 2 < head.size()) {
        head.remove_prefix(at + 2);
        at = head.find("\r\n");
        std::string_view line = head.substr(0, at);
        if (line.empty()) break;
        auto colon = line.find(':');
        if (colon == std::string_view::npos) {
            out.malformed = "a field without a colon";
            return;
        }
        std::string_view value = line.substr(colon + 1);
        while (value.starts_with(' ')) value.remove_prefix(1);
        out.fields.emplace_back(lower(line.substr(0, colon)), value);
    }
}

// Takes chunks off `unread`. True: the last one was among them.
bool take_chunks(std::string& unread, MonoTime now, Answer& out) {
    for (;;) {
        auto line = unread.find("\r\n");
        if (line == std::string::npos) return false;
        std::size_t size = 0;
        auto [end, error] = std::from_chars(unread.data(), unread.data() + line, size, 16);
        if (error != std::errc{} || end != unread.data() + line) {
            out.malformed = "a bad chunk size";
            return true;
        }
        if (unread.size() < line + 2 + size + 2) return false;
        if (unread.compare(line + 2 + size, 2, "\r\n") != 0) {
            out.malformed = "a chunk without its end";
            return true;
        }
        if (size == 0) {
            unread.erase(0, line + 4);
            return true;
        }
        out.chunks.push_back(unread.substr(line + 2, size));
        out.chunk_times.push_back(now);
        out.body.append(out.chunks.back());
        unread.erase(0, line + 2 + size + 2);
    }
}

runtime::Task<void> read_body(Conversation& c, const Patience& patience, Answer& out,
                              std::size_t& total) {
    if (out.field("transfer-encoding") == "chunked") {
        if (out.field("content-length").data() != nullptr) out.malformed = "two framings";
        while (!(out.whole = take_chunks(c.unread, c.scheduler.now(), out))) {
            if (!co_await more(c, patience, out, total)) co_return;
        }
        out.whole = out.malformed.empty();
        co_return;
    }
    std::string_view length = out.field("content-length");
    if (length.data() == nullptr) {  // up to the close
        while (co_await more(c, patience, out, total)) {
        }
        out.body = std::exchange(c.unread, {});
        out.whole = true;
        co_return;
    }
    std::size_t size = 0;
    std::from_chars(length.data(), length.data() + length.size(), size);
    while (c.unread.size() < size) {
        if (!co_await more(c, patience, out, total)) co_return;
    }
    out.body = c.unread.substr(0, size);
    c.unread.erase(0, size);
    out.whole = true;
}

}  // namespace

std::string_view Answer::field(std::string_view name) const {
    auto at = std::ranges::find(fields, name, [](const auto& f) { return f.first; });
    return at == fields.end() ? std::string_view{} : std::string_view{at->second};
}

std::size_t Answer::count(std::string_view name) const {
    return static_cast<std::size_t>(
        std::ranges::count(fields, name, [](const auto& f) { return f.first; }));
}

runtime::Task<bool> send_all(Conversation& c, std::string bytes) {
    iovec piece{bytes.data(), bytes.size()};
    c.stream->set_deadline(std::chrono::hours{1});
    co_return co_await runtime::write_all(*c.stream, &piece, 1) == 0;
}

runtime::Task<Answer> read_answer(Conversation& c, Patience patience) {
    Answer out;
    std::size_t total = c.unread.size();
    for (;;) {
        auto end = c.unread.find("\r\n\r\n");
        if (end == std::string::npos) {
            if (!co_await more(c, patience, out, total)) co_return out;
            continue;
        }
        std::string head = c.unread.substr(0, end + 4);
        c.unread.erase(0, end + 4);
        take_head(head, out);
        if (!out.malformed.empty()) co_return out;
        if (out.status >= 200) break;
        if (patience.interim) co_return out;
        out.fields.clear();
        ++out.interim;
    }
    if (patience.head_only) {
        out.whole = true;
        co_return out;
    }
    co_await read_body(c, patience, out, total);
    co_return out;
}

std::string request(std::string_view method, std::string_view target,
                    const std::vector<std::pair<std::string, std::string>>& fields,
                    std::string_view body) {
    std::string out = fmt::format("{} {} HTTP/1.1\r\nhost: weir\r\n", method, target);
    for (const auto& [name, value] : fields) out += fmt::format("{}: {}\r\n", name, value);
    if (!body.empty()) out += fmt::format("content-length: {}\r\n", body.size());
    out.append("\r\n").append(body);
    return out;
}

}  // namespace weir::world
