#include "sim/world/data_image.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdlib.h>

#include "ledger/segment.h"
#include "ledger/segment_format.h"

namespace weir::world {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

constexpr std::uint8_t kAnotherBoot = 0x11;

// Made before an earlier cut, by which what is there now was on the disk.
bool survived_a_cut(const ledger::SegmentHeader& header) {
    return header.birth.boot_id.front() == kAnotherBoot &&
           header.birth.boot_id.back() == kAnotherBoot;
}

// The segment was made by another start of the machine.
void age(std::string& bytes) {
    ledger::SegmentHeader header;
    if (bytes.size() < sizeof header) return;
    std::memcpy(&header, bytes.data(), sizeof header);
    header.birth.boot_id.fill(kAnotherBoot);
    header.birth.crc = ledger::crc_after_own(header.birth);
    std::memcpy(bytes.data(), &header, sizeof header);
}

}  // namespace

Scratch::Scratch() {
    std::error_code error;
    fs::path where = "/dev/shm";
    if (!fs::is_directory(where, error)) where = fs::temp_directory_path();
    std::string pattern = (where / "weir-world-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
        pattern = (fs::temp_directory_path() / "weir-world-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    }
    path_ = pattern;
}

Scratch::~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

void copy_directory(const std::string& from, const std::string& to) {
    fs::copy(from, to, fs::copy_options::recursive);
}

void copy_database(const std::string& from_dir, const std::string& to_dir) {
    for (const char* name : {"/weir.db", "/weir.db-wal", "/weir.db-shm"}) {
        std::error_code ignored;
        fs::remove(to_dir + name, ignored);
        if (fs::exists(from_dir + name)) fs::copy_file(from_dir + name, to_dir + name);
    }
}

void cut_power(const std::string& data_dir, Rng& rng) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(data_dir + "/journal")) {
        files.push_back(entry.path());
    }
    std::ranges::sort(files);  // the order of the directory is no seed's
    for (const fs::path& path : files) {
        std::string bytes = read_file(path);
        ledger::SegmentHeader header;
        if (bytes.size() < sizeof header) continue;
        std::memcpy(&header, bytes.data(), sizeof header);
        if (survived_a_cut(header)) continue;
        bool sealed = header.seal.bytes != 0;
        std::uint64_t synced = std::min<std::uint64_t>(header.synced, bytes.size());
        if (!sealed && synced < bytes.size()) {
            // Mostly within what was really written; sometimes all of it stays.
            std::uint64_t kept =
                synced + rng.below(std::min<std::uint64_t>(bytes.size() - synced + 1, 6'000));
            if (rng.below(2) == 0) {
                std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(kept), bytes.end(), '\0');
            } else {
                bytes.resize(kept);
            }
        }
        age(bytes);
        std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    }
}

}  // namespace weir::world
