// The named values of a query string or of a JSON object body, read strictly: an unknown, repeated
// or malformed one is an error that says which, and what was probably meant. The first thing wrong
// is kept in `problem`; what a getter returns then does not matter. Pure. Thread: any.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/json.h"
#include "base/error.h"
#include "base/money.h"
#include "base/time.h"

namespace weir::admin {

class Fields {
 public:
    using Names = std::vector<std::string_view>;

    // "a=1&b=x,y": values are text, lists are separated by commas.
    static Fields of_query(std::string_view query, const Names& allowed);
    // An empty body is an empty object.
    static Fields of_body(std::string_view body, const Names& allowed);

    bool has(std::string_view name) const;
    std::optional<std::string> text(std::string_view name);  // null is absent
    std::string text_or(std::string_view name, std::string_view fallback);
    std::string required(std::string_view name);  // not empty either
    bool flag(std::string_view name);             // absent is false
    std::optional<std::int64_t> integer(std::string_view name, std::int64_t least,
                                        std::int64_t most);
    // RFC 3339, or a date, which is its midnight UTC.
    std::optional<UnixTime> time(std::string_view name);
    std::optional<Money> usd(std::string_view name);  // decimal text; a JSON number is refused
    std::vector<std::string> list(std::string_view name);
    // An object of strings; nullopt for a member that is null. Bodies only.
    std::map<std::string, std::optional<std::string>> members(std::string_view name);

    // An object of strings, or of arrays of them. Bodies only.
    std::map<std::string, std::vector<std::string>> lists(std::string_view name);

    // An object of objects, each as its JSON text, in their order. Bodies only.
    std::vector<std::pair<std::string, std::string>> objects(std::string_view name);
    // Text of any kind and length, or JSON as text: a document within the document. Bodies only.
    std::optional<std::string> document(std::string_view name);

    void complain(std::string what);
    // Errors: invalid_parameter, malformed_json.
    Result<> problem() const;

 private:
    void check_name(std::string_view name, const Names& allowed);
    const Json* find(std::string_view name) const;

    Json values_ = Json::object();
    bool from_query_ = false;
    std::optional<Error> problem_;
};

}  // namespace weir::admin
