// The Stream that carries TLS over another Stream. Internal to runtime: made by TlsClient and
// TlsServer. Owner and thread: those of any Stream.
#pragma once

#include <string>

#include "base/error.h"
#include "runtime/stream.h"
#include "runtime/task.h"
#include "runtime/tls.h"

namespace weir::runtime {

// The reason of OpenSSL's last failure on this thread, in words; empties its queue.
std::string openssl_reason();

class TlsStream final : public Stream {
 public:
    TlsStream(Own low, Ssl ssl);

    struct Failure {
        int error = 0;       // errno of the stream below, 0: TLS itself failed
        std::string reason;  // in words, for logs
    };
    // 0 or how it failed. Waits on the stream below, whose deadline counts.
    Task<std::expected<void, Failure>> shake_hands();
    // Tickets that come later are kept in `client` under `key`.
    void keep_sessions(TlsClient& client, std::string key);
    void new_session(SslSession session);
    bool resumed() const;

    ssize_t try_read(void* buffer, std::size_t size) override;
    ssize_t try_write(const iovec* pieces, int count) override;
    bool read_ready() const override;
    bool write_ready() const override { return low_->write_ready(); }
    void wait_read(Waiter* waiter) override;
    void wait_write(Waiter* waiter) override;
    void set_deadline(Duration after) override { low_->set_deadline(after); }
    void link(Stream* other) override { low_->link(other); }
    void cancel(int error) override { low_->cancel(error); }
    void shutdown_write() override;
    bool peer_gone() const override { return low_->peer_gone(); }
    void release() noexcept override;

    // Called by the BIO.
    int bio_read(char* data, int size);
    int bio_write(const char* data, int size);
    bool at_end() const { return low_ended_; }

 private:
    ~TlsStream() = default;
    ssize_t outcome(int returned, bool reading);
    void say_goodbye() noexcept;

    Own low_;
    Ssl ssl_;
    TlsClient* client_ = nullptr;
    std::string session_key_;
    int low_error_ = 0;
    bool low_ended_ = false;
    bool starved_ = false;  // the last read wanted more from below
    bool read_wants_write_ = false;
    bool write_wants_read_ = false;
    bool broken_ = false;  // a fatal error: OpenSSL must not be asked again
    bool said_goodbye_ = false;
};

}  // namespace weir::runtime
