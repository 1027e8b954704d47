"""What the SDKs raise, retry and wait for, is through Weir what it is going direct; each retry is a call of
its own in the ledger."""

import threading
import time

import anthropic
import openai
import pytest

import canned
from canned import anthropic_error, openai_error
from ledger import ANTHROPIC, OPENAI, check_attempt, check_released, check_unknown
from prices import usd
from upstream import Reply
from weir import PROMPT

USERS = [{"role": "user", "content": PROMPT}]
CHAT = {"model": "gpt-4o-mini", "messages": USERS, "max_tokens": 100}
MESSAGE = {"model": "claude-opus-5-5", "messages": USERS, "max_tokens": 100}

OPENAI_ERRORS = [
    (400, None, openai.BadRequestError), (400, "context_length_exceeded", openai.BadRequestError),
    (401, "invalid_api_key", openai.AuthenticationError), (403, None, openai.PermissionDeniedError),
    (404, "model_not_found", openai.NotFoundError), (409, None, openai.ConflictError),
    (422, None, openai.UnprocessableEntityError), (429, "rate_limit_exceeded", openai.RateLimitError),
    (429, "insufficient_quota", openai.RateLimitError), (500, None, openai.InternalServerError),
    (503, None, openai.InternalServerError), (504, None, openai.InternalServerError)]
ANTHROPIC_ERRORS = [
    (400, "invalid_request_error", anthropic.BadRequestError),
    (401, "authentication_error", anthropic.AuthenticationError),
    (402, "billing_error", anthropic.APIStatusError),
    (403, "permission_error", anthropic.PermissionDeniedError),
    (404, "not_found_error", anthropic.NotFoundError),
    (413, "request_too_large", anthropic.APIStatusError),
    (429, "rate_limit_error", anthropic.RateLimitError),
    (500, "api_error", anthropic.InternalServerError),
    (504, "timeout_error", anthropic.InternalServerError),
    (529, "overloaded_error", anthropic.InternalServerError)]

# Statuses after which a model may have run (ledger.md L5).
UNKNOWN = {409, 500, 503, 504}


def clients(kind, provider, weir, **options):
    options = {"max_retries": 0, "timeout": 10, **options}
    if kind == OPENAI:
        return [openai.OpenAI(base_url=url + "/v1", api_key=key, **options)
                for url, key in ((provider.url, "sk-direct"), (weir.url, weir.key))]
    return [anthropic.Anthropic(base_url=url, api_key=key, **options)
            for url, key in ((provider.url, "sk-direct"), (weir.url, weir.key))]


def create(client, **more):
    if isinstance(client, openai.OpenAI):
        return client.chat.completions.with_raw_response.create(**CHAT, **more)
    return client.messages.with_raw_response.create(**MESSAGE, **more)


def raised(client, **more):
    with pytest.raises((openai.APIError, anthropic.APIError)) as caught:
        create(client, **more)
    return caught.value


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("status, code, kind", OPENAI_ERRORS)
def test_openai_errors(provider, weir, status, code, kind, stream):
    errors = []
    for client in clients(OPENAI, provider, weir):
        provider.then(openai_error(status, code, headers=[("x-ratelimit-remaining-tokens", "3")]))
        errors.append(raised(client, stream=stream))
    check_same(weir, errors, kind, status)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("status, name, kind", ANTHROPIC_ERRORS)
def test_anthropic_errors(provider, weir, status, name, kind, stream):
    errors = []
    for client in clients(ANTHROPIC, provider, weir):
        provider.then(anthropic_error(status, name))
        errors.append(raised(client, stream=stream))
    check_same(weir, errors, kind, status)


def check_same(weir, errors, kind, status):
    direct, through = errors
    assert type(through) is type(direct) and isinstance(through, kind)
    assert (through.status_code, through.message, through.body, through.request_id) == (
        direct.status_code, direct.message, direct.body, direct.request_id)
    assert through.response.content == direct.response.content
    for name, value in direct.response.headers.items():
        if name not in ("content-length", "connection"):
            assert through.response.headers[name] == value
    attempt, = weir.call(through.response.headers["x-weir-call-id"])["attempts"]
    (check_unknown if status in UNKNOWN else check_released)(attempt)
    assert attempt["outcome"]["provider_status"] == attempt["outcome"]["http_status"] == status


@pytest.mark.parametrize("kind, refusals, after", [
    (OPENAI, lambda: [openai_error(429, "rate_limit_exceeded", headers=[("retry-after-ms", "20")]),
                      openai_error(503, headers=[("retry-after-ms", "20")])],
     lambda: canned.chat(CHAT)),
    (ANTHROPIC, lambda: [anthropic_error(529, "overloaded_error", [("retry-after-ms", "20")]),
                         anthropic_error(503, "api_error", [("retry-after-ms", "20")])],
     lambda: canned.messages(MESSAGE))], ids=[OPENAI, ANTHROPIC])
