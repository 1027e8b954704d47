#include "ledger/record.h"

#include "ledger/record_decoder.h"
#include "ledger/record_fields.h"

namespace weir::ledger {
namespace {

// The second byte of a record. Never renumbered.
enum class Kind : std::uint8_t { admit = 1, dispatched = 2, end = 3, refusal = 4, correction = 5 };

template <class Io>
struct Fields {
    Io& io;
    template <class T>
    void operator()(T& r) const {
        using Plain = std::remove_const_t<T>;
        if constexpr (std::is_same_v<Plain, AdmitRecord>) admit_fields(io, r);
        if constexpr (std::is_same_v<Plain, DispatchedRecord>) dispatched_fields(io, r);
        if constexpr (std::is_same_v<Plain, EndRecord>) end_fields(io, r);
        if constexpr (std::is_same_v<Plain, RefusalRecord>) refusal_fields(io, r);
        if constexpr (std::is_same_v<Plain, CorrectionRecord>) correction_fields(io, r);
    }
};

static_assert(std::is_same_v<std::variant_alternative_t<0, Record>, AdmitRecord>);
static_assert(std::is_same_v<std::variant_alternative_t<1, Record>, DispatchedRecord>);
static_assert(std::is_same_v<std::variant_alternative_t<2, Record>, EndRecord>);
static_assert(std::is_same_v<std::variant_alternative_t<3, Record>, RefusalRecord>);
static_assert(std::is_same_v<std::variant_alternative_t<4, Record>, CorrectionRecord>);
static_assert(std::variant_size_v<Record> == 5);

Kind kind_of(const Record& record) { return static_cast<Kind>(record.index() + 1); }

template <class T>
Result<Record> decode_as(Decoder& in) {
    Record record{std::in_place_type<T>};
    Fields<Decoder>{in}(std::get<T>(record));
    if (!in.ok()) return fail(ErrorCode::corrupt, "a record's fields are malformed");
    if (!in.at_end()) return fail(ErrorCode::corrupt, "a record is longer than its fields");
    return record;
}

}  // namespace

std::string_view end_state_name(EndState s) {
    switch (s) {
        case EndState::settled:
            return "settled";
        case EndState::released:
            return "released";
        case EndState::unknown:
            return "unknown";
        case EndState::orphaned:
            return "orphaned";
    }
    return "?";
}

// Flattened: with all of its parts inline, the place to write at stays in a register; twice as
// fast.
[[gnu::flatten]] void encode(const Record& record, std::string& out) {
    Encoder io(out);
    io.byte(kFormatVersion);
    io.byte(static_cast<std::uint8_t>(kind_of(record)));
    std::visit(Fields<Encoder>{io}, record);
    io.finish();
}

Result<Record> decode(std::string_view payload) {
    Decoder in(payload);
    std::uint8_t version = in.byte();
    if (version != kFormatVersion) {
        return fail(ErrorCode::corrupt,
                    "a record has the unknown format " + std::to_string(version));
    }
    std::uint8_t kind = in.byte();
    switch (static_cast<Kind>(kind)) {
        case Kind::admit:
            return decode_as<AdmitRecord>(in);
        case Kind::dispatched:
            return decode_as<DispatchedRecord>(in);
        case Kind::end:
            return decode_as<EndRecord>(in);
        case Kind::refusal:
            return decode_as<RefusalRecord>(in);
        case Kind::correction:
            return decode_as<CorrectionRecord>(in);
    }
    return fail(ErrorCode::corrupt, "a record has the unknown kind " + std::to_string(kind));
}

}  // namespace weir::ledger
