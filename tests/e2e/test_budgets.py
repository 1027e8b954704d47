"""Refusals for money: which of the three, with figures that reproduce the decision, in the caller's
dialect, and no SDK loops on them (product.md 3.4)."""

import threading
import time

import anthropic
import openai
import pytest

import canned
from prices import usd
from upstream import Reply
from weir import PROMPT, Weir, config_for

TEXT = PROMPT + " " + "and so on " * 20
USERS = [{"role": "user", "content": TEXT}]
CHAT = {"model": "gpt-4o-mini", "max_tokens": 100, "messages": USERS}
BODIES = {"/v1/chat/completions": CHAT,
          "/v1/responses": {"model": "gpt-4o-mini", "max_output_tokens": 100, "input": TEXT},
          "/v1/messages": {**CHAT, "model": "claude-haiku-4-5"}}
# Less than three bounds of each, and more than what two calls cost with a third one's bound.
AMOUNTS = {"/v1/chat/completions": "0.00025", "/v1/responses": "0.00025",
           "/v1/messages": "0.002"}


def with_pots(provider, tmp_path_factory):
    """A program with a small budget for each key of an application, until its fixture is done."""
    budgets = {name: {"where": {"application": name}, "by": "key", "usd": amount, "window": "day"}
               for name, amount in (("chat", AMOUNTS["/v1/chat/completions"]),
                                    ("claude", AMOUNTS["/v1/messages"]))}
    program = Weir(tmp_path_factory.mktemp("weir"), config_for(provider.url, budgets=budgets))
    try:
        yield program.start()
    finally:
        program.close()


@pytest.fixture(scope="module")
def weir(provider, tmp_path_factory):
    yield from with_pots(provider, tmp_path_factory)


def new_key(weir, path, **more):
    """A key whose instance of the budget is fresh."""
    application = "claude" if path == "/v1/messages" else "chat"
    return weir.make_key(application=application, **more)


def spend_all(weir, path, key):
    """Calls until one is refused: that answer, and how many came before."""
    for count in range(100):
        answer = weir.post(path, BODIES[path], key=key)
        if answer.status != 200:
            return answer, count
    raise AssertionError("nothing was refused")


def check_figures(weir, answer, code, record):
    """The figures told are those of the books, and give the decision by hand."""
    error = answer.json()["error"]["weir"]
    assert error["code"] == code
    assert error["scope"] == record["id"]
    used, held, amount = (usd(error[n]) for n in ("used_usd", "held_usd", "amount_usd"))
    assert error["resets_at"].endswith("T00:00:00Z") and error["what_to_do"]
    text = answer.json()["error"]["message"]
    for name in ("used_usd", "held_usd", "amount_usd", "resets_at"):
        assert error[name] in text, f"{name} is not in the text"
    call = weir.call(answer.call_id)
    attempt, = call["attempts"]
    assert attempt["state"] == "refused" and usd(call["charge_usd"]) == 0
    part, = [p for p in attempt["budgets"] if p["refused"]]
    assert (usd(part["used"]), usd(part["held"]), usd(part["amount"])) == (used, held, amount)
    asked = usd(part["asked"])
    assert asked == usd(attempt["bound_usd"])
    assert used + held + asked > amount, "it would have fitted"
    return used, held, asked, amount


def check_dialect(path, answer, kind):
    body = answer.json()
    if path == "/v1/messages":
        assert body["type"] == "error" and body["error"]["type"] == kind
    else:
        assert set(body["error"]) >= {"message", "type", "param", "code"}
        assert body["error"]["code"] == body["error"]["weir"]["code"]


@pytest.mark.parametrize("path", BODIES)
def test_exhausted_is_final(weir, provider, path):
    record, key = new_key(weir, path)
    answer, calls = spend_all(weir, path, key)
    assert calls >= 2
    assert answer.status == 402
    assert answer.header("x-should-retry") == "false" and answer.header("retry-after") is None
    check_dialect(path, answer, "billing_error")
    used, held, asked, amount = check_figures(weir, answer, "budget_exhausted", record)
    assert held == 0 and used + asked > amount
    # And it is so at every later instant of the window.
    provider.clear()
    assert weir.post(path, BODIES[path], key=key).status == answer.status
    assert not provider.requests
    name = "claude" if path == "/v1/messages" else "chat"
    instance, = weir.budget(name, record["id"])["instances"]
    assert usd(instance["used"]) == used <= amount and usd(instance["held"]) == 0


