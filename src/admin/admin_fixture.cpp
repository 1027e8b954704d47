#include "admin/admin_fixture.h"

#include <filesystem>

namespace weir::admin {

std::string AdminTest::Reply::error(const char* member) const {
    if (!body.is_object() || !body.contains("error")) return "";
    return body["error"][member].get<std::string>();
}

AdminTest::AdminTest() {
    std::filesystem::create_directory(scratch.file("journal"));
    open_store();
    make_book(store::parse_overlay(kPrices).value());
    EXPECT_TRUE(directory->create_team({"support", {}}, {"setup", clock.now}));
    EXPECT_TRUE(directory->create_team({"research", {}}, {"setup", clock.now}));
    EXPECT_TRUE(publish());
    server = std::make_unique<Server>(services());
    listener = runtime::Listener::open(loop, "127.0.0.1", 0,
                                       [this](runtime::Own stream, std::string_view peer) {
                                           server->accept(std::move(stream), peer);
                                       })
                   .value();
    address = {.host = "127.0.0.1", .port = listener->port()};
}

void AdminTest::open_store() {
    ledger::JournalOptions options;
    options.directory = scratch.file("journal");
    options.segment_bytes = 1u << 20;
    options.clock = &clock;
    writer = ledger::JournalWriter::open(options, 1, 0).value();
    const std::string database = scratch.file("weir.db");
    store::BookkeeperOptions books;
    books.database_path = database;
    books.journal_directory = options.directory;
    books.watermark_bytes = 0;
    bookkeeper = std::make_unique<store::BookkeeperThread>(store::Bookkeeper::open(books).value(),
                                                           [](const Error&) {});
    directory = store::Directory::open(database, runtime::sha256, rng).value();
    queries = store::Queries::open(database).value();
    outbox = store::Outbox::open(database).value();
}

void AdminTest::make_book(std::vector<core::PriceRow> rows) {
    // As if they had come with the program, so that imports go before them.
    for (core::PriceRow& row : rows) {
        if (row.origin == core::PriceOrigin::overlay) row.origin = core::PriceOrigin::embedded;
    }
    book = core::PriceBook::build(std::move(rows)).value();
}

Result<> AdminTest::publish() {
    if (!publishing) return fail(ErrorCode::io, "the disk is full");
    store::PolicyParts parts = directory->load_policy_parts().value();
    auto next = std::make_shared<core::Policy>();
    for (const core::KeyRecord& key : parts.keys) next->keys.emplace(key.id, key);
    next->teams = std::move(parts.teams);
    next->budgets = std::move(parts.budgets);
    next->stops = std::move(parts.stops);
    next->observing = std::move(parts.observing);
    next->environments = {{"staging", {}, false}, {"production", {}, true}};
    next->prices = book;
    policy = next;
    return {};
}

Result<> AdminTest::import_prices(std::string_view name, std::string_view catalogue) {
    imported[std::string{name}] = catalogue;
    std::vector<core::PriceRow> rows = book->rows();
    for (core::PriceRow& row : store::parse_catalogue(catalogue).value().rows) {
        rows.push_back(std::move(row));
    }
    book = core::PriceBook::build(std::move(rows)).value();
    return publish();
}

Services AdminTest::services() {
    return {.directory = *directory,
            .queries = *queries,
            .bookkeeper = *bookkeeper,
            .outbox = *outbox,
            .clock = clock,
            .rng = rng,
            .buffers = buffers,
            .sha256 = runtime::sha256,
            .operator_key = Secret{std::string{kOperator}},
            .policy = [this] { return policy; },
            .publish = [this] { return publish(); },
            .webhooks = [this]() -> const auto& { return webhooks; },
            .figures = [this] { return figures; },
            .targets = [this] { return targets; },
            .import_prices =
                [this](std::string_view name, std::string_view catalogue) {
                    return import_prices(name, catalogue);
                },
            .correct = [this](const ledger::CorrectionRecord& c) -> Result<std::string> {
                EXPECT_TRUE(writer->append(ledger::Record{c}));
                return correction_note;
            },
            .apart =
                [this](Work work, Then then) {
                    if (busy) return false;
                    work({});
                    loop.post(std::move(then));
                    return true;
                },
            .database_path = scratch.file("weir.db"),
            .ready = [this] { return ready; },
            .version = "test",
            .gateway_url = "http://127.0.0.1:4000"};
}

AdminTest::Reply AdminTest::ask(const std::string& method, const std::string& target,
                                const std::string& body, Fields fields) {
    http::ClientRequest request{method, target, std::move(fields), body};
    Reply reply;
    run(ask_task(request, reply));
    return reply;
}

AdminTest::Reply AdminTest::get(const std::string& path, const std::string& key) {
    return ask("GET", "/admin/v1" + path, {}, {{"authorization", "Bearer " + key}});
}

AdminTest::Reply AdminTest::post(const std::string& path, const std::string& body,
                                 const std::string& key) {
    return ask("POST", "/admin/v1" + path, body, {{"authorization", "Bearer " + key}});
}

std::string AdminTest::mint(store::KeyRole role, const std::string& team,
                            std::optional<UnixTime> expires) {
    store::KeySpec spec;
    spec.name = std::string{store::key_role_name(role)} + " " + team;
    spec.team = team;
    spec.role = role;
    spec.expires = expires;
    store::MintedKey minted = directory->create_key(spec, {"setup", clock.now}).value();
    last_key_id = minted.key.record.id;
    EXPECT_TRUE(publish());
    return std::string{minted.text.reveal()};
}

void AdminTest::settle(std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t seq = from; seq <= to; ++seq) {
        write(store::admit_of(store::attempt(seq)));
        write(store::end_of(store::attempt(seq)));
    }
}

runtime::Task<void> AdminTest::ask_task(const http::ClientRequest& request, Reply& reply) {
    const Result<http::ClientAnswer> answer =
        co_await http::fetch(pool, address, request, std::chrono::seconds{10});
    EXPECT_TRUE(answer) << answer.error().message();
    if (!answer) co_return;
    reply.status = answer->status;
    reply.text = answer->body;
    reply.body = Json::parse(answer->body, nullptr, false);
}

}  // namespace weir::admin
