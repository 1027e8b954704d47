"""Every fault of the simulated provider, streamed and not, in each dialect: the official SDK gets the
whole answer or raises what it should, the connection goes on or is closed, and the ledger says what is
known and how, held against the provider's own bill."""

import json

import anthropic
import openai
import pytest

import sim
import wire
from ledger import check_released, check_unknown
from prices import usd
from weir import PROMPT, Weir, config_for

PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
USERS = [{"role": "user", "content": PROMPT}]
BODIES = {"chat": {"model": "gpt-4o-mini", "max_tokens": 300, "messages": USERS},
          "responses": {"model": "gpt-5-mini", "max_output_tokens": 300, "input": PROMPT},
          "messages": {"model": "claude-haiku-4-5", "max_tokens": 300, "messages": USERS}}

# What must come of a fault.
WHOLE = "the whole answer; settled at the bill"
OVERRUN = "the whole answer; settled at the bill, and the excess over the bound is named"
UNMEASURED = "the whole answer; nobody knows the cost, so held at the bound"
NO_ANSWER = "an error of Weir's; held at the bound"
TORN = "what came, then an error event; held at the bound"
PASSED = "the provider's own error; held at the bound"
ODD_BODY = "the provider's own error, in a body of status 200; held at the bound"
REFUSED = "the provider's own error; proven to have cost nothing"

# fault → (not streamed, streamed)
EXPECTED = {
    "refuse=80": (NO_ANSWER, NO_ANSWER), "reset": (NO_ANSWER, NO_ANSWER),
    "reset_after_head": (NO_ANSWER, TORN), "reset_mid": (NO_ANSWER, TORN),
    "reset_before_usage": (NO_ANSWER, TORN), "close_before_usage": (NO_ANSWER, TORN),
    "eof_before_usage": (NO_ANSWER, TORN), "hang": (NO_ANSWER, NO_ANSWER),
    "hang_mid": (NO_ANSWER, TORN), "timeout": (NO_ANSWER, NO_ANSWER), "timeout=20": (PASSED, PASSED),
    "drip=0": (WHOLE, WHOLE), "split": (WHOLE, WHOLE), "close_after": (WHOLE, WHOLE),
    "announce_close": (WHOLE, WHOLE), "http": (PASSED, PASSED), "http=503": (PASSED, PASSED),
    "http=429": (REFUSED, REFUSED), "http=400": (REFUSED, REFUSED), "http=404": (REFUSED, REFUSED),
    "error_after_200": (ODD_BODY, PASSED), "garbage_head": (NO_ANSWER, NO_ANSWER),
    "garbage_body": (NO_ANSWER, TORN), "wrong_length": (NO_ANSWER, WHOLE), "bad_chunk": (WHOLE, TORN),
    "crlf": (WHOLE, WHOLE), "cr": (WHOLE, WHOLE), "comments=3": (WHOLE, WHOLE),
    "heartbeats_only": (WHOLE, TORN), "huge_event": (WHOLE, WHOLE), "gzip": (WHOLE, WHOLE),
    "no_usage": (UNMEASURED, UNMEASURED), "usage_null": (UNMEASURED, UNMEASURED),
    "usage_twice": (WHOLE, WHOLE), "usage_every_chunk": (WHOLE, WHOLE),
    "two_message_delta": (WHOLE, WHOLE), "no_message_delta": (WHOLE, WHOLE),
    "raise_input": (WHOLE, WHOLE), "ignore_max": (OVERRUN, OVERRUN), "last_wins": (WHOLE, WHOLE),
    "reject_stream_options": (WHOLE, WHOLE), "prompt_filter": (WHOLE, WHOLE),
}
# Where one dialect differs.
SPECIAL = {
    ("eof_before_usage", "chat", True): UNMEASURED,  # the finish reason came: the text is whole
    ("reject_stream_options", "chat", True): REFUSED,
    ("error_after_200", "responses", True): ODD_BODY,  # response.failed, on which no SDK raises
    # Anthropic's word for refusing at the door
    ("http=503", "messages", False): REFUSED, ("http=503", "messages", True): REFUSED,
}
# Whose text is not that of the call without the fault.
OTHER_TEXT = {"ignore_max", "last_wins", "huge_event"}


