// Journal records: bytes that are taken for a record are the very bytes that record is written as,
// so no two spellings of a record exist and none can say more than it shows. And records made of
// the input's texts and numbers come back; cut short, they do not.
#include <cstring>

#include "fuzz/target.h"
#include "ledger/record.h"

namespace weir::fuzz {
namespace {

using namespace weir::ledger;

// Takes numbers and texts off the input until it is empty; then zeros.
class Source {
 public:
    explicit Source(std::string_view text) : text_(text) {}

    std::int64_t number() {
        std::int64_t value = 0;
        std::string_view bytes = take(sizeof value);
        std::memcpy(&value, bytes.data(), bytes.size());
        return value;
    }
    std::string text() {
        std::string_view length = take(1);
        return std::string{take(length.empty() ? 0 : static_cast<unsigned char>(length.front()))};
    }

 private:
    std::string_view take(std::size_t n) {
        std::string_view head = text_.substr(0, n);
        text_.remove_prefix(head.size());
        return head;
    }
    std::string_view text_;
};

AttemptHead head_from(Source& from) {
    AttemptHead head;
    head.id = {{7, 1, 42}, 2};
    head.stream = (from.number() & 1) != 0;
    head.asked_model = from.text();
    head.model = from.text();
    head.attribution.offer(core::Dimension::team, from.text(), core::Source::key);
    head.attribution.tags.emplace_back(from.text(), from.text());
    return head;
}

core::HoldPart part_from(Source& from) {
    core::HoldPart part;
    part.budget_id = static_cast<std::uint64_t>(from.number());
    part.instance = from.text();
    part.held = Int128{from.number()} * from.number();
    part.amount = Int128{from.number()} * from.number();
    return part;
}

core::Usage usage_from(Source& from) {
    core::Usage usage;
    core::UsageLine line;
    line.model = from.text();
    for (std::int64_t& n : line.tokens) n = from.number();
    usage.lines.push_back(line);
    usage.response_id = from.text();
    return usage;
}

Record record_from(std::uint8_t kind, Source& from) {
    if (kind % 4 == 0) {
        AdmitRecord admit;
        admit.head = head_from(from);
        admit.bound = Money::from_pico(Int128{from.number()} * from.number());
        admit.parts.push_back(part_from(from));
        admit.user_agent = from.text();
        return admit;
    }
    if (kind % 4 == 1) {
        EndRecord end;
        end.head = head_from(from);
        end.usage = usage_from(from);
        end.charge = Money::from_pico(from.number());
        end.parts.push_back(part_from(from));
        end.outcome.notes.push_back(from.text());
        return end;
    }
    if (kind % 4 == 2) {
        RefusalRecord refusal;
        refusal.head = head_from(from);
        refusal.message = from.text();
        refusal.parts.push_back(part_from(from));
        return refusal;
    }
    CorrectionRecord correction;
    correction.cost_delta = Money::from_pico(from.number());
    correction.token_delta = from.number();
    correction.reason = from.text();
    return correction;
}

void check_written(const Record& record) {
    std::string bytes;
    encode(record, bytes);
    auto back = decode(bytes);
    WEIR_CHECK(back.has_value() && back->index() == record.index());
    std::string again;
    encode(*back, again);
    WEIR_CHECK(again == bytes);
    for (std::size_t n = 0; n < bytes.size(); n += bytes.size() / 16 + 1)
        WEIR_CHECK(!decode(std::string_view{bytes}.substr(0, n)));
    WEIR_CHECK(!decode(bytes + '\0'));
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weir::fuzz;
    std::string_view payload = text_of(data, size);
    auto record = weir::ledger::decode(payload);
    if (record) {
        std::string out;
        encode(*record, out);
        WEIR_CHECK(out == payload);
    } else {
        WEIR_CHECK(record.error().code() == weir::ErrorCode::corrupt);
    }
    if (size == 0) return 0;
    Source from{payload.substr(1)};
    check_written(record_from(data[0], from));
    return 0;
}
