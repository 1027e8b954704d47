#include "sim/provider/delivery.h"

#include <algorithm>
#include <array>
#include <sys/socket.h>

#include "codec/http1.h"

namespace weir::sim {
namespace {

constexpr Duration kWriteTime = std::chrono::minutes{10};
constexpr Duration kHangMost = std::chrono::minutes{30};
constexpr Duration kCoarse = std::chrono::milliseconds{150};  // that the loop's timers may be late

std::string head_of(const Answer& answer, const Faults& faults, bool keep_alive) {
    std::string head;
    codec::append_status_line(head, answer.status);
    codec::append_field(head, "server", "weir-sim");
    codec::append_field(head, "content-type", answer.content_type);
    for (const auto& [name, value] : answer.headers) codec::append_field(head, name, value);
    if (answer.stream) {
        codec::append_field(head, "cache-control", "no-cache");
        codec::append_field(head, "transfer-encoding", "chunked");
    } else {
        auto length =
            static_cast<std::int64_t>(answer.body.size()) + faults.argument(Fault::wrong_length);
        codec::append_field(head, "content-length",
                            static_cast<std::uint64_t>(std::max<std::int64_t>(length, 0)));
    }
    codec::append_field(head, "connection", keep_alive ? "keep-alive" : "close");
    head += "\r\n";
    return head;
}

std::string chunk_of(std::string_view bytes) {
    std::array<char, codec::kChunkHeaderMax> size{};
    std::string out{size.data(), codec::append_chunk_header(size.data(), bytes.size())};
    out.append(bytes).append(codec::kCrlf);
    return out;
}

std::string chunks_of_bytes(std::string_view bytes) {
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); ++i) out += chunk_of(bytes.substr(i, 1));
    return out;
}

bool cuts_before_usage(const Faults& faults) {
    return faults.has(Fault::reset_before_usage) || faults.has(Fault::close_before_usage) ||
           faults.has(Fault::eof_before_usage);
}

bool resets(const Faults& faults) {
    return faults.has(Fault::reset_mid) || faults.has(Fault::reset_before_usage);
}

std::int64_t output_of(const Answer& answer) {
    return answer.charges.empty() ? 0 : answer.charges.lines.front().output;
}

}  // namespace

runtime::Task<Ending> Delivery::send(const Answer& answer, const Faults& faults, Pace pace,
                                     bool keep_alive) {
    faults_ = &faults;
    pace_ = pace;
    lives_ = keep_alive && !faults.has(Fault::announce_close);
    ending_.outcome = answer.fails ? Outcome::failed : Outcome::complete;
    if (answer.status >= 400) ending_.outcome = Outcome::error;
    if (faults.has(Fault::reset)) {
        sever(true);
    } else if (answer.stream) {
        co_await send_stream(answer);
    } else {
        co_await send_whole(answer);
    }
    if (faults.has(Fault::close_after)) lives_ = false;
    co_return ending_;
}

runtime::Task<void> Delivery::send_whole(const Answer& answer) {
    MonoTime begin = clock_.mono_now();
    std::int64_t most = output_of(answer);
    bool there = co_await wait(pace_.first_byte + pace_.chunk * answer.pieces);
    if (!there) {  // generated in proportion to the time
        std::int64_t done = answer.pieces;
        Duration since = clock_.mono_now() - begin - pace_.first_byte;
        if (pace_.chunk > Duration::zero()) done = std::max<std::int64_t>(since / pace_.chunk, 0);
        bool all = done >= answer.pieces && pace_.first_byte == Duration::zero();
        ending_.generated =
            all ? most
                : most * std::min(done, answer.pieces) / std::max<std::int64_t>(answer.pieces, 1);
        co_return;
    }
    ending_.generated = answer.fails ? most / 2 : most;
    if (faults_->has(Fault::hang)) co_return co_await hang(answer);
    if (!co_await write_head(answer)) co_return;
    std::string_view body = answer.body;
    if (faults_->has(Fault::reset_mid) || faults_->has(Fault::hang_mid)) {
        body = body.substr(0, body.size() / 2);
    } else if (cuts_before_usage(*faults_)) {
        body = body.substr(0, std::min(answer.usage_at, body.size() - 1));
    }
    ending_.delivered = Delivered::part;
    if (!co_await write(body)) co_return;
    if (faults_->has(Fault::hang_mid)) co_return co_await hang(answer);
    if (body.size() < answer.body.size()) co_return sever(resets(*faults_));
    ending_.delivered = Delivered::whole;
    if (faults_->has(Fault::wrong_length)) lives_ = false;
}

bool Delivery::cut_here(const Answer& answer, std::size_t step) const {
    auto reached = [&](Fault fault) {
        return faults_->has(fault) && static_cast<std::int64_t>(step) >= faults_->argument(fault);
    };
    bool usage_comes = answer.steps[step].kind != Step::Kind::content;
    return reached(Fault::reset_mid) || reached(Fault::hang_mid) ||
           (usage_comes && cuts_before_usage(*faults_));
}

