#include "app/price_sources.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

#include "app/small_file.h"
#include "store/embedded_prices.h"
#include "store/price_source.h"

namespace weir::app {
namespace {

namespace fs = std::filesystem;

std::string kept_directory(const Config& config) { return config.data_dir + "/prices"; }

std::vector<std::string> kept_catalogues(const Config& config) {
    std::vector<std::string> paths;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(kept_directory(config), error)) {
        if (entry.path().extension() == ".json") paths.push_back(entry.path().string());
    }
    std::ranges::sort(paths);
    return paths;
}

std::unexpected<Error> in_file(const std::string& path, const Error& error) {
    return fail(ErrorCode::config_invalid, fmt::format("{}: {}", path, error.message()));
}

struct Gathered {
    std::vector<core::PriceRow> rows;
    std::string sources;
    void add(std::vector<core::PriceRow> more, std::string_view name, std::string_view text) {
        std::ranges::move(more, std::back_inserter(rows));
        sources += fmt::format("--- {} {}\n", name, text.size());
        sources += text;
        sources += '\n';
    }
};

Result<> add_catalogue(const std::string& path, Gathered& gathered) {
    auto text = read_file(path);
    if (!text) return std::unexpected(text.error());
    auto parsed = store::parse_catalogue(*text);
    if (!parsed) return in_file(path, parsed.error());
    gathered.add(std::move(parsed->rows), path, *text);
    return {};
}

}  // namespace

Result<BookWithSources> read_price_book(const Config& config) {
    Gathered gathered;
    auto embedded = store::embedded_prices();
    if (!embedded) return std::unexpected(embedded.error());
    gathered.add(std::move(*embedded), "embedded", store::embedded_prices_json());
    std::vector<std::string> catalogues = kept_catalogues(config);
    std::ranges::copy(config.price_imports, std::back_inserter(catalogues));
    for (const std::string& path : catalogues) {
        if (auto added = add_catalogue(path, gathered); !added) {
            return std::unexpected(added.error());
        }
    }
    if (!config.price_overlay.empty()) {
        auto text = read_file(config.price_overlay);
        if (!text) return std::unexpected(text.error());
        auto rows = store::parse_overlay(*text);
        if (!rows) return in_file(config.price_overlay, rows.error());
        gathered.add(std::move(*rows), config.price_overlay, *text);
    }
    auto book = core::PriceBook::build(std::move(gathered.rows));
    if (!book) return std::unexpected(book.error());
    return BookWithSources{std::move(*book), std::move(gathered.sources)};
}

Result<> keep_catalogue(const Config& config, std::string_view name, std::string_view catalogue) {
    constexpr std::string_view kAllowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    bool plain = !name.empty() && name.size() <= 100 && name.front() != '.' &&
                 name.find_first_not_of(kAllowed) == std::string_view::npos;
    if (!plain) {
        return fail(ErrorCode::invalid_parameter,
                    "A catalogue's name is made of letters, digits, '.', '-' and '_'.");
    }
    std::error_code error;
    fs::create_directories(kept_directory(config), error);
    if (error) {
        return fail(ErrorCode::io,
                    fmt::format("cannot make {}: {}", kept_directory(config), error.message()));
    }
    std::string path = fmt::format("{}/{}", kept_directory(config), name);
    if (!path.ends_with(".json")) path += ".json";
    return write_file(path, catalogue, 0644);
}

}  // namespace weir::app
