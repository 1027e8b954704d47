// For tests and the bench: a directory that removes itself, a clock that stands, and records of
// calls.
#pragma once

#include <filesystem>
#include <stdlib.h>
#include <string>
#include <vector>

#include "base/random.h"
#include "ledger/record.h"
#include "runtime/clock.h"

namespace weir::store {

class ScratchDirectory {
 public:
    ScratchDirectory() {
        std::string name = (std::filesystem::temp_directory_path() / "weir-store-XXXXXX").string();
        path_ = ::mkdtemp(name.data()) == nullptr ? std::string{} : name;
    }
    ~ScratchDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    ScratchDirectory(const ScratchDirectory&) = delete;
    const std::string& path() const { return path_; }
    std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
    std::string path_;
};

// 2026-11-24T03:00:00Z
inline constexpr std::int64_t kNoon = 1'795'489'200;

class StandingClock final : public runtime::Clock {
 public:
    explicit StandingClock(std::int64_t seconds = kNoon) : now_(UnixTime::from_seconds(seconds)) {}
    UnixTime unix_now() const override { return now_; }
    MonoTime mono_now() const override { return {0}; }

 private:
    UnixTime now_;
};

inline constexpr core::WindowSpan kMonth{1'793'491'200, 1'796'083'200};

inline AttemptId attempt(std::uint64_t seq, std::uint16_t ordinal = 1, std::uint32_t epoch = 1,
                         std::uint16_t worker = 0) {
    return AttemptId{{epoch, worker, seq}, ordinal};
}

inline ledger::AttemptHead head_of(const AttemptId& id) {
    ledger::AttemptHead head;
    head.id = id;
    head.admitted_at = {(kNoon + static_cast<std::int64_t>(id.call.seq)) * 1'000'000'000};
    head.stream = true;
    const auto set = [&](core::Dimension d, std::string value, core::Source source) {
        head.attribution.values[static_cast<std::size_t>(d)] = std::move(value);
        head.attribution.sources[static_cast<std::size_t>(d)] = source;
    };
    set(core::Dimension::team, id.call.seq % 3 == 0 ? "support" : "research", core::Source::key);
    set(core::Dimension::application, "desk", core::Source::header);
    set(core::Dimension::environment, "staging", core::Source::key);
    set(core::Dimension::key, id.call.seq % 2 == 0 ? "k-even" : "k-odd", core::Source::key);
    set(core::Dimension::trajectory, "ticket " + std::to_string(id.call.seq % 5),
        core::Source::header);
    head.attribution.tags = {{"customer", "Grü\"n"}, {"shift", "night"}};
    head.attribution.ignored = {core::Dimension::environment};
    head.asked_model = "gpt-6-luna";
    head.provider = "openai";
    head.model = "gpt-6-luna";
    head.price_id = "openai/gpt-6-luna@2026-06-01";
    head.book_hash = "0a1b2c";
    head.price_vendor = "openai";
    return head;
}

inline std::vector<core::HoldPart> parts_of(const AttemptId& id, Money bound, std::int64_t tokens) {
    core::HoldPart usd;
    usd.budget_id = 7;
    usd.window = kMonth;
    usd.held = bound.pico();
    usd.amount = Money::from_usd(500).pico();
    usd.settled = 12;
    usd.blocks = true;
    core::HoldPart count = usd;
    count.budget_id = 8;
    count.instance = "ticket " + std::to_string(id.call.seq % 5);
    count.unit = core::BudgetUnit::tokens;
    count.held = tokens;
    core::HoldPart calls = count;
    calls.budget_id = 9;
    calls.unit = core::BudgetUnit::calls;
    calls.held = id.ordinal == 1 ? 1 : 0;
    return {usd, count, calls};
}

inline ledger::AdmitRecord admit_of(const AttemptId& id) {
    ledger::AdmitRecord admit;
    admit.head = head_of(id);
    admit.sequence = id.call.seq;
    admit.bound = Money::from_pico(2'000'000'000);
    admit.input_bound = 900;
    admit.max_output = 1'024;
    admit.parts = parts_of(id, admit.bound, 1'924);
    admit.client_address = "127.0.0.1";
    admit.user_agent = "test";
    return admit;
}

inline ledger::DispatchedRecord dispatched_of(const AttemptId& id) {
    return {id, head_of(id).admitted_at + std::chrono::milliseconds{3}};
}

inline ledger::EndRecord end_of(const AttemptId& id,
                                ledger::EndState state = ledger::EndState::settled) {
    ledger::EndRecord end;
    end.head = head_of(id);
    end.state = state;
    end.at = end.head.admitted_at + std::chrono::seconds{4};
    end.bound = Money::from_pico(2'000'000'000);
    end.parts = parts_of(id, end.bound, 1'924);
    if (state == ledger::EndState::released) return end;
    core::UsageLine line;
    line.of(core::TokenClass::input) = 300;
    line.of(core::TokenClass::output) = 120;
    end.usage.lines = {line};
    end.usage.completeness = core::Completeness::exact;
    end.usage.response_id = "resp_" + std::to_string(id.call.seq);
    const auto charge = [&](core::TokenClass c, std::int64_t quantity, std::int64_t femto) {
        core::Charge out;
        out.model = end.head.model;
        out.tier = "standard";
        out.kind = static_cast<std::uint8_t>(c);
        out.quantity = quantity;
        out.rate = Rate::from_femto(femto);
        out.cost = round_half_even(femto_cost(quantity, out.rate));
        out.price_id = end.head.price_id;
        end.bill.charges.push_back(out);
        end.bill.total += out.cost;
    };
    charge(core::TokenClass::input, 300, 1'000'000'000);
    charge(core::TokenClass::output, 120, 5'000'000'000);
    const bool known = state == ledger::EndState::settled;
    end.cost = end.bill.total;
    end.charge = known ? end.bill.total : end.bound;
    end.charge_tokens = known ? 420 : 1'924;
    end.outcome.http_status = known ? 200 : 502;
    end.outcome.total_us = 4'000'000;
    end.outcome.notes = {"injected include_usage"};
    return end;
}

inline ledger::RefusalRecord refusal_of(const AttemptId& id) {
    ledger::RefusalRecord refusal;
    refusal.head = head_of(id);
    refusal.at = refusal.head.admitted_at;
    refusal.sequence = id.call.seq;
    refusal.message = "budget ticket is spent";
    refusal.bound = Money::from_pico(2'000'000'000);
    refusal.parts = parts_of(id, refusal.bound, 1'924);
    refusal.parts[0].refused = true;
    refusal.http_status = 402;
    return refusal;
}

inline ledger::CorrectionRecord correction_of(const AttemptId& id, std::int64_t pico,
                                              std::int64_t at_ns = 0) {
    return {.id = id,
            .at = {kNoon * 1'000'000'000 + at_ns},
            .cost_delta = Money::from_pico(pico),
            .charge_delta = Money::from_pico(pico),
            .token_delta = pico < 0 ? -5 : 5,
            .reason = "invoice",
            .actor = "finance"};
}

}  // namespace weir::store