def expected(fault, kind, stream):
    return SPECIAL.get((fault, kind, stream)) or EXPECTED[fault][stream]


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    program = sim.Sim(tmp_path_factory.mktemp("sim")).start()
    yield program
    program.close()


# Of these nothing comes; one Weir has little patience for them, and the other all that a busy machine
# may need.
SILENT = {"hang", "hang_mid", "timeout"}


@pytest.fixture(scope="module")
def weirs(provider, tmp_path_factory):
    """{is the fault a silent one: Weir}"""
    hasty = {"limits": {"first_byte_ms": 500, "idle_ms": 500}}
    programs = {silent: Weir(tmp_path_factory.mktemp("weir"),
                             config_for(provider.url, **(hasty if silent else {})))
                for silent in (False, True)}
    try:
        yield {silent: program.start() for silent, program in programs.items()}
    finally:
        for program in programs.values():
            program.close()


@pytest.fixture(scope="module")
def weir(weirs):
    return weirs[False]


@pytest.fixture(scope="module")
def sdks(provider, weirs):
    """{kind: {"direct": client, False, True: client of that Weir}}, without retries; their connections
    are kept alive, so that a fault that spoils one shows in what comes next."""
    def clients(make, path):
        def client(url, key):
            return make(base_url=url + path, api_key=key, max_retries=0, timeout=30)
        return {"direct": client(provider.url, "sk-direct"),
                **{silent: client(weir.url, weir.key) for silent, weir in weirs.items()}}
    openais, anthropics = clients(openai.OpenAI, "/v1"), clients(anthropic.Anthropic, "")
    yield {"chat": openais, "responses": openais, "messages": anthropics}
    for client in (*openais.values(), *anthropics.values()):
        client.close()


def create(client, kind, stream, headers):
    resource = {"chat": lambda: client.chat.completions, "responses": lambda: client.responses,
                "messages": lambda: client.messages}[kind]()
    return resource.with_raw_response.create(**BODIES[kind], stream=stream, extra_headers=headers)


def text_of(kind, answer):
    if kind == "chat":
        return answer.choices[0].message.content if answer.choices else ""
    if kind == "responses":
        return answer.output_text if answer.output else ""
    return "".join(b.text for b in answer.content or [] if b.type == "text")


def text_of_event(kind, event):
    if kind == "chat":
        return "".join(c.delta.content or "" for c in event.choices)
    if kind == "responses":
        return event.delta if event.type == "response.output_text.delta" else ""
    if event.type == "content_block_start" and event.content_block.type == "text":
        return event.content_block.text
    if event.type == "message_start":
        return "".join(b.text for b in event.message.content)
    return event.delta.text if event.type == "content_block_delta" and event.delta.type == "text_delta" \
        else ""


class Outcome:
    """What an application sees of one call."""

    def __init__(self, client, kind, stream, headers):
        self.text, self.error, self.headers = "", None, {}
        try:
            raw = create(client, kind, stream, headers)
            self.headers = raw.headers
            made = raw.parse()
            if not stream:
                self.text = text_of(kind, made)
            else:
                for event in made:
                    self.text += text_of_event(kind, event)
        except (openai.APIError, anthropic.APIError) as error:
            self.error = error
            if (response := getattr(error, "response", None)) is not None:
                self.headers = response.headers


@pytest.fixture(scope="module")
def clean_text(sdks):
    return {kind: Outcome(sdks[kind]["direct"], kind, False, {}).text for kind in PATHS}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize("fault", EXPECTED)
