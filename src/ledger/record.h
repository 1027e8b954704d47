// The journal's records (ledger.md §1.4). A record is whole in itself: an end repeats whose call it
// was and which budgets it settles, so that state is a join by id that needs no order.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/money.h"
#include "base/time.h"
#include "core/attribution.h"
#include "core/budget.h"
#include "core/call.h"
#include "core/price.h"
#include "core/usage.h"

namespace weir::ledger {

// What an attempt is about; in every record of it.
struct AttemptHead {
    AttemptId id;
    UnixTime admitted_at;
    core::Endpoint endpoint = core::Endpoint::chat_completions;
    bool stream = false;
    core::Attribution attribution;
    std::string asked_model;
    std::string provider;
    std::string model;  // sent
    std::string price_id;
    std::string book_hash;
    std::string price_vendor;
    bool provisional_price = false;
    bool local_free = false;
    bool own_credential = false;  // billed to the caller's own login: `billing: subscription`
};

// Written before dispatch, after the reserve in memory.
struct AdmitRecord {
    AttemptHead head;
    std::uint64_t sequence = 0;  // of the decision
    Money bound;
    std::int64_t input_bound = 0;
    std::int64_t max_output = 0;
    std::vector<core::HoldPart> parts;
    std::string client_address;
    std::string user_agent;
};

// After connect, before the first byte of the request (ledger.md L4).
struct DispatchedRecord {
    AttemptId id;
    UnixTime at;
};

enum class EndState : std::uint8_t {
    settled,   // usage known
    released,  // never dispatched, or proven unbilled
    unknown,   // dispatched, usage not known: kept at the bound
    orphaned,  // of a dead epoch: ended by recovery at the bound
};
std::string_view end_state_name(EndState s);

// What the caller saw and how long it took.
struct Outcome {
    int http_status = 0;      // sent to the client; 0 = none
    int provider_status = 0;  // 0 = no answer
    bool has_error = false;
    ErrorCode error = ErrorCode::internal;
    std::string error_text;  // short, of ours; never prompt text
    bool client_gone = false;
    std::int64_t connect_us = 0;
    std::int64_t first_byte_us = 0;
    std::int64_t total_us = 0;
    std::int64_t request_bytes = 0;
    std::int64_t response_bytes = 0;
    std::int64_t chunks = 0;
    std::string provider_request_id;
    std::vector<std::string> notes;  // "injected include_usage", "max output clamped to 812", …
};

struct EndRecord {
    AttemptHead head;
    EndState state = EndState::settled;
    UnixTime at;
    core::Usage usage;
    core::Bill bill;  // at the catalogue's prices
    Money cost;       // best estimate, for reports
    Money charge;     // upper end of what is known, for balances
    std::int64_t charge_tokens = 0;
    Money overrun;  // (charge − bound)+
    Money bound;
    std::vector<core::HoldPart> parts;
    Outcome outcome;
};

// A call that was refused before any attempt.
struct RefusalRecord {
    AttemptHead head;  // ordinal 0 when no attempt was planned
    std::uint64_t sequence = 0;
    UnixTime at;
    ErrorCode error = ErrorCode::budget_exhausted;
    std::string message;
    Money bound;
    std::int64_t input_bound = 0;
    std::int64_t max_output = 0;
    std::vector<core::HoldPart> parts;
    int http_status = 0;
    std::string client_address;
    std::string user_agent;
};

// A signed change of an ended attempt (ledger.md L2): proof that came late, a re-rating, a true-up.
struct CorrectionRecord {
    AttemptId id;
    UnixTime at;
    Money cost_delta;
    Money charge_delta;
    std::int64_t token_delta = 0;
    std::string reason;
    std::string actor;
};

using Record =
    std::variant<AdmitRecord, DispatchedRecord, EndRecord, RefusalRecord, CorrectionRecord>;

// Bytes of one record's payload, without the frame. Deterministic.
void encode(const Record& record, std::string& out);
// Errors: corrupt.
Result<Record> decode(std::string_view payload);

}  // namespace weir::ledger
