// What an agent needs of its world: to ask a model, and to let time pass. Implemented by LiveWire
// (HTTP, to a gateway) and by History (virtual time, straight into a journal), so that both do the
// same things. Owner: whoever runs the agents. Thread: one.
#pragma once

#include "base/time.h"
#include "runtime/task.h"
#include "sim/agents/talk.h"

namespace weir::agents {

class Wire {
 public:
    // One request and its whole answer. `ask` outlives the call.
    virtual runtime::Task<Reply> send(const Ask& ask) = 0;
    virtual runtime::Task<void> pause(Duration d) = 0;
    // What the agents take for now.
    virtual UnixTime now() const = 0;

 protected:
    ~Wire() = default;
};

// As the vendors' clients do it: up to two more tries, further and further apart, where an error
// may pass.
runtime::Task<Reply> insist(Wire& wire, const Ask& ask);

}  // namespace weir::agents
