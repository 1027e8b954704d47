#include "store/sqlite.h"

#include <sqlite3.h>

#include "base/check.h"

namespace weir::store {
namespace {

constexpr int kBusyTimeoutMs = 5'000;
constexpr std::int64_t kSplitMax = std::int64_t{1} << 62;

ErrorCode code_of(int rc) {
    switch (rc & 0xff) {
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return ErrorCode::corrupt;
        case SQLITE_CONSTRAINT:
            return ErrorCode::conflict;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_FULL:
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_NOMEM:
            return ErrorCode::io;
        default:
            return ErrorCode::internal;
    }
}

const char* message_of(int rc) {
    switch (rc & 0xff) {
        case SQLITE_FULL:
            return "the disk under the database is full: free space; nothing is lost, the journal "
                   "is read again from where it was";
        case SQLITE_IOERR:
            return "reading or writing the database failed: look at the disk; nothing is lost, the "
                   "journal is read again from where it was";
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return "the database is busy in another process or thread: try again";
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return "the database cannot be read: stop Weir, move the file (and its -wal and -shm) "
                   "aside and start again; `weir serve` rebuilds it from the journal, as far back "
                   "as its segments remain";
        case SQLITE_CANTOPEN:
        case SQLITE_READONLY:
        case SQLITE_PERM:
            return "the database cannot be opened: look at the path and its permissions";
        default:
            return "the database refused a statement";
    }
}

std::unexpected<Error> sqlite_error(int rc, sqlite3* handle) {
    std::string detail = sqlite3_errstr(rc);
    if (handle != nullptr) {
        detail += ": ";
        detail += sqlite3_errmsg(handle);
        if (const char* file = sqlite3_db_filename(handle, "main")) {
            detail += " (";
            detail += file;
            detail += ")";
        }
    }
    return fail(code_of(rc), message_of(rc), std::move(detail));
}

}  // namespace

Statement::~Statement() { sqlite3_finalize(handle_); }

Statement::Statement(Statement&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
    if (this != &other) {
        sqlite3_finalize(handle_);
        handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
}

Statement& Statement::bind(int index, std::int64_t value) {
    WEIR_CHECK(sqlite3_bind_int64(handle_, index, value) == SQLITE_OK);
    return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
    const char* bytes = text.data() == nullptr ? "" : text.data();
    WEIR_CHECK(sqlite3_bind_text64(handle_, index, bytes, text.size(), SQLITE_STATIC,
                                   SQLITE_UTF8) == SQLITE_OK);
    return *this;
}

Statement& Statement::bind_blob(int index, std::string_view bytes) {
    const char* data = bytes.data() == nullptr ? "" : bytes.data();
    WEIR_CHECK(sqlite3_bind_blob64(handle_, index, data, bytes.size(), SQLITE_STATIC) == SQLITE_OK);
    return *this;
}

Statement& Statement::bind_null(int index) {
    WEIR_CHECK(sqlite3_bind_null(handle_, index) == SQLITE_OK);
    return *this;
}

Statement& Statement::bind_optional(int index, std::optional<std::int64_t> value) {
    return value ? bind(index, *value) : bind_null(index);
}

Statement& Statement::bind_money(int index, Money value) {
    Int128 usd = value.pico() / Money::kPicoPerUsd;
    Int128 rest = value.pico() % Money::kPicoPerUsd;
    if (rest < 0) {
        rest += Money::kPicoPerUsd;
        --usd;
    }
    // Nobody spends 4.6e18 dollars: such a figure is a broken record, shown as the largest one.
    if (usd > kSplitMax) usd = kSplitMax;
    if (usd < -kSplitMax) usd = -kSplitMax;
    bind(index, static_cast<std::int64_t>(usd));
    return bind(index + 1, static_cast<std::int64_t>(rest));
}

Statement& Statement::bind_int128(int index, Int128 value, std::string& scratch) {
    scratch = to_string(value);
    return bind(index, scratch);
}

Result<bool> Statement::step() {
    const int rc = sqlite3_step(handle_);
    if (rc == SQLITE_ROW) return true;
    if (rc == SQLITE_DONE) {
        sqlite3_reset(handle_);
        return false;
    }
    auto error = sqlite_error(rc, sqlite3_db_handle(handle_));
    sqlite3_reset(handle_);
    return error;
}

Result<> Statement::run() {
    for (;;) {
        Result<bool> row = step();
        if (!row) return std::unexpected(std::move(row).error());
        if (!*row) return {};
    }
}

void Statement::reset() { sqlite3_reset(handle_); }

bool Statement::is_null(int column) const {
    return sqlite3_column_type(handle_, column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(handle_, column); }

std::optional<std::int64_t> Statement::optional_integer(int column) const {
    if (is_null(column)) return std::nullopt;
    return integer(column);
}

std::string_view Statement::text(int column) const {
    const void* bytes = sqlite3_column_blob(handle_, column);
    const int size = sqlite3_column_bytes(handle_, column);
    if (bytes == nullptr || size <= 0) return {};
    return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

Money Statement::money(int column) const {
    return Money::from_pico(Int128{integer(column)} * Money::kPicoPerUsd + integer(column + 1));
}

Int128 Statement::int128(int column) const { return parse_int128(text(column)).value_or(0); }

Result<Database> Database::open(const std::string& path, Mode mode) {
    const int flags = SQLITE_OPEN_NOMUTEX |
                      (mode == Mode::read_only ? SQLITE_OPEN_READONLY
                                               : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    sqlite3* handle = nullptr;
    const int rc = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
    Database database{handle, path};
    if (rc != SQLITE_OK) return sqlite_error(rc, handle);
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, kBusyTimeoutMs);
    // An entry is some 2.3 kB: of a page of the usual 4 kB nearly half would be left empty, and yet
    // be summed and written twice.
    const char* setup = mode == Mode::read_only ? "PRAGMA query_only=1;"
                                                : "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; "
                                                  "PRAGMA foreign_keys=1;";
    if (Result<> done = database.exec(setup); !done)
        return std::unexpected(std::move(done).error());
    return database;
}

Database::~Database() { sqlite3_close_v2(handle_); }

Database::Database(Database&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)), path_(std::move(other.path_)) {}

Database& Database::operator=(Database&& other) noexcept {
    if (this != &other) {
        sqlite3_close_v2(handle_);
        handle_ = std::exchange(other.handle_, nullptr);
        path_ = std::move(other.path_);
    }
    return *this;
}

Result<> Database::exec(std::string_view sql) {
    const std::string terminated{sql};
    const int rc = sqlite3_exec(handle_, terminated.c_str(), nullptr, nullptr, nullptr);
    if (rc != SQLITE_OK) return sqlite_error(rc, handle_);
    return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* statement = nullptr;
    const int rc = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (rc != SQLITE_OK) return sqlite_error(rc, handle_);
    return Statement{statement};
}

Result<std::optional<std::int64_t>> Database::query_integer(std::string_view sql) {
    Result<Statement> statement = prepare(sql);
    if (!statement) return std::unexpected(std::move(statement).error());
    Result<bool> row = statement->step();
    if (!row) return std::unexpected(std::move(row).error());
    if (!*row) return std::nullopt;
    return statement->optional_integer(0);
}

Result<std::optional<std::string>> Database::query_text(std::string_view sql) {
    Result<Statement> statement = prepare(sql);
    if (!statement) return std::unexpected(std::move(statement).error());
    Result<bool> row = statement->step();
    if (!row) return std::unexpected(std::move(row).error());
    if (!*row) return std::nullopt;
    return statement->string(0);
}

std::int64_t Database::changes() const { return sqlite3_changes64(handle_); }
std::int64_t Database::last_row() const { return sqlite3_last_insert_rowid(handle_); }
bool Database::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

Result<Transaction> Transaction::begin(Database& database) {
    if (Result<> done = database.exec("BEGIN IMMEDIATE"); !done) {
        return std::unexpected(std::move(done).error());
    }
    return Transaction{database};
}

Result<Transaction> Transaction::begin_read(Database& database) {
    if (Result<> done = database.exec("BEGIN"); !done) {
        return std::unexpected(std::move(done).error());
    }
    return Transaction{database};
}

Transaction::~Transaction() {
    // SQLite rolls some failures back by itself; a second ROLLBACK would only be an error.
    if (database_ != nullptr && database_->in_transaction()) (void)database_->exec("ROLLBACK");
}

Result<> Transaction::commit() {
    Result<> done = database_->exec("COMMIT");
    if (done) database_ = nullptr;
    return done;
}

}  // namespace weir::store
