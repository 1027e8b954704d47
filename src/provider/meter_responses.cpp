// OpenAI Responses, /responses and /responses/compact (wire.md §1.3): usage stands in the terminal
// event only, for each response id; a stream may hold several responses.
#include <algorithm>
#include <string>
#include <vector>

#include "provider/billing.h"
#include "provider/meter.h"
#include "provider/usage_openai.h"
#include "provider/usage_scan.h"

namespace weir::provider {

namespace {

using core::TokenClass;
using core::UnitKind;
using core::UsageNote;

constexpr std::size_t kResponsesMax = 64;  // in one stream

// The image tool's own usage, of another model (response.tool_usage.image_gen).
struct ImageUsage {
    std::optional<std::int64_t> input;
    std::optional<std::int64_t> input_image;
    std::optional<std::int64_t> output;
    std::optional<std::int64_t> output_text;
    std::optional<std::int64_t> cached;
    bool absurd = false;
};

struct Response {
    std::string id;
    std::string model;
    std::string tier;
    std::string status;
    std::string incomplete_reason;
    std::string image_model;
    OpenAiUsage usage;
    ImageUsage image;
    std::optional<std::int64_t> web_searches;  // as told; billable
    std::int64_t search_items = 0;             // counted, in place of a figure not told
    std::int64_t file_search_items = 0;
    std::int64_t image_items = 0;
    bool other_cost = false;  // a tool that bills by something no figure shows
    bool failed = false;
    ErrorNames error;
};

void read_output_item(json::object item, Response& response) {
    std::string type;
    std::string action;
    each_field(item, [&](std::string_view key, json::value value) {
        if (key == "type") read_name(value, type);
        if (key != "action") return;
        if (const auto object = object_of(value)) {
            each_field(*object, [&](std::string_view part, json::value name) {
                if (part == "type") read_name(name, action);
            });
        }
    });
    if (type == "web_search_call" && action == "search") ++response.search_items;
    if (type == "file_search_call") ++response.file_search_items;
    if (type == "image_generation_call") ++response.image_items;
    if (type == "code_interpreter_call") response.other_cost = true;  // billed by container
}

void read_image_details(json::value value, std::string_view part, std::optional<std::int64_t>& to,
                        bool& absurd) {
    const auto object = object_of(value);
    if (!object) return;
    each_field(*object, [&](std::string_view key, json::value count) {
        if (key == part) to = read_count(count, absurd);
    });
}

void read_image_usage(json::object object, ImageUsage& image) {
    each_field(object, [&](std::string_view key, json::value value) {
        if (key == "input_tokens") image.input = read_count(value, image.absurd);
        if (key == "output_tokens") image.output = read_count(value, image.absurd);
        if (key == "cached_tokens") image.cached = read_count(value, image.absurd);
        if (key == "input_tokens_details") {
            read_image_details(value, "image_tokens", image.input_image, image.absurd);
        }
        if (key == "output_tokens_details") {
            read_image_details(value, "text_tokens", image.output_text, image.absurd);
        }
    });
}

void read_tool_usage(json::value value, Response& response) {
    const auto object = object_of(value);
    if (!object) return;
    each_field(*object, [&](std::string_view key, json::value tool) {
        const auto figures = object_of(tool);
        if (!figures) return;
        if (key == "image_gen") read_image_usage(*figures, response.image);
        if (key != "web_search") return;
        each_field(*figures, [&](std::string_view part, json::value count) {
            if (part == "num_requests") {
                response.web_searches = read_count(count, response.usage.absurd);
            }
        });
    });
}

void read_response(json::object object, Response& response) {
    // read_openai_usage() starts afresh; flags that other members raised are kept.
    bool absurd = false;
    each_field(object, [&](std::string_view key, json::value value) {
        if (key == "id") {
            read_name(value, response.id);
        } else if (key == "model") {
            read_name(value, response.model);
        } else if (key == "service_tier") {
            read_name(value, response.tier);
        } else if (key == "status") {
            read_name(value, response.status);
        } else if (key == "usage") {
            absurd |= response.usage.absurd;
            if (const auto usage = object_of(value)) response.usage = read_openai_usage(*usage);
        } else if (key == "tool_usage") {
            read_tool_usage(value, response);
        } else if (key == "output") {
            each_object(value, [&](json::object item) { read_output_item(item, response); });
        } else if (key == "tools") {
            each_object(value, [&](json::object tool) {
                std::string type;
                std::string model;
                each_field(tool, [&](std::string_view part, json::value name) {
                    if (part == "type") read_name(name, type);
                    if (part == "model") read_name(name, model);
                });
                if (type == "image_generation") response.image_model = model;
            });
        } else if (key == "incomplete_details") {
            if (const auto details = object_of(value)) {
                each_field(*details, [&](std::string_view part, json::value name) {
                    if (part == "reason") read_name(name, response.incomplete_reason);
                });
            }
        } else if (key == "error" && !is_null(value)) {
            response.failed = true;
            response.error = read_error_names(value);
        }
    });
    response.usage.absurd |= absurd;
}

// Text is what cached tokens are taken off first: the rest, image, is the dearer.
void add_image_line(const Response& response, core::Usage& usage) {
    const ImageUsage& image = response.image;
    if (image.absurd) usage.note(UsageNote::inconsistent);
    const std::int64_t input = image.input.value_or(0);
    const std::int64_t output = image.output.value_or(0);
    if (input == 0 && output == 0) {
        // Images were made, and what they cost stands nowhere (Azure, older servers).
        if (response.image_items > 0 && !image.input) usage.note(UsageNote::unknown_fields);
        return;
    }
    core::UsageLine& line = usage.lines.emplace_back();
    line.role = core::LineRole::tool_image;
    line.model = response.image_model;
    if (line.model.empty()) usage.note(UsageNote::unknown_fields);
    const std::int64_t pictures = std::min(image.input_image.value_or(0), input);
    const std::int64_t cached = std::min(image.cached.value_or(0), input);
    const std::int64_t text = input - pictures;
    const std::int64_t cached_text = std::min(cached, text);
    line.of(TokenClass::cache_read) = cached;
    line.of(TokenClass::input) = text - cached_text;
    line.of(TokenClass::input_image) = pictures - (cached - cached_text);
    const std::int64_t words = std::min(image.output_text.value_or(0), output);
    line.of(TokenClass::output) = words;
    line.of(TokenClass::output_image) = output - words;
}

void add_response(const Response& response, const core::Quirks& quirks, core::Usage& usage) {
    core::UsageLine line;
    line.model = response.model;
    line.tier = normal_tier(response.tier);
    map_openai_usage(response.usage, quirks, line, usage);
    usage.lines.push_back(std::move(line));
    add_image_line(response, usage);
    usage.unit(UnitKind::file_search) += response.file_search_items;
    if (response.web_searches) {
        usage.unit(UnitKind::web_search) += *response.web_searches;
    } else if (response.search_items > 0) {
        usage.unit(UnitKind::web_search) += response.search_items;
        usage.note(UsageNote::search_count_inferred);
    }
    if (response.other_cost) usage.note(UsageNote::unknown_fields);
}

bool is_delta_of_text(std::string_view type) {
    return type.ends_with(".delta") && !type.contains("audio");
}

class ResponsesMeter final : public Meter {
 public:
    explicit ResponsesMeter(const core::Quirks& quirks) : quirks_(quirks) {}

