"""Requests of real SDKs and agents, header for header and byte for byte: what reaches the provider is
what was sent, but for what product.md documents, and what comes back is what the provider answered."""

import json

import pytest

import captures
import wire
from conftest import SHARED
from weir import PROVIDER_KEY, Weir, config_for

ALL = captures.load(SHARED / "captures") if (SHARED / "captures").is_dir() else []
pytestmark = pytest.mark.skipif(not ALL, reason="no captured requests beside the project")

SERVED = ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings", "/v1/models",
          "/v1/messages/count_tokens")

# Set anew for the way to the provider, or of this hop alone.
OWN = {"host", "content-length", "accept-encoding", "connection", "keep-alive", "authorization",
       "x-api-key"}
# Never sent on (product.md 3.11). `x-session-id` is an alias of Weir's own; agents' native session
# headers are not.
HELD_BACK = {"cookie", "forwarded", "baggage", "traceparent", "tracestate", "x-session-id"}


def served(capture):
    return capture.path in SERVED and not capture.upgrade


@pytest.fixture(scope="module")
def weir(provider, tmp_path_factory):
    """Budgets that watch, as a first company has them in production, and a local server."""
    config = config_for(provider.url, budgets={
        "team": {"by": "team", "usd": 10000, "window": "month", "block_at": "never"}})
    config["providers"]["local"] = {"vendor": "openai_compatible", "url": provider.url + "/v1",
                                    "auth": "none", "models": ["m"], "price": "free"}
    program = Weir(tmp_path_factory.mktemp("weir"), config)
    try:
        yield program.start()
    finally:
        program.close()


@pytest.mark.parametrize("capture", [c for c in ALL if served(c)], ids=lambda c: c.name)
def test_a_captured_request_passes_unmodified(weir, provider, capture):
    provider.clear()
    through = wire.call(weir.address, capture.method, capture.target, capture.sent_headers(weir.key),
                        capture.body)
    assert through.status == 200, through.body
    assert len(provider.requests) == 1
    arrived = provider.last
    assert (arrived.method, arrived.target) == (capture.method, capture.target)

    expected = [(n, v) for n, v in capture.headers if n.lower() not in OWN | HELD_BACK]
    got = [(n, v) for n, v in arrived.headers if n.lower() not in OWN]
    assert got == expected

    body = json.loads(capture.body) if capture.body else {}
    injected = (capture.path == "/v1/chat/completions" and body.get("stream")
                and not (body.get("stream_options") or {}).get("include_usage"))
    if injected:
        assert json.loads(arrived.body) == {**body, "stream_options": {
            **(body.get("stream_options") or {}), "include_usage": True}}
    else:
        assert arrived.body == (capture.body or b"")

    # The key that arrives is the provider's, never Weir's.
    vendor_key = arrived.header("x-api-key") or arrived.header("authorization")
    assert (vendor_key or "").removeprefix("Bearer ") == (
        "" if body.get("model") == "m" else PROVIDER_KEY)
    assert weir.key.encode() not in arrived.raw_head

    # Going direct gives the same answer.
    direct = wire.call(provider.address, capture.method, capture.target,
                       capture.sent_headers("sk-direct"), capture.body)
    assert through.whole and (through.status, through.body) == (direct.status, direct.body)
    framing = {"content-length", "transfer-encoding", "connection"}
    plain = [(n, v) for n, v in direct.headers if n.lower() not in framing]
    seen = [(n, v) for n, v in through.headers
            if n.lower() not in framing and not n.startswith("x-weir-")]
    assert seen == plain


@pytest.mark.parametrize("capture", [c for c in ALL if served(c) and c.body], ids=lambda c: c.name)
def test_its_session_is_known(weir, provider, capture):
    """What agents send of their sessions becomes the trajectory (clients.md 2)."""
    answer = wire.call(weir.address, capture.method, capture.target, capture.sent_headers(weir.key),
                       capture.body)
    session = (capture.header("x-claude-code-session-id") or capture.header("session-id")
               or capture.header("x-session-id"))
    if session:
        assert answer.header("x-weir-trajectory") == session


@pytest.mark.parametrize("capture", [c for c in ALL if c.upgrade], ids=lambda c: c.name)
def test_a_websocket_upgrade_is_told_to_use_http(weir, provider, capture):
    provider.clear()
    answer = wire.call(weir.address, capture.method, capture.target, capture.sent_headers(weir.key))
    assert answer.status == 426
    assert "HTTP/1.1" in answer.header("upgrade")
    assert answer.json()["error"]["code"] == "upgrade_required"
    assert not provider.requests


@pytest.mark.parametrize("capture", [c for c in ALL if c.method == "HEAD"], ids=lambda c: c.name)
def test_the_probe_of_an_agent_is_answered(weir, provider, capture):
    provider.clear()
    answer = wire.call(weir.address, "HEAD", capture.target, capture.sent_headers(weir.key))
    assert answer.status == 200 and answer.body == b""
    assert not provider.requests


@pytest.mark.parametrize(
    "capture", [c for c in ALL if not served(c) and not c.upgrade and c.method != "HEAD"],
    ids=lambda c: c.name)
