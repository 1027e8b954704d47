// Runs a fuzz target over the files of a corpus directory, and over the beginnings of each, since
// networks and disks cut off wherever they like: replay_<name> <directory or file>…
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

#include "fuzz/target.h"

namespace {

constexpr std::size_t kCutsMax = 200;

void run(const std::string& bytes) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

bool replay(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
        return false;
    }
    std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    run(bytes);
    std::size_t stride = bytes.size() / kCutsMax + 1;
    for (std::size_t n = 0; n < bytes.size(); n += stride) run(bytes.substr(0, n));
    return true;
}

}  // namespace

int main(int count, char** arguments) {
    std::vector<std::filesystem::path> files;
    for (int i = 1; i < count; ++i) {
        std::error_code error;
        std::filesystem::directory_iterator directory(arguments[i], error);
        if (error) {
            files.emplace_back(arguments[i]);
            continue;
        }
        for (const auto& entry : directory) files.push_back(entry.path());
    }
    std::ranges::sort(files);
    if (files.empty()) {
        std::fprintf(stderr, "no input\n");
        return 1;
    }
    bool good = true;
    for (const auto& file : files) good = replay(file) && good;
    std::printf("%zu inputs\n", files.size());
    return good ? 0 : 1;
}
