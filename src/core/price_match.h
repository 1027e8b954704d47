// A ModelMatch made ready to be asked: texts in lower case, regexes compiled once. Used by the
// price book only. Thread: any, after construction.
#pragma once

#include <memory>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "core/price.h"

namespace weir::core {

// Lower case of ASCII letters: catalogues and providers differ in case, never in other scripts.
std::string lower_ascii(std::string_view text);

class ModelMatcher {
 public:
    // Errors: config_invalid (a regex that does not compile; nesting deeper than any catalogue's).
    static Result<ModelMatcher> compile(const ModelMatch& match);

    // `lower` is lower_ascii(name).
    bool matches(std::string_view name, std::string_view lower) const;

    // Appends every text (in lower case) that the name must equal for this to match. Returns false
    // if other names may match as well.
    bool exact_names(std::vector<std::string>& out) const;

 private:
    ModelMatcher() = default;
    static Result<ModelMatcher> compile_at(const ModelMatch& match, int depth);

    ModelMatch::Kind kind_ = ModelMatch::Kind::equals;
    std::string text_;
    std::unique_ptr<std::regex> regex_;
    std::vector<ModelMatcher> parts_;
};

}  // namespace weir::core
