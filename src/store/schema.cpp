#include "store/schema.h"

#include <array>
#include <fmt/core.h>
#include <sys/stat.h>

extern "C" const char weir_embed_store_schema[];
extern "C" const std::size_t weir_embed_store_schema_size;

namespace weir::store {
namespace {

// "WEIR" in ASCII: tells our file from any other SQLite file.
constexpr std::int64_t kApplicationId = 0x57454952;
// Above this, reading every page would delay the start for longer than it is worth.
constexpr off_t kCheckedBytesMax = off_t{64} << 20;

// What brings a database of version i to i + 1.
std::array<std::string_view, kSchemaVersion> migrations() {
    return {std::string_view{weir_embed_store_schema, weir_embed_store_schema_size}};
}

constexpr std::string_view kMoveAside =
    "stop Weir, move the file (and its -wal and -shm) aside and start again; `weir serve` rebuilds "
    "it from the journal, as far back as its segments remain";

Result<> quick_check(Database& database) {
    struct stat info{};
    if (::stat(database.path().c_str(), &info) != 0 || info.st_size > kCheckedBytesMax) return {};
    Result<std::optional<std::string>> verdict = database.query_text("PRAGMA quick_check(1)");
    if (!verdict) return std::unexpected(std::move(verdict).error());
    if (verdict->value_or("") == "ok") return {};
    return fail(ErrorCode::corrupt, fmt::format("{} is damaged: {}", database.path(), kMoveAside),
                verdict->value_or("no answer"));
}

Result<std::int64_t> version_of(Database& database) {
    Result<std::optional<std::int64_t>> version = database.query_integer("PRAGMA user_version");
    if (!version) return std::unexpected(std::move(version).error());
    if (version->value_or(0) > kSchemaVersion) {
        return fail(ErrorCode::conflict,
                    fmt::format("{} was made by a newer Weir (schema {}, this one knows {}): use "
                                "that version",
                                database.path(), **version, kSchemaVersion));
    }
    Result<std::optional<std::int64_t>> id = database.query_integer("PRAGMA application_id");
    if (!id) return std::unexpected(std::move(id).error());
    Result<std::optional<std::int64_t>> tables =
        database.query_integer("SELECT count(*) FROM sqlite_master");
    if (!tables) return std::unexpected(std::move(tables).error());
    if (id->value_or(0) != kApplicationId && tables->value_or(0) != 0) {
        return fail(ErrorCode::corrupt, fmt::format("{} is an SQLite file, but not Weir's: {}",
                                                    database.path(), kMoveAside));
    }
    return version->value_or(0);
}

Result<> migrate(Database& database) {
    Result<std::int64_t> before = version_of(database);
    if (!before) return std::unexpected(std::move(before).error());
    if (*before == kSchemaVersion) return {};
    Result<Transaction> transaction = Transaction::begin(database);
    if (!transaction) return std::unexpected(std::move(transaction).error());
    // Another process or thread may have been first.
    Result<std::int64_t> version = version_of(database);
    if (!version) return std::unexpected(std::move(version).error());
    const auto steps = migrations();
    for (auto at = static_cast<std::size_t>(*version); at < steps.size(); ++at) {
        if (Result<> done = database.exec(steps[at]); !done) return done;
    }
    Result<> marked = database.exec(fmt::format("PRAGMA application_id={}; PRAGMA user_version={}",
                                                kApplicationId, kSchemaVersion));
    if (!marked) return marked;
    return transaction->commit();
}

enum class Soundness : std::uint8_t { to_be_checked, known };

Result<Database> open_writer(const std::string& path, std::string_view synchronous,
                             Soundness soundness = Soundness::to_be_checked) {
    Result<Database> database = Database::open(path, Database::Mode::read_write);
    if (!database) return database;
    // A checkpoint of 2,000 pages writes each of the hot ones once, not once a commit.
    Result<> set =
        database->exec(fmt::format("PRAGMA synchronous={}; PRAGMA cache_size=-65536; "
                                   "PRAGMA wal_autocheckpoint=2000; PRAGMA temp_store=MEMORY",
                                   synchronous));
    if (!set) return std::unexpected(std::move(set).error());
    Result<> sound = soundness == Soundness::known ? Result<>{} : quick_check(*database);
    if (!sound) return std::unexpected(std::move(sound).error());
    if (Result<> done = migrate(*database); !done) return std::unexpected(std::move(done).error());
    return database;
}

}  // namespace

Result<Database> open_store(const std::string& path) { return open_writer(path, "NORMAL"); }

Result<Database> open_store_again(const std::string& path) {
    return open_writer(path, "NORMAL", Soundness::known);
}

Result<Database> open_store_durable(const std::string& path) { return open_writer(path, "FULL"); }

Result<Database> open_store_reader(const std::string& path) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) {
        return fail(ErrorCode::not_found,
                    fmt::format("there is no database at {}: start `weir serve` once", path));
    }
    Result<Database> database = Database::open(path, Database::Mode::read_only);
    if (!database) return database;
    Result<std::int64_t> version = version_of(*database);
    if (!version) return std::unexpected(std::move(version).error());
    if (*version != kSchemaVersion) {
        return fail(ErrorCode::conflict,
                    fmt::format("{} has schema {}, this Weir reads {}: start `weir serve` once",
                                path, *version, kSchemaVersion));
    }
    return database;
}

}  // namespace weir::store
