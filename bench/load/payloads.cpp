#include "load/payloads.h"

#include <array>
#include <charconv>
#include <fmt/format.h>

namespace weir::bench {
namespace {

constexpr auto kWords = std::to_array<std::string_view>(
    {"the",     "customer", "writes",       "that",      "order",  "was",     "shipped", "twice",
     "and",     "asks",     "for",          "a",         "refund", "of",      "second",  "parcel",
     "which",   "arrived",  "damaged",      "on",        "Monday", "morning", "please",  "check",
     "carrier", "notes",    "before",       "answering", "them",   "again",   "with",    "an",
     "apology", "file",     "src/main.cpp", "returned",  "exit",   "code"});

// Prose of `bytes` bytes, without anything that JSON must escape.
std::string prose(std::size_t bytes, std::uint64_t seed) {
    std::string out;
    std::uint64_t state = seed * 2 + 1;
    while (out.size() < bytes) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        out.append(kWords[(state >> 33) % kWords.size()]).append(" ");
    }
    out.resize(bytes);
    return out;
}

std::string tool(int number) {
    return fmt::format(
        R"({{"type":"function","function":{{"name":"tool_{}","description":"{}","parameters":)"
        R"({{"type":"object","properties":{{"path":{{"type":"string","description":"{}"}},)"
        R"("limit":{{"type":"integer"}}}},"required":["path"]}}}}}})",
        number, prose(900, 1000 + static_cast<std::uint64_t>(number)), prose(120, 7));
}

// System prompt, then turns of user, a tool call, and its result.
std::string agent_messages(std::size_t bytes_each) {
    std::string out = fmt::format(R"({{"role":"system","content":"{}"}})", prose(6'000, 1));
    for (int i = 0; i < 20; ++i) {
        auto seed = static_cast<std::uint64_t>(i) * 3 + 10;
        out += fmt::format(R"(,{{"role":"user","content":"{}"}})", prose(bytes_each, seed));
        out += fmt::format(
            R"(,{{"role":"assistant","content":null,"tool_calls":[{{"id":"call_{0}","type":)"
            R"("function","function":{{"name":"tool_{1}","arguments":"{{\"path\":\"{2}\"}}"}}}}]}})",
            i, i % 16, prose(bytes_each / 2, seed + 1));
        out += fmt::format(R"(,{{"role":"tool","tool_call_id":"call_{}","content":"{}"}})", i,
                           prose(bytes_each * 2, seed + 2));
    }
    return out;
}

std::string chunked(std::string_view payload) {
    return fmt::format("{:x}\r\n{}\r\n", payload.size(), payload);
}

constexpr std::string_view kEventStart =
    R"(data: {"id":"chatcmpl-DCq7x0a1b2c3d4e5f6g7h8i9j0k1l","object":"chat.completion.chunk",)"
    R"("created":1795478400,"model":"gpt-6-luna","service_tier":"default",)"
    R"("system_fingerprint":"fp_44709d6fcb","choices":[)";
constexpr std::string_view kUsage =
    R"("usage":{"prompt_tokens":312,"completion_tokens":50,"total_tokens":362,)"
    R"("prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},)"
    R"("completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,)"
    R"("accepted_prediction_tokens":0,"rejected_prediction_tokens":0}})";
constexpr std::string_view kAnswerFields =
    "openai-organization: org-bench\r\nopenai-processing-ms: 412\r\nopenai-version: 2020-10-01\r\n"
    "x-request-id: req_0a1b2c3d4e5f60718293a4b5c6d7e8f9\r\nx-ratelimit-limit-requests: 10000\r\n"
    "x-ratelimit-remaining-requests: 9999\r\n";

}  // namespace

std::string chat_request(std::string_view body_name, bool stream) {
    std::string start = fmt::format(R"({{"model":"{}","max_completion_tokens":512,{}"messages":[)",
                                    kModel, stream ? R"("stream":true,)" : "");
    if (body_name == "small") {
        std::string system = prose(400, 1);
        std::string frame = start + R"({"role":"system","content":")" + system +
                            R"("},{"role":"user","content":"")" + "}]}";
        return start + R"({"role":"system","content":")" + system +
               R"("},{"role":"user","content":")" + prose(kSmallBody - frame.size(), 2) + R"("}]})";
    }
    std::string tools;
    for (int i = 0; i < 16; ++i) tools += (i > 0 ? "," : "") + tool(i);
    std::string body = start + agent_messages(1'300) + R"(],"tools":[)" + tools + "]}";
    return body;
}

std::string request_bytes(std::string_view body, std::string_view key, int number) {
    return fmt::format(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: keep-alive\r\n"
        "accept: application/json\r\nuser-agent: OpenAI/JS 7.57.0\r\n"
        "x-stainless-retry-count: 0\r\nx-stainless-lang: js\r\n"
        "x-stainless-package-version: 7.57.0\r\nx-stainless-os: Linux\r\n"
        "x-stainless-arch: x64\r\nx-stainless-runtime: node\r\n"
        "x-stainless-runtime-version: v20.20.2\r\nauthorization: Bearer {}\r\n"
        "x-weir-application: support\r\nx-weir-task-type: answer\r\n"
        "x-weir-trajectory: bench-{}\r\ncontent-type: application/json\r\n"
        "accept-language: *\r\nsec-fetch-mode: cors\r\naccept-encoding: gzip, deflate\r\n"
        "content-length: {}\r\n\r\n{}",
        key, number, body.size(), body);
}

std::string whole_answer() {
    auto body = [](std::string_view text) {
        return fmt::format(
            R"({{"id":"chatcmpl-DCq7x0a1b2c3d4e5f6g7h8i9j0k1l","object":"chat.completion",)"
            R"("created":1795478400,"model":"{}","choices":[{{"index":0,"message":)"
            R"({{"role":"assistant","content":"{}","refusal":null}},"logprobs":null,)"
            R"("finish_reason":"stop"}}],{},"system_fingerprint":"fp_44709d6fcb"}})",
            kModel, text, kUsage);
    };
    std::string answer = body(prose(kWholeAnswerBody - body("").size(), 3));
    return fmt::format(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{}content-length: {}\r\n\r\n{}",
        kAnswerFields, answer.size(), answer);
}

std::string stream_head() {
    return fmt::format(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n{}"
        "transfer-encoding: chunked\r\n\r\n",
        kAnswerFields);
}

std::string stream_chunk(Nanos stamp) {
    return chunked(fmt::format(
        R"({}{{"index":0,"delta":{{"content":"{}"}},"logprobs":null,"finish_reason":null}}]}})"
        "\n\n",
        kEventStart, stamp));
}

std::string stream_end() {
    std::string finish =
        fmt::format(R"({}{{"index":0,"delta":{{}},"logprobs":null,"finish_reason":"stop"}}]}})"
                    "\n\n",
                    kEventStart);
    std::string usage = fmt::format("{}],{}}}\n\n", kEventStart, kUsage);
    return chunked(finish) + chunked(usage) + chunked("data: [DONE]\n\n") + "0\r\n\r\n";
}

Nanos stamp_of(std::string_view event) {
    constexpr std::string_view kContent = R"("content":")";
    auto at = event.find(kContent, kEventStart.size());
    if (at == std::string_view::npos) return -1;
    Nanos stamp = -1;
    std::from_chars(event.data() + at + kContent.size(), event.data() + event.size(), stamp);
    return stamp;
}

}  // namespace weir::bench