@pytest.mark.parametrize("path", BODIES)
def test_too_large_could_never_fit(weir, provider, path):
    record, key = new_key(weir, path)
    big = {**BODIES[path]}
    big["max_output_tokens" if "max_output_tokens" in big else "max_tokens"] = 4000
    provider.clear()
    answer = weir.post(path, big, key=key)
    assert answer.status == 400 and answer.header("x-should-retry") == "false"
    check_dialect(path, answer, "invalid_request_error")
    used, held, asked, amount = check_figures(weir, answer, "call_exceeds_budget", record)
    assert used == held == 0 and asked > amount
    assert not provider.requests
    assert weir.post(path, BODIES[path], key=key).status == 200, "a smaller one does fit"


class Blocked:
    """Calls in flight that hold the budget until let go."""

    def __init__(self, weir, provider, path, key, count):
        self.go_on = threading.Event()
        answer = canned.provider(Request(path, BODIES[path]))
        provider.clear()
        provider.then(*[Reply(answer.status, answer.headers, answer.body, before_head=self.go_on)
                        for _ in range(count)])
        self.answers = []
        self.threads = [threading.Thread(
            target=lambda: self.answers.append(weir.post(path, BODIES[path], key=key)))
            for _ in range(count)]
        for thread in self.threads:
            thread.start()
        provider.wait_for(count)

    def let_go(self):
        self.go_on.set()
        for thread in self.threads:
            thread.join(20)
        assert [a.status for a in self.answers] == [200] * len(self.threads)


class Request:
    """What canned.provider reads of a request."""

    def __init__(self, path, body):
        import json
        self.method, self.path, self.body = "POST", path, json.dumps(body)


@pytest.mark.parametrize("path", BODIES)
def test_busy_is_worth_a_retry(weir, provider, path):
    record, key = new_key(weir, path)
    flight = Blocked(weir, provider, path, key, 2)
    try:
        answer = weir.post(path, BODIES[path], key=key)
        assert answer.status == 429 and answer.header("x-should-retry") == "true"
        assert int(answer.header("retry-after")) >= 1
        assert int(answer.header("retry-after-ms")) > 0
        check_dialect(path, answer, "rate_limit_error")
        used, held, asked, amount = check_figures(weir, answer, "budget_busy", record)
        assert used == 0 and held > 0 and asked <= amount
    finally:
        flight.let_go()
    assert weir.post(path, BODIES[path], key=key).status == 200


def sdk(weir, path, key, retries=2):
    if path == "/v1/messages":
        client = anthropic.Anthropic(base_url=weir.url, api_key=key, max_retries=retries)
        return lambda: client.messages.create(**BODIES[path])
    client = openai.OpenAI(base_url=weir.url + "/v1", api_key=key, max_retries=retries)
    if path == "/v1/responses":
        return lambda: client.responses.create(**BODIES[path])
    return lambda: client.chat.completions.create(**BODIES[path])


def refused_calls(weir, record):
    return [r for r in weir.calls(f"&key={record['id']}") if r["state"] == "refused"]


@pytest.mark.parametrize("path", BODIES)
def test_no_sdk_loops_on_a_spent_budget(weir, path):
    record, key = new_key(weir, path)
    spend_all(weir, path, key)
    before = len(refused_calls(weir, record))
    started = time.monotonic()
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
        sdk(weir, path, key)()
    assert time.monotonic() - started < 2
    assert len(refused_calls(weir, record)) == before + 1, "the SDK tried again"
    assert "used and" in str(caught.value)


@pytest.mark.parametrize("path", BODIES)
def test_an_sdk_waits_for_a_busy_budget_and_gets_its_answer(weir, provider, path):
    record, key = new_key(weir, path)
    flight = Blocked(weir, provider, path, key, 2)
    results = []
    waiting = threading.Thread(target=lambda: results.append(sdk(weir, path, key)()))
    waiting.start()
    deadline = time.monotonic() + 10
    while not refused_calls(weir, record):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    flight.let_go()
    waiting.join(20)
    assert len(results) == 1, "the SDK gave up"


def test_a_hundred_at_once_never_pass_the_amount(weir, provider):
    path = "/v1/chat/completions"
    record, key = new_key(weir, path)
    provider.clear()
    answers, lock = [], threading.Lock()

    def run():
        for _ in range(12):
            answer = weir.post(path, {**CHAT, "stream": True}, key=key)
            with lock:
                answers.append(answer.status)
    threads = [threading.Thread(target=run) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) == {200, 402, 429} or set(answers) == {200, 402}
    spent = sum(usd(r["charge_usd"]) for r in weir.calls(f"&key={record['id']}"))
    assert 0 < spent <= usd(AMOUNTS[path])
    instance, = weir.budget("chat", record["id"])["instances"]
    assert usd(instance["used"]) == spent and usd(instance["held"]) == 0


