#include "sim/provider/bill.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <unistd.h>

namespace weir::sim {
namespace {

Json to_json(const Charge& charge) {
    Json out{{"model", charge.model}, {"role", charge.role}};
    for (auto [name, value] : {std::pair{"tier", &charge.tier}, std::pair{"speed", &charge.speed},
                               std::pair{"geo", &charge.geo}}) {
        if (!value->empty()) out[name] = *value;
    }
    out["input"] = charge.input;
    out["cache_read"] = charge.cache_read;
    out["cache_write_short"] = charge.cache_write_short;
    out["cache_write_long"] = charge.cache_write_long;
    out["input_audio"] = charge.input_audio;
    out["output"] = charge.output;
    out["reasoning"] = charge.reasoning;
    return out;
}

}  // namespace

std::string_view outcome_name(Outcome outcome) {
    constexpr std::array<std::string_view, 5> kNames{"complete", "cut", "severed", "failed",
                                                     "error"};
    return kNames[static_cast<std::size_t>(outcome)];
}

std::string_view delivered_name(Delivered delivered) {
    constexpr std::array<std::string_view, 4> kNames{"none", "head", "part", "whole"};
    return kNames[static_cast<std::size_t>(delivered)];
}

Charges settle(const Charges& natural, const Ending& ending, const Settings& settings,
               bool error_is_billed) {
    Charges stopped = natural;
    if (!stopped.lines.empty()) {
        Charge& first = stopped.lines.front();
        first.output = std::min(first.output, ending.generated);
        first.reasoning = std::min(first.reasoning, first.output);
    }
    switch (ending.outcome) {
        case Outcome::complete:
            return natural;
        case Outcome::failed:
            return stopped;
        case Outcome::error:
            return error_is_billed ? natural : Charges{};
        case Outcome::cut:
        case Outcome::severed:
            break;
    }
    if (ending.delivered == Delivered::none && !settings.bill_unanswered) return {};
    return settings.on_cut == OnCut::bill_on ? natural : stopped;
}

Json to_json(const Attempt& attempt) {
    Json charges = Json::array();
    for (const Charge& charge : attempt.charges.lines) charges.push_back(to_json(charge));
    Json out{{"attempt", attempt.number},
             {"request_id", attempt.request_id},
             {"tag", attempt.tag},
             {"tag_source", attempt.tag_source},
             {"path", attempt.path},
             {"endpoint", attempt.endpoint},
             {"model", attempt.model},
             {"stream", attempt.stream},
             {"key_end", attempt.key_end},
             {"user_agent", attempt.user_agent},
             {"retry_count", attempt.retry_count},
             {"faults", attempt.faults},
             {"begun", to_rfc3339(attempt.begun)},
             {"open", attempt.open}};
    if (!attempt.open) {
        out["ended"] = to_rfc3339(attempt.ended);
        out["status"] = attempt.status;
        out["outcome"] = outcome_name(attempt.ending.outcome);
        out["delivered"] = delivered_name(attempt.ending.delivered);
        out["generated"] = attempt.ending.generated;
    }
    out["charges"] = std::move(charges);
    out["units"] = Json{{"web_search", attempt.charges.web_searches}};
    return out;
}

Bill::~Bill() {
    if (file_ >= 0) ::close(file_);
}

Result<> Bill::open(const std::string& path) {
    file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file_ >= 0) return {};
    return fail(ErrorCode::io, "Cannot write the bill to " + path + ".", std::strerror(errno));
}

std::int64_t Bill::begin(Attempt attempt) {
    attempt.number = ++numbers_;
    write("begin", attempt);
    attempts_.push_back(std::move(attempt));
    while (attempts_.size() > kept_) {
        attempts_.pop_front();
        ++first_;
    }
    return numbers_;
}

void Bill::end(std::int64_t number, int status, const Ending& ending, Charges charges,
               UnixTime now) {
    if (number < first_ || number > numbers_) return;  // forgotten in the meantime
    Attempt& attempt = attempts_[static_cast<std::size_t>(number - first_)];
    attempt.open = false;
    attempt.status = status;
    attempt.ending = ending;
    attempt.charges = std::move(charges);
    attempt.ended = now;
    write("end", attempt);
}

void Bill::write(std::string_view event, const Attempt& attempt) {
    if (file_ < 0) return;
    Json line{{"event", event}};
    line.update(to_json(attempt));
    std::string text = dump(line) + "\n";
    std::string_view rest = text;
    while (!rest.empty()) {
        ssize_t n = ::write(file_, rest.data(), rest.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            failed_ = true;
            return;
        }
        rest.remove_prefix(static_cast<std::size_t>(n));
    }
}

Json Bill::json(std::string_view tag, std::int64_t since) const {
    Json attempts = Json::array();
    for (const Attempt& attempt : attempts_) {
        bool asked_for = attempt.number > since && (tag.empty() || attempt.tag == tag);
        if (asked_for) attempts.push_back(to_json(attempt));
    }
    return Json{{"attempts", std::move(attempts)},
                {"refused", refused_},
                {"incomplete", incomplete_},
                {"forgotten", first_ - 1},
                {"write_failed", failed_}};
}

Json Bill::totals() const {
    std::map<std::pair<std::string, std::string>, Charge> by_model;
    std::int64_t open = 0;
    std::int64_t searches = 0;
    for (const Attempt& attempt : attempts_) {
        open += attempt.open ? 1 : 0;
        searches += attempt.charges.web_searches;
        for (const Charge& charge : attempt.charges.lines) {
            Charge& sum = by_model[{charge.model, charge.tier}];
            sum.model = charge.model;
            sum.tier = charge.tier;
            sum.input += charge.input;
            sum.cache_read += charge.cache_read;
            sum.cache_write_short += charge.cache_write_short;
            sum.cache_write_long += charge.cache_write_long;
            sum.input_audio += charge.input_audio;
            sum.output += charge.output;
            sum.reasoning += charge.reasoning;
        }
    }
    Json models = Json::array();
    for (const auto& [key, sum] : by_model) models.push_back(to_json(sum));
    return Json{{"attempts", attempts_.size()}, {"open", open},
                {"refused", refused_},          {"incomplete", incomplete_},
                {"charges", std::move(models)}, {"units", Json{{"web_search", searches}}}};
}

void Bill::clear() {
    attempts_.clear();
    first_ = numbers_ + 1;
    refused_ = 0;
    incomplete_ = 0;
}

}  // namespace weir::sim
