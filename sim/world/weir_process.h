// Weir as a process of the second world: the real road, journal, treasury and bookkeeper, put
// together as app/ does it, but for threads: what helper threads do there are events here. It can
// die at any step: `life().dead` is set there, and it is destroyed once the event is over.
// Owner: the test. Thread: the scheduler's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gateway/front.h"
#include "gateway/road.h"
#include "sim/world/sim_clock.h"
#include "sim/world/sim_disk.h"
#include "sim/world/sim_net.h"
#include "store/bookkeeper.h"
#include "store/directory.h"

namespace weir::world {

// What processes run on.
struct Machine {
    explicit Machine(std::uint64_t seed)
        : scheduler(seed), clock(scheduler), disk(std::make_shared<SimDisk>(scheduler)) {}
    Scheduler scheduler;
    SimClock clock;
    std::shared_ptr<SimDisk> disk;
    Internet internet;
};

struct ProcessOptions {
    std::string data_dir;
    // What the configuration says; with bookkeeping the store gives its budgets their ids.
    std::shared_ptr<const core::Policy> policy;
    std::uint32_t instances_max = 4'096;
    std::uint16_t workers = 1;
    gateway::Durability durability = gateway::Durability::background;
    std::uint64_t segment_bytes = 64u << 10;
    bool bookkeeping = true;  // false: journal and treasury alone, which begin empty
    bool housekeeping = true;
};

class WeirProcess {
 public:
    WeirProcess(Machine& machine, ProcessOptions options);
    WeirProcess(const WeirProcess&) = delete;
    ~WeirProcess();

    // Locks the directory, folds what is there, ends the holds of dead starts, seeds the treasury.
    Result<> start();

    // A client's connection to one worker; nullptr where it is not accepted.
    runtime::Own dial(std::size_t worker, const Link& link = {});

    // As somebody changes what is set, while calls fly. After an error all is as it was, or the
    // store knows more than memory does: publish again. Only with bookkeeping.
    Result<> publish(const core::Policy& configuration);
    Result<> raise(std::string_view budget, core::BudgetRaise raise);
    Result<> end_raises(std::string_view budget);
    // A later proof of what an ended attempt was billed.
    Result<> correct(const ledger::CorrectionRecord& correction,
                     const std::vector<core::HoldPart>& parts);
    // In force, with ids and raises.
    const core::Policy& policy() const { return *options_.policy; }

    void drain();
    bool is_drained() const;

    Life& life() { return *life_; }
    gateway::TargetWatch& targets() { return targets_; }
    gateway::Treasury& treasury() { return treasury_; }
    gateway::Road& road(std::size_t worker = 0) { return workers_[worker]->road; }
    ledger::JournalWriter& journal(std::size_t worker = 0) { return *workers_[worker]->journal; }
    std::uint32_t epoch() const { return lock_->epoch(); }
    std::string journal_path() const { return options_.data_dir + "/journal"; }
    std::string database_path() const { return options_.data_dir + "/weir.db"; }
    std::size_t workers() const { return workers_.size(); }
    // Folds what the journal holds. Only with bookkeeping.
    Result<std::size_t> fold() { return bookkeeper_->fold_all(); }
    store::Bookkeeper& bookkeeper() { return *bookkeeper_; }
    bool keeps_books() const { return bookkeeper_ != nullptr; }
    std::size_t orphaned() const { return orphaned_; }
    std::size_t open_calls() const;
    // Ends that wait for a sync: memory still holds what the journal has ended.
    std::size_t unsynced() const;
    gateway::RoadCounters counters() const;  // of all workers

    // Runs before each fold in the background, while nothing is being written.
    std::function<void()> before_fold;

 private:
    class FakeDesk;
    struct Worker {
        Worker(WeirProcess& process, std::uint16_t number,
               std::unique_ptr<ledger::JournalWriter> writer);
        runtime::BufferPool buffers;
        SimNet net;
        http::UpstreamPool pool;
        std::unique_ptr<ledger::JournalWriter> journal;
        gateway::Road road;
        gateway::Front front;
    };

    Result<> recover();
    Result<> end_dead_holds();
    Result<> hand_budgets(core::Policy& policy);
    void keep();
    void fold_later();

    Machine& machine_;
    ProcessOptions options_;
    std::shared_ptr<Life> life_ = std::make_shared<Life>();
    std::unique_ptr<ledger::DataDirectory> lock_;
    ledger::JournalOptions journal_options_;
    std::unique_ptr<store::Bookkeeper> bookkeeper_;
    std::unique_ptr<store::Directory> directory_;
    std::vector<std::uint64_t> in_force_;  // budgets
    std::unique_ptr<ledger::JournalWriter> control_;
    gateway::Treasury treasury_;
    gateway::InputMemory inputs_{1};
    gateway::TargetWatch targets_;
    std::unique_ptr<FakeDesk> desk_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::size_t orphaned_ = 0;
};

}  // namespace weir::world
