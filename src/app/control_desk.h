// Answers /weir/me and /weir/calls/<id> on the control thread, which reads the store. A key's owner
// sees its own team's calls, and those budgets that its calls count against and that are its team's
// own.
#pragma once

#include <functional>
#include <memory>

#include "gateway/desk.h"
#include "gateway/treasury.h"
#include "runtime/loop.h"
#include "store/bookkeeper.h"
#include "store/queries.h"

namespace weir::app {

class ControlDesk final : public gateway::Desk {
 public:
    using PolicyNow = std::function<std::shared_ptr<const core::Policy>()>;
    // All outlive the desk; `policy` is called on the control thread.
    ControlDesk(runtime::Loop& control, gateway::Treasury& treasury, store::Queries& queries,
                store::BookkeeperThread& bookkeeper, PolicyNow policy)
        : control_(control),
          treasury_(treasury),
          queries_(queries),
          bookkeeper_(bookkeeper),
          policy_(std::move(policy)) {}
    ControlDesk(const ControlDesk&) = delete;

    void ask(gateway::DeskQuestion question,
             std::move_only_function<void(Result<std::string>)> reply) override;

 private:
    Result<std::string> answer(const gateway::DeskQuestion& question);
    Result<std::string> tell_me(const gateway::DeskQuestion& question);
    Result<std::string> tell_call(const gateway::DeskQuestion& question);

    runtime::Loop& control_;
    gateway::Treasury& treasury_;
    store::Queries& queries_;
    store::BookkeeperThread& bookkeeper_;
    PolicyNow policy_;
};

}  // namespace weir::app
