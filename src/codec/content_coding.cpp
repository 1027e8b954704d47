#include "codec/content_coding.h"

#include <algorithm>
#include <brotli/decode.h>
#include <span>
#include <utility>
#include <zlib.h>
#include <zstd.h>

#include "base/check.h"
#include "codec/http1.h"

namespace weir::codec {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{32} * 1024;
constexpr int kZstdWindowLogMax = 23;  // 8 MiB, what RFC 9659 lets a sender of HTTP ask for
constexpr int kGzipWrapper = 15 + 16;  // zlib's way to say "gzip, largest window"
constexpr int kZlibWrapper = 15;
constexpr int kNoWrapper = -15;

enum class Progress : std::uint8_t {
    going,  // all input taken or the output is full
    ended,  // the coded data are complete; input may follow
    malformed,
};

}  // namespace

// Turns input into output, each as far as it goes.
struct Decoder::Stage {
    virtual ~Stage() = default;
    virtual Progress step(std::string_view& in, std::span<char> room, std::size_t& written) = 0;
    // Coded data may come several in a row (gzip members, zstd frames). False: they may not.
    virtual bool begin_again() = 0;

    std::unique_ptr<char[]> block = std::make_unique_for_overwrite<char[]>(kBlockBytes);
    std::uint64_t produced = 0;
    bool ended = false;  // at the end of a member or frame: it is allowed to stop here
};

namespace {

Bytef* as_bytes(const char* p) {
    // zlib takes its input by a pointer to mutable bytes, which it does not write.
    return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(p));
}

uInt clamp_size(std::size_t n) { return static_cast<uInt>(std::min<std::size_t>(n, 1U << 30)); }

class ZlibStage : public Decoder::Stage {
 public:
    explicit ZlibStage(int wrapper) { start(wrapper); }
    ZlibStage() = default;
    ~ZlibStage() override {
        if (started_) inflateEnd(&z_);
    }
    ZlibStage(const ZlibStage&) = delete;
    ZlibStage& operator=(const ZlibStage&) = delete;

    Progress step(std::string_view& in, std::span<char> room, std::size_t& written) override {
        z_.next_in = as_bytes(in.data());
        z_.avail_in = clamp_size(in.size());
        z_.next_out = as_bytes(room.data());
        z_.avail_out = clamp_size(room.size());
        uInt given = z_.avail_in;
        uInt free = z_.avail_out;
        int code = inflate(&z_, Z_NO_FLUSH);
        in.remove_prefix(given - z_.avail_in);
        written = free - z_.avail_out;
        if (code == Z_STREAM_END) return Progress::ended;
        return code == Z_OK || code == Z_BUF_ERROR ? Progress::going : Progress::malformed;
    }
    bool begin_again() override { return inflateReset(&z_) == Z_OK; }

 protected:
    void start(int wrapper) {
        WEIR_CHECK(inflateInit2(&z_, wrapper) == Z_OK);
        started_ = true;
    }
    bool started() const { return started_; }

 private:
    z_stream z_{};
    bool started_ = false;
};

// "deflate" means zlib's wrapper, but some send the bare data; the first two bytes tell.
class DeflateStage : public ZlibStage {
 public:
    Progress step(std::string_view& in, std::span<char> room, std::size_t& written) override {
        written = 0;
        while (held_ < 2 && !in.empty()) {
            head_[held_++] = in.front();
            in.remove_prefix(1);
        }
        if (held_ < 2) return Progress::going;
        if (!started()) start(is_zlib() ? kZlibWrapper : kNoWrapper);
        while (given_ < 2) {
            std::string_view piece{head_.data() + given_, 2 - given_};
            Progress progress = ZlibStage::step(piece, room, written);
            given_ = 2 - piece.size();
            if (progress != Progress::going || written != 0) return progress;
        }
        return ZlibStage::step(in, room, written);
    }
    bool begin_again() override { return false; }

 private:
    bool is_zlib() const {
        auto method = static_cast<unsigned char>(head_[0]);
        auto flags = static_cast<unsigned char>(head_[1]);
        return (method & 0x0f) == 8 && (method >> 4) <= 7 && (method * 256U + flags) % 31 == 0;
    }

    std::array<char, 2> head_{};
    std::size_t held_ = 0;
    std::size_t given_ = 0;
};

class BrotliStage : public Decoder::Stage {
 public:
    Progress step(std::string_view& in, std::span<char> room, std::size_t& written) override {
        auto available_in = in.size();
        const auto* next_in = reinterpret_cast<const std::uint8_t*>(in.data());
        auto available_out = room.size();
        auto* next_out = reinterpret_cast<std::uint8_t*>(room.data());
        BrotliDecoderResult result = BrotliDecoderDecompressStream(
            state_.get(), &available_in, &next_in, &available_out, &next_out, nullptr);
        in.remove_prefix(in.size() - available_in);
        written = room.size() - available_out;
        if (result == BROTLI_DECODER_RESULT_SUCCESS) return Progress::ended;
        return result == BROTLI_DECODER_RESULT_ERROR ? Progress::malformed : Progress::going;
    }
    bool begin_again() override { return false; }

 private:
    struct Destroy {
        void operator()(BrotliDecoderState* s) const { BrotliDecoderDestroyInstance(s); }
    };
    static BrotliDecoderState* create() {
        BrotliDecoderState* state = BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
        WEIR_CHECK(state != nullptr);
        return state;
    }
    std::unique_ptr<BrotliDecoderState, Destroy> state_{create()};
};

