// HTTP/1.1 on the wire: heads parsed strictly from a contiguous buffer, chunked bodies taken apart,
// heads written. Sans-IO; views point into the caller's buffer and live as long as it does.
// Whatever two implementations could read differently is refused (RFC 9110, 9112), so a request
// that passes here has one meaning only. Errors: malformed_http, headers_too_large; on the response
// side the caller turns them into provider_protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace weir::codec {

struct HeaderField {
    std::string_view name;   // as sent: compare with equals_ignore_case
    std::string_view value;  // without the blanks around it
};

struct HeadLimits {
    std::size_t bytes_max = std::size_t{64} * 1024;  // start line, fields and blank line
    std::size_t fields_max = 128;
};

// How the end of the body is found.
enum class Framing : std::uint8_t { none, length, chunked, until_close };

struct RequestHead {
    std::string_view method;
    std::string_view target;  // as sent
    // Path and query: of an absolute-form target without scheme and authority ("/" if nothing is
    // left). For CONNECT and OPTIONS * the same as target.
    std::string_view origin;
    // The authority of an absolute-form target, else the Host field; empty in 1.0 without Host.
    std::string_view host;
    int minor = 1;  // of HTTP/1.x: 0 or 1
    std::vector<HeaderField>
        fields;  // cleared and filled again, so one head can serve a connection
    Framing framing = Framing::none;  // none, length (also for "Content-Length: 0") or chunked
    std::uint64_t content_length = 0;
    bool keep_alive = true;        // never of 1.0: its answer would have to say so
    bool expect_continue = false;  // only where a body follows
    // A WebSocket is asked for. Any other upgrade (h2c, of Java's client) is one to ignore.
    bool websocket = false;

    // First field of that name, or a view with data() == nullptr.
    std::string_view find(std::string_view name) const;
    std::size_t count(std::string_view name) const;
};

struct ResponseHead {
    int status = 0;  // 100 … 599
    int minor = 1;
    std::string_view reason;
    std::vector<HeaderField> fields;
    // none for 1xx, 204, 304 and answers to HEAD. A 1xx head is followed by another head.
    Framing framing = Framing::none;
    std::uint64_t content_length = 0;  // as sent, also where framing is none (HEAD, 304)
    bool keep_alive = true;            // false with until_close

    bool interim() const { return status < 200; }
    std::string_view find(std::string_view name) const;
    std::size_t count(std::string_view name) const;
};

// Value: bytes of the head with its blank line (and a CRLF before a request). nullopt: more bytes
// are needed; call again with the longer buffer and the same `scanned` (0 at first), which keeps
// slow senders from costing more than linear time. After an error the connection is not usable.
Result<std::optional<std::size_t>> parse_request_head(std::string_view buffer, std::size_t& scanned,
                                                      const HeadLimits& limits, RequestHead& head);
Result<std::optional<std::size_t>> parse_response_head(std::string_view buffer,
                                                       std::size_t& scanned,
                                                       const HeadLimits& limits,
                                                       bool request_was_head, ResponseHead& head);

// True if a Connection field names `name`, so that it must not be forwarded (RFC 9110 §7.6.1).
bool connection_names(const std::vector<HeaderField>& fields, std::string_view name);

// Takes the chunked coding off a body. Extensions and trailers are checked, bounded and dropped.
class ChunkedDecoder {
 public:
    struct Step {
        std::size_t consumed = 0;  // bytes of `in` that are dealt with
        std::string_view payload;  // view into `in`, may be empty
        bool done = false;         // the body ended; what follows `consumed` is the next message
    };
    // Feed again what was not consumed. Without payload and not done: all of `in` was consumed.
    // Payload before a malformed byte is given out first; the next call fails, as do
    // all after it. Error: malformed_http.
    Result<Step> feed(std::string_view in);
    bool done() const { return state_ == State::done; }
    void reset() { *this = ChunkedDecoder{}; }

 private:
    enum class State : std::uint8_t {
        size_first,
        size,
        extension,
        size_lf,
        data,
        data_cr,
        data_lf,
        trailer_first,
        trailer_name,
        trailer_value,
        trailer_lf,
        end_lf,
        done,
        failed,
    };
    // False: `c` is not allowed here.
    bool take(char c);
    bool take_size(char c);
    bool take_trailer(char c);

    State state_ = State::size_first;
    std::uint8_t digits_ = 0;
    std::uint32_t dropped_ = 0;  // bytes of extensions and trailers
    std::uint64_t left_ = 0;     // of the present chunk
};

// ---- writing ---------------------------------------------------------------------------------

std::string_view reason_phrase(int status);  // "Unknown" for what is not registered

// "HTTP/1.1 200 OK\r\n"
void append_status_line(std::string& out, int status);
// "POST /v1/messages HTTP/1.1\r\n". Method and target must be clean already.
void append_request_line(std::string& out, std::string_view method, std::string_view target);
// "name: value\r\n". CR, LF and NUL in the value become blanks, so a value cannot end the field.
void append_field(std::string& out, std::string_view name, std::string_view value);
void append_field(std::string& out, std::string_view name, std::uint64_t value);
// "1f4\r\n". `to` has room for kChunkHeaderMax bytes; returns the bytes written. A chunk ends with
// kCrlf, the body with kLastChunk.
inline constexpr std::size_t kChunkHeaderMax = 18;
inline constexpr std::string_view kCrlf = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
std::size_t append_chunk_header(char* to, std::uint64_t bytes);

// ---- words -----------------------------------------------------------------------------------

// Fields that belong to one connection: connection, keep-alive, te, trailer, transfer-encoding,
// upgrade and proxy-*. See connection_names for those that a message adds.
bool is_hop_by_hop(std::string_view name);
bool is_token(std::string_view text);                             // RFC 9110 §5.6.2, not empty
bool header_value_is_safe(std::string_view value);                // no control character but tab
bool equals_ignore_case(std::string_view a, std::string_view b);  // ASCII

}  // namespace weir::codec
