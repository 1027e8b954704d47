// What all workers have seen of the targets of calls: which are well, and where each trajectory's
// calls go.
// Owner: App. Thread: any; the lock is held for a few look-ups and never over IO.
#pragma once

#include <mutex>
#include <vector>

#include "core/attribution.h"
#include "core/pinned_targets.h"
#include "core/route.h"
#include "core/target_health.h"

namespace weir::gateway {

class TargetWatch {
 public:
    // How long the target is still to be left alone, and why; a rest of zero may be a probe.
    struct Rest {
        Duration left{};
        core::Trouble why = core::Trouble::none;
    };
    Rest ask(const core::Target& target, MonoTime now);
    // The same without a probe.
    Rest look(const core::Target& target, MonoTime now);
    void saw(const core::Target& target, const core::Sighting& sighting, MonoTime now);
    std::vector<core::TargetHealth::Figures> figures(MonoTime now);

    // Puts the target that the trajectory's calls went to in front.
    void follow_pin(core::Plan& plan, const core::Attribution& attribution, MonoTime now);
    void pin(const core::Target& target, const core::Attribution& attribution, MonoTime now);

 private:
    std::mutex mutex_;
    core::TargetHealth health_;
    core::PinnedTargets pins_;
};

// By which calls of one trajectory go one way; 0: the call has none.
std::uint64_t trajectory_hash(const core::Attribution& attribution);

}  // namespace weir::gateway
