"""The command line as people use it: pasted blocks, keys that turn, imports, proofs, a ledger that is checked."""

import csv
import io
import json
import os
import re
import subprocess
import time
from decimal import Decimal

import pytest

from weir import PROGRAM, PROMPT, config_for, secret_part

CHAT = "/v1/chat/completions"
MODEL = "gpt-4o-mini"


def chat(weir, key=None, **more):
    body = {"model": MODEL, "max_tokens": 50, "messages": [{"role": "user", "content": PROMPT}]}
    return weir.post(CHAT, json.dumps({**body, **more}).encode(), key=key,
                     headers=[("x-weir-application", "desk")])


@pytest.fixture
def cli(weir):
    return lambda *arguments, **options: weir.cli(*arguments, "--data", weir.data, **options)


def in_json(done):
    return json.loads(done.stdout)


def new_key(weir, cli, name, *options):
    made = in_json(cli("keys", "create", name, "--team", "default", "-e", "development", "--json", *options))
    weir.secrets.append(secret_part(made["secret"]))
    return made["key"]["id"], made["secret"]


def test_new_key_ends_in_blocks_that_work_when_pasted(weir, cli):
    text = cli("keys", "create", "pasted", "--team", "default").stdout
    secret = re.search(r"^  (weir_\S+)$", text, re.M)[1]
    weir.secrets.append(secret_part(secret))
    exports = dict(re.findall(r"export (\w+)=(\S+)", text))
    assert exports["OPENAI_BASE_URL"] == weir.url + "/v1"
    assert exports["ANTHROPIC_BASE_URL"] == weir.url
    assert exports["OPENAI_API_KEY"] == exports["ANTHROPIC_AUTH_TOKEN"] == secret
    me = weir.get("/weir/me", key=secret)
    assert me.status == 200 and me.json()["key"]["name"] == "pasted"


def test_a_key_is_rotated_expired_and_revoked_by_its_name(weir, cli):
    _, first = new_key(weir, cli, "turning")
    rotated = in_json(cli("keys", "rotate", "turning", "--overlap", "1h", "--json"))["secret"]
    weir.secrets.append(secret_part(rotated))
    assert [weir.get("/weir/me", key=k).status for k in (first, rotated)] == [200, 200]
    cli("keys", "expire", "turning")
    assert weir.get("/weir/me", key=rotated).status == 401
    cli("keys", "expire", "turning", "--at", "1h")
    assert weir.get("/weir/me", key=rotated).status == 200
    assert "revoked" in cli("keys", "revoke", "turning").stdout
    assert weir.get("/weir/me", key=rotated).status == 401
    assert "turning" not in cli("keys", "list").stdout
    assert "turning" in cli("keys", "list", "--all").stdout
    again = cli("keys", "rotate", "turning", check=False)
    assert again.returncode == 1 and "is revoked" in again.stderr and not again.stdout


def test_two_keys_of_one_name_are_told_apart_by_id(weir, cli):
    ids = [new_key(weir, cli, "twin")[0] for _ in range(2)]
    wrong = cli("keys", "show", "twin", check=False)
    assert wrong.returncode == 1 and all(i in wrong.stderr for i in ids)
    assert ids[0] in cli("keys", "show", ids[0]).stdout


def test_teams_are_made_changed_and_removed(cli):
    cli("teams", "create", "ops", "--set", "department=it", "--set", "owner=ada")
    cli("teams", "update", "ops", "--set", "owner=bob", "--unset", "department")
    assert in_json(cli("teams", "list", "--json"))["teams"][-1] == {
        "name": "ops", "attributes": {"owner": "bob"}}
    cli("teams", "remove", "ops")
    gone = cli("teams", "remove", "ops", check=False)
    assert gone.returncode == 1 and "no team ops" in gone.stderr


