#include "app/cli_explain.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "app/cli_family.h"
#include "app/cli_text.h"
#include "base/money.h"

namespace weir::app {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

std::string_view meaning(std::span<const Pair> table, std::string_view word) {
    const auto at = std::ranges::find(table, word, &Pair::first);
    return at == table.end() ? word : at->second;
}

constexpr std::array<Pair, 9> kSources{{
    {"key", "bound to the key"},
    {"rule", "by an operator's rule"},
    {"header", "said in a header"},
    {"url", "said in the URL"},
    {"baggage", "said in baggage"},
    {"body", "said in the body"},
    {"session", "from the agent's session header"},
    {"traceparent", "from the trace"},
    {"inferred", "inferred: its messages continue an earlier call's"},
}};

constexpr std::array<Pair, 5> kCompleteness{{
    {"exact", "the provider's final figures were seen"},
    {"exact_drained", "the client left; Weir read on to the provider's final figures"},
    {"partial", "the provider's last figures before the end; there may be more"},
    {"estimated", "no figures came; this is an estimate"},
    {"none", "nothing was generated, so nothing is billed"},
}};

constexpr std::array<Pair, 5> kStates{{
    {"open", "It is still in flight: its worst case is held."},
    {"released", "It was never sent, or is proven unbilled: its hold was given back."},
    {"unknown",
     "It was sent and nobody knows what it cost: it stays charged at its bound until proof "
     "(`weir ledger correct`)."},
    {"orphaned",
     "Weir ended while it was in flight: it stays charged at its bound until proof "
     "(`weir ledger correct`)."},
    {"settled", "It ended, and what it used is known."},
}};

constexpr std::array<Pair, 5> kUsageNotes{{
    {"inconsistent", "the provider's own figures contradict each other"},
    {"ttl_split_inferred", "cache writes were split by their time to live upwards"},
    {"repeated", "figures came more than once; the last counted"},
    {"unknown_fields", "fields came that may bear on cost and that Weir does not know"},
    {"search_count_inferred", "the number of searches was inferred"},
}};

struct Amount {
    bool usd = true;
    Int128 value = 0;