def test_fault(weirs, provider, sdks, clean_text, fault, kind, stream):
    must = expected(fault, kind, stream)
    weir, sdk = weirs[fault in SILENT], sdks[kind][fault in SILENT]
    tag = f"{fault}-{kind}-{stream}"
    seen = Outcome(sdk, kind, stream, {"x-sim-fault": fault, "x-sim-tag": tag})

    if must in (WHOLE, OVERRUN, UNMEASURED):
        assert seen.error is None, repr(seen.error)
        if fault not in OTHER_TEXT:
            assert seen.text == clean_text[kind]
    elif must != ODD_BODY:
        assert seen.error is not None, seen.text
        status = getattr(seen.error, "status_code", None)
        if must == NO_ANSWER:
            assert status in (502, 504), repr(seen.error)
        elif must == TORN and fault not in ("garbage_body", "heartbeats_only"):
            assert clean_text[kind].startswith(seen.text)
    check_ledger(weir, provider, seen.headers.get("x-weir-call-id"), tag, must)

    # Whatever became of the connection, the next call works.
    after = Outcome(sdk, kind, False, {})
    assert after.error is None and after.text == clean_text[kind]


def check_ledger(weir, provider, call_id, tag, must):
    call = weir.call(call_id)
    attempts, billed = call["attempts"], [a for a in provider.attempts(tag) if a["charges"]]
    assert len(attempts) >= len(billed)
    costs = sorted(sim.cost_of(a) for a in billed)
    last = attempts[-1]
    if must in (WHOLE, OVERRUN):
        assert len(attempts) == len(billed) == 1
        assert last["state"] == "settled" and last["usage"]["completeness"] == "exact"
        assert usd(last["cost_usd"]) == usd(last["charge_usd"]) == costs[0]
        over = max(0, costs[0] - usd(last["bound_usd"]))
        assert usd(last["overrun_usd"]) == over and (over > 0) == (must == OVERRUN)
    elif must == REFUSED:
        assert not billed
        check_released(last)
    else:
        # A connection that had gone stale is tried once more; what never went out cost nothing.
        sent = [a for a in attempts if a["dispatched_at"]]
        for attempt in attempts:
            (check_unknown if attempt in sent else check_released)(attempt)
        assert len(sent) >= max(1, len(billed))
        bounds = sorted(usd(a["charge_usd"]) for a in sent)[-len(costs):] if costs else []
        assert all(bound >= cost for bound, cost in zip(bounds, costs))
        if must != UNMEASURED:
            assert last["outcome"]["error"], "the entry does not say what went wrong"
        assert last["outcome"]["http_status"], "the entry does not say what the client was told"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize("fault", [f for f, musts in EXPECTED.items()
                                   if set(musts) & {TORN, NO_ANSWER, PASSED}])
def test_http_stays_well_formed(weirs, provider, fault, kind, stream):
    """Whatever the provider does, the client's message ends as its framing says, and the connection
    goes on or is closed as announced."""
    weir = weirs[fault in SILENT]
    body = json.dumps({**BODIES[kind], "stream": stream}).encode()
    headers = [("Authorization", f"Bearer {weir.key}"), ("Content-Type", "application/json")]
    with wire.Client(weir.address) as client:
        answer = client.call("POST", PATHS[kind], [*headers, ("x-sim-fault", fault)], body)
        assert answer.whole, answer.why
        if answer.status == 200 and stream and expected(fault, kind, stream) == TORN:
            check_last_event(kind, answer)
        elif expected(fault, kind, stream) == NO_ANSWER:
            check_error_body(kind, answer)
        if answer.header("connection") == "close":
            assert client.is_closed()
        else:
            provider.ask("/sim/totals")  # it refuses no more
            assert client.call("POST", PATHS[kind], headers, body).status == 200


def check_error_body(kind, answer):
    body = answer.json()
    if kind == "messages":
        assert body["type"] == "error" and body["error"]["type"] in ("api_error", "timeout_error")
        assert body["request_id"] == answer.call_id
    else:
        assert set(body["error"]) >= {"message", "type", "param", "code"}
        assert body["error"]["type"] == "server_error"
    assert body["error"]["weir"]["code"].startswith("provider_")
    assert answer.header("x-should-retry") == "true"


