// The price book of this process: the embedded catalogue, then imported ones in their order, then
// negotiated rates; each goes before what came earlier.
#pragma once

#include <memory>
#include <string>

#include "app/config.h"
#include "core/price.h"

namespace weir::app {

struct BookWithSources {
    std::shared_ptr<const core::PriceBook> book;
    // All that the book was read from, so that it can be read again years later.
    std::string sources;
};

// Catalogues kept by `weir prices import` lie in <data>/prices, read in order of their names; those
// of the configuration come after them. Errors: config_invalid, naming the file.
Result<BookWithSources> read_price_book(const Config& config);

// Keeps a catalogue for the next read_price_book. `name`: a file name of letters, digits, '.', '-',
// '_'. Errors: invalid_parameter, io.
Result<> keep_catalogue(const Config& config, std::string_view name, std::string_view catalogue);

}  // namespace weir::app
