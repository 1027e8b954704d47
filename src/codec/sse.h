// Server-sent events, taken apart as the bytes come (WHATWG HTML §9.2.6), for a relay: each event
// is given with its bytes as they came, so that what is passed on is what was sent. Owner: one
// stream. Bounded: an event longer than the limit is an error.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace weir::codec {

// Whatever ends in a blank line: also a lone comment (heartbeat) or a lone blank line, which have
// no data and which a browser would not dispatch. All views are valid until the next feed() or
// next().
struct SseEvent {
    std::string_view raw;   // as it came, with comments before it and its blank line
    std::string_view name;  // of the last event: field, empty = "message"
    std::string_view data;  // data: lines joined by LF
    bool has_data = false;  // at least one data: line
};

class SseParser {
 public:
    explicit SseParser(std::size_t event_bytes_max = std::size_t{8} << 20);

    // `bytes` must stay until next() has returned false or an error; only then feed again.
    void feed(std::string_view bytes);
    // True: an event. False: feed more; what is unfinished has been copied. Events that lie whole
    // in the fed bytes are views into these. Error: provider_protocol, an event over the limit; it
    // is final. Splitting the input elsewhere changes neither names nor data, and the concatenation
    // of all raw plus rest() is the input; only a CRLF torn between two feeds may give its LF as an
    // event of its own, without data.
    Result<bool> next(SseEvent& event);
    // Bytes held of an unfinished event. At the end of a stream it is not an event (WHATWG), yet
    // has to be passed on.
    std::string_view rest() const { return given_ ? std::string_view{} : carry_; }

 private:
    static constexpr std::size_t kLinesKept = 6;
    // Of one line in the event: offsets, without the line ending.
    struct Line {
        std::size_t begin = 0;
        std::size_t end = 0;
    };

    // Offset in the event of a byte of input_.
    std::size_t offset_of(std::size_t at) const { return carry_.size() + at - begin_; }
    bool starts_with_bom() const;
    bool take_torn_lf(SseEvent& event);
    std::size_t next_line_end();
    bool find_blank_line();
    void take_event(SseEvent& event);
    void read_line(std::string_view line, SseEvent& event);

    std::size_t event_bytes_max_;
    std::string carry_;   // the unfinished event's bytes of earlier feeds
    bool given_ = false;  // carry_ is an event given out by the last call
    std::string joined_;  // data of several lines

    std::string_view input_;
    std::size_t begin_ = 0;     // of the present event in input_
    std::size_t position_ = 0;  // scanned so far in input_
    std::size_t next_lf_ = 0;   // first LF and CR of input_ not before position_ when looked for
    std::size_t next_cr_ = 0;

    std::array<Line, kLinesKept> lines_{};  // of the present event
    std::size_t lines_seen_ = 0;
    std::size_t line_begin_ = 0;
    std::size_t data_lines_ = 0;

    bool after_cr_ = false;  // the last feed ended in CR, so an LF now belongs to it
    bool at_start_ = true;   // of the stream, where a byte order mark may stand
    bool failed_ = false;
};

}  // namespace weir::codec
