#include "app/journal_keeper.h"

#include <chrono>
#include <filesystem>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <utility>

namespace weir::app {
namespace {

constexpr std::chrono::milliseconds kSyncEvery{5};
constexpr int kRoundsBetweenRetirements = 6'000;  // half a minute

std::uint64_t bytes_in(const std::string& directory) {
    std::uint64_t sum = 0;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
        auto size = entry.file_size(error);
        if (!error) sum += size;
    }
    return sum;
}

}  // namespace

JournalKeeper::JournalKeeper(Options options, std::vector<ledger::JournalWriter*> writers,
                             store::BookkeeperThread& bookkeeper)
    : options_(std::move(options)), writers_(std::move(writers)), bookkeeper_(bookkeeper) {
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "weir-journal");
}

JournalKeeper::~JournalKeeper() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_up_.notify_one();
    thread_.join();
}

void JournalKeeper::run() {
    std::unique_lock lock(mutex_);
    for (int round = 1; !stopping_; ++round) {
        lock.unlock();
        housekeep();
        if (round % kRoundsBetweenRetirements == 0) retire_passed();
        lock.lock();
        wake_up_.wait_for(lock, kSyncEvery, [this] { return stopping_; });
    }
}

void JournalKeeper::housekeep() {
    bool failed = false;
    for (ledger::JournalWriter* writer : writers_) {
        auto kept = writer->housekeep();
        if (kept) continue;
        failed = true;
        if (failing_) continue;
        spdlog::error("ledger: {}", kept.error().detail().empty()
                                        ? std::string(kept.error().message())
                                        : kept.error().detail());
    }
    if (failing_ && !failed) spdlog::info("ledger: the journal can be written again");
    failing_ = failed;
}

void JournalKeeper::retire_passed() {
    if (bytes_in(options_.directory) <= options_.keep_bytes) return;
    auto passed = bookkeeper_.checkpoint();
    if (!passed) return;  // the bookkeeper has said why
    auto gone = ledger::retirable(options_.directory, *passed, options_.epoch);
    Result<> forgotten =
        gone ? bookkeeper_.forget_chain_heads(*gone) : std::unexpected(gone.error());
    if (forgotten) forgotten = ledger::retire(options_.directory, *gone);
    if (!forgotten) {
        spdlog::error("ledger: cannot remove old segments: {}", forgotten.error().message());
    } else if (!gone->empty()) {
        spdlog::info("ledger: removed {} segments that the database holds", gone->size());
    }
}

}  // namespace weir::app
