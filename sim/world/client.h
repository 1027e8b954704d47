// A client of the second world: sends bytes, reads one answer and says whether it was well-formed.
// It takes answers apart with a few lines of its own. Thread: the scheduler's.
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

struct Answer {
    int status = 0;                                           // 0: no head came
    std::vector<std::pair<std::string, std::string>> fields;  // names in lower case
    std::string body;                                         // without its chunking
    std::vector<std::string> chunks;                          // as they were framed
    std::vector<MonoTime> chunk_times;                        // when each was whole
    bool whole = false;                                       // ended as its head said it would
    bool closed = false;    // the other side closed afterwards, or instead
    int interim = 0;        // 1xx heads before it
    std::string malformed;  // why it is no HTTP; empty: it is

    std::string_view field(std::string_view name) const;  // data() == nullptr: not there
    std::size_t count(std::string_view name) const;
    bool keeps_alive() const { return whole && !closed && field("connection") != "close"; }
};

// What was read of a connection and belongs to the next answer.
struct Conversation {
    explicit Conversation(Scheduler& s, runtime::Own own) : scheduler(s), stream(std::move(own)) {}
    Scheduler& scheduler;
    runtime::Own stream;
    std::string unread;
};

struct Patience {
    std::optional<std::size_t> leave_after = std::nullopt;  // bytes of the answer, then it hangs up
    Duration pause{};                                       // before each read: a slow reader
    Duration limit = std::chrono::hours{2};                 // then it gives up
    bool head_only = false;                                 // it asked by HEAD
    bool interim = false;                                   // a 1xx head is the answer it waits for
};

runtime::Task<bool> send_all(Conversation& c, std::string bytes);
// `wanted`: told of the answer as it grows; false makes the client hang up.
runtime::Task<Answer> read_answer(Conversation& c, Patience patience = {});

// "POST /path HTTP/1.1" with its fields, a length and the body.
std::string request(std::string_view method, std::string_view target,
                    const std::vector<std::pair<std::string, std::string>>& fields,
                    std::string_view body);

}  // namespace weir::world