runtime::Task<void> Delivery::send_stream(const Answer& answer) {
    if (!co_await wait(pace_.first_byte)) co_return;
    if (faults_->has(Fault::hang)) co_return co_await hang(answer);
    if (!co_await write_head(answer)) co_return;
    for (std::size_t i = 0; i < answer.steps.size(); ++i) {
        if (cut_here(answer, i)) {
            if (faults_->has(Fault::hang_mid)) co_return co_await hang(answer);
            if (faults_->has(Fault::eof_before_usage)) {
                ending_.outcome = Outcome::severed;
                bool ended = co_await write(codec::kLastChunk);
                lives_ = lives_ && ended;
                co_return;
            }
            co_return sever(resets(*faults_));
        }
        if (!co_await send_step(answer, i)) co_return;
    }
    if (!co_await write(codec::kLastChunk)) co_return;
    ending_.delivered = Delivered::whole;
}

runtime::Task<bool> Delivery::send_step(const Answer& answer, std::size_t index) {
    const Step& step = answer.steps[index];
    bool there = !step.paced || index == 0 || co_await wait(pace_.chunk);
    if (!there) co_return false;
    ending_.generated = step.output;
    if (step.bytes.empty()) co_return true;
    bool bad = faults_->has(Fault::bad_chunk) &&
               static_cast<std::int64_t>(index) >= faults_->argument(Fault::bad_chunk);
    std::string wire =
        faults_->has(Fault::split) ? chunks_of_bytes(step.bytes) : chunk_of(step.bytes);
    if (bad) wire.insert(0, "zz");
    if (!co_await write(wire)) co_return false;
    ending_.delivered = Delivered::part;
    if (bad) {
        sever(false);
        co_return false;
    }
    co_return true;
}

runtime::Task<bool> Delivery::write_head(const Answer& answer) {
    std::string head = head_of(answer, *faults_, lives_);
    if (faults_->has(Fault::garbage_head)) {
        bool written = co_await write("\x16\x03\x01 this is not HTTP\r\n\r\n");
        if (written) sever(false);
        co_return false;
    }
    if (!co_await write(head)) co_return false;
    ending_.delivered = Delivered::head;
    if (faults_->has(Fault::reset_after_head)) {
        sever(true);
        co_return false;
    }
    co_return true;
}

runtime::Task<bool> Delivery::write(std::string_view bytes) {
    if (client_.stream().peer_gone()) {
        ending_.outcome = Outcome::cut;
        lives_ = false;
        co_return false;
    }
    bool drip = faults_->has(Fault::drip);
    std::size_t at_once = drip ? 1 : bytes.size();
    Duration between = std::chrono::milliseconds{faults_->argument(Fault::drip)};
    for (std::size_t at = 0; at < bytes.size(); at += at_once) {
        std::string_view part = bytes.substr(at, at_once);
        if (drip && at > 0 && !co_await wait(between)) co_return false;
        iovec piece{const_cast<char*>(part.data()), part.size()};
        client_.stream().set_deadline(kWriteTime);
        if (co_await runtime::write_all(client_.stream(), &piece, 1) != 0) {
            ending_.outcome = Outcome::cut;
            lives_ = false;
            co_return false;
        }
    }
    co_return true;
}

// Long waits are on the stream, whose clock is coarse, so that a client that goes is seen at once;
// their last part is in fine steps.
runtime::Task<bool> Delivery::wait(Duration time) {
    runtime::Stream& stream = client_.stream();
    MonoTime end = clock_.mono_now() + time;
    if (time > kCoarse && !stream.peer_gone() && !stream.read_ready()) {
        stream.set_deadline(time - kCoarse);
        (void)co_await runtime::readable(stream);
        stream.set_deadline(Duration::zero());
    }
    // What came may be the next request, early: it has to wait.
    while (!stream.peer_gone() && clock_.mono_now() < end) {
        co_await sleep_(std::min<Duration>(end - clock_.mono_now(), kCoarse));
    }
    if (!stream.peer_gone()) co_return true;
    ending_.outcome = Outcome::cut;
    lives_ = false;
    co_return false;
}

// It is the sending that hangs, not the model.
runtime::Task<void> Delivery::hang(const Answer& answer) {
    ending_.outcome = Outcome::severed;
    ending_.generated = output_of(answer);
    Ending kept = ending_;
    (void)co_await wait(kHangMost);
    ending_ = kept;
    lives_ = false;
}

void Delivery::sever(bool with_reset) {
    ending_.outcome = Outcome::severed;
    lives_ = false;
    if (with_reset) reset_on_close(descriptor_);
}

void Delivery::reset_on_close(int descriptor) {
    if (descriptor < 0) return;
    linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace weir::sim
