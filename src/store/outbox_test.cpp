#include "store/outbox.h"

#include <gtest/gtest.h>

#include "store/schema.h"
#include "store/store_fixture.h"

namespace weir::store {
namespace {

const UnixTime kNow = UnixTime::from_seconds(kNoon);
const UnixTime kAfter = UnixTime::from_seconds(kMonth.end);

struct Post {
    ScratchDirectory scratch;
    Database database = open_store(scratch.file("weir.db")).value();
    std::unique_ptr<Outbox> outbox = Outbox::open(scratch.file("weir.db")).value();

    void happen(EventKind kind, const std::string& what) {
        Event event{.kind = kind, .at = kNow, .budget = "pot", .window = kMonth};
        event.id = event_id(kind, what);
        ASSERT_TRUE(EventWriter::open(database).value().write(event).value());
    }
    std::size_t address_to(const std::vector<std::string>& webhooks) {
        return outbox->address([&](const Event&) { return webhooks; }).value();
    }
    void reopen() { outbox = Outbox::open(scratch.file("weir.db")).value(); }
};

TEST(Outbox, KeepsAnEventForEachOfItsWebhooksUntilItWasTold) {
    Post post;
    post.happen(EventKind::alert, "a");
    EXPECT_EQ(post.address_to({"slack", "ops"}), 1u);
    EXPECT_EQ(post.address_to({"slack", "ops"}), 0u);
    for (const char* webhook : {"slack", "ops"}) {
        const auto due = post.outbox->next_due(webhook, kNow).value();
        ASSERT_TRUE(due) << webhook;
        EXPECT_EQ(due->event.budget, "pot");
    }
    const std::int64_t event = post.outbox->next_due("slack", kNow).value()->event.row;
    ASSERT_TRUE(post.outbox->delivered("slack", event, kNow));
    post.reopen();
    EXPECT_FALSE(post.outbox->next_due("slack", kNow).value());
    EXPECT_TRUE(post.outbox->next_due("ops", kNow).value());
}

TEST(Outbox, WhatFailedWaitsForItsTimeAndThenIsGivenUp) {
    Post post;
    post.happen(EventKind::alert, "a");
    post.address_to({"slack"});
    const UnixTime later = kNow + std::chrono::seconds{5};
    ASSERT_TRUE(post.outbox->failed("slack", 1, kNow, "answered 503", later));
    EXPECT_FALSE(post.outbox->next_due("slack", kNow).value());
    const auto due = post.outbox->next_due("slack", later).value();
    ASSERT_TRUE(due);
    EXPECT_EQ(due->attempts, 1);
    ASSERT_TRUE(post.outbox->failed("slack", 1, later, "answered 404", std::nullopt));
    EXPECT_FALSE(post.outbox->next_due("slack", kAfter).value());
    const DeliveryFigures figures = post.outbox->figures().value().at("slack");
    EXPECT_EQ(figures.given_up, 1);
    EXPECT_EQ(figures.error, "answered 404");
    EXPECT_EQ(figures.tried_at, later);
    EXPECT_EQ(post.outbox->retry("slack", later).value(), 1);
    EXPECT_TRUE(post.outbox->next_due("slack", later).value());
}

TEST(Outbox, WhatWasNeverTriedGoesBeforeWhatFails) {
    Post post;
    post.happen(EventKind::alert, "a");
    post.happen(EventKind::exhausted, "b");
    post.address_to({"slack"});
    ASSERT_TRUE(post.outbox->failed("slack", 1, kNow, "answered 500", kNow + Duration{1}));
    EXPECT_EQ(post.outbox->next_due("slack", kAfter).value()->event.row, 2);
}

TEST(Outbox, AWindowThatEndsIsToldOnceOfWhatWasToldOf) {
    Post post;
    post.happen(EventKind::alert, "a");
    post.happen(EventKind::exhausted, "b");
    post.happen(EventKind::overrun, "c");
    EXPECT_EQ(post.outbox->close_windows(kNow).value(), 0u);
    EXPECT_EQ(post.outbox->close_windows(kAfter).value(), 1u);
    post.reopen();
    EXPECT_EQ(post.outbox->close_windows(kAfter).value(), 0u);
    const Event reset = read_events(post.database, {.kind = EventKind::reset}, 9).value().at(0);
    EXPECT_EQ(reset.at, kAfter);
    EXPECT_EQ(reset.budget, "pot");
}

TEST(Outbox, ATestIsForItsWebhookAlone) {
    Post post;
    const std::string id = post.outbox->add_test("slack", 7, kNow).value();
    post.address_to({"slack", "ops"});
    EXPECT_EQ(post.outbox->next_due("slack", kNow).value()->event.id, id);
    EXPECT_FALSE(post.outbox->next_due("ops", kNow).value());
}

}  // namespace
}  // namespace weir::store
