// Asks a running Weir over its admin API, one question after the other: what the command line
// stands on. Owner: the command. Thread: main. Errors carry what the API said; provider_unreachable
// says what to do where nothing answers.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/cli.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/time.h"

namespace weir::app {

using Json = nlohmann::ordered_json;

// --admin, else WEIR_ADMIN_URL, else what `serve` left in the data directory, else the default.
std::string find_admin_url(const CliContext& context);
struct AdminKey {
    Secret text;
    std::string from;  // WEIR_ADMIN_KEY, or the file
};
// WEIR_ADMIN_KEY, else the operator's key of the data directory. Errors: key_missing, saying both.
Result<AdminKey> find_admin_key(const CliContext& context);
// --data, else WEIR_DATA, else the default.
std::string find_data_dir(const CliContext& context);

class AdminClient {
 public:
    // How long an answer is waited for.
    static constexpr Duration kPatience = std::chrono::seconds{30};

    // Does not connect yet. Errors: key_missing, config_invalid (not a URL).
    static Result<AdminClient> open(const CliContext& context);
    AdminClient(AdminClient&&) noexcept;
    AdminClient& operator=(AdminClient&&) noexcept;
    ~AdminClient();

    // `path` under /admin/v1, with a query made by `query_of`.
    Result<Json> get(const std::string& path);
    Result<Json> post(const std::string& path, const Json& body, Duration patience = kPatience);
    Result<Json> put(const std::string& path, const Json& body);
    Result<Json> patch(const std::string& path, const Json& body);
    Result<Json> remove(const std::string& path);
    // A body that is not to be written again: a catalogue.
    Result<Json> post_text(const std::string& path, std::string body);
    void wait(Duration d);

 private:
    struct Impl;
    explicit AdminClient(std::unique_ptr<Impl> impl);
    Result<Json> ask(std::string_view method, const std::string& path, std::string body,
                     Duration patience = kPatience);
    std::unique_ptr<Impl> impl_;
};

using QueryPairs = std::vector<std::pair<std::string, std::string>>;
// "?a=1&b=x%20y", or nothing; pairs without a value are left out.
std::string query_of(const QueryPairs& pairs);
// One segment of a path.
std::string segment(std::string_view text);

}  // namespace weir::app
