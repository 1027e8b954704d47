// The order in which columns of entries and refusals are written and read. Writer and reader share
// it, so that a column cannot be bound in one place and read in another.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "core/attribution.h"
#include "ledger/record.h"
#include "store/sqlite.h"

namespace weir::store {

// Dimensions that stand in columns of their own name, in this order. Provider and model are those
// of the attempt.
inline constexpr std::array<core::Dimension, 11> kColumnDimensions = {
    core::Dimension::team,      core::Dimension::application, core::Dimension::environment,
    core::Dimension::task_type, core::Dimension::agent,       core::Dimension::user,
    core::Dimension::customer,  core::Dimension::goal,        core::Dimension::trajectory,
    core::Dimension::version,   core::Dimension::key};

inline constexpr std::string_view kIdColumns = "epoch,worker,seq,ordinal";
inline constexpr int kIdCount = 4;

inline constexpr std::string_view kHeadColumns =
    "epoch,worker,seq,ordinal,scope,admitted_at,endpoint,stream,team,application,environment,"
    "task_type,agent,user,customer,goal,trajectory,version,key,sources,ignored,tags,asked_model,"
    "provider,model,price_id,book_hash,price_vendor,provisional,local_free,"
    "own_credential";
inline constexpr int kHeadCount = 31;

inline constexpr std::string_view kAdmitColumns =
    "admitted,sequence,input_bound,max_output,client_address,user_agent,parts,bound_usd,"
    "bound_pico,dispatched_at";
inline constexpr int kAdmitCount = 10;
inline constexpr int kAdmitParts = 7;  // `parts` is the seventh; `dispatched_at` the last

inline constexpr std::string_view kEndColumns =
    "state,ended_at,end_parts,cost_usd,cost_pico,charge_usd,charge_pico,charge_tokens,overrun_usd,"
    "overrun_pico,completeness,usage_notes,unpriced,input,cache_read,cache_write_short,"
    "cache_write_long,input_audio,input_image,cache_read_audio,output,output_audio,output_image,"
    "reasoning,units,usage_lines,response_id,finish_reason,http_status,provider_status,error,"
    "error_text,client_gone,connect_us,first_byte_us,total_us,request_bytes,response_bytes,chunks,"
    "provider_request_id,notes";
inline constexpr int kEndCount = 41;

inline constexpr std::string_view kRefusalColumns =
    "at,sequence,error,message,http_status,bound_usd,bound_pico,input_bound,max_output,parts,"
    "client_address,user_agent";
inline constexpr int kRefusalCount = 12;

// Binds kIdColumns from parameter `at` on; returns the parameter after them.
int bind_id(Statement& to, int at, const AttemptId& id);
// Reads kIdColumns and kHeadColumns from column `at` on.
AttemptId read_id(const Statement& row, int at);
ledger::AttemptHead read_head(const Statement& row, int at);

// One character a dimension: '0' + Source.
void append_sources(std::string& out, const core::Attribution& attribution);

// Of an entry `e`: the attempt for which its client call counts, the first that may have been
// billed (ledger.md W12).
inline constexpr std::string_view kCountsCallSql =
    "e.ordinal<=1 OR NOT EXISTS (SELECT 1 FROM entries f WHERE f.epoch=e.epoch AND "
    "f.worker=e.worker AND f.seq=e.seq AND f.ordinal<e.ordinal AND f.state<>'released')";
// By the name of its endpoint: such a call counts against no budget.
bool is_outside_budgets(std::string_view endpoint);
// What a call held of tokens where a budget of theirs was there, else the most it could use.
Int128 tokens_held(const std::vector<core::HoldPart>& parts, std::int64_t input_bound,
                   std::int64_t max_output);

// Σ over all lines of a usage: figures that could not be real are shown as the largest that is
// summed without overflow over a million entries.
inline constexpr std::int64_t kTokensMax = 1'000'000'000'000;
std::int64_t plausible(std::int64_t tokens);
std::int64_t tokens_of(const core::Usage& usage, core::TokenClass c);
std::int64_t units_of(const core::Usage& usage);

// "(?,?,…)" for `count` parameters.
std::string placeholders(int count);
// "a=?1,b=?2" from "a,b"; `but` keeps its number and is left out.
std::string assignments(std::string_view columns, std::string_view but = {});

}  // namespace weir::store
