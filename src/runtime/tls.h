// TLS 1.2 and 1.3 over any Stream, by OpenSSL 3 with a BIO that calls try_read and try_write: "no
// data" is known without a system call, and the simulator's streams carry TLS too. The contexts are
// shared by all loops (thread: any, outlive the streams they made); a stream belongs to its loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <openssl/types.h>
#include <string>
#include <unordered_map>

#include "base/error.h"
#include "runtime/net.h"
#include "runtime/stream.h"
#include "runtime/task.h"

using SSL_SESSION = struct ssl_session_st;  // as <openssl/ssl.h> has it

namespace weir::runtime {

struct FreeOpenSsl {
    void operator()(SSL_CTX* context) const noexcept;
    void operator()(SSL* ssl) const noexcept;
    void operator()(SSL_SESSION* session) const noexcept;
};
using SslContext = std::unique_ptr<SSL_CTX, FreeOpenSsl>;
using SslSession = std::unique_ptr<SSL_SESSION, FreeOpenSsl>;
using Ssl = std::unique_ptr<SSL, FreeOpenSsl>;

// Dials with TLS: verifies the chain against the system's trust and Address::ca_file, and the name
// (or the IP address) against the certificate; offers ALPN http/1.1; resumes sessions.
class TlsClient {
 public:
    TlsClient() = default;
    TlsClient(const TlsClient&) = delete;
    TlsClient& operator=(const TlsClient&) = delete;
    ~TlsClient();

    // Shakes hands over `low`, which it then owns. Errors: provider_tls with OpenSSL's reason in
    // the detail, provider_timeout, provider_unreachable (the peer left).
    Task<Result<Own>> connect(Own low, const Address& address, Duration timeout);
    // How many addresses have a session to resume.
    std::size_t sessions() const;
    // How many handshakes were short ones, by resuming a session.
    std::uint64_t resumed() const;

 private:
    friend class TlsStream;
    Result<Ssl> new_ssl(const Address& address, const std::string& key);
    Result<SSL_CTX*> context_for(const Address& address);
    void keep(const std::string& key, SslSession session);
    void forget(const std::string& key);
    void count_resumed();

    mutable std::mutex mutex_;  // guards what follows; never held over IO of sockets
    std::map<std::string, SslContext> contexts_;  // by ca_file; "" = the system's trust alone
    std::unordered_map<std::string, SslSession> sessions_;  // by address, bounded
    std::uint64_t resumed_ = 0;
};

// Accepts with TLS: the optional TLS listener's side.
class TlsServer {
 public:
    // PEM files: the certificate followed by its chain, and its key without a pass phrase. Called
    // again, it reloads: connections from then on get the new one, and on an error the old one
    // stays. Errors: config_invalid, naming the file.
    Result<> load(const std::string& certificate_file, const std::string& key_file);
    // Errors: client_gone (with the reason in the detail), request_timeout.
    Task<Result<Own>> accept(Own low, Duration timeout);

 private:
    std::mutex mutex_;  // guards context_
    SslContext context_;
};

}  // namespace weir::runtime
