// A segment file of any bytes: the reader gives every record before the first damage, none behind
// it unless a power cut explains the gap, and stays where it stopped; verify survives. The first
// byte chooses what the machine went through, the next two the synced watermark, the rest builds
// frames.
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "fuzz/target.h"
#include "ledger/journal.h"
#include "ledger/segment.h"
#include "ledger/segment_format.h"
#include "ledger/verify.h"

namespace weir::fuzz {
namespace {

using namespace weir::ledger;

const SegmentName kName{.epoch = 1, .worker = 0, .seq = 1};
const BootId kBoot{1, 2, 3};

class Scratch {
 public:
    Scratch() {
        std::string pattern = std::filesystem::temp_directory_path() / "weir_fuzz_XXXXXX";
        WEIR_CHECK(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Scratch(const Scratch&) = delete;
    const std::string& path() const { return path_; }

 private:
    std::string path_;
};

struct File {
    std::string frames;
    std::vector<std::uint64_t> records;  // numbers of the good ones
    std::size_t leading = 0;             // of these, before anything else
    bool broken = false;                 // something other than a good record was written
};

void append_word(std::string& out, std::uint32_t word) {
    out.append(reinterpret_cast<const char*>(&word), sizeof word);
}

void append_frame(File& file, std::string_view payload) {
    append_word(file.frames, static_cast<std::uint32_t>(payload.size()));
    append_word(file.frames, crc32c(payload));
    file.frames.append(payload);
    file.frames.resize((file.frames.size() + 7) / 8 * 8);
}

void append_record(File& file) {
    std::uint64_t number = file.records.size() + 1;
    DispatchedRecord record{.id = {{1, 0, number}, 1}, .at = UnixTime{}};
    std::string payload;
    encode(Record{record}, payload);
    append_frame(file, payload);
    file.records.push_back(number);
    if (!file.broken) ++file.leading;
}

std::string_view take(std::string_view& text, std::size_t n) {
    std::string_view head = text.substr(0, n);
    text.remove_prefix(head.size());
    return head;
}

// Each byte is a step: r a record, f a whole frame of the bytes that follow, w raw bytes, m the end
// mark, anything else eight zeros.
File build(std::string_view script) {
    File file;
    while (!script.empty()) {
        char step = take(script, 1).front();
        if (step == 'r') {
            append_record(file);
            continue;
        }
        file.broken = true;
        std::string_view length = take(script, step == 'f' || step == 'w' ? 1 : 0);
        std::size_t n = length.empty() ? 0 : static_cast<unsigned char>(length.front());
        if (step == 'f') {
            append_frame(file, take(script, n));
        } else if (step == 'w') {
            file.frames.append(take(script, n));
            file.frames.resize((file.frames.size() + 7) / 8 * 8);
        } else if (step == 'm') {
            append_word(file.frames, kEndMark);
            append_word(file.frames, 0);
        } else {
            file.frames.append(8, '\0');
        }
    }
    return file;
}

std::string header(std::uint64_t synced, bool sealed, std::uint64_t bytes) {
    SegmentHeader h;
    h.magic = kMagic;
    h.synced = synced;
    h.birth.version = kSegmentVersion;
    h.birth.epoch = kName.epoch;
    h.birth.worker = kName.worker;
    h.birth.seq = kName.seq;
    h.birth.capacity = bytes;
    h.birth.boot_id = kBoot;
    h.birth.crc = crc_after_own(h.birth);
    if (sealed) {
        h.seal.bytes = bytes;
        h.seal.crc = crc_after_own(h.seal);
    }
    std::string out(kHeaderBytes, '\0');
    std::memcpy(out.data(), &h, sizeof h);
    return out;
}

struct Reading {
    std::vector<std::uint64_t> records;
    std::size_t others = 0;
    bool failed = false;
};

Reading poll(JournalReader& reader) {
    Reading reading;
    auto count = reader.poll(1'000'000, [&](Record&& record) {
        const auto* dispatched = std::get_if<DispatchedRecord>(&record);
        if (dispatched != nullptr && dispatched->id.call.epoch == 1) {
            reading.records.push_back(dispatched->id.call.seq);
        } else {
            ++reading.others;
        }
    });
    reading.failed = !count;
    if (count) WEIR_CHECK(*count == reading.records.size() + reading.others);
    return reading;
}

void check_reading(const File& file, const Reading& reading, bool power_cut) {
    WEIR_CHECK(reading.records.size() >= file.leading);
    for (std::size_t i = 0; i < file.leading; ++i)
        WEIR_CHECK(reading.records[i] == file.records[i]);
    if (!file.broken) WEIR_CHECK(reading.others == 0 && reading.records == file.records);
    // Frames of the script's own bytes may hold any record; else none may come from nowhere.
    if (reading.others == 0 && !power_cut)
        WEIR_CHECK(reading.records.size() <= file.records.size());
}

void run(const std::string& bytes, const File* file, bool power_cut) {
    static const Scratch scratch;
    {
        std::ofstream out(scratch.path() + "/" + kName.file_name(), std::ios::binary);
        out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        WEIR_CHECK(out.good());
    }
    BootId now = kBoot;
    if (power_cut) now[0] = 9;
    JournalReader reader(scratch.path(), boot_id_text(now));
    Reading reading = poll(reader);
    if (file != nullptr) check_reading(*file, reading, power_cut);
    for (const Cursor& cursor : reader.cursors())
        WEIR_CHECK(cursor.offset <= bytes.size() + 8 || cursor.offset == kHeaderBytes);
    Reading again = poll(reader);
    WEIR_CHECK(again.records.empty() && again.others == 0 && again.failed == reading.failed);
    JournalReader resumed(scratch.path(), boot_id_text(now));
    resumed.resume(reader.cursors());
    Reading rest = poll(resumed);
    WEIR_CHECK(rest.records.empty() && rest.others == 0 && rest.failed == reading.failed);
    WEIR_CHECK(verify(scratch.path()).has_value());
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weir::fuzz;
    if (size < 3) return 0;
    bool power_cut = (data[0] & 1) != 0;
    bool sealed = (data[0] & 2) != 0;
    bool as_it_is = (data[0] & 4) != 0;
    if (as_it_is) {
        run(std::string{text_of(data + 3, size - 3)}, nullptr, power_cut);
        return 0;
    }
    File file = build(text_of(data + 3, size - 3));
    std::uint64_t synced = static_cast<std::uint64_t>(data[1]) << 8 | data[2];
    std::string bytes = header(synced, sealed, weir::ledger::kHeaderBytes + file.frames.size());
    run(bytes + file.frames, &file, power_cut);
    return 0;
}
