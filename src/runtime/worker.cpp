#include "runtime/worker.h"

#include <csignal>
#include <pthread.h>

#include "base/check.h"

namespace weir::runtime {

Worker::~Worker() {
    stop();
    join();
}

void Worker::start() {
    WEIR_CHECK(!thread_.joinable());
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited by the new thread
    thread_ = std::thread([this] { loop_.run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_setname_np(thread_.native_handle(), name_.substr(0, 15).c_str());
}

void Worker::join() {
    if (thread_.joinable()) thread_.join();
}

}  // namespace weir::runtime
