// What the data listener answers itself for a key's owner: /weir/me and /weir/calls/<id>. Asked of
// the control thread, since it reads the store; the road of a call never comes here.
#pragma once

#include <functional>
#include <string>

#include "base/error.h"
#include "core/policy.h"

namespace weir::gateway {

struct DeskQuestion {
    enum class Kind : std::uint8_t { me, call };
    Kind kind = Kind::me;
    std::string key_id;
    std::string team;
    std::string call_id;            // of Kind::call; answered only within the key's team
    core::Attribution attribution;  // as a call with the same headers would be attributed
};

class Desk {
 public:
    // A JSON body. `reply` is called once, from any thread.
    virtual void ask(DeskQuestion question,
                     std::move_only_function<void(Result<std::string>)> reply) = 0;

 protected:
    ~Desk() = default;
};

}  // namespace weir::gateway
