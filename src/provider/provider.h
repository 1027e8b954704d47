// Vendors' dialects, sans-IO: what a request body asks for, how it is rewritten, and how usage is
// read from what comes back. Pure functions of bytes; the road in gateway/ moves the bytes.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "core/budget.h"
#include "core/call.h"
#include "core/policy.h"
#include "core/usage.h"

namespace weir::provider {

// ---- endpoints (provider/endpoints.cpp holds the one table; docs print it) ------------------

enum class Fate : std::uint8_t { governed, metered_only, free, refused };

struct EndpointMatch {
    core::Endpoint endpoint = core::Endpoint::chat_completions;
    Fate fate = Fate::refused;
    std::string_view reason;  // of a refusal
    // Path to send upstream, under the provider's prefix: "/chat/completions", "/messages" …
    std::string upstream_path;
};

// `path` without query, after /t/<tags> was taken off. Accepts /v1/… and, for OpenAI, the same
// without /v1 (as some SDK base URLs give). Errors: unknown_endpoint, method_not_allowed,
// endpoint_refused (with the reason). upgrade_required for GET /v1/responses, which only WebSockets
// use. Paths that could mean something else to a provider (dot or empty segments, in any spelling)
// are unknown.
Result<EndpointMatch> match_endpoint(std::string_view method, std::string_view path);
// For the Allow header beside method_not_allowed: "POST". Empty: none is.
std::string allowed_methods(std::string_view path);
// The table, as the docs print it.
std::string endpoints_markdown();

// ---- request ---------------------------------------------------------------------------------

// Reads the whole top level of the body once, keys unescaped (ledger.md §0.2). Errors:
// malformed_json; ambiguous_json (a duplicate, escaped or differently-cased key that bears on
// model, output, n, tools, tier, stream); invalid_parameter (numbers that are negative, fractional,
// huge, or strings where numbers belong); a missing model. Numbers are whole, from 0 (n, best_of:
// 1) to 2^53; what is above the model's own maximum is for core's quote to clip. A max output under
// a name that the endpoint does not know counts as none. Copies nothing of the body but names and
// identity.
Result<core::CallShape> describe(core::Endpoint endpoint, std::string_view body);

// A chat model that searches the web at every call, asked or not, for a fee (wire.md §1.1).
bool searches_by_itself(std::string_view model);

struct Rewrite {
    std::optional<std::string> model;        // new value
    bool inject_include_usage = false;       // chat and completions streams
    std::optional<std::int64_t> max_output;  // sets or lowers it, under the provider's own name
    bool strip_weir_metadata = false;
};
// The body with those spans changed and every other byte as it came. `body` and `shape` belong
// together. Also without a new max output, a max_completion_tokens becomes max_tokens for a server
// that knows only that one (ledger.md B3).
std::string rewrite(std::string_view body, const core::CallShape& shape, const core::Quirks& quirks,
                    const Rewrite& rewrite);
// Would rewrite change a byte? If not, the body can be sent as it lies.
bool rewrite_changes(std::string_view body, const core::CallShape& shape,
                     const core::Quirks& quirks, const Rewrite& rewrite);

// ---- response --------------------------------------------------------------------------------

// Reads usage as the answer passes. One for each attempt. `on_event` per SSE event (data joined),
// `on_body` once for a whole body. Never throws on garbage: what cannot be read is not counted, and
// `usage()` says how complete it is.
class Meter {
 public:
    virtual ~Meter() = default;
    virtual void on_event(std::string_view name, std::string_view data) = 0;
    virtual void on_body(std::string_view body) = 0;
    // The dialect's own end was seen: [DONE], message_stop, response.completed, a whole body.
    virtual bool ended() const = 0;
    // An error object came after HTTP 200.
    virtual bool failed() const = 0;
    // What is known now. completeness is exact | partial | estimated | none as seen; the road turns
    // exact into exact_drained where the client had left. Where nothing final was seen, `estimated`
    // holds a lower estimate from the bytes that passed.
    virtual core::Usage usage() const = 0;
};
std::unique_ptr<Meter> make_meter(core::Endpoint endpoint, const core::Quirks& quirks,
                                  const core::CallShape& shape);

// What an HTTP status without usage says about money (ledger.md L5): a closed table.
enum class Billing : std::uint8_t { unbilled, billed, unknown };
Billing billing_of_error(core::Vendor vendor, int http_status, std::string_view body);

// ---- streams ---------------------------------------------------------------------------------

// Passes an SSE payload through and feeds the meter. Where Weir injected include_usage, takes the
// usage chunk out and `"usage":null` off the others, so that the client sees what it would have
// seen (wire.md §1.1). Only whole events are passed on: a torn one could not be taken back where an
// error event must follow. Pieces to forward are views into the input or into the relay's own
// buffer, valid until the next feed.
class SseRelay {
 public:
    struct Options {
        bool strip_injected_usage = false;
        // Asked with the meter's usage once that is exact; goes into the usage object it came in as
        // a member "cost", in USD. Empty: nothing does.
        std::function<std::string(const core::Usage&)> cost = {};
    };
    SseRelay(Meter& meter, Options options);
    ~SseRelay();
    // Errors: provider_protocol (an event longer than the limit).
    Result<> feed(std::string_view payload, std::vector<std::string_view>& out);
    // At end of stream: what is held back of an unfinished event.
    void finish(std::vector<std::string_view>& out);
    // Events with data so far: what a chart calls chunks.
    std::int64_t events() const;

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// ---- errors in the caller's dialect -------------------------------------------------------------

struct RefusalFigures {
    std::string budget;
    std::string scope;
    core::BudgetUnit unit = core::BudgetUnit::usd;
    // Decimal figures in that unit, without its name: "1.98", "60".
    std::string used;
    std::string held;
    std::string amount;
    std::string resets_at;  // RFC 3339, empty = never
    std::string what_to_do;
    std::int64_t retry_after_ms = 0;  // budget_busy: when money may be back; 0 = default
};

// Of the rate limit that refused.
struct RateFigures {
    std::string limit;
    std::string scope;
    core::RateUnit unit = core::RateUnit::requests;
    std::int64_t amount = 0;  // a minute, or at once
    std::int64_t retry_after_ms = 0;
};

struct ErrorAnswer {
    int status = 500;
    std::string body;  // JSON; its content-type is for the writer of the head
    // x-should-retry always; retry-after and retry-after-ms where a retry makes sense; the
    // dialect's request id.
    std::vector<std::pair<std::string, std::string>> headers;
};
// Agents with ideas of their own about which statuses are worth another try.
enum class Client : std::uint8_t { any, claude_code, codex };
Client client_of(std::string_view user_agent);
// Shapes of wire.md §3.5 and product.md §3.4 (on /v1/messages an exhausted budget is billing_error;
// Claude Code is told 429, and others 402). `call_id` goes into the body's request id. `error.code`
// (OpenAI) and `error.weir.code` (both) are the error table's name; `error.weir` holds the figures,
// for machines: used_usd, held_usd and amount_usd of a budget in USD; of any other its unit, used,
// held and amount; of a rate limit its unit, amount and retry_after_ms.
ErrorAnswer error_answer(core::Dialect dialect, const Error& error, std::string_view call_id,
                         const RefusalFigures* figures = nullptr, const RateFigures* rate = nullptr,
                         Client client = Client::any);
// The same as what ends a running stream so that the SDK raises. OpenAI's chat gets no [DONE] after
// it: a torn stream must not look whole. `sequence_number`: of the next Responses event.
std::string error_event(core::Dialect dialect, const Error& error, std::string_view call_id,
                        std::int64_t sequence_number = 0);

// Built-in providers by name: base URL, vendor, auth, quirks, environment variable of the key
// (provider/catalogue.cpp). nullopt: not a known name.
struct KnownProvider {
    std::string_view name;
    std::string_view environment_variable;
    std::string_view base_url;
    core::Vendor vendor;
    std::string_view price_vendor;
    core::AuthStyle auth;
    core::Quirks quirks;
    bool at_root = false;  // its endpoints stand right under the host, with no version
};
const std::vector<KnownProvider>& known_providers();
// A record of that provider, without a key. nullopt: not a known name.
std::optional<core::ProviderRecord> known_provider(std::string_view name);
// Fills host, port, tls and path_prefix from a URL. Without a path the prefix is /v1, unless the
// record stood at the root already; for Anthropic, whose base URLs end before it, /v1 is added
// wherever it is missing. The path "/." says the root: no prefix. Tells public_host, too. Errors:
// config_invalid.
Result<> set_base_url(core::ProviderRecord& provider, std::string_view url);

}  // namespace weir::provider
