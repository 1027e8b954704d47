// Chat completions, legacy completions and embeddings, of OpenAI and of all who speak alike
// (wire.md §1.1, §1.2). The last usage object wins; usage is never summed.
#include <algorithm>
#include <string>

#include "provider/billing.h"
#include "provider/meter.h"
#include "provider/usage_openai.h"
#include "provider/usage_scan.h"

namespace weir::provider {

namespace {

// How many events are searched for the model's name before giving up: Azure's first has none.
constexpr int kEventsForName = 8;

class ChatMeter final : public Meter {
 public:
    ChatMeter(core::Endpoint endpoint, const core::Quirks& quirks, const core::CallShape& shape)
        : quirks_(quirks),
          choices_(std::max<std::int64_t>(1, shape.choices)),
          asked_model_searches_(searches_by_itself(shape.model)),
          legacy_(endpoint == core::Endpoint::completions),
          embeddings_(endpoint == core::Endpoint::embeddings),
          searched_(shape.web_search) {}

    void on_event(std::string_view name, std::string_view data) override;
    void on_body(std::string_view body) override;
    bool ended() const override { return ended_; }
    bool failed() const override { return failed_; }
    core::Usage usage() const override;

 private:
    // What of an event needs its JSON parsed.
    struct Parts {
        bool usage = false;
        bool error = false;
    };
    Parts scan(std::string_view data);
    // False: torn or malformed.
    bool parse(std::string_view data, bool is_body);
    // `document`: the text that the values are of.
    void read_choices(json::value value, std::string_view document, bool is_body, bool& empty,
                      bool& finished);
    void count_text(json::value value, std::string_view document);
    // Counts the generated text of the JSON value at `at`, and looks there for a search's sources.
    void see_text(std::string_view text, std::size_t at, std::size_t& end);
    bool searched() const;
    void take_usage(const OpenAiUsage& usage, bool final_one);
    void take_error(json::value value);

    core::Quirks quirks_;
    std::int64_t choices_;
    bool asked_model_searches_;
    bool legacy_;  // text stands beside the choice's index, not in a delta
    bool embeddings_;