def test_production_is_counted_and_not_held_back(weir):
    path = "/v1/chat/completions"
    record, key = new_key(weir, path, environment="production")
    for _ in range(20):
        assert weir.post(path, CHAT, key=key).status == 200
    instance, = weir.budget("chat", record["id"])["instances"]
    assert usd(instance["used"]) > usd(instance["amount"])


@pytest.mark.parametrize("environment", [None, "staging", "development"])
def test_everything_else_is_held_back(weir, environment):
    path = "/v1/chat/completions"
    _, key = new_key(weir, path, environment=environment)
    answer, _ = spend_all(weir, path, key)
    assert answer.status == 402


def test_a_header_does_not_make_it_production(weir):
    path = "/v1/chat/completions"
    _, key = new_key(weir, path)
    for _ in range(20):
        answer = weir.post(path, CHAT, [("x-weir-environment", "production"),
                                        ("baggage", "deployment.environment=production")], key=key)
        assert answer.header("x-weir-ignored") == "environment" or answer.status == 402
        if answer.status == 402:
            return
    raise AssertionError("the header lifted the budget")


def test_calls_budget_counts_client_calls(start_weir, upstream):
    weir = start_weir(config_for(upstream.url, budgets={
        "three": {"by": "key", "calls": 3, "window": "day"}}))
    statuses = [weir.post("/v1/chat/completions", CHAT).status for _ in range(5)]
    assert statuses == [200, 200, 200, 402, 402]
    assert len(upstream.requests) == 3


def test_a_spiral_of_the_same_call_stops_whatever_the_harness_does(start_weir, upstream):
    """`repeats`: of calls that were made before; an SDK that tries again after an error makes none."""
    weir = start_weir(config_for(upstream.url, budgets={
        "again": {"by": "trajectory", "repeats": 2, "window": "total"}}))

    def ask(text, **more):
        body = {**CHAT, "messages": [{"role": "user", "content": text}], **more}
        return weir.post("/v1/chat/completions", body, [("x-weir-trajectory", "t-1")])

    upstream.then(Reply.json({"error": {"message": "no"}}, 500))
    assert ask("hello").status == 500
    # What changes how the answer comes changes nothing of what was asked.
    assert [ask("hello", user=f"u{i}").status for i in range(3)] == [200] * 3
    refused = ask("hello", max_tokens=50)
    assert refused.status == 402
    error = refused.json()["error"]
    assert error["weir"]["unit"] == "repeats" and error["weir"]["used"] == "2"
    assert "made before" in error["weir"]["what_to_do"] and "made before" in error["message"]
    assert ask("another").status == 200
    instance, = weir.budget("again")["instances"]
    assert instance["used"] == "2"


def test_attempts_are_tries_at_a_provider(start_weir, upstream):
    weir = start_weir(config_for(upstream.url, budgets={
        "tries": {"by": "key", "attempts": 3, "calls": 10, "window": "day"}}))
    statuses = [weir.post("/v1/chat/completions", CHAT).status for _ in range(4)]
    assert statuses == [200, 200, 200, 402]
    assert weir.budget("tries")["instances"][0]["used"] == "3"
    assert weir.budget("tries.attempts")["instances"][0]["used"] == "3"


def test_a_raise_lets_calls_in_until_it_ends(start_weir, upstream):
    """`weir budgets raise`: of the file's budgets too, for a while, audited."""
    weir = start_weir(config_for(upstream.url, budgets={
        "few": {"by": "trajectory", "calls": 1, "window": "total"}}))
    data = ("--data", weir.data)

    def ask(trajectory="t-1"):
        return weir.post("/v1/chat/completions", CHAT, [("x-weir-trajectory", trajectory)]).status

    assert [ask(), ask()] == [200, 402]
    said = weir.cli("budgets", "raise", "few", "+1", "--until", "2h", "--reason", "incident 4711",
                    "--instance", "default/t-1", *data).stdout
    first, second = said.splitlines()
    assert first.startswith("few: 1 calls a total for each trajectory")
    assert second.startswith("    +1 for default/t-1 until 20") and second.endswith(": incident 4711")
    assert [ask(), ask(), ask("t-2"), ask("t-2")] == [200, 402, 200, 402]
    assert "incident 4711" in weir.cli("budgets", "show", "few", *data).stdout
    weir.cli("budgets", "raise", "few", "+5", "--until", "friday", "--reason", "more", *data)
    assert ask() == 200
    weir.cli("budgets", "raise", "few", "--end", *data)
    assert ask() == 402 and "incident" not in weir.cli("budgets", "show", "few", *data).stdout
    actions = [row["action"] for row in weir.admin("GET", "/audit?limit=5").json()["audit"]]
    assert actions[:4] == ["budget.raise.end", "budget.raise.end", "budget.raise", "budget.raise"]
    for arguments, why in ((("few", "+1"), "--until and --reason"),
                           (("few", "+1", "--until", "soon", "--reason", "x"), "not a time"),
                           (("none", "+1", "--until", "1h", "--reason", "x"), "no budget none"),
                           (("few", "+1.5", "--until", "1h", "--reason", "x"), "in calls")):
        failed = weir.cli("budgets", "raise", *arguments, *data, check=False)
        assert failed.returncode == 1 and why in failed.stderr, failed