def check_last_event(kind, answer):
    """The dialect's own way to say that a stream broke; no sign of a natural end with it."""
    events = answer.events()
    name, data = events[-1]
    assert "[DONE]" not in [d for _, d in events]
    if kind == "chat":
        assert name is None and json.loads(data)["error"]["type"] == "server_error"
    elif kind == "messages":
        assert name == "error" and json.loads(data)["type"] == "error"
        assert "message_stop" not in [n for n, _ in events]
    else:
        assert [n for n, _ in events[-2:]] == ["response.failed", "error"]
        numbers = [json.loads(d).get("sequence_number") for _, d in events if d.startswith("{")]
        assert [n for n in numbers if n is not None] == sorted(n for n in numbers if n is not None)
        assert "response.completed" not in [n for n, _ in events]


def test_every_fault_of_the_simulator_is_here(provider):
    table = provider.ask("/sim/faults")
    names = {f["name"] for f in (table["faults"] if isinstance(table, dict) else table)}
    assert names == {fault.split("=")[0] for fault in EXPECTED}


def test_an_upstream_that_nobody_listens_at(start_weir):
    import socket
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    weir = start_weir(config_for(f"http://127.0.0.1:{port}"))
    for kind, path in PATHS.items():
        answer = weir.post(path, BODIES[kind])
        assert answer.status == 502 and answer.json()["error"]["weir"]["code"] == "provider_unreachable"
        attempt = weir.call(answer.call_id)["attempts"][0]
        check_released(attempt)  # nothing was sent
        assert attempt["dispatched_at"] is None
    assert usd(weir.budget("team")["instances"][0]["used"]) == 0


def test_a_name_that_does_not_resolve(start_weir):
    weir = start_weir(config_for("http://no-such-host.invalid"))
    answer = weir.post(PATHS["chat"], BODIES["chat"])
    assert answer.status == 502, answer.body
    check_released(weir.call(answer.call_id)["attempts"][0])


def test_a_client_that_leaves_is_metered_all_the_same(weir, provider):
    """Drained behind its back, so that the cost is exact; held until then."""
    for kind, path in PATHS.items():
        body = json.dumps({**BODIES[kind], "stream": True}).encode()
        tag = f"left-{kind}"
        with wire.Client(weir.address) as client:
            client.request("POST", path, [("Authorization", f"Bearer {weir.key}"), ("x-sim-tag", tag),
                                          ("x-sim-chunk-delay-ms", "4"), ("x-weir-goal", tag)], body)
            head = client.reader.until(b"\r\n\r\n")
            call_id = wire.find(wire.fields_of(head), "x-weir-call-id")
        call = weir.call(call_id)
        attempt = call["attempts"][0]
        assert attempt["state"] == "settled", attempt
        assert attempt["usage"]["completeness"] == "exact_drained"
        assert attempt["outcome"]["client_gone"] is True
        billed, = provider.attempts(tag)
        assert usd(attempt["cost_usd"]) == sim.cost_of(billed)


@pytest.mark.parametrize("stops", [False, True], ids=["bills on", "stops"])
def test_a_client_that_leaves_a_provider_that_hangs_stays_held(tmp_path, start_weir, stops):
    provider = sim.Sim(tmp_path / "sim", *(["--on-cut", "stop"] if stops else [])).start()
    weir = start_weir(config_for(provider.url, limits={"drain_ms": 200, "idle_ms": 300}))
    try:
        for kind, path in PATHS.items():
            body = json.dumps({**BODIES[kind], "stream": True}).encode()
            with wire.Client(weir.address) as client:
                client.request("POST", path, [("Authorization", f"Bearer {weir.key}"),
                                              ("x-sim-fault", "hang_mid=2")], body)
                head = client.reader.until(b"\r\n\r\n")
            attempt = weir.call(wire.find(wire.fields_of(head), "x-weir-call-id"))["attempts"][0]
            check_unknown(attempt)
            assert attempt["outcome"]["client_gone"] is True
    finally:
        provider.close()