    std::string id_;
    std::string model_;
    std::string tier_;
    std::string finish_reason_;
    ErrorNames error_;
    OpenAiUsage seen_;
    int name_tries_ = 0;
    std::int64_t finishes_ = 0;
    std::size_t text_bytes_ = 0;
    bool measured_ = false;
    bool final_usage_ = false;
    bool repeated_ = false;
    bool inconsistent_ = false;
    bool ended_ = false;
    bool failed_ = false;
    bool searched_;  // asked for, or seen by its sources
};

// One pass over the bytes. A chunk's JSON is parsed only if it has usage that is not null, or an
// error; the delta's text is counted and the finish reason read where they stand.
ChatMeter::Parts ChatMeter::scan(std::string_view data) {
    constexpr KeyInitials kKeys = {'u', 'e', 'd', 'f'};
    constexpr KeyInitials kCompletionKeys = {'u', 'e', 't', 'f'};
    const KeyInitials& keys = legacy_ ? kCompletionKeys : kKeys;
    Parts parts;
    for (std::size_t at = find_initial(data, 0, keys); at != kNotFound;
         at = find_initial(data, at, keys)) {
        const std::size_t begin = at++;
        switch (data[begin + 1]) {
            case 'u': {
                const std::size_t value = value_after_key(data, begin, "usage");
                parts.usage |= value != kNotFound && data[value] == '{';
                break;
            }
            case 'e': {
                const std::size_t value = value_after_key(data, begin, "error");
                parts.error |= value != kNotFound && data[value] != 'n';
                break;
            }
            case 'f': {
                const std::size_t value = value_after_key(data, begin, "finish_reason");
                if (value == kNotFound || data[value] != '"') break;
                if (const auto reason = string_at(data, value); !reason.empty()) {
                    finish_reason_.assign(reason.substr(0, 64));
                    ++finishes_;
                }
                break;
            }
            default: {
                const std::size_t value = value_after_key(data, begin, legacy_ ? "text" : "delta");
                if (value == kNotFound) break;
                see_text(data, value, at);
                at = std::max(at, begin + 1);
                break;
            }
        }
    }
    return parts;
}

void ChatMeter::on_event(std::string_view name, std::string_view data) {
    if (data.size() < 16 && data.contains("[DONE]")) {
        ended_ = true;
        return;
    }
    const Parts parts = scan(data);
    const bool wants_name = model_.empty() && name_tries_ < kEventsForName;
    if (wants_name) ++name_tries_;
    if (name == "error") failed_ = true;
    if (parts.usage || parts.error || wants_name) parse(data, false);
}

// Of a body, where no events were scanned, the choices also tell their text and their reason.
void ChatMeter::read_choices(json::value value, std::string_view document, bool is_body,
                             bool& empty, bool& finished) {
    each_object(value, [&](json::object choice) {
        empty = false;
        each_field(choice, [&](std::string_view key, json::value part) {
            if (key == "finish_reason") {
                finished |= !is_null(part);
                if (is_body) read_name(part, finish_reason_);
            } else if (is_body && (key == "message" || key == "text")) {
                count_text(part, document);
            }
        });
    });
}

void ChatMeter::count_text(json::value value, std::string_view document) {
    const std::string_view raw = value.raw_json_token();
    const auto at = static_cast<std::size_t>(raw.data() - document.data());
    std::size_t end = 0;
    see_text(document, at, end);
}

void ChatMeter::see_text(std::string_view text, std::size_t at, std::size_t& end) {
    text_bytes_ += text_bytes(text, at, end);
    searched_ = searched_ || has_key(text.substr(at, end - at), "url_citation");
}

// Usage does not tell of a search, whose fee is one for the call (wire.md §1.1).
bool ChatMeter::searched() const {
    if (legacy_ || embeddings_ || quirks_.search_in_call_fee) return false;
    if (!measured_ && text_bytes_ == 0) return false;
    return searched_ || (model_.empty() ? asked_model_searches_ : searches_by_itself(model_));
}

void ChatMeter::take_error(json::value value) {
    if (is_null(value)) return;
    failed_ = true;
    error_ = read_error_names(value);
}

void ChatMeter::take_usage(const OpenAiUsage& usage, bool final_one) {
    inconsistent_ |= usage.absurd || usage.unreadable;
    if (!usage.measured()) return;
    if (usage.all_zero()) {  // no prompt has no tokens
        inconsistent_ = true;
        return;
    }
    repeated_ |= measured_;
    measured_ = true;
    seen_ = usage;
    final_usage_ = final_one;
}

bool ChatMeter::parse(std::string_view data, bool is_body) {
    JsonReader reader;
    const auto object = reader.object(data);
    if (!object) return false;
    bool empty = true;
    bool finished = false;
    std::optional<OpenAiUsage> usage;
    std::optional<OpenAiUsage> groq_usage;
    const bool walked = each_field(*object, [&](std::string_view key, json::value value) {
        if (key == "usage") {
            if (const auto figures = object_of(value)) usage = read_openai_usage(*figures);
        } else if (key == "choices") {
            read_choices(value, reader.text(), is_body, empty, finished);
        } else if (key == "model") {
            read_name(value, model_);
        } else if (key == "id") {
            if (id_.empty()) read_name(value, id_);
        } else if (key == "service_tier") {
            read_name(value, tier_);
        } else if (key == "error") {
            take_error(value);
        } else if (key == "x_groq") {
            if (const auto inner = object_of(value)) {
                each_field(*inner, [&](std::string_view part, json::value figures) {
                    if (part != "usage") return;
                    if (const auto o = object_of(figures)) groq_usage = read_openai_usage(*o);
                });
            }
        }
    });
    if (!walked || !reader.intact()) return false;
    // The usage chunk proper has no choices; a finish chunk is the last of its choice.
    const bool last = empty || (finished && finishes_ >= choices_);
    if (usage && usage->measured()) {
        take_usage(*usage, last);
    } else if (groq_usage) {
        take_usage(*groq_usage, last);
    } else if (usage) {
        take_usage(*usage, last);
    }
    return true;
}

void ChatMeter::on_body(std::string_view body) {
    finishes_ = choices_;
    ended_ = parse(body, true);
    final_usage_ = measured_;
}

core::Usage ChatMeter::usage() const {
    core::Usage usage;
    usage.response_id = id_;
    usage.finish_reason = finish_reason_;
    if (inconsistent_) usage.note(core::UsageNote::inconsistent);
    if (repeated_) usage.note(core::UsageNote::repeated);
    if (!measured_ && failed_ && text_bytes_ == 0 &&
        billing_of_names(error_) == Billing::unbilled) {
        return usage;  // none
    }
    if (searched()) {
        usage.unit(core::UnitKind::web_search) = 1;
        usage.note(core::UsageNote::search_count_inferred);
    }
    core::UsageLine& line = usage.lines.emplace_back();
    line.model = model_;
    line.tier = normal_tier(tier_);
    const auto estimate = static_cast<std::int64_t>(tokens_of_text(text_bytes_));
    if (!measured_) {
        usage.completeness = core::Completeness::estimated;
        line.of(core::TokenClass::output) = estimate;
        return usage;
    }
    map_openai_usage(seen_, quirks_, line, usage);
    const bool final_one = final_usage_ || ended_;
    // Embeddings have no output; some servers give only a total for them.
    const bool readable = !seen_.unreadable && (seen_.input || embeddings_);
    if (final_one && readable) {
        usage.completeness = core::Completeness::exact;
        return usage;
    }
    usage.completeness = core::Completeness::partial;
    std::int64_t& output = line.of(core::TokenClass::output);
    output = std::max(output, estimate);
    return usage;
}

}  // namespace

std::unique_ptr<Meter> make_chat_meter(core::Endpoint endpoint, const core::Quirks& quirks,
                                       const core::CallShape& shape) {
    return std::make_unique<ChatMeter>(endpoint, quirks, shape);
}

}  // namespace weir::provider
