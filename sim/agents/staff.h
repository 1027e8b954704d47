// The agents of the demo, each like its kind (mission.md): contexts grow, tools fail and are tried
// again, some use too large a model, some send the same context from hop to hop. A coroutine is one
// piece of work from its first call to its last; what it does follows from `seed` and the answers
// alone. Thread: the wire's.
#pragma once

#include <cstdint>
#include <string>

#include "sim/agents/wire.h"

namespace weir::agents {

// Where a piece of work is done: by whom, and as which version of the agent.
struct Post {
    std::string key;        // by name
    std::string prefix;     // of goals: no two pieces of work have the same
    UnixTime ratchet_from;  // from then on a release is out that reads more than it needs
};

// A ticket of the support desk: a look by a small model, then turns with tools, then an answer.
// Now and then a tool never works, and the agent does not give up: the retry spiral.
runtime::Task<void> resolve_ticket(Wire& wire, Post post, std::uint64_t number, std::uint64_t seed);

// Documents that came together: embeddings, a classification by a model that is far too large (the
// model-mismatch tax), and an extraction whose validator sends some answers back.
runtime::Task<void> process_batch(Wire& wire, Post post, std::uint64_t number, std::uint64_t seed);

// A pull request: a lead with a growing context, and sub-agents that get that context once more on
// each hop (the silent multiplier).
runtime::Task<void> write_change(Wire& wire, Post post, std::uint64_t number, std::uint64_t seed);

// A run over recorded cases before a release, graded by a small model; nobody tags the grader.
runtime::Task<void> evaluate_release(Wire& wire, Post post, std::uint64_t number,
                                     std::uint64_t seed);

}  // namespace weir::agents
