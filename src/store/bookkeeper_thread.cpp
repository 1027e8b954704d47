#include <chrono>
#include <future>

#include "store/bookkeeper.h"

namespace weir::store {
namespace {

// Most calls begin and end within one period, and are one insert; whoever asks is shown what is
// new at once, by flush().
constexpr auto kPeriod = std::chrono::milliseconds{250};
// After a failure: soon enough to be back quickly, seldom enough not to add to the trouble.
constexpr auto kRetryPeriod = std::chrono::milliseconds{500};

}  // namespace

BookkeeperThread::BookkeeperThread(std::unique_ptr<Bookkeeper> bookkeeper,
                                   std::function<void(const Error&)> on_error)
    : bookkeeper_(std::move(bookkeeper)),
      on_error_(std::move(on_error)),
      counters_(bookkeeper_->counters()),
      thread_([this] { run(); }) {}

BookkeeperThread::~BookkeeperThread() { stop(); }

void BookkeeperThread::stop() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
    }
    wake_up_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void BookkeeperThread::wake() {
    {
        const std::lock_guard lock{mutex_};
        asked_ = true;
    }
    wake_up_.notify_all();
}

bool BookkeeperThread::ask(Task task) {
    {
        const std::lock_guard lock{mutex_};
        if (stopping_) return false;
        tasks_.push_back(std::move(task));
    }
    wake_up_.notify_all();
    return true;
}

template <class Answer>
Answer BookkeeperThread::asked(std::function<Answer()> question) {
    // Shared: the asker may be gone before set_value has returned.
    const auto promise = std::make_shared<std::promise<Answer>>();
    std::future<Answer> answer = promise->get_future();
    const bool taken =
        ask([promise, question = std::move(question)] { promise->set_value(question()); });
    if (!taken) return fail(ErrorCode::shutting_down);
    return answer.get();
}

Result<> BookkeeperThread::flush() {
    return asked<Result<>>([this]() -> Result<> {
        const Result<std::size_t> folded = bookkeeper_->fold_all();
        publish();
        return folded ? Result<>{} : std::unexpected(folded.error());
    });
}

Result<std::vector<ledger::Cursor>> BookkeeperThread::checkpoint() {
    return asked<Result<std::vector<ledger::Cursor>>>([this] { return bookkeeper_->checkpoint(); });
}

void BookkeeperThread::keep_chain_head(const ledger::ChainHead& head) {
    (void)ask([this, head] {
        const Result<> kept = bookkeeper_->keep_chain_head(head);
        if (!kept && on_error_) on_error_(kept.error());
    });
}

Result<> BookkeeperThread::forget_chain_heads(const std::vector<ledger::SegmentName>& segments) {
    return asked<Result<>>([this, &segments] { return bookkeeper_->forget_chain_heads(segments); });
}

FoldCounters BookkeeperThread::counters() const {
    const std::lock_guard lock{mutex_};
    return counters_;
}

// On the bookkeeper's thread, without the lock.
void BookkeeperThread::publish() {
    const std::lock_guard lock{mutex_};
    counters_ = bookkeeper_->counters();
}

void BookkeeperThread::run() {
    std::unique_lock lock{mutex_};
    for (;;) {
        // Before the work: what was appended before stop() is folded.
        const bool last = stopping_;
        const bool more = work(lock);
        run_tasks(lock);
        if (more) continue;
        if (last && tasks_.empty()) return;
        wake_up_.wait_for(lock, failing_ ? kRetryPeriod : kPeriod,
                          [this] { return stopping_ || asked_ || !tasks_.empty(); });
        asked_ = false;
    }
}

// One transaction, outside the lock: whoever asks meanwhile waits for no more than that. True:
// there is more to fold at once.
bool BookkeeperThread::work(std::unique_lock<std::mutex>& lock) {
    const bool was_failing = failing_;
    lock.unlock();
    const Result<bool> more = bookkeeper_->fold_transaction();
    if (!more && !was_failing && on_error_) on_error_(more.error());
    lock.lock();
    // Only a round that reached the end says whether everything can be read.
    if (!more.value_or(false)) failing_ = !more;
    counters_ = bookkeeper_->counters();
    return more.value_or(false);
}

void BookkeeperThread::run_tasks(std::unique_lock<std::mutex>& lock) {
    while (!tasks_.empty()) {
        std::vector<Task> tasks = std::move(tasks_);
        tasks_.clear();
        lock.unlock();
        for (const Task& task : tasks) task();
        lock.lock();
    }
}

}  // namespace weir::store
