"""Every command of the command line: what it prints, as text and as JSON, and what it says to wrong
usage."""

import json
import os
import re
import subprocess
import threading

import pytest

import wire
from prices import usd
from weir import PROGRAM, PROMPT, Weir, config_for, secret_part

CHAT = {"model": "gpt-4o-mini", "max_tokens": 100, "messages": [{"role": "user", "content": PROMPT}]}
PATH = "/v1/chat/completions"


@pytest.fixture(scope="module")
def weir(provider, tmp_path_factory):
    config = config_for(provider.url, budgets={
        "team": {"by": "team", "usd": 100, "window": "month"},
        "tiny": {"where": {"application": "tiny"}, "usd": "0.0000001", "window": "day"}})
    program = Weir(tmp_path_factory.mktemp("weir"), config)
    try:
        yield program.start()
    finally:
        program.close()


@pytest.fixture(scope="module")
def call_id(weir):
    return weir.post(PATH, CHAT, [("x-weir-goal", "ticket-4711"), ("x-weir-tags", "a=b")]).call_id


def run(weir, *arguments, **options):
    return weir.cli(*arguments, "--data", weir.data, **options)


def rows(weir, *arguments):
    return json.loads(run(weir, *arguments, "--json").stdout)


def test_help_names_every_command_and_teaches():
    done = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    for command in ("serve", "check", "keys", "teams", "calls", "why", "prices", "ledger", "budgets",
                    "stop", "resume"):
        assert re.search(rf"^  {command}\b", done.stdout, re.M), command
        inner = subprocess.run([PROGRAM, command, "--help"], capture_output=True, text=True)
        assert inner.returncode == 0 and "Usage: weir " + command in inner.stdout
    assert subprocess.run([PROGRAM, "--version"], capture_output=True, text=True).stdout.startswith("weir ")


@pytest.mark.parametrize("arguments", [
    [], ["kyes"], ["keys", "creat", "x"], ["keys", "create"], ["why"], ["ledger"], ["calls", "--limit", "x"],
    ["serve", "--log-level", "loud"], ["keys", "create", "x", "--no-such-option"]])
def test_wrong_usage_is_code_2(weir, arguments):
    done = weir.cli(*arguments, check=False)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stderr.strip() and not done.stdout.strip()


def test_no_weir_to_ask_is_told(tmp_path):
    done = subprocess.run([PROGRAM, "keys", "list", "--data", tmp_path], capture_output=True, text=True)
    assert done.returncode == 1 and str(tmp_path) in done.stderr
    done = subprocess.run([PROGRAM, "keys", "list", "--admin", "http://127.0.0.1:9", "--data", tmp_path],
                          capture_output=True, text=True, env={**os.environ, "WEIR_ADMIN_KEY": "weir_x"})
    assert done.returncode == 1 and "127.0.0.1:9" in done.stderr
    done = subprocess.run([PROGRAM, "ledger", "verify", "--data", tmp_path / "none"],
                          capture_output=True, text=True)
    assert done.returncode == 1 and "--data" in done.stderr


def test_check_says_what_the_configuration_means(weir):
    text = weir.cli("check", "-c", weir.file).stdout
    for part in ("openai", "anthropic", "team", "tiny"):
        assert part in text
    assert "MARKER" not in text
    reference = weir.cli("check", "--reference").stdout
    assert "block_at" in reference


def test_keys(weir):
    made = run(weir, "keys", "create", "support bot", "--team", "default", "-e", "development",
               "--models", "gpt-4o*").stdout
    secret = re.search(r"weir_\w+_\w+", made)[0]
    weir.secrets.append(secret_part(secret))
    assert "OPENAI_BASE_URL" in made and "ANTHROPIC_BASE_URL" in made, "no paste-ready block"
    assert f"{weir.address[1]}" in made, "the block does not lead to this gateway"
    assert weir.post(PATH, CHAT, key=secret).status == 200
    listed = run(weir, "keys", "list").stdout
    assert "support bot" in listed and secret_part(secret) not in listed
    key, = [k for k in rows(weir, "keys", "list")["keys"] if k["name"] == "support bot"]
    assert key["models"] == ["gpt-4o*"] and key["state"] == "active"
    assert key["id"] in run(weir, "keys", "show", "support bot").stdout

    rotated = rows(weir, "keys", "rotate", "support bot", "--overlap", "0s")
    weir.secrets.append(secret_part(rotated["secret"]))
    assert weir.post(PATH, CHAT, key=secret).status == 401
    assert weir.post(PATH, CHAT, key=rotated["secret"]).status == 200
    run(weir, "keys", "expire", "support bot", "--at", "2099-01-01")
    assert weir.post(PATH, CHAT, key=rotated["secret"]).status == 200
    run(weir, "keys", "expire", "support bot")
    assert weir.post(PATH, CHAT, key=rotated["secret"]).status == 401
    run(weir, "keys", "revoke", key["id"])
    assert rows(weir, "keys", "show", key["id"])["state"] == "revoked"
    for wrong in (["show", "nobody"], ["create", "x", "--team", "no-such-team"],
                  ["create", "x", "--team", "default", "-e", "moon"]):
        done = run(weir, "keys", *wrong, check=False)
        assert done.returncode == 1 and len(done.stderr) > 15, done


