"""Budgets, rate limits, stops and spend by what is known of a team, through the program (product.md 1):
by what its attributes are now, for what it has spent already too."""

import json
import threading

import pytest

from prices import usd
from weir import PROMPT, config_for

CHAT = {"model": "gpt-4o-mini", "max_tokens": 100, "messages": [{"role": "user", "content": PROMPT}]}
TEAMS = {"sales": {"department": "growth", "region": "eu"}, "ads": {"department": "growth"},
         "desk": {"department": "service"}, "lab": {}}


def ask(weir, team):
    return weir.post("/v1/chat/completions", CHAT, key=weir.team_keys[team])


def with_teams(weir):
    weir.team_keys = {}
    for team, attributes in TEAMS.items():
        weir.admin("POST", "/teams", {"name": team, "attributes": attributes}, expect=[201])
        weir.team_keys[team] = weir.make_key(team=team)[1]
    return weir


@pytest.fixture
def weir(start_weir, upstream):
    return with_teams(start_weir(config_for(upstream.url, budgets={
        "growth": {"where": {"department": "growth"}, "calls": 3},
        "each": {"by": "department", "calls": 4, "usd": 100, "except": {"growth": {"calls": 50}}},
    })))


def used(weir, name):
    return {i["instance"]: i["used"] for i in weir.budget(name)["instances"]}


def test_a_budget_counts_the_teams_of_a_department(weir):
    assert [ask(weir, team).status for team in ("sales", "ads", "sales")] == [200] * 3
    refused = ask(weir, "ads")
    assert refused.status == 402 and refused.json()["error"]["weir"]["budget"] == "growth"
    assert [ask(weir, "desk").status for _ in range(4)] == [200] * 4
    refused = ask(weir, "desk")
    assert refused.status == 402 and refused.json()["error"]["weir"]["budget"] == "each.calls"
    assert ask(weir, "lab").status == 200
    assert used(weir, "each.calls") == {"growth": "3", "service": "4", "(none)": "1"}


def test_an_attribute_that_changes_counts_anew_and_forgets_nothing(weir):
    weir.cli("budgets", "raise", "growth", "+1", "--until", "2h", "--reason", "campaign", "--data", weir.data)
    for team, calls in (("sales", 2), ("ads", 1), ("desk", 1), ("lab", 1)):
        assert [ask(weir, team).status for _ in range(calls)] == [200] * calls
    assert used(weir, "growth") == {"": "3"}
    # A team that joins brings what it has spent, and a raise stays.
    weir.admin("PATCH", "/teams/desk", {"attributes": {"department": "growth"}}, expect=[200])
    assert used(weir, "growth") == {"": "4"}
    assert used(weir, "each.calls") == {"growth": "4", "(none)": "1"}
    assert ask(weir, "desk").status == 402 and ask(weir, "sales").status == 402
    # One that leaves takes it along; one that comes back brings it again.
    weir.admin("PATCH", "/teams/sales", {"attributes": {"department": None}}, expect=[200])
    assert used(weir, "growth") == {"": "2"}
    assert used(weir, "each.calls") == {"growth": "2", "(none)": "3"}
    assert ask(weir, "ads").status == 200
    weir.admin("PATCH", "/teams/sales", {"attributes": {"department": "growth"}}, expect=[200])
    assert used(weir, "growth") == {"": "5"}
    assert ask(weir, "ads").status == 402
    # What does not bear on a budget leaves it alone; so does a restart.
    same = weir.budget("growth")["id"]
    weir.admin("PATCH", "/teams/sales", {"attributes": {"owner": "ada"}}, expect=[200])
    weir.admin("POST", "/teams", {"name": "new", "attributes": {}}, expect=[201])
    assert weir.budget("growth")["id"] == same
    assert weir.stop() == 0
    weir.start()
    assert weir.budget("growth")["id"] == same
    assert used(weir, "growth") == {"": "5"} and ask(weir, "ads").status == 402