def test_calls_are_listed_shown_and_explained(weir, cli):
    answer = chat(weir)
    assert answer.status == 200
    call_id = answer.header("x-weir-call-id")
    weir.call(call_id)
    line = next(c for c in in_json(cli("calls", "--json"))["calls"] if c["call"] == call_id)
    assert line["application"] == "desk" and line["state"] == "settled"
    assert call_id in cli("calls", "list", "--application", "desk", "--since", "1h").stdout
    assert call_id not in cli("calls", "list", "--application", "none", "--since", "1h").stdout
    shown = in_json(cli("calls", "show", call_id))
    assert shown == in_json(cli("why", call_id, "--json"))
    story = cli("why", call_id).stdout
    assert f"cost ${shown['cost_usd']}" in story
    assert "application  desk" in story and "said in a header" in story
    assert re.search(r"used \$\S+ \+ held by others \$\S+ \+ asked \$\S+ = \$\S+, within \$10000.00", story)
    assert PROMPT not in story


def test_a_refusal_can_be_reckoned_by_hand(start_weir, upstream):
    weir = start_weir(config_for(upstream.url, budgets={
        "tiny": {"by": "team", "usd": "0.0001", "window": "day"}}))
    answer = chat(weir, max_tokens=16000)
    assert answer.status == 400
    call_id = answer.header("x-weir-call-id")
    call = in_json(weir.cli("calls", "show", call_id, "--data", weir.data))
    part = call["attempts"][0]["budgets"][0]
    used, held, asked, amount = (Decimal(part[n]) for n in ("used", "held", "asked", "amount"))
    assert part["refused"] and used + held + asked > amount
    story = weir.cli("why", call_id, "--data", weir.data).stdout
    assert f"= ${used + held + asked}, more than $0.0001: this budget refused it" in story
    budgets = weir.cli("budgets", "--data", weir.data).stdout
    assert budgets.startswith("tiny: $0.0001 a day for each team")


def test_follow_prints_calls_as_they_end(weir, cli):
    process = subprocess.Popen(
        [PROGRAM, "calls", "--follow", "--count", "2", "--json", "--data", str(weir.data)],
        stdout=subprocess.PIPE, env=weir.env, text=True)
    try:
        seen = []
        deadline = time.monotonic() + 20
        # It has no word for "I am listening": call until it has seen two.
        while process.poll() is None and time.monotonic() < deadline:
            seen.append(chat(weir).header("x-weir-call-id"))
        printed = [json.loads(line)["call"] for line in process.communicate(timeout=10)[0].splitlines()]
        assert len(printed) == 2 and set(printed) <= set(seen)
    finally:
        process.kill()
        process.wait()


