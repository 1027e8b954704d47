"""What other budgets, or other prices, would have done: replayed from the ledger, and held against what a Weir
with those budgets really does."""

import json
import time

import pytest

from prices import usd
from weir import PROMPT, config_for

CHAT = {"model": "gpt-4o-mini", "max_tokens": 100, "messages": [{"role": "user", "content": PROMPT}]}
PATH = "/v1/chat/completions"
TIGHT = {"ticket": {"by": "trajectory", "usd": "0.0002", "window": "total"},
         "few": {"by": "team", "calls": 7, "window": "total"}}


def agents_at_work(weir):
    """Two trajectories, eight calls each, one after the other: which of them were refused."""
    refused = []
    for i in range(16):
        trajectory = f"t-{i % 2}"
        answer = weir.post(PATH, CHAT, [("x-weir-trajectory", trajectory)])
        if answer.status == 200:
            weir.call(answer.call_id)  # it has ended, so that the next is decided on what it cost
        else:
            assert answer.status in (400, 402), answer.body
            refused.append(i)
    return refused


@pytest.fixture(scope="module")
def worked(provider, tmp_path_factory):
    """A Weir under a budget that refused nothing."""
    from weir import Weir
    program = Weir(tmp_path_factory.mktemp("weir"), config_for(provider.url))
    try:
        program.start()
        assert agents_at_work(program) == []
        yield program
    finally:
        program.close()


def simulate(weir, *arguments, **options):
    done = weir.cli("budgets", "simulate", "--data", weir.data, "--json", *arguments, **options)
    return json.loads(done.stdout) if done.returncode == 0 else done


def test_it_refuses_what_those_budgets_really_refuse(worked, start_weir, provider):
    file = worked.directory / "tight.yaml"
    file.write_text(json.dumps({"budgets": TIGHT}))
    report = simulate(worked, "-f", file, "--from", "1h")
    tight = start_weir(config_for(provider.url, budgets=TIGHT))
    refused = agents_at_work(tight)
    assert report["seen"]["calls"] == 16 and 0 < len(refused) < 16
    assert report["refused"]["calls"] == len(refused)
    by_name = {b["name"]: b for b in report["budgets"]}
    assert set(by_name) == {"team", "ticket", "few"}, "those in force are replayed too"
    # Each budget and instance from its first refusal on, as the other Weir's ledger tells it.
    for name in TIGHT:
        live = [part["instance"] for row in tight.calls("&state=refused")
                for attempt in tight.call(row["call"])["attempts"]
                for part in attempt["budgets"] if part["refused"] and part["budget"] == name]
        for instance in by_name[name]["instances"]:
            told = instance["refused"]["calls"]
            assert told <= live.count(instance["instance"]), (name, instance)
            assert bool(told) == bool(instance["refused_at"])
    saved = usd(report["refused"]["cost_usd"])
    spent = sum(usd(c["cost_usd"]) for c in tight.calls() if c["state"] == "settled")
    assert saved + spent == usd(report["seen"]["cost_usd"])


def test_it_is_told_to_people_with_what_it_cannot_know(worked):
    text = worked.cli("budgets", "simulate", "loop", "--by", "trajectory", "--calls", 5, "--window", "total",
                      "--only", "--data", worked.data).stdout
    assert "16 calls, $" in text.splitlines()[0]
    assert "refused     6 calls, $" in text
    assert "loop: 5 calls a total for each trajectory, of all calls; hard" in text
    assert "refused by team: default 6 calls, $" in text
    assert "default/t-0" in text and "default/t-1" in text
    assert "! Callers are taken to have gone on as they did" in text


def test_nothing_is_changed_by_it(worked):
    before = worked.admin("GET", "/budgets").json()
    simulate(worked, "team", "--usd", "0.0001")
    assert [b["amount"] for b in worked.admin("GET", "/budgets").json()["budgets"]] == \
        [b["amount"] for b in before["budgets"]]
    assert worked.post(PATH, CHAT).status == 200


def test_other_prices(worked):
    rates = worked.directory / "rates.yaml"
    rates.write_text("prices:\n  - {provider: openai, model: 'gpt-4o-mini*', input: 1.5, output: 6, cache_read: 0.75}\n")
    as_it_was = simulate(worked, "--until", "2100-01-01")
    dearer = simulate(worked, "--prices", rates)
    assert usd(dearer["seen"]["cost_usd"]) == 10 * usd(as_it_was["seen"]["cost_usd"])
    assert dearer["unpriced_attempts"] == 0 and dearer["refused"]["calls"] == 0
    # At ten times the price, a budget of ten times the amount does the same.
    small = simulate(worked, "t", "--usd", "0.0005", "--only")
    large = simulate(worked, "t", "--usd", "0.005", "--only", "--prices", rates)
    assert small["refused"]["calls"] == large["refused"]["calls"] > 0


@pytest.mark.parametrize("arguments, why", [
    (("--from", "someday"), "not a time"),
    (("--from", "2099-01-01"), "before it begins"),
    (("t",), "NAME with an amount"),
    (("--usd", "5"), "NAME with an amount"),
    (("--by", "team"), "NAME with an amount"),
    (("t", "--usd", "5", "--where", "team"), "not DIMENSION=VALUE"),
    (("t", "--usd", "much"), "Budget t: 'usd' must be"),
    (("-f", "no-such-file"), "no-such-file"),
    (("--only",), "name some in 'budgets'"),
])
def test_wrong_questions(worked, arguments, why):
    done = simulate(worked, *arguments, check=False)
    assert done.returncode == 1 and why in done.stderr, done.stderr


def test_the_gateway_answers_while_it_replays(worked):
    """It runs beside the control loop: an admin request is not kept waiting."""
    begun = time.monotonic()
    assert worked.admin("GET", "/me").status == 200
    assert time.monotonic() - begun < 5
