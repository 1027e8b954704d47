#include "runtime/signals.h"

#include <csignal>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/check.h"

namespace weir::runtime {
namespace {

sigset_t set_of(std::initializer_list<int> signals) {
    sigset_t set;
    sigemptyset(&set);
    for (int signal : signals) sigaddset(&set, signal);
    return set;
}

}  // namespace

void block_signals(std::initializer_list<int> signals) {
    sigset_t set = set_of(signals);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

Signals::Signals(Loop& loop, std::initializer_list<int> signals, OnSignal on_signal)
    : loop_(loop), on_signal_(std::move(on_signal)) {
    sigset_t set = set_of(signals);
    fd_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    WEIR_CHECK(fd_ >= 0 && loop_.add(fd_, *this, EPOLLIN));
}

Signals::~Signals() {
    loop_.remove(fd_, *this);
    ::close(fd_);
}

void Signals::on_event(std::uint32_t) {
    signalfd_siginfo info{};
    while (::read(fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
        on_signal_(static_cast<int>(info.ssi_signo));
    }
}

}  // namespace weir::runtime
