#include "core/attribute.h"

#include <algorithm>
#include <array>

#include "core/attribute_aliases.h"
#include "core/attribute_text.h"

namespace weir::core {
namespace {

constexpr std::size_t kValueBytesMax = 256;
constexpr std::size_t kTagNameBytesMax = 64;
constexpr std::size_t kTagsMax = 32;
constexpr std::string_view kUnassigned = "unassigned";

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_any_case(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, lower, lower);
}

// The environment's own name for a name or alias in any case; an unknown one as it is.
std::string_view environment_name(const Policy& policy, std::string_view given) {
    for (const EnvironmentRecord& record : policy.environments) {
        const auto same = [given](std::string_view name) {
            return equal_any_case(name, given);
        };
        if (same(record.name) || std::ranges::any_of(record.aliases, same)) return record.name;
    }
    return given;
}

// "Task-Type" → task_type. What is not a dimension is a tag of the name given.
std::optional<Dimension> dimension_of_tag(std::string_view name) {
    if (name.size() > 16) return std::nullopt;
    std::string plain{name};
    for (char& c : plain) c = c == '-' ? '_' : lower(c);
    if (plain == "_user") return Dimension::customer;  // Portkey's
    const std::optional<Dimension> dimension = dimension_named(plain);
    // Weir knows these better than anyone who tags.
    if (dimension == Dimension::provider || dimension == Dimension::model) return std::nullopt;
    return dimension;
}

class Merge {
 public:
    explicit Merge(const AttributionInput& in) : in_(in) {}

    Result<Attribution> run() {
        from_key();
        if (in_.key != nullptr && in_.key->environment.empty()) {
            of(Dimension::environment) = kUnassigned;
        }
        from_headers();
        from_url();
        if (baggage_.data() != nullptr) from_baggage(baggage_);
        offer(Dimension::trajectory, trace_id_of(traceparent_), Source::traceparent, false);
        if (in_.shape != nullptr) from_body(*in_.shape);
        if (error_) return std::unexpected(std::move(*error_));
        return std::move(out_);
    }

 private:
    std::string& of(Dimension d) { return out_.values[static_cast<std::size_t>(d)]; }

    void from_key() {
        if (in_.key == nullptr) return;
        const KeyRecord& key = *in_.key;
        const auto bind = [this](Dimension d, std::string_view value) {
            if (!value.empty()) out_.offer(d, value, Source::key);
        };
        bind(Dimension::key, key.id);
        bind(Dimension::team, key.team);
        bind(Dimension::application, key.application);
        bind(Dimension::environment, environment_name(*in_.policy, key.environment));
        bind(Dimension::task_type, key.task_type);
        bind(Dimension::user, key.user);
    }

    // One pass finds what is there, then the table's order says who comes first.
    void from_headers() {
        std::array<std::string_view, kAliasesMax> found{};
        std::array<bool, kAliasesMax> present{};
        for (const auto& [name, value] : in_.headers) {
            const std::optional<std::size_t> row = alias_named(name);
            if (!row) continue;
            if (alias_at(*row).kind == AliasKind::property) {
                property_ = true;
            } else if (!present[*row]) {
                found[*row] = trimmed(value);
                present[*row] = true;
            }
        }
        for (std::size_t row = 0; row < alias_count(); ++row) {
            if (present[row]) from_header(alias_at(row), found[row]);
        }
        if (property_) from_properties();
    }
    void from_header(const Alias& alias, std::string_view value) {
        switch (alias.kind) {
            case AliasKind::value:
                offer(alias.dimension, value, alias.source, alias.strict);
                break;
            case AliasKind::pairs:
                from_pairs(value, Source::header, false);
                break;
            case AliasKind::loose_pairs:
                from_loose_pairs(value);
                break;
            case AliasKind::json:
                for_each_json_member(value, [this](std::string_view name, std::string_view v) {
                    tag(name, v, Source::header, false);
                });
                break;
            case AliasKind::baggage:
                baggage_ = value;
                break;
            case AliasKind::traceparent:
                traceparent_ = value;
                break;
            case AliasKind::property:
            case AliasKind::unread:
                break;
        }
    }
    void from_properties() {
        for (const auto& [name, value] : in_.headers) {
            const std::optional<std::size_t> row = alias_named(name);
            if (!row || alias_at(*row).kind != AliasKind::property) continue;
            tag(name.substr(alias_at(*row).name.size()), trimmed(value), Source::header, false);
        }
    }

    void from_url() { from_pairs(in_.url_tags, Source::url, true); }

