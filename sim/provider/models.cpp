// GET /v1/models, in the form of whoever asks. Any other name is answered too.
#include <algorithm>
#include <array>

#include "sim/provider/dialect.h"

namespace weir::sim {
namespace {

struct Model {
    std::string_view id;
    std::string_view display_name;
};
constexpr std::array kOpenAi{Model{"gpt-5.5", ""},
                             Model{"gpt-5-mini", ""},
                             Model{"gpt-5-nano", ""},
                             Model{"gpt-6-sol", ""},
                             Model{"gpt-6-luna", ""},
                             Model{"gpt-4.1", ""},
                             Model{"gpt-4o-mini", ""},
                             Model{"gpt-3.5-turbo-instruct", ""},
                             Model{"text-embedding-3-small", ""},
                             Model{"text-embedding-3-large", ""}};
constexpr std::array kAnthropic{
    Model{"claude-opus-5-5", "Claude Opus 5.5"}, Model{"claude-sonnet-5", "Claude Sonnet 5"},
    Model{"claude-sonnet-4-5", "Claude Sonnet 4.5"}, Model{"claude-haiku-4-5", "Claude Haiku 4.5"}};

Json openai_model(std::string_view id) {
    return Json{{"id", id}, {"object", "model"}, {"created", 1763942400}, {"owned_by", "weir-sim"}};
}

Json anthropic_model(std::string_view id, std::string_view display_name) {
    return Json{{"type", "model"},
                {"id", id},
                {"display_name", display_name},
                {"created_at", "2026-01-01T00:00:00Z"},
                {"lifecycle", "active"},
                {"max_input_tokens", 200000},
                {"max_tokens", 64000}};
}

}  // namespace

Answer answer_models(const Call& call, bool anthropic) {
    if (!call.path_model.empty()) {
        return json_answer(anthropic ? anthropic_model(call.path_model, call.path_model)
                                     : openai_model(call.path_model));
    }
    Json data = Json::array();
    if (!anthropic) {
        for (const Model& model : kOpenAi) data.push_back(openai_model(model.id));
        for (const Model& model : kAnthropic) data.push_back(openai_model(model.id));
        return json_answer(Json{{"object", "list"}, {"data", std::move(data)}});
    }
    for (const Model& model : kAnthropic) {
        data.push_back(anthropic_model(model.id, model.display_name));
    }
    return json_answer(Json{{"data", std::move(data)},
                            {"first_id", kAnthropic.front().id},
                            {"has_more", false},
                            {"last_id", kAnthropic.back().id}});
}

}  // namespace weir::sim