    static Amount of(const Json& part, const char* name) {
        Amount out{text_of(part, "unit") == "usd"};
        const std::string text = text_of(part, name);
        if (out.usd) {
            out.value = Money::parse_usd(text).value_or(Money{}).pico();
        } else {
            out.value = parse_int128(text).value_or(0);
        }
        return out;
    }
    std::string text() const {
        return usd ? exact_money(Money::from_pico(value).to_usd()) : to_string(value);
    }
};

std::string head_text(const Json& call) {
    std::string out = fmt::format(
        "{}   {}{}   {} UTC\n", text_of(call, "id"), text_of(call, "endpoint"),
        call.value("stream", false) ? ", streamed" : "", time_text(text_of(call, "at")));
    const std::string error = text_of(call, "error");
    const std::int64_t status = number_of(call, "http_status");
    const std::string model = printable(text_of(call, "asked_model"));
    if (text_of(call, "state") == "open") {
        out += fmt::format("It asked for {} and is still in flight.\n", model);
    } else if (text_of(call, "state") == "refused") {
        out += fmt::format("It asked for {} and was refused with {} {}. It cost nothing.\n", model,
                           status, error);
    } else {
        out +=
            fmt::format("It asked for {}, was answered {}{}, and cost {}.\n", model, status,
                        error.empty() ? "" : " " + error, exact_money(text_of(call, "cost_usd")));
    }
    return out;
}

std::string attribution_text(const Json& call) {
    std::string out = "\nWhose call it is\n";
    const Json& attribution = call["attribution"];
    if (attribution.contains("key")) {
        out += fmt::format("  The caller was known by its key {}.\n",
                           printable(text_of(attribution["key"], "value")));
    }
    std::size_t widest = 0;
    for (const auto& [name, value] : attribution.items()) {
        widest = std::max(widest, text_of(value, "value").size());
    }
    for (const auto& [name, value] : attribution.items()) {
        if (name == "key") continue;
        out += fmt::format("  {:<12} {:<{}}  {}\n", name, printable(text_of(value, "value")),
                           widest, meaning(kSources, text_of(value, "from")));
    }
    for (const Json& tag : call["tags"]) {
        out += fmt::format("  tag          {} = {}\n", printable(text_of(tag, "name")),
                           printable(text_of(tag, "value")));
    }
    for (const Json& name : call["ignored"]) {
        out +=
            fmt::format("  The caller also named {}; what the key or a rule says goes before it.\n",
                        name.get<std::string>());
    }
    return out;
}

std::string window_text(const Json& part) {
    const Json& window = part["window"];
    const std::string start = text_of(window, "start").substr(0, 16);
    if (!window["end"].is_string()) return "in total";
    return fmt::format("from {} to {}", start, text_of(window, "end").substr(0, 16));
}

// "used + held + asked ≤ amount", in full, so that anybody can add it up.
std::string part_text(const Json& part) {
    const Amount amount = Amount::of(part, "amount");
    const Amount used = Amount::of(part, "used");
    const Amount held = Amount::of(part, "held");
    const Amount asked = Amount::of(part, "asked");
    const Amount sum{amount.usd, used.value + held.value + asked.value};
    const bool fits = sum.value <= amount.value;
    const std::string instance = printable(text_of(part, "instance"));
    std::string out = fmt::format("    {}{} {}{}\n", text_of(part, "budget"),
                                  instance.empty() ? "" : " of " + instance, window_text(part),
                                  amount.usd ? "" : ", in " + text_of(part, "unit"));
    out += fmt::format("      used {} + held by others {} + asked {} = {}, {} {}", used.text(),
                       held.text(), asked.text(), sum.text(), fits ? "within" : "more than",
                       amount.text());
    if (part.value("refused", false)) {
        out += ": this budget refused it";
    } else if (!fits && !part.value("blocks", true)) {
        out += ": it does not block such a call";
    }
    return out + "\n";
}

std::string decision_text(const Json& attempt) {
    const Json& budgets = attempt["budgets"];
    if (budgets.empty()) {
        const bool refused = text_of(attempt, "state") == "refused";
        return refused ? "  No budget was asked.\n" : "  No budget counts it.\n";
    }
    std::string out = fmt::format(
        "  At most it could cost {}: {} tokens in, {} tokens out.\n"
        "  Budgets as they stood before decision {}:\n",
        exact_money(text_of(attempt, "bound_usd")), count_text(number_of(attempt, "input_bound")),
        count_text(number_of(attempt, "max_output")), number_of(attempt, "sequence"));
    for (const Json& part : budgets) out += part_text(part);
    return out;
}

std::string charges_text(const Json& attempt) {
    using enum Table::Align;
    Table table({{"   MODEL"},
                 {"TIER"},
                 {"CLASS"},
                 {"QUANTITY", right},
                 {"PRICE", right},
                 {"COST", right},
                 {"PRICE ROW"}});
    for (const Json& charge : attempt["charges"]) {
        const bool unit = charge.contains("usd_each");
        table.add({"   " + text_of(charge, "model"), text_of(charge, "tier"),
                   text_of(charge, "class"), count_text(number_of(charge, "quantity")),
                   unit ? price_money(text_of(charge, "usd_each")) + " each"
                        : price_money(text_of(charge, "usd_per_million")) + " /M",
                   exact_money(text_of(charge, "cost_usd")),
                   text_of(charge, "price") +
                       (charge.value("price_fallback", false) ? " (nearest class)" : "")});
    }
    return table.empty() ? "" : table.text();
}

std::string price_text(const Json& attempt) {
    const Json& price = attempt["price"];
    if (price.value("free", false)) return "  The target is declared free.\n";
    if (price.value("unpriced", false)) {
        return "  UNPRICED: the price book has no row for a model that was billed, so its cost is "
               "not in the sum.\n";
    }
    if (!price["book"].is_string()) return "";
    std::string out = fmt::format("  Priced by book {}", text_of(price, "book").substr(0, 12));
    if (price["id"].is_string()) out += ", row " + text_of(price, "id");
    out += ".\n";
    if (price.value("provisional", false)) {
        out +=
            "  The price is provisional: the vendor's dearest, until the model's own is known.\n";
    }
    return out;
}

std::string usage_text(const Json& attempt) {
    const Json& usage = attempt["usage"];
    const std::string completeness = text_of(usage, "completeness");
    std::string out;
    if (!completeness.empty()) {
        out +=
            fmt::format("  Usage is {}: {}.\n", completeness, meaning(kCompleteness, completeness));
    }
    for (const Json& note : usage["notes"]) {
        out += fmt::format("  Note: {}.\n", meaning(kUsageNotes, note.get<std::string>()));
    }
    out += charges_text(attempt);
    const std::string cost = text_of(attempt, "cost_usd");
    const std::string charge = text_of(attempt, "charge_usd");
    out += fmt::format("  Cost {}", exact_money(cost));
    out += cost == charge ? ", charged to the budgets as such.\n"
                          : fmt::format(" as far as is known; {} is charged to the budgets.\n",
                                        exact_money(charge));
    const std::string overrun = text_of(attempt, "overrun_usd");
    if (!overrun.empty() && overrun != "0.00") {
        out += fmt::format("  OVERRUN: the provider billed {} above the bound.\n",
                           exact_money(overrun));
    }
    return out;
}

std::string corrections_text(const Json& attempt) {
    std::string out;
    for (const Json& c : attempt["corrections"]) {
        out += fmt::format("  Corrected {} UTC by {}: cost {}, charge {}, tokens {}; {}\n",
                           time_text(text_of(c, "at")), text_of(c, "actor"),
                           exact_money(text_of(c, "cost_delta_usd")),
                           exact_money(text_of(c, "charge_delta_usd")), number_of(c, "token_delta"),
                           printable(text_of(c, "reason")));
    }
    return out;
}

std::string sent_text(const Json& attempt) {
    const Json& outcome = attempt["outcome"];
    std::string out;
    if (attempt["dispatched_at"].is_string()) {
        out += fmt::format("  Sent {} UTC; ", time_text(text_of(attempt, "dispatched_at")));
        const std::int64_t status = number_of(outcome, "provider_status");
        out += status == 0 ? "the provider did not answer" : fmt::format("answered {}", status);
        out += fmt::format(", first byte after {}, all after {}.\n",
                           micros_text(number_of(outcome, "first_byte_us")),
                           micros_text(number_of(outcome, "total_us")));
    }
    if (outcome.value("client_gone", false)) out += "  The client left before the end.\n";
    if (outcome["error"].is_string()) {
        const std::string text = printable(text_of(outcome, "error_text"));
        out += fmt::format("  Error {}{}\n", text_of(outcome, "error"),
                           text.empty() ? "." : ": " + text);
    }
    for (const Json& note : attempt["notes"]) {
        out += fmt::format("  Changed on the way: {}.\n", printable(note.get<std::string>()));
    }
    return out;
}

std::string attempt_text(const Json& attempt, std::size_t of) {
    const bool refused = text_of(attempt, "state") == "refused";
    std::string target = text_of(attempt, "provider");
    if (!target.empty()) target += "/";
    target += text_of(attempt, "model");
    std::string out = "\n";
    if (refused) {
        out += "Refused before it was sent";
    } else {
        out += fmt::format("Attempt {} of {}", number_of(attempt, "attempt"), of);
    }
    out += (target.empty() ? "" : ": " + printable(target)) + "\n";
    out += decision_text(attempt);
    out += sent_text(attempt);
    if (refused) return out;
    const std::string state = text_of(attempt, "state");
    if (state != "settled") out += fmt::format("  {}\n", meaning(kStates, state));
    if (state == "open" || state == "released") return out;
    return out + usage_text(attempt) + price_text(attempt) + corrections_text(attempt);
}

}  // namespace

std::string explain_call(const Json& call) {
    std::string out = head_text(call) + attribution_text(call);
    const Json& attempts = call["attempts"];
    for (const Json& attempt : attempts) out += attempt_text(attempt, attempts.size());
    return out;
}

}  // namespace weir::app
