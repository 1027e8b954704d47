// POST /v1/completions.
#include <algorithm>

#include "sim/provider/dialect.h"
#include "sim/provider/text.h"

namespace weir::sim {
namespace {

constexpr std::int64_t kDefaultMax = 16;  // the vendor's own

struct Wanted {
    Ask ask;
    std::int64_t returned = 1;  // of the choices, for each prompt
};

Result<Wanted> read_wanted(const Json& body) {
    Wanted wanted;
    auto limit = limit_at(body, "max_tokens", 0);
    auto n = limit_at(body, "n", 1);
    auto best_of = limit_at(body, "best_of", 1);
    for (const auto* read : {&limit, &n, &best_of}) {
        if (!*read) return std::unexpected(read->error());
    }
    wanted.ask.max_output = limit->value_or(kDefaultMax);
    wanted.returned = std::min<std::int64_t>(n->value_or(1), 128);
    wanted.ask.choices = std::min<std::int64_t>(best_of->value_or(wanted.returned), 128);
    if (wanted.ask.choices < wanted.returned) {
        return fail(ErrorCode::invalid_parameter,
                    "'best_of' must be greater than or equal to 'n'.");
    }
    if (flag_at(body, "stream") && wanted.ask.choices != wanted.returned) {
        return fail(ErrorCode::invalid_parameter,
                    "Streaming is not supported with 'best_of' > 'n'.");
    }
    add_stops(body, "stop", wanted.ask);
    return wanted;
}

Json usage_object(const Charge& charge, std::int64_t output) {
    return Json{{"prompt_tokens", charge.prompt()},
                {"completion_tokens", output},
                {"total_tokens", charge.prompt() + output}};
}

class Completion {
 public:
    Completion(const Call& call, const std::vector<const Choice*>& choices, Charge charge,
               std::uint64_t seed)
        : call_(call), choices_(choices), charge_(std::move(charge)), seed_(seed) {}

    Answer whole(std::int64_t tokens_per_chunk) {
        Json body = envelope();
        for (std::size_t i = 0; i < choices_.size(); ++i) {
            body["choices"].push_back(choice_object(i, text_of(*choices_[i]), finish(i)));
        }
        Answer answer;
        set_usage(call_, std::move(body), usage_object(charge_, charge_.output),
                  usage_object(charge_, charge_.output / 2), answer);
        answer.pieces = charge_.output / tokens_per_chunk + 1;
        return answer;
    }

    Answer streamed(std::int64_t tokens_per_chunk) {
        answer_.stream = true;
        answer_.content_type = "text/event-stream; charset=utf-8";
        if (const Json* options = member(call_.body, "stream_options")) {
            include_usage_ = flag_at(*options, "include_usage");
        }
        for (std::size_t i = 0; i < choices_.size(); ++i) {
            std::string text = text_of(*choices_[i]);
            std::int64_t before = generated_;
            auto pieces = pieces_of(text, tokens_per_chunk);
            if (pieces.empty()) pieces.emplace_back();
            for (std::size_t k = 0; k < pieces.size(); ++k) {
                bool last = k + 1 == pieces.size();
                std::int64_t now = generated_ + output_tokens(pieces[k]);
                generated_ = last ? before + choices_[i]->tokens
                                  : std::min(now, before + choices_[i]->tokens);
                chunk(choice_object(i, pieces[k], last ? finish(i) : Json{}));
            }
        }
        end();
        return std::move(answer_);
    }

 private:
    Json envelope() const {
        return Json{{"id", id_text("cmpl-sim", seed_, 24)},
                    {"object", "text_completion"},
                    {"created", call_.created},
                    {"model", charge_.model},
                    {"choices", Json::array()}};
    }
    static std::string text_of(const Choice& choice) {
        std::string text;
        for (const Part& part : choice.parts) text += part.text;
        return text;
    }
    Json finish(std::size_t choice) const {
        return choices_[choice]->stop == Stop::length ? "length" : "stop";
    }
    static Json choice_object(std::size_t index, std::string_view text, Json finish_reason) {
        return Json{{"text", text},
                    {"index", index},
                    {"logprobs", nullptr},
                    {"finish_reason", std::move(finish_reason)}};
    }
    void step(const Json& body, Step::Kind kind) {
        answer_.steps.push_back({.bytes = "data: " + dump(body) + "\n\n",
                                 .output = generated_,
                                 .kind = kind,
                                 .paced = kind == Step::Kind::content});
    }
    void chunk(Json choice) {
        Json body = envelope();
        body["choices"].push_back(std::move(choice));
        if (call_.faults.has(Fault::usage_every_chunk)) {
            body["usage"] = usage_object(charge_, generated_);
        } else if (include_usage_ && !call_.faults.has(Fault::no_usage)) {
            body["usage"] = nullptr;
        }
        step(body, Step::Kind::content);
    }
    void usage_chunk(Json usage) {
        Json body = envelope();
        body["usage"] = std::move(usage);
        step(body, Step::Kind::usage);
    }
    void end() {
        const Faults& faults = call_.faults;
        if (include_usage_ && !faults.has(Fault::no_usage)) {
            if (faults.has(Fault::usage_twice)) usage_chunk(usage_object(charge_, generated_ / 2));
            usage_chunk(faults.has(Fault::usage_null) ? Json{} : usage_object(charge_, generated_));
        }
        answer_.steps.push_back({.bytes = "data: [DONE]\n\n",
                                 .output = generated_,
                                 .kind = Step::Kind::end,
                                 .paced = false});
    }

    const Call& call_;
    const std::vector<const Choice*>& choices_;
    Charge charge_;
    std::uint64_t seed_;
    bool include_usage_ = false;
    std::int64_t generated_ = 0;
    Answer answer_;
};

}  // namespace

Answer answer_completions(const Call& call, World& world) {
    auto wanted = read_wanted(call.body);
    if (!wanted) return error_answer(false, 400, wanted.error().message(), call.request_id);
    Charge charge;
    charge.model = model_served(call);
    std::vector<Draft> drafts;
    std::uint64_t seed = world.settings.seed;
    for (const Prompt& prompt : completion_prompts(call.body, world.settings.seed)) {
        drafts.push_back(make_draft(wanted->ask, call.wish, world.settings, prompt.chain));
        charge.input += prompt.tokens;
        charge.output += drafts.back().tokens;  // of all that was generated, returned or not
        seed = hash_text(call.model, seed ^ prompt.chain);
    }
    std::vector<const Choice*> choices;
    for (const Draft& draft : drafts) {
        for (std::int64_t i = 0; i < wanted->returned; ++i) {
            choices.push_back(&draft.choices[static_cast<std::size_t>(i)]);
        }
    }
    Completion completion{call, choices, charge, seed};
    std::int64_t per_chunk = world.settings.tokens_per_chunk;
    Answer answer = call.streams() ? completion.streamed(per_chunk) : completion.whole(per_chunk);
    answer.charges.lines.push_back(std::move(charge));
    return answer;
}

}  // namespace weir::sim
