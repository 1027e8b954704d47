#include "app/admin_client.h"

#include <algorithm>
#include <fmt/format.h>

#include "app/cli_family.h"
#include "app/small_file.h"
#include "codec/url.h"
#include "http/client.h"
#include "runtime/loop_net.h"

namespace weir::app {
namespace {

std::string trimmed(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
        text.pop_back();
    }
    return text;
}

std::string setting(const CliContext& context, const std::string& given, const char* variable) {
    if (!given.empty()) return given;
    return context.environment(variable).value_or("");
}

ErrorCode code_named(std::string_view name) {
    for (std::size_t i = 0; i < kErrorCodes; ++i) {
        const auto code = static_cast<ErrorCode>(i);
        if (error_info(code).name == name) return code;
    }
    return ErrorCode::internal;
}

Result<Json> read_answer(const http::ClientAnswer& answer, const std::string& url,
                         const AdminKey& key) {
    Json body = Json::parse(answer.body, nullptr, false);
    if (answer.status >= 200 && answer.status < 300 && !body.is_discarded()) return body;
    const Json* error = nullptr;
    if (body.is_object() && body.contains("error") && body["error"].is_object()) {
        error = &body["error"];
    }
    // Errors of the vendors' dialects, which the data listener speaks, have a type.
    if (error == nullptr || error->contains("type")) {
        return fail(ErrorCode::provider_protocol,
                    fmt::format("{} answered {}, but not as Weir's admin API does: is it another "
                                "server, or Weir's data listener? Name the admin one with --admin.",
                                url, answer.status));
    }
    std::string message = text_of(*error, "message");
    if (answer.status == 401) message += fmt::format(" It was taken from {}.", key.from);
    return fail(code_named(text_of(*error, "code")), std::move(message));
}

}  // namespace

std::string find_data_dir(const CliContext& context) {
    std::string found = setting(context, context.data_dir, "WEIR_DATA");
    return found.empty() ? kDefaultDataDir : found;
}

std::string find_admin_url(const CliContext& context) {
    std::string url = setting(context, context.admin_url, "WEIR_ADMIN_URL");
    if (url.empty()) {
        url = trimmed(read_file(find_data_dir(context) + "/" + kAdminUrlFile).value_or(""));
    }
    while (url.ends_with('/')) url.pop_back();
    return url.empty() ? kDefaultAdminUrl : url;
}

Result<AdminKey> find_admin_key(const CliContext& context) {
    constexpr const char* kVariable = "WEIR_ADMIN_KEY";
    if (auto key = context.environment(kVariable); key && !key->empty()) {
        return AdminKey{Secret{*key}, kVariable};
    }
    const std::string file = find_data_dir(context) + "/" + kOperatorKeyFile;
    if (Result<std::string> text = read_file(file)) {
        return AdminKey{Secret{trimmed(std::move(*text))}, file};
    }
    return fail(ErrorCode::key_missing,
                fmt::format("No admin key: set WEIR_ADMIN_KEY, or name Weir's data directory with "
                            "--data ({} cannot be read).",
                            file));
}

struct AdminClient::Impl {
    std::string url;
    std::string path;  // of the URL, before /admin/v1
    runtime::Address address;
    AdminKey key;
    runtime::Loop loop;
    runtime::TlsClient tls;
    runtime::BufferPool buffers;
    runtime::LoopNet net{loop, tls};
    http::UpstreamPool pool{net, buffers, {}};
    runtime::TaskGroup tasks;

    // Runs the loop until `task` has ended.
    void run(runtime::Task<void> task) {
        tasks.spawn(then_stop(std::move(task), loop));
        loop.run();
    }
    static runtime::Task<void> then_stop(runtime::Task<void> task, runtime::Loop& loop) {
        co_await task;
        loop.stop();
    }
    runtime::Task<void> fetch(const http::ClientRequest& request, Duration patience,
                              Result<http::ClientAnswer>& answer) {
        answer = co_await http::fetch(pool, address, request, patience);
    }
    runtime::Task<void> sleep(Duration d) { co_await loop.sleep(d); }
};

AdminClient::AdminClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AdminClient::AdminClient(AdminClient&&) noexcept = default;
AdminClient& AdminClient::operator=(AdminClient&&) noexcept = default;
AdminClient::~AdminClient() = default;

Result<AdminClient> AdminClient::open(const CliContext& context) {
    auto impl = std::make_unique<Impl>();
    impl->url = find_admin_url(context);
    Result<codec::BaseUrl> url = codec::parse_base_url(impl->url);
    if (!url) {
        return fail(ErrorCode::config_invalid,
                    fmt::format("'{}' is not a URL such as {}: {}", impl->url, kDefaultAdminUrl,
                                url.error().message()));
    }
    impl->address = {.host = url->host, .port = url->port, .tls = url->tls()};
    impl->path = url->path;
    Result<AdminKey> key = find_admin_key(context);
    if (!key) return std::unexpected(std::move(key).error());
    impl->key = std::move(*key);
    return AdminClient{std::move(impl)};
}

Result<Json> AdminClient::ask(std::string_view method, const std::string& path, std::string body,
                              Duration patience) {
    http::ClientRequest request;
    request.method = method;
    request.target = impl_->path + "/admin/v1" + path;
    request.fields = {{"authorization", "Bearer " + std::string{impl_->key.text.reveal()}},
                      {"accept", "application/json"}};
    if (!body.empty()) request.fields.emplace_back("content-type", "application/json");
    request.body = std::move(body);
    Result<http::ClientAnswer> answer = fail(ErrorCode::internal);
    impl_->run(impl_->fetch(request, patience, answer));
    if (answer) return read_answer(*answer, impl_->url, impl_->key);
    if (answer.error().code() == ErrorCode::provider_tls) {
        return fail(ErrorCode::provider_tls,
                    fmt::format("The certificate of {} was not accepted: {}", impl_->url,
                                answer.error().detail()));
    }
    return fail(ErrorCode::provider_unreachable,
                fmt::format("Weir does not answer at {}: start it with `weir serve`, or name "
                            "another with --admin.",
                            impl_->url),
                answer.error().detail());
}

Result<Json> AdminClient::get(const std::string& path) { return ask("GET", path, {}); }
Result<Json> AdminClient::post(const std::string& path, const Json& body, Duration patience) {
    return ask("POST", path, body.dump(-1, ' ', false, Json::error_handler_t::replace), patience);
}
Result<Json> AdminClient::put(const std::string& path, const Json& body) {
    return ask("PUT", path, body.dump(-1, ' ', false, Json::error_handler_t::replace));
}
Result<Json> AdminClient::patch(const std::string& path, const Json& body) {
    return ask("PATCH", path, body.dump(-1, ' ', false, Json::error_handler_t::replace));
}
Result<Json> AdminClient::remove(const std::string& path) { return ask("DELETE", path, {}); }
Result<Json> AdminClient::post_text(const std::string& path, std::string body) {
    return ask("POST", path, std::move(body));
}
void AdminClient::wait(Duration d) { impl_->run(impl_->sleep(d)); }

std::string segment(std::string_view text) {
    std::string out;
    codec::append_percent_encoded(out, text);
    return out;
}

std::string query_of(const QueryPairs& pairs) {
    std::string out;
    for (const auto& [name, value] : pairs) {
        if (value.empty()) continue;
        out += out.empty() ? '?' : '&';
        out += name + "=" + segment(value);
    }
    return out;
}

}  // namespace weir::app
