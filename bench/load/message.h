// As much HTTP/1.1 as a load generator needs: where a head ends, how its body is framed, and the
// payload of chunks. Trusts its peers; what it does not understand is an error, never a guess.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::bench {

class Message {
 public:
    enum class State : std::uint8_t { head, body, done, broken };

    // For the next message on the connection.
    void restart();
    // Takes bytes; what was taken is removed from `bytes`. Payload is appended to `payload` where
    // one is wanted, and always counted.
    State feed(std::string_view& bytes, std::string* payload);

    int status() const { return status_; }  // of an answer; 0 for a request
    std::uint64_t payload_bytes() const { return payload_bytes_; }
    State state() const { return state_; }

 private:
    void read_head(std::string_view head);
    bool take_head(std::string_view& bytes);
    void take_sized(std::string_view& bytes, std::string* payload);
    void take_chunks(std::string_view& bytes, std::string* payload);
    void take_chunk_line(std::string_view& bytes);
    std::string_view take_payload(std::string_view& bytes, std::string* payload);

    State state_ = State::head;
    int status_ = 0;
    bool chunked_ = false;
    std::uint64_t left_ = 0;  // of the body, or of the present chunk with its line end
    bool in_chunk_ = false;
    bool last_chunk_ = false;
    std::uint64_t payload_bytes_ = 0;
    std::string held_;  // part of a head or of a chunk's line
};

}  // namespace weir::bench