class ZstdStage : public Decoder::Stage {
 public:
    ZstdStage() {
        WEIR_CHECK(state_ != nullptr);
        std::size_t code =
            ZSTD_DCtx_setParameter(state_.get(), ZSTD_d_windowLogMax, kZstdWindowLogMax);
        WEIR_CHECK(ZSTD_isError(code) == 0);
    }
    Progress step(std::string_view& in, std::span<char> room, std::size_t& written) override {
        ZSTD_inBuffer input{in.data(), in.size(), 0};
        ZSTD_outBuffer output{room.data(), room.size(), 0};
        std::size_t code = ZSTD_decompressStream(state_.get(), &output, &input);
        in.remove_prefix(input.pos);
        written = output.pos;
        if (ZSTD_isError(code) != 0) return Progress::malformed;
        return code == 0 ? Progress::ended : Progress::going;
    }
    bool begin_again() override { return true; }

 private:
    struct Destroy {
        void operator()(ZSTD_DCtx* c) const { ZSTD_freeDCtx(c); }
    };
    std::unique_ptr<ZSTD_DCtx, Destroy> state_{ZSTD_createDCtx()};
};

std::unique_ptr<Decoder::Stage> make_stage(Coding coding) {
    switch (coding) {
        case Coding::gzip:
            return std::make_unique<ZlibStage>(kGzipWrapper);
        case Coding::deflate:
            return std::make_unique<DeflateStage>();
        case Coding::br:
            return std::make_unique<BrotliStage>();
        case Coding::zstd:
            break;
    }
    return std::make_unique<ZstdStage>();
}

bool coding_of(std::string_view name, Coding& coding) {
    constexpr std::array<std::pair<std::string_view, Coding>, 5> names{{
        {"gzip", Coding::gzip},
        {"x-gzip", Coding::gzip},
        {"deflate", Coding::deflate},
        {"br", Coding::br},
        {"zstd", Coding::zstd},
    }};
    for (const auto& [known, value] : names) {
        if (!equals_ignore_case(name, known)) continue;
        coding = value;
        return true;
    }
    return false;
}

}  // namespace

Result<CodingList> parse_content_encoding(std::string_view value) {
    CodingList list;
    bool last = false;
    while (!last) {
        std::size_t comma = value.find(',');
        last = comma == std::string_view::npos;
        std::string_view name = value.substr(0, comma);
        if (!last) value.remove_prefix(comma + 1);
        std::size_t begin = name.find_first_not_of(" \t");
        if (begin == std::string_view::npos) continue;
        name = name.substr(begin, name.find_last_not_of(" \t") + 1 - begin);
        if (equals_ignore_case(name, "identity")) continue;
        Coding coding{};
        if (list.count == CodingList::kMax || !coding_of(name, coding))
            return fail(ErrorCode::unsupported_encoding);
        list.codings[list.count++] = coding;
    }
    return list;
}

Decoder::Decoder(const CodingList& codings, std::size_t output_bytes_max)
    : count_(codings.count), output_bytes_max_(output_bytes_max) {
    for (std::size_t i = 0; i < count_; ++i)
        stages_[i] = make_stage(codings.codings[count_ - 1 - i]);
}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

Result<> Decoder::feed(std::string_view in, std::string& out) {
    if (failed_) return fail(ErrorCode::malformed_body);
    if (in.empty()) return {};
    fed_ = true;
    Result<> result = pump(0, in, out);
    failed_ = !result;
    return result;
}

Result<> Decoder::pump(std::size_t stage, std::string_view in, std::string& out) {
    if (stage == count_) {
        // Codings count for themselves; this is for identity.
        identity_bytes_ += in.size();
        if (identity_bytes_ > output_bytes_max_) return fail(ErrorCode::body_too_large);
        out.append(in);
        return {};
    }
    Stage& coder = *stages_[stage];
    std::span<char> room{coder.block.get(), kBlockBytes};
    std::size_t written = 0;
    // A full block may mean that more is waiting inside, even if all input is taken.
    while (!in.empty() || written == room.size()) {
        if (coder.ended) {
            if (in.empty()) break;
            if (!coder.begin_again()) return fail(ErrorCode::malformed_body);
            coder.ended = false;
        }
        std::size_t before = in.size();
        Progress progress = coder.step(in, room, written);
        if (progress == Progress::malformed) return fail(ErrorCode::malformed_body);
        coder.ended = progress == Progress::ended;
        coder.produced += written;
        if (coder.produced > output_bytes_max_) return fail(ErrorCode::body_too_large);
        if (written != 0) {
            Result<> passed = pump(stage + 1, {room.data(), written}, out);
            if (!passed) return passed;
        } else if (in.size() == before && progress == Progress::going) {
            if (!in.empty()) return fail(ErrorCode::malformed_body);
            break;
        }
    }
    return {};
}

Result<> Decoder::finish() {
    if (failed_) return fail(ErrorCode::malformed_body);
    if (!fed_) return {};
    for (std::size_t i = 0; i < count_; ++i) {
        if (!stages_[i]->ended) return fail(ErrorCode::malformed_body, {}, "body cut off");
    }
    return {};
}

}  // namespace weir::codec