def test_what_is_not_metered_yet_is_refused_with_a_reason(weir, provider, capture):
    provider.clear()
    headers = capture.sent_headers(weir.key)
    if not {n.lower() for n, _ in headers} & {"authorization", "x-api-key", "x-goog-api-key"}:
        headers.append(("authorization", f"Bearer {weir.key}"))  # OTLP exporters send none
    answer = wire.call(weir.address, capture.method, capture.target, headers, capture.body)
    assert answer.status in (403, 404), answer.body
    error = answer.json()["error"]
    assert error["code"] in ("endpoint_refused", "unknown_endpoint") and len(error["message"]) > 20
    assert not provider.requests


def test_headers_that_no_provider_may_see(weir, provider):
    provider.clear()
    hidden = [("X-Weir-Goal", "ticket-4711"), ("x-weir-tags", "a=b"), ("Cookie", "session=1"),
              ("Forwarded", "for=10.0.0.1"), ("X-Forwarded-For", "10.0.0.1"),
              ("X-Forwarded-Host", "inside"), ("X-Forwarded-Proto", "http"),
              ("Proxy-Authorization", "Basic x"), ("Proxy-Connection", "keep-alive"),
              ("baggage", "user.id=u-1"), ("x-litellm-tags", "a"), ("X-Portkey-Metadata", "{}"),
              ("cf-aig-metadata", "{}"), ("Helicone-Session-Id", "s"), ("x-session-id", "s"),
              ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
              ("X-Hop", "1"), ("Connection", "keep-alive, X-Hop"), ("TE", "trailers")]
    kept = [("X-Own", "stays"), ("OpenAI-Organization", "org-1"), ("x-stainless-lang", "python")]
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
    assert weir.post("/v1/chat/completions", body, [*hidden, *kept]).status == 200
    arrived = {n.lower(): v for n, v in provider.last.headers}
    assert not {n.lower() for n, _ in hidden} & set(arrived)
    for name, value in kept:
        assert arrived[name.lower()] == value
    assert ("X-Own", "stays") in provider.last.headers


@pytest.mark.parametrize("usage", ["absent", "null", "other", "false"])
def test_stream_options_are_merged_not_replaced(weir, provider, usage):
    options = {"absent": {}, "null": {"stream_options": None},
               "other": {"stream_options": {"include_obfuscation": False}},
               "false": {"stream_options": {"include_usage": False}}}[usage]
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "stream": True,
            "zz": 1.50, **options}
    provider.clear()
    answer = weir.post("/v1/chat/completions", body)
    assert answer.status == 200
    sent = provider.last.json()
    assert sent["stream_options"]["include_usage"] is True
    if usage == "other":
        assert sent["stream_options"]["include_obfuscation"] is False
    assert b'"zz": 1.5' in provider.last.body
    direct = wire.post(provider.address, "/v1/chat/completions", "sk-direct", body)
    assert answer.body == direct.body
    assert all(json.loads(d).get("usage") is None for _, d in answer.events() if d != "[DONE]")


def test_weir_metadata_is_taken_out_of_the_body(weir, provider):
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}],
            "metadata": {"ticket": "4711", "weir.goal": "g-1", "weir.task_type": "triage"}}
    answer = weir.post("/v1/chat/completions", body)
    assert provider.last.json()["metadata"] == {"ticket": "4711"}
    call = weir.call(answer.call_id)
    assert call["attribution"]["goal"]["value"] == "g-1"
    assert call["attribution"]["task_type"]["value"] == "triage"
    assert answer.header("x-weir-missing") is None


@pytest.fixture(scope="module")
def blocking(provider, tmp_path_factory):
    """What a coding agent meets in development: so much a trajectory."""
    program = Weir(tmp_path_factory.mktemp("blocking"), config_for(provider.url, budgets={
        "run": {"by": "trajectory", "usd": 20, "window": "total"}}))
    try:
        yield program.start()
    finally:
        program.close()


@pytest.mark.parametrize("capture", [c for c in ALL if served(c) and c.body], ids=lambda c: c.name)
def test_agents_work_under_a_blocking_budget(blocking, provider, capture):
    """All of it but the maximum output, which must be known, arrives as it was sent. What the provider
    may run without a limit (Codex's web search) cannot be held, and is told so."""
    body = json.loads(capture.body)
    if body["model"] == "m":
        pytest.skip("the local model is not configured here")
    provider.clear()
    answer = wire.call(blocking.address, capture.method, capture.target,
                       capture.sent_headers(blocking.key), capture.body)
    if any(t.get("type") == "web_search" for t in body.get("tools", [])):
        assert answer.status == 400
        assert "max_tool_calls" in answer.json()["error"]["message"]
        assert not provider.requests
        return
    assert answer.status == 200, answer.body
    sent = json.loads(provider.last.body)
    for name in ("max_completion_tokens", "max_output_tokens", "max_tokens"):
        if name not in body:
            sent.pop(name, None)
    if "stream_options" not in body:
        sent.pop("stream_options", None)
    assert sent == body
    attempt, = blocking.call(answer.call_id)["attempts"]
    assert attempt["state"] in ("settled", "released")
