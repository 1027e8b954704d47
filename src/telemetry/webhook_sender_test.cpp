#include "telemetry/webhook_sender.h"

#include "http/http_fixture.h"
#include "store/schema.h"
#include "store/store_fixture.h"

namespace weir::telemetry {
namespace {

using store::Event;
using store::EventKind;

class Sender : public http::HttpTest {
 protected:
    Sender() {
        Webhook webhook;
        webhook.name = "ops";
        webhook.address = {.host = "receiver", .port = 80};
        webhook.target = Secret{"/hook"};
        sender.take({std::move(webhook)});
    }
    void happen(const std::string& what) {
        Event event{.kind = EventKind::alert, .at = clock.unix_now(), .budget = "pot"};
        event.window = store::kMonth;
        event.id = store::event_id(event.kind, what);
        ASSERT_TRUE(store::EventWriter::open(database).value().write(event).value());
    }
    store::DeliveryFigures figures() { return outbox->figures().value()["ops"]; }
    // The next request, once it is there, is answered so.
    void answer(std::size_t connection, const std::string& head) {
        run_until([&] { return net.accepted.size() > connection; });
        run_turns(5);
        std::string asked(10'000, '\0');
        const ssize_t n = net.accepted[connection]->try_read(asked.data(), asked.size());
        asked.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
        requests.push_back(std::move(asked));
        write(*net.accepted[connection], "HTTP/1.1 " + head + "content-length: 0\r\n\r\n");
    }

    store::ScratchDirectory scratch;
    store::StandingClock clock;
    SeededRng rng{3};
    store::Database database = store::open_store(scratch.file("weir.db")).value();
    std::unique_ptr<store::Outbox> outbox = store::Outbox::open(scratch.file("weir.db")).value();
    std::shared_ptr<const core::Policy> policy = std::make_shared<core::Policy>();
    std::vector<std::string> requests;
    WebhookSender sender{{.net = net,
                          .buffers = buffers,
                          .clock = clock,
                          .rng = rng,
                          .outbox = *outbox,
                          .policy = [this] {
                              return policy;
                          }}};
    runtime::TaskGroup running;
};

TEST_F(Sender, TellsEachEventAndMarksItTold) {
    happen("a");
    happen("b");
    running.spawn(sender.run());
    answer(0, "200 OK\r\n");
    answer(0, "204 No Content\r\n");  // on the same connection
    run_until([&] { return figures().delivered == 2; });
    EXPECT_EQ(figures().waiting, 0);
    EXPECT_TRUE(requests[0].starts_with("POST /hook HTTP/1.1\r\n"));
    EXPECT_NE(requests[0], requests[1]);
}

TEST_F(Sender, WhatAReceiverDoesNotTakeWaitsAsLongAsItAsks) {
    happen("a");
    running.spawn(sender.run());
    answer(0, "503 Busy\r\nretry-after: 120\r\n");
    run_until([&] { return !figures().error.empty(); });
    EXPECT_EQ(figures().error, "answered 503");
    EXPECT_EQ(figures().waiting, 1);
    const UnixTime asked = clock.unix_now() + std::chrono::seconds{120};
    EXPECT_FALSE(outbox->next_due("ops", asked - Duration{1}).value());
    EXPECT_EQ(outbox->next_due("ops", asked).value()->attempts, 1);
}

TEST_F(Sender, AReceiverThatCannotBeReachedLosesNothing) {
    happen("a");
    net.refuse = true;
    running.spawn(sender.run());
    run_until([&] { return !figures().error.empty(); });
    EXPECT_EQ(figures().waiting, 1);
    net.refuse = false;
    // Configured anew, it is tried at once, when its event is due.
    ASSERT_TRUE(outbox->failed("ops", 1, clock.unix_now(), "", clock.unix_now()));
    sender.take(sender.webhooks());
    answer(0, "200 OK\r\n");
    run_until([&] { return figures().delivered == 1; });
}

TEST(RetryDelay, DoublesUpToAnHourAndHeedsTheReceiver) {
    SeededRng rng{1};
    EXPECT_GE(retry_delay(0, "", rng), std::chrono::seconds{5});
    EXPECT_LE(retry_delay(0, "", rng), std::chrono::seconds{6});
    EXPECT_GE(retry_delay(3, "", rng), std::chrono::seconds{40});
    EXPECT_LE(retry_delay(3, "", rng), std::chrono::seconds{48});
    EXPECT_LE(retry_delay(70, "", rng), std::chrono::seconds{4'320});
    EXPECT_EQ(retry_delay(0, "600", rng), std::chrono::seconds{600});
    EXPECT_EQ(retry_delay(0, "999999999", rng), std::chrono::hours{24});
    EXPECT_LE(retry_delay(0, "Fri, 31 Dec 2027 23:59:59 GMT", rng), std::chrono::seconds{6});
}

}  // namespace
}  // namespace weir::telemetry
