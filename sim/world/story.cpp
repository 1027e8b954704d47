#include "sim/world/story.h"

#include <fmt/format.h>

namespace weir::world {
namespace {

std::string call_of(const ledger::AttemptHead& head) {
    return fmt::format("{} {}", head.attribution.of(core::Dimension::goal), head.id.text());
}

std::string parts_of(const std::vector<core::HoldPart>& parts) {
    std::string out;
    for (const core::HoldPart& p : parts) {
        out += fmt::format("\n    {} of budget {} '{}' from {}: {}+{} of {}{}{}", to_string(p.held),
                           p.budget_id, p.instance, p.window.start, to_string(p.settled),
                           to_string(p.others_held), to_string(p.amount),
                           p.blocks ? "" : ", watches", p.refused ? ", refuses" : "");
    }
    return out;
}

struct Teller {
    std::string operator()(const ledger::AdmitRecord& r) const {
        return fmt::format("admit {} of {}, bound {} pico-USD{}", call_of(r.head), r.head.model,
                           to_string(r.bound.pico()), parts_of(r.parts));
    }
    std::string operator()(const ledger::DispatchedRecord& r) const {
        return "dispatch " + r.id.text();
    }
    std::string operator()(const ledger::EndRecord& r) const {
        return fmt::format("end {}: {}, cost {}, charge {} pico-USD, {} tokens{}", call_of(r.head),
                           ledger::end_state_name(r.state), to_string(r.cost.pico()),
                           to_string(r.charge.pico()), r.charge_tokens,
                           r.outcome.has_error ? ", " + r.outcome.error_text : "");
    }
    std::string operator()(const ledger::RefusalRecord& r) const {
        return fmt::format("refuse {}: {}{}", call_of(r.head), error_info(r.error).name,
                           parts_of(r.parts));
    }
    std::string operator()(const ledger::CorrectionRecord& r) const {
        return fmt::format("correct {} by {} pico-USD", r.id.text(),
                           to_string(r.charge_delta.pico()));
    }
};

}  // namespace

std::string story_of(const ledger::Record& record) { return std::visit(Teller{}, record); }

}  // namespace weir::world
