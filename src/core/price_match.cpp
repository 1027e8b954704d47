#include "core/price_match.h"

#include <algorithm>

namespace weir::core {
namespace {

constexpr int kDepthMax = 8;
constexpr std::size_t kRegexMax = 512;

// std::regex throws on a malformed pattern, and where matching needs more stack than it allows
// itself.
std::unique_ptr<std::regex> compile_regex(const std::string& text) {
    if (text.size() > kRegexMax) return nullptr;
    try {
        return std::make_unique<std::regex>(text, std::regex::ECMAScript | std::regex::optimize);
    } catch (const std::regex_error&) {
        return nullptr;
    }
}

bool found_in(const std::regex& regex, std::string_view name) {
    try {
        return std::regex_search(name.begin(), name.end(), regex);
    } catch (const std::regex_error&) {
        return false;
    }
}

}  // namespace

std::string lower_ascii(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

Result<ModelMatcher> ModelMatcher::compile(const ModelMatch& match) { return compile_at(match, 0); }

Result<ModelMatcher> ModelMatcher::compile_at(const ModelMatch& match, int depth) {
    if (depth > kDepthMax) {
        return fail(ErrorCode::config_invalid, "a price row's model match is nested too deeply");
    }
    ModelMatcher out;
    out.kind_ = match.kind;
    if (match.kind == ModelMatch::Kind::regex) {
        out.regex_ = compile_regex(match.text);
        if (!out.regex_) {
            return fail(ErrorCode::config_invalid,
                        "a price row's model match is not a regular expression: " + match.text);
        }
    } else {
        out.text_ = lower_ascii(match.text);
    }
    for (const ModelMatch& part : match.parts) {
        auto compiled = compile_at(part, depth + 1);
        if (!compiled) return compiled;
        out.parts_.push_back(std::move(*compiled));
    }
    return out;
}

bool ModelMatcher::matches(std::string_view name, std::string_view lower) const {
    auto part_matches = [&](const ModelMatcher& part) {
        return part.matches(name, lower);
    };
    switch (kind_) {
        case ModelMatch::Kind::equals:
            return lower == text_;
        case ModelMatch::Kind::starts_with:
            return lower.starts_with(text_);
        case ModelMatch::Kind::ends_with:
            return lower.ends_with(text_);
        case ModelMatch::Kind::contains:
            return lower.find(text_) != std::string_view::npos;
        case ModelMatch::Kind::regex:
            return found_in(*regex_, name);
        case ModelMatch::Kind::any_of:
            return std::ranges::any_of(parts_, part_matches);
        case ModelMatch::Kind::all_of:
            return !parts_.empty() && std::ranges::all_of(parts_, part_matches);
    }
    return false;
}

bool ModelMatcher::exact_names(std::vector<std::string>& out) const {
    if (kind_ == ModelMatch::Kind::equals) {
        out.push_back(text_);
        return true;
    }
    if (kind_ != ModelMatch::Kind::any_of) return false;
    bool all = true;
    for (const ModelMatcher& part : parts_) all = part.exact_names(out) && all;
    return all;
}

}  // namespace weir::core
