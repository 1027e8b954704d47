// The provider's own bill: what every attempt that it worked on costs. It is the truth that ledgers
// are compared with, so it says what the provider would charge, not what anybody was told:
//
//   begin  the request came whole and passed its checks: work begins. Written before any byte of
//          the answer. Its charges are those of the natural end. A request that did not come whole,
//          or was refused, is no attempt and has no line (but is counted).
//   end    the charges that stand, how much of the answer was written (`delivered`: to the kernel;
//          whether anybody read it no server can know), and why it ended.
//
// A begin without an end is an attempt still at work, or one that ended with this process: its
// charges of the natural end stand.
//
// What stands when the answer could not be delivered is decided by settle(): see there.
// File: one JSON object a line, each in one write(), so that nothing of it is lost with the
// process. Owner: the program. Thread: the loop's.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "sim/provider/json.h"
#include "sim/provider/settings.h"

namespace weir::sim {

// Tokens of one model at one price, in disjoint classes. `reasoning` is inside output.
struct Charge {
    std::string model{};
    std::string role = "main";  // main, compaction, advisor, fallback, declined_hop
    std::string tier{};
    std::string speed{};
    std::string geo{};
    std::int64_t input = 0;
    std::int64_t cache_read = 0;
    std::int64_t cache_write_short = 0;
    std::int64_t cache_write_long = 0;
    std::int64_t input_audio = 0;
    std::int64_t output = 0;
    std::int64_t reasoning = 0;

    std::int64_t prompt() const {
        return input + cache_read + cache_write_short + cache_write_long + input_audio;
    }
};

struct Charges {
    std::vector<Charge> lines{};  // the first is what the client asked for
    std::int64_t web_searches = 0;

    bool empty() const { return lines.empty(); }
};

enum class Delivered : std::uint8_t { none, head, part, whole };

// How an attempt ended.
enum class Outcome : std::uint8_t {
    complete,  // all of the answer was written
    cut,       // the client had gone
    severed,   // a fault of ours kept it from the client
    failed,    // the model failed half-way: error_after_200
    error,     // an error status, after work or without
};
std::string_view outcome_name(Outcome outcome);
std::string_view delivered_name(Delivered delivered);

// What became of an answer on its way out.
struct Ending {
    Outcome outcome = Outcome::complete;
    Delivered delivered = Delivered::none;
    std::int64_t generated = 0;  // tokens of the first line's output when it ended
};

// The charges that stand:
//   complete              those of the natural end
//   failed                with the output that was generated
//   error                 none; those of the natural end where the fault says `billed`
//   cut, severed          before the first byte, unless bill_unanswered: none
//                         on_cut bill_on: those of the natural end
//                         on_cut stop: with the output that was generated
Charges settle(const Charges& natural, const Ending& ending, const Settings& settings,
               bool error_is_billed);

struct Attempt {
    std::int64_t number = 0;
    std::string request_id{};
    std::string tag{};  // what the client calls it by
    std::string tag_source{};
    std::string path{};
    std::string endpoint{};
    std::string model{};  // as asked for
    bool stream = false;
    std::string key_end{};  // of the key it came with
    std::string user_agent{};
    std::string retry_count{};
    std::string faults{};
    UnixTime begun{};
    UnixTime ended{};
    bool open = true;
    int status = 0;
    Ending ending{};
    Charges charges{};
};
Json to_json(const Attempt& attempt);

class Bill {
 public:
    explicit Bill(std::size_t kept) : kept_(kept) {}
    Bill(const Bill&) = delete;
    ~Bill();

    // Appends to that file from now on. Error: io.
    Result<> open(const std::string& path);

    // Gives it its number.
    std::int64_t begin(Attempt attempt);
    void end(std::int64_t number, int status, const Ending& ending, Charges charges, UnixTime now);
    void refused() { ++refused_; }
    void incomplete() { ++incomplete_; }

    std::int64_t last_number() const { return numbers_; }
    // {"attempts": […], "refused": n, "incomplete": n}; with `tag`, only its attempts; only those
    // after number `since`.
    Json json(std::string_view tag, std::int64_t since = 0) const;
    Json totals() const;
    // Forgets what is in memory; numbers go on.
    void clear();
    bool failed() const { return failed_; }  // a line could not be written

 private:
    void write(std::string_view event, const Attempt& attempt);

    std::size_t kept_;
    int file_ = -1;
    bool failed_ = false;
    std::int64_t numbers_ = 0;
    std::int64_t refused_ = 0;
    std::int64_t incomplete_ = 0;
    std::int64_t first_ = 1;  // number of attempts_.front()
    std::deque<Attempt> attempts_;
};

}  // namespace weir::sim
