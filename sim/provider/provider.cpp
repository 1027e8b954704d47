#include "sim/provider/provider.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "codec/content_coding.h"
#include "codec/url.h"
#include "sim/provider/bend.h"
#include "sim/provider/text.h"

namespace weir::sim {
namespace {

constexpr std::size_t kRequestsKept = 64;
constexpr std::size_t kBodyKept = 256 * 1024;
constexpr std::size_t kDecodedMost = std::size_t{64} << 20;
constexpr std::size_t kFaultUsesMost = 100'000;

http::Limits generous_limits() {
    http::Limits limits;
    limits.body_bytes_max = std::size_t{64} << 20;
    limits.keep_alive = std::chrono::minutes{10};
    return limits;
}

std::string lower(std::string_view text) {
    std::string out{text};
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

Result<> decode_body(Request& request) {
    std::string_view coding = request.header("content-encoding");
    if (coding.empty()) return {};
    auto codings = codec::parse_content_encoding(coding);
    if (!codings) return std::unexpected(codings.error());
    codec::Decoder decoder{*codings, kDecodedMost};
    std::string decoded;
    if (auto fed = decoder.feed(request.body, decoded); !fed) return fed;
    if (auto whole = decoder.finish(); !whole) return whole;
    request.body = std::move(decoded);
    return {};
}

std::string_view key_of(const Request& request) {
    for (std::string_view name : {"x-api-key", "api-key"}) {
        if (auto key = request.header(name); !key.empty()) return key;
    }
    std::string_view key = request.header("authorization");
    if (key.starts_with("Bearer ")) key.remove_prefix(7);
    return key;
}

// The error that a fault wants instead of an answer.
Answer fault_answer(const ChosenFault& fault, bool anthropic, std::string_view request_id) {
    int status = static_cast<int>(std::clamp<std::int64_t>(fault.argument, 400, 599));
    Answer answer = error_answer(anthropic, status, {}, request_id);
    std::int64_t retry_ms = fault.retry_after_ms;
    if (retry_ms < 0 && status == 429) retry_ms = 1000;
    if (retry_ms >= 0) {
        answer.headers.emplace_back("retry-after", std::to_string((retry_ms + 999) / 1000));
        answer.headers.emplace_back("retry-after-ms", std::to_string(retry_ms));
    }
    if (fault.should_retry) {
        answer.headers.emplace_back("x-should-retry", *fault.should_retry ? "true" : "false");
    }
    return answer;
}

}  // namespace

Provider::Provider(Settings settings, Bill& bill, Sleep sleep, const runtime::Clock& clock)
    : settings_(std::move(settings)),
      bill_(bill),
      sleep_(std::move(sleep)),
      clock_(clock),
      world_{.settings = settings_, .cache = PromptCache{settings_.speed}},
      run_(id_text("", static_cast<std::uint64_t>(clock.unix_now().ns), 8)),
      dice_(settings_.seed) {}

void Provider::accept(runtime::Own stream, int descriptor) {
    if (draining_) return;
    tasks_.spawn(serve(std::move(stream), descriptor));
}

void Provider::drain() {
    draining_ = true;
    while (!idle_.empty()) {
        runtime::Stream* stream = idle_.begin()->first;
        idle_.erase(idle_.begin());
        stream->cancel(ECANCELED);
    }
}

runtime::Task<void> Provider::serve(runtime::Own stream, int descriptor) {
    http::ServerConnection client{*stream, buffers_, generous_limits()};
    if (clock_.mono_now() < refuses_until_) {
        Delivery::reset_on_close(descriptor);
        co_return;
    }
    bool open = true;
    while (open && !draining_) {
        idle_.emplace(stream.get(), true);
        auto read = co_await client.read_head();
        idle_.erase(stream.get());
        if (!read || !*read) co_return;
        open = co_await serve_one(client, descriptor);
    }
}

runtime::Task<Result<Request>> Provider::read_request(http::ServerConnection& client) {
    const codec::RequestHead& head = client.head();
    Request request;
    request.method = head.method;
    auto target = codec::split_target(head.origin);
    request.path = target.path;
    request.query = target.query;
    for (const auto& field : head.fields) {
        request.headers.emplace_back(lower(field.name), field.value);
    }
    auto body = co_await client.read_body();
    if (!body) {
        // Not all of it came: nothing was worked on, so nothing is billed.
        bill_.incomplete();
        co_return std::unexpected(body.error());
    }
    request.body = *body;
    co_return request;
}

runtime::Task<bool> Provider::serve_one(http::ServerConnection& client, int descriptor) {
    bool keep_alive = client.head().keep_alive;
    bool head_only = client.head().method == "HEAD";
    auto request = co_await read_request(client);
    if (!request) co_return false;
    client.forget_request();
    Planned planned = plan(*request);
    if (head_only) planned.answer.body.clear();
    Delivery delivery{client, descriptor, sleep_, clock_};
    Ending ending = co_await delivery.send(planned.answer, planned.call.faults, planned.pace,
                                           keep_alive && !draining_);
    if (planned.number > 0) {
        Charges charges =
            settle(planned.answer.charges, ending, settings_, planned.error_is_billed);
        bill_.end(planned.number, planned.answer.status, ending, std::move(charges),
                  clock_.unix_now());
    }
    co_return delivery.connection_lives();
}

Provider::Planned Provider::plan(const Request& request) {
    Planned planned;
    if (request.path.starts_with("/sim/")) {
        planned.answer = control(request);
        return planned;
    }
    planned.call.request_id = "req_sim_" + run_ + "_" + std::to_string(++requests_);
    planned.anthropic = !request.header("anthropic-version").empty();
    world_.now = clock_.unix_now();
    plan_call(request, planned);
    add_vendor_headers(planned.anthropic, planned.call.request_id, planned.answer);
    remember(request, planned);
    if (planned.number == 0 && planned.answer.status >= 400) bill_.refused();
    return planned;
}

void Provider::plan_call(const Request& given, Planned& planned) {
    std::string id = planned.call.request_id;
    auto refuse = [&](int status, std::string_view message) {
        planned.answer = error_answer(planned.anthropic, status, message, id);
    };
    if (given.method == "HEAD" || given.path == "/") return;
    auto endpoint = find_endpoint(given);
    if (!endpoint) return refuse(404, "weir-sim: no such endpoint.");
    if (*endpoint != Endpoint::models) planned.anthropic = is_anthropic(*endpoint);
    if (settings_.require_key && key_of(given).empty()) return refuse(401, {});
    Request request = given;
    if (!decode_body(request)) return refuse(400, "The body's content-encoding cannot be read.");
    Faults drawn;
    if (!is_free(*endpoint)) draw_faults(settings_.faults, dice_, drawn);
    auto call = read_call(*endpoint, request, settings_.reading, drawn);
    if (!call) return refuse(400, call.error().message());
    planned.call = std::move(*call);
    planned.call.request_id = id;
    planned.call.created = world_.now.seconds();
    if (*endpoint != Endpoint::models && planned.call.model.empty()) {
        return refuse(400, "you must provide a model parameter");
    }
    use_up_faults(request, planned.call);
    const Faults& faults = planned.call.faults;
    bool has_options = member(planned.call.body, "stream_options") != nullptr;
    if (faults.has(Fault::reject_stream_options) && has_options) {
        return refuse(400, "Unknown parameter: 'stream_options'.");
    }
    if (const ChosenFault* http = faults.find(Fault::http)) {
        if (http->billed) planned.answer = answer_call(planned.call, planned.anthropic, world_);
        Answer error = fault_answer(*http, planned.anthropic, id);
        error.charges = std::move(planned.answer.charges);
        planned.answer = std::move(error);
        planned.error_is_billed = http->billed;
        if (http->billed) begin(request, planned);
        return;
    }
    planned.pace = pace_of(planned.call);
    planned.answer = answer_call(planned.call, planned.anthropic, world_);
    if (planned.answer.status >= 400) return;
    if (faults.has(Fault::timeout)) {
        Answer error = error_answer(planned.anthropic, 504, {}, id);
        error.charges = std::move(planned.answer.charges);
        planned.answer = std::move(error);
        planned.error_is_billed = settings_.bill_unanswered;
        planned.pace = {.first_byte = std::chrono::milliseconds{faults.argument(Fault::timeout)}};
    } else {
        bend(faults, planned.anthropic, id, planned.answer);
    }
    if (!is_free(*endpoint)) begin(request, planned);
    if (faults.has(Fault::refuse)) {
        refuse_connections(std::chrono::milliseconds{faults.argument(Fault::refuse)});
        planned.call.faults.add({.fault = Fault::reset});
    }
}

void Provider::refuse_connections(Duration time) {
    refuses_until_ = clock_.mono_now() + time;
    if (on_refuse_) on_refuse_(time);
}

void Provider::begin(const Request& request, Planned& planned) {
    const Call& call = planned.call;
    Attempt attempt;
    attempt.request_id = call.request_id;
    attempt.tag = call.tag;
    attempt.tag_source = call.tag_source;
    attempt.path = request.path;
    attempt.endpoint = endpoint_name(call.endpoint);
    attempt.model = call.model;
    attempt.stream = call.streams();
    std::string_view key = key_of(request);
    attempt.key_end = key.substr(key.size() - std::min<std::size_t>(key.size(), 4));
    attempt.user_agent = request.header("user-agent");
    attempt.retry_count = request.header("x-stainless-retry-count");
    attempt.faults = call.faults.text();
    attempt.begun = world_.now;
    attempt.charges = planned.answer.charges;
    planned.number = bill_.begin(std::move(attempt));
}

// Takes off the faults that have happened often enough.
void Provider::use_up_faults(const Request& request, Call& call) {
    std::vector<Fault> over;
    for (const ChosenFault& fault : call.faults.all()) {
        if (fault.times <= 0) continue;
        std::string key{fault_info(fault.fault).name};
        key += call.tag.empty() ? std::to_string(hash_text(request.body, 0)) : call.tag;
        if (fault_uses_.size() > kFaultUsesMost) fault_uses_.clear();
        if (++fault_uses_[key] > fault.times) over.push_back(fault.fault);
    }
    for (Fault fault : over) call.faults.remove(fault);
    if (call.faults.has(Fault::ignore_max)) {
        call.wish.ignore_max = std::max<std::int64_t>(call.faults.argument(Fault::ignore_max), 0);
    }
}

Pace Provider::pace_of(const Call& call) const {
    Pace pace{.first_byte = settings_.first_byte, .chunk = settings_.chunk_delay};
    if (call.first_byte_ms) pace.first_byte = std::chrono::milliseconds{*call.first_byte_ms};
    if (call.chunk_delay_ms) pace.chunk = std::chrono::milliseconds{*call.chunk_delay_ms};
    for (Duration* delay : {&pace.first_byte, &pace.chunk}) {
        auto scaled = static_cast<double>(delay->count()) / settings_.speed;
        *delay = Duration{static_cast<std::int64_t>(scaled)};
    }
    return pace;
}

void Provider::remember(const Request& request, const Planned& planned) {
    Json headers = Json::array();
    for (const auto& [name, value] : request.headers) {
        bool secret = name == "authorization" || name == "x-api-key" || name == "api-key";
        headers.push_back(Json::array({name, secret ? "…" : value}));
    }
    last_requests_.push_back(Json{{"request_id", planned.call.request_id},
                                  {"tag", planned.call.tag},
                                  {"method", request.method},
                                  {"path", request.path},
                                  {"query", request.query},
                                  {"headers", std::move(headers)},
                                  {"body", request.body.substr(0, kBodyKept)}});
    if (last_requests_.size() > kRequestsKept) last_requests_.pop_front();
}

Answer Provider::control(const Request& request) {
    auto argument = [&](std::string_view name) {
        return codec::query_value(request.query, name).value_or("");
    };
    if (request.path == "/sim/bill") {
        std::string since = argument("since");
        std::int64_t number = 0;
        std::from_chars(since.data(), since.data() + since.size(), number);
        return json_answer(bill_.json(argument("tag"), number));
    }
    if (request.path == "/sim/totals") return json_answer(bill_.totals());
    if (request.path == "/sim/requests") {
        Json list = Json::array();
        std::string tag = argument("tag");
        for (const Json& one : last_requests_) {
            if (tag.empty() || string_at(one, "tag") == tag) list.push_back(one);
        }
        return json_answer(Json{{"requests", std::move(list)}});
    }
    if (request.path == "/sim/reset" && request.method == "POST") {
        bill_.clear();
        world_.cache.clear();
        world_.responses.clear();
        fault_uses_.clear();
        last_requests_.clear();
        return json_answer(Json{{"reset", true}});
    }
    if (request.path == "/sim/faults") {
        Json list = Json::array();
        for (const FaultInfo& info : fault_table()) {
            list.push_back(Json{{"name", info.name},
                                {"argument", info.argument},
                                {"otherwise", info.otherwise},
                                {"help", info.help}});
        }
        return json_answer(Json{{"faults", std::move(list)}});
    }
    Answer none = json_answer(Json{{"error",
                                    "weir-sim: GET /sim/bill, /sim/totals, /sim/requests, "
                                    "/sim/faults; POST /sim/reset"}});
    none.status = 404;
    return none;
}

}  // namespace weir::sim
