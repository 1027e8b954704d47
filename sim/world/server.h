// An HTTP server of the second world, told by a function what to do with each request. It reads
// heads and bodies with a few lines of its own, so that Weir's codec is not judged by itself.
// Outlives its connections' streams; the scheduler outlives it. Thread: the scheduler's.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/stream.h"
#include "runtime/task.h"
#include "sim/world/scheduler.h"

namespace weir::world {

struct Received {
    std::string method;
    std::string target;
    std::vector<std::pair<std::string, std::string>> fields;  // names in lower case
    std::string body;
    int connection = 0;  // from 1, in the order of acceptance
    int number = 0;      // on that connection, from 1

    std::string_view field(std::string_view name) const;  // data() == nullptr: not there
    std::size_t count(std::string_view name) const;
};

struct Reply {
    struct Piece {
        std::string bytes;
        Duration after{};             // since the piece before
        std::function<void()> first;  // runs right before the bytes are sent
    };
    enum class End : std::uint8_t {
        keep,   // the connection serves on
        close,  // after the last byte
        reset,
        hang,  // says nothing more, and does not close
    };
    std::vector<Piece> pieces;
    End end = End::keep;
    bool stops = false;  // pieces that nobody would hear are not made
};

// A whole answer with its length.
Reply answer(int status, std::string_view content_type, std::string_view body,
             std::string_view more_fields = {});
// An event stream, one chunk for each event.
Reply stream_of(const std::vector<std::string>& events, Duration between = {});
std::string chunk(std::string_view bytes);

class Server {
 public:
    using Serve = std::function<Reply(const Received&)>;
    Server(Scheduler& scheduler, Serve serve) : scheduler_(scheduler), serve_(std::move(serve)) {}
    Server(const Server&) = delete;

    void accept(runtime::Own stream);
    int accepted() const { return accepted_; }
    std::size_t open() const { return tasks_.size(); }

    // For each request: after how many bytes of it to reset the connection.
    std::function<std::optional<std::size_t>()> cut_request;
    // Asked once a request is whole, before `serve`: what came is known, whatever happens next.
    std::function<void(const Received&)> received;
    Duration idle_max = std::chrono::hours{10};  // then it closes a connection that waits

 private:
    runtime::Task<void> converse(runtime::Own stream, int number);
    runtime::Task<bool> send(runtime::Stream& stream, Reply& reply);

    Scheduler& scheduler_;
    Serve serve_;
    int accepted_ = 0;
    runtime::TaskGroup tasks_;
};

}  // namespace weir::world
