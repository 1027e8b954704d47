// For tests of what the database holds: books of their own, which take records as the bookkeeper
// would, and a directory beside them.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <vector>

#include "store/directory.h"
#include "store/ledger_fold.h"
#include "store/schema.h"
#include "store/store_fixture.h"

namespace weir::store {

struct Books {
    ScratchDirectory scratch;
    Database database = open_store(scratch.file("weir.db")).value();
    LedgerFold fold = LedgerFold::open(database).value();

    void take(const std::vector<ledger::Record>& records) {
        const Result<> done = fold.fold(records, {});
        ASSERT_TRUE(done) << done.error().detail();
    }
    // Calls of these numbers, admitted and ended.
    void settle(std::uint64_t from, std::uint64_t to) {
        std::vector<ledger::Record> records;
        for (std::uint64_t seq = from; seq <= to; ++seq) {
            records.emplace_back(admit_of(attempt(seq)));
            records.emplace_back(end_of(attempt(seq)));
        }
        take(records);
    }
};

struct BooksAndDirectory : Books {
    SeededRng rng{4};
    std::unique_ptr<Directory> directory =
        Directory::open(
            scratch.file("weir.db"), [](std::string_view) { return core::Digest{}; }, rng)
            .value();
};

}  // namespace weir::store
