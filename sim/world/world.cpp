#include "sim/world/world.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "sim/world/auditor.h"
#include "sim/world/data_image.h"
#include "sim/world/operators.h"
#include "sim/world/sim_sqlite.h"
#include "sim/world/story.h"

namespace weir::world {
namespace {

// Weir warns of what the seeds do to it; the findings are what counts here.
class QuietLog {
 public:
    QuietLog() : before_(spdlog::get_level()) { spdlog::set_level(spdlog::level::off); }
    QuietLog(const QuietLog&) = delete;
    ~QuietLog() { spdlog::set_level(before_); }

 private:
    spdlog::level::level_enum before_;
};

class World {
 public:
    explicit World(const WorldOptions& options)
        : options_(options),
          machine_(options.seed),
          database_disk_(*machine_.disk),
          company_(company_of(options)),
          operators_(machine_.scheduler, company_.policy),
          vendor_(machine_.scheduler, machine_.internet, options.upstream, options.vendor),
          customers_(machine_.scheduler, company_, options.customers,
                     {.dial = [this](const Link& link) { return dial(link); },
                      .process =
                          [this] {
                              return is_up() ? generation_ : 0;
                          }}),
          auditor_(machine_.scheduler, company_.policy, vendor_, customers_),
          data_dir_(scratch_.path("data-0")) {
        machine_.scheduler.on_step([this](std::uint64_t step) { on_step(step); });
        if (options_.tell) {
            auditor_.on_record = [this](const ledger::Record& record) {
                tell(story_of(record));
            };
        }
    }

    WorldReport run() {
        start();
        trouble_later();
        customers_.add_calls(options_.customers.calls);
        live();
        if (options_.calls_after_power > 0) {
            customers_.add_calls(options_.calls_after_power);
            live();
        }
        if (weir_ && auditor_.findings().empty()) auditor_.close(*weir_);
        return report();
    }

 private:
    static Company company_of(const WorldOptions& options) {
        Company company = sample_company();
        company.policy.budgets = options.budgets;
        company.policy.rate_limits = options.rate_limits;
        core::Limits& limits = company.policy.limits;
        limits.first_byte_timeout_ms = 30'000;
        limits.idle_timeout_ms = 20'000;
        limits.total_timeout_ms = 120'000;
        limits.drain_ms = 15'000;
        limits.busy_wait_ms = options.busy_wait_ms;
        return company;
    }

    ProcessOptions process_options() {
        ProcessOptions options;
        options.data_dir = data_dir_;
        options.policy = std::make_shared<const core::Policy>(operators_.wanted());
        options.instances_max = options_.instances_max;
        options.workers = options_.workers;
        options.durability = options_.durability;
        return options;
    }

    runtime::Own dial(const Link& link) {
        if (!is_up()) return nullptr;
        return weir_->dial(machine_.scheduler.rng().below(weir_->workers()), link);
    }

    void start() {
        ++generation_;
        stopping_ = false;
        weir_ = std::make_unique<WeirProcess>(machine_, process_options());
        weir_->before_fold = [this] {
            remember_database();
        };
        auto started = weir_->start();
        if (weir_->life().dead) return;  // died while starting
        if (!started) {
            // A disk that is full or failing lets no process start; it is tried again.
            if (!machine_.disk->full && !machine_.disk->failing) {
                problems_.push_back("a start failed: " + started.error().detail());
            }
            weir_.reset();
            machine_.scheduler.after(std::chrono::seconds{1}, [this] { start_if_down(); });
            return;
        }
        orphaned_ += weir_->orphaned();
        older_database_.clear();  // what was set is on the disk, and all before it
        tell(fmt::format("start {}, {} workers, {} orphans", weir_->epoch(), weir_->workers(),
                         weir_->orphaned()));
        auditor_.begin(*weir_, std::exchange(lost_tail_, false), std::exchange(was_dark_, false));
    }

