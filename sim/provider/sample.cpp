// Values for JSON schemas: arguments of tools, structured answers.
#include <algorithm>

#include "sim/provider/draft.h"
#include "sim/provider/text.h"

namespace weir::sim {
namespace {

constexpr int kDepthMost = 8;

class Sampler {
 public:
    Sampler(const Json& root, Rng& rng) : root_(root), rng_(rng) {}

    Json value(const Json& schema, int depth) {
        if (depth > kDepthMost || !schema.is_object()) return nullptr;
        if (const Json* constant = member(schema, "const")) return *constant;
        if (const Json& options = array_at(schema, "enum"); !options.empty()) return pick(options);
        if (std::string reference = string_at(schema, "$ref"); !reference.empty()) {
            return value(resolve(reference), depth + 1);
        }
        for (const char* key : {"anyOf", "oneOf", "allOf"}) {
            if (const Json& list = array_at(schema, key); !list.empty()) {
                return value(list.front(), depth + 1);
            }
        }
        return of_type(type_of(schema), schema, depth);
    }

 private:
    const Json& pick(const Json& list) { return list[rng_.below(list.size())]; }

    static std::string type_of(const Json& schema) {
        const Json& types = array_at(schema, "type");
        if (!types.empty() && types.front().is_string()) return types.front().get<std::string>();
        std::string type = string_at(schema, "type");
        if (type.empty() && member(schema, "properties") != nullptr) return "object";
        return type;
    }

    Json of_type(std::string_view type, const Json& schema, int depth) {
        if (type == "object") return object(schema, depth);
        if (type == "array") return array(schema, depth);
        if (type == "integer" || type == "number") {
            std::int64_t low = integer_at(schema, "minimum").value_or(1);
            std::int64_t high = std::max(low, integer_at(schema, "maximum").value_or(low + 98));
            return low + static_cast<std::int64_t>(
                             rng_.below(static_cast<std::uint64_t>(high - low) + 1));
        }
        if (type == "boolean") return rng_.below(2) == 0;
        if (type == "null") return nullptr;
        return text(schema);
    }

    Json text(const Json& schema) {
        std::string format = string_at(schema, "format");
        if (format == "date") return "2026-11-24";
        if (format == "date-time") return "2026-11-24T09:30:00Z";
        if (format == "email") return "someone@example.com";
        if (format == "uri") return "https://example.com/";
        return prose(rng_, 2 + std::int64_t(rng_.below(5)));
    }

    Json object(const Json& schema, int depth) {
        Json out = Json::object();
        const Json* properties = member(schema, "properties");
        if (properties == nullptr || !properties->is_object()) return out;
        const Json& required = array_at(schema, "required");
        for (const auto& [name, property] : properties->items()) {
            bool must = std::ranges::find(required, Json(name)) != required.end();
            if (must || rng_.below(2) == 0) out[name] = value(property, depth + 1);
        }
        return out;
    }

    Json array(const Json& schema, int depth) {
        Json out = Json::array();
        const Json* items = member(schema, "items");
        if (items == nullptr) return out;
        std::int64_t least = integer_at(schema, "minItems").value_or(1);
        for (std::int64_t i = 0; i < std::clamp<std::int64_t>(least, 1, 8); ++i) {
            out.push_back(value(*items, depth + 1));
        }
        return out;
    }

    // "#/$defs/Name"
    const Json& resolve(const std::string& reference) const {
        static const Json kNone;
        if (!reference.starts_with("#/")) return kNone;
        const Json* at = &root_;
        std::string_view rest = std::string_view{reference}.substr(2);
        while (!rest.empty() && at != nullptr) {
            std::size_t slash = rest.find('/');
            at = member(*at, rest.substr(0, slash));
            rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
        }
        return at != nullptr ? *at : kNone;
    }

    const Json& root_;
    Rng& rng_;
};

}  // namespace

Json sample(const Json& schema, Rng& rng) { return Sampler{schema, rng}.value(schema, 0); }

}  // namespace weir::sim
