#include "sim/provider/draft.h"

#include <algorithm>
#include <cmath>

#include "sim/provider/text.h"

namespace weir::sim {
namespace {

// Exponential, with the long tail that real answers have; at least 1.
std::int64_t some_tokens(Rng& rng, std::int64_t mean) {
    double drawn = -std::log(1.0 - rng.unit()) * static_cast<double>(mean);
    return 1 + static_cast<std::int64_t>(std::min(drawn, 8.0 * static_cast<double>(mean)));
}

class Writer {
 public:
    Writer(const Ask& ask, const Wish& wish, const Settings& settings, Rng& rng)
        : ask_(ask), wish_(wish), settings_(settings), rng_(rng) {
        most_ = std::min(ask.max_output.value_or(settings.output_most), settings.output_most);
        if (wish.ignore_max == 0) {
            goal_ = 2 * ask.max_output.value_or(settings.output_most);
        } else if (wish.ignore_max > 0) {
            goal_ = wish.ignore_max;
        }
        if (wish.ignore_max >= 0) most_ = goal_;
        if (wish.greedy || settings.greedy) goal_ = most_;
    }

    Choice choice() {
        if (most_ <= 0) {
            choice_.stop = Stop::length;
            return std::move(choice_);
        }
        if (wish_.refuse || rng_.unit() < settings_.refusal_chance) {
            add(Part::Kind::refusal, "I'm sorry, but I can't help with that request.");
            if (choice_.stop != Stop::length) choice_.stop = Stop::refusal;
            return std::move(choice_);
        }
        if (ask_.reasons) reason();
        search();
        if (goal_ == 0 && call_tools()) return std::move(choice_);
        say();
        return std::move(choice_);
    }

 private:
    std::int64_t left() const { return most_ - choice_.tokens; }

    // What does not fit is cut, and ends the answer. False: nothing more fits.
    bool add(Part::Kind kind, std::string_view text, const Tool* tool = nullptr) {
        std::string_view fits = first_tokens(text, left());
        if (fits.size() < text.size()) choice_.stop = Stop::length;
        if (fits.empty()) return false;
        Part part{.kind = kind, .text = std::string{fits}};
        if (tool != nullptr) {
            part.name = tool->name;
            part.custom = tool->custom;
        }
        part.tokens = output_tokens(fits);
        choice_.tokens += part.tokens;
        if (kind == Part::Kind::reasoning) choice_.reasoning += part.tokens;
        choice_.parts.push_back(std::move(part));
        return choice_.stop != Stop::length;
    }

    void reason() {
        std::int64_t tokens = wish_.reasoning.value_or(some_tokens(rng_, settings_.output_mean));
        if (ask_.reasoning_most > 0 && wish_.ignore_max < 0) {
            tokens = std::min(tokens, ask_.reasoning_most);
        }
        if (!wish_.reasoning && wish_.ignore_max < 0) {
            tokens = std::min(tokens, std::max<std::int64_t>(most_ / 2, 1));
        }
        if (tokens > 0) add(Part::Kind::reasoning, prose(rng_, tokens));
    }

    void search() {
        std::int64_t searches =
            wish_.searches.value_or(ask_.searches_most > 0 ? 1 + std::int64_t(rng_.below(2)) : 0);
        searches = std::min(searches, ask_.searches_most);
        for (std::int64_t i = 0; i < searches && choice_.stop != Stop::length; ++i) {
            add(Part::Kind::search, prose(rng_, 4));
        }
    }

    bool wants_tools() {
        bool may = !ask_.tools.empty() && ask_.tool_choice != ToolChoice::none;
        if (!may || choice_.stop == Stop::length) return false;
        if (wish_.tool) return *wish_.tool != "none";
        if (ask_.tool_choice == ToolChoice::required) return true;
        if (ask_.tool_rounds >= settings_.tool_rounds_most) return false;
        return rng_.unit() < settings_.tool_chance;
    }

    const Tool& choose_tool() {
        std::string name = wish_.tool && *wish_.tool != "any" ? *wish_.tool : ask_.forced_tool;
        auto named = std::ranges::find(ask_.tools, name, &Tool::name);
        if (named != ask_.tools.end()) return *named;
        return ask_.tools[rng_.below(ask_.tools.size())];
    }

    bool call_tools() {
        if (!wants_tools()) return false;
        std::int64_t calls = ask_.parallel_tools && rng_.below(4) == 0 ? 2 : 1;
        for (std::int64_t i = 0; i < calls; ++i) {
            const Tool& tool = choose_tool();
            std::string arguments = tool.custom ? prose(rng_, 12) : dump(sample(tool.schema, rng_));
            // A call that does not fit is not begun: half a call is of no use to anybody.
            if (output_tokens(arguments) > left()) break;
            add(Part::Kind::tool, arguments, &tool);
        }
        if (!choice_.has(Part::Kind::tool)) return false;
        choice_.stop = Stop::tools;
        return true;
    }

    void say() {
        if (choice_.stop == Stop::length) return;
        if (ask_.schema != nullptr && goal_ == 0) {
            add(Part::Kind::text, dump(sample(*ask_.schema, rng_)));
            return;
        }
        if (ask_.json_object && goal_ == 0) {
            add(Part::Kind::text, dump(Json{{"answer", prose(rng_, 12)}, {"confident", true}}));
            return;
        }
        bool exact = wish_.output || goal_ > 0;
        std::int64_t tokens = wish_.output.value_or(some_tokens(rng_, settings_.output_mean));
        if (goal_ > 0) tokens = std::max<std::int64_t>(goal_ - choice_.tokens, 1);
        add(Part::Kind::text, exact ? prose(rng_, tokens) : sentences(rng_, tokens));
        if (goal_ > 0 && ask_.max_output) choice_.stop = Stop::length;
        if (choice_.stop == Stop::end && !ask_.stops.empty() && rng_.below(4) == 0) {
            choice_.stop = Stop::stop_sequence;
            choice_.stop_sequence = ask_.stops.front();
        }
    }

    const Ask& ask_;
    const Wish& wish_;
    const Settings& settings_;
    Rng& rng_;
    std::int64_t most_ = 0;
    std::int64_t goal_ = 0;  // tokens of the whole choice; 0: as it comes
    Choice choice_;
};

}  // namespace

bool Choice::has(Part::Kind kind) const {
    return std::ranges::any_of(parts, [&](const Part& p) { return p.kind == kind; });
}

Draft make_draft(const Ask& ask, const Wish& wish, const Settings& settings, std::uint64_t seed) {
    Draft draft;
    SeededRng rng{seed ^ settings.seed};
    for (std::int64_t i = 0; i < ask.choices; ++i) {
        draft.choices.push_back(Writer{ask, wish, settings, rng}.choice());
        const Choice& choice = draft.choices.back();
        draft.tokens += choice.tokens;
        draft.reasoning += choice.reasoning;
        draft.searches += std::ranges::count(choice.parts, Part::Kind::search, &Part::kind);
    }
    return draft;
}

}  // namespace weir::sim