    void start_if_down() {
        if (!weir_) start();
    }

    // SQLite may have promised more than the disk holds.
    void remember_database() {
        if (machine_.scheduler.chance(70) || !loses_power_yet()) return;
        older_database_ = scratch_.path(fmt::format("older-{}", generation_));
        std::filesystem::create_directories(older_database_);
        copy_database(data_dir_, older_database_);
    }

    bool loses_power_yet() const {
        return std::ranges::any_of(options_.fates.begin() + static_cast<std::ptrdiff_t>(next_fate_),
                                   options_.fates.end(),
                                   [](const Fate& f) { return f.kind == Fate::Kind::power; });
    }

    // Runs inside whatever step it is: looks at files only, and changes nothing but flags.
    void on_step(std::uint64_t step) {
        if (!weir_ || weir_->life().dead) return;
        std::uint64_t every = options_.crash_look_every;
        if (every != 0 && step % every == 0) auditor_.look_at_crash();
        const Fate* fate =
            next_fate_ < options_.fates.size() ? &options_.fates[next_fate_] : nullptr;
        if (fate == nullptr || step < fate->at_step) return;
        ++next_fate_;
        if (fate->kind == Fate::Kind::restart) {
            stopping_ = true;
            return;
        }
        image_ = scratch_.path(fmt::format("data-{}", generation_));
        copy_directory(data_dir_, image_);
        dying_by_ = fate->kind;
        weir_->life().dead = true;
    }

    void bury() {
        auditor_.leave();
        weir_.reset();  // what its frames still write goes to a directory that nobody reads
        data_dir_ = image_;
        bool power = dying_by_ == Fate::Kind::power;
        ++(power ? power_cuts_ : kills_);
        tell(power ? "the power is cut" : "killed");
        was_dark_ = was_dark_ || power;
        if (power) {
            cut_power(data_dir_, machine_.scheduler.rng());
            bool older = !older_database_.empty() && machine_.scheduler.chance(50);
            if (older) copy_database(older_database_, data_dir_);
            lost_tail_ = options_.durability == gateway::Durability::background &&
                         !options_.believes_in_disks;
        }
        older_database_.clear();
        if (options_.changes_percent > 0) draw_workers();
        machine_.scheduler.after(std::chrono::milliseconds{300}, [this] { start_if_down(); });
    }

    void draw_workers() {
        options_.workers = static_cast<std::uint16_t>(1 + machine_.scheduler.rng().below(3));
    }

    // Lets calls finish for a while; whoever has not ends at its bound.
    void stop_gently() {
        if (!draining_) {
            draining_ = true;
            drain_until_ = machine_.scheduler.now() + std::chrono::seconds{5};
            weir_->drain();
        }
        if (!weir_->is_drained() && machine_.scheduler.now() < drain_until_) return;
        draining_ = false;
        ++restarts_;
        auditor_.leave();
        weir_.reset();
        older_database_.clear();
        tell("stopped");
        draw_workers();
        machine_.scheduler.after(std::chrono::milliseconds{200}, [this] { start_if_down(); });
    }

