#include "store/outbox.h"

#include <fmt/core.h>

#include "store/schema.h"

namespace weir::store {
namespace {

constexpr std::size_t kBatch = 1'000;

// "events.addressed" in `meta`: the last event that was put in line.
constexpr std::string_view kAddressed = "SELECT value FROM meta WHERE name='events.addressed'";

// The window that follows has nothing used yet.
Event reset_of(const Event& told) {
    Event reset = told;
    reset.kind = EventKind::reset;
    reset.at = UnixTime::from_seconds(told.window.end);
    reset.call.reset();
    reset.id = event_id(reset.kind, fmt::format("{}|{}|{}|{}", told.budget, told.window.start,
                                                told.window.end, told.instance));
    return reset;
}

}  // namespace

Result<std::unique_ptr<Outbox>> Outbox::open(const std::string& database_path) {
    Result<Database> database = open_store_again(database_path);
    if (!database) return std::unexpected(std::move(database).error());
    return std::unique_ptr<Outbox>(new Outbox(std::move(*database)));
}

Result<std::size_t> Outbox::close_windows(UnixTime now) {
    const std::string over =
        fmt::format("over=0 AND window_end<={} AND kind IN ('alert','exhausted')", now.seconds());
    // Most times there is none: that is no reason to ask for the write lock.
    Result<std::vector<Event>> told = read_events_where(database_, over, kBatch);
    if (!told) return std::unexpected(std::move(told).error());
    if (told->empty()) return 0;
    Result<Transaction> transaction = Transaction::begin(database_);
    if (!transaction) return std::unexpected(std::move(transaction).error());
    Result<EventWriter> writer = EventWriter::open(database_);
    if (!writer) return std::unexpected(std::move(writer).error());
    Result<Statement> close = database_.prepare("UPDATE events SET over=1 WHERE row=?");
    if (!close) return std::unexpected(std::move(close).error());
    std::size_t resets = 0;
    for (const Event& event : *told) {
        Result<bool> is_new = writer->write(reset_of(event));
        if (!is_new) return std::unexpected(std::move(is_new).error());
        if (*is_new) ++resets;
        close->bind(1, event.row);
        if (Result<> done = close->run(); !done) return std::unexpected(std::move(done).error());
    }
    if (Result<> done = transaction->commit(); !done) {
        return std::unexpected(std::move(done).error());
    }
    return resets;
}

Result<std::size_t> Outbox::address(const Recipients& recipients) {
    Result<std::optional<std::string>> addressed = database_.query_text(kAddressed);
    if (!addressed) return std::unexpected(std::move(addressed).error());
    // A test is put in line with its event.
    Result<std::vector<Event>> fresh = read_events_where(
        database_, fmt::format("row>{} AND kind<>'test'", addressed->value_or("0")), kBatch);
    if (!fresh) return std::unexpected(std::move(fresh).error());
    if (fresh->empty()) return 0;
    Result<Transaction> transaction = Transaction::begin(database_);
    if (!transaction) return std::unexpected(std::move(transaction).error());
    for (const Event& event : *fresh) {
        for (const std::string& webhook : recipients(event)) {
            if (Result<> done = put(event.row, webhook, event.at); !done) {
                return std::unexpected(std::move(done).error());
            }
        }
    }
    Result<> moved = database_.exec(fmt::format(
        "INSERT OR REPLACE INTO meta VALUES ('events.addressed','{}')", fresh->back().row));
    if (!moved) return std::unexpected(std::move(moved).error());
    if (Result<> done = transaction->commit(); !done) {
        return std::unexpected(std::move(done).error());
    }
    return fresh->size();
}

Result<> Outbox::put(std::int64_t event, std::string_view webhook, UnixTime at) {
    Result<Statement> insert =
        database_.prepare("INSERT OR IGNORE INTO deliveries VALUES (?,?,'waiting',0,?,NULL,'')");
    if (!insert) return std::unexpected(std::move(insert).error());
    insert->bind(1, event).bind(2, webhook).bind(3, at.ns);
    return insert->run();
}

Result<std::string> Outbox::add_test(std::string_view webhook, std::uint64_t nonce, UnixTime now) {
    Event event{.kind = EventKind::test, .at = now};
    event.id = event_id(event.kind, fmt::format("{}|{}", nonce, now.ns));
    Result<Transaction> transaction = Transaction::begin(database_);
    if (!transaction) return std::unexpected(std::move(transaction).error());
    Result<EventWriter> writer = EventWriter::open(database_);
    if (!writer) return std::unexpected(std::move(writer).error());
    Result<bool> written = writer->write(event);
    if (!written) return std::unexpected(std::move(written).error());
    if (Result<> done = put(database_.last_row(), webhook, now); !done) {
        return std::unexpected(std::move(done).error());
    }
    if (Result<> done = transaction->commit(); !done) {
        return std::unexpected(std::move(done).error());
    }
    return event.id;
}

Result<std::optional<Delivery>> Outbox::next_due(std::string_view webhook, UnixTime now) {
    Result<Statement> row = database_.prepare(
        "SELECT event,attempts FROM deliveries WHERE state='waiting' AND webhook=? AND next_at<=? "
        "ORDER BY next_at,event LIMIT 1");
    if (!row) return std::unexpected(std::move(row).error());
    row->bind(1, webhook).bind(2, now.ns);
    Result<bool> found = row->step();
    if (!found) return std::unexpected(std::move(found).error());
    if (!*found) return std::nullopt;
    const int attempts = static_cast<int>(row->integer(1));
    Result<std::vector<Event>> event =
        read_events_where(database_, fmt::format("row={}", row->integer(0)), 1);
    if (!event) return std::unexpected(std::move(event).error());
    if (event->empty()) {
        return fail(ErrorCode::corrupt, "a delivery names an event that is not there");
    }
    return Delivery{std::move(event->front()), attempts};
}

Result<> Outbox::delivered(std::string_view webhook, std::int64_t event, UnixTime now) {
    Result<Statement> update = database_.prepare(
        "UPDATE deliveries SET state='delivered',tried_at=?3,error='' WHERE event=?1 AND "
        "webhook=?2");
    if (!update) return std::unexpected(std::move(update).error());
    update->bind(1, event).bind(2, webhook).bind(3, now.ns);
    return update->run();
}

Result<> Outbox::failed(std::string_view webhook, std::int64_t event, UnixTime now,
                        std::string_view error, std::optional<UnixTime> next) {
    Result<Statement> update = database_.prepare(
        "UPDATE deliveries SET state=?4,attempts=attempts+1,next_at=?5,tried_at=?3,error=?6 "
        "WHERE event=?1 AND webhook=?2");
    if (!update) return std::unexpected(std::move(update).error());
    update->bind(1, event).bind(2, webhook).bind(3, now.ns);
    update->bind(4, std::string_view{next ? "waiting" : "given up"});
    update->bind(5, next.value_or(now).ns).bind(6, error);
    return update->run();
}

Result<std::int64_t> Outbox::retry(std::string_view webhook, UnixTime now) {
    Result<Statement> update = database_.prepare(
        "UPDATE deliveries SET state='waiting',attempts=0,next_at=? WHERE webhook=? AND "
        "state='given up'");
    if (!update) return std::unexpected(std::move(update).error());
    update->bind(1, now.ns).bind(2, webhook);
    if (Result<> done = update->run(); !done) return std::unexpected(std::move(done).error());
    return database_.changes();
}

Result<std::map<std::string, DeliveryFigures>> Outbox::figures() {
    // SQLite takes bare columns from the row of the maximum.
    Result<Statement> rows = database_.prepare(
        "SELECT webhook,sum(state='waiting'),sum(state='delivered'),sum(state='given up'),"
        "max(tried_at),error FROM deliveries GROUP BY webhook");
    if (!rows) return std::unexpected(std::move(rows).error());
    std::map<std::string, DeliveryFigures> out;
    for (;;) {
        Result<bool> row = rows->step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) return out;
        DeliveryFigures& figures = out[rows->string(0)];
        figures.waiting = rows->integer(1);
        figures.delivered = rows->integer(2);
        figures.given_up = rows->integer(3);
        if (!rows->is_null(4)) figures.tried_at = UnixTime{rows->integer(4)};
        figures.error = rows->string(5);
    }
}

}  // namespace weir::store
