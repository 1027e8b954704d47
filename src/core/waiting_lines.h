// Calls that wait for what others hold, by the balance they wait for. The order of tickets is one
// for all lines, so that no two calls wait for each other. Internal to core/budget.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace weir::core {

class WaitingLines {
 public:
    bool contains(std::uint32_t slot) const { return lines_.contains(slot); }
    // Do others stand there before it? Ticket 0: a call that has none.
    bool is_behind(std::uint32_t slot, std::uint64_t ticket) const {
        if (lines_.empty()) return false;
        const auto line = lines_.find(slot);
        return line != lines_.end() && (ticket == 0 || line->second.front() < ticket);
    }
    bool is_next(std::uint64_t ticket) const {
        const auto place = slots_.find(ticket);
        return place == slots_.end() || lines_.at(place->second).front() == ticket;
    }
    void enter(std::uint64_t ticket, std::uint32_t slot) {
        std::vector<std::uint64_t>& line = lines_[slot];
        line.insert(std::ranges::upper_bound(line, ticket), ticket);
        slots_.emplace(ticket, slot);
    }
    void leave(std::uint64_t ticket) {
        const auto place = slots_.find(ticket);
        if (place == slots_.end()) return;
        const auto line = lines_.find(place->second);
        std::erase(line->second, ticket);
        if (line->second.empty()) lines_.erase(line);
        slots_.erase(place);
    }

 private:
    std::unordered_map<std::uint32_t, std::vector<std::uint64_t>> lines_;  // the next first
    std::unordered_map<std::uint64_t, std::uint32_t> slots_;               // by ticket
};

}  // namespace weir::core
