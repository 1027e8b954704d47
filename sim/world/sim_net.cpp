#include "sim/world/sim_net.h"

namespace weir::world {

runtime::Task<Result<runtime::Own>> SimNet::connect(const runtime::Address& address,
                                                    Duration timeout) {
    scheduler_.step();
    auto found = internet_.hosts.find(address.host);
    if (found == internet_.hosts.end()) co_return fail(ErrorCode::provider_unreachable);
    Host& host = found->second;
    auto refused = host.refuse ? host.refuse() : std::nullopt;
    if (refused == ErrorCode::provider_timeout || host.connect_time > timeout) {
        co_await scheduler_.delay(timeout);
        co_return fail(ErrorCode::provider_timeout);
    }
    co_await scheduler_.delay(host.connect_time);
    if (refused) co_return fail(*refused);
    if (life_ && life_->dead) co_return fail(ErrorCode::provider_unreachable);
    auto [here, there] = SimStream::pair(scheduler_, host.link, {life_, true}, {});
    host.accept(std::move(there));
    co_return std::move(here);
}

runtime::Task<void> SimNet::sleep(Duration d) { co_await scheduler_.delay(d); }

std::pair<runtime::Own, runtime::Own> SimNet::dial_in(const Link& link) {
    return SimStream::pair(scheduler_, link, {}, {life_, true});
}

}  // namespace weir::world
