#include "store/schema.h"

#include <gtest/gtest.h>

#include "store/store_fixture.h"

namespace weir::store {
namespace {

struct Store {
    ScratchDirectory scratch;
    Database database = open_store(scratch.file("weir.db")).value();

    // What SQLite does for a statement: the plan, or the instructions.
    std::string explained(std::string_view how, const std::string& sql, int column) {
        Statement rows = database.prepare(std::string{how} + sql).value();
        std::string out;
        while (rows.step().value()) out.append(rows.text(column)).append("\n");
        return out;
    }
};

// A start looks for the holds of dead processes among all entries there ever were.
TEST(Schema, OpenHoldsAreFoundWithoutReadingAllEntries) {
    Store store;
    for (const std::string where : {"state='open' AND epoch<7", "state='unknown'"}) {
        const std::string plan =
            store.explained("EXPLAIN QUERY PLAN ", "SELECT parts FROM entries WHERE " + where, 3);
        EXPECT_NE(plan.find("entries_open"), std::string::npos) << where << ": " << plan;
    }
}

// An IN in the condition of an index builds a temporary table for every row that is written: that
// was a third of the fold.
TEST(Schema, WritingAnEntryNeedsNoTemporaryTable) {
    Store store;
    for (const std::string sql :
         {"INSERT INTO entries (epoch,worker,seq,ordinal,admitted_at) VALUES (1,2,3,4,5)",
          "UPDATE entries SET state='settled' WHERE row=1"}) {
        const std::string code = store.explained("EXPLAIN ", sql, 1);
        EXPECT_NE(code.find("IdxInsert"), std::string::npos) << code;
        EXPECT_EQ(code.find("OpenEphemeral"), std::string::npos) << sql;
    }
}

}  // namespace
}  // namespace weir::store
