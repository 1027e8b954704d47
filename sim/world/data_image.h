// What is left of a data directory when its process, or its machine, dies at this instant. The page
// cache outlives the process, and the files of a directory are read through it.
#pragma once

#include <string>

#include "base/random.h"

namespace weir::world {

// A directory of its own, in memory where the system has such a place; goes with its owner.
class Scratch {
 public:
    Scratch();
    ~Scratch();
    Scratch(const Scratch&) = delete;
    std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
    std::string path_;
};

// Copies all files. The process is killed: nothing that it wrote is missing.
void copy_directory(const std::string& from, const std::string& to);

// The same after a power cut: each segment of the journal loses a suffix of what was not synced,
// one independently of the other, and all segments are of an earlier start of the machine.
void cut_power(const std::string& data_dir, Rng& rng);

// The database alone, and back: what SQLite had committed may be older than what it was asked to.
void copy_database(const std::string& from_dir, const std::string& to_dir);

}  // namespace weir::world
