#include <gmock/gmock.h>

#include "admin/admin_fixture.h"

namespace weir::admin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(AdminTest, HealthAndReadinessNeedNoKey) {
    EXPECT_EQ(ask("GET", "/healthz", {}, {}).text, "ok\n");
    EXPECT_EQ(ask("GET", "/readyz", {}, {}).status, 200);
    ready = false;
    EXPECT_EQ(ask("GET", "/readyz", {}, {}).status, 503);
    EXPECT_EQ(ask("GET", "/healthz", {}, {}).status, 200);
    EXPECT_EQ(ask("HEAD", "/healthz", {}, {}).text, "");
}

TEST_F(AdminTest, WrongPathAndMethodSayWhatThereIs) {
    const Reply none = get("/kyes");
    EXPECT_EQ(none.status, 404);
    EXPECT_EQ(none.code(), "unknown_endpoint");
    const Reply method = ask("PUT", "/admin/v1/teams/support", "{}");
    EXPECT_EQ(method.status, 405);
    EXPECT_THAT(method.message(), HasSubstr("GET, PATCH, DELETE"));
    EXPECT_EQ(get("/keys/%ff%00").status, 400);
    EXPECT_EQ(get("/keys/").status, 404);
}

TEST_F(AdminTest, BodiesAreReadStrictly) {
    EXPECT_EQ(post("/teams", "{").code(), "malformed_json");
    EXPECT_EQ(post("/teams", "[1]").code(), "malformed_json");
    EXPECT_EQ(post("/teams", std::string(2'000, '[')).code(), "malformed_json");
    const Reply unknown = post("/teams", R"({"nmae":"x"})");
    EXPECT_EQ(unknown.code(), "invalid_parameter");
    EXPECT_THAT(unknown.message(), HasSubstr("did you mean 'name'?"));
    EXPECT_THAT(post("/teams", R"({"name":"a","name":"b"})").message(), HasSubstr("twice"));
    EXPECT_THAT(post("/teams", R"({"name":7})").message(), HasSubstr("'name' must be a string"));
    EXPECT_THAT(post("/teams", R"({"name":"a\nb"})").message(), HasSubstr("control characters"));
    EXPECT_EQ(post("/teams", "{}").message(), "'name' is required.");
    EXPECT_EQ(get("/teams").body["teams"].size(), 2u);
}

TEST_F(AdminTest, QueriesAreReadStrictly) {
    EXPECT_THAT(get("/calls?taem=support").message(), HasSubstr("did you mean 'team'?"));
    EXPECT_THAT(get("/calls?team=a&team=b").message(), HasSubstr("twice"));
    EXPECT_THAT(get("/calls?limit=0").message(), HasSubstr("from 1 to 1000"));
    EXPECT_THAT(get("/calls?limit=1e3").message(), HasSubstr("whole number"));
    EXPECT_THAT(get("/calls?from=yesterday").message(), HasSubstr("must be a time"));
    EXPECT_THAT(get("/calls?state=setled").message(), HasSubstr("did you mean 'settled'?"));
    EXPECT_THAT(get("/calls?errors=maybe").message(), HasSubstr("true or false"));
    EXPECT_EQ(get("/calls?after=nonsense").code(), "invalid_parameter");
    EXPECT_EQ(get("/calls/follow?place=1").code(), "invalid_parameter");
    EXPECT_EQ(get("/calls?team=%zz").code(), "invalid_parameter");
    EXPECT_THAT(get("/spend?by=team,modle").message(), HasSubstr("did you mean 'model'?"));
}

TEST_F(AdminTest, BodyBeyondTheLimitIsRefusedAndTheNextRequestIsServed) {
    EXPECT_EQ(post("/prices/diff", std::string((8u << 20) + 1, ' ')).status, 413);
    EXPECT_EQ(get("/me").status, 200);
    // A stranger's body is not read at all.
    EXPECT_EQ(post("/prices/import", std::string(1u << 20, ' '), "no-key").status, 401);
    EXPECT_EQ(get("/me").status, 200);
}

TEST_F(AdminTest, RequestsOfOneConnectionAreAnsweredInTurn) {
    auto [client, server_side] = connected_pair();
    server->accept(std::move(server_side), "test");
    std::string answers;
    run([](runtime::Stream& stream, std::string& out) -> runtime::Task<> {
        const std::string one = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
        co_await runtime::write_text(stream, one + one + "GET / HTTX\r\n\r\n");
        out = co_await runtime::read_text(stream, 64 * 1024);
    }(*client, answers));
    const std::size_t first = answers.find("HTTP/1.1 200 OK");
    EXPECT_NE(answers.find("HTTP/1.1 200 OK", first + 1), std::string::npos) << answers;
    EXPECT_THAT(answers, HasSubstr("HTTP/1.1 400"));
    EXPECT_THAT(answers, HasSubstr("malformed_http"));
    EXPECT_THAT(answers, HasSubstr("connection: close"));
}

TEST_F(AdminTest, DrainClosesIdleConnectionsAndTakesNoNewOnes) {
    EXPECT_EQ(get("/me").status, 200);
    EXPECT_EQ(pool.idle(), 1u);
    server->drain();
    run(server->drained());
    auto [client, server_side] = connected_pair();
    server->accept(std::move(server_side), "test");
    std::string answer = "untouched";
    run([](runtime::Stream& stream, std::string& out) -> runtime::Task<> {
        out = co_await runtime::read_text(stream, 1);
    }(*client, answer));
    EXPECT_EQ(answer, "");
}

TEST_F(AdminTest, ChangeThatTheRoadCouldNotTakeOverIsToldSo) {
    publishing = false;
    const Reply reply = post("/teams", R"({"name":"late"})");
    EXPECT_EQ(reply.status, 500);
    EXPECT_EQ(reply.code(), "io_error");
    EXPECT_THAT(reply.message(), HasSubstr("is stored, but"));
    publishing = true;
    EXPECT_EQ(get("/teams").body["teams"].size(), 3u);
}

}  // namespace
}  // namespace weir::admin
