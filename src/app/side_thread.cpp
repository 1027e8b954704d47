#include "app/side_thread.h"

#include <csignal>
#include <utility>

namespace weir::app {

bool SideThread::run(Work work, Then then) {
    if (busy_) return false;
    busy_ = true;
    // Signals are the control thread's: the new one inherits that it takes none.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::jthread([this, work = std::move(work),
                            then = std::move(then)](const std::stop_token& stop) mutable {
        work(stop);
        loop_.post([this, then = std::move(then)]() mutable {
            busy_ = false;
            then();
        });
    });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return true;
}

}  // namespace weir::app
