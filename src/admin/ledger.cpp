#include <algorithm>
#include <fmt/format.h>

#include "admin/call_json.h"
#include "admin/call_query.h"
#include "admin/fields.h"
#include "admin/handlers.h"

namespace weir::admin {
namespace {

// What a person says of an attempt: either what it was really billed, or signed changes.
struct Proof {
    AttemptId id;
    std::optional<Money> billed;
    std::optional<std::int64_t> billed_tokens;
    ledger::CorrectionRecord change;
};

Result<Proof> read_proof(const Request& request) {
    Fields body =
        Fields::of_body(request.body, {"attempt", "billed_usd", "billed_tokens", "cost_delta_usd",
                                       "charge_delta_usd", "token_delta", "reason"});
    constexpr std::int64_t kTokensMax = 1'000'000'000'000;
    Proof proof;
    const std::string id = body.required("attempt");
    if (const auto parsed = AttemptId::parse(id)) {
        proof.id = *parsed;
    } else {
        body.complain("'attempt' is the id of an attempt, such as call_….1.");
    }
    proof.billed = body.usd("billed_usd");
    proof.billed_tokens = body.integer("billed_tokens", 0, kTokensMax);
    const auto cost = body.usd("cost_delta_usd");
    const auto charge = body.usd("charge_delta_usd");
    const auto tokens = body.integer("token_delta", -kTokensMax, kTokensMax);
    const bool deltas = cost || charge || tokens;
    const bool facts = proof.billed || proof.billed_tokens;
    if (deltas == facts) {
        body.complain(
            "Say either what was billed ('billed_usd', 'billed_tokens') or what changes "
            "('cost_delta_usd', 'charge_delta_usd', 'token_delta').");
    }
    if (proof.billed && proof.billed->is_negative()) body.complain("'billed_usd' is negative.");
    proof.change.id = proof.id;
    proof.change.at = request.now;
    proof.change.cost_delta = cost.value_or(Money{});
    proof.change.charge_delta = charge.value_or(Money{});
    proof.change.token_delta = tokens.value_or(0);
    proof.change.reason = body.required("reason");
    proof.change.actor = request.caller.actor;
    if (Result<> good = body.problem(); !good) return std::unexpected(std::move(good).error());
    return proof;
}

Result<store::CallDetail::Attempt> find_attempt(Services& services, const AttemptId& id) {
    // Corrections of a moment ago must be seen, or this one would count from the wrong figure.
    if (Result<> level = services.bookkeeper.flush(); !level) {
        return std::unexpected(std::move(level).error());
    }
    Result<store::CallDetail> call = services.queries.call(id.call);
    if (!call) return std::unexpected(std::move(call).error());
    const auto attempt =
        std::ranges::find_if(call->attempts, [&](const store::CallDetail::Attempt& a) {
            return a.row.head.id == id && a.row.state != "refused";
        });
    if (attempt == call->attempts.end()) {
        return fail(ErrorCode::not_found, fmt::format("There is no attempt {}.", id.text()));
    }
    if (attempt->row.state == "open") {
        return fail(ErrorCode::conflict, "The attempt has not ended yet: correct it afterwards.");
    }
    return std::move(*attempt);
}

// What the ledger says of an attempt, with earlier corrections.
struct Standing {
    Money cost;
    Money charge;
    std::int64_t tokens = 0;
};

Standing standing_of(const store::CallDetail::Attempt& attempt) {
    Standing out{attempt.row.cost, attempt.row.charge, attempt.row.charge_tokens};
    for (const ledger::CorrectionRecord& earlier : attempt.corrections) {
        out.cost += earlier.cost_delta;
        out.charge += earlier.charge_delta;
        out.tokens += earlier.token_delta;
    }
    return out;
}

// Changes that lead from what stands to what was billed.
void settle(const Standing& standing, Proof& proof) {
    if (proof.billed) {
        proof.change.cost_delta = *proof.billed - standing.cost;
        proof.change.charge_delta = *proof.billed - standing.charge;
    }
    if (proof.billed_tokens) proof.change.token_delta = *proof.billed_tokens - standing.tokens;
}

// An attempt that costs less than nothing would give others' money to a budget.
Result<> check_sums(const Standing& standing, const ledger::CorrectionRecord& change) {
    const bool below = (standing.charge + change.charge_delta).is_negative() ||
                       (standing.cost + change.cost_delta).is_negative() ||
                       standing.tokens + change.token_delta < 0;
    if (!below) return {};
    return fail(ErrorCode::invalid_parameter,
                fmt::format("That would take the attempt below zero: it stands at cost {}, charge "
                            "{}, {} tokens.",
                            json_usd(standing.cost), json_usd(standing.charge), standing.tokens));
}

bool changes_nothing(const ledger::CorrectionRecord& change) {
    return change.cost_delta.is_zero() && change.charge_delta.is_zero() && change.token_delta == 0;
}

Json correction_json(const ledger::CorrectionRecord& change) {
    return {{"attempt", change.id.text()},
            {"at", json_time(change.at)},
            {"cost_delta_usd", json_usd(change.cost_delta)},
            {"charge_delta_usd", json_usd(change.charge_delta)},
            {"token_delta", change.token_delta},
            {"reason", change.reason},
            {"actor", change.actor}};
}

}  // namespace

Result<Answer> list_orphans(Services& services, const Request& request) {
    Result<CallQuery> query = read_call_query(request);
    if (!query) return std::unexpected(std::move(query).error());
    query->filter.unproven = true;
    const bool level = query->after || services.bookkeeper.flush().has_value();
    Result<store::CallPage> page =
        services.queries.calls(query->filter, query->after, query->limit);
    if (!page) return std::unexpected(std::move(page).error());
    Money held;
    Json list = Json::array();
    for (const store::CallRow& row : page->rows) {
        // A correction has proven it since: what stands is no longer the bound.
        Result<store::CallDetail> call = services.queries.call(row.head.id.call);
        if (!call) return std::unexpected(std::move(call).error());
        Money charge = row.charge;
        bool corrected = false;
        for (const store::CallDetail::Attempt& attempt : call->attempts) {
            if (attempt.row.head.id != row.head.id) continue;
            for (const ledger::CorrectionRecord& c : attempt.corrections) {
                charge += c.charge_delta;
                corrected = true;
            }
        }
        Json line = call_summary(row);
        line["id"] = row.head.id.text();
        line["charge_usd"] = json_usd(charge);
        line["corrected"] = corrected;
        if (!corrected) held += charge;
        list.push_back(std::move(line));
    }
    return answer({{"orphans", std::move(list)},
                   {"unproven_usd", json_usd(held)},
                   {"next", page->next ? Json(page_text(*page->next)) : Json(nullptr)},
                   {"complete", level}});
}

Result<Answer> correct_attempt(Services& services, const Request& request) {
    Result<Proof> proof = read_proof(request);
    if (!proof) return std::unexpected(std::move(proof).error());
    Result<store::CallDetail::Attempt> attempt = find_attempt(services, proof->id);
    if (!attempt) return std::unexpected(std::move(attempt).error());
    const Standing standing = standing_of(*attempt);
    settle(standing, *proof);
    if (Result<> good = check_sums(standing, proof->change); !good) {
        return std::unexpected(std::move(good).error());
    }
    if (changes_nothing(proof->change)) {
        return fail(ErrorCode::conflict, "That is what the ledger says already.");
    }
    Result<std::string> note = services.correct(proof->change);
    if (!note) return std::unexpected(std::move(note).error());
    Json correction = correction_json(proof->change);
    // It counts from here on: an error would have it said again, and counted twice.
    Result<> noted = services.directory.note_change(
        request.change(), "ledger.correct", "attempt:" + proof->id.text(), "", to_text(correction));
    if (!noted) {
        *note += fmt::format("{}It has no audit row: {}", note->empty() ? "" : " ",
                             noted.error().message());
    }
    if (!note->empty()) correction["note"] = *note;
    return answer(correction, 201);
}

}  // namespace weir::admin
