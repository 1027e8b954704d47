#include "app/cli_price_table.h"

#include <algorithm>
#include <fmt/format.h>

#include "app/cli_family.h"
#include "app/cli_text.h"

namespace weir::app {
namespace {

constexpr std::size_t kShown = 40;

std::string price_of(const Json& band, const char* group, const std::string& name) {
    const Json& prices = band[group];
    return prices.contains(name) ? price_money(prices[name].get<std::string>()) : "";
}

// Classes and units that any band of the row prices, in the order of the first that has them.
std::vector<std::string> names_in(const Json& row, const char* group) {
    std::vector<std::string> names;
    for (const Json& tier : row["tiers"]) {
        for (const Json& band : tier["bands"]) {
            for (const auto& [name, price] : band[group].items()) {
                if (std::ranges::find(names, name) == names.end()) names.push_back(name);
            }
        }
    }
    return names;
}

std::string dates(const Json& row) {
    const std::string from = text_of(row, "from").substr(0, 10);
    const std::string until = text_of(row, "until").substr(0, 10);
    if (from.empty() && until.empty()) return "always";
    if (until.empty()) return "since " + from;
    return from.empty() ? "until " + until : from + " to " + until;
}

std::string limits(const Json& row) {
    std::string out;
    if (const auto n = number_of(row, "context_window"); n > 0) {
        out += fmt::format("   context {} tokens", count_text(n));
    }
    if (const auto n = number_of(row, "max_output"); n > 0) {
        out += fmt::format("   max output {}", count_text(n));
    }
    return out;
}

void add_group(Table& table, const Json& row, const char* group, std::string_view unit) {
    for (const std::string& name : names_in(row, group)) {
        std::vector<std::string> cells{"  " + name + std::string{unit}};
        for (const Json& tier : row["tiers"]) {
            for (const Json& band : tier["bands"]) cells.push_back(price_of(band, group, name));
        }
        table.add(std::move(cells));
    }
}

}  // namespace

std::string price_list(const Json& answer) {
    using enum Table::Align;
    Table table({{"VENDOR"},
                 {"MODEL"},
                 {"INPUT /M", right},
                 {"CACHED /M", right},
                 {"OUTPUT /M", right},
                 {"IN FORCE"},
                 {"FROM"},
                 {""}});
    for (const Json& row : answer["rows"]) {
        const Json& tiers = row["tiers"];
        if (tiers.empty() || tiers[0]["bands"].empty()) continue;
        const Json& band = tiers[0]["bands"][0];
        const bool more = tiers.size() > 1 || tiers[0]["bands"].size() > 1;
        table.add({text_of(row, "provider"), text_of(row, "model"),
                   price_of(band, "usd_per_million", "input"),
                   price_of(band, "usd_per_million", "cache_read"),
                   price_of(band, "usd_per_million", "output"), dates(row), text_of(row, "origin"),
                   more ? "+ tiers or bands" : ""});
    }
    if (table.empty()) return "no such prices\n";
    const std::int64_t more =
        number_of(answer, "rows_total") - static_cast<std::int64_t>(answer["rows"].size());
    std::string out = table.text();
    if (more > 0) out += fmt::format("({} more: --limit)\n", more);
    return out;
}

std::string price_row_table(const Json& row) {
    std::string out = fmt::format("{}   {}, {}{}\n", text_of(row, "id"), text_of(row, "origin"),
                                  dates(row), limits(row));
    if (row.contains("daily_utc_seconds")) {
        const Json& hours = row["daily_utc_seconds"];
        out += fmt::format("only from {:02}:{:02} to {:02}:{:02} UTC\n",
                           number_of(hours, "from") / 3600, number_of(hours, "from") / 60 % 60,
                           number_of(hours, "until") / 3600, number_of(hours, "until") / 60 % 60);
    }
    std::vector<Table::Column> columns{{"  $ PER MILLION TOKENS"}};
    for (const Json& tier : row["tiers"]) {
        for (const Json& band : tier["bands"]) {
            std::string title = text_of(tier, "tier");
            if (const auto above = number_of(band, "above_input_tokens"); above > 0) {
                title += fmt::format(" > {}", count_text(above));
            }
            columns.push_back({title, Table::Align::right});
        }
    }
    Table table(std::move(columns));
    add_group(table, row, "usd_per_million", "");
    add_group(table, row, "usd_each", " (each)");
    out += table.text();
    if (number_of(row["tiers"][0]["bands"].back(), "above_input_tokens") > 0) {
        out += "  \"> n\": of calls with more input tokens than that, for all their tokens\n";
    }
    return out;
}

std::string price_effect(const Json& effect) {
    using enum Table::Align;
    std::string out = fmt::format(
        "{} rows: {} new, {} change prices, {} as they are, {} overruled by negotiated rates; {} "
        "entries skipped\n",
        number_of(effect, "rows"), number_of(effect, "rows_added"),
        number_of(effect, "rows_changed"), number_of(effect, "rows_same"),
        number_of(effect, "rows_overruled"), number_of(effect, "skipped_total"));
    Table table({{"MODEL"}, {"WHAT"}, {"BEFORE", right}, {"AFTER", right}, {""}});
    const auto price = [](const Json& change, const char* name) {
        return change[name].is_string() ? price_money(text_of(change, name)) : "none";
    };
    for (const Json& change : effect["changes"]) {  // jumps come first
        if (table.rows() == kShown) break;
        table.add({text_of(change, "provider") + "/" + text_of(change, "model"),
                   text_of(change, "what"), price(change, "before"), price(change, "after"),
                   change.value("jump", false) ? "! threefold or more" : ""});
    }
    if (!table.empty()) out += table.text();
    const auto more = number_of(effect, "changes_total") - static_cast<std::int64_t>(table.rows());
    if (more > 0) out += fmt::format("({} more: --json)\n", more);
    out += effect.value("imported", false)
               ? fmt::format("imported as '{}': calls are priced by it from now on\n",
                             text_of(effect, "name"))
               : std::string{"nothing was changed\n"};
    return out;
}

}  // namespace weir::app
