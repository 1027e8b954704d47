#include "app/cli_explain.h"

#include <gtest/gtest.h>

#include "admin/call_json.h"
#include "store/store_fixture.h"

namespace weir::app {
namespace {

store::CallRow row_of(std::uint64_t seq) {
    const ledger::AdmitRecord admit = store::admit_of(store::attempt(seq));
    store::CallRow row;
    row.head = admit.head;
    row.sequence = 12;
    row.bound = admit.bound;
    row.input_bound = admit.input_bound;
    row.max_output = admit.max_output;
    row.parts = {admit.parts[0], admit.parts[1]};
    row.client_address = admit.client_address;
    return row;
}

store::CallDetail::Attempt settled(std::uint64_t seq) {
    const ledger::EndRecord end = store::end_of(store::attempt(seq));
    store::CallRow row = row_of(seq);
    row.state = "settled";
    row.dispatched_at = row.head.admitted_at;
    row.ended_at = end.at;
    row.cost = end.cost;
    row.charge = end.charge;
    row.completeness = "exact";
    row.http_status = row.provider_status = 200;
    row.first_byte_us = 420'000;
    row.total_us = 4'000'000;
    row.notes = end.outcome.notes;
    return {row, end.bill.charges, {}};
}

core::Policy policy() {
    core::Policy policy;
    policy.budgets = {{.id = 7, .name = "organisation"},
                      {.id = 8, .name = "ticket", .unit = core::BudgetUnit::tokens}};
    return policy;
}

std::string explained(std::vector<store::CallDetail::Attempt> attempts) {
    const store::CallDetail call{attempts.front().row.head.id.call, std::move(attempts)};
    return explain_call(admin::call_detail(call, policy(), admin::CallView::everything));
}

TEST(Explain, SettledCallIsTold) {
    const std::string id = store::attempt(3).call.text();
    EXPECT_EQ(explained({settled(3)}),
              id + R"(   chat_completions, streamed   2026-11-24 03:00:03 UTC
It asked for gpt-6-luna, was answered 200, and cost $0.0009.

Whose call it is
  The caller was known by its key k-odd.
  team         support   bound to the key
  application  desk      said in a header
  environment  staging   bound to the key
  trajectory   ticket 3  said in a header
  tag          customer = Grü"n
  tag          shift = night
  The caller also named environment; what the key or a rule says goes before it.

Attempt 1 of 1: openai/gpt-6-luna
  At most it could cost $0.002: 900 tokens in, 1,024 tokens out.
  Budgets as they stood before decision 12:
    organisation from 2026-11-01T00:00 to 2026-12-01T00:00
      used $0.000000000012 + held by others $0.00 + asked $0.002 = $0.002000000012, within $500.00
    ticket of ticket 3 from 2026-11-01T00:00 to 2026-12-01T00:00, in tokens
      used 12 + held by others 0 + asked 1924 = 1936, within 500000000000000
  Sent 2026-11-24 03:00:03 UTC; answered 200, first byte after 420 ms, all after 4.0 s.
  Changed on the way: injected include_usage.
  Usage is exact: the provider's final figures were seen.
   MODEL       TIER      CLASS   QUANTITY  PRICE     COST  PRICE ROW
   gpt-6-luna  standard  input        300  $1 /M  $0.0003  openai/gpt-6-luna@2026-06-01
   gpt-6-luna  standard  output       120  $5 /M  $0.0006  openai/gpt-6-luna@2026-06-01
  Cost $0.0009, charged to the budgets as such.
  Priced by book 0a1b2c, row openai/gpt-6-luna@2026-06-01.
)");
}

TEST(Explain, RefusalCanBeReckonedByHand) {
    store::CallRow row = row_of(4);
    row.state = "refused";
    row.http_status = 402;
    row.error = "budget_exhausted";
    row.error_text = "The budget organisation is spent.";
    row.parts[0].settled = Money::from_usd(499).pico();
    row.parts[0].others_held = Money::parse_usd("0.999").value().pico();
    row.parts[0].refused = true;
    row.parts[1].amount = 1'000;
    row.parts[1].blocks = false;
    const std::string text = explained({{row, {}, {}}});
    for (const std::string_view part :
         {"was refused with 402 budget_exhausted. It cost nothing.\n",
          "Refused before it was sent: openai/gpt-6-luna\n",
          "used $499.00 + held by others $0.999 + asked $0.002 = $500.001, more than $500.00: this "
          "budget refused it\n",
          "= 1936, more than 1000: it does not block such a call\n",
          "Error budget_exhausted: The budget organisation is spent.\n"}) {
        EXPECT_NE(text.find(part), std::string::npos) << part << "\nin\n" << text;
    }
    EXPECT_EQ(text.find("charged to the budgets"), std::string::npos);
}

TEST(Explain, WhatIsNotKnownAndWhatCameLaterIsTold) {
    store::CallDetail::Attempt unknown = settled(3);
    unknown.row.state = "unknown";
    unknown.row.completeness = "partial";
    unknown.row.charge = unknown.row.bound;
    unknown.row.http_status = 502;
    unknown.row.error = "provider_reset";
    unknown.row.client_gone = true;
    unknown.row.head.provisional_price = true;
    unknown.row.usage_notes = static_cast<std::uint16_t>(core::UsageNote::inconsistent);
    store::CallDetail::Attempt second = settled(3);
    second.row.head.id.ordinal = 2;
    second.row.unpriced = true;
    second.corrections = {store::correction_of(store::attempt(3, 2), -100'000'000)};
    const std::string text = explained({unknown, second});
    for (const std::string_view part :
         {"Attempt 1 of 2", "Attempt 2 of 2", "nobody knows what it cost",
          "The client left before the end.", "the provider's last figures before the end",
          "Note: the provider's own figures contradict each other.",
          "Cost $0.0009 as far as is known; $0.002 is charged to the budgets.",
          "The price is provisional", "UNPRICED",
          "by finance: cost -$0.0001, charge -$0.0001, tokens -5; invoice"}) {
        EXPECT_NE(text.find(part), std::string::npos) << part << "\nin\n" << text;
    }
}

TEST(Explain, NothingThatACallerSentReachesTheTerminalRaw) {
    store::CallDetail::Attempt attempt = settled(3);
    attempt.row.head.asked_model = "gpt\x1b[2J";
    attempt.row.head.attribution.tags = {{"a\r", "b\x07"}};
    const std::string text = explained({attempt});
    EXPECT_EQ(text.find_first_of("\x1b\r\x07"), std::string::npos);
}

}  // namespace
}  // namespace weir::app
