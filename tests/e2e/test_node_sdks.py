"""The JavaScript SDKs, at their own retries: a final refusal is asked once, a busy budget is waited for
(product.md 3.4)."""

import json
import pathlib
import subprocess
import time

import pytest

from test_budgets import BODIES, TEXT, Blocked, new_key, refused_calls, spend_all, with_pots

NODE = pathlib.Path(__file__).parent / "node"
PATH_OF = {"openai-chat": "/v1/chat/completions", "openai-responses": "/v1/responses",
           "anthropic": "/v1/messages", "ai-openai": "/v1/chat/completions",
           "ai-anthropic": "/v1/messages"}


@pytest.fixture(scope="module")
def weir(provider, tmp_path_factory):
    yield from with_pots(provider, tmp_path_factory)


def start(weir, client, key, most=100):
    asked = {"model": BODIES[PATH_OF[client]]["model"], "text": TEXT, "max": most}
    return subprocess.Popen(["node", "call.mjs", client, weir.url, key, json.dumps(asked)], cwd=NODE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def result(process):
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])


@pytest.mark.parametrize("client", PATH_OF)
def test_calls_are_answered(weir, client):
    _, key = new_key(weir, PATH_OF[client])
    assert "the weir holds" in result(start(weir, client, key))["text"]


@pytest.mark.parametrize("client", PATH_OF)
def test_a_spent_budget_is_asked_once(weir, client):
    path = PATH_OF[client]
    record, key = new_key(weir, path)
    spend_all(weir, path, key)
    before = len(refused_calls(weir, record))
    answer = result(start(weir, client, key))
    assert answer["code"] in ("budget_exhausted", "insufficient_quota"), answer
    assert len(refused_calls(weir, record)) == before + 1, f"it tried again: {answer}"


@pytest.mark.parametrize("client", PATH_OF)
def test_a_call_that_is_too_large_is_asked_once(weir, client):
    record, key = new_key(weir, PATH_OF[client])
    answer = result(start(weir, client, key, most=4000))
    assert answer["status"] == 400 and answer["code"] == "call_exceeds_budget", answer
    assert len(refused_calls(weir, record)) == 1


@pytest.mark.parametrize("client", PATH_OF)
def test_a_busy_budget_is_waited_for(weir, provider, client):
    path = PATH_OF[client]
    record, key = new_key(weir, path)
    flight = Blocked(weir, provider, path, key, 2)
    waiting = start(weir, client, key)
    deadline = time.monotonic() + 20
    while not refused_calls(weir, record):
        assert time.monotonic() < deadline and waiting.poll() is None
        time.sleep(0.02)
    flight.let_go()
    assert "the weir holds" in result(waiting)["text"]