def test_an_observed_budget_decides_nothing(start_weir, upstream):
    weir = start_weir(config_for(upstream.url, budgets={
        "seen": {"by": "key", "usd": "0.0001", "window": "day", "mode": "observe"}}))
    answers = [weir.post("/v1/chat/completions", CHAT) for _ in range(5)]
    assert {a.status for a in answers} == {200}
    instance, = weir.budget("seen")["instances"]
    assert usd(instance["used"]) > usd(instance["amount"])


def test_a_trajectory_has_a_cap_of_its_own(start_weir, upstream):
    weir = start_weir(config_for(upstream.url, budgets={
        "run": {"by": "trajectory", "usd": "0.0006", "window": "total"}}))
    _, production = weir.make_key(environment="production")

    def until_refused(trajectory):
        for count in range(30):
            answer = weir.post("/v1/chat/completions", CHAT, [("x-weir-trajectory", trajectory)],
                               key=production)
            if answer.status != 200:
                assert answer.status == 402 and trajectory in answer.json()["error"]["weir"]["scope"]
                return count
        raise AssertionError("a spiral in production is still a spiral")
    assert until_refused("t-1") == until_refused("t-2") > 2


def test_budgets_are_set_and_removed_while_calls_fly(start_weir, upstream):
    """`weir budgets set` and `remove`: in force at once, counted from the ledger, audited."""
    weir = start_weir(config_for(upstream.url))
    record, key = weir.make_key()
    for _ in range(3):
        assert weir.post("/v1/chat/completions", CHAT, key=key).status == 200
    data = ("--data", weir.data)
    said = weir.cli("budgets", "set", "few", "--by", "key", "--calls", 4, "--window", "day",
                    "--where", "team=default", *data).stdout
    assert said == "few: 4 calls a day for each key, of team=default; hard outside production\n"
    instance, = weir.budget("few", record["id"])["instances"]
    assert instance["used"] == "3", "what was called before it was made counts"
    assert weir.post("/v1/chat/completions", CHAT, key=key).status == 200
    refused = weir.post("/v1/chat/completions", CHAT, key=key)
    assert refused.status == 402 and refused.json()["error"]["weir"]["budget"] == "few"
    weir.cli("budgets", "set", "few", "--by", "key", "--calls", 4, "--window", "day", "--where",
             "team=default", "--except", f"{record['id']}=5", *data)
    assert weir.post("/v1/chat/completions", CHAT, key=key).status == 200
    assert weir.post("/v1/chat/completions", CHAT, key=key).status == 402
    assert weir.cli("budgets", "remove", "few", *data).stdout == "removed few\n"
    assert weir.post("/v1/chat/completions", CHAT, key=key).status == 200
    # Those of the file are the file's, and what is no budget says why.
    for arguments, why in ((("set", "team", "--usd", "5"), "set in the configuration file"),
                           (("remove", "team"), "set in the configuration file"),
                           (("remove", "few"), "There is no budget few"),
                           (("set", "x", "--usd", "lots"), "amount in dollars"),
                           (("set", "x", "--usd", "1", "--by", "colour"), "no dimension"),
                           (("set", "x", "--usd", "1", "--where", "team"), "DIMENSION=VALUE")):
        failed = weir.cli("budgets", *arguments, *data, check=False)
        assert failed.returncode == 1 and why in failed.stderr, failed
    assert weir.cli("budgets", "set", "x", *data, check=False).returncode == 2
    actions = [row["action"] for row in weir.admin("GET", "/audit?limit=10").json()["audit"]]
    assert [a for a in actions if a.startswith("budget.")][:3] == [
        "budget.remove", "budget.update", "budget.create"]
    # It outlives a restart.
    weir.cli("budgets", "set", "few", "--by", "key", "--calls", 4, "--window", "day", "--where",
             "team=default", *data)
    assert weir.stop() == 0
    weir.start()
    assert weir.post("/v1/chat/completions", CHAT, key=key).status == 402
