#include "sim/provider/faults.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace weir::sim {
namespace {

constexpr std::array kTable{
    FaultInfo{Fault::refuse, "refuse", "ms", 500,
              "resets this connection and refuses others for so long"},
    FaultInfo{Fault::reset, "reset", "", 0, "RST before a byte of the answer"},
    FaultInfo{Fault::reset_after_head, "reset_after_head", "", 0, "RST after the head"},
    FaultInfo{Fault::reset_mid, "reset_mid", "events", 3, "RST after so many events"},
    FaultInfo{Fault::reset_before_usage, "reset_before_usage", "", 0,
              "RST when all but the usage was sent"},
    FaultInfo{Fault::close_before_usage, "close_before_usage", "", 0,
              "FIN there, in the middle of the body"},
    FaultInfo{Fault::eof_before_usage, "eof_before_usage", "", 0,
              "a well-formed end of the body there"},
    FaultInfo{Fault::hang, "hang", "", 0, "never a byte"},
    FaultInfo{Fault::hang_mid, "hang_mid", "events", 3, "never a byte after so many events"},
    FaultInfo{Fault::timeout, "timeout", "ms", 1000,
              "works so long, then says 504; billed, unless --unanswered-free"},
    FaultInfo{Fault::drip, "drip", "ms", 1, "byte by byte, so long apart"},
    FaultInfo{Fault::split, "split", "", 0, "every byte of the body a chunk of its own"},
    FaultInfo{Fault::close_after, "close_after", "", 0, "closes after the answer, unannounced"},
    FaultInfo{Fault::announce_close, "announce_close", "", 0, "connection: close"},
    FaultInfo{Fault::http, "http", "status", 500,
              "an error; with retry_after_ms=N, should_retry=true|false, billed"},
    FaultInfo{Fault::error_after_200, "error_after_200", "events", 2,
              "an error event after so many events; what was generated is billed"},
    FaultInfo{Fault::garbage_head, "garbage_head", "", 0, "no HTTP where the head belongs"},
    FaultInfo{Fault::garbage_body, "garbage_body", "", 0, "bytes that are no JSON and no events"},
    FaultInfo{Fault::wrong_length, "wrong_length", "bytes", 10,
              "a content-length that is so much too large (or small, if negative)"},
    FaultInfo{Fault::bad_chunk, "bad_chunk", "events", 1, "a chunk size that is no number"},
    FaultInfo{Fault::crlf, "crlf", "", 0, "events with CRLF line ends"},
    FaultInfo{Fault::cr, "cr", "", 0, "events with CR line ends"},
    FaultInfo{Fault::comments, "comments", "count", 1, "so many comments before each event"},
    FaultInfo{Fault::heartbeats_only, "heartbeats_only", "count", 20,
              "so many comments or pings and nothing else, then the end of the body"},
    FaultInfo{Fault::huge_event, "huge_event", "bytes", 1 << 20, "an event of this size"},
    FaultInfo{Fault::prompt_filter, "prompt_filter", "", 0,
              "a first chunk without choices, as Azure's (chat)"},
    FaultInfo{Fault::gzip, "gzip", "", 0, "content-encoding: gzip, asked for or not"},
    FaultInfo{Fault::no_usage, "no_usage", "", 0, "no usage anywhere"},
    FaultInfo{Fault::usage_null, "usage_null", "", 0, "usage: null everywhere"},
    FaultInfo{Fault::usage_twice, "usage_twice", "", 0, "usage twice; the last is right"},
    FaultInfo{Fault::usage_every_chunk, "usage_every_chunk", "", 0,
              "usage on every chunk, growing (also unasked)"},
    FaultInfo{Fault::two_message_delta, "two_message_delta", "", 0,
              "two message_delta events, cumulative (Anthropic)"},
    FaultInfo{Fault::no_message_delta, "no_message_delta", "", 0,
              "all is in message_start (Anthropic)"},
    FaultInfo{Fault::raise_input, "raise_input", "tokens", 500,
              "message_delta says so much more input than message_start (Anthropic)"},
    FaultInfo{Fault::ignore_max, "ignore_max", "tokens", 0,
              "generates so many tokens (0: twice the limit), whatever the limit"},
    FaultInfo{Fault::reject_stream_options, "reject_stream_options", "", 0,
              "400 where stream_options is given"},
    FaultInfo{Fault::last_wins, "last_wins", "", 0,
              "reads keys as Go does, and generates as much as it may"},
};

bool table_is_in_order() {
    for (std::size_t i = 0; i < kTable.size(); ++i) {
        if (static_cast<std::size_t>(kTable[i].fault) != i) return false;
    }
    return true;
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

// The text up to `separator`, which is taken off `rest` with it.
std::string_view take_until(std::string_view& rest, char separator) {
    std::size_t at = rest.find(separator);
    std::string_view part = trim(rest.substr(0, at));
    rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
    return part;
}

std::unexpected<Error> bad(std::string_view text, std::string_view why) {
    std::string message = "fault '";
    message.append(text).append("': ").append(why);
    return fail(ErrorCode::invalid_parameter, std::move(message));
}

std::optional<std::int64_t> whole_number(std::string_view text) {
    std::int64_t value = 0;
    auto end = text.data() + text.size();
    auto read = std::from_chars(text.data(), end, value);
    if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
    return value;
}

Result<> read_option(std::string_view option, ChosenFault& fault) {
    std::string_view rest = option;
    std::string_view name = take_until(rest, '=');
    if (name == "billed" && rest.empty()) {
        fault.billed = true;
        return {};
    }
    if (name == "should_retry" && (rest == "true" || rest == "false")) {
        fault.should_retry = rest == "true";
        return {};
    }
    auto number = whole_number(rest);
    if (number && name == "retry_after_ms") {
        fault.retry_after_ms = *number;
    } else if (number && name == "times") {
        fault.times = *number;
    } else {
        return bad(option, "no such option");
    }
    return {};
}

Result<ChosenFault> parse_one(std::string_view text) {
    std::string_view options = text;
    std::string_view argument = take_until(options, ',');
    std::string_view name = take_until(argument, '=');
    auto row = std::ranges::find(kTable, name, &FaultInfo::name);
    if (row == kTable.end()) return bad(name, "not known; `weir-sim --help` lists all");
    ChosenFault fault{.fault = row->fault, .argument = row->otherwise};
    if (!argument.empty()) {
        auto number = whole_number(trim(argument));
        if (!number) return bad(text, "its argument is a whole number");
        fault.argument = *number;
    }
    while (!options.empty()) {
        if (auto read = read_option(take_until(options, ','), fault); !read) {
            return std::unexpected(read.error());
        }
    }
    return fault;
}

}  // namespace

std::span<const FaultInfo> fault_table() {
    static const bool kInOrder = table_is_in_order();
    return std::span{kTable}.first(kInOrder ? kTable.size() : 0);
}

const FaultInfo& fault_info(Fault fault) { return kTable[static_cast<std::size_t>(fault)]; }

void Faults::add(ChosenFault fault) {
    remove(fault.fault);
    chosen_.push_back(fault);
}

void Faults::remove(Fault fault) {
    std::erase_if(chosen_, [&](const ChosenFault& f) { return f.fault == fault; });
}

const ChosenFault* Faults::find(Fault fault) const {
    auto found = std::ranges::find(chosen_, fault, &ChosenFault::fault);
    return found == chosen_.end() ? nullptr : &*found;
}

std::int64_t Faults::argument(Fault fault) const {
    const ChosenFault* found = find(fault);
    return found != nullptr ? found->argument : 0;
}

std::string Faults::text() const {
    std::string out;
    for (const ChosenFault& fault : chosen_) {
        if (!out.empty()) out += "; ";
        const FaultInfo& info = fault_info(fault.fault);
        out += info.name;
        if (!info.argument.empty()) out.append("=").append(std::to_string(fault.argument));
    }
    return out;
}

Result<Faults> parse_faults(std::string_view text) {
    Faults faults;
    while (!text.empty()) {
        std::string_view one = take_until(text, ';');
        if (one.empty()) continue;
        auto fault = parse_one(one);
        if (!fault) return std::unexpected(fault.error());
        faults.add(*fault);
    }
    return faults;
}

Result<FaultRate> parse_fault_rate(std::string_view text) {
    std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return bad(text, "give its probability: name:0.05");
    auto fault = parse_one(trim(text.substr(0, colon)));
    if (!fault) return std::unexpected(fault.error());
    std::string_view number = trim(text.substr(colon + 1));
    FaultRate rate{.fault = *fault};
    auto end = number.data() + number.size();
    auto read = std::from_chars(number.data(), end, rate.probability);
    if (read.ec != std::errc{} || read.ptr != end || rate.probability < 0 || rate.probability > 1) {
        return bad(text, "its probability is between 0 and 1");
    }
    return rate;
}

void draw_faults(std::span<const FaultRate> rates, Rng& rng, Faults& faults) {
    for (const FaultRate& rate : rates) {
        bool drawn = rng.unit() < rate.probability;
        if (drawn && !faults.has(rate.fault.fault)) faults.add(rate.fault);
    }
}

}  // namespace weir::sim
