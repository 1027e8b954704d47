"""`weir apply`: teams, keys' bindings, budgets and stops as a file says, twice the same, each change audited."""

import json

import pytest

from weir import PROMPT, config_for

CHAT = {"model": "gpt-4o-mini", "max_tokens": 50, "messages": [{"role": "user", "content": PROMPT}]}
PATH = "/v1/chat/completions"


@pytest.fixture
def weir(start_weir, upstream):
    return start_weir(config_for(upstream.url))


def write(weir, content):
    file = weir.directory / "state.yaml"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def apply(weir, content, *arguments, **options):
    return weir.cli("apply", "-f", write(weir, content), "--data", weir.data, *arguments, **options)


STATE = {
    "teams": {"support": {"department": "service"}},
    "budgets": {"ticket": {"by": "trajectory", "calls": 1, "window": "total"}},
    "stops": [{"where": {"agent": "crawler"}, "reason": "it loops"}],
}


def ask(weir, *headers, key=None):
    return weir.post(PATH, CHAT, list(headers), key=key).status


def test_a_file_is_made_so_once_and_the_second_run_has_nothing_to_change(weir):
    dry = apply(weir, STATE, "--dry-run").stdout
    assert dry.splitlines()[-1] == "3 changes, none of them made"
    assert weir.admin("GET", "/stops").json()["stops"] == []
    assert apply(weir, STATE).stdout.splitlines() == [
        "+ team support: department service",
        "+ budget ticket: by trajectory, unit calls, amount 1, window total, alert_at 80, "
        "block_at by_environment, clamp tail, mode enforce",
        "+ stop: where {agent=crawler}, reason it loops",
        "3 changes"]
    audit = weir.admin("GET", "/audit?limit=3").json()["audit"]
    assert [row["action"] for row in audit] == ["stop.create", "budget.create", "team.create"]
    assert {row["actor"] for row in audit} == {"operator"}
    assert apply(weir, STATE).stdout == "nothing to change\n"
    assert weir.admin("GET", "/audit?limit=1").json()["audit"] == audit[:1]
    # And it is in force.
    assert [ask(weir, ("x-weir-trajectory", "t")) for _ in range(2)] == [200, 402]
    assert ask(weir, ("x-weir-agent", "crawler")) == 403


def test_changes_are_told_and_what_is_left_out_goes_only_when_pruned(weir):
    apply(weir, STATE)
    later = {"budgets": {"ticket": {"by": "trajectory", "calls": 5, "window": "total", "block_at": "never"}}}
    assert apply(weir, later).stdout == \
        "~ budget ticket: amount 1 → 5, block_at by_environment → never\n1 change\n"
    assert apply(weir, {"budgets": {}, "stops": []}).stdout == "nothing to change\n"
    pruned = apply(weir, {"budgets": {}, "stops": []}, "--prune").stdout.splitlines()
    assert pruned[0].startswith("- stop 1: ") and pruned[1].startswith("- budget ticket: ")
    names = [b["name"] for b in weir.admin("GET", "/budgets").json()["budgets"]]
    assert names == ["team"], "the configuration's own stays"
    assert ask(weir, ("x-weir-agent", "crawler")) == 200


def test_keys_are_bound_and_never_minted(weir):
    state = {"keys": {"bot": {"team": "default", "environment": "production", "application": "desk"}}}
    missing = apply(weir, state, check=False)
    assert missing.returncode == 1
    command = missing.stderr.splitlines()[-1].split()
    assert command[:4] == ["weir", "keys", "create", "bot"]
    made = json.loads(weir.cli(*command[1:], "--data", weir.data, "--json").stdout)
    secret = made["secret"]
    weir.secrets.append(secret.split("_", 2)[2])
    assert apply(weir, state).stdout == "nothing to change\n"
    state["keys"]["bot"] = {"team": "default", "environment": "staging", "user": "ada"}
    assert apply(weir, state).stdout == (
        "~ key bot of default: application desk → –, environment production → staging, user – → ada\n"
        "1 change\n")
    me = weir.get("/weir/me", key=secret).json()["attribution"]
    assert me["environment"]["value"] == "staging" and me["user"]["value"] == "ada"
    assert "application" not in me
    row = weir.admin("GET", "/audit?limit=1").json()["audit"][0]
    assert row["action"] == "key.bind" and row["after"]["environment"] == "staging"


@pytest.mark.parametrize("content, why", [
    ("budgets:\n  a: { usd: 1, windwo: day }\n", "state.yaml:2: unknown key 'windwo' (did you mean 'window'?)"),
    ("bugdets: {}\n", "state.yaml:1: unknown key 'bugdets' (did you mean 'budgets'?)"),
    ("budgets: { team: { by: team, usd: 1 } }\n", "budget team is set in the configuration file"),
    ("keys: { bot: { team: default, environment: moon } }\n", "weir keys create bot"),
    ("a: [\n", "state.yaml:"),
])
def test_what_is_wrong_is_said_and_nothing_is_done(weir, content, why):
    before = weir.admin("GET", "/audit?limit=1").json()
    done = apply(weir, content, check=False)
    assert done.returncode == 1 and why in done.stderr, done.stderr
    assert weir.admin("GET", "/audit?limit=1").json() == before


def test_json_for_programs(weir):
    plan = json.loads(apply(weir, STATE, "--dry-run", "--json").stdout)
    assert plan["made"] is False and [c["subject"] for c in plan["changes"]] == \
        ["team support", "budget ticket", "stop"]
    assert plan["changes"][1]["before"] is None and plan["changes"][1]["after"]["amount"] == "1"
    assert json.loads(apply(weir, STATE, "--json").stdout)["made"] is True
    assert json.loads(apply(weir, STATE, "--json").stdout)["changes"] == []
