// The reading end of a record's bytes (record_codec.h says how they are spelled).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "ledger/record_codec.h"

namespace weir::ledger {

// Reads what Encoder wrote. Any byte sequence is safe; the first thing wrong makes `ok` false, and
// all that is read after it is zero or empty.
class Decoder {
 public:
    static constexpr bool kWrites = false;

    explicit Decoder(std::string_view bytes) : rest_(bytes) {}
    bool ok() const { return ok_; }
    bool at_end() const { return rest_.empty(); }
    void refuse() {
        ok_ = false;
        rest_ = {};
    }

    std::uint8_t byte() {
        if (rest_.empty()) {
            refuse();
            return 0;
        }
        auto v = static_cast<std::uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        return v;
    }
    UInt128 wide() {
        std::uint8_t first = byte();
        if (first < kOneByteBelow) return first;
        std::size_t n = first - (kOneByteBelow - 1u);
        if (rest_.size() < n) {
            refuse();
            return 0;
        }
        UInt128 v = 0;
        for (std::size_t i = n; i-- > 0;) {
            v = (v << 8) | static_cast<unsigned char>(rest_[i]);
        }
        bool shortest = rest_[n - 1] != 0 && v >= kOneByteBelow;
        rest_.remove_prefix(n);
        if (!shortest) refuse();
        return ok_ ? v : 0;
    }
    std::uint64_t number() {
        UInt128 v = wide();
        if (v > UINT64_MAX) {
            refuse();
            return 0;
        }
        return static_cast<std::uint64_t>(v);
    }
    void number(std::uint64_t& v) { v = number(); }
    template <class T>
    void integer(T& v) {
        std::uint64_t raw = number();
        if constexpr (std::is_signed_v<T>) {
            auto wide_v = static_cast<std::int64_t>((raw >> 1) ^ (~(raw & 1) + 1));
            v = static_cast<T>(wide_v);
            if (v != wide_v) refuse();
        } else {
            v = static_cast<T>(raw);
            if (v != raw) refuse();
        }
    }
    void integer128(Int128& v) { v = unzigzag(wide()); }
    void flag(bool& v) {
        std::uint8_t raw = byte();
        v = raw == 1;
        if (raw > 1) refuse();
    }
    template <class E>
    void enumerated(E& v, E last) {
        std::uint8_t raw = byte();
        if (raw > static_cast<std::uint8_t>(last)) {
            refuse();
            raw = 0;
        }
        v = static_cast<E>(raw);
    }
    void text(std::string& v) {
        std::uint64_t n = number();
        if (n > kTextMax || n > rest_.size()) return refuse();
        v.assign(rest_.substr(0, n));
        rest_.remove_prefix(n);
    }
    template <class List, class Item>
    void list(List& items, std::size_t most, Item&& read) {
        std::uint64_t count = number();
        // An item takes a byte at least: a count can not ask for more memory than it brings.
        if (count > most || count > rest_.size()) return refuse();
        items.resize(count);
        for (auto& item : items) {
            read(item);
            if (!ok_) return;
        }
    }

 private:
    std::string_view rest_;
    bool ok_ = true;
};

}  // namespace weir::ledger
