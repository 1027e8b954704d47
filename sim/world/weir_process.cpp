#include "sim/world/weir_process.h"

#include <algorithm>

#include "ledger/fold.h"
#include "ledger/recover.h"
#include "runtime/sha256.h"
#include "store/recovery.h"
#include "store/schema.h"

namespace weir::world {
namespace {

constexpr std::uint16_t kControlWorker = 0xFFFF;
constexpr Duration kKeepEvery = std::chrono::milliseconds{20};
constexpr Duration kKeepEveryIdle = std::chrono::milliseconds{500};
constexpr Duration kFoldEvery = std::chrono::milliseconds{500};
constexpr Duration kFoldEveryIdle = std::chrono::seconds{4};

}  // namespace

// /weir/me and /weir/calls of a store that has nothing to say.
class WeirProcess::FakeDesk final : public gateway::Desk {
 public:
    explicit FakeDesk(Scheduler& scheduler) : scheduler_(scheduler) {}
    void ask(gateway::DeskQuestion question,
             std::move_only_function<void(Result<std::string>)> reply) override {
        scheduler_.after(std::chrono::milliseconds{1}, [question = std::move(question),
                                                        reply = std::move(reply)]() mutable {
            if (question.call_id == "missing") return reply(fail(ErrorCode::not_found));
            reply(R"({"key":")" + question.key_id + R"(","team":")" + question.team + R"("})");
        });
    }

