// The one door to SQLite: a connection and a prepared statement that close themselves, with errors
// as values. Nothing outside this pair of files includes SQLite's own header.
//
// Thread: a Database and its statements belong to one thread at a time (opened without SQLite's own
// mutex). Bound text is not copied: it must live until the statement is stepped.
// Errors: io (disk full, no permission, busy for longer than the timeout), corrupt (not a database,
// malformed pages), conflict (a constraint), internal (SQL of ours is wrong).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/money.h"

struct sqlite3;
struct sqlite3_stmt;

namespace weir::store {

class Statement {
 public:
    Statement() = default;
    ~Statement();
    Statement(Statement&& other) noexcept;
    Statement& operator=(Statement&& other) noexcept;

    // Parameters and columns. Parameters count from 1, columns from 0, as in SQLite.
    Statement& bind(int index, std::int64_t value);
    Statement& bind(int index, std::string_view text);
    Statement& bind_blob(int index, std::string_view bytes);
    Statement& bind_null(int index);
    Statement& bind_optional(int index, std::optional<std::int64_t> value);
    // Two parameters: whole US dollars (towards minus infinity), and the pico-USD that remain.
    Statement& bind_money(int index, Money value);
    // Decimal text; `scratch` must live until the statement is stepped.
    Statement& bind_int128(int index, Int128 value, std::string& scratch);

    // True: a row stands ready. False: done, and the statement is reset for its next use.
    Result<bool> step();
    // Runs to the end, for statements that return no row.
    Result<> run();
    void reset();

    bool is_null(int column) const;
    std::int64_t integer(int column) const;
    std::optional<std::int64_t> optional_integer(int column) const;
    // Valid until the next step or reset.
    std::string_view text(int column) const;
    std::string string(int column) const { return std::string{text(column)}; }
    Money money(int column) const;
    // 0 where the column is not a decimal number.
    Int128 int128(int column) const;

 private:
    friend class Database;
    explicit Statement(sqlite3_stmt* handle) : handle_(handle) {}
    sqlite3_stmt* handle_ = nullptr;
};

class Database {
 public:
    enum class Mode : std::uint8_t { read_write, read_only };
    // WAL, foreign keys on, busy for at most five seconds. Creates the file in read_write mode.
    static Result<Database> open(const std::string& path, Mode mode);
    ~Database();
    Database(Database&& other) noexcept;
    Database& operator=(Database&& other) noexcept;

    Result<> exec(std::string_view sql);
    Result<Statement> prepare(std::string_view sql);
    // First column of the first row; nullopt without a row.
    Result<std::optional<std::int64_t>> query_integer(std::string_view sql);
    Result<std::optional<std::string>> query_text(std::string_view sql);
    std::int64_t changes() const;
    std::int64_t last_row() const;
    bool in_transaction() const;
    const std::string& path() const { return path_; }

 private:
    Database(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}
    sqlite3* handle_ = nullptr;
    std::string path_;
};

// Rolls back unless committed. The write lock is taken at the start, so a transaction never fails
// half-way for being second.
class Transaction {
 public:
    static Result<Transaction> begin(Database& database);
    // A read transaction: one view of the database for several statements.
    static Result<Transaction> begin_read(Database& database);
    ~Transaction();
    Transaction(Transaction&& other) noexcept
        : database_(std::exchange(other.database_, nullptr)) {}
    Transaction& operator=(Transaction&&) = delete;
    Result<> commit();

 private:
    explicit Transaction(Database& database) : database_(&database) {}
    Database* database_;
};

}  // namespace weir::store
