#include "runtime/tls_stream.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <utility>

#include "base/check.h"

namespace weir::runtime {
namespace {

constexpr std::size_t kRecord = 16 * 1024;  // the most that one TLS record carries

TlsStream& stream_of(BIO* bio) { return *static_cast<TlsStream*>(BIO_get_data(bio)); }

int retry_or_fail(BIO* bio, ssize_t n, int direction) {
    BIO_clear_retry_flags(bio);
    if (n >= 0) return static_cast<int>(n);
    if (n == -EAGAIN) BIO_set_flags(bio, direction | BIO_FLAGS_SHOULD_RETRY);
    return -1;
}

BIO_METHOD* make_bio_method() {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir stream");
    WEIR_CHECK(method != nullptr);
    BIO_meth_set_create(method, [](BIO* bio) {
        BIO_set_init(bio, 1);
        return 1;
    });
    BIO_meth_set_ctrl(method, [](BIO* bio, int command, long, void*) -> long {
        if (command == BIO_CTRL_EOF) return stream_of(bio).at_end() ? 1 : 0;
        return command == BIO_CTRL_FLUSH ? 1 : 0;
    });
    BIO_meth_set_read(method, [](BIO* bio, char* data, int size) {
        return retry_or_fail(bio, stream_of(bio).bio_read(data, size), BIO_FLAGS_READ);
    });
    BIO_meth_set_write(method, [](BIO* bio, const char* data, int size) {
        return retry_or_fail(bio, stream_of(bio).bio_write(data, size), BIO_FLAGS_WRITE);
    });
    return method;
}

// One for the process, since OpenSSL has numbers for some hundred only; never changed once made.
const BIO_METHOD* bio_method() {
    static const BIO_METHOD* const kMethod = make_bio_method();
    return kMethod;
}

std::string handshake_reason(const SSL* ssl) {
    std::string reason = openssl_reason();
    long verdict = SSL_get_verify_result(ssl);
    if (verdict == X509_V_OK) return reason;
    return reason + ": " + X509_verify_cert_error_string(verdict);
}

}  // namespace

std::string openssl_reason() {
    unsigned long code = ERR_get_error();
    ERR_clear_error();
    if (code == 0) return "no reason given";
    if (const char* reason = ERR_reason_error_string(code)) return reason;
    return ERR_SYSTEM_ERROR(code) ? std::strerror(ERR_GET_REASON(code)) : "unknown reason";
}

TlsStream::TlsStream(Own low, Ssl ssl) : low_(std::move(low)), ssl_(std::move(ssl)) {
    BIO* bio = BIO_new(bio_method());
    WEIR_CHECK(bio != nullptr);
    BIO_set_data(bio, this);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_app_data(ssl_.get(), this);
}

void TlsStream::keep_sessions(TlsClient& client, std::string key) {
    client_ = &client;
    session_key_ = std::move(key);
}

void TlsStream::new_session(SslSession session) {
    if (client_ != nullptr) client_->keep(session_key_, std::move(session));
}

Task<std::expected<void, TlsStream::Failure>> TlsStream::shake_hands() {
    for (;;) {
        ERR_clear_error();
        int returned = SSL_do_handshake(ssl_.get());
        if (returned == 1) co_return std::expected<void, Failure>{};
        int why = SSL_get_error(ssl_.get(), returned);
        int error = 0;
        if (why == SSL_ERROR_WANT_READ) {
            error = -co_await readable(*low_);
        } else if (why == SSL_ERROR_WANT_WRITE) {
            error = -co_await writable(*low_);
        } else {
            broken_ = true;
            if (low_error_ != 0) co_return std::unexpected(Failure{low_error_, "the peer left"});
            if (low_ended_) {
                co_return std::unexpected(Failure{ECONNRESET, "the peer closed the connection"});
            }
            co_return std::unexpected(Failure{0, handshake_reason(ssl_.get())});
        }
        if (error != 0) {
            broken_ = true;
            co_return std::unexpected(Failure{error, std::strerror(error)});
        }
    }
}

bool TlsStream::resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

int TlsStream::bio_read(char* data, int size) {
    ssize_t n = low_->try_read(data, static_cast<std::size_t>(size));
    if (n == 0) low_ended_ = true;
    if (n < 0 && n != -EAGAIN) low_error_ = static_cast<int>(-n);
    return static_cast<int>(n);
}

int TlsStream::bio_write(const char* data, int size) {
    iovec piece{const_cast<char*>(data), static_cast<std::size_t>(size)};
    ssize_t n = low_->try_write(&piece, 1);
    if (n < 0 && n != -EAGAIN) low_error_ = static_cast<int>(-n);
    return static_cast<int>(n);
}

ssize_t TlsStream::outcome(int returned, bool reading) {
    if (reading) starved_ = read_wants_write_ = false;
    if (!reading) write_wants_read_ = false;
    if (returned > 0) return returned;
    switch (SSL_get_error(ssl_.get(), returned)) {
        case SSL_ERROR_WANT_READ:
            starved_ = true;
            write_wants_read_ = !reading;
            return -EAGAIN;
        case SSL_ERROR_WANT_WRITE:
            read_wants_write_ = reading;
            return -EAGAIN;
        case SSL_ERROR_ZERO_RETURN:
            return 0;
        default:
            // An end without close_notify is an error too: what came may be cut short.
            broken_ = true;
            ERR_clear_error();
            return low_error_ != 0 ? -low_error_ : low_ended_ ? -ECONNRESET : -EPROTO;
    }
}

ssize_t TlsStream::try_read(void* buffer, std::size_t size) {
    if (broken_) return -ECONNRESET;
    ERR_clear_error();
    auto most = static_cast<int>(std::min<std::size_t>(size, 1u << 30));
    return outcome(SSL_read(ssl_.get(), buffer, most), true);
}

// One record a call. Small pieces (a head and its body) are gathered into one record; a large piece
// is encrypted from where it lies.
ssize_t TlsStream::try_write(const iovec* pieces, int count) {
    if (broken_ || said_goodbye_) return -EPIPE;
    while (count > 0 && pieces->iov_len == 0) {
        ++pieces;
        --count;
    }
    if (count == 0) return 0;
    ERR_clear_error();
    if (count == 1 || pieces->iov_len >= kRecord) {
        auto size = static_cast<int>(std::min(pieces->iov_len, kRecord));
        return outcome(SSL_write(ssl_.get(), pieces->iov_base, size), false);
    }
    std::array<char, kRecord> record;
    std::size_t filled = 0;
    for (int i = 0; i < count && filled < record.size(); ++i) {
        std::size_t n = std::min(pieces[i].iov_len, record.size() - filled);
        std::memcpy(record.data() + filled, pieces[i].iov_base, n);
        filled += n;
    }
    return outcome(SSL_write(ssl_.get(), record.data(), static_cast<int>(filled)), false);
}

// What OpenSSL has buffered may be half a record: after a read that found too little, only the
// stream below tells.
bool TlsStream::read_ready() const {
    if (read_wants_write_) return low_->write_ready();
    return low_->read_ready() || broken_ || (!starved_ && SSL_has_pending(ssl_.get()) == 1);
}

void TlsStream::wait_read(Waiter* waiter) {
    if (waiter == nullptr || !read_wants_write_) return low_->wait_read(waiter);
    low_->wait_write(waiter);
}

void TlsStream::wait_write(Waiter* waiter) {
    if (waiter == nullptr || !write_wants_read_) return low_->wait_write(waiter);
    low_->wait_read(waiter);
}

// close_notify, if there is room for it.
void TlsStream::say_goodbye() noexcept {
    if (broken_ || said_goodbye_ || SSL_is_init_finished(ssl_.get()) == 0) return;
    said_goodbye_ = true;
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
}

void TlsStream::shutdown_write() {
    say_goodbye();
    low_->shutdown_write();
}

void TlsStream::release() noexcept {
    say_goodbye();
    // Else OpenSSL takes the session for a broken one, which may not be resumed.
    if (!broken_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    delete this;
}

}  // namespace weir::runtime
