// What one attempt can cost at most, and what goes out so that this holds (ledger.md §1.2): a bound
// that rests on a maximum which the provider was never told is none. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/budget.h"
#include "core/conversation.h"
#include "core/price.h"
#include "core/route.h"
#include "gateway/prepared_call.h"

namespace weir::gateway {

// What the most that the input can have was reckoned from.
enum class InputBasis : std::uint8_t { bytes, earlier_call, vocabulary, count };

struct Bound {
    core::Quote quote;  // where nothing is certain, an estimate from what the body shows
    InputBasis input_basis = InputBasis::bytes;
    // The caller's own login is billed (product.md §3.15).
    bool own_credential = false;
    // That, or a provider declared free: outside budgets in USD.
    bool outside_usd = false;
    // Why no amount of dollars, or of tokens, is certain. A budget that blocks on that unit refuses
    // such a call; where none does, it passes as it came (ledger.md B2).
    std::optional<Error> no_usd;
    std::optional<Error> no_tokens;
    // A budget admitted the call with less output than it asked for.
    bool clamped = false;

    void clamp(std::int64_t max_output) {
        quote.lower_output(max_output);
        clamped = true;
    }
};

// `known`: what is known of the input beside its bytes, if anything is. Errors: invalid_parameter
// (figures that no provider could mean).
Result<Bound> bound_attempt(const PreparedCall& call, const core::Target& target,
                            const core::KnownInput* known);

// How a budget may clamp the call; nullopt: not at all, as a cut answer is of no use, or nobody
// would heed the maximum (product.md §3.5).
std::optional<core::OutputRoom> output_room(const PreparedCall& call, const core::Target& target,
                                            const Bound& bound);

// Does some budget among these parts hold the call by what it costs? Then the provider must be told
// the maximum output that was reckoned with.
bool is_held_by_cost(const std::vector<core::HoldPart>& parts, const Bound& bound);
// Why a budget among these parts cannot admit what has no bound; nullptr: none minds.
const Error* unbounded_under(const std::vector<core::HoldPart>& parts, const Bound& bound);

// The request body for this target: the client's own bytes, or a copy with the few spans that must
// change.
class OutgoingBody {
 public:
    OutgoingBody(const PreparedCall& call, const core::Target& target, const Bound& bound,
                 bool held_by_cost);
    OutgoingBody(const OutgoingBody&) = delete;

    std::string_view bytes() const { return copy_ ? std::string_view{*copy_} : original_; }
    // The answer's usage chunk was asked for by Weir alone.
    bool injected_usage() const { return injected_usage_; }
    // The maximum output that was written into it, in place of the caller's or of its silence.
    struct ToldMaximum {
        std::int64_t tokens = 0;
        bool lowered = false;  // else set to what the model gives, where the caller named none
    };
    const std::optional<ToldMaximum>& told_maximum() const { return told_maximum_; }
    // It was sent: an answer can stream for minutes, and need not hold a copy of what was asked.
    void forget() {
        original_ = {};
        copy_.reset();
    }

 private:
    std::string_view original_;
    std::optional<std::string> copy_;
    bool injected_usage_ = false;
    std::optional<ToldMaximum> told_maximum_;
};

}  // namespace weir::gateway
