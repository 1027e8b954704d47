// The price book: immutable, effective-dated rows, and the two ways money comes out of it:
// `rate` (what a usage cost: half-even, once a charge) and `quote` (the most a call can cost: up).
// Rows come from the embedded catalogue, imports and the operator's overlay; this file does not
// know where from. Thread: any; a book never changes once built and is shared by pointer to const.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/money.h"
#include "base/time.h"
#include "core/call.h"
#include "core/usage.h"

namespace weir::core {

// Prices of one tier in one context band. A class without a price is rated at its parent's
// (audio → input, cache_write_long → cache_write_short → input, cache_read → input, output_audio →
// output …) and the charge is marked `price_fallback`.
struct PriceList {
    std::array<std::optional<Rate>, kTokenClasses> token;
    std::array<std::optional<Rate>, kUnitKinds> unit;
    std::optional<Rate> of(TokenClass c) const { return token[static_cast<std::size_t>(c)]; }
};

// Applies when the line's input tokens are above `above_input_tokens`; bands ascend, the first is
// 0. A catalogue that switches each class at a threshold of its own has one band for each
// threshold.
struct PriceBand {
    std::int64_t above_input_tokens = 0;
    PriceList prices;
};

// A service tier, speed or geography that prices differently: "standard" is always there.
struct PriceTier {
    // standard, batch, flex, priority, fast, us, …; several at once joined by '+': "fast+us".
    std::string name;
    std::vector<PriceBand> bands;
};

// Hours of the UTC day in which a row holds, in seconds since midnight; `until` is exclusive and
// may lie before `from` (over midnight).
struct DailyWindow {
    std::int32_t from_s = 0;
    std::int32_t until_s = 0;
    bool operator==(const DailyWindow&) const = default;
};

// How a catalogue names the models a row is for. Upper and lower case are the same, but in a regex,
// which is searched for in the name as given.
struct ModelMatch {
    enum class Kind : std::uint8_t {
        equals,
        starts_with,
        ends_with,
        contains,
        regex,
        any_of,
        all_of
    };
    Kind kind = Kind::equals;
    std::string text;
    std::vector<ModelMatch> parts;  // of any_of and all_of
};

enum class PriceOrigin : std::uint8_t { embedded, imported, overlay, provisional, declared_local };
std::string_view price_origin_name(PriceOrigin o);

struct PriceRow {
    std::string id;        // stable: "<provider>/<model>@<effective from>"; kept by each charge
    std::string provider;  // vendor's name in the book: openai, anthropic, …
    std::string model;     // the catalogue's name for it
    ModelMatch match;
    std::optional<UnixTime> from;   // inclusive
    std::optional<UnixTime> until;  // exclusive
    std::optional<DailyWindow>
        daily;  // such a row stands before its model's rows for the whole day
    std::vector<PriceTier> tiers;
    std::int64_t context_window = 0;  // tokens; 0 = unknown
    std::int64_t max_output = 0;      // tokens; 0 = unknown
    PriceOrigin origin = PriceOrigin::embedded;
};

// One charge: model × tier × class (or unit), its quantity, unit price and money.
struct Charge {
    std::string model;
    std::string tier;
    LineRole role = LineRole::main;
    bool is_unit = false;
    std::uint8_t kind = 0;  // TokenClass or UnitKind
    std::int64_t quantity = 0;
    Rate rate;
    Money cost;
    std::string price_id;
    bool price_fallback = false;  // rated at a parent class's or the standard tier's price
    bool operator==(const Charge&) const = default;
};

struct Bill {
    std::vector<Charge> charges;  // only those with a quantity
    Money total;
    bool unpriced = false;  // some line's model has no price: loud, never $0
    bool provisional = false;
};

// The most a call can cost, and what of it a lower max output would save.
struct Quote {
    Money bound;                   // > 0 unless the row is declared free
    std::int64_t input_bound = 0;  // tokens
    std::int64_t max_output = 0;   // tokens a choice
    std::int64_t answers = 1;      // choices × passes of the model, each of max_output
    std::int64_t token_bound = 0;  // input + answers × max output
    Money fixed;                   // bound without output
    Rate output_rate;              // of one more max_output token: dearest reachable, × answers
    std::string price_id;

    // The same call, asked for less output.
    void lower_output(std::int64_t tokens);
};

class PriceBook {
 public:
    // Rows of a later origin come before earlier ones where both match and are in effect.
    // Errors: config_invalid (a row without a standard tier, overlapping dates of the same model
    // …).
    static Result<std::shared_ptr<const PriceBook>> build(std::vector<PriceRow> rows);

    // The row in effect at `at`; nullptr if the model is unpriced. `provider` is the book's vendor
    // name. A name ending in a date without dashes (-20260423) also finds the one with them.
    // Amortised O(1): earlier answers are cached per book and read without a lock.
    const PriceRow* find(std::string_view provider, std::string_view model, UnixTime at) const;

    // Dearest row of the vendor (product.md §3.7), for a provisional price; nullptr if it has none.
    const PriceRow* dearest_of(std::string_view provider, UnixTime at) const;

    const std::vector<PriceRow>& rows() const;
    // Lower-case hex digest of all rows in canonical order: names the book in each charge.
    const std::string& hash() const;

    PriceBook(const PriceBook&) = delete;
    ~PriceBook();

 private:
    struct Impl;
    explicit PriceBook(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// What `usage` cost at the prices in effect at `at` (the attempt's admission: ledger.md J9).
// A line without a model is of `asked_model`. A name that the book does not know is rated at the
// asked model's prices if the line is that model's own answer (marked price_fallback), else
// provisionally at the vendor's dearest row; with neither its charges have no price id and the bill
// is `unpriced`.
Bill rate(const PriceBook& book, std::string_view provider, std::string_view asked_model,
          const Usage& usage, UnixTime at);

struct BoundInput {
    const CallShape* shape = nullptr;
    std::int64_t input_tokens_bound = 0;  // bytes of the body, or tighter
    std::int64_t images = 0;              // beside them
    bool counted = false;  // the provider itself counted the whole input, wherever it lies
    std::int64_t default_max_output = 0;  // used where the call, and the row, name none
    // Flat overheads that no body shows: chat priming, tool system prompts (wire.md §5.3).
    std::int64_t overhead_tokens = 0;
};

// The most that one attempt with `row` can cost (ledger.md §1.2): dearest reachable input class,
// tier and band; max output × choices; declared server-tool uses. Overflow-checked: absurd figures
// are clipped to the row's own limits, or refused. It holds only if the provider is sent
// `Quote::max_output` wherever the call named none or a larger one. Errors: invalid_parameter,
// unsupported_parameter (something unbounded: see CallShape::unbounded; or a service tier without a
// price).
Result<Quote> quote(const PriceRow& row, const BoundInput& in);

}  // namespace weir::core
