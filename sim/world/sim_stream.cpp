#include "sim/world/sim_stream.h"

#include <algorithm>
#include <cstring>

namespace weir::world {

std::pair<runtime::Own, runtime::Own> SimStream::pair(Scheduler& scheduler, const Link& link,
                                                      End first, End second) {
    std::shared_ptr<SimStream> a{new SimStream(scheduler, link, std::move(first))};
    std::shared_ptr<SimStream> b{new SimStream(scheduler, link, std::move(second))};
    a->self_ = a;
    b->self_ = b;
    a->peer_ = b;
    b->peer_ = a;
    return {runtime::Own{a.get()}, runtime::Own{b.get()}};
}

bool SimStream::stutters() {
    if (!share_left()) return true;
    if (!scheduler_.chance(quality_.stutter_percent)) return false;
    stuttered_in_ = scheduler_.turn();
    return true;
}

// Nothing overtakes what was sent before it.
MonoTime SimStream::arrival() {
    MonoTime soonest =
        scheduler_.now() + scheduler_.between(quality_.delay_min, quality_.delay_max);
    return last_arrival_ = std::max(last_arrival_, soonest);
}

ssize_t SimStream::try_read(void* buffer, std::size_t size) {
    if (end_.counts_steps) scheduler_.step();
    if (dead() || !readable() || stutters()) return -EAGAIN;
    if (error_ != 0) return -error_;
    if (inbox_.empty()) {
        peer_gone_ = true;
        return 0;
    }
    std::size_t n = std::min(size, inbox_.size());
    if (n > 1 && scheduler_.chance(quality_.short_percent)) n = 1 + scheduler_.rng().below(n);
    std::memcpy(buffer, inbox_.data(), n);
    inbox_.erase(0, n);
    scheduler_.note(n);
    scheduler_.after(quality_.delay_min, [peer = peer_, n] {
        if (auto there = peer.lock()) there->room(n);
    });
    return static_cast<ssize_t>(n);
}

ssize_t SimStream::try_write(const iovec* pieces, int count) {
    if (end_.counts_steps) scheduler_.step();
    std::string bytes;
    for (int i = 0; i < count; ++i) {
        bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
    }
    if (dead()) return static_cast<ssize_t>(bytes.size());
    if (!writable() || stutters()) return -EAGAIN;
    if (error_ != 0 || end_sent_) return -EPIPE;
    std::size_t n = std::min(bytes.size(), quality_.window - on_the_way_);
    if (n > 1 && scheduler_.chance(quality_.short_percent)) n = 1 + scheduler_.rng().below(n);
    bytes.resize(n);
    on_the_way_ += n;
    scheduler_.note(bytes);
    while (bytes.size() > 1 && scheduler_.chance(quality_.chop_percent)) {
        std::size_t cut = 1 + scheduler_.rng().below(bytes.size() - 1);
        send(bytes.substr(0, cut));
        bytes.erase(0, cut);
    }
    if (!bytes.empty()) send(std::move(bytes));
    if (end_.counts_steps) scheduler_.step();
    return static_cast<ssize_t>(n);
}

void SimStream::send(std::string bytes) {
    scheduler_.at(arrival(), [peer = peer_, me = weak_end(), bytes = std::move(bytes)]() mutable {
        if (auto there = peer.lock(); there && !there->released_) {
            return there->arrive(bytes);
        }
        // Nobody is there any more: the kernel over there says so.
        if (auto here = me.lock()) here->arrive_end(true);
    });
}

void SimStream::send_end(bool reset) {
    if (end_sent_ && !reset) return;
    end_sent_ = true;
    scheduler_.at(arrival(), [peer = peer_, reset] {
        if (auto there = peer.lock(); there && !there->released_) there->arrive_end(reset);
    });
}

void SimStream::arrive(const std::string& bytes) {
    if (error_ != 0 || at_end_) return;
    inbox_.append(bytes);
    reader_.wake(0);
}

void SimStream::arrive_end(bool reset) {
    if (released_ || error_ != 0) return;
    peer_gone_ = true;
    if (reset) {
        inbox_.clear();
        error_ = ECONNRESET;
    } else {
        at_end_ = true;
    }
    told_of_end(reset);
}

// Each waiter that is woken may release this stream; the memory stays until the next event.
void SimStream::told_of_end(bool writer_too) {
    bool somebody_waited = reader_.wake(0);
    if (writer_too && !released_) somebody_waited = writer_.wake(0) || somebody_waited;
    if (!released_ && !somebody_waited && link_ != nullptr) link_->cancel(ECANCELED);
}

void SimStream::room(std::size_t bytes) {
    on_the_way_ -= std::min(bytes, on_the_way_);
    if (!released_ && writable()) writer_.wake(0);
}

void SimStream::poke() {
    scheduler_.next_turn([me = weak_end()] {
        auto here = me.lock();
        if (!here || here->released_) return;
        if (here->expired_) return here->cancel(ETIMEDOUT);
        if (here->readable()) here->reader_.wake(0);
        if (!here->released_ && here->writable()) here->writer_.wake(0);
    });
}

void SimStream::wait_read(runtime::Waiter* waiter) {
    reader_.set(waiter);
    if (waiter != nullptr && !dead() && (readable() || expired_)) poke();
}

void SimStream::wait_write(runtime::Waiter* waiter) {
    writer_.set(waiter);
    if (waiter != nullptr && !dead() && (writable() || expired_)) poke();
}

void SimStream::set_deadline(Duration after) {
    expired_ = false;
    if (after > Duration::zero()) {
        scheduler_.wheel().set(*this, scheduler_.now() + after);
    } else {
        scheduler_.wheel().clear(*this);
    }
}

void SimStream::expire() {
    if (released_ || dead()) return;
    expired_ = true;
    cancel(ETIMEDOUT);
}

void SimStream::cancel(int error) {
    reader_.wake(error);
    if (!released_) writer_.wake(error);
}

void SimStream::shutdown_write() {
    if (!dead()) send_end(false);
}

void SimStream::release() noexcept {
    released_ = true;
    scheduler_.wheel().clear(*this);
    reader_.set(nullptr);
    writer_.set(nullptr);
    link_ = nullptr;
    // As the kernel does it: an end if all was read, a reset if not.
    send_end(aborted_ || !inbox_.empty());
    scheduler_.next_turn([keep = std::move(self_)] {});
}

void SimStream::abort(runtime::Own stream) {
    static_cast<SimStream&>(*stream).aborted_ = true;
    stream.reset();
}

}  // namespace weir::world
