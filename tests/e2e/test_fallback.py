"""Routes with more than one target: the SDK gets its answer where one provider is in trouble, the
operator sees what was tried, and each attempt has its entry."""

import json
import threading

import openai

from upstream import Reply
from weir import PROMPT, config_for

ASK = {"model": "support", "max_tokens": 100, "messages": [{"role": "user", "content": PROMPT}]}


def two_targets(upstream, spare, **route):
    config = config_for(upstream.url)
    config["providers"]["spare"] = {"url": spare.url + "/v1", "vendor": "openai", "key": "env:E2E_PROVIDER_KEY"}
    config["routes"] = {"support": {"targets": ["openai/gpt-4o-mini", "spare/gpt-4o"], **route}}
    return config


def refuses(status=503, headers=()):
    return Reply.json({"error": {"type": "overloaded", "message": "too much to do"}}, status, headers)


def test_the_sdk_gets_its_answer_from_the_next_target(start_weir, upstream, make_upstream):
    spare = make_upstream()
    weir = start_weir(two_targets(upstream, spare))
    client = openai.OpenAI(api_key=weir.key, base_url=weir.url + "/v1", max_retries=0)
    upstream.then(refuses(429, [("retry-after", "60")]))
    answer = client.chat.completions.with_raw_response.create(**ASK)
    assert answer.parse().choices[0].message.content
    assert answer.headers["x-weir-provider"] == "spare"
    assert answer.headers["x-weir-model"] == "gpt-4o"
    assert answer.headers["x-weir-attempts"] == "2"
    why = weir.cli("why", answer.headers["x-weir-call-id"], "--data", weir.data).stdout
    assert "follows openai/gpt-4o-mini, which came to rate_limited" in why
    # Its retry-after is obeyed.
    with client.chat.completions.create(**ASK, stream=True) as stream:
        assert "".join(c.choices[0].delta.content or "" for c in stream if c.choices)
    assert len(upstream.requests) == 1 and len(spare.requests) == 2
    table = weir.cli("providers", "--data", weir.data).stdout
    assert "openai/gpt-4o-mini" in table and "cooling" in table and "rate_limited" in table
    state = {p["name"]: p for p in json.loads(weir.cli("providers", "--json", "--data", weir.data).stdout)["providers"]}
    assert state["openai"]["targets"][0]["failures"] == 1
    assert state["spare"]["targets"][0]["attempts"] == 2
    assert state["spare"]["targets"][0]["quota"]["requests_left"] == 4999


def test_a_stream_that_hangs_before_its_first_byte_moves_on_and_is_charged(start_weir, upstream, make_upstream):
    spare = make_upstream()
    weir = start_weir(two_targets(upstream, spare, first_byte_ms=300))
    answer = threading.Event()
    upstream.then(Reply.json({}, before_head=answer))
    client = openai.OpenAI(api_key=weir.key, base_url=weir.url + "/v1", max_retries=0)
    with client.chat.completions.create(**ASK, stream=True) as stream:
        call_id = stream.response.headers["x-weir-call-id"]
        assert "".join(c.choices[0].delta.content or "" for c in stream if c.choices)
    answer.set()
    attempts = weir.call(call_id)["attempts"]
    assert [a["state"] for a in attempts] == ["unknown", "settled"]
    assert float(attempts[0]["charge_usd"]) > 0


def test_where_all_fail_the_sdk_raises_the_last_ones_error(start_weir, upstream, make_upstream):
    spare = make_upstream()
    weir = start_weir(two_targets(upstream, spare))
    upstream.then(refuses())
    spare.then(refuses(429, [("retry-after", "7")]))
    client = openai.OpenAI(api_key=weir.key, base_url=weir.url + "/v1", max_retries=0)
    try:
        client.chat.completions.create(**ASK)
        raise AssertionError("it must raise")
    except openai.RateLimitError as error:
        assert error.response.headers["retry-after"] == "7"
        assert error.response.headers["x-weir-provider"] == "spare"
        assert error.response.headers["x-weir-attempts"] == "2"
