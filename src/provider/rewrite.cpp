// Changes spans of a request body and leaves every other byte as it came (wire.md §1.1, §3.1).
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "codec/json_write.h"
#include "provider/json_cursor.h"
#include "provider/provider.h"

namespace weir::provider {
namespace {

using core::CallShape;
using core::Endpoint;
using core::MaxOutputSite;
using core::Span;

// Bytes [at.begin, at.end) become `text`.
struct Edit {
    Span at;
    std::string text;
};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

class Splicer {
 public:
    Splicer(std::string_view body, const CallShape& shape, const core::Quirks& quirks)
        : body_(body), shape_(shape), quirks_(quirks) {}

    std::string apply(const Rewrite& rewrite) {
        plan(rewrite);
        // What is only added comes before what is replaced at its place. No two spans are the same.
        std::ranges::sort(edits_, {},
                          [](const Edit& e) { return std::pair{e.at.begin, e.at.end}; });
        std::size_t size = body_.size();
        for (const Edit& edit : edits_) size += edit.text.size();
        std::string out;
        out.reserve(size);
        std::uint32_t at = 0;
        for (const Edit& edit : edits_) {
            WEIR_CHECK(edit.at.begin >= at && edit.at.end <= body_.size());
            out.append(body_, at, edit.at.begin - at);
            out.append(edit.text);
            at = edit.at.end;
        }
        out.append(body_, at);
        return out;
    }

    bool changes(const Rewrite& rewrite) {
        plan(rewrite);
        return !edits_.empty();
    }

 private:
    void plan(const Rewrite& rewrite) {
        if (rewrite.model && *rewrite.model != shape_.model) {
            std::string text;
            codec::append_json_string(text, *rewrite.model);
            edits_.push_back({shape_.model_value, std::move(text)});
        }
        if (rewrite.inject_include_usage) include_usage();
        max_output(rewrite.max_output);
        if (rewrite.strip_weir_metadata && !shape_.weir_metadata.empty()) strip_metadata();
        if (inserted_.empty()) return;
        if (shape_.object_empty) inserted_.pop_back();  // no member follows the last comma
        edits_.push_back({{shape_.object_start, shape_.object_start}, std::move(inserted_)});
    }

    // Adds a member as the first of the object: no comma before it can be missing.
    void insert(std::string_view name, std::string_view value) {
        codec::append_json_string(inserted_, name);
        inserted_.push_back(':');
        inserted_.append(value);
        inserted_.push_back(',');
    }

    void include_usage() {
        bool speaks = shape_.endpoint == Endpoint::chat_completions ||
                      shape_.endpoint == Endpoint::completions;
        if (!speaks || !shape_.stream || shape_.include_usage || !quirks_.stream_options) return;
        Span options = shape_.stream_options_value;
        if (!shape_.include_usage_value.empty()) {
            edits_.push_back({shape_.include_usage_value, "true"});
        } else if (options.empty()) {
            insert("stream_options", R"({"include_usage":true})");
        } else if (body_[options.begin] != '{') {
            edits_.push_back({options, R"({"include_usage":true})"});
        } else {
            std::uint32_t inside = options.begin + 1;
            std::uint32_t next = inside;
            while (is_space(body_[next])) ++next;
            std::string text = R"("include_usage":true)";
            if (body_[next] != '}') text.push_back(',');
            edits_.push_back({{inside, inside}, std::move(text)});
        }
    }

    // The name under which this server heeds a max output; empty where there is none.
    std::string_view max_output_name() const {
        switch (shape_.endpoint) {
            case Endpoint::chat_completions:
                return quirks_.max_completion_tokens ? "max_completion_tokens" : "max_tokens";
            case Endpoint::completions:
            case Endpoint::messages:
                return "max_tokens";
            case Endpoint::responses:
                return "max_output_tokens";
            default:
                return {};
        }
    }

    // A server that knows only max_tokens ignores max_completion_tokens: the key must be renamed,
    // or the call is not bounded at all (ledger.md B3).
    bool is_heeded(const MaxOutputSite& site) const {
        return shape_.endpoint != Endpoint::chat_completions || site.is_max_tokens ||
               quirks_.max_completion_tokens;
    }

    void max_output(std::optional<std::int64_t> limit) {
        std::string_view name = max_output_name();
        if (name.empty()) return;
        bool heeded = false;
        for (const MaxOutputSite& site : shape_.max_output_sites) heeded |= is_heeded(site);
        if (shape_.max_output_sites.empty()) {
            if (limit) insert(name, std::to_string(*limit));
            return;
        }
        if (limit) {
            for (const MaxOutputSite& site : shape_.max_output_sites) {
                edits_.push_back({site.value, std::to_string(*limit)});
            }
        }
        if (!heeded) {
            std::string key;
            codec::append_json_string(key, name);
            edits_.push_back({shape_.max_output_sites.front().key, std::move(key)});
        }
    }

    // Takes the weir.* pairs out; a metadata object of nothing else goes with its key.
    void strip_metadata() {
        JsonCursor cursor{body_.substr(shape_.metadata_value.begin,
                                       shape_.metadata_value.end - shape_.metadata_value.begin)};
        std::string kept;
        std::string_view raw;
        cursor.enter();
        while (cursor.next_key(raw)) {
            Span value = cursor.skip();
            if (raw.starts_with("weir.")) continue;
            kept.push_back(kept.empty() ? '{' : ',');
            kept.append("\"").append(raw).append("\":").append(cursor.text(value));
        }
        if (!kept.empty()) {
            edits_.push_back({shape_.metadata_value, kept + "}"});
            return;
        }
        edits_.push_back({member_with_comma(), {}});
    }

    // The metadata member and one of the commas around it.
    Span member_with_comma() const {
        Span span{shape_.metadata_key.begin, shape_.metadata_value.end};
        std::uint32_t after = span.end;
        while (is_space(body_[after])) ++after;
        if (body_[after] == ',') return {span.begin, after + 1};
        std::uint32_t before = span.begin;
        while (is_space(body_[before - 1])) --before;
        if (body_[before - 1] == ',') return {before - 1, span.end};
        return span;
    }

    std::string_view body_;
    const CallShape& shape_;
    const core::Quirks& quirks_;
    std::vector<Edit> edits_;
    std::string inserted_;
};

}  // namespace

std::string rewrite(std::string_view body, const CallShape& shape, const core::Quirks& quirks,
                    const Rewrite& rewrite) {
    return Splicer{body, shape, quirks}.apply(rewrite);
}

bool rewrite_changes(std::string_view body, const CallShape& shape, const core::Quirks& quirks,
                     const Rewrite& rewrite) {
    return Splicer{body, shape, quirks}.changes(rewrite);
}

}  // namespace weir::provider
