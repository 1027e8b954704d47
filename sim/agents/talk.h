// What an agent says to a model and hears back, before any dialect. Values. Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "core/call.h"

namespace weir::agents {

// Text that is known by a seed and its size, and made only where it is sent; or what was really
// said.
struct Passage {
    std::uint64_t seed = 0;
    std::int64_t tokens = 0;  // of four bytes
    std::string said{};       // if not empty: this, and nothing else

    std::int64_t bytes() const;
    std::string text() const;
};
Passage passage(Rng& rng, std::int64_t tokens);
Passage passage(Rng& rng, std::int64_t least, std::int64_t most);

struct Tool {
    std::string_view name;
    std::string_view about;
    std::string_view parameter;  // takes one string
};

struct Message {
    enum class Kind : std::uint8_t { user, assistant, tool_call, tool_result };
    Kind kind = Kind::user;
    Passage text;           // of a tool call: its arguments
    std::string call_id{};  // of a tool call and its result
    std::string tool{};     // its name
};

// All that the model has to read again at every turn. It only grows: that is the context ratchet.
class Conversation {
 public:
    explicit Conversation(Passage system, std::vector<Tool> tools = {})
        : system_(std::move(system)), tools_(std::move(tools)) {}

    void add(Message message) { messages_.push_back(std::move(message)); }
    void say(Passage text) { add({Message::Kind::user, std::move(text)}); }
    void add(std::vector<Message> messages);
    // Answers all calls of tools that the model made last.
    void answer_tools(const Passage& result);
    bool waits_for_tools() const;
    // Forgets the oldest turns after the first message, until the rest is that small.
    void forget_beyond(std::int64_t bytes);

    const Passage& system() const { return system_; }
    const std::vector<Tool>& tools() const { return tools_; }
    const std::vector<Message>& messages() const { return messages_; }
    // Of the request's body, nearly.
    std::int64_t bytes() const;

 private:
    Passage system_;
    std::vector<Tool> tools_;
    std::vector<Message> messages_;
};

// Whose call it is, as far as the agent says so; the key says the rest.
struct Labels {
    std::string task_type{};
    std::string agent{};
    std::string goal{};
    std::string trajectory{};
    std::string parent{};
    std::string customer{};
    std::string version{};
};
using Fields = std::vector<std::pair<std::string, std::string>>;
Fields label_fields(const Labels& labels);

// What the simulated model is to do with it.
struct Script {
    std::int64_t output = 100;   // tokens
    std::int64_t reasoning = 0;  // tokens before them
    std::string tool{};          // that it calls; empty: none
};

struct Ask {
    std::string key{};  // by name: see Office
    std::string user_agent{};
    core::Endpoint endpoint = core::Endpoint::chat_completions;
    std::string model{};
    bool stream = false;
    std::int64_t max_output = 1024;
    bool structured = false;                     // a JSON schema for the answer
    const Conversation* conversation = nullptr;  // outlives the call; null for embeddings
    std::vector<Passage> inputs{};               // of embeddings
    Labels labels{};
    Script script{};

    std::int64_t bytes() const;
};

struct Reply {
    int status = 0;                   // of HTTP; 0: there was no answer
    std::string error{};              // type or code, as clients read it
    std::string body{};               // of an error
    std::vector<Message> messages{};  // for the conversation

    bool ok() const { return status >= 200 && status < 300; }
    // The clients that agents are built with do not try again.
    bool is_final() const;
};

}  // namespace weir::agents