 private:
    Scheduler& scheduler_;
};

WeirProcess::Worker::Worker(WeirProcess& p, std::uint16_t number,
                            std::unique_ptr<ledger::JournalWriter> writer)
    : net(p.machine_.scheduler, p.machine_.internet, p.life_),
      pool(net, buffers, {}),
      journal(std::move(writer)),
      road{.net = net,
           .clock = p.machine_.clock,
           .buffers = buffers,
           .pool = pool,
           .journal = *journal,
           .treasury = p.treasury_,
           .inputs = p.inputs_,
           .targets = p.targets_,
           .desk = *p.desk_,
           .sha256 = runtime::sha256,
           .post =
               [&scheduler = p.machine_.scheduler,
                life = p.life_](std::move_only_function<void()> f) {
                   scheduler.next_turn([life, f = std::move(f)]() mutable {
                       if (!life->dead) f();
                   });
               },
           .durability = p.options_.durability,
           .epoch = p.lock_->epoch(),
           .worker = number,
           .policy = p.options_.policy,
           .last_seq = 0,
           .counters = {},
           .draining = false},
      front(road) {}

WeirProcess::WeirProcess(Machine& machine, ProcessOptions options)
    : machine_(machine),
      options_(std::move(options)),
      treasury_(machine.clock, {.instances_max = options_.instances_max}) {}

WeirProcess::~WeirProcess() { life_->dead = true; }

Result<> WeirProcess::start() {
    auto lock = ledger::DataDirectory::open(options_.data_dir);
    if (!lock) return std::unexpected(lock.error());
    lock_ = std::move(*lock);
    journal_options_.directory = lock_->journal_path();
    journal_options_.segment_bytes = options_.segment_bytes;
    journal_options_.clock = &machine_.clock;
    journal_options_.disk = machine_.disk;
    if (options_.bookkeeping) {
        if (auto recovered = recover(); !recovered) return recovered;
        if (auto published = publish(core::Policy{*options_.policy}); !published) return published;
    } else {
        treasury_.define(options_.policy->budgets);
        treasury_.limit_rates(options_.policy->rate_limits);
    }
    desk_ = std::make_unique<FakeDesk>(machine_.scheduler);
    for (std::uint16_t w = 0; w < options_.workers; ++w) {
        auto writer = ledger::JournalWriter::open(journal_options_, lock_->epoch(), w);
        if (!writer) return std::unexpected(writer.error());
        workers_.push_back(std::make_unique<Worker>(*this, w, std::move(*writer)));
    }
    if (options_.housekeeping) keep();
    if (options_.bookkeeping) fold_later();
    return {};
}

// As app/books.cpp does it.
Result<> WeirProcess::recover() {
    store::BookkeeperOptions options;
    options.database_path = database_path();
    options.journal_directory = journal_options_.directory;
    options.watermark_bytes = 0;
    auto bookkeeper = store::Bookkeeper::open(std::move(options));
    if (!bookkeeper) return std::unexpected(bookkeeper.error());
    bookkeeper_ = std::move(*bookkeeper);
    auto control = ledger::JournalWriter::open(journal_options_, lock_->epoch(), kControlWorker);
    if (!control) return std::unexpected(control.error());
    control_ = std::move(*control);
    if (auto folded = fold(); !folded) return std::unexpected(folded.error());
    if (auto ended = end_dead_holds(); !ended) return ended;
    if (auto folded = fold(); !folded) return std::unexpected(folded.error());
    auto directory =
        store::Directory::open(database_path(), runtime::sha256, machine_.scheduler.rng());
    if (!directory) return std::unexpected(directory.error());
    directory_ = std::move(*directory);
    return {};
}

// As app/publisher.cpp does it: budgets first, and those that are new with what the ledger knows.
Result<> WeirProcess::publish(const core::Policy& configuration) {
    auto next = std::make_shared<core::Policy>(configuration);
    if (auto handed = hand_budgets(*next); !handed) return handed;
    treasury_.limit_rates(next->rate_limits);
    next->version = options_.policy->version + 1;
    options_.policy = next;
    for (auto& worker : workers_) worker->road.take_policy(next);
    return {};
}

Result<> WeirProcess::hand_budgets(core::Policy& policy) {
    if (auto folded = fold(); !folded) return std::unexpected(folded.error());
    auto applied = directory_->apply_config_budgets(policy.budgets, policy.zone,
                                                    {"configuration", treasury_.now()});
    if (!applied) return applied;
    auto specs = directory_->budgets();
    if (!specs) return std::unexpected(specs.error());
    std::vector<std::uint64_t> ids;
    for (const core::BudgetSpec& spec : *specs) ids.push_back(spec.id);
    std::vector<gateway::Treasury::Seed> seeds;
    auto is_known = [this](std::uint64_t id) {
        return std::ranges::find(in_force_, id) != in_force_.end();
    };
    if (!std::ranges::all_of(ids, is_known)) {
        auto reader = store::open_store_reader(database_path());
        if (!reader) return std::unexpected(reader.error());
        auto balances = store::load_balances(*reader, treasury_.now());
        if (!balances) return std::unexpected(balances.error());
        for (store::Balance& b : *balances) {
            seeds.push_back(
                {b.budget_id, std::move(b.instance), b.window, b.settled, b.overrun, b.counted});
        }
    }
    treasury_.redefine(*specs, seeds);
    policy.budgets = std::move(*specs);
    in_force_ = std::move(ids);
    return {};
}

Result<> WeirProcess::raise(std::string_view budget, core::BudgetRaise raise) {
    auto raised = directory_->raise_budget(budget, std::move(raise), {"operator", treasury_.now()});
    return raised ? Result<>{} : std::unexpected(raised.error());
}

Result<> WeirProcess::end_raises(std::string_view budget) {
    auto ended = directory_->end_raises(budget, {"operator", treasury_.now()});
    return ended ? Result<>{} : std::unexpected(ended.error());
}

// As app/correction.cpp does it.
Result<> WeirProcess::correct(const ledger::CorrectionRecord& correction,
                              const std::vector<core::HoldPart>& parts) {
    if (auto folded = fold(); !folded) return std::unexpected(folded.error());
    const ledger::Record record{correction};
    if (auto written = control_->append(record); !written) return written;
    for (const core::HoldPart& part : parts) {
        treasury_.correct(part.budget_id, part.instance, part.window,
                          ledger::corrected_part(correction, part));
    }
    if (control_->sync()) return {};
    if (auto again = control_->append(record); !again) return again;
    return control_->sync();
}

Result<> WeirProcess::end_dead_holds() {
    auto reader = store::open_store_reader(database_path());
    if (!reader) return std::unexpected(reader.error());
    auto past = store::load_for_start(*reader, machine_.clock.unix_now(), lock_->epoch());
    if (!past) return std::unexpected(past.error());
    UnixTime now = std::max(machine_.clock.unix_now(), past->last_seen);
    treasury_.not_before(past->last_seen);
    for (const store::OpenHold& hold : past->holds) {
        ledger::EndRecord end = ledger::end_of_dead(hold.admit, hold.dispatched, now);
        if (end.state == ledger::EndState::orphaned) ++orphaned_;
        if (auto written = control_->append(ledger::Record{std::move(end)}); !written) {
            return written;
        }
    }
    return control_->sync();
}

runtime::Own WeirProcess::dial(std::size_t worker, const Link& link) {
    if (life_->dead) return nullptr;
    auto ends = workers_[worker]->net.dial_in(link);
    machine_.scheduler.after(link.delay_min, [life = life_, front = &workers_[worker]->front,
                                              ours = std::move(ends.second)]() mutable {
        if (!life->dead) front->accept(std::move(ours), "10.0.0.7");
    });
    return std::move(ends.first);
}

void WeirProcess::drain() {
    for (auto& worker : workers_) worker->front.drain();
}

bool WeirProcess::is_drained() const {
    return std::ranges::all_of(workers_, [](const auto& w) { return w->front.open() == 0; });
}

std::size_t WeirProcess::open_calls() const {
    std::size_t n = 0;
    for (const auto& worker : workers_) n += worker->journal->open_holds();
    return n;
}

std::size_t WeirProcess::unsynced() const {
    std::size_t n = 0;
    for (const auto& worker : workers_) n += worker->road.unsynced.size();
    return n;
}

gateway::RoadCounters WeirProcess::counters() const {
    gateway::RoadCounters sum;
    for (const auto& worker : workers_) {
        sum.refused += worker->road.counters.refused;
        sum.attempts += worker->road.counters.attempts;
        sum.unledgered_ends += worker->road.counters.unledgered_ends;
    }
    return sum;
}

// The thread that syncs, preallocates and seals, as events.
void WeirProcess::keep() {
    machine_.scheduler.after(open_calls() > 0 ? kKeepEvery : kKeepEveryIdle, [this, life = life_] {
        if (life->dead) return;
        for (auto& w : workers_) (void)w->journal->housekeep();
        if (control_) (void)control_->housekeep();
        if (!life->dead) keep();
    });
}

void WeirProcess::fold_later() {
    machine_.scheduler.after(open_calls() > 0 ? kFoldEvery : kFoldEveryIdle, [this, life = life_] {
        if (life->dead) return;
        if (before_fold) before_fold();
        (void)fold();
        if (!life->dead) fold_later();
    });
}

}  // namespace weir::world
