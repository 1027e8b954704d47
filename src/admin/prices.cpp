#include <algorithm>
#include <fmt/format.h>
#include <set>

#include "admin/fields.h"
#include "admin/handlers.h"
#include "admin/price_json.h"
#include "core/identify.h"

namespace weir::admin {
namespace {

constexpr std::int64_t kRowsMax = 10'000;
constexpr std::int64_t kRowsUsual = 200;
constexpr std::size_t kChangesMax = 1'000;
constexpr std::size_t kSkippedMax = 200;

bool in_effect(const core::PriceRow& row, UnixTime at) {
    return (!row.from || *row.from <= at) && (!row.until || at < *row.until);
}

std::string lower(std::string_view text) {
    std::string out{text};
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

// Where both words are given a row must match both.
bool is_asked(const core::PriceRow& row, const std::optional<std::string>& provider,
              const std::optional<std::string>& model) {
    if (provider && row.provider != *provider) return false;
    return !model || core::glob_matches(lower(*model), lower(row.model));
}

std::set<std::string> vendors(const core::PriceBook& book) {
    std::set<std::string> out;
    for (const core::PriceRow& row : book.rows()) out.insert(row.provider);
    return out;
}

struct Catalogue {
    std::string name;
    bool dry_run = false;
};

Result<Catalogue> read_catalogue_query(const Request& request) {
    Fields query = Fields::of_query(request.query, {"name", "dry_run"});
    Catalogue out;
    out.name = query.text_or("name", "import");
    out.dry_run = query.flag("dry_run");
    const bool plain = std::ranges::all_of(out.name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    });
    if (!plain || out.name.empty() || out.name.size() > 64 || out.name.starts_with('.')) {
        query.complain("'name' is of letters, digits, '.', '-' and '_', at most 64.");
    }
    if (Result<> good = query.problem(); !good) return std::unexpected(std::move(good).error());
    return out;
}

Json effect_json(const Catalogue& catalogue, const store::ParsedPrices& parsed,
                 const ImportEffect& effect, bool imported) {
    // What jumps comes first: it must not be what is cut off.
    Json changes = Json::array();
    std::size_t changes_total = 0;
    for (const bool jumps : {true, false}) {
        for (const store::PriceChange& change : effect.changes) {
            if (change.kind != store::PriceChange::Kind::changed || change.jump != jumps) continue;
            if (++changes_total <= kChangesMax) changes.push_back(price_change_json(change));
        }
    }
    Json added = Json::array();
    for (const store::PriceChange& change : effect.changes) {
        if (change.kind != store::PriceChange::Kind::added) continue;
        if (added.size() == kChangesMax) break;
        added.push_back(change.id);
    }
    Json skipped = Json::array();
    for (const store::SkippedPrice& skip : parsed.skipped) {
        if (skipped.size() == kSkippedMax) break;
        skipped.push_back({{"model", skip.model}, {"reason", skip.reason}});
    }
    return {{"name", catalogue.name},
            {"imported", imported},
            {"rows", parsed.rows.size()},
            {"rows_added", effect.added},
            {"rows_changed", effect.changed},
            {"rows_same", effect.same},
            {"rows_overruled", effect.overruled},
            {"jumps", effect.jumps},
            {"changes_total", changes_total},
            {"changes", std::move(changes)},
            {"added", std::move(added)},
            {"skipped_total", parsed.skipped.size()},
            {"skipped", std::move(skipped)}};
}

Result<Answer> take_catalogue(Services& services, const Request& request, bool keep) {
    Result<Catalogue> catalogue = read_catalogue_query(request);
    if (!catalogue) return std::unexpected(std::move(catalogue).error());
    Result<store::ParsedPrices> parsed = store::parse_catalogue(request.body);
    if (!parsed) return std::unexpected(std::move(parsed).error());
    if (parsed->rows.empty()) {
        return fail(ErrorCode::config_invalid, "The catalogue holds no price that Weir can use.");
    }
    const auto policy = services.policy();
    const ImportEffect effect = effect_of(*policy->prices, parsed->rows, request.now);
    const bool imported = keep && !catalogue->dry_run;
    if (imported) {
        if (Result<> done = services.import_prices(catalogue->name, request.body); !done) {
            return std::unexpected(std::move(done).error());
        }
        const Json before = {{"book", policy->prices->hash()}};
        const Json after = {{"book", services.policy()->prices->hash()},
                            {"rows", parsed->rows.size()},
                            {"rows_added", effect.added},
                            {"rows_changed", effect.changed}};
        Result<> noted = services.directory.note_change(request.change(), "prices.import",
                                                        "prices:" + catalogue->name,
                                                        to_text(before), to_text(after));
        if (!noted) return std::unexpected(std::move(noted).error());
    }
    return answer(effect_json(*catalogue, *parsed, effect, imported), imported ? 201 : 200);
}

}  // namespace

Result<Answer> list_prices(Services& services, const Request& request) {
    Fields query =
        Fields::of_query(request.query, {"provider", "model", "at", "all", "limit", "offset"});
    const auto provider = query.text("provider");
    const auto model = query.text("model");
    const UnixTime at = query.time("at").value_or(request.now);
    const bool all = query.flag("all");
    const std::int64_t limit = query.integer("limit", 1, kRowsMax).value_or(kRowsUsual);
    std::int64_t offset = query.integer("offset", 0, INT64_MAX).value_or(0);
    if (Result<> good = query.problem(); !good) return std::unexpected(std::move(good).error());
    const auto policy = services.policy();
    Json list = Json::array();
    std::size_t total = 0;
    for (const core::PriceRow& row : policy->prices->rows()) {
        if (!is_asked(row, provider, model) || (!all && !in_effect(row, at))) continue;
        ++total;
        if (offset-- > 0 || list.size() >= static_cast<std::size_t>(limit)) continue;
        list.push_back(price_row_json(row));
    }
    return answer({{"book", policy->prices->hash()},
                   {"at", json_time(at)},
                   {"rows", std::move(list)},
                   {"rows_total", total}});
}

// What a call that names the model would be priced at, at each vendor that has it.
Result<Answer> find_prices(Services& services, const Request& request) {
    Fields query = Fields::of_query(request.query, {"provider", "model", "at"});
    const std::string model = query.required("model");
    const auto provider = query.text("provider");
    const UnixTime at = query.time("at").value_or(request.now);
    if (Result<> good = query.problem(); !good) return std::unexpected(std::move(good).error());
    const auto policy = services.policy();
    Json list = Json::array();
    for (const std::string& vendor : vendors(*policy->prices)) {
        if (provider && vendor != *provider) continue;
        const core::PriceRow* row = policy->prices->find(vendor, model, at);
        if (row != nullptr) list.push_back(price_row_json(*row));
    }
    if (list.empty()) {
        return fail(ErrorCode::not_found,
                    fmt::format("The price book has no price for {}{}.", model.substr(0, 128),
                                provider ? " at " + *provider : std::string{}));
    }
    return answer({{"book", policy->prices->hash()},
                   {"model", model},
                   {"at", json_time(at)},
                   {"rows", std::move(list)}});
}

Result<Answer> import_prices(Services& services, const Request& request) {
    return take_catalogue(services, request, true);
}

Result<Answer> compare_prices(Services& services, const Request& request) {
    return take_catalogue(services, request, false);
}

}  // namespace weir::admin
