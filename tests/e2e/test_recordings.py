"""Every recorded answer of the dialects that are served, through the real program, in pieces of every
size: the client gets the same bytes, and the ledger what the recording says was used."""

import random

import pytest

import prices
import recordings
from conftest import SHARED
from upstream import Reply, Upstream
from weir import Weir

ALL = recordings.load(SHARED / "recordings") if (SHARED / "recordings").is_dir() else []
pytestmark = pytest.mark.skipif(not ALL, reason="no recordings beside the project")

BYTEWISE_MOST = 4000  # longer ones come in random pieces, of which many are single bytes


@pytest.fixture(scope="module")
def provider():
    upstream = Upstream()
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def weir(provider, tmp_path_factory):
    names = {p for p, _, _ in recordings.SERVED.values()}
    providers = {name: {"key": "env:E2E_PROVIDER_KEY",
                        "url": provider.url if name == "anthropic" else provider.url + "/v1"}
                 for name in names}
    providers["azure"].update(vendor="openai_compatible", prices="azure", auth="api-key")
    providers["alibaba"].update(vendor="openai_compatible")
    program = Weir(tmp_path_factory.mktemp("weir"), {"providers": providers})
    try:
        yield program.start()
    finally:
        program.close()


def cuts_of(recording, mode):
    seed = random.Random(f"{recording.name} {mode}")
    if mode == "bytes" and len(recording.payload) <= BYTEWISE_MOST:
        return "bytes"
    return None if mode == "whole" else seed


def lines_of(attempt):
    """The ledger's lines as [(model, {class: tokens})]: kept apart only where there are several."""
    charged = [c["model"] for c in attempt["charges"]]
    one = [{"model": charged[0] if charged else None, **attempt["usage"]["tokens"]}]
    return [(line.get("model"), {k: v for k, v in line.items() if k in prices.CLASSES and v})
            for line in attempt["usage"].get("lines") or one]


@pytest.mark.parametrize("recording", [r for r in ALL if r.stream and not r.error()],
                         ids=lambda r: r.name)
def test_a_recorded_stream(weir, provider, recording):
    expected, searches = recordings.used(recording)
    for mode in ("whole", "random", "bytes"):
        for include_usage in (False, True):
            provider.then(Reply.sse(recording.payload, cuts=cuts_of(recording, mode)))
            answer = weir.post(recording.endpoint, recording.request(include_usage), timeout=60)
            assert answer.status == 200, answer.body
            assert answer.whole, answer.why
            assert answer.body == recording.seen_by_client(include_usage), (mode, include_usage)
            check(weir.call(answer.call_id)["attempts"], recording, expected, searches)


@pytest.mark.parametrize("recording", [r for r in ALL if not r.stream and not r.error()],
                         ids=lambda r: r.name)
def test_a_recorded_body(weir, provider, recording):
    expected, searches = recordings.used(recording)
    for framing in ("length", "chunked", "close"):
        provider.then(Reply.json(recording.payload, framing=framing,
                                 cuts=random.Random(f"{recording.name} {framing}")))
        answer = weir.post(recording.endpoint, recording.request(False))
        assert answer.status == 200, answer.body
        assert answer.whole and answer.body == recording.payload, framing
        check(weir.call(answer.call_id)["attempts"], recording, expected, searches)


def check(attempts, recording, expected, searches):
    assert len(attempts) == 1
    attempt = attempts[0]
    if not expected:  # a provider that reports nothing: held at what it can cost at most
        assert attempt["state"] == "unknown"
        assert attempt["usage"]["completeness"] == "estimated"
        return
    assert attempt["state"] == "settled" and attempt["usage"]["completeness"] == "exact"
    assert [tokens for _, tokens in lines_of(attempt)] == [tokens for _, tokens in expected]
    asked = recording.model
    models = [model or asked for model, _ in lines_of(attempt)]
    assert models == [model or asked for model, _ in expected]
    check_cost(attempt, recording, expected, searches)


def check_cost(attempt, recording, expected, searches):
    """Where the catalogue has a price for every line, the cost is theirs to the pico-dollar."""
    total = 0
    for number, (model, tokens) in enumerate(expected):
        cost = recording.vendor and prices.cost(recording.vendor, model, tokens,
                                                searches if number == len(expected) - 1 else 0,
                                                attempt["admitted_at"])
        if cost is None:
            assert attempt["price"]["provisional"] or attempt["price"]["unpriced"], \
                f"{model} has no price, and the ledger does not say so"
            return
        total += cost
    other = [c for c in attempt["charges"] if c["class"] in ("file_search", "request")]
    assert prices.usd(attempt["cost_usd"]) - sum(prices.usd(c["cost_usd"]) for c in other) == total, \
        attempt["charges"]


@pytest.mark.parametrize("recording", [r for r in ALL if r.error()], ids=lambda r: r.name)
def test_a_recorded_error(weir, provider, recording):
    if recording.stream:
        provider.then(Reply.sse(recording.payload, cuts=random.Random(1)))
    else:
        provider.then(Reply.json(recording.payload, status=400))
    answer = weir.post(recording.endpoint, recording.request(False))
    assert answer.body == recording.payload
    attempt = weir.call(answer.call_id)["attempts"][0]
    assert attempt["usage"]["completeness"] == "none"
    assert prices.usd(attempt["cost_usd"]) == 0
