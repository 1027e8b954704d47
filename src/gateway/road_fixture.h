// The road under virtual time, with providers that do what a test says. For the room's tests.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ledger/journal.h"
#include "sim/world/client.h"
#include "sim/world/dialects.h"
#include "sim/world/sample_policy.h"
#include "sim/world/server.h"
#include "sim/world/vendor.h"
#include "sim/world/weir_process.h"

namespace weir::gateway {

using Fields = std::vector<std::pair<std::string, std::string>>;
using world::key_budget;
using world::team_budget;

class RoadTest : public ::testing::Test {
 protected:
    RoadTest() {
        std::string pattern = ::testing::TempDir() + "weir_road_XXXXXX";
        directory_ = ::mkdtemp(pattern.data());
        options.data_dir = directory_;
        options.bookkeeping = false;
        for (std::string_view host : {world::kOpenAi, world::kAnthropic, world::kLocal}) {
            world::Host there;
            there.accept = [this](runtime::Own stream) {
                server_->accept(std::move(stream));
            };
            machine.internet.hosts[std::string(host)] = std::move(there);
        }
        server_ =
            std::make_unique<world::Server>(machine.scheduler, [this](const world::Received& r) {
                seen.push_back(r);
                return provider(r);
            });
    }
    ~RoadTest() override {
        weir.reset();
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }

    void start() {
        options.policy = company.snapshot();
        weir = std::make_unique<world::WeirProcess>(machine, options);
        auto started = weir->start();
        ASSERT_TRUE(started) << started.error().detail();
    }
    world::Conversation connect(const world::Link& link = {}) {
        if (!weir) start();
        return world::Conversation{machine.scheduler, weir->dial(0, link)};
    }
    // Sends bytes and reads one answer.
    world::Answer ask(world::Conversation& c, std::string bytes, world::Patience patience = {}) {
        world::Answer out;
        bool done = false;
        runtime::TaskGroup tasks;
        tasks.spawn(converse(c, std::move(bytes), patience, out, done));
        EXPECT_TRUE(machine.scheduler.run_until([&] { return done; }, std::chrono::hours{3}));
        return out;
    }
    // Sends bytes and reads nothing.
    static runtime::Task<void> send(world::Conversation& c, std::string bytes, bool& sent) {
        sent = co_await world::send_all(c, std::move(bytes));
    }
    // On a connection of its own.
    world::Answer call(std::string bytes, world::Patience patience = {}) {
        auto c = connect();
        return ask(c, std::move(bytes), patience);
    }
    world::Answer chat(std::string body, Fields more = {}, world::Patience patience = {}) {
        return call(chat_request(std::move(body), std::move(more)), patience);
    }
    std::string chat_request(std::string body, Fields more = {}) const {
        more.emplace_back("authorization", "Bearer " + company.support_key);
        return world::request("POST", "/v1/chat/completions", more, body);
    }
    std::string messages_request(std::string body, Fields more = {}) const {
        more.emplace_back("x-api-key", company.support_key);
        more.emplace_back("anthropic-version", "2023-06-01");
        return world::request("POST", "/v1/messages", more, body);
    }
    std::string responses_request(std::string body, Fields more = {}) const {
        more.emplace_back("authorization", "Bearer " + company.support_key);
        return world::request("POST", "/v1/responses", more, body);
    }

    // Until no call is open, and what drains has drained.
    void settle_down(Duration limit = std::chrono::hours{2}) {
        EXPECT_TRUE(machine.scheduler.run_until([&] { return weir->open_calls() == 0; }, limit));
    }

    template <class T>
    std::vector<T> records() {
        std::vector<T> out;
        ledger::JournalReader reader(weir->journal_path());
        auto read = reader.poll(1'000'000, [&](ledger::Record&& r) {
            if (auto* record = std::get_if<T>(&r)) out.push_back(std::move(*record));
        });
        EXPECT_TRUE(read) << read.error().detail();
        return out;
    }
    std::vector<ledger::EndRecord> ends() { return records<ledger::EndRecord>(); }
    ledger::EndRecord only_end() {
        auto all = ends();
        EXPECT_EQ(all.size(), 1u);
        return all.empty() ? ledger::EndRecord{} : all.front();
    }
    core::InstanceFigures figures(std::uint64_t budget) {
        for (const auto& f : weir->treasury().figures()) {
            if (f.budget_id == budget) return f;
        }
        return {};
    }

    world::Machine machine{1};
    world::Company company = world::sample_company();
    world::ProcessOptions options;
    std::vector<world::Received> seen;  // by the providers
    std::function<world::Reply(const world::Received&)> provider = [](const world::Received&) {
        return world::answer(200, "application/json",
                             world::chat_answer({.input = 10, .output = 2}));
    };
    std::unique_ptr<world::Server> server_;
    std::unique_ptr<world::WeirProcess> weir;

 private:
    static runtime::Task<void> converse(world::Conversation& c, std::string bytes,
                                        world::Patience patience, world::Answer& out, bool& done) {
        if (co_await world::send_all(c, std::move(bytes))) {
            out = co_await world::read_answer(c, patience);
        }
        done = true;
    }
    std::string directory_;
};

// The most input tokens of a body without tools: its text, and 8.
inline Int128 input_bound(std::string_view body) { return world::text_bytes(body) + 8; }

inline std::string chat_body(std::string_view more = R"(,"max_tokens":100)",
                             std::string_view model = "sim-small") {
    return R"({"model":")" + std::string(model) +
           R"(","messages":[{"role":"user","content":"hello"}])" + std::string(more) + "}";
}

}  // namespace weir::gateway
