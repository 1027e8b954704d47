#include "runtime/tls.h"

#include <array>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "runtime/socket_address.h"
#include "runtime/tls_stream.h"

namespace weir::runtime {
namespace {

constexpr std::size_t kMaxSessions = 1024;
constexpr std::array<unsigned char, 9> kAlpn{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

std::string session_key(const Address& address) {
    return address.host + '\n' + std::to_string(address.port) + '\n' +
           (address.verify_tls ? '1' : '0') + '\n' + address.ca_file;
}

void set_common_options(SSL_CTX* context) {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
}

// Takes over the session, as returning 1 promises.
int on_new_session(SSL* ssl, SSL_SESSION* session) {
    static_cast<TlsStream*>(SSL_get_app_data(ssl))->new_session(SslSession{session});
    return 1;
}

Result<SslContext> make_client_context(const std::string& ca_file) {
    ERR_clear_error();
    SslContext context{SSL_CTX_new(TLS_client_method())};
    if (!context) return fail(ErrorCode::provider_tls, "", openssl_reason());
    set_common_options(context.get());
    SSL_CTX_set_default_verify_paths(context.get());
    if (!ca_file.empty() && SSL_CTX_load_verify_file(context.get(), ca_file.c_str()) != 1) {
        return fail(ErrorCode::provider_tls, "The provider's CA file cannot be used.",
                    ca_file + ": " + openssl_reason());
    }
    // What the operator names as trusted is, also if it is no root.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context.get()), X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_alpn_protos(context.get(), kAlpn.data(), kAlpn.size());
    SSL_CTX_set_session_cache_mode(context.get(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context.get(), on_new_session);
    ERR_clear_error();
    return context;
}

// The peer must prove to be this name, or this IP address.
bool expect_peer(SSL* ssl, const std::string& host) {
    if (auto literal = SocketAddress::parse(host, 0)) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), literal->host().c_str()) == 1;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host.c_str()) == 1;
}

int choose_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned in_size, void*) {
    unsigned char* chosen = nullptr;
    int verdict = SSL_select_next_proto(&chosen, out_size, kAlpn.data(), kAlpn.size(), in, in_size);
    *out = chosen;
    return verdict == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

Error connect_error(const Address& address, const TlsStream::Failure& failure) {
    std::string detail = address.host + ": TLS handshake: " + failure.reason;
    if (failure.error == ETIMEDOUT) return Error{ErrorCode::provider_timeout, "", detail};
    if (failure.error != 0) return Error{ErrorCode::provider_unreachable, "", detail};
    return Error{ErrorCode::provider_tls, "", detail};
}

}  // namespace

void FreeOpenSsl::operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
void FreeOpenSsl::operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
void FreeOpenSsl::operator()(SSL_SESSION* session) const noexcept { SSL_SESSION_free(session); }

TlsClient::~TlsClient() = default;

std::size_t TlsClient::sessions() const {
    std::lock_guard lock(mutex_);
    return sessions_.size();
}

std::uint64_t TlsClient::resumed() const {
    std::lock_guard lock(mutex_);
    return resumed_;
}

void TlsClient::count_resumed() {
    std::lock_guard lock(mutex_);
    ++resumed_;
}

void TlsClient::keep(const std::string& key, SslSession session) {
    std::lock_guard lock(mutex_);
    if (sessions_.size() >= kMaxSessions && !sessions_.contains(key)) {
        sessions_.erase(sessions_.begin());
    }
    sessions_[key] = std::move(session);
}

void TlsClient::forget(const std::string& key) {
    std::lock_guard lock(mutex_);
    sessions_.erase(key);
}

Result<SSL_CTX*> TlsClient::context_for(const Address& address) {
    auto known = contexts_.find(address.ca_file);
    if (known != contexts_.end()) return known->second.get();
    Result<SslContext> made = make_client_context(address.ca_file);
    if (!made) return std::unexpected(made.error());
    return contexts_.emplace(address.ca_file, std::move(*made)).first->second.get();
}

Result<Ssl> TlsClient::new_ssl(const Address& address, const std::string& key) {
    std::lock_guard lock(mutex_);
    Result<SSL_CTX*> context = context_for(address);
    if (!context) return std::unexpected(context.error());
    Ssl ssl{SSL_new(*context)};
    if (!ssl) return fail(ErrorCode::provider_tls, "", openssl_reason());
    SSL_set_connect_state(ssl.get());
    std::string host = address.host;
    if (host.ends_with('.')) host.pop_back();
    if (!SocketAddress::parse(host, 0)) SSL_set_tlsext_host_name(ssl.get(), host.c_str());
    SSL_set_verify(ssl.get(), address.verify_tls ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    if (address.verify_tls && !expect_peer(ssl.get(), host)) {
        return fail(ErrorCode::provider_tls, "", "not a name to verify: " + host);
    }
    auto session = sessions_.find(key);
    if (session != sessions_.end()) SSL_set_session(ssl.get(), session->second.get());
    return ssl;
}

Task<Result<Own>> TlsClient::connect(Own low, const Address& address, Duration timeout) {
    std::string key = session_key(address);
    Result<Ssl> ssl = new_ssl(address, key);
    if (!ssl) co_return std::unexpected(ssl.error());
    auto* stream = new TlsStream(std::move(low), std::move(*ssl));
    Own own{stream};
    stream->keep_sessions(*this, key);
    stream->set_deadline(timeout);
    auto shaken = co_await stream->shake_hands();
    if (!shaken) {
        forget(key);
        co_return std::unexpected(connect_error(address, shaken.error()));
    }
    if (stream->resumed()) count_resumed();
    stream->set_deadline(Duration::zero());
    co_return std::move(own);
}

Result<> TlsServer::load(const std::string& certificate_file, const std::string& key_file) {
    ERR_clear_error();
    SslContext context{SSL_CTX_new(TLS_server_method())};
    if (!context) return fail(ErrorCode::config_invalid, "TLS is not available.", openssl_reason());
    set_common_options(context.get());
    SSL_CTX_set_alpn_select_cb(context.get(), choose_alpn, nullptr);
    // Never ask a terminal for a pass phrase.
    SSL_CTX_set_default_passwd_cb(context.get(), [](char*, int, int, void*) { return 0; });
    auto refuse = [](const std::string& file) {
        std::string reason = openssl_reason();
        return fail(ErrorCode::config_invalid, "Cannot use " + file + " for TLS: " + reason + ".",
                    reason);
    };
    if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1) {
        return refuse(certificate_file);
    }
    if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
        return refuse(key_file);
    }
    std::lock_guard lock(mutex_);
    context_ = std::move(context);
    return {};
}

Task<Result<Own>> TlsServer::accept(Own low, Duration timeout) {
    Ssl ssl;
    {
        std::lock_guard lock(mutex_);
        if (context_) ssl.reset(SSL_new(context_.get()));
    }
    if (!ssl) co_return fail(ErrorCode::internal, "", "TLS has no certificate loaded");
    SSL_set_accept_state(ssl.get());
    auto* stream = new TlsStream(std::move(low), std::move(ssl));
    Own own{stream};
    stream->set_deadline(timeout);
    auto shaken = co_await stream->shake_hands();
    if (!shaken) {
        bool late = shaken.error().error == ETIMEDOUT;
        co_return fail(late ? ErrorCode::request_timeout : ErrorCode::client_gone, "",
                       "TLS handshake: " + shaken.error().reason);
    }
    stream->set_deadline(Duration::zero());
    co_return std::move(own);
}

}  // namespace weir::runtime
