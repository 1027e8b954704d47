// Which target of its plan a call tries next: pure of IO, by what the targets have shown so far.
#pragma once

#include <vector>

#include "gateway/answer.h"
#include "gateway/prepared_call.h"

namespace weir::gateway {

class TargetChoice {
 public:
    // All outlive it. `notes` is told why a target was left out, or follows another.
    TargetChoice(Road& road, const PreparedCall& call, CallNotes& notes)
        : road_(road),
          targets_(call.plan.targets),
          call_(call),
          notes_(notes),
          tried_(targets_.size()) {}

    // The first in order that is not left alone; where all are, the one that is back soonest: a
    // cooldown alone refuses no call.
    const core::Target& first();
    // After `failed` came to `trouble`. nullptr: what the call met is its end, since the trouble
    // would be elsewhere too, nobody is left, nobody waits any more, or the retry budget is spent.
    const core::Target* next(const core::Target& failed, core::Trouble trouble);
    // Could another be tried after the present one?
    bool others_follow() const;

 private:
    bool may_better(const core::Target& target, const core::Target& failed,
                    core::Trouble trouble) const;
    const core::Target& take(std::size_t index);
    void note_left_out(const core::Target& target, TargetWatch::Rest rest);

    Road& road_;
    const std::vector<core::Target>& targets_;
    const PreparedCall& call_;
    CallNotes& notes_;
    std::vector<bool> tried_;
    std::int64_t too_small_ = 0;  // the largest window that the call is known to be beyond
};

}  // namespace weir::gateway
