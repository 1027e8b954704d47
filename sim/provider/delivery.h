// Carries an answer out over one connection: in its time, with the faults of the wire, and watching
// whether the client is still there. Says how far it came. Owner: the connection's coroutine.
// Thread: its loop.
#pragma once

#include <functional>

#include "http/server_connection.h"
#include "runtime/clock.h"
#include "runtime/task.h"
#include "sim/provider/answer.h"
#include "sim/provider/faults.h"

namespace weir::sim {

using Sleep = std::function<runtime::Task<void>(Duration)>;

struct Pace {
    Duration first_byte{0};
    Duration chunk{0};
};

class Delivery {
 public:
    // `descriptor`: of the socket, for resets; -1: there is none, and a reset is a close.
    Delivery(http::ServerConnection& client, int descriptor, const Sleep& sleep,
             const runtime::Clock& clock)
        : client_(client), descriptor_(descriptor), sleep_(sleep), clock_(clock) {}
    Delivery(const Delivery&) = delete;

    // `keep_alive`: the client would keep the connection.
    runtime::Task<Ending> send(const Answer& answer, const Faults& faults, Pace pace,
                               bool keep_alive);
    // The connection can carry another request.
    bool connection_lives() const { return lives_; }
    // The next close of that socket sends RST.
    static void reset_on_close(int descriptor);

 private:
    runtime::Task<void> send_whole(const Answer& answer);
    runtime::Task<void> send_stream(const Answer& answer);
    runtime::Task<bool> send_step(const Answer& answer, std::size_t index);
    // False: the client has gone.
    runtime::Task<bool> wait(Duration time);
    runtime::Task<void> hang(const Answer& answer);
    // Ends the answer here.
    void sever(bool with_reset);
    runtime::Task<bool> write(std::string_view bytes);
    runtime::Task<bool> write_head(const Answer& answer);
    bool cut_here(const Answer& answer, std::size_t step) const;

    http::ServerConnection& client_;
    int descriptor_;
    const Sleep& sleep_;
    const runtime::Clock& clock_;

    const Faults* faults_ = nullptr;
    Pace pace_;
    bool lives_ = false;
    Ending ending_;
};

}  // namespace weir::sim
