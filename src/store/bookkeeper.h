// The bookkeeper: reads the journal and folds it into the database, with its place in the journal
// in the same transaction. Whatever stops it (kill -9, full disk, locked file), it goes on from the
// last commit, and each record counts once.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ledger/journal.h"
#include "store/ledger_fold.h"
#include "store/sqlite.h"

namespace weir::store {

struct BookkeeperOptions {
    std::string database_path;
    std::string journal_directory;
    // Left free on the database's disk, which the journal may share (ledger.md J2): below it the
    // bookkeeper waits, so that calls in flight can still end.
    std::uint64_t watermark_bytes = 64u << 20;
    std::size_t records_a_transaction = 8'192;
};

// Owned by BookkeeperThread, or by whoever folds in the foreground. Thread: one at a time.
class Bookkeeper {
 public:
    // Opens (or creates) the database and stands where its cursors say.
    // Errors: corrupt, conflict, io: see schema.h.
    static Result<std::unique_ptr<Bookkeeper>> open(BookkeeperOptions options);

    // Folds at most `limit` records in one transaction; returns how many. 0: nothing new.
    // Errors: io (disk full or nearly so, busy), corrupt (a bad frame: whole records before it are
    // folded). Nothing is lost: the next call reads again from the last commit.
    Result<std::size_t> fold_some(std::size_t limit);
    // Everything that was in the journal when it was called, and ends under steady load too: a poll
    // that found less than it asked for has been at the end of every family.
    Result<std::size_t> fold_all();
    // One transaction of its share; true: more may be there at once.
    Result<bool> fold_transaction();

    // Writes all commits through to the disk, and returns the place in the journal that a power cut
    // can no longer take back: segments behind it are not needed by this reader (ledger.md J6).
    Result<std::vector<ledger::Cursor>> checkpoint();

    // See chain_heads.h.
    Result<> keep_chain_head(const ledger::ChainHead& head);
    Result<> forget_chain_heads(const std::vector<ledger::SegmentName>& segments);

    const FoldCounters& counters() const { return fold_.counters(); }

 private:
    Bookkeeper(BookkeeperOptions options, std::unique_ptr<Database> database, LedgerFold fold);
    struct Folded {
        std::size_t records = 0;
        std::optional<Error> unreadable;  // of a family; the others were read all the same
    };
    Result<> rewind();
    Result<Folded> fold_once(std::size_t limit);

    BookkeeperOptions options_;
    std::unique_ptr<Database> database_;
    LedgerFold fold_;
    ledger::JournalReader reader_;
    std::vector<ledger::Record> batch_;
    bool must_rewind_ = true;
};

// Folds in the background: four times a second, and at once when asked. Thread: any may call; the
// destructor stops and joins.
class BookkeeperThread {
 public:
    // `on_error` is called on the bookkeeper's thread with the first of each row of failures.
    BookkeeperThread(std::unique_ptr<Bookkeeper> bookkeeper,
                     std::function<void(const Error&)> on_error);
    ~BookkeeperThread();
    BookkeeperThread(const BookkeeperThread&) = delete;

    // Folds what is there, then ends the thread. Idempotent.
    void stop();
    void wake();
    // Returns when everything that was appended to the journal before the call is in the database.
    // Errors: what kept it from that; shutting_down.
    Result<> flush();
    // See Bookkeeper::checkpoint; runs on the bookkeeper's thread.
    Result<std::vector<ledger::Cursor>> checkpoint();
    // Does not wait. A head that cannot be written is told as an error; the family's next one
    // stands for it.
    void keep_chain_head(const ledger::ChainHead& head);
    // Errors: io, shutting_down; then the segments have to stay.
    Result<> forget_chain_heads(const std::vector<ledger::SegmentName>& segments);
    FoldCounters counters() const;

 private:
    using Task = std::function<void()>;
    void run();
    void publish();
    bool work(std::unique_lock<std::mutex>& lock);
    void run_tasks(std::unique_lock<std::mutex>& lock);
    bool ask(Task task);
    // On the bookkeeper's thread; waits for its answer.
    template <class Answer>
    Answer asked(std::function<Answer()> question);

    std::unique_ptr<Bookkeeper> bookkeeper_;
    std::function<void(const Error&)> on_error_;
    mutable std::mutex mutex_;
    std::condition_variable wake_up_;
    // Guarded by mutex_.
    std::vector<Task> tasks_;
    FoldCounters counters_;
    bool stopping_ = false;
    bool failing_ = false;
    bool asked_ = false;
    std::thread thread_;
};

}  // namespace weir::store
