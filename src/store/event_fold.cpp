#include "store/event_fold.h"

#include <fmt/core.h>

#include "core/budget_outlook.h"
#include "store/budget_rows.h"

namespace weir::store {
namespace {

// An instance in a window, and the figure that was reached: at another amount it is told again.
std::string what_of(const core::HoldPart& part, Int128 figure) {
    return fmt::format("{}|{}|{}|{}|{}", part.budget_id, part.window.start, part.window.end,
                       to_string(figure), part.instance);
}

Event event_of(EventKind kind, const core::BudgetSpec& spec, const core::HoldPart& part,
               const ledger::AttemptHead& head) {
    const std::string& team = head.attribution.of(core::Dimension::team);
    const bool of_team = core::budget_is_of_team(spec, part.instance, team);
    return {.kind = kind,
            .team = of_team ? team : "",
            .budget = spec.name,
            .unit = part.unit,
            .window_kind = spec.window,
            .instance = part.instance,
            .window = part.window,
            .percent = spec.alert_percent,
            .amount = part.amount,
            .settled = part.settled,
            .call = head.id.call};
}

}  // namespace

Result<EventFold> EventFold::open(Database& database) {
    EventFold fold{database};
    Result<EventWriter> writer = EventWriter::open(database);
    if (!writer) return std::unexpected(std::move(writer).error());
    fold.writer_.emplace(std::move(*writer));
    const std::pair<Statement*, std::string_view> wanted[] = {
        {&fold.data_version_, "PRAGMA data_version"},
        {&fold.find_, "SELECT settled FROM events WHERE id=?"},
        {&fold.add_orphan_, "UPDATE events SET calls=calls+1,settled=?1 WHERE id=?2"},
    };
    for (const auto& [statement, sql] : wanted) {
        Result<Statement> prepared = database.prepare(sql);
        if (!prepared) return std::unexpected(std::move(prepared).error());
        *statement = std::move(*prepared);
    }
    return fold;
}

// Budgets change on other connections, which the version tells.
Result<> EventFold::begin() {
    Result<bool> row = data_version_.step();
    if (!row) return std::unexpected(std::move(row).error());
    const std::int64_t version = *row ? data_version_.integer(0) : 0;
    data_version_.reset();
    if (version_ == version) return {};
    Result<std::vector<core::BudgetSpec>> specs = read_budgets(*database_);
    if (!specs) return std::unexpected(std::move(specs).error());
    specs_.clear();
    for (core::BudgetSpec& spec : *specs) {
        const std::uint64_t id = spec.id;
        specs_.emplace(id, std::move(spec));
    }
    version_ = version;
    return {};
}

const core::BudgetSpec* EventFold::spec_of(std::uint64_t id) const {
    const auto at = specs_.find(id);
    return at == specs_.end() ? nullptr : &at->second;
}

Result<> EventFold::add_refusal(const ledger::RefusalRecord& refusal) {
    if (refusal.error != ErrorCode::budget_exhausted) return {};
    for (const core::HoldPart& part : refusal.parts) {
        const core::BudgetSpec* spec = spec_of(part.budget_id);
        if (!part.refused || spec == nullptr) continue;
        Event event = event_of(EventKind::exhausted, *spec, part, refusal.head);
        event.id = event_id(event.kind, what_of(part, part.amount));
        event.at = refusal.at;
        event.held = part.others_held;
        Result<bool> written = writer_->write(event);
        if (!written) return std::unexpected(std::move(written).error());
    }
    return {};
}

// Those of one start and team are one event: a crash under load is not a thousand of them.
Result<> EventFold::add_end(const ledger::EndRecord& end) {
    if (end.state != ledger::EndState::orphaned) return {};
    Event event{.kind = EventKind::orphan,
                .at = end.at,
                .team = end.head.attribution.of(core::Dimension::team),
                .settled = end.charge.pico(),
                .calls = 1,
                .call = end.head.id.call};
    event.id = event_id(event.kind, fmt::format("{}|{}", end.head.id.call.epoch, event.team));
    Result<bool> is_new = writer_->write(event);
    if (!is_new) return std::unexpected(std::move(is_new).error());
    if (*is_new) return {};
    find_.bind(1, event.id);
    Result<bool> row = find_.step();
    if (!row) return std::unexpected(std::move(row).error());
    const Int128 before = *row ? find_.int128(0) : Int128{0};
    find_.reset();
    std::string scratch;
    add_orphan_.bind_int128(1, before + event.settled, scratch).bind(2, event.id);
    return add_orphan_.run();
}

Result<> EventFold::add_balance(const BalanceKey& key, const BalanceDelta& delta,
                                const BalanceDelta& total) {
    const core::BudgetSpec* spec = spec_of(key.budget);
    if (delta.part == nullptr || spec == nullptr || total.settled <= 0) return {};
    const Int128 amount = delta.part->amount;
    std::array<EventKind, 3> kinds{};
    std::size_t count = 0;
    const Int128 alert = core::alert_amount(amount, spec->alert_percent);
    if (total.settled >= alert) kinds[count++] = EventKind::alert;
    if (total.settled >= amount) kinds[count++] = EventKind::exhausted;
    if (delta.overrun > 0) kinds[count++] = EventKind::overrun;
    for (std::size_t i = 0; i < count; ++i) {
        Event event = event_of(kinds[i], *spec, *delta.part, delta.end->head);
        event.at = delta.end->at;
        event.settled = total.settled;
        event.overrun = total.overrun;
        Int128 figure = 0;
        if (event.kind == EventKind::alert) figure = alert;
        if (event.kind == EventKind::exhausted) figure = amount;
        event.id = event_id(event.kind, what_of(*delta.part, figure));
        Result<bool> written = writer_->write(event);
        if (!written) return std::unexpected(std::move(written).error());
    }
    return {};
}

}  // namespace weir::store
