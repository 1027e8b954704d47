// The fields of each record in the order they are stored; see shared_fields.h.
#pragma once

#include "ledger/record.h"
#include "ledger/shared_fields.h"

namespace weir::ledger {

template <class Io, class T>
void usage_fields(Io& io, T& u) {
    io.list(u.lines, kLinesMax, [&](auto& line) {
        io.text(line.model);
        io.text(line.tier);
        io.text(line.speed);
        io.text(line.geo);
        io.enumerated(line.role, core::LineRole::tool_image);
        sparse_field(io, line.tokens);
    });
    sparse_field(io, u.units);
    io.enumerated(u.completeness, core::Completeness::exact);
    io.integer(u.notes);
    io.integer(u.reasoning_tokens);
    io.text(u.response_id);
    io.text(u.finish_reason);
}

template <class Io, class T>
void bill_fields(Io& io, T& b) {
    io.list(b.charges, kChargesMax, [&](auto& c) {
        io.text(c.model);
        io.text(c.tier);
        io.enumerated(c.role, core::LineRole::tool_image);
        io.flag(c.is_unit);
        io.integer(c.kind);
        io.integer(c.quantity);
        rate_field(io, c.rate);
        money_field(io, c.cost);
        io.text(c.price_id);
        io.flag(c.price_fallback);
        if constexpr (!Io::kWrites) {
            if (c.kind >= (c.is_unit ? core::kUnitKinds : core::kTokenClasses)) io.refuse();
        }
    });
    money_field(io, b.total);
    io.flag(b.unpriced);
    io.flag(b.provisional);
}

template <class Io, class T>
void outcome_fields(Io& io, T& o) {
    io.integer(o.http_status);
    io.integer(o.provider_status);
    io.flag(o.has_error);
    if (o.has_error) error_field(io, o.error);
    io.text(o.error_text);
    io.flag(o.client_gone);
    io.integer(o.connect_us);
    io.integer(o.first_byte_us);
    io.integer(o.total_us);
    io.integer(o.request_bytes);
    io.integer(o.response_bytes);
    io.integer(o.chunks);
    io.text(o.provider_request_id);
    io.list(o.notes, kNotesMax, [&](auto& note) { io.text(note); });
}

template <class Io, class T>
void admit_fields(Io& io, T& r) {
    head_fields(io, r.head);
    io.integer(r.sequence);
    money_field(io, r.bound);
    io.integer(r.input_bound);
    io.integer(r.max_output);
    parts_fields(io, r.parts);
    io.text(r.client_address);
    io.text(r.user_agent);
}

template <class Io, class T>
void dispatched_fields(Io& io, T& r) {
    id_fields(io, r.id);
    io.integer(r.at.ns);
}

template <class Io, class T>
void end_fields(Io& io, T& r) {
    head_fields(io, r.head);
    io.enumerated(r.state, EndState::orphaned);
    io.integer(r.at.ns);
    usage_fields(io, r.usage);
    bill_fields(io, r.bill);
    money_field(io, r.cost);
    money_field(io, r.charge);
    io.integer(r.charge_tokens);
    money_field(io, r.overrun);
    money_field(io, r.bound);
    parts_fields(io, r.parts);
    outcome_fields(io, r.outcome);
}

template <class Io, class T>
void refusal_fields(Io& io, T& r) {
    head_fields(io, r.head);
    io.integer(r.sequence);
    io.integer(r.at.ns);
    error_field(io, r.error);
    io.text(r.message);
    money_field(io, r.bound);
    io.integer(r.input_bound);
    io.integer(r.max_output);
    parts_fields(io, r.parts);
    io.integer(r.http_status);
    io.text(r.client_address);
    io.text(r.user_agent);
}

template <class Io, class T>
void correction_fields(Io& io, T& r) {
    id_fields(io, r.id);
    io.integer(r.at.ns);
    money_field(io, r.cost_delta);
    money_field(io, r.charge_delta);
    io.integer(r.token_delta);
    io.text(r.reason);
    io.text(r.actor);
}

}  // namespace weir::ledger
