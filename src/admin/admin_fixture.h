// For the room's tests: a server over a real store and journal in a directory of its own, asked
// over loopback TCP.
#pragma once

#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "admin/admin.h"
#include "admin/json.h"
#include "base/random.h"
#include "http/client.h"
#include "ledger/journal.h"
#include "runtime/listener.h"
#include "runtime/loop_fixture.h"
#include "runtime/loop_net.h"
#include "runtime/sha256.h"
#include "store/price_source.h"
#include "store/store_fixture.h"

namespace weir::admin {

class SetClock final : public runtime::Clock {
 public:
    UnixTime unix_now() const override { return now; }
    MonoTime mono_now() const override { return {now.ns}; }
    UnixTime now = UnixTime::from_seconds(store::kNoon + 600);
};

inline constexpr std::string_view kPrices = R"(
prices:
  - {provider: openai, model: gpt-6-luna, input: 1, output: 5, cache_read: 0.1}
  - {provider: anthropic, model: claude-sonnet-5, input: 3, output: 15, units: {web_search: 0.01},
     above: [{tokens: 200000, input: 6, output: 22.5}], tiers: {priority: {input: 4, output: 20}}}
)";

class AdminTest : public runtime::LoopTest {
 protected:
    struct Reply {
        int status = 0;
        std::string text;
        Json body;
        std::string code() const { return error("code"); }
        std::string message() const { return error("message"); }
        std::string error(const char* member) const;
    };
    using Fields = std::vector<std::pair<std::string, std::string>>;
    static constexpr std::string_view kOperator = "operator-secret";

    AdminTest();

    // The road's side of Services.
    Result<> publish();
    void make_book(std::vector<core::PriceRow> rows);
    Result<> import_prices(std::string_view name, std::string_view catalogue);

    Reply ask(const std::string& method, const std::string& target, const std::string& body = {},
              Fields fields = {{"authorization", "Bearer " + std::string{kOperator}}});
    Reply get(const std::string& path, const std::string& key = std::string{kOperator});
    Reply post(const std::string& path, const std::string& body,
               const std::string& key = std::string{kOperator});

    // The text of a new key; its id is last_key_id.
    std::string mint(store::KeyRole role, const std::string& team = {},
                     std::optional<UnixTime> expires = {});

    // Calls of the teams support (every third) and research, as the road would have written them.
    void settle(std::uint64_t from, std::uint64_t to);
    void write(const ledger::Record& record) { ASSERT_TRUE(writer->append(record)); }

    store::ScratchDirectory scratch;
    SetClock clock;
    SeededRng rng{7};
    std::unique_ptr<ledger::JournalWriter> writer;
    std::unique_ptr<store::BookkeeperThread> bookkeeper;
    std::unique_ptr<store::Directory> directory;
    std::unique_ptr<store::Queries> queries;
    std::unique_ptr<store::Outbox> outbox;
    std::vector<telemetry::Webhook> webhooks;
    std::shared_ptr<const core::PriceBook> book;
    std::shared_ptr<const core::Policy> policy;
    std::vector<core::InstanceFigures> figures;
    std::vector<core::TargetHealth::Figures> targets;
    std::map<std::string, std::string> imported;
    bool ready = true;
    bool publishing = true;
    bool busy = false;            // with other work apart
    std::string correction_note;  // what Services::correct says
    std::string last_key_id;
    runtime::BufferPool buffers;
    std::unique_ptr<Server> server;
    std::unique_ptr<runtime::Listener> listener;
    runtime::Address address;
    runtime::TlsClient tls;
    runtime::LoopNet net{loop, tls};
    http::UpstreamPool pool{net, buffers, {}};

 private:
    void open_store();
    Services services();
    runtime::Task<void> ask_task(const http::ClientRequest& request, Reply& reply);
};

}  // namespace weir::admin