def test_no_call_is_lost_or_counted_twice_while_attributes_change(start_weir, upstream):
    """Calls that are admitted while a budget is being made anew count, once."""
    weir = with_teams(start_weir(config_for(upstream.url)))
    weir.cli("budgets", "set", "all", "--where", "department=growth", "--calls", 100000, "--data", weir.data)
    weir.admin("PATCH", "/teams/lab", {"attributes": {"department": "other"}}, expect=[200])
    over, answered = threading.Event(), []

    def keep_asking():
        while not over.is_set():
            answered.append(ask(weir, "lab").status)

    callers = [threading.Thread(target=keep_asking) for _ in range(8)]
    for caller in callers:
        caller.start()
    for _ in range(10):
        for department in ("growth", "other"):
            weir.admin("PATCH", "/teams/lab", {"attributes": {"department": department}}, expect=[200])
    weir.admin("PATCH", "/teams/lab", {"attributes": {"department": "growth"}}, expect=[200])
    over.set()
    for caller in callers:
        caller.join()
    made = answered.count(200)
    assert made == weir.admin("GET", "/spend?department=growth", expect=[200]).json()["total"]["calls"]
    assert used(weir, "all") == {"": str(made)} and made > 20


def test_spend_says_what_the_budget_counts(weir):
    for team in ("sales", "ads", "desk", "lab"):
        assert ask(weir, team).status == 200
    rows = weir.admin("GET", "/spend?by=department", expect=[200]).json()["rows"]
    told = {r["by"]["department"] or "(none)": usd(r["charge_usd"]) for r in rows}
    figures = {i["instance"]: usd(i["used"]) for i in weir.budget("each")["instances"]}
    assert told == figures and set(told) == {"growth", "service", "(none)"}
    for query, calls in (("department=growth", 2), ("department=gr*", 2), ("department=(none)", 1),
                         ("department=none", 0), ("team.region=eu", 1), ("team=s*", 1),
                         ("department=growth&team=ads", 1), ("customer=(none)", 4), ("team=(none)", 0)):
        assert weir.admin("GET", f"/spend?{query}", expect=[200]).json()["total"]["calls"] == calls, query
    wrong = weir.admin("GET", "/spend?by=departmnt", expect=[400]).json()
    assert "did you mean 'department'" in wrong["error"]["message"]


def test_rate_limits_and_stops_ask_for_attributes_too(start_weir, upstream):
    weir = with_teams(start_weir(config_for(upstream.url, rate_limits={
        "service": {"where": {"department": "service"}, "requests": 1, "burst": 1},
        "eu": {"where": {"team.region": "eu"}, "by": "department", "requests": 1, "burst": 1}})))
    for team in ("desk", "sales"):
        assert ask(weir, team).status == 200
        refused = ask(weir, team)
        assert refused.status == 429 and refused.json()["error"]["code"] == "rate_limited", team
    assert [ask(weir, "ads").status for _ in range(3)] == [200] * 3
    data = ("--data", weir.data)
    said = weir.cli("stop", "--where", "department=growth", "--reason", "freeze", *data).stdout
    assert "department=growth" in said
    refused = ask(weir, "ads")
    assert refused.status == 403 and "department=growth: freeze" in refused.json()["error"]["message"]
    assert ask(weir, "lab").status == 200
    weir.admin("PATCH", "/teams/lab", {"attributes": {"department": "growth"}}, expect=[200])
    assert ask(weir, "lab").status == 403


def test_check_and_the_command_line_tell_attributes(weir, tmp_path, upstream):
    said = weir.cli("check", "--config", weir.file).stdout
    assert "growth       3 calls a month, for department=growth: hard outside production\n" in said
    assert "each.calls   4 calls a month by department (growth 50 calls): hard outside production\n" in said
    assert "callers can set" not in said, "an attribute is nothing that callers say"
    data = ("--data", weir.data)
    said = weir.cli("budgets", "set", "own", "--where", "department=growth", "--where", "department=service",
                    "--by", "owner", "--calls", 4, *data).stdout
    assert said == "own: 4 calls a month for each owner, of department=growth|service; hard outside production\n"
    failed = weir.cli("budgets", "set", "x", "--usd", "1", "--by", "departmnt", *data, check=False)
    assert failed.returncode == 1 and "did you mean 'department'" in failed.stderr
    file = tmp_path / "wrong.yaml"
    for wrong, why in (({"budgets": {"b": {"usd": 1, "where": {"departmnt": "x"}}}}, "did you mean 'department'"),
                       ({"expect": ["department"]}, "an attribute of their team")):
        file.write_text(json.dumps(config_for(upstream.url, **wrong)))
        failed = weir.cli("check", "--config", file, check=False)
        assert failed.returncode == 1 and why in failed.stderr, failed
