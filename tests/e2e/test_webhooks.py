"""Budget events reach the people who are to act: once, signed, whatever fails in between."""

import http.server
import json
import signal
import threading
import time

import pytest
from standardwebhooks.webhooks import Webhook

from weir import PROMPT, config_for

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CHAT = {"model": "gpt-4o-mini", "max_tokens": 100,
        "messages": [{"role": "user", "content": PROMPT + " " + "and so on " * 20}]}


class Receiver:
    """What was posted, and answers as scripted (200 without a script)."""

    def __init__(self, port=0):
        self.got, self.script = [], []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status = receiver.script.pop(0) if receiver.script else 200
                receiver.got.append((self.path, dict(self.headers), body, status))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait_for(self, count, within=30):
        deadline = time.monotonic() + within
        while len(self.got) < count:
            assert time.monotonic() < deadline, f"{len(self.got)} of {count} came: {self.got}"
            time.sleep(0.02)
        return self.got[:count]

    def events(self, count):
        return [json.loads(body) for _, _, body, _ in self.wait_for(count)]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    own = Receiver()
    yield own
    own.close()


def config(upstream, webhooks, **more):
    budgets = {"pot": {"by": "team", "usd": "0.00025", "window": "day", "block_at": 100}}
    return config_for(upstream.url, budgets=budgets, webhooks=webhooks, **more)


def exhaust(weir, key=None):
    for _ in range(100):
        if weir.post("/v1/chat/completions", CHAT, key=key).status == 402:
            return
    raise AssertionError("nothing was refused")


def test_an_exhaustion_is_told_once_and_signed(start_weir, upstream, receiver):
    url = f"http://127.0.0.1:{receiver.port}/hook?channel=ops"
    weir = start_weir(config(upstream, {"ops": {"url": "env:HOOK", "secret": "env:HOOK_SECRET",
                                                "events": ["exhausted"]}}),
                      env={"HOOK": url, "HOOK_SECRET": SECRET})
    weir.secrets += [SECRET, "channel=ops"]
    exhaust(weir)
    exhaust(weir)
    path, headers, body, _ = receiver.wait_for(1)[0]
    assert path == "/hook?channel=ops"
    event = Webhook(SECRET).verify(body, {k.lower(): v for k, v in headers.items()})
    assert event["type"] == "exhausted" and event["id"] == headers["webhook-id"]
    data = event["data"]
    assert (data["budget"], data["instance"], data["team"]) == ("pot", "default", "default")
    assert data["amount"] == "0.00025" and data["window_end"].endswith("T00:00:00Z")
    told = weir.cli("events", "--kind", "exhausted", "--data", weir.data).stdout
    assert "budget pot of default is exhausted" in told
    weir.cli("webhooks", "test", "ops", "--data", weir.data)
    assert [e["type"] for e in receiver.events(2)] == ["exhausted", "test"]
    assert "http://127.0.0.1" in (shown := weir.cli("webhooks", "--data", weir.data).stdout)
    assert "channel" not in shown


def test_what_happened_before_a_kill_is_told_after_it(start_weir, upstream, receiver):
    receiver.script = [503]
    weir = start_weir(config(upstream, {"ops": {"url": f"http://127.0.0.1:{receiver.port}/",
                                                "events": ["exhausted"]}}))
    exhaust(weir)
    receiver.wait_for(1)
    weir.kill()
    weir.start()
    first, second = (json.loads(body) for _, _, body, _ in receiver.wait_for(2))
    assert first["id"] == second["id"] and receiver.got[1][3] == 200
    exhaust(weir)
    assert weir.cli("webhooks", "test", "ops", "--data", weir.data)
    assert [e["type"] for e in receiver.events(3)] == ["exhausted", "exhausted", "test"]


def test_the_channel_of_a_teams_owner_hears_of_its_team_alone(start_weir, upstream, receiver):
    hooks = {name: {"url": f"http://127.0.0.1:{receiver.port}/{name}", "events": ["exhausted"],
                    "where": {"owner": f"{name}@example.com"}} for name in ("ada", "bob")}
    weir = start_weir(config(upstream, hooks))
    for team, owner in (("red", "ada"), ("blue", "bob"), ("grey", "eve")):
        weir.admin("POST", "/teams", {"name": team, "attributes": {"owner": f"{owner}@example.com"}},
                   expect=[201])
    for team in ("grey", "red", "blue"):
        exhaust(weir, key=weir.make_key(team=team)[1])
    told = {path: json.loads(body)["data"]["team"] for path, _, body, _ in receiver.wait_for(2)}
    assert told == {"/ada": "red", "/bob": "blue"}


def test_a_reload_takes_other_webhooks_and_a_wrong_one_is_said(start_weir, upstream, receiver):
    weir = start_weir(config(upstream, {}))
    assert "no webhooks" in weir.cli("webhooks", "--data", weir.data).stdout
    hook = {"url": f"http://127.0.0.1:{receiver.port}/slack", "format": "slack"}
    weir.configure(config(upstream, {"slack": hook}))
    weir.signal(signal.SIGHUP)
    weir.wait_for_log("is in force")
    exhaust(weir)
    assert "Weir: budget pot of default is exhausted" in receiver.events(1)[0]["text"]
    weir.configure(config(upstream, {"slack": {**hook, "format": "slak"},
                                     "ops": {"url": "ftp://x", "events": ["exhaustd"]},
                                     "own": {"url": "env:NOT_SET", "where": {"ownr": "x"}}}))
    said = weir.cli("check", "-c", weir.file, check=False).stderr
    for part in ("'format' is weir, slack or alertmanager", "did you mean 'exhausted'",
                 "NOT_SET is not set", "an event has no 'ownr'", "http"):
        assert part in said, (part, said)
