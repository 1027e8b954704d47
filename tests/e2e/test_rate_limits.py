"""Rate limits through the program: what callers and operators see, and what the SDKs make of it."""

import signal
import threading
import time

import anthropic
import openai
import pytest

from weir import PROMPT, config_for

CHAT = {"model": "gpt-4o-mini", "max_tokens": 100, "messages": [{"role": "user", "content": PROMPT}]}
MESSAGES = {**CHAT, "model": "claude-haiku-4-5"}


def with_limits(upstream, **limits):
    return config_for(upstream.url, rate_limits=limits)


def test_too_many_requests_are_told_when_to_come_back(start_weir, upstream):
    weir = start_weir(with_limits(upstream, keys={"by": "key", "requests": 2}))
    first = weir.post("/v1/chat/completions", CHAT)
    assert first.status == 200
    assert first.header("x-ratelimit-limit-requests") == "2"
    assert first.header("x-ratelimit-remaining-requests") == "1"
    assert weir.post("/v1/messages", MESSAGES).header("anthropic-ratelimit-requests-remaining") == "0"
    refused = weir.post("/v1/chat/completions", CHAT)
    assert refused.status == 429
    assert 0 < int(refused.header("retry-after-ms")) <= 30_000
    error = refused.json()["error"]
    assert error["code"] == "rate_limited" and error["weir"]["limit"] == "keys"
    assert error["weir"]["scope"] == weir.get("/weir/me").json()["key"]["id"]
    assert len(upstream.requests) == 2, "nothing was sent"
    # In the ledger, at no cost, and to be asked about.
    attempt, = weir.call(refused.call_id)["attempts"]
    assert attempt["state"] == "refused" and attempt["charge_usd"] in ("0", "0.00")
    why = weir.cli("why", refused.call_id, "--data", weir.data).stdout
    assert "2 requests a minute" in why and "No budget was asked" in why
    _, other = weir.make_key()
    assert weir.post("/v1/chat/completions", CHAT, key=other).status == 200
    limits = weir.get("/weir/me").json()["rate_limits"]
    assert [(x["name"], x["unit"], x["amount"], x["remaining"]) for x in limits] == [
        ("keys", "requests", 2, 0)]


@pytest.mark.parametrize("dialect", ("openai", "anthropic"))
def test_sdks_come_back_when_told(start_weir, upstream, dialect):
    # Ten a second, one at once: an SDK that waits as told finds its place.
    weir = start_weir(with_limits(upstream, keys={"by": "key", "requests": 600, "burst": 1}))
    if dialect == "openai":
        client = openai.OpenAI(api_key=weir.key, base_url=weir.url + "/v1", max_retries=5)
        call = lambda: client.chat.completions.create(**CHAT)  # noqa: E731
    else:
        client = anthropic.Anthropic(api_key=weir.key, base_url=weir.url, max_retries=5)
        call = lambda: client.messages.create(**MESSAGES)  # noqa: E731
    path = "/v1/chat/completions" if dialect == "openai" else "/v1/messages"
    body = CHAT if dialect == "openai" else MESSAGES
    while weir.post(path, body).status == 200:  # until nothing is left
        pass
    assert call().usage


def test_calls_at_once(start_weir, upstream):
    weir = start_weir(with_limits(upstream, pace={"parallel": 1}))
    gate = threading.Event()
    answer = upstream.answer

    def slow(request):
        gate.wait(20)
        return answer(request)

    upstream.answer = slow
    answers = []
    thread = threading.Thread(target=lambda: answers.append(weir.post("/v1/chat/completions", CHAT)))
    thread.start()
    upstream.wait_for(1)
    refused = weir.post("/v1/chat/completions", CHAT)
    assert refused.status == 429 and "1 calls at once" in refused.json()["error"]["message"]
    assert refused.header("retry-after") == "1"
    gate.set()
    thread.join()
    assert answers[0].status == 200
    assert weir.post("/v1/chat/completions", CHAT).status == 200


def test_a_reload_changes_limits_and_check_tells_them(start_weir, upstream):
    weir = start_weir(with_limits(upstream, keys={"by": "key", "requests": 1}))
    assert weir.post("/v1/chat/completions", CHAT).status == 200
    assert weir.post("/v1/chat/completions", CHAT).status == 429
    weir.configure(with_limits(upstream, keys={"by": "key", "requests": 1000, "tokens": 100000},
                               agents={"by": "trajectory", "parallel": 4}))
    text = weir.cli("check", "-c", weir.file).stdout
    assert "1000 requests and 100000 tokens a minute by key" in text
    assert "4 calls at once by trajectory" in text
    assert "callers can set trajectory" in text and "keep a rate limit above" in text
    weir.signal(signal.SIGHUP)
    deadline = time.monotonic() + 10
    while weir.post("/v1/chat/completions", CHAT).status != 200:
        assert time.monotonic() < deadline, weir.stderr()
    weir.configure(with_limits(upstream, keys={"by": "key", "usd": 1}))
    done = weir.cli("check", "-c", weir.file, check=False)
    assert done.returncode != 0 and "usd" in done.stderr, "money is never a rate"
