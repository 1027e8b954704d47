// Stored fields that several records share. `Io` is Encoder or Decoder (record_codec.h). A change
// here is a new kFormatVersion. Stored enumerations grow at their end only; error codes are stored
// by name, because their list is sorted by subject.
#pragma once

#include "ledger/record.h"
#include "ledger/record_codec.h"

namespace weir::ledger {

inline constexpr std::uint8_t kFormatVersion = 1;

inline constexpr std::size_t kPartsMax = 64;
inline constexpr std::size_t kTagsMax = 64;
inline constexpr std::size_t kLinesMax = 64;
inline constexpr std::size_t kChargesMax = 512;
inline constexpr std::size_t kNotesMax = 32;

template <class Io, class T>
void money_field(Io& io, T& money) {
    if constexpr (Io::kWrites) {
        io.integer128(money.pico());
    } else {
        Int128 pico = 0;
        io.integer128(pico);
        money = Money::from_pico(pico);
    }
}

template <class Io, class T>
void rate_field(Io& io, T& rate) {
    std::int64_t femto = rate.femto();
    io.integer(femto);
    if constexpr (!Io::kWrites) rate = Rate::from_femto(femto);
}

template <class Io, class T>
void error_field(Io& io, T& code) {
    if constexpr (Io::kWrites) {
        io.text(error_info(code).name);
    } else {
        std::string name;
        io.text(name);
        for (std::size_t i = 0; i < kErrorCodes; ++i) {
            if (error_info(static_cast<ErrorCode>(i)).name != name) continue;
            code = static_cast<ErrorCode>(i);
            return;
        }
        io.refuse();
    }
}

// An array of mostly zeros: a mask of those that are not, then these.
template <class Io, class Array>
void sparse_field(Io& io, Array& values) {
    std::uint64_t mask = 0;
    if constexpr (Io::kWrites) {
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (values[i] != 0) mask |= std::uint64_t{1} << i;
        }
    }
    io.number(mask);
    if constexpr (!Io::kWrites) {
        if ((mask >> values.size()) != 0) return io.refuse();
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
        if ((mask >> i & 1) == 0) continue;
        io.integer(values[i]);
        if constexpr (!Io::kWrites) {
            if (values[i] == 0) return io.refuse();
        }
    }
}

template <class Io, class T>
void id_fields(Io& io, T& id) {
    io.integer(id.call.epoch);
    io.integer(id.call.worker);
    io.integer(id.call.seq);
    io.integer(id.ordinal);
}

template <class Io, class T>
void attribution_fields(Io& io, T& a) {
    std::uint64_t mask = 0;
    auto is_set = [&](std::size_t i) {
        return !a.values[i].empty() || a.sources[i] != core::Source::none;
    };
    if constexpr (Io::kWrites) {
        for (std::size_t i = 0; i < core::kDimensions; ++i) {
            if (is_set(i)) mask |= std::uint64_t{1} << i;
        }
    }
    io.number(mask);
    if constexpr (!Io::kWrites) {
        if ((mask >> core::kDimensions) != 0) return io.refuse();
    }
    for (std::size_t i = 0; i < core::kDimensions; ++i) {
        if ((mask >> i & 1) == 0) continue;
        io.enumerated(a.sources[i], core::Source::inferred);
        io.text(a.values[i]);
        if constexpr (!Io::kWrites) {
            if (!is_set(i)) return io.refuse();
        }
    }
    io.list(a.tags, kTagsMax, [&](auto& tag) {
        io.text(tag.first);
        io.text(tag.second);
    });
    io.list(a.ignored, core::kDimensions,
            [&](auto& dimension) { io.enumerated(dimension, core::Dimension::model); });
}

template <class Io, class T>
void head_fields(Io& io, T& h) {
    id_fields(io, h.id);
    io.integer(h.admitted_at.ns);
    io.enumerated(h.endpoint, core::Endpoint::models);
    io.flag(h.stream);
    attribution_fields(io, h.attribution);
    io.text(h.asked_model);
    io.text(h.provider);
    io.text(h.model);
    io.text(h.price_id);
    io.text(h.book_hash);
    io.text(h.price_vendor);
    io.flag(h.provisional_price);
    io.flag(h.local_free);
    io.flag(h.own_credential);
}

// Slot and generation belong to the live table and are not stored.
template <class Io, class T>
void parts_fields(Io& io, T& parts) {
    io.list(parts, kPartsMax, [&](auto& p) {
        io.integer(p.budget_id);
        io.text(p.instance);
        io.integer(p.window.start);
        io.integer(p.window.end);
        io.enumerated(p.unit, core::BudgetUnit::attempts);
        io.integer128(p.held);
        io.integer128(p.amount);
        io.integer128(p.settled);
        io.integer128(p.others_held);
        io.flag(p.blocks);
        io.flag(p.refused);
    });
}

}  // namespace weir::ledger
