#include "ledger/sample_records.h"

#include <algorithm>

namespace weir::ledger {
namespace {

// Structured bindings: a field that is added to a record does not compile until it is compared.
bool same(const AttemptHead& x, const AttemptHead& y) {
    const auto& [i1, t1, e1, s1, a1, am1, p1, m1, pi1, bh1, pv1, pp1, lf1, oc1] = x;
    const auto& [i2, t2, e2, s2, a2, am2, p2, m2, pi2, bh2, pv2, pp2, lf2, oc2] = y;
    const auto& [v1, so1, tg1, ig1] = a1;
    const auto& [v2, so2, tg2, ig2] = a2;
    return i1 == i2 && t1 == t2 && e1 == e2 && s1 == s2 && v1 == v2 && so1 == so2 && tg1 == tg2 &&
           ig1 == ig2 && am1 == am2 && p1 == p2 && m1 == m2 && pi1 == pi2 && bh1 == bh2 &&
           pv1 == pv2 && pp1 == pp2 && lf1 == lf2 && oc1 == oc2;
}

bool same(const std::vector<core::HoldPart>& x, const std::vector<core::HoldPart>& y) {
    return std::ranges::equal(x, y, [](const core::HoldPart& a, const core::HoldPart& b) {
        const auto& [id1, in1, w1, u1, h1, am1, se1, oh1, bl1, re1, live1] = a;
        const auto& [id2, in2, w2, u2, h2, am2, se2, oh2, bl2, re2, live2] = b;
        return id1 == id2 && in1 == in2 && w1 == w2 && u1 == u2 && h1 == h2 && am1 == am2 &&
               se1 == se2 && oh1 == oh2 && bl1 == bl2 && re1 == re2;
    });
}

bool same(const core::Usage& x, const core::Usage& y) {
    const auto& [l1, u1, c1, n1, r1, i1, f1] = x;
    const auto& [l2, u2, c2, n2, r2, i2, f2] = y;
    return l1 == l2 && u1 == u2 && c1 == c2 && n1 == n2 && r1 == r2 && i1 == i2 && f1 == f2;
}

bool same(const core::Bill& x, const core::Bill& y) {
    const auto& [c1, t1, u1, p1] = x;
    const auto& [c2, t2, u2, p2] = y;
    return c1 == c2 && t1 == t2 && u1 == u2 && p1 == p2;
}

bool same(const Outcome& x, const Outcome& y) {
    const auto& [h1, p1, e1, ec1, et1, g1, c1, f1, t1, rq1, rs1, ch1, id1, n1] = x;
    const auto& [h2, p2, e2, ec2, et2, g2, c2, f2, t2, rq2, rs2, ch2, id2, n2] = y;
    return h1 == h2 && p1 == p2 && e1 == e2 && ec1 == ec2 && et1 == et2 && g1 == g2 && c1 == c2 &&
           f1 == f2 && t1 == t2 && rq1 == rq2 && rs1 == rs2 && ch1 == ch2 && id1 == id2 && n1 == n2;
}

bool same(const AdmitRecord& x, const AdmitRecord& y) {
    const auto& [h1, s1, b1, i1, m1, p1, c1, u1] = x;
    const auto& [h2, s2, b2, i2, m2, p2, c2, u2] = y;
    return same(h1, h2) && s1 == s2 && b1 == b2 && i1 == i2 && m1 == m2 && same(p1, p2) &&
           c1 == c2 && u1 == u2;
}

bool same(const DispatchedRecord& x, const DispatchedRecord& y) {
    const auto& [i1, a1] = x;
    const auto& [i2, a2] = y;
    return i1 == i2 && a1 == a2;
}

bool same(const EndRecord& x, const EndRecord& y) {
    const auto& [h1, s1, a1, u1, b1, co1, ch1, ct1, ov1, bo1, p1, o1] = x;
    const auto& [h2, s2, a2, u2, b2, co2, ch2, ct2, ov2, bo2, p2, o2] = y;
    return same(h1, h2) && s1 == s2 && a1 == a2 && same(u1, u2) && same(b1, b2) && co1 == co2 &&
           ch1 == ch2 && ct1 == ct2 && ov1 == ov2 && bo1 == bo2 && same(p1, p2) && same(o1, o2);
}

bool same(const RefusalRecord& x, const RefusalRecord& y) {
    const auto& [h1, s1, a1, e1, m1, b1, i1, mo1, p1, st1, c1, u1] = x;
    const auto& [h2, s2, a2, e2, m2, b2, i2, mo2, p2, st2, c2, u2] = y;
    return same(h1, h2) && s1 == s2 && a1 == a2 && e1 == e2 && m1 == m2 && b1 == b2 && i1 == i2 &&
           mo1 == mo2 && same(p1, p2) && st1 == st2 && c1 == c2 && u1 == u2;
}

bool same(const CorrectionRecord& x, const CorrectionRecord& y) {
    const auto& [i1, a1, c1, h1, t1, r1, w1] = x;
    const auto& [i2, a2, c2, h2, t2, r2, w2] = y;
    return i1 == i2 && a1 == a2 && c1 == c2 && h1 == h2 && t1 == t2 && r1 == r2 && w1 == w2;
}

// Numbers of every size, the edges among them.
std::uint64_t any_u64(SeededRng& rng) {
    std::uint64_t v = rng.next();
    switch (rng.below(6)) {
        case 0:
            return 0;
        case 1:
            return UINT64_MAX - rng.below(3);
        case 2:
            return 230 + rng.below(40);
        default:
            return v >> rng.below(64);
    }
}
std::int64_t any_i64(SeededRng& rng) {
    auto v = static_cast<std::int64_t>(any_u64(rng));
    return rng.below(8) == 0 ? INT64_MIN : v;
}
Int128 any_i128(SeededRng& rng) {
    if (rng.below(2) == 0) return any_i64(rng);
    Int128 high = any_i64(rng);
    return high * (Int128{1} << 64) + static_cast<Int128>(any_u64(rng));
}
Money any_money(SeededRng& rng) { return Money::from_pico(any_i128(rng)); }
bool any_bool(SeededRng& rng) { return rng.below(2) == 0; }

std::string any_text(SeededRng& rng) {
    std::size_t size = rng.below(40);
    if (rng.below(3) == 0) size = 0;
    if (rng.below(50) == 0) size = rng.below(4097);
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(rng.below(256));
    return text;
}

template <class E>
E any_of(SeededRng& rng, E last) {
    return static_cast<E>(rng.below(static_cast<std::uint64_t>(last) + 1));
}

AttemptHead any_head(SeededRng& rng) {
    AttemptHead h;
    h.id = {{static_cast<std::uint32_t>(any_u64(rng)), static_cast<std::uint16_t>(any_u64(rng)),
             any_u64(rng)},
            static_cast<std::uint16_t>(any_u64(rng))};
    h.admitted_at.ns = any_i64(rng);
    h.endpoint = any_of(rng, core::Endpoint::models);
    h.stream = any_bool(rng);
    for (std::size_t i = 0; i < core::kDimensions; ++i) {
        if (any_bool(rng)) h.attribution.values[i] = any_text(rng);
        if (any_bool(rng)) h.attribution.sources[i] = any_of(rng, core::Source::inferred);
    }
    for (auto n = rng.below(4); n > 0; --n) {
        h.attribution.tags.emplace_back(any_text(rng), any_text(rng));
        h.attribution.ignored.push_back(any_of(rng, core::Dimension::model));
    }
    for (auto* text :
         {&h.asked_model, &h.provider, &h.model, &h.price_id, &h.book_hash, &h.price_vendor}) {
        *text = any_text(rng);
    }
    h.provisional_price = any_bool(rng);
    h.local_free = any_bool(rng);
    h.own_credential = any_bool(rng);
    return h;
}

std::vector<core::HoldPart> any_parts(SeededRng& rng) {
    std::vector<core::HoldPart> parts(rng.below(8));
    for (core::HoldPart& p : parts) {
        p = {any_u64(rng),
             any_text(rng),
             {any_i64(rng), any_i64(rng)},
             any_of(rng, core::BudgetUnit::attempts),
             any_i128(rng),
             any_i128(rng),
             any_i128(rng),
             any_i128(rng),
             any_bool(rng),
             any_bool(rng),
             {.slot = 7, .generation = 9}};
    }
    return parts;
}

core::Usage any_usage(SeededRng& rng) {
    core::Usage u;
    u.lines.resize(rng.below(4));
    for (core::UsageLine& line : u.lines) {
        line = {any_text(rng),
                any_text(rng),
                any_text(rng),
                any_text(rng),
                any_of(rng, core::LineRole::tool_image),
                {}};
        for (auto& tokens : line.tokens) tokens = any_bool(rng) ? 0 : any_i64(rng);
    }
    for (auto& units : u.units) units = any_bool(rng) ? 0 : any_i64(rng);
    u.completeness = any_of(rng, core::Completeness::exact);
    u.notes = static_cast<std::uint16_t>(any_u64(rng));
    u.reasoning_tokens = any_i64(rng);
    u.response_id = any_text(rng);
    u.finish_reason = any_text(rng);
    return u;
}

core::Bill any_bill(SeededRng& rng) {
    core::Bill b;
    b.charges.resize(rng.below(6));
    for (core::Charge& c : b.charges) {
        bool unit = any_bool(rng);
        auto kind =
            static_cast<std::uint8_t>(rng.below(unit ? core::kUnitKinds : core::kTokenClasses));
        c = {any_text(rng), any_text(rng), any_of(rng, core::LineRole::tool_image), unit,
             kind,          any_i64(rng),  Rate::from_femto(any_i64(rng)),          any_money(rng),
             any_text(rng), any_bool(rng)};
    }
    b.total = any_money(rng);
    b.unpriced = any_bool(rng);
    b.provisional = any_bool(rng);
    return b;
}

Outcome any_outcome(SeededRng& rng) {
    Outcome o;
    o.http_status = static_cast<int>(any_u64(rng));
    o.provider_status = static_cast<int>(any_u64(rng));
    o.has_error = any_bool(rng);
    if (o.has_error) o.error = any_of(rng, ErrorCode::corrupt);
    o.error_text = any_text(rng);
    o.client_gone = any_bool(rng);
    for (auto* number : {&o.connect_us, &o.first_byte_us, &o.total_us, &o.request_bytes,
                         &o.response_bytes, &o.chunks}) {
        *number = any_i64(rng);
    }
    o.provider_request_id = any_text(rng);
    for (auto n = rng.below(4); n > 0; --n) o.notes.push_back(any_text(rng));
    return o;
}

Record any_end(SeededRng& rng) {
    return EndRecord{any_head(rng),  any_of(rng, EndState::orphaned),
                     {any_i64(rng)}, any_usage(rng),
                     any_bill(rng),  any_money(rng),
                     any_money(rng), any_i64(rng),
                     any_money(rng), any_money(rng),
                     any_parts(rng), any_outcome(rng)};
}

}  // namespace

bool same_record(const Record& a, const Record& b) {
    if (a.index() != b.index()) return false;
    return std::visit(
        [&](const auto& x) { return same(x, std::get<std::remove_cvref_t<decltype(x)>>(b)); }, a);
}

Record random_record(SeededRng& rng) {
    switch (rng.below(5)) {
        case 0:
            return AdmitRecord{any_head(rng), any_u64(rng),   any_money(rng), any_i64(rng),
                               any_i64(rng),  any_parts(rng), any_text(rng),  any_text(rng)};
        case 1:
            return DispatchedRecord{any_head(rng).id, {any_i64(rng)}};
        case 2:
            return any_end(rng);
        case 3:
            return RefusalRecord{any_head(rng),  any_u64(rng),
                                 {any_i64(rng)}, any_of(rng, ErrorCode::corrupt),
                                 any_text(rng),  any_money(rng),
                                 any_i64(rng),   any_i64(rng),
                                 any_parts(rng), static_cast<int>(any_u64(rng)),
                                 any_text(rng),  any_text(rng)};
        default:
            return CorrectionRecord{any_head(rng).id, {any_i64(rng)}, any_money(rng),
                                    any_money(rng),   any_i64(rng),   any_text(rng),
                                    any_text(rng)};
    }
}

AttemptId attempt_id(std::uint32_t epoch, std::uint16_t worker, std::uint64_t seq,
                     std::uint16_t ordinal) {
    return {{epoch, worker, seq}, ordinal};
}

AdmitRecord plain_admit(AttemptId id, std::size_t budgets) {
    AdmitRecord r;
    r.head.id = id;
    r.head.admitted_at =
        UnixTime::from_seconds(1'795'500'000 + static_cast<std::int64_t>(id.call.seq));
    r.head.stream = true;
    auto set = [&](core::Dimension d, const char* value, core::Source s) {
        r.head.attribution.values[static_cast<std::size_t>(d)] = value;
        r.head.attribution.sources[static_cast<std::size_t>(d)] = s;
    };
    set(core::Dimension::team, "search", core::Source::key);
    set(core::Dimension::application, "assistant", core::Source::key);
    set(core::Dimension::environment, "production", core::Source::key);
    set(core::Dimension::agent, "planner", core::Source::header);
    set(core::Dimension::user, "user-2041", core::Source::body);
    set(core::Dimension::trajectory, "0af7651916cd43dd8448eb211c80319c", core::Source::traceparent);
    set(core::Dimension::key, "key_search_1", core::Source::key);
    r.head.asked_model = r.head.model = "a-large-model-2026-10";
    r.head.provider = r.head.price_vendor = "vendor";
    r.head.price_id = "vendor/a-large-model-2026-10@2026-10-01";
    r.head.book_hash = std::string(64, 'b');
    r.sequence = id.call.seq;
    r.bound = Money::from_pico(12'000'000'000);
    r.input_bound = 1400;
    r.max_output = 1024;
    for (std::size_t i = 0; i < budgets; ++i) {
        core::HoldPart part;
        part.budget_id = 100 + i;
        part.instance = i % 2 == 0 ? "" : "search";
        part.window = {1'793'000'000, 1'796'000'000};
        part.unit = static_cast<core::BudgetUnit>(i % 3);
        part.held = i % 3 == 0 ? r.bound.pico() : i % 3 == 1 ? 2424 : 1;
        part.amount = Int128{20'000} * Money::kPicoPerUsd;
        part.settled = Int128{7'123} * Money::kPicoPerUsd + 12345;
        part.others_held = Int128{3} * Money::kPicoPerUsd;
        part.blocks = true;
        r.parts.push_back(part);
    }
    r.client_address = "192.0.2.17";
    r.user_agent = "client/1.40 (linux)";
    return r;
}

DispatchedRecord plain_dispatched(const AdmitRecord& admit) {
    return {admit.head.id, admit.head.admitted_at + Duration{200'000}};
}

EndRecord plain_end(const AdmitRecord& admit) {
    EndRecord r;
    r.head = admit.head;
    r.at = admit.head.admitted_at + Duration{3'000'000'000};
    core::UsageLine line;
    line.model = admit.head.model;
    line.tier = "standard";
    line.of(core::TokenClass::input) = 300;
    line.of(core::TokenClass::cache_read) = 900;
    line.of(core::TokenClass::output) = 212;
    r.usage.lines = {line};
    r.usage.completeness = core::Completeness::exact;
    r.usage.response_id = "resp_0123456789abcdef0123";
    r.usage.finish_reason = "stop";
    Int128 left = admit.bound.pico() / 10;
    for (auto [c, n] : {std::pair{core::TokenClass::input, 300},
                        {core::TokenClass::cache_read, 900},
                        {core::TokenClass::output, 212}}) {
        core::Charge charge;
        charge.model = line.model;
        charge.tier = line.tier;
        charge.kind = static_cast<std::uint8_t>(c);
        charge.quantity = n;
        charge.rate = Rate::from_femto(3'000'000'000);
        charge.cost = Money::from_pico(left / 3);
        charge.price_id = admit.head.price_id;
        r.bill.charges.push_back(charge);
        r.bill.total += charge.cost;
    }
    r.cost = r.charge = r.bill.total;
    r.charge_tokens = 1412;
    r.bound = admit.bound;
    r.parts = admit.parts;
    r.outcome.http_status = r.outcome.provider_status = 200;
    r.outcome.connect_us = 900;
    r.outcome.first_byte_us = 410'000;
    r.outcome.total_us = 3'000'000;
    r.outcome.request_bytes = 1400;
    r.outcome.response_bytes = 48'000;
    r.outcome.chunks = 213;
    r.outcome.provider_request_id = "req_0123456789";
    return r;
}

}  // namespace weir::ledger
