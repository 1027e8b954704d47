"""A call that no longer fits, through the program: less output where that is enough, told to the
provider, to the caller and to whoever asks why; or a place in line (product.md 3.4, 3.5)."""

import json
import threading
import time

import pytest

import canned
from prices import usd
from test_budgets import Request
from upstream import Reply
from weir import PROMPT, config_for

USERS = [{"role": "user", "content": PROMPT}]
# $0.60 a million tokens of output: 2,000 of them fit, and not the 4,000 asked for.
CHAT = {"model": "gpt-4o-mini", "max_tokens": 4000, "messages": USERS}
BODIES = {"/v1/chat/completions": ("max_tokens", CHAT),
          "/v1/responses": ("max_output_tokens",
                            {"model": "gpt-4o-mini", "max_output_tokens": 4000, "input": PROMPT}),
          "/v1/messages": ("max_tokens", {**CHAT, "model": "claude-haiku-4-5"})}


def budget(usd_amount, **more):
    return {"pot": {"by": "team", "usd": usd_amount, "window": "day", **more}}


@pytest.mark.parametrize("path", BODIES)
def test_less_output_is_told_to_all(start_weir, upstream, path):
    name, body = BODIES[path]
    amount = "0.0101" if path == "/v1/messages" else "0.00122"
    weir = start_weir(config_for(upstream.url, budgets=budget(amount)))
    answer = weir.post(path, body)
    assert answer.status == 200, answer.body
    told = answer.header("x-weir-max-output")
    tokens = int(told.removesuffix("; clamped"))
    assert told.endswith("; clamped") and 1900 < tokens < 2100
    assert upstream.requests[-1].json()[name] == tokens
    attempt, = weir.call(answer.call_id)["attempts"]
    assert usd(attempt["bound_usd"]) <= usd(amount)
    assert f"max output lowered to {tokens}" in attempt["notes"]
    why = weir.cli("why", answer.call_id, "--data", weir.data).stdout
    assert f"max output lowered to {tokens}" in why


def test_what_must_be_whole_is_refused_instead(start_weir, upstream):
    weir = start_weir(config_for(upstream.url, budgets=budget("0.00122")))
    for more in ({"response_format": {"type": "json_object"}},
                 {"tool_choice": "required",
                  "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}):
        answer = weir.post("/v1/chat/completions", {**CHAT, **more})
        assert answer.status == 400
        assert answer.json()["error"]["code"] == "call_exceeds_budget"
    assert not upstream.requests


def test_a_budget_may_forbid_it_and_the_installation_sets_the_least(start_weir, upstream):
    weir = start_weir(config_for(upstream.url, budgets=budget("0.00122", clamp="off")))
    assert weir.post("/v1/chat/completions", CHAT).status == 400
    shown = json.loads(weir.cli("budgets", "--json", "--data", weir.data).stdout)
    assert shown["budgets"][0]["clamp"] == "off"
    assert weir.stop() == 0
    weir.configure(config_for(upstream.url, budgets=budget("0.00122"),
                              limits={"min_output": 2500}))
    weir.start()
    assert weir.post("/v1/chat/completions", CHAT).status == 400
    assert not upstream.requests


def test_who_waits_in_line_gets_its_answer(start_weir, upstream):
    weir = start_weir(config_for(upstream.url, budgets=budget("0.0025", clamp="off"),
                                 limits={"busy_wait_ms": 20000}))
    path = "/v1/chat/completions"
    go_on = threading.Event()
    answer = canned.provider(Request(path, CHAT))
    upstream.then(Reply(answer.status, answer.headers, answer.body, before_head=go_on))
    answers = []
    threads = []
    for wanted in (1, 2, 3):  # the first holds it, the others do not fit beside it
        threads.append(threading.Thread(target=lambda: answers.append(weir.post(path, CHAT))))
        threads[-1].start()
        if wanted == 1:
            upstream.wait_for(1)
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        assert not answers, "nobody was refused, and nobody passed"
        time.sleep(0.05)
    assert len(upstream.requests) == 1
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert [a.status for a in answers] == [200] * 3
    instance, = weir.budget("pot")["instances"]
    assert usd(instance["held"]) == 0


def test_the_first_companys_budgets_are_understood(start_weir, upstream):
    """The form of product.md 2: several amounts, and a team with an amount of its own."""
    weir = start_weir(config_for(upstream.url, budgets={
        "production": {"by": "team", "usd": 8000, "except": {"research": {"usd": 20000}}},
        "ticket": {"by": "trajectory", "usd": 2, "calls": 2}}))
    weir.make_team("research")
    _, key = weir.make_key(team="research")
    for status in (200, 200, 402):
        answer = weir.post("/v1/chat/completions", {**CHAT, "max_tokens": 100}, key=key,
                           headers=[("x-weir-trajectory", "t1")])
        assert answer.status == status
    assert answer.json()["error"]["weir"]["budget"] == "ticket.calls"
    instance, = weir.budget("production", "research")["instances"]
    assert usd(instance["amount"]) == 20000
    assert "(research $20,000.00)" in weir.cli("budgets", "--data", weir.data).stdout