def test_prices_are_shown_compared_and_imported(start_weir, upstream, tmp_path):
    weir = start_weir(config_for(upstream.url))
    cli = lambda *arguments, **options: weir.cli(*arguments, "--data", weir.data, **options)  # noqa: E731
    assert "$0.15" in cli("prices", "show", MODEL, "-p", "openai").stdout
    catalogue = tmp_path / "litellm.json"
    catalogue.write_text(json.dumps({
        MODEL: {"litellm_provider": "openai", "mode": "chat",
                "input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-06}}))
    diff = cli("prices", "diff", catalogue).stdout
    assert "! threefold or more" in diff and "nothing was changed" in diff
    assert "$0.60" in cli("prices", "show", MODEL, "-p", "openai").stdout
    assert "imported as 'litellm'" in cli("prices", "import", catalogue).stdout
    shown = in_json(cli("prices", "show", MODEL, "-p", "openai", "--json"))["rows"][0]
    assert shown["origin"] == "imported"
    assert shown["tiers"][0]["bands"][0]["usd_per_million"]["output"] == "6"
    assert in_json(cli("audit", "-n", "1", "--json"))["audit"][0]["action"] == "prices.import"
    # Calls are priced by it at once, and after a restart.
    for _ in range(2):
        call = weir.call(chat(weir).header("x-weir-call-id"))
        charges = {c["class"]: c["usd_per_million"] for c in call["attempts"][0]["charges"]}
        assert charges["output"] == "6"
        weir.stop()
        weir.start()
    wrong = cli("prices", "import", weir.file, check=False)
    assert wrong.returncode == 1 and wrong.stderr.startswith("weir: ")


def test_the_ledger_is_verified_and_exported_beside_a_running_weir_and_without_one(start_weir, upstream, tmp_path):
    weir = start_weir(config_for(upstream.url))
    ids = {chat(weir).header("x-weir-call-id") for _ in range(3)}
    calls = {i: weir.call(i) for i in ids}
    for running in (True, False):
        if not running:
            assert weir.stop() == 0
        report = in_json(weir.cli("ledger", "verify", "--data", weir.data, "--json"))
        assert report["sound"] and report["admitted"] == report["ended"] == 3 and report["open"] == 0
        assert Decimal(report["cost_usd"]) == sum(Decimal(c["cost_usd"]) for c in calls.values())
        rows = weir.export()
        assert {r["call"]: r["cost_usd"] for r in rows} == {i: c["cost_usd"] for i, c in calls.items()}
        file = tmp_path / "out.csv"
        done = weir.cli("ledger", "export", "--format", "csv", "-o", file, "--data", weir.data)
        assert done.stdout == ""
        table = list(csv.DictReader(io.StringIO(file.read_text())))
        assert {r["call"]: r["cost_usd"] for r in table} == {i: c["cost_usd"] for i, c in calls.items()}
        assert weir.cli("ledger", "export", "--until", "1h", "--data", weir.data).stdout == ""
    # A byte that changed on the disk is found.
    segment = max((weir.data / "journal").glob("*.wj"), key=lambda p: p.stat().st_size)
    with open(segment, "r+b") as file:
        file.seek(segment.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 0x55]))
    damaged = weir.cli("ledger", "verify", "--data", weir.data, check=False)
    assert damaged.returncode == 1 and "DAMAGED" in damaged.stdout


def test_a_correction_stands_in_the_books_and_in_the_budget(weir, cli):
    call_id = chat(weir).header("x-weir-call-id")
    before = weir.call(call_id)
    used = Decimal(in_json(cli("budgets", "show", "team", "--json"))["instances"][0]["used"])
    billed = Decimal(before["charge_usd"]) + Decimal("0.25")
    correct = ("ledger", "correct", f"{call_id}.1", "--billed", str(billed), "--reason", "invoice 7")
    assert "charge $0.25" in cli(*correct).stdout
    assert Decimal(weir.call(call_id)["charge_usd"]) == billed
    after = Decimal(in_json(cli("budgets", "show", "team", "--json"))["instances"][0]["used"])
    assert after - used == Decimal("0.25")
    again = cli(*correct, check=False)
    assert again.returncode == 1 and "already" in again.stderr
    assert "invoice 7" in cli("why", call_id).stdout
    assert "ledger.correct" in cli("audit").stdout


def test_what_is_wrong_is_said_with_what_to_do(weir, cli, tmp_path):
    misuse = cli("kyes", "list", check=False)
    assert misuse.returncode == 2 and "did you mean 'keys'?" in misuse.stderr
    nowhere = weir.cli("keys", "list", "--admin", "http://127.0.0.1:1", "--data", weir.data, check=False)
    assert nowhere.returncode == 1 and "start it with `weir serve`" in nowhere.stderr
    keyless = weir.cli("keys", "list", "--data", tmp_path, check=False)
    assert keyless.returncode == 1 and "WEIR_ADMIN_KEY" in keyless.stderr
    data_listener = weir.cli("keys", "list", "--admin", weir.url, "--data", weir.data, check=False)
    assert data_listener.returncode == 1 and "--admin" in data_listener.stderr
    environment = {**weir.env, "WEIR_ADMIN_KEY": "weir_of_another"}
    stranger = subprocess.run([PROGRAM, "keys", "list", "--data", str(weir.data)], env=environment,
                              capture_output=True, text=True, timeout=20)
    assert stranger.returncode == 1 and "taken from WEIR_ADMIN_KEY" in stranger.stderr
    team = cli("keys", "create", "x", "--team", "nobody", check=False)
    assert team.returncode == 1 and "no team nobody" in team.stderr
    environment = {**weir.env, "WEIR_ADMIN_KEY": weir.admin_key,
                   "WEIR_ADMIN_URL": "http://%s:%d" % weir.admin_address}
    done = subprocess.run([PROGRAM, "keys", "list"], env=environment, cwd=tmp_path,
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
