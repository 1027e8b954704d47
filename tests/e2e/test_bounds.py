"""Bounds that agents can work under, through the program (product.md 3.6): a conversation that goes
on is held at what the provider billed for its beginning, and one that is too large by its bytes is
counted by the provider before it is refused."""

import json

import canned
from upstream import Reply
from weir import config_for

TEXT = "The quick brown fox jumps over the lazy dog. " * 400  # 18 kB, some 4,000 tokens


def talk(*texts):
    roles = ("user", "assistant")
    return {"model": "claude-haiku-4-5", "max_tokens": 4000,
            "messages": [{"role": roles[i % 2], "content": t} for i, t in enumerate(texts)]}


def bills(tokens):
    """A provider that has so many tokens in every input, and says so when asked."""
    def answer(request):
        if request.path.endswith("/count_tokens"):
            return Reply.json({"input_tokens": tokens})
        whole = json.loads(canned.provider(request).body)
        return Reply.json({**whole, "usage": {"input_tokens": tokens, "output_tokens": 10}})
    return answer


def bound(weir, answer):
    attempt, = weir.call(answer.call_id)["attempts"]
    return attempt["input_bound"], attempt["notes"]


def test_a_conversation_is_held_at_what_its_beginning_was_billed(start_weir, upstream):
    upstream.answer = bills(4000)
    weir = start_weir(config_for(upstream.url, budgets={"pot": {"by": "team", "usd": 10}}))
    first = weir.post("/v1/messages", talk(TEXT))
    assert bound(weir, first)[0] > len(TEXT)
    more = weir.post("/v1/messages", talk(TEXT, "Yes.", "Go on."))
    tokens, notes = bound(weir, more)
    assert 4000 < tokens < 4200
    assert "input bounded by what an earlier call was billed" in notes
    why = weir.cli("why", more.call_id, "--data", weir.data).stdout
    assert "input bounded by what an earlier call was billed" in why


def test_the_provider_counts_before_a_call_is_refused_for_its_size(start_weir, upstream):
    # $1 a million of input, $5 of output: by its bytes it comes to $0.038, counted to $0.025.
    upstream.answer = bills(4000)
    weir = start_weir(config_for(upstream.url, budgets={"pot": {"by": "team", "usd": "0.03"}}))
    answer = weir.post("/v1/messages", talk(TEXT))
    assert answer.status == 200, answer.body
    counted, sent = upstream.requests
    assert counted.target.startswith("/v1/messages/count_tokens")
    assert "max_tokens" not in counted.json() and counted.json()["messages"] == sent.json()["messages"]
    assert counted.header("x-api-key") == sent.header("x-api-key")
    assert answer.header("x-weir-max-output") is None
    tokens, notes = bound(weir, answer)
    assert 4000 < tokens < 4200
    assert "input counted by the provider beforehand" in notes