    void trouble_later() {
        Scheduler& s = machine_.scheduler;
        s.after(s.between(std::chrono::milliseconds{500}, std::chrono::seconds{6}), [this] {
            trouble();
            trouble_later();
        });
    }
    void trouble() {
        Scheduler& s = machine_.scheduler;
        if (options_.full_disks) machine_.disk->full = s.chance(30);
        if (options_.failing_syncs) machine_.disk->failing = s.chance(20);
        if (options_.clock_jumps && s.chance(30)) set_clock();
        if (is_up() && s.chance(options_.changes_percent)) change();
        if (is_up() && options_.corrections && s.chance(50)) correct();
    }
    void set_clock() {
        using std::chrono::hours;
        using std::chrono::seconds;
        constexpr std::array<Duration, 6> kJumps{seconds{1}, seconds{-1},    hours{1},
                                                 hours{-1},  hours{40 * 24}, hours{-40 * 24}};
        Duration by = kJumps[machine_.scheduler.rng().below(kJumps.size())];
        machine_.clock.jump(by);
        tell(fmt::format("the clock is set by {} s", by.count() / 1'000'000'000));
    }
    void change() {
        bool in_force = operators_.change(*weir_);
        tell(operators_.last_change());
        if (weir_->life().dead) return;
        ++changes_;
        older_database_.clear();
        if (in_force) auditor_.changed(*weir_);
    }
    void correct() {
        auto over = auditor_.overcharge();
        if (!over) return;
        ledger::CorrectionRecord correction;
        correction.id = over->end->head.id;
        correction.at = weir_->treasury().now();
        correction.cost_delta = Money::from_pico(over->billed) - over->end->cost;
        correction.charge_delta = Money::from_pico(over->billed) - over->end->charge;
        correction.token_delta = over->tokens - over->end->charge_tokens;
        correction.reason = "the provider's bill";
        if (weir_->correct(correction, over->end->parts)) ++corrections_;
        if (!weir_->life().dead) auditor_.changed(*weir_);
    }
    void tell(const std::string& what) {
        if (!options_.tell) return;
        options_.tell(fmt::format("{:>8} ms, step {}: {}", machine_.scheduler.now().ns / 1'000'000,
                                  machine_.scheduler.steps(), what));
    }

    bool is_up() const { return weir_ && !weir_->life().dead && !stopping_; }
    bool is_quiet() { return customers_.done() && weir_ && weir_->open_calls() == 0; }

    void live() {
        Scheduler& s = machine_.scheduler;
        while (auditor_.findings().empty() && problems_.empty() && s.steps() < options_.steps_max) {
            if (is_quiet() && !stopping_) {
                machine_.disk->full = machine_.disk->failing = false;
                if (weir_->unsynced() == 0) break;
            }
            if (!s.run_one()) break;
            if (weir_ && weir_->life().dead) {
                bury();
            } else if (weir_ && stopping_) {
                stop_gently();
            }
            if (weir_ && !weir_->life().dead) auditor_.look(*weir_);
        }
        if (s.steps() >= options_.steps_max) problems_.push_back("the history does not end");
    }

    WorldReport report() {
        WorldReport out;
        out.hash = machine_.scheduler.hash();
        out.steps = machine_.scheduler.steps();
        out.events = machine_.scheduler.turn();
        out.looks = auditor_.looks();
        out.decisions = auditor_.decisions();
        out.probes = auditor_.probes();
        out.attempts = auditor_.attempts();
        out.tried_again = auditor_.tried_again();
        out.overflows = auditor_.overflows();
        out.changes = changes_;
        out.corrections = corrections_;
        out.calls = customers_.calls().size();
        for (const auto& [mark, call] : customers_.calls()) {
            if (call.status == 200 && call.whole) ++out.answered;
            if (call.attempts == 0 && call.status >= 400) ++out.refused;
        }
        out.billed = vendor_.book().size();
        out.orphaned = orphaned_;
        out.kills = kills_;
        out.power_cuts = power_cuts_;
        out.restarts = restarts_;
        out.lasted = machine_.scheduler.now() - MonoTime{1'000'000'000};
        out.findings = auditor_.findings();
        for (const auto& list : {customers_.complaints(), problems_}) {
            out.findings.insert(out.findings.end(), list.begin(), list.end());
        }
        return out;
    }

    WorldOptions options_;
    QuietLog quiet_;
    Scratch scratch_;
    Machine machine_;
    DatabaseDisk database_disk_;
    Company company_;
    Operators operators_;
    Vendor vendor_;
    std::unique_ptr<WeirProcess> weir_;
    Customers customers_;
    Auditor auditor_;
    std::string data_dir_;
    std::string image_;
    std::string older_database_;
    std::uint64_t generation_ = 0;
    std::size_t next_fate_ = 0;
    Fate::Kind dying_by_ = Fate::Kind::kill;
    bool lost_tail_ = false;
    bool was_dark_ = false;  // since the last start
    bool stopping_ = false;
    bool draining_ = false;
    MonoTime drain_until_;
    std::size_t orphaned_ = 0;
    std::uint64_t changes_ = 0;
    std::uint64_t corrections_ = 0;
    int kills_ = 0;
    int power_cuts_ = 0;
    int restarts_ = 0;
    std::vector<std::string> problems_;
};

Link draw_link(SeededRng& rng) {
    Link link;
    link.delay_min = std::chrono::microseconds{50 + rng.below(2'000)};
    link.delay_max = link.delay_min + std::chrono::microseconds{rng.below(40'000)};
    link.window = std::size_t{512} << rng.below(8);
    link.chop_percent = static_cast<unsigned>(rng.below(60));
    link.short_percent = static_cast<unsigned>(rng.below(40));
    link.stutter_percent = static_cast<unsigned>(rng.below(25));
    return link;
}

}  // namespace

WorldOptions options_of_seed(std::uint64_t seed) {
    SeededRng rng(seed * 77 + 5);
    WorldOptions o;
    o.seed = seed;
    o.durability = rng.below(2) == 0 ? gateway::Durability::sync : gateway::Durability::background;
    o.workers = static_cast<std::uint16_t>(1 + rng.below(3));
    o.customers.customers = static_cast<int>(1 + rng.below(8));
    o.customers.calls = static_cast<int>(20 + rng.below(60));
    o.customers.leave_percent = static_cast<unsigned>(rng.below(25));
    o.customers.link = draw_link(rng);
    o.upstream = draw_link(rng);
    o.vendor.percent = static_cast<unsigned>(rng.below(50));
    o.vendor.bills_above = rng.below(6) == 0;
    o.full_disks = rng.below(4) == 0;
    o.failing_syncs = rng.below(6) == 0;
    o.clock_jumps = rng.below(4) == 0;
    o.crash_look_every = rng.below(2) == 0 ? 0 : 61;
    o.budgets = draw_budgets(rng);
    o.rate_limits = draw_rate_limits(rng);
    o.busy_wait_ms = rng.below(3) == 0 ? 2'000 : 0;
    o.customers.retry_percent = rng.below(2) == 0 ? 40 : 0;
    o.customers.trajectories = static_cast<int>(rng.below(12));
    o.customers.route_percent = rng.below(2) == 0 ? 60 : 0;
    if (rng.below(3) == 0) o.instances_max = static_cast<std::uint32_t>(24 + rng.below(40));
    o.changes_percent = rng.below(2) == 0 ? 0 : static_cast<unsigned>(20 + rng.below(60));
    o.corrections = rng.below(3) == 0;
    std::uint64_t at = 0;
    for (std::uint64_t i = rng.below(5); i > 0; --i) {
        at += 100 + rng.below(1'500);
        std::uint64_t kind = rng.below(10);
        o.fates.push_back({kind < 6   ? Fate::Kind::kill
                           : kind < 8 ? Fate::Kind::power
                                      : Fate::Kind::restart,
                           at});
    }
    return o;
}

WorldReport run_world(const WorldOptions& options) { return World(options).run(); }

std::string WorldReport::text() const {
    std::string out = fmt::format(
        "hash {:016x}: {} calls, {} answered, {} refused, {} billed, {} orphaned; {} kills, {} "
        "power cuts, {} restarts, {} changes, {} corrections; {} steps, {} events, {} looks, {} "
        "decisions, {} asked again, {} s\n",
        hash, calls, answered, refused, billed, orphaned, kills, power_cuts, restarts, changes,
        corrections, steps, events, looks, decisions, probes, lasted.count() / 1'000'000'000);
    for (const auto& finding : findings) out += "  " + finding + "\n";
    return out;
}

}  // namespace weir::world