    // Ours, so what cannot be read is told.
    void from_pairs(std::string_view list, Source source, bool percent) {
        for_each_element(list, [&](std::string_view pair) {
            const std::size_t equals = pair.find('=');
            if (equals == std::string_view::npos || equals == 0) {
                refuse("A tag must read name=value.");
                return;
            }
            const std::string_view name = trimmed(pair.substr(0, equals));
            const std::string_view value = trimmed(pair.substr(equals + 1));
            if (!percent) {
                tag(name, value, source, true);
                return;
            }
            const std::optional<std::string> plain_name = percent_decoded(name);
            const std::optional<std::string> plain = percent_decoded(value);
            if (!plain_name || !plain) {
                refuse("A tag of the URL is not percent-encoded.");
                return;
            }
            tag(*plain_name, *plain, source, true);
        });
    }
    void from_loose_pairs(std::string_view list) {
        for_each_element(list, [this](std::string_view element) {
            const std::size_t split = element.find_first_of("=:");
            const bool bare = split == std::string_view::npos;
            tag(trimmed(element.substr(0, split)),
                bare ? std::string_view{"true"} : trimmed(element.substr(split + 1)),
                Source::header, false);
        });
    }
    void from_baggage(std::string_view list) {
        for_each_element(list, [this](std::string_view member) {
            member = member.substr(0, member.find(';'));
            const std::size_t equals = member.find('=');
            if (equals == std::string_view::npos) return;
            const auto meaning = baggage_meaning(trimmed(member.substr(0, equals)));
            const auto value = percent_decoded(trimmed(member.substr(equals + 1)));
            if (!meaning || !value) return;
            if (meaning->dimension == Dimension::provider ||
                meaning->dimension == Dimension::model) {
                return;
            }
            if (meaning->dimension) {
                offer(*meaning->dimension, *value, Source::baggage, false);
            } else {
                add_tag(meaning->tag, *value, false);
            }
        });
    }
    // The end user that an application names is a customer, not who is behind the key.
    void from_body(const CallShape& shape) {
        for (const auto& [name, value] : shape.weir_metadata) {
            std::string_view plain = name;
            if (plain.starts_with("weir.")) plain.remove_prefix(5);
            if (plain.starts_with("tag.")) plain.remove_prefix(4);
            tag(plain, value, Source::body, false);
        }
        offer(Dimension::trajectory, shape.session, Source::body, false);
        // Claude Code sends a JSON text of device and session here, which names nobody.
        if (!shape.user.starts_with('{'))
            offer(Dimension::customer, shape.user, Source::body, false);
    }

    void tag(std::string_view name, std::string_view value, Source source, bool strict) {
        if (const std::optional<Dimension> dimension = dimension_of_tag(name)) {
            offer(*dimension, value, source, strict);
        } else {
            add_tag(name, value, strict);
        }
    }
    void add_tag(std::string_view name, std::string_view value, bool strict) {
        if (name.empty() || name.size() > kTagNameBytesMax || !is_printable(name)) {
            if (strict) refuse("A tag's name is empty, too long or not printable.");
            return;
        }
        if (!is_acceptable(name, value, strict)) return;
        const auto known = std::ranges::find(
            out_.tags, name, [](const auto& t) -> std::string_view { return t.first; });
        if (known != out_.tags.end()) return;
        if (out_.tags.size() == kTagsMax) {
            if (strict) refuse("A call can have 32 tags.");
            return;
        }
        out_.tags.emplace_back(name, value);
    }

    void offer(Dimension d, std::string_view value, Source source, bool strict) {
        if (value.empty() || !is_acceptable(dimension_name(d), value, strict)) return;
        if (d == Dimension::environment) value = environment_name(*in_.policy, value);
        const bool taken = out_.source(d) != Source::none;
        if (only_from_key(d) && !taken) {
            if (std::ranges::find(out_.ignored, d) == out_.ignored.end()) out_.ignored.push_back(d);
            return;
        }
        // Between two of the caller's own sources the better one wins, and nothing is wrong.
        if (taken && !is_trusted(out_.source(d))) return;
        out_.offer(d, value, source);
    }
    static bool only_from_key(Dimension d) {
        return d == Dimension::team || d == Dimension::key || d == Dimension::environment ||
               d == Dimension::user;
    }

    bool is_acceptable(std::string_view name, std::string_view value, bool strict) {
        if (value.size() <= kValueBytesMax && is_printable(value)) return true;
        if (strict) {
            refuse("The value of " + std::string{name} +
                   " is longer than 256 bytes or not printable text.");
        }
        return false;
    }
    void refuse(std::string message) {
        if (!error_) error_.emplace(ErrorCode::invalid_parameter, std::move(message));
    }

    const AttributionInput& in_;
    Attribution out_;
    std::string_view baggage_;
    std::string_view traceparent_;
    bool property_ = false;
    std::optional<Error> error_;
};

}  // namespace

Result<Attribution> attribute(const AttributionInput& in) { return Merge{in}.run(); }

bool environment_is_lenient(const Policy& policy, const Attribution& attribution) {
    if (!is_trusted(attribution.source(Dimension::environment))) return false;
    const auto record = std::ranges::find(
        policy.environments, attribution.of(Dimension::environment), &EnvironmentRecord::name);
    return record != policy.environments.end() && record->lenient;
}

bool is_attribution_header(std::string_view name) {
    const std::optional<std::size_t> row = alias_named(name);
    return row && !alias_at(*row).forward;
}

}  // namespace weir::core
