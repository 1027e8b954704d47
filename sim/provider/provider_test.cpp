// The provider over real sockets: what its bill says when a connection ends at each point.
#include "sim/provider/provider.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/worker.h"
#include "sim/provider/simulator.h"

namespace weir::sim {
namespace {

constexpr const char* kStream =
    R"({"model":"gpt-4.1","stream":true,"stream_options":{"include_usage":true},"max_tokens":400,)"
    R"("messages":[{"role":"user","content":"Why?"}]})";

// A blocking client of one connection; no wait is longer than ten seconds.
class Client {
 public:
    explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        timeval most{.tv_sec = 10, .tv_usec = 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
        connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
    }
    Client(const Client&) = delete;
    ~Client() { close(); }

    bool connected() const { return connected_; }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    // What cannot be sent gets no answer, which is what is looked at.
    void send(std::string_view text) const {
        while (!text.empty()) {
            ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
            if (n <= 0) return;
            text.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    void post(const std::string& path, const std::string& body,
              const std::string& headers = {}) const {
        send("POST " + path + " HTTP/1.1\r\nhost: sim\r\nauthorization: Bearer k\r\n" + headers +
             "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    }
    // Reads until `end` was seen, or the connection ended.
    std::string read_until(std::string_view end) {
        std::string got;
        char buffer[4096];
        while (end.empty() || got.find(end) == std::string::npos) {
            ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
            error_ = n < 0 ? errno : 0;
            if (n <= 0) break;
            got.append(buffer, static_cast<std::size_t>(n));
        }
        return got;
    }
    std::string read_all() { return read_until({}); }
    bool was_reset() const { return error_ == ECONNRESET; }

 private:
    int fd_;
    int error_ = 0;
    bool connected_ = false;
};

class ProviderTest : public ::testing::Test {
 protected:
    void start(Settings settings = {}) {
        auto simulator = Simulator::open(worker_.loop(), clock_, {.settings = std::move(settings)});
        ASSERT_TRUE(simulator);
        simulator_ = std::move(*simulator);
        port_ = simulator_->port();
        worker_.start();
    }
    ~ProviderTest() override {
        worker_.stop();
        worker_.join();
    }

    Json get(const std::string& path) const {
        Client client{port_};
        client.send("GET " + path + " HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n\r\n");
        std::string answer = client.read_all();
        std::size_t body = answer.find("\r\n\r\n");
        return body == std::string::npos ? Json{}
                                         : Json::parse(answer.substr(body + 4), nullptr, false);
    }
    // The first that `holds` of what is asked for again and again, for at most ten seconds.
    template <class Holds>
    Json wait_for(const std::string& path, Holds holds) const {
        for (int i = 0; i < 5'000; ++i) {
            Json got = get(path);
            if (got.is_object() && holds(got)) return got;
            ::poll(nullptr, 0, 2);
        }
        ADD_FAILURE() << path << " did not come to it";
        return {};
    }
    // The attempt of that tag, once it has ended.
    Json ended(const std::string& tag) const {
        Json bill = wait_for("/sim/bill?tag=" + tag, [](const Json& got) {
            const Json& attempts = got["attempts"];
            return !attempts.empty() && attempts.back()["open"] == false;
        });
        return bill.is_object() ? bill["attempts"].back() : Json{};
    }
    static std::string head(const std::string& tag, const std::string& faults = {},
                            const std::string& more = {}) {
        std::string out = "x-sim-tag: " + tag + "\r\n" + more;
        return faults.empty() ? out : out + "x-sim-fault: " + faults + "\r\n";
    }

    runtime::SystemClock clock_;
    runtime::Worker worker_{"sim"};
    std::unique_ptr<Simulator> simulator_;
    std::uint16_t port_ = 0;
};

std::int64_t natural_output(const Json& attempt) { return attempt["charges"][0]["output"]; }

TEST_F(ProviderTest, AWholeAnswerIsBilledAndTheConnectionGoesOn) {
    start();
    Client client{port_};
    for (const char* tag : {"a", "b"}) {
        client.post("/v1/chat/completions", kStream, head(tag));
        std::string answer = client.read_until("0\r\n\r\n");
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n"));
        EXPECT_NE(answer.find("data: [DONE]"), std::string::npos);
        Json attempt = ended(tag);
        EXPECT_EQ(attempt["outcome"], "complete");
        EXPECT_EQ(attempt["delivered"], "whole");
        EXPECT_NE(answer.find(attempt["request_id"]), std::string::npos);
        EXPECT_NE(answer.find("\"completion_tokens\":" + dump(attempt["charges"][0]["output"])),
                  std::string::npos);
    }
}

TEST_F(ProviderTest, ARequestThatDoesNotComeWholeIsNoAttempt) {
    start();
    Client client{port_};
    client.send(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: sim\r\nauthorization: Bearer k\r\n"
        "content-length: 500\r\n\r\n{\"model\":");
    client.close();
    Json bill = wait_for("/sim/bill", [](const Json& got) { return got["incomplete"] != 0; });
    EXPECT_EQ(bill["incomplete"], 1);
    EXPECT_TRUE(bill["attempts"].empty());
}

// The client goes while the provider still works on the first byte, or between two chunks.
TEST_F(ProviderTest, AClientThatGoesIsBilledToTheNaturalEndOrToTheCut) {
    for (OnCut on_cut : {OnCut::bill_on, OnCut::stop}) {
        runtime::Worker worker{"sim"};
        auto opened = Simulator::open(worker.loop(), clock_, {.settings = {.on_cut = on_cut}});
        ASSERT_TRUE(opened);
        port_ = (*opened)->port();
        worker.start();
        bool stops = on_cut == OnCut::stop;
        Client whole{port_};
        whole.post("/v1/chat/completions", kStream, head("whole"));
        whole.read_until("0\r\n\r\n");
        std::int64_t all = natural_output(ended("whole"));

        Client early{port_};
        early.post("/v1/chat/completions", kStream,
                   head("early", {}, "x-sim-first-byte-ms: 60000\r\n"));
        EXPECT_EQ(get("/sim/bill?tag=nobody")["attempts"].size(), 0U);
        early.close();
        Json attempt = ended("early");
        EXPECT_EQ(attempt["outcome"], "cut");
        EXPECT_EQ(attempt["delivered"], "none");
        EXPECT_EQ(natural_output(attempt), stops ? 0 : all);
        EXPECT_GT(attempt["charges"][0]["input"].get<int>(), 0);

        Client late{port_};
        late.post("/v1/chat/completions", kStream,
                  head("late", {}, "x-sim-chunk-delay-ms: 50\r\n"));
        late.read_until("\"content\":\"T");  // every sentence begins with a capital letter
        late.close();
        attempt = ended("late");
        EXPECT_EQ(attempt["outcome"], "cut");
        EXPECT_EQ(attempt["delivered"], "part");
        if (stops) {
            EXPECT_EQ(natural_output(attempt), attempt["generated"]);
            EXPECT_LT(natural_output(attempt), all);
        } else {
            EXPECT_EQ(natural_output(attempt), all);
        }
        worker.stop();
        worker.join();
    }
}

TEST_F(ProviderTest, UnansweredAttemptsCanBeFree) {
    start({.bill_unanswered = false});
    Client client{port_};
    client.post("/v1/chat/completions", kStream, head("reset", "reset"));
    EXPECT_EQ(client.read_all(), "");
    EXPECT_TRUE(client.was_reset());
    EXPECT_TRUE(ended("reset")["charges"].empty());
    Client timed_out{port_};
    timed_out.post("/v1/chat/completions", kStream, head("slow", "timeout=1"));
    EXPECT_TRUE(timed_out.read_until("}}").starts_with("HTTP/1.1 504 "));
    EXPECT_TRUE(ended("slow")["charges"].empty());
}

TEST_F(ProviderTest, SeveredAnswersAreBilledThoughNobodyGotThem) {
    start();
    struct Row {
        const char* fault;
        const char* delivered;
        bool reset;
    };
    for (Row row : {Row{"reset", "none", true}, Row{"reset_after_head", "head", true},
                    Row{"reset_mid=2", "part", true}, Row{"reset_before_usage", "part", true},
                    Row{"close_before_usage", "part", false}, Row{"bad_chunk=1", "part", false},
                    Row{"garbage_head", "none", false}}) {
        Client client{port_};
        client.post("/v1/chat/completions", kStream, head(row.fault, row.fault));
        std::string got = client.read_all();
        EXPECT_EQ(client.was_reset(), row.reset) << row.fault;
        EXPECT_EQ(got.find("completion_tokens"), std::string::npos) << row.fault;
        Json attempt = ended(row.fault);
        EXPECT_EQ(attempt["outcome"], "severed") << row.fault;
        EXPECT_EQ(attempt["delivered"], row.delivered) << row.fault;
        EXPECT_GT(natural_output(attempt), 0) << row.fault;
    }
}

TEST_F(ProviderTest, AWholeAnswerCanEndWhereItsUsageBegins) {
    start();
    constexpr const char* kWhole =
        R"({"model":"gpt-4.1","messages":[{"role":"user","content":"Why?"}]})";
    for (const char* fault : {"reset_before_usage", "eof_before_usage"}) {
        Client client{port_};
        client.post("/v1/chat/completions", kWhole, head(fault, fault));
        std::string got = client.read_all();
        EXPECT_EQ(client.was_reset(), std::string_view{fault}.starts_with("reset")) << fault;
        EXPECT_NE(got.find("\"finish_reason\":\"stop\""), std::string::npos) << fault;
        EXPECT_EQ(got.find("\"usage\""), std::string::npos) << fault;
        EXPECT_GT(natural_output(ended(fault)), 0) << fault;
    }
}

TEST_F(ProviderTest, AHangLastsUntilTheClientGoes) {
    start();
    Client client{port_};
    client.post("/v1/chat/completions", kStream, head("hang", "hang_mid=2"));
    client.read_until("data: ");
    Json bill = get("/sim/bill?tag=hang");
    EXPECT_EQ(bill["attempts"][0]["open"], true);
    EXPECT_GT(natural_output(bill["attempts"][0]), 0);  // already on the bill
    client.close();
    Json attempt = ended("hang");
    EXPECT_EQ(attempt["outcome"], "severed");
    EXPECT_EQ(attempt["delivered"], "part");
}

TEST_F(ProviderTest, AnEndBeforeTheUsageIsAWellFormedBody) {
    start();
    Client client{port_};
    client.post("/v1/chat/completions", kStream, head("eof", "eof_before_usage"));
    std::string got = client.read_until("0\r\n\r\n");
    EXPECT_NE(got.find("finish_reason\":\"stop\""), std::string::npos);
    EXPECT_EQ(got.find("completion_tokens"), std::string::npos);
    EXPECT_EQ(got.find("[DONE]"), std::string::npos);
    EXPECT_GT(natural_output(ended("eof")), 0);
}

TEST_F(ProviderTest, ErrorsComeAsOftenAsWishedAndCostNothingUnlessTheySaySo) {
    start();
    Client client{port_};
    std::string faults = "http=429,retry_after_ms=20,should_retry=true,times=2";
    for (int status : {429, 429, 200}) {
        client.post("/v1/chat/completions", kStream, head("retry", faults));
        std::string got = client.read_until(status == 200 ? "0\r\n\r\n" : "}}");
        EXPECT_TRUE(got.starts_with("HTTP/1.1 " + std::to_string(status))) << got;
        if (status == 429) {
            EXPECT_NE(got.find("\r\nretry-after-ms: 20\r\n"), std::string::npos);
            EXPECT_NE(got.find("\r\nx-should-retry: true\r\n"), std::string::npos);
        }
    }
    Json bill = get("/sim/bill?tag=retry");
    EXPECT_EQ(bill["attempts"].size(), 1U);
    EXPECT_EQ(bill["refused"], 2);
    client.post("/v1/chat/completions", kStream, head("dear", "http=502,billed"));
    EXPECT_TRUE(client.read_until("}}").starts_with("HTTP/1.1 502 "));
    Json dear = ended("dear");
    EXPECT_EQ(dear["status"], 502);
    EXPECT_GT(natural_output(dear), 0);
}

TEST_F(ProviderTest, ARefusedPortIsOpenAgainLater) {
    start();
    Client client{port_};
    client.post("/v1/chat/completions", kStream, head("refuse", "refuse=500"));
    EXPECT_EQ(client.read_all(), "");
    EXPECT_TRUE(client.was_reset());
    EXPECT_FALSE(Client{port_}.connected());
    EXPECT_EQ(ended("refuse")["outcome"], "severed");  // asks until the port is open
}

TEST_F(ProviderTest, WithoutAKeyThereIsNoAnswer) {
    start();
    Client client{port_};
    client.send("POST /v1/messages HTTP/1.1\r\nhost: sim\r\ncontent-length: 2\r\n\r\n{}");
    std::string got = client.read_until("request_id");
    EXPECT_TRUE(got.starts_with("HTTP/1.1 401 ")) << got;
    EXPECT_NE(got.find("authentication_error"), std::string::npos);
}

}  // namespace
}  // namespace weir::sim
