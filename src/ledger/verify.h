// Checks a journal without a running Weir: every frame and checksum, the chain of sealed segments,
// and that the books follow from the records. Trusts nothing that can be computed again. Memory: a
// few dozen bytes an attempt. Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "ledger/fold.h"
#include "ledger/journal.h"

namespace weir::ledger {

enum class Severity : std::uint8_t {
    note,    // expected after a crash or a power cut: a torn tail, an open hold
    damage,  // the journal is not what was written, or its records contradict each other
};

struct Finding {
    Severity severity = Severity::damage;
    std::string file;          // empty if it is about no one file
    std::uint64_t offset = 0;  // of the frame
    std::string id;            // of the attempt; may be empty
    std::string what;
};

struct VerifyReport {
    std::uint64_t segments = 0;
    std::uint64_t sealed = 0;
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;  // of frames
    Fold::Counts counts;
    Int128 settled_pico = 0;        // Σ charges of ended attempts
    Int128 cost_pico = 0;           // Σ costs of ended attempts
    std::vector<ChainHead> heads;   // of each family with a sealed segment
    std::vector<Finding> findings;  // at most kFindingsMax
    std::uint64_t findings_total = 0;

    bool is_sound() const { return damages == 0; }
    std::uint64_t damages = 0;
};
inline constexpr std::size_t kFindingsMax = 1000;

// `expected`: heads of the chain that were kept elsewhere, so that a cut off newest segment shows
// (ledger.md J12). Of a running Weir's journal it sees a moment: calls in flight are open holds.
// Errors: io (the directory can not be read).
Result<VerifyReport> verify(const std::string& directory,
                            const std::vector<ChainHead>& expected = {});

}  // namespace weir::ledger
