"""Which models, providers and endpoints calls may use, through the program (product.md 2, 3.16), and
rules that only watch for a while."""

import json

import pytest

import canned
from weir import PROMPT, config_for

USERS = [{"role": "user", "content": PROMPT}]
SMALL, LARGE = "gpt-4o-mini", "gpt-4o"


def ask(weir, model, path="/v1/chat/completions", key=None, headers=()):
    return weir.post(path, {"model": model, "max_tokens": 100, "messages": USERS}, headers, key=key)


@pytest.fixture
def weir(start_weir, upstream):
    upstream.answer = canned.provider
    return start_weir(config_for(upstream.url, access={
        "interns": {"where": {"group": "interns"}, "models": ["small", "*-mini"],
                    "endpoints": ["chat_completions", "models"]}},
        routes={"small": [f"openai/{SMALL}"], "sly": [f"openai/{LARGE}"]}))


def test_a_rule_by_an_attribute_of_the_team_holds_on_every_path(weir, upstream):
    weir.admin("POST", "/teams", {"name": "guests", "attributes": {"group": "interns"}}, expect=[201])
    _, key = weir.make_key(team="guests")
    assert ask(weir, SMALL, key=key).status == 200
    assert ask(weir, "small", key=key).status == 200
    sent = len(upstream.requests)
    for model in (LARGE, f"openai/{LARGE}", "sly", "no-such-model"):
        refused = ask(weir, model, key=key)
        assert refused.status == 403, model
        error = refused.json()["error"]
        assert error["code"] == "model_not_allowed" and "interns" in error["message"]
        assert refused.header("x-should-retry") == "false"
    assert ask(weir, "claude-haiku-4-5", "/v1/messages", key=key).status == 403
    assert len(upstream.requests) == sent
    assert ask(weir, LARGE).status == 200, "of another team"
    # The team's attribute decides, from the next call on.
    weir.admin("PATCH", "/teams/guests", {"attributes": {"group": "staff"}}, expect=[200])
    assert ask(weir, LARGE, key=key).status == 200


def test_check_tells_rules_and_what_is_wrong_with_them(start_weir, upstream, tmp_path):
    weir = start_weir(config_for(upstream.url, access={
        "interns": {"where": {"group": "interns"}, "models": ["small"], "mode": "observe"}}))
    said = weir.cli("check", "--config", weir.file).stdout
    assert "access     interns      models small for group=interns: observed only" in said
    for rule, why in (({"models": ["x"], "where": {"agent": "a"}}, "callers can set 'agent'"),
                      ({"models": ["x"], "where": {"taem": "a"}}, "did you mean 'team'"),
                      ({"where": {"team": "a"}}, "allows everything"),
                      ({"providers": ["opnai"]}, "did you mean 'openai'"),
                      ({"endpoints": ["chat"]}, "unknown endpoint 'chat'")):
        file = tmp_path / "wrong.yaml"
        file.write_text(json.dumps(config_for(upstream.url, access={"r": rule})))
        failed = weir.cli("check", "--config", file, check=False)
        assert failed.returncode != 0 and why in failed.stderr, failed


def test_observing_holds_nothing_back_and_tells_what_would(start_weir, upstream):
    weir = start_weir(config_for(upstream.url, budgets={
        "few": {"by": "key", "calls": 1, "window": "day"}},
        access={"chat-only": {"endpoints": ["chat_completions"]}}))
    data = ("--data", weir.data)
    _, key = weir.make_key()
    assert [ask(weir, SMALL, key=key).status for _ in range(2)] == [200, 402]
    assert "enforced" in weir.cli("enforcement", *data).stdout
    said = weir.cli("enforcement", "observe", "--for", "2h", "--reason", "incident 4711", *data).stdout
    assert said.startswith("observed until 20") and "incident 4711" in said
    watched = ask(weir, SMALL, key=key)
    assert watched.status == 200 and watched.header("x-weir-observed") == "few"
    claude = ask(weir, "claude-haiku-4-5", "/v1/messages", key=key)
    assert claude.status == 200 and claude.header("x-weir-observed") == "few, chat-only"
    attempt, = weir.call(claude.call_id)["attempts"]
    assert "access rule chat-only would have refused it, were it applied" in attempt["notes"]
    assert weir.stop() == 0
    weir.start()
    assert ask(weir, SMALL, key=key).status == 200, "it outlives a restart"
    assert "enforced" in weir.cli("enforcement", "enforce", *data).stdout
    assert ask(weir, SMALL, key=key).status == 402
    failed = weir.cli("enforcement", "observe", "--for", "soon", "--reason", "x", *data, check=False)
    assert failed.returncode == 1 and "not a time" in failed.stderr
    actions = [row["action"] for row in weir.admin("GET", "/audit?limit=2").json()["audit"]]
    assert actions == ["enforcement.enforce", "enforcement.observe"]
