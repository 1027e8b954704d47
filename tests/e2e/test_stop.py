"""weir stop and weir resume: what runs wild ends at once, is told why, and stays ended through a restart."""

import threading
import time

import openai
import pytest

from upstream import Reply
from weir import PROMPT, config_for

CHAT = {"model": "gpt-4o-mini", "max_tokens": 100, "messages": [{"role": "user", "content": PROMPT}]}


def run(weir, *arguments, **options):
    return weir.cli(*arguments, "--data", weir.data, **options)


def chat(weir, agent="triage"):
    return weir.post("/v1/chat/completions", CHAT, [("x-weir-agent", agent)])


def test_a_stop_refuses_says_why_survives_a_restart_and_ends_with_a_resume(start_weir, upstream):
    weir = start_weir(config_for(upstream.url))
    assert "nothing is stopped" in run(weir, "stop").stdout
    text = run(weir, "stop", "--where", "agent=tri*", "--reason", "it loops").stdout
    assert "stopped agent=tri*" in text and "weir resume 1" in text
    refused = chat(weir)
    assert refused.status == 403
    error = refused.json()["error"]
    assert error["code"] == "stopped" and "it loops" in error["message"]
    assert refused.header("x-should-retry") == "false"
    assert upstream.requests == []
    assert chat(weir, agent="other").status == 200
    weir.kill()
    weir.start()
    assert chat(weir).status == 403
    assert "it loops" in run(weir, "stop").stdout
    assert "resumed agent=tri*" in run(weir, "resume", "1").stdout
    assert chat(weir).status == 200
    audit = run(weir, "audit").stdout
    assert "stop.create" in audit and "stop.resume" in audit
    assert run(weir, "resume", "1", check=False).returncode == 1


def test_an_open_stream_ends_within_a_second(start_weir, upstream):
    chunk = (b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini",'
             b'"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}\n\n')
    upstream.then(Reply.sse(chunk * 600, cuts=[len(chunk) * n for n in range(1, 600)], gap=0.05))
    weir = start_weir(config_for(upstream.url))
    client = openai.OpenAI(api_key=weir.key, base_url=weir.url + "/v1", max_retries=5)
    begun, ended = threading.Event(), []

    def read():
        try:
            for _ in client.chat.completions.create(**CHAT, stream=True):
                begun.set()
        except openai.APIError as error:
            ended.append((time.monotonic(), error))

    thread = threading.Thread(target=read)
    thread.start()
    assert begun.wait(10)
    stopped = time.monotonic()
    run(weir, "stop", "--everything", "--reason", "fire drill")
    thread.join(10)
    assert not thread.is_alive()
    (at, error), = ended
    assert "fire drill" in str(error)
    # The command itself has to start and to be answered meanwhile.
    assert at - stopped < 2, at - stopped
    assert len(upstream.requests) == 1, "the SDK did not try again"
    assert chat(weir).status == 403
    run(weir, "resume", "--all")
    assert chat(weir).status == 200


@pytest.mark.parametrize("wrong", (["--where", "agent"], ["--where", "agnet=x"], ["--reason", "why"],
                                   ["--where", "agent=x", "--everything"],
                                   ["--where", "agent=x", "--where", "agent=y"]))
def test_a_stop_that_does_not_say_what_stops_nothing(weir, wrong):
    done = run(weir, "stop", *wrong, check=False)
    assert done.returncode != 0 and done.stderr
    assert "nothing is stopped" in run(weir, "stop").stdout
