"""The process around the road: a second one, taken ports, damaged and full disks, signals, reloads, prices
that change under a call. Clear errors, and nothing lost."""

import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

import canned
import wire
from ledger import OPENAI, check_attempt
from prices import usd
from upstream import Reply
from weir import PROGRAM, PROMPT, PROVIDER_KEY, StartFailed, Weir, config_for

CHAT = {"model": "gpt-4o-mini", "max_tokens": 100, "messages": [{"role": "user", "content": PROMPT}]}
PATH = "/v1/chat/completions"


def fails_to_start(weir, *told):
    """It ends at once, with code 1 and an error that says all of `told`."""
    with pytest.raises(StartFailed):
        weir.start()
    assert weir.process.wait(10) == 1
    text = weir.stderr()
    for part in told:
        assert part in text, text
    return text


def test_a_second_process_on_the_same_directory(start_weir, upstream, tmp_path):
    first = start_weir(config_for(upstream.url))
    assert first.post(PATH, CHAT).status == 200
    second = Weir(tmp_path / "second", config_for(upstream.url, data=str(first.data)))
    text = fails_to_start(second, str(first.data))
    assert "another" in text.lower() or "held" in text.lower() or "in use" in text.lower()
    assert first.post(PATH, CHAT).status == 200
    assert len(first.calls()) == 2
    # And the command line still finds the first.
    assert len(json.loads(first.cli("calls", "--json", "--data", first.data).stdout)["calls"]) == 2


@pytest.mark.parametrize("which", ["listen", "admin"])
def test_a_taken_port(upstream, tmp_path, which):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        weir = Weir(tmp_path / "weir", config_for(upstream.url, **{which: f"127.0.0.1:{port}"}))
        fails_to_start(weir, str(port))


def test_a_directory_that_is_none(upstream, tmp_path):
    (tmp_path / "file").write_text("not a directory")
    weir = Weir(tmp_path / "weir", config_for(upstream.url, data=str(tmp_path / "file")))
    fails_to_start(weir, str(tmp_path / "file"))


def test_a_damaged_database(start_weir, upstream):
    weir = start_weir(config_for(upstream.url))
    call_id = weir.post(PATH, CHAT).call_id
    weir.stop()
    database = weir.data / "weir.db"
    kept = database.read_bytes()
    database.write_bytes(b"this is no database at all, " * 2000)
    fails_to_start(weir, "weir.db")
    # The journal was not touched: with the database back, everything is there.
    database.write_bytes(kept)
    weir.start()
    assert weir.call(call_id)["state"] == "settled"
    assert json.loads(weir.cli("ledger", "verify", "--json", "--data", weir.data).stdout)["sound"]


def test_a_lost_database_is_built_again_from_the_journal(start_weir, upstream):
    weir = start_weir(config_for(upstream.url))
    for _ in range(5):
        weir.post(PATH, CHAT)
    before = weir.export()
    assert len(before) == 5
    weir.stop()
    for file in weir.data.glob("weir.db*"):
        file.unlink()
    weir.key = None  # keys lived in it: new ones are minted
    weir.start()
    assert weir.export() == before
    figures, = weir.budget("team")["instances"]
    assert usd(figures["used"]) == sum(usd(e["charge_usd"]) for e in before)


def test_a_damaged_journal_is_loud(start_weir, upstream):
    weir = start_weir(config_for(upstream.url))
    for _ in range(20):
        weir.post(PATH, CHAT)
    weir.stop()
    segment = max((weir.data / "journal").glob("*.wj"), key=lambda p: p.stat().st_size)
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 0x40
    segment.write_bytes(data)
    done = weir.cli("ledger", "verify", "--data", weir.data, check=False)
    assert done.returncode == 1 and "DAMAGED" in done.stdout and segment.name in done.stdout
    report = json.loads(weir.cli("ledger", "verify", "--json", "--data", weir.data, check=False).stdout)
    assert report["sound"] is False and report["damages"] > 0


