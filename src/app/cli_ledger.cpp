#include <CLI/CLI.hpp>
#include <cstdio>
#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fstream>
#include <limits>
#include <memory>

#include "app/books.h"
#include "app/cli_family.h"
#include "app/cli_text.h"
#include "base/money.h"
#include "ledger/verify.h"
#include "runtime/block_for.h"
#include "runtime/clock.h"
#include "store/backlog.h"
#include "store/chain_heads.h"
#include "store/queries.h"
#include "store/schema.h"

namespace weir::app {
namespace {

Json report_json(const ledger::VerifyReport& report, std::size_t heads) {
    Json findings = Json::array();
    for (const ledger::Finding& f : report.findings) {
        findings.push_back(
            {{"severity", f.severity == ledger::Severity::damage ? "damage" : "note"},
             {"file", f.file},
             {"offset", f.offset},
             {"attempt", f.id},
             {"what", f.what}});
    }
    const ledger::Fold::Counts& c = report.counts;
    return {{"sound", report.is_sound()},
            {"segments", report.segments},
            {"sealed", report.sealed},
            {"chain_heads_compared", heads},
            {"records", report.records},
            {"bytes", report.bytes},
            {"admitted", c.admitted},
            {"dispatched", c.dispatched},
            {"ended", c.ended},
            {"refusals", c.refusals},
            {"corrections", c.corrections},
            {"open", c.admitted + c.ends_without_admit - c.ended},
            {"cost_usd", Money::from_pico(report.cost_pico).to_usd()},
            {"charged_usd", Money::from_pico(report.settled_pico).to_usd()},
            {"damages", report.damages},
            {"findings_total", report.findings_total},
            {"findings", std::move(findings)}};
}

void print_report(std::ostream& out, const std::string& directory, const Json& r) {
    const auto count = [&](const char* name) {
        return count_text(number_of(r, name));
    };
    fmt::print(out, "{}: {} segments ({} sealed), {} records, {} bytes\n", directory,
               count("segments"), count("sealed"), count("records"), count("bytes"));
    fmt::print(out,
               "  {} attempts admitted, {} sent, {} ended, {} open; {} refusals, {} corrections\n",
               count("admitted"), count("dispatched"), count("ended"), count("open"),
               count("refusals"), count("corrections"));
    fmt::print(out, "  cost {}, charged to budgets {}{}\n", exact_money(text_of(r, "cost_usd")),
               exact_money(text_of(r, "charged_usd")),
               number_of(r, "corrections") > 0 ? ", before corrections" : "");
    for (const Json& f : r["findings"]) {
        fmt::print(out, "  {:<6} {}", text_of(f, "severity"), text_of(f, "what"));
        if (!text_of(f, "file").empty()) {
            fmt::print(out, "  ({} at {})", text_of(f, "file"), number_of(f, "offset"));
        }
        if (!text_of(f, "attempt").empty()) fmt::print(out, "  {}", text_of(f, "attempt"));
        fmt::print(out, "\n");
    }
    const auto shown = static_cast<std::int64_t>(r["findings"].size());
    if (number_of(r, "findings_total") > shown) {
        fmt::print(out, "  … {} findings in all\n", number_of(r, "findings_total"));
    }
    out << (r.value("sound", false)
                ? "sound: every record is whole, and the books follow from them\n"
                : "DAMAGED: keep a copy of the directory before anything else; what is "
                  "before the damage is still good\n");
}

// The journal's truth does not need the database: without one, only a newest segment that was cut
// off goes unseen, and that is said.
std::vector<ledger::ChainHead> kept_heads(CliContext& context, const std::string& path) {
    Result<store::Database> books = store::open_store_reader(path);
    auto heads = books ? store::read_chain_heads(*books)
                       : Result<std::vector<ledger::ChainHead>>{std::unexpected(books.error())};
    if (heads) return std::move(*heads);
    fmt::print(context.err,
               "weir: {}: so a newest segment that was cut off the journal would not be seen\n",
               heads.error().message());
    return {};
}

void add_verify(CLI::App& family, CliContext& context) {
    CLI::App* app = family.add_subcommand(
        "verify", "Check the journal on disk: checksums, hash chain, and that the books add up");
    add_shared_options(*app, context, Reach::directory);
    app->footer(
        "Needs no running Weir and disturbs none: of a running one it sees a moment, in which "
        "calls\n"
        "in flight are open holds. The heads of the chain that the database keeps must be there.\n"
        "Exit code 1 if anything is damaged.\n\n"
        "Example:\n  weir ledger verify --data /var/lib/weir");
    runs(*app, context, [&context]() -> Result<int> {
        const std::string directory = find_data_dir(context) + "/journal";
        const std::vector<ledger::ChainHead> heads =
            kept_heads(context, database_path(find_data_dir(context)));
        Result<ledger::VerifyReport> report = ledger::verify(directory, heads);
        if (!report) {
            return fail(report.error().code(),
                        fmt::format("{} cannot be read; name Weir's data directory with --data.",
                                    directory),
                        std::string{report.error().message()});
        }
        const Json json = report_json(*report, heads.size());
        context.json ? print_json(context.out, json) : print_report(context.out, directory, json);
        return report->is_sound() ? kExitDone : kExitFailed;
    });
}

struct ExportOptions {
    std::string format = "jsonl";
    std::string from;
    std::string until;
    std::string output;
};

// Returns when all that was in the journal is in the books, or says what is not: a running Weir's
// bookkeeper is moments behind, and a stopped one's waits for the next start.
Result<> await_books(CliContext& context, const std::string& data_dir) {
    constexpr Duration kPatience = std::chrono::seconds{2};  // without any progress
    const runtime::SystemClock clock;
    Result<store::Database> books = store::open_store_reader(database_path(data_dir));
    if (!books) return std::unexpected(std::move(books).error());
    const auto wanted = store::records_to_fold(*books, data_dir + "/journal");
    if (!wanted) {
        fmt::print(context.err, "weir: the journal cannot be read ({}): see `weir ledger verify`\n",
                   wanted.error().message());
        return {};
    }
    std::int64_t last = -1;
    for (MonoTime waits_until = clock.mono_now();;) {
        const auto folded = store::records_folded(*books);
        if (!folded) return std::unexpected(folded.error());
        if (*folded >= *wanted) return {};
        if (*folded > last) {
            waits_until = clock.mono_now() + kPatience;
        } else if (clock.mono_now() > waits_until) {
            fmt::print(context.err,
                       "weir: the newest {} journal records are not in the books, and so not in "
                       "this export; they will be once Weir runs again\n",
                       count_text(*wanted - *folded));
            return {};
        }
        last = *folded;
        runtime::block_for(std::chrono::milliseconds{10});
    }
}

Result<int> export_ledger(CliContext& context, const ExportOptions& o) {
    const UnixTime now = present();
    const Result<UnixTime> from = o.from.empty() ? UnixTime{0} : parse_past(o.from, now);
    if (!from) return std::unexpected(from.error());
    const UnixTime end{std::numeric_limits<std::int64_t>::max()};
    const Result<UnixTime> until = o.until.empty() ? end : parse_past(o.until, now);
    if (!until) return std::unexpected(until.error());
    const std::string directory = find_data_dir(context);
    const std::string path = database_path(directory);
    Result<std::unique_ptr<store::Queries>> queries = store::Queries::open(path);
    if (!queries) {
        return fail(queries.error().code(),
                    fmt::format("{} cannot be read; name Weir's data directory with --data.", path),
                    std::string{queries.error().message()});
    }
    if (auto level = await_books(context, directory); !level) {
        return std::unexpected(std::move(level).error());
    }
    std::ofstream file;
    if (!o.output.empty()) file.open(o.output, std::ios::binary | std::ios::trunc);
    std::ostream& out = o.output.empty() ? context.out : file;
    const auto format =
        o.format == "csv" ? store::Queries::Format::csv : store::Queries::Format::jsonl;
    Result<> done = (*queries)->export_ledger(format, *from, *until, [&](std::string_view line) {
        return bool(out.write(line.data(), static_cast<std::streamsize>(line.size())));
    });
    if (!done) return std::unexpected(std::move(done).error());
    if (!out.flush()) {
        return fail(ErrorCode::io, fmt::format("{} could not be written: the export is not whole.",
                                               o.output.empty() ? "the output" : o.output));
    }
    return kExitDone;
}

void add_export(CLI::App& family, CliContext& context) {
    auto o = std::make_shared<ExportOptions>();
    CLI::App* app =
        family.add_subcommand("export", "Write every attempt, earliest first, one line each");
    app->add_option("--format", o->format, "jsonl or csv")
        ->check(CLI::IsMember({"jsonl", "csv"}))
        ->capture_default_str();
    app->add_option("--from", o->from, "A date, a time, or ago: 7d; inclusive")->type_name("WHEN");
    app->add_option("--until", o->until, "The same, exclusive")->type_name("WHEN");
    app->add_option("-o,--output", o->output, "Instead of the standard output")->type_name("FILE");
    add_shared_options(*app, context, Reach::directory);
    app->footer(
        "Reads the data directory, beside a running Weir too: then every attempt admitted before\n"
        "the command is there. Money is exact to the pico-dollar. What a Weir that was killed had\n"
        "not folded into its books yet is folded at its next start; the export says how much.\n\n"
        "Examples:\n"
        "  weir ledger export --from 2026-11-01 --until 2026-12-01 --format csv -o november.csv\n"
        "  weir ledger export --from 1h | jq .cost_usd");
    runs(*app, context, [&context, o] { return export_ledger(context, *o); });
}

std::string orphan_table(const Json& answer) {
    using enum Table::Align;
    Table table({{"TIME (UTC)"},
                 {"ATTEMPT"},
                 {"STATE"},
                 {"TEAM"},
                 {"MODEL"},
                 {"BOUND", right},
                 {"ESTIMATE", right},
                 {"CHARGED", right},
                 {""}});
    for (const Json& row : answer["orphans"]) {
        table.add({time_text(text_of(row, "at")), text_of(row, "id"), text_of(row, "state"),
                   text_of(row, "team"), text_of(row, "model"),
                   money_text(text_of(row, "bound_usd")), money_text(text_of(row, "cost_usd")),
                   money_text(text_of(row, "charge_usd")),
                   row.value("corrected", false) ? "corrected" : ""});
    }
    if (table.empty()) return "none: the cost of every ended attempt is known\n";
    std::string out = table.text();
    out += fmt::format(
        "{} is charged at bounds and not proven. When the provider's bill shows what "
        "was true:\n  weir ledger correct ATTEMPT --billed USD --reason …\n",
        money_text(text_of(answer, "unproven_usd")));
    if (answer["next"].is_string()) {
        out += fmt::format("(more: --after {})\n", text_of(answer, "next"));
    }
    return out;
}

void add_orphans(CLI::App& family, CliContext& context) {
    struct Options {
        std::string team;
        std::int64_t limit = 100;
        std::string after;
    };
    auto o = std::make_shared<Options>();
    CLI::App* app = family.add_subcommand(
        "orphans", "List attempts that were sent and whose cost nobody knows");
    app->add_option("-t,--team", o->team, "Of this team only");
    app->add_option("-n,--limit", o->limit, "At most so many")->capture_default_str();
    app->add_option("--after", o->after, "Go on where an earlier page ended")->type_name("PLACE");
    asks(*app, context, [&context, o](AdminClient& client) -> Result<int> {
        Result<Json> answer =
            client.get("/ledger/orphans" + query_of({{"team", o->team},
                                                     {"limit", std::to_string(o->limit)},
                                                     {"after", o->after}}));
        if (!answer) return std::unexpected(std::move(answer).error());
        context.json ? print_json(context.out, *answer)
                     : void(context.out << orphan_table(*answer));
        return kExitDone;
    });
}

void add_correct(CLI::App& family, CliContext& context) {
    struct Options {
        std::string attempt;
        std::string billed;
        std::optional<std::int64_t> tokens;
        std::string reason;
    };
    auto o = std::make_shared<Options>();
    CLI::App* app = family.add_subcommand(
        "correct", "Say what an attempt was really billed; the ledger gets a signed change");
    app->add_option("attempt", o->attempt, "Id with its number: call_….1")->required();
    app->add_option("--billed", o->billed, "Dollars that the provider billed, all of them")
        ->required()
        ->type_name("USD");
    app->add_option("--tokens", o->tokens, "Tokens that it billed, all of them")->type_name("N");
    app->add_option("--reason", o->reason, "Where that is known from; kept in the ledger")
        ->required();
    app->footer(
        "Entries are never overwritten: the change stands beside them, with who and why.\n\n"
        "Example:\n"
        "  weir ledger correct call_00000000000000000001.1 --billed 0.0123 --reason "
        "'invoice 2026-11'");
    asks(*app, context, [&context, o](AdminClient& client) -> Result<int> {
        Json body = {{"attempt", o->attempt}, {"billed_usd", o->billed}, {"reason", o->reason}};
        if (o->tokens) body["billed_tokens"] = *o->tokens;
        Result<Json> done = client.post("/ledger/corrections", body);
        if (!done) return std::unexpected(std::move(done).error());
        if (context.json) {
            print_json(context.out, *done);
        } else {
            fmt::print(context.out, "{}: cost {}, charge {}, tokens {}\n",
                       text_of(*done, "attempt"), exact_money(text_of(*done, "cost_delta_usd")),
                       exact_money(text_of(*done, "charge_delta_usd")),
                       number_of(*done, "token_delta"));
            if (done->contains("note")) {
                fmt::print(context.out, "note: {}\n", text_of(*done, "note"));
            }
        }
        return kExitDone;
    });
}

}  // namespace

void add_ledger_commands(CLI::App& app, CliContext& context) {
    CLI::App* family = add_family(app, "ledger", "Verify, export and correct what calls cost");
    add_verify(*family, context);
    add_export(*family, context);
    add_orphans(*family, context);
    add_correct(*family, context);
}

}  // namespace weir::app
