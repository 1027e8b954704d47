#include "store/chain_heads.h"

#include <algorithm>

namespace weir::store {
namespace {

int bind_segment(Statement& to, const ledger::SegmentName& segment) {
    to.bind(1, std::int64_t{segment.epoch});
    to.bind(2, std::int64_t{segment.worker});
    to.bind(3, std::int64_t{segment.seq});
    return 4;
}

}  // namespace

Result<std::vector<ledger::ChainHead>> read_chain_heads(Database& database) {
    Result<Statement> rows = database.prepare("SELECT epoch,worker,seq,digest FROM chain_heads");
    if (!rows) return std::unexpected(std::move(rows).error());
    std::vector<ledger::ChainHead> heads;
    for (;;) {
        Result<bool> row = rows->step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) return heads;
        ledger::ChainHead& head = heads.emplace_back();
        head.segment = {static_cast<std::uint32_t>(rows->integer(0)),
                        static_cast<std::uint16_t>(rows->integer(1)),
                        static_cast<std::uint32_t>(rows->integer(2))};
        const std::string_view digest = rows->text(3);
        if (digest.size() != head.digest.size()) {
            return fail(ErrorCode::corrupt, "a head of the journal's chain is not readable");
        }
        std::ranges::copy(digest, head.digest.begin());
    }
}

Result<> keep_chain_head(Database& database, const ledger::ChainHead& head) {
    Result<Statement> keep =
        database.prepare("INSERT OR REPLACE INTO chain_heads VALUES (?,?,?,?)");
    if (!keep) return std::unexpected(std::move(keep).error());
    const int digest = bind_segment(*keep, head.segment);
    keep->bind_blob(digest,
                    {reinterpret_cast<const char*>(head.digest.data()), head.digest.size()});
    return keep->run();
}

Result<> forget_chain_heads(Database& database, const std::vector<ledger::SegmentName>& segments) {
    Result<Statement> forget =
        database.prepare("DELETE FROM chain_heads WHERE epoch=? AND worker=? AND seq=?");
    if (!forget) return std::unexpected(std::move(forget).error());
    for (const ledger::SegmentName& segment : segments) {
        bind_segment(*forget, segment);
        if (Result<> done = forget->run(); !done) return done;
    }
    return {};
}

}  // namespace weir::store