def test_retries_are_calls_of_their_own(provider, weir, kind, refusals, after):
    _, client = clients(kind, provider, weir, max_retries=2)
    provider.clear()
    provider.then(*refusals(), after())
    before = time.monotonic()
    raw = create(client, extra_headers={"x-weir-goal": f"retries-{kind}"})
    assert 0.04 <= time.monotonic() - before < 5, "retry-after-ms was not heeded"
    assert [r.header("x-stainless-retry-count") for r in provider.requests] == ["0", "1", "2"]
    weir.call(raw.headers["x-weir-call-id"])
    rows = [r for r in weir.calls() if r["goal"] == f"retries-{kind}"]
    assert [r["state"] for r in rows] == ["settled", "unknown", "released"]
    assert len({r["call"] for r in rows}) == 3
    model = "gpt-4o-mini" if kind == OPENAI else "claude-opus-5-5"
    tokens = canned.CHAT_TOKENS if kind == OPENAI else canned.MESSAGE_TOKENS
    last = weir.call(rows[0]["call"])["attempts"][0]
    check_attempt(last, kind, model, tokens)


@pytest.mark.parametrize("kind", [OPENAI, ANTHROPIC])
def test_a_provider_that_says_never_again_is_believed(provider, weir, kind):
    make = openai_error if kind == OPENAI else lambda s, **h: anthropic_error(s, "api_error", **h)
    counts = []
    for client in clients(kind, provider, weir, max_retries=2):
        provider.clear()
        provider.then(make(500, headers=[("x-should-retry", "false")]))
        raised(client)
        counts.append(len(provider.requests))
    assert counts == [1, 1]


@pytest.mark.parametrize("kind", [OPENAI, ANTHROPIC])
def test_a_client_that_gives_up_waiting_is_metered_behind_its_back(provider, weir, kind):
    """The SDK raises its timeout; the provider's answer comes later, and is paid for."""
    go_on = threading.Event()
    answer = canned.chat(CHAT) if kind == OPENAI else canned.messages(MESSAGE)
    answer.before_head = go_on
    errors = []
    for client in clients(kind, provider, weir, timeout=0.3):
        provider.then(Reply(answer.status, answer.headers, answer.body, before_head=go_on))
        errors.append(raised(client, extra_headers={"x-weir-goal": f"patience-{kind}"}))
    assert type(errors[1]) is type(errors[0])
    assert isinstance(errors[1], (openai.APITimeoutError, anthropic.APITimeoutError))
    go_on.set()
    deadline = time.monotonic() + 10
    while True:
        row, = [r for r in weir.calls() if r["goal"] == f"patience-{kind}"]
        if row["state"] != "open":
            break
        assert time.monotonic() < deadline
        time.sleep(0.02)
    attempt = weir.call(row["call"])["attempts"][0]
    model = "gpt-4o-mini" if kind == OPENAI else "claude-opus-5-5"
    tokens = canned.CHAT_TOKENS if kind == OPENAI else canned.MESSAGE_TOKENS
    check_attempt(attempt, kind, model, tokens, completeness="exact_drained")
    assert attempt["outcome"]["client_gone"] is True


@pytest.mark.parametrize("kind", [OPENAI, ANTHROPIC])
def test_weirs_own_patience_ends_in_the_callers_dialect(start_weir, upstream, kind):
    from weir import config_for
    weir = start_weir(config_for(upstream.url, limits={"first_byte_ms": 150}))
    never = threading.Event()
    upstream.then(*[Reply(before_head=never) for _ in range(3)])
    _, client = clients(kind, upstream, weir, max_retries=2)
    started = time.monotonic()
    error = raised(client)
    never.set()
    assert isinstance(error, (openai.InternalServerError, anthropic.InternalServerError))
    assert error.status_code == 504 and "in time" in error.message
    assert len(upstream.requests) == 3, "a timeout is worth a retry, and the SDK knows"
    assert time.monotonic() - started < 10
    states = {r["state"] for r in weir.calls()}
    assert states == {"unknown"}
    held = sum(usd(r["charge_usd"]) for r in weir.calls())
    assert usd(weir.budget("team")["instances"][0]["used"]) == held > 0


@pytest.mark.parametrize("kind", [OPENAI, ANTHROPIC])
def test_an_error_in_mid_stream_is_raised_as_direct(provider, weir, kind):
    if kind == OPENAI:
        body = canned.chat({**CHAT, "stream": True}).body.split(b"\n\n")
        torn = b"\n\n".join(body[:3]) + b'\n\ndata: {"error":{"message":"provider broke","type":' \
            b'"server_error","param":null,"code":null}}\n\n'
    else:
        body = canned.messages({**MESSAGE, "stream": True}).body.split(b"\n\n")
        torn = b"\n\n".join(body[:4]) + b'\n\nevent: error\ndata: {"type":"error","error":{"type":' \
            b'"overloaded_error","message":"provider broke"}}\n\n'
    seen = []
    for client in clients(kind, provider, weir):
        provider.then(Reply.sse(torn))
        raw = create(client, stream=True)
        got = []
        with pytest.raises((openai.APIError, anthropic.APIError)) as caught:
            for event in raw.parse():
                got.append(event.model_dump())
        seen.append((got, type(caught.value), str(caught.value), caught.value.body))
    assert seen[1] == seen[0] and seen[1][0]
    check_unknown(weir.call(raw.headers["x-weir-call-id"])["attempts"][0])