def test_a_newest_segment_that_was_taken_away_is_missed(start_weir, upstream):
    weir = start_weir(config_for(upstream.url))
    weir.post(PATH, CHAT)
    weir.stop()
    report = json.loads(weir.cli("ledger", "verify", "--json", "--data", weir.data).stdout)
    assert report["sound"] and report["chain_heads_compared"] == report["segments"]
    segment = max((weir.data / "journal").glob("*.wj"), key=lambda p: p.stat().st_size)
    kept = segment.read_bytes()
    segment.unlink()
    done = weir.cli("ledger", "verify", "--data", weir.data, check=False)
    assert done.returncode == 1 and segment.name in done.stdout and "missing" in done.stdout
    segment.write_bytes(kept)
    assert "sound" in weir.cli("ledger", "verify", "--data", weir.data).stdout


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, made of memory: small_disk(megabytes) is its path."""
    mounted = []

    def make(megabytes, *options):
        path = tmp_path / f"disk{len(mounted)}"
        path.mkdir()
        what = ",".join([f"size={megabytes}m", *options])
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", what, "tmpfs", path], capture_output=True)
        if done.returncode != 0:
            pytest.skip("mounting a small file system is not allowed here")
        mounted.append(path)
        return path

    yield make
    for path in mounted:
        subprocess.run(["umount", "-l", path], check=True)


def test_a_disk_too_small_to_start_on(upstream, tmp_path, small_disk):
    disk = small_disk(20)
    weir = Weir(tmp_path / "weir", config_for(upstream.url, data=str(disk / "data")))
    fails_to_start(weir, "space")


def test_a_read_only_directory(upstream, tmp_path, small_disk):
    disk = small_disk(200)
    (disk / "data").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    weir = Weir(tmp_path / "weir", config_for(upstream.url, data=str(disk / "data")))
    fails_to_start(weir, str(disk / "data"))


def test_a_disk_that_fills_up_and_empties_again(upstream, tmp_path, small_disk):
    disk = small_disk(160)
    weir = Weir(tmp_path / "weir", config_for(upstream.url, data=str(disk / "data"), workers=1))
    weir.data = disk / "data"
    weir.start()
    try:
        answers = [weir.post(PATH, CHAT)]
        filler = disk / "filler"
        with open(filler, "wb") as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                pass
        # The journal lies ready on the disk: calls go on, or are refused in so many words.
        for _ in range(200):
            answers.append(weir.post(PATH, CHAT))
            if answers[-1].status != 200:
                assert answers[-1].status == 503
                assert answers[-1].json()["error"]["weir"]["code"] == "ledger_unavailable"
        assert answers[1].status in (200, 503)
        filler.unlink()
        deadline = time.monotonic() + 20
        while (after := weir.post(PATH, CHAT)).status != 200:
            assert time.monotonic() < deadline, after.body
            time.sleep(0.1)
        answers.append(after)
        good = {a.call_id for a in answers if a.status == 200}
        for call_id in (answers[0].call_id, after.call_id):
            assert weir.call(call_id)["state"] == "settled"
        weir.stop()
        assert {e["call"] for e in weir.export() if e["state"] == "settled"} == good
        assert json.loads(weir.cli("ledger", "verify", "--json", "--data", weir.data).stdout)["sound"]
    finally:
        if weir.running():
            weir.kill()


# ---- signals ----

def streaming(upstream, go_on):
    """A chat stream that stops after its third event until let go."""
    whole = canned.chat({**CHAT, "stream": True, "stream_options": {"include_usage": True}})
    events = whole.body.split(b"\n\n")
    parts = [b"\n\n".join(events[:3]) + b"\n\n", b"\n\n".join(events[3:])]
    first_write = len(b"%x\r\n%b\r\n" % (len(parts[0]), parts[0]))
    upstream.then(Reply(200, whole.headers, whole.body, framing="chunked", chunks=parts,
                        cuts=[first_write], between=go_on))
    return whole.body


def open_stream(weir):
    client = wire.Client(weir.address)
    client.request("POST", PATH, [("Authorization", f"Bearer {weir.key}")], json.dumps(
        {**CHAT, "stream": True, "stream_options": {"include_usage": True}}).encode())
    client.reader.more()  # the head, and perhaps the first events
    return client


def test_sigterm_lets_running_calls_end(start_weir, upstream):
    weir = start_weir(config_for(upstream.url, drain=20))
    go_on = threading.Event()
    body = streaming(upstream, go_on)
    client = open_stream(weir)
    idle = wire.Client(weir.address)
    weir.signal(signal.SIGTERM)
    weir.wait_for_log("draining")
    assert idle.is_closed(), "an idle connection is closed at once"
    with pytest.raises((OSError, wire.Torn)):
        weir.post(PATH, CHAT, timeout=3)
    time.sleep(0.2)
    assert weir.running(), "it waits for the call"
    go_on.set()
    answer = client.answer()
    assert answer.whole and answer.body == body
    assert weir.process.wait(10) == 0
    entry, = weir.export()
    assert entry["state"] == "settled" and entry["completeness"] == "exact"


def test_a_drain_has_an_end(start_weir, upstream):
    weir = start_weir(config_for(upstream.url, drain=1))
    go_on = threading.Event()
    streaming(upstream, go_on)
    client = open_stream(weir)
    started = time.monotonic()
    assert weir.stop(within=10) == 0
    assert 0.9 <= time.monotonic() - started < 5
    go_on.set()
    client.close()
    entry, = weir.export()
    assert entry["state"] == "unknown" and usd(entry["charge_usd"]) == usd(entry["bound_usd"]) > 0
    report = json.loads(weir.cli("ledger", "verify", "--json", "--data", weir.data).stdout)
    assert report["sound"] and report["open"] == 0


def test_sighup_reads_the_configuration_again(start_weir, upstream):
    budgets = {"all": {"usd": "0.00005", "window": "day"}}
    weir = start_weir(config_for(upstream.url, budgets=budgets))
    assert weir.post(PATH, CHAT).json()["error"]["weir"]["code"] == "call_exceeds_budget"
    go_on = threading.Event()
    budgets["all"]["usd"] = "1"
    weir.configure(config_for(upstream.url, budgets=budgets))
    weir.signal(signal.SIGHUP)
    weir.wait_for_log("is in force")
    streaming(upstream, go_on)
    client = open_stream(weir)

    # A broken file changes nothing, and says where it is broken; running calls do not notice either.
    good = weir.file.read_text()
    weir.file.write_text(good.replace('"budgets"', '"bugdets"'))
    weir.signal(signal.SIGHUP)
    weir.wait_for_log("the old configuration stays")
    assert "bugdets" in weir.stderr() and "budgets" in weir.stderr()
    assert weir.post(PATH, CHAT).status == 200
    go_on.set()
    assert client.answer().whole
    assert usd(weir.budget("all")["instances"][0]["amount"]) == 1


def test_a_restart_forgets_nothing(start_weir, upstream):
    weir = start_weir(config_for(upstream.url))
    record, key = weir.make_key()
    ids = [weir.post(PATH, CHAT, key=key).call_id for _ in range(5)]
    used = usd(weir.budget("team")["instances"][0]["used"])
    assert weir.stop() == 0
    weir.start()
    assert weir.epoch == 2
    assert usd(weir.budget("team")["instances"][0]["used"]) == used > 0
    for call_id in ids:
        assert weir.call(call_id, key=key)["state"] == "settled"
    assert weir.post(PATH, CHAT, key=key).status == 200
    weir.admin("POST", f"/keys/{record['id']}/revoke", {}, expect=[200])
    weir.kill()
    weir.start()
    assert weir.post(PATH, CHAT, key=key).status == 401


def test_a_killed_process_leaves_no_room_taken(start_weir, upstream):
    """Its segments were preallocated; the next start gives back what was never written."""
    weir = start_weir(config_for(upstream.url))
    weir.post(PATH, CHAT)
    weir.kill()
    journal = weir.data / "journal"
    assert sum(p.stat().st_size for p in journal.iterdir()) > 10_000_000
    weir.start()
    assert sum(p.stat().st_size for p in journal.glob("1.*")) < 100_000
    assert json.loads(weir.cli("ledger", "verify", "--json", "--data", weir.data).stdout)["sound"]
    assert len(weir.export()) == 1


def test_a_killed_call_is_an_orphan_that_can_be_corrected(start_weir, upstream):
    weir = start_weir(config_for(upstream.url))
    go_on = threading.Event()
    streaming(upstream, go_on)
    client = open_stream(weir)
    weir.kill()
    client.close()
    go_on.set()
    weir.start()
    assert "recovered  1 calls" in weir.out.read_text()
    orphans = json.loads(weir.cli("ledger", "orphans", "--json", "--data", weir.data).stdout)
    orphan, = orphans["orphans"]
    assert orphan["state"] == "orphaned"
    bound = usd(orphan["charge_usd"])
    assert usd(orphans["unproven_usd"]) == bound > 0
    assert usd(weir.budget("team")["instances"][0]["used"]) == bound
    weir.cli("ledger", "correct", orphan["id"], "--billed", "0.000043", "--reason", "invoice",
             "--data", weir.data)
    assert usd(weir.call(orphan["call"])["charge_usd"]) == usd("0.000043")
    assert usd(weir.budget("team")["instances"][0]["used"]) == usd("0.000043")
    # Said again it is a conflict, not a second correction.
    again = weir.cli("ledger", "correct", orphan["id"], "--billed", "0.000043", "--reason", "invoice",
                     "--data", weir.data, check=False)
    assert again.returncode == 1
    weir.stop()
    weir.start()
    assert usd(weir.budget("team")["instances"][0]["used"]) == usd("0.000043")


# ---- prices ----

def overlay(weir, input_price):
    file = weir.directory / "overlay.yaml"
    file.write_text(json.dumps({"prices": [{"provider": "openai", "model": "gpt-4o-mini",
                                            "input": input_price, "cache_read": input_price,
                                            "output": input_price, "context_window": 128000}]}))
    return str(file)


def test_a_price_that_changes_under_a_call_prices_only_later_ones(start_weir, upstream):
    weir = start_weir(config_for(upstream.url))
    go_on = threading.Event()
    streaming(upstream, go_on)
    client = open_stream(weir)
    weir.configure(config_for(upstream.url, prices={"overlay": overlay(weir, "1000")}))
    weir.signal(signal.SIGHUP)
    weir.wait_for_log("is in force")
    later = weir.post(PATH, CHAT)
    go_on.set()
    first = client.answer()
    assert first.whole and later.status == 200

    check_attempt(weir.call(first.call_id)["attempts"][0], OPENAI, "gpt-4o-mini", canned.CHAT_TOKENS)
    attempt = weir.call(later.call_id)["attempts"][0]
    tokens = sum(canned.CHAT_TOKENS.values())
    assert usd(attempt["cost_usd"]) == usd("0.001") * tokens
    assert attempt["price"]["book"] != weir.call(first.call_id)["attempts"][0]["price"]["book"]


def test_an_imported_catalogue_prices_from_now_on(start_weir, upstream, tmp_path):
    weir = start_weir(config_for(upstream.url))
    before = weir.post(PATH, CHAT)
    catalogue = tmp_path / "litellm.json"
    catalogue.write_text(json.dumps({"gpt-4o-mini": {
        "litellm_provider": "openai", "mode": "chat", "max_input_tokens": 128000,
        "max_output_tokens": 16384, "input_cost_per_token": 1e-06,
        "cache_read_input_token_cost": 5e-07, "output_cost_per_token": 2e-06}}))
    diff = weir.cli("prices", "diff", catalogue, "--data", weir.data)
    assert "gpt-4o-mini" in diff.stdout
    weir.cli("prices", "import", catalogue, "--name", "litellm", "--data", weir.data)
    after = weir.post(PATH, CHAT)
    assert usd(weir.call(after.call_id)["cost_usd"]) == usd("0.000073") + usd("0.000032") + usd("0.000092")
    check_attempt(weir.call(before.call_id)["attempts"][0], OPENAI, "gpt-4o-mini", canned.CHAT_TOKENS)
    weir.stop()
    weir.start()
    again = weir.post(PATH, CHAT)
    assert weir.call(again.call_id)["cost_usd"] == weir.call(after.call_id)["cost_usd"]


# ---- without a configuration ----

def test_keys_in_the_environment_are_configuration_enough(tmp_path):
    env = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}

    def check(**more):
        return subprocess.run([PROGRAM, "check"], cwd=tmp_path, env={**env, **more}, timeout=20,
                              capture_output=True, text=True)
    done = check(OPENAI_API_KEY=PROVIDER_KEY)
    assert done.returncode == 0 and "openai" in done.stdout
    assert PROVIDER_KEY not in done.stdout + done.stderr
    done = check()
    assert done.returncode == 1 and "OPENAI_API_KEY" in done.stdout + done.stderr


@pytest.mark.parametrize("change, told", [
    (lambda c: c.update(lisen="127.0.0.1:1"), "listen"),
    (lambda c: c["providers"]["openai"].update(ky="x"), "key"),
    (lambda c: c["providers"]["openai"].update(key="sk-in-the-file"), "env:"),
    (lambda c: c["providers"]["openai"].update(url="not a url"), "URL"),
    (lambda c: c["budgets"]["team"].update(usd="-5"), "usd"),
    (lambda c: c["budgets"]["team"].update(window="fortnight"), "window"),
    (lambda c: c.update(listen="0.0.0.0:0"), "insecure"),
    (lambda c: c["providers"]["openai"].update(key="env:E2E_NOT_SET"), "E2E_NOT_SET")],
    ids=["unknown key", "unknown key inside", "secret in the file", "url", "negative", "window",
         "beyond loopback", "unset variable"])
def test_a_wrong_configuration_is_told_with_its_line(upstream, tmp_path, change, told):
    config = config_for(upstream.url)
    change(config)
    weir = Weir(tmp_path / "weir", config)
    text = fails_to_start(weir, told)
    assert "sk-in-the-file" not in text
