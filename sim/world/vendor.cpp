#include "sim/world/vendor.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <xxhash.h>

#include "sim/world/sample_policy.h"

namespace weir::world {
namespace {

using Json = nlohmann::json;

// What the models really stop at when nobody names a maximum: more than a catalogue may know.
constexpr std::int64_t kRealMaximum = 20'000;

std::int64_t whole_number(const Json& body, const char* name, std::int64_t otherwise) {
    auto at = body.find(name);
    return at != body.end() && at->is_number() ? at->get<std::int64_t>() : otherwise;
}

// The bill is final when the usage goes out, and at the latest with the last byte.
void finish_with_usage(Reply& reply, Truth& truth) {
    auto finish = [&truth] {
        truth.final = true;
    };
    for (Reply::Piece& piece : reply.pieces) {
        bool tells = piece.bytes.contains("\"usage\":{") && !piece.bytes.contains("message_start");
        if (tells) piece.first = finish;
    }
    reply.pieces.back().first = finish;
}

// Marks of what to cache are no part of what is said.
void forget_marks(Json& message) {
    auto content = message.find("content");
    if (content == message.end() || !content->is_array()) return;
    for (Json& part : *content) part.erase("cache_control");
}

// What a text comes to: the same each time, and at most a token a byte. One in five is that dear.
std::int64_t tokens_of(std::string_view text) {
    const auto hash = static_cast<std::uint64_t>(XXH3_64bits(text.data(), text.size()));
    const auto bytes = static_cast<std::int64_t>(text.size());
    if (hash % 5 == 0) return bytes;
    return std::min(bytes, 1 + static_cast<std::int64_t>(hash / 5 % 1'000) * bytes / 2'000);
}

// Turn by turn, so that a conversation that goes on comes to what it came to, and the rest; a text
// that is alone comes to the same whether it is answered or only counted.
std::int64_t input_tokens(std::string_view body) {
    const Json members = Json::parse(body);
    std::int64_t around = text_bytes(body) + 1;
    std::int64_t tokens = 0;
    for (const char* name : {"input", "prompt"}) {
        auto text = members.find(name);
        if (text == members.end()) continue;
        around -= static_cast<std::int64_t>(text->dump().size()) + 1;
        tokens += tokens_of(text->dump());
    }
    for (Json message : members.value("messages", Json::array())) {
        around -= static_cast<std::int64_t>(message.dump().size()) + 1;
        forget_marks(message);
        tokens += tokens_of(message.dump());
    }
    return std::max<std::int64_t>(1, tokens + around);
}

}  // namespace

std::int64_t text_bytes(std::string_view body) {
    const Json members = Json::parse(body);
    std::size_t bytes = body.size();
    for (const char* name :
         {"model", "stream", "stream_options", "max_tokens", "max_completion_tokens",
          "max_output_tokens", "n", "user", "metadata"}) {
        auto at = members.find(name);
        if (at == members.end()) continue;
        bytes -= std::string_view(R"("":)").size() + std::string_view(name).size();
        bytes -= at->dump().size();
    }
    return static_cast<std::int64_t>(bytes);
}

Vendor::Vendor(Scheduler& scheduler, Internet& internet, const Link& link, VendorFaults faults)
    : scheduler_(scheduler),
      faults_(faults),
      server_(scheduler, [this](const Received& r) { return serve(r); }) {
    for (std::string_view name : {kOpenAi, kAnthropic}) {
        Host host;
        host.accept = [this](runtime::Own stream) {
            server_.accept(std::move(stream));
        };
        host.link = link;
        host.refuse = [this]() -> std::optional<ErrorCode> {
            if (!scheduler_.chance(faults_.percent / 10)) return std::nullopt;
            constexpr std::array kWays{ErrorCode::provider_unreachable, ErrorCode::provider_tls,
                                       ErrorCode::provider_timeout};
            return kWays[scheduler_.rng().below(kWays.size())];
        };
        internet.hosts[std::string(name)] = std::move(host);
    }
    server_.cut_request = [this]() -> std::optional<std::size_t> {
        if (!scheduler_.chance(faults_.percent / 10)) return std::nullopt;
        return 1 + scheduler_.rng().below(3'000);
    };
    server_.idle_max = std::chrono::seconds{20};
}

Vendor::Asked Vendor::read(const Received& request, Truth& truth) const {
    Asked asked;
    const std::string& target = request.target;
    if (target.contains("/responses")) asked.dialect = Dialect::responses;
    if (target.contains("/messages")) asked.dialect = Dialect::messages;
    if (target.contains("/embeddings")) asked.dialect = Dialect::embeddings;
    if (target.ends_with("/v1/completions")) asked.dialect = Dialect::completions;
    Json body = Json::parse(request.body);
    truth.model = body.at("model").get<std::string>();
    truth.received = scheduler_.now();
    truth.call = asked.dialect == Dialect::messages
                     ? body.at("metadata").at("user_id").get<std::string>()
                     : body.at("user").get<std::string>();
    asked.stream = body.value("stream", false);
    if (auto at = body.find("stream_options"); at != body.end()) {
        asked.include_usage = at->value("include_usage", false);
    }
    asked.choices = whole_number(body, "n", 1);
    std::int64_t most = kRealMaximum;
    if (asked.dialect == Dialect::chat) {
        std::int64_t named = std::max(whole_number(body, "max_tokens", -1),
                                      whole_number(body, "max_completion_tokens", -1));
        if (named >= 0) most = std::min(most, named);
    } else {
        const char* name = asked.dialect == Dialect::responses ? "max_output_tokens" : "max_tokens";
        most = std::min(most, whole_number(body, name, most));
    }
    asked.max_output = asked.dialect == Dialect::embeddings ? 0 : most;
    asked.input = input_tokens(request.body);
    asked.cache_asked = request.body.contains("cache_control");
    return asked;
}

// What it will come to, and the most that it could have come to.
Spent Vendor::draw(const Asked& asked, Truth& truth) {
    const ModelPrice& price = *price_of(truth.model);
    std::int64_t dearest =
        asked.cache_asked ? std::max(price.input, price.cache_write) : price.input;
    std::int64_t output_most = asked.max_output * asked.choices;
    truth.worst = Int128{asked.input} * dearest + Int128{output_most} * price.output;
    truth.worst_tokens = asked.input + output_most;
    auto below = [this](std::int64_t bound) {
        return static_cast<std::int64_t>(
            scheduler_.rng().below(static_cast<std::uint64_t>(bound) + 1));
    };
    Spent spent;
    spent.model = truth.model;
    const std::int64_t input = asked.input;
    if (asked.dialect != Dialect::embeddings) {
        spent.cache_read = below(input);
        if (asked.cache_asked) spent.cache_write = below(input - spent.cache_read);
    }
    spent.input = input - spent.cache_read - spent.cache_write;
    spent.output = scheduler_.chance(20) ? output_most : below(output_most);
    if (faults_.bills_above && scheduler_.chance(10) && output_most > 0) {
        spent.output = output_most * 3 + 5'000;
    }
    truth.billed = cost_of(spent);
    truth.tokens = input + spent.output;
    return spent;
}

// For nothing, and about right; or not at all.
Reply Vendor::count(const Received& request) {
    if (scheduler_.chance(faults_.percent)) return answer(500, "application/json", "{}");
    const std::int64_t tokens = input_tokens(request.body);
    return answer(200, "application/json",
                  R"({"input_tokens":)" + std::to_string(tokens - tokens / 100) + "}");
}

Reply Vendor::serve(const Received& request) {
    if (request.target.ends_with("/count_tokens") || request.target.ends_with("/input_tokens")) {
        return count(request);
    }
    Truth& truth = book_.emplace_back();
    Asked asked = read(request, truth);
    Spent spent = draw(asked, truth);
    scheduler_.note(truth.call);
    scheduler_.note(static_cast<std::uint64_t>(truth.billed));
    Reply reply =
        scheduler_.chance(faults_.percent) ? badly(asked, spent, truth) : well(asked, spent, truth);
    slow_down(reply);
    return reply;
}

std::vector<std::string> Vendor::events(const Asked& asked, const Spent& spent,
                                        const StreamSays& says) const {
    switch (asked.dialect) {
        case Dialect::responses:
            return responses_events(spent, says);
        case Dialect::messages:
            return messages_events(spent, says);
        default: {
            StreamSays as_asked = says;
            as_asked.usage = says.usage && asked.include_usage;
            return chat_events(spent, as_asked);
        }
    }
}

std::string Vendor::body(const Asked& asked, const Spent& spent) const {
    switch (asked.dialect) {
        case Dialect::chat:
            return chat_answer(spent);
        case Dialect::completions:
            return completion_answer(spent);
        case Dialect::responses:
            return responses_answer(spent);
        case Dialect::messages:
            return messages_answer(spent);
        case Dialect::embeddings:
            return embeddings_answer(spent);
    }
    return {};
}

Reply Vendor::well(const Asked& asked, const Spent& spent, Truth& truth) {
    Reply reply;
    if (asked.stream) {
        StreamSays says;
        says.pieces = static_cast<int>(scheduler_.rng().below(12));
        says.repeat_usage = scheduler_.chance(5);
        reply = stream_of(events(asked, spent, says));
    } else {
        reply = answer(200, "application/json", body(asked, spent));
    }
    truth.told = true;
    finish_with_usage(reply, truth);
    return reply;
}

void Vendor::slow_down(Reply& reply) {
    auto most = static_cast<std::uint64_t>(faults_.slow_max.count());
    for (Reply::Piece& piece : reply.pieces) {
        if (scheduler_.chance(60)) continue;
        piece.after += Duration{static_cast<std::int64_t>(scheduler_.rng().below(most))};
    }
}

Reply Vendor::badly(const Asked& asked, const Spent& spent, Truth& truth) {
    std::uint64_t how = scheduler_.rng().below(12);
    if (how < 3) return refusal(asked, truth);
    if (how == 3) {  // bills, and nobody hears of it
        Reply reply;
        reply.pieces.push_back({.bytes = "", .after = {}, .first = [&truth] {
                                    truth.final = true;
                                }});
        reply.end = Reply::End::reset;
        return reply;
    }
    if (how == 4) {  // bills on, in silence
        Reply reply;
        reply.pieces.push_back({.bytes = "", .after = std::chrono::hours{1}, .first = [&truth] {
                                    truth.final = true;
                                }});
        reply.end = Reply::End::close;
        return reply;
    }
    if (how == 5) {
        truth.final = true;
        Reply reply;
        reply.pieces.push_back({.bytes = "ICY 200 OK\r\n\r\n", .after = {}, .first = {}});
        reply.end = Reply::End::close;
        return reply;
    }
    return broken_answer(asked, spent, truth, how);
}

Reply Vendor::refusal(const Asked& asked, Truth& truth) {
    struct Way {
        int status;
        const char* type;
        bool billed;
    };
    constexpr std::array<Way, 6> kWays{{{400, "invalid_request_error", false},
                                        {401, "authentication_error", false},
                                        {429, "rate_limit_error", false},
                                        {400, "content_filter", true},
                                        {500, "server_error", true},
                                        {503, "server_error", true}}};
    const Way& way = kWays[scheduler_.rng().below(kWays.size())];
    bool bills = way.billed && scheduler_.chance(50);
    bool anthropic = asked.dialect == Dialect::messages;
    Reply reply = answer(way.status, "application/json",
                         anthropic ? anthropic_error(way.type, "no") : openai_error(way.type, "no"),
                         "x-request-id: req_1\r\n");
    reply.pieces[0].first = [&truth, bills] {
        truth.final = true;
        if (!bills) truth.billed = truth.tokens = 0;
    };
    return reply;
}

// Stops somewhere, leaves usage out, or says an error after 200; it bills all the same.
Reply Vendor::broken_answer(const Asked& asked, const Spent& spent, Truth& truth,
                            std::uint64_t how) {
    if (!asked.stream) {
        Reply reply = answer(200, "application/json", body(asked, spent));
        std::string& bytes = reply.pieces[0].bytes;
        bytes.resize(bytes.size() - 1 - scheduler_.rng().below(60));
        finish_with_usage(reply, truth);
        reply.end = how % 2 == 0 ? Reply::End::close : Reply::End::reset;
        return reply;
    }
    StreamSays says{.pieces = 4, .usage = how != 6, .repeat_usage = false, .end = how == 6};
    auto all = events(asked, spent, says);
    if (how == 7) {
        if (asked.dialect == Dialect::responses) all.push_back(responses_error_event());
        if (asked.dialect == Dialect::messages) all.push_back(messages_error_event());
        if (asked.dialect == Dialect::chat) all.back() = chat_error_event();
    }
    if (how == 8) all.resize(1 + scheduler_.rng().below(all.size()));
    Reply reply = stream_of(all);
    finish_with_usage(reply, truth);
    if (how >= 9) {
        reply.pieces.back().bytes.clear();
        std::string& last = reply.pieces[reply.pieces.size() - 2].bytes;
        last.resize(1 + scheduler_.rng().below(last.size()));
        reply.end = how == 9 ? Reply::End::close : how == 10 ? Reply::End::reset : Reply::End::hang;
    }
    return reply;
}

}  // namespace weir::world
