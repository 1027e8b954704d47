"""Windows of a zone's calendar, through the program: when they end, and that a change of the zone
forgets nothing (product.md 2; ledger.md W3, W6)."""

import datetime
import json
import signal
import time

import pytest

from prices import usd
from weir import PROMPT, config_for

CHAT = {"model": "gpt-4o-mini", "max_tokens": 100, "messages": [{"role": "user", "content": PROMPT}]}


def ask(weir):
    return weir.post("/v1/chat/completions", CHAT)


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


@pytest.mark.parametrize("zone, midnight", [("Pacific/Kiritimati", "10:00:00Z"), ("UTC", "00:00:00Z"),
                                            ("Asia/Kolkata", "18:30:00Z")])
def test_a_day_ends_at_midnight_on_the_wall(start_weir, upstream, zone, midnight):
    weir = start_weir(config_for(upstream.url, timezone=zone, budgets={
        "today": {"calls": 1, "window": "day"}}))
    assert ask(weir).status == 200
    refused = ask(weir)
    assert refused.status == 402
    error = refused.json()["error"]["weir"]
    assert error["resets_at"].endswith("T" + midnight)
    assert error["resets_at"] in refused.json()["error"]["message"]
    left = instant(error["resets_at"]) - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta() < left <= datetime.timedelta(days=1)
    told = weir.budget("today")
    assert told["timezone"] == zone
    window = told["instances"][0]["window"]
    assert window["end"] == error["resets_at"] and window["start"].endswith("T" + midnight)
    assert f"timezone   {zone}\n" in weir.cli("check", "--config", weir.file).stdout
    assert json.loads(weir.cli("check", "--json", "--config", weir.file).stdout)["timezone"] == zone


def test_another_zone_moves_the_windows_and_forgets_nothing(start_weir, upstream):
    budgets = {"few": {"calls": 3, "usd": 100, "window": "month"}}
    weir = start_weir(config_for(upstream.url, budgets=budgets))
    data = ("--data", weir.data)
    weir.cli("budgets", "set", "own", "--calls", 4, "--window", "month", *data)
    weir.cli("budgets", "raise", "own", "+1", "--until", "2h", "--reason", "incident", *data)
    assert [ask(weir).status for _ in range(2)] == [200, 200]
    before = {name: weir.budget(name) for name in ("few", "few.calls", "own")}

    def check(zone, count):
        for name, old in before.items():
            now = weir.budget(name)
            assert now["timezone"] == zone and now["id"] != old["id"]
            new, was = now["instances"][0], old["instances"][0]
            assert new["window"] != was["window"], name
            assert new["held"] in ("0", "0.00"), name
            if name == "few":
                assert usd(new["used"]) == usd(was["used"]) / 2 * count > 0
            else:
                assert new["used"] == str(count), name
            before[name] = now
        assert weir.budget("own")["raises"][0]["reason"] == "incident", "a raise goes along"

    # While it is stopped ...
    assert weir.stop() == 0
    weir.configure(config_for(upstream.url, budgets=budgets, timezone="America/Santiago"))
    weir.start()
    check("America/Santiago", 2)
    assert ask(weir).status == 200
    assert ask(weir).status == 402
    # ... and while it runs.
    before["few"]["instances"][0]["used"] = str(usd(weir.budget("few")["instances"][0]["used"]) * 2 / 3)
    weir.configure(config_for(upstream.url, budgets=budgets, timezone="Asia/Kolkata"))
    weir.signal(signal.SIGHUP)
    deadline = time.monotonic() + 10
    while weir.budget("few")["timezone"] != "Asia/Kolkata":
        assert time.monotonic() < deadline, weir.stderr()
        time.sleep(0.01)
    check("Asia/Kolkata", 3)
    assert ask(weir).status == 402
    rows = [r for r in weir.admin("GET", "/audit?limit=100").json()["audit"] if r["subject"] == "timezone"]
    assert [r["after"] for r in rows] == [{"timezone": "Asia/Kolkata"}, {"timezone": "America/Santiago"}]
    # Back again: the first balance, and what was spent meanwhile.
    assert weir.stop() == 0
    weir.configure(config_for(upstream.url, budgets=budgets))
    weir.start()
    assert weir.budget("few.calls")["instances"][0]["used"] == "3"
    assert ask(weir).status == 402


def test_spend_is_told_by_the_same_days(start_weir, upstream):
    weir = start_weir(config_for(upstream.url, timezone="Asia/Kolkata", budgets={
        "day": {"usd": 10, "window": "day"}, "hour": {"usd": 10, "window": "hour"}}))
    assert [ask(weir).status for _ in range(3)] == [200] * 3
    for bucket in ("day", "hour"):
        spend = weir.admin("GET", f"/spend?bucket={bucket}", expect=[200]).json()
        instance = weir.budget(bucket)["instances"][0]
        assert spend["timezone"] == "Asia/Kolkata"
        row = spend["rows"][-1]
        assert row["start"] == instance["window"]["start"]
        assert usd(row["charge_usd"]) == usd(instance["used"]) > 0
    month = instant(weir.admin("GET", "/spend").json()["from"])
    assert (month.hour, month.minute) == (18, 30), "from the start of the month there"


@pytest.mark.parametrize("line, env, why", [
    ("timezone: Europe/Berln", {}, "weir.yaml:2: there is no time zone 'Europe/Berln' (did you mean 'Europe/Berlin'?)"),
    ("timezone: kiritimati", {}, "did you mean 'Pacific/Kiritimati'?"),
    ("timezone: +01:00", {}, "there is no time zone '+01:00'"),
    ("timezone: Europe/Berlin", {"TZDIR": "/no/such/place"}, "no time zones in /no/such/place: install tzdata"),
])
def test_check_refuses_what_is_no_zone(start_weir, upstream, tmp_path, line, env, why):
    weir = start_weir(config_for(upstream.url), env=env)
    file = tmp_path / "wrong" / "weir.yaml"
    file.parent.mkdir()
    file.write_text(f"data: elsewhere\n{line}\n")
    failed = weir.cli("check", "--config", file, check=False)
    assert failed.returncode == 1 and why in failed.stderr, failed
    assert not failed.stdout
