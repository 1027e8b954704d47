#include "admin/budget_fields.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "admin/budget_json.h"
#include "admin/fields.h"
#include "base/nearest.h"

namespace weir::admin {
namespace {

constexpr std::int64_t kCountMax = 1'000'000'000'000'000;

// The value whose name is given; the fallback where none is.
template <class T, std::size_t N, class Name>
T one_of(Fields& body, std::string_view field, const std::array<T, N>& values, Name name,
         T fallback) {
    const auto given = body.text(field);
    if (!given) return fallback;
    std::string names;
    for (const T value : values) {
        if (name(value) == *given) return value;
        names += (names.empty() ? "" : ", ") + std::string{name(value)};
    }
    body.complain(fmt::format("'{}' is one of: {}.", field, names));
    return fallback;
}

std::string_view block_at_name(core::Blocking blocking) {
    switch (blocking) {
        case core::Blocking::always:
            return "100";
        case core::Blocking::never:
            return "never";
        case core::Blocking::by_environment:
            break;
    }
    return "by_environment";
}

void read_amount(Fields& body, core::BudgetSpec& spec) {
    int given = 0;
    if (const auto usd = body.usd("usd")) {
        ++given;
        spec.unit = core::BudgetUnit::usd;
        spec.amount = usd->pico();
    }
    for (const auto unit : core::kBudgetUnits) {
        if (unit == core::BudgetUnit::usd) continue;
        const auto count = body.integer(core::budget_unit_name(unit), 0, kCountMax);
        if (!count) continue;
        ++given;
        spec.unit = unit;
        spec.amount = *count;
    }
    if (given != 1 || spec.amount < 0) {
        body.complain(
            "A budget has one amount, which is not negative: 'usd', 'tokens', 'calls', 'repeats' "
            "or 'attempts'.");
    }
}

// An amount as text, in the unit; nullopt: it is none.
std::optional<Int128> parse_amount(std::string_view text, core::BudgetUnit unit) {
    if (unit == core::BudgetUnit::usd) {
        const auto money = Money::parse_usd(text);
        return money && !money->is_negative() ? std::optional{money->pico()} : std::nullopt;
    }
    const auto count = parse_int128(text);
    return count && *count >= 0 && *count <= kCountMax ? count : std::nullopt;
}

void read_except(Fields& body, core::BudgetSpec& spec) {
    for (const auto& [instance, text] : body.members("except")) {
        const auto amount = parse_amount(text.value_or(""), spec.unit);
        if (!amount) {
            body.complain(fmt::format("'except' gives each value an amount in {}, as text.",
                                      core::budget_unit_name(spec.unit)));
            return;
        }
        spec.except.emplace_back(instance, *amount);
    }
    std::ranges::sort(spec.except);
}

}  // namespace

std::optional<core::Facet> read_facet(Fields& body, const std::string& name) {
    auto facet = core::Facet::named(name);
    if (!facet) {
        body.complain(fmt::format("'{}' is no dimension{}.", name.substr(0, 64),
                                  did_you_mean(name, core::facet_names())));
    }
    return facet;
}

Result<core::BudgetSpec> read_budget_terms(std::string_view text, std::string name) {
    using core::WindowKind;
    Fields body =
        Fields::of_body(text, {"where", "by", "usd", "tokens", "calls", "repeats", "attempts",
                               "except", "window", "alert_at", "block_at", "clamp", "mode"});
    core::BudgetSpec spec;
    spec.name = std::move(name);
    read_amount(body, spec);
    for (auto& [field, values] : body.lists("where")) {
        if (auto facet = read_facet(body, field)) {
            spec.where.push_back({std::move(*facet), std::move(values)});
        }
    }
    if (const auto by = body.text("by")) spec.by = read_facet(body, *by);
    read_except(body, spec);
    spec.window = one_of(body, "window",
                         std::array{WindowKind::hour, WindowKind::day, WindowKind::week,
                                    WindowKind::month, WindowKind::quarter, WindowKind::total},
                         core::window_name, spec.window);
    spec.alert_percent = static_cast<int>(body.integer("alert_at", 1, 100).value_or(80));
    spec.blocking = one_of(
        body, "block_at",
        std::array{core::Blocking::by_environment, core::Blocking::always, core::Blocking::never},
        block_at_name, spec.blocking);
    spec.clamp = one_of(
        body, "clamp",
        std::array{core::Clamp::off, core::Clamp::rare, core::Clamp::tail, core::Clamp::always},
        core::clamp_name, spec.clamp);
    spec.observe = one_of(
        body, "mode", std::array{false, true},
        [](bool o) { return std::string_view{o ? "observe" : "enforce"}; }, false);
    if (Result<> good = body.problem(); !good) return std::unexpected(std::move(good).error());
    return spec;
}

Json budget_terms_body(const core::BudgetSpec& spec) {
    Json terms = budget_terms(spec);
    Json body = Json::object();
    for (const char* name :
         {"where", "by", "except", "window", "alert_at", "block_at", "clamp", "mode"}) {
        body[name] = terms[name];
    }
    body[terms["unit"].get<std::string>()] = spec.unit == core::BudgetUnit::usd
                                                 ? terms["amount"]
                                                 : Json(static_cast<std::int64_t>(spec.amount));
    return body;
}

Result<core::BudgetRaise> read_budget_raise(std::string_view text, core::BudgetUnit unit) {
    Fields body = Fields::of_body(text, {"amount", "instance", "until", "reason"});
    core::BudgetRaise raise;
    const auto amount = parse_amount(body.required("amount"), unit);
    if (!amount) {
        body.complain(fmt::format("'amount' is how much more, in {}, as text.",
                                  core::budget_unit_name(unit)));
    }
    (void)body.required("until");
    raise.by = amount.value_or(0);
    raise.instance = body.text_or("instance", "");
    raise.until = body.time("until").value_or(UnixTime{});
    raise.reason = body.required("reason");
    if (Result<> good = body.problem(); !good) return std::unexpected(std::move(good).error());
    return raise;
}

}  // namespace weir::admin