    void on_event(std::string_view name, std::string_view data) override;
    void on_body(std::string_view body) override;
    bool ended() const override { return ended_ && !open_; }
    bool failed() const override { return failed_; }
    core::Usage usage() const override;

 private:
    void on_terminal(std::string_view data);
    void on_created(std::string_view data);
    void on_error(std::string_view data);
    void keep(Response&& response);
    void count_text(std::string_view data);

    core::Quirks quirks_;
    std::vector<Response> closed_;  // in order of their ends
    Response running_;              // what response.created told
    ErrorNames error_;
    std::size_t text_bytes_ = 0;  // since the last terminal event
    bool open_ = false;           // created, and not yet ended
    bool repeated_ = false;
    bool ended_ = false;
    bool failed_ = false;
};

void ResponsesMeter::on_event(std::string_view name, std::string_view data) {
    const std::string_view type = event_type(name, data);
    if (is_delta_of_text(type)) {
        count_text(data);
    } else if (type == "response.completed" || type == "response.incomplete" ||
               type == "response.failed") {
        on_terminal(data);
    } else if (type == "response.created") {
        on_created(data);
    } else if (type == "error") {
        on_error(data);
    }
}

void ResponsesMeter::count_text(std::string_view data) {
    constexpr KeyInitials kDelta = {'d', 'd', 'd', 'd'};
    for (std::size_t at = find_initial(data, 0, kDelta); at != kNotFound;
         at = find_initial(data, at + 1, kDelta)) {
        const std::size_t value = value_after_key(data, at, "delta");
        if (value == kNotFound) continue;
        std::size_t end = 0;
        text_bytes_ += text_bytes(data, value, end);
        return;
    }
}

void ResponsesMeter::on_created(std::string_view data) {
    JsonReader reader;
    const auto object = reader.object(data);
    if (!object) return;
    running_ = Response{};
    each_field(*object, [&](std::string_view key, json::value value) {
        if (key != "response") return;
        if (const auto inner = object_of(value)) read_response(*inner, running_);
    });
    open_ = true;
}

void ResponsesMeter::on_error(std::string_view data) {
    failed_ = true;
    JsonReader reader;
    const auto object = reader.object(data);
    if (!object) return;
    // Flat {"type":"error","code",…} as documented, or nested as recorded.
    each_field(*object, [&](std::string_view key, json::value value) {
        if (key == "code") read_name(value, error_.code);
        if (key == "error") error_ = read_error_names(value);
    });
}

void ResponsesMeter::on_terminal(std::string_view data) {
    JsonReader reader;
    const auto object = reader.object(data);
    if (!object) return;
    Response response;
    bool found = false;
    const bool walked = each_field(*object, [&](std::string_view key, json::value value) {
        if (key != "response") return;
        if (const auto inner = object_of(value)) {
            found = true;
            read_response(*inner, response);
        }
    });
    if (found && walked && reader.intact()) keep(std::move(response));
}

void ResponsesMeter::keep(Response&& response) {
    ended_ = true;
    if (response.status == "failed" || response.failed) {
        failed_ = true;
        error_ = response.error;
    }
    open_ = false;  // whatever its id: some servers give each event another
    const auto same = std::ranges::find(closed_, response.id, &Response::id);
    if (same != closed_.end()) {
        repeated_ |= same->usage.measured() && response.usage.measured();
        if (response.usage.measured() || !same->usage.measured()) *same = std::move(response);
    } else if (closed_.size() < kResponsesMax) {
        closed_.push_back(std::move(response));
    }
    if (closed_.back().usage.measured()) text_bytes_ = 0;
}

void ResponsesMeter::on_body(std::string_view body) {
    JsonReader reader;
    const auto object = reader.object(body);
    if (!object) return;
    Response response;
    read_response(*object, response);
    if (!reader.intact()) return;
    // A background response answers before its work is done.
    if (response.status == "queued" || response.status == "in_progress") {
        running_ = std::move(response);
        open_ = true;
        return;
    }
    keep(std::move(response));
}

core::Usage ResponsesMeter::usage() const {
    core::Usage usage;
    if (repeated_) usage.note(UsageNote::repeated);
    const Response& last = closed_.empty() || open_ ? running_ : closed_.back();
    usage.response_id = last.id;
    // What still runs has not finished, whatever it says of itself.
    bool runs = last.status == "in_progress" || last.status == "queued";
    if (!runs) {
        usage.finish_reason = last.incomplete_reason.empty() ? last.status : last.incomplete_reason;
    }
    bool all_measured = !closed_.empty() && !open_;
    bool readable = true;
    for (const Response& response : closed_) {
        if (!response.usage.measured()) {
            all_measured = false;
            if (response.usage.absurd || response.usage.unreadable) {
                usage.note(UsageNote::inconsistent);
            }
            continue;
        }
        readable &= !response.usage.unreadable;
        add_response(response, quirks_, usage);
    }
    const bool any_measured = !usage.lines.empty();
    if (all_measured) {
        usage.completeness = readable ? core::Completeness::exact : core::Completeness::partial;
        return usage;
    }
    if (!any_measured && failed_ && text_bytes_ == 0 &&
        billing_of_names(error_) == Billing::unbilled) {
        return usage;  // none
    }
    core::UsageLine& line = usage.lines.emplace_back();
    line.model = last.model;
    line.tier = normal_tier(last.tier);
    line.of(TokenClass::output) = static_cast<std::int64_t>(tokens_of_text(text_bytes_));
    usage.completeness = any_measured ? core::Completeness::partial : core::Completeness::estimated;
    return usage;
}

}  // namespace

std::unique_ptr<Meter> make_responses_meter(const core::Quirks& quirks) {
    return std::make_unique<ResponsesMeter>(quirks);
}

}  // namespace weir::provider