def test_teams(weir):
    run(weir, "teams", "create", "research", "--set", "department=engineering")
    assert "research" in run(weir, "teams", "list").stdout
    run(weir, "teams", "update", "research", "--set", "owner=ada", "--unset", "department")
    team, = [t for t in rows(weir, "teams", "list")["teams"] if t["name"] == "research"]
    assert team["attributes"] == {"owner": "ada"}
    assert run(weir, "teams", "create", "research", check=False).returncode == 1
    run(weir, "teams", "remove", "research")
    assert "research" not in run(weir, "teams", "list").stdout
    assert run(weir, "teams", "remove", "default", check=False).returncode == 1, "it has live keys"


def test_calls(weir, call_id):
    assert call_id in run(weir, "calls").stdout
    listed = rows(weir, "calls", "list", "--goal", "ticket-4711")["calls"]
    assert [c["call"] for c in listed] == [call_id]
    assert rows(weir, "calls", "--goal", "no-such-goal")["calls"] == []
    shown = json.loads(run(weir, "calls", "show", call_id).stdout)
    assert shown["id"] == call_id and shown["tags"] == [{"name": "a", "value": "b"}]
    assert usd(shown["cost_usd"]) == usd("0.00004335")
    done = run(weir, "calls", "show", "call_0000000000000000000z", check=False)
    assert done.returncode == 1 and done.stderr


def test_calls_are_followed_as_they_end(weir):
    process = subprocess.Popen([PROGRAM, "calls", "--follow", "--count", "3", "--json", "--data", weir.data],
                               stdout=subprocess.PIPE, text=True)
    done, made = threading.Event(), []

    def call():
        while not done.wait(0.05):
            made.append(weir.post(PATH, CHAT).call_id)
    caller = threading.Thread(target=call)
    caller.start()
    try:
        out = process.communicate(timeout=30)[0]
    finally:
        done.set()
        caller.join()
        process.kill()
    lines = [json.loads(line) for line in out.splitlines()]
    assert len(lines) == 3 and {line["call"] for line in lines} <= set(made)


def test_why(weir, call_id):
    text = run(weir, "why", call_id).stdout
    for part in ("gpt-4o-mini", "default", "ticket-4711", "team", "0.00004335"):
        assert part in text, (part, text)
    assert PROMPT not in text
    _, key = weir.make_key(application="tiny")
    refused = weir.post(PATH, CHAT, key=key)
    assert refused.status == 400
    text = run(weir, "why", refused.call_id).stdout
    assert "tiny" in text and "0.0000001" in text, "the figures of the refusal are missing"
    assert rows(weir, "why", refused.call_id)


def test_budgets(weir, call_id):
    text = run(weir, "budgets").stdout
    assert "team" in text and "tiny" in text
    budget = rows(weir, "budgets", "show", "team")
    instances = budget["instances"]
    assert usd(instances[0]["used"]) > 0
    done = run(weir, "budgets", "show", "no-such", check=False)
    assert done.returncode == 1 and "no-such" in done.stderr


def test_prices(weir):
    assert "gpt-4o-mini" in run(weir, "prices", "list").stdout or rows(weir, "prices", "list")
    text = run(weir, "prices", "show", "gpt-4o-mini", "--provider", "openai").stdout
    assert "0.15" in text and "0.6" in text
    assert rows(weir, "prices", "show", "gpt-4o-mini")
    assert run(weir, "prices", "show", "no-such-model", check=False).returncode == 1
    assert run(weir, "prices", "import", weir.file, check=False).returncode == 1


def test_ledger(weir, call_id):
    assert "sound" in run(weir, "ledger", "verify").stdout
    line, = [e for e in weir.export() if e["call"] == call_id]
    assert line["goal"] == "ticket-4711" and line["tags"] == {"a": "b"}
    assert usd(line["cost_usd"]) == usd("0.00004335")
    file = weir.directory / "export.csv"
    run(weir, "ledger", "export", "--format", "csv", "-o", file)
    text = file.read_text().splitlines()
    assert text[0].startswith("call,attempt,state") and any(call_id in row for row in text[1:])
    assert rows(weir, "ledger", "orphans")["orphans"] == []
    done = run(weir, "ledger", "correct", f"{call_id}.9", "--billed", "1", "--reason", "x", check=False)
    assert done.returncode == 1 and done.stderr


def test_audit(weir):
    weir.make_key(name="for the audit")
    assert "for the audit" in run(weir, "audit").stdout or rows(weir, "audit")
    assert not [s for s in weir.secrets if s in run(weir, "audit", "--json").stdout]


def test_the_operators_key_is_for_who_can_read_the_directory(weir):
    key = (weir.data / "operator.key").read_text().strip()
    assert (weir.data / "operator.key").stat().st_mode & 0o077 == 0
    assert weir.admin("GET", "/keys", key=key).status == 200
    assert wire.call(weir.address, "POST", PATH, [("Authorization", f"Bearer {key}")], b"{}").status == 401
