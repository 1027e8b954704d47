"""What the ledger must say of a call, reckoned from what the provider reported."""

import prices

OPENAI, ANTHROPIC = "openai", "anthropic"


def check_settled(weir, call_id, vendor, model, tokens, completeness="exact", web_searches=0, key=None):
    """One attempt, settled at the catalogue's price of exactly those tokens. Returns the call."""
    assert call_id, "no x-weir-call-id"
    call = weir.call(call_id, key)
    assert len(call["attempts"]) == 1, call
    attempt = call["attempts"][0]
    check_attempt(attempt, vendor, model, tokens, completeness, web_searches)
    assert call["cost_usd"] == attempt["cost_usd"] and call["charge_usd"] == attempt["charge_usd"]
    return call


def check_attempt(attempt, vendor, model, tokens, completeness="exact", web_searches=0):
    assert attempt["state"] == "settled", attempt
    usage = attempt["usage"]
    assert usage["completeness"] == completeness, usage
    assert usage["tokens"] == {k: v for k, v in tokens.items() if v}, usage
    cost = prices.cost(vendor, model, tokens, web_searches, attempt["admitted_at"])
    assert prices.usd(attempt["cost_usd"]) == cost, (attempt["charges"], cost)
    assert prices.usd(attempt["charge_usd"]) == cost
    assert prices.usd(attempt["bound_usd"]) >= cost, "the bound was too low"
    assert sum(prices.usd(c["cost_usd"]) for c in attempt["charges"]) == cost


def check_unknown(attempt):
    """Dispatched, and nobody knows what it cost: held at its bound."""
    assert attempt["state"] == "unknown", attempt
    assert prices.usd(attempt["bound_usd"]) > 0
    assert prices.usd(attempt["charge_usd"]) == prices.usd(attempt["bound_usd"])
    assert attempt["usage"]["completeness"] not in ("exact", "exact_drained"), attempt["usage"]


def check_released(attempt):
    """Proven to have cost nothing."""
    assert attempt["state"] == "released", attempt
    assert prices.usd(attempt["cost_usd"]) == prices.usd(attempt["charge_usd"]) == 0


