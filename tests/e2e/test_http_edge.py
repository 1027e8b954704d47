"""HTTP at its edges, byte for byte against the real program: messages with two meanings, limits, slow
and vanishing peers, codings and bombs, early answers, floods, and a stop that loses nothing."""

import gzip
import json
import queue
import re
import socket
import threading
import time
import zlib

import brotli
import pytest
import zstandard

import canned
import wire
from ledger import check_released
from upstream import Reply
from weir import PROGRAM, PROMPT, Weir, config_for
from wire import Client, Torn

CHAT = "/v1/chat/completions"
BODY = {"model": "gpt-4o-mini", "max_tokens": 50, "messages": [{"role": "user", "content": PROMPT}]}
JSON = ("Content-Type", "application/json")


def body_of(**more):
    return json.dumps({**BODY, **more}).encode()


def key_line(weir):
    return f"Authorization: Bearer {weir.key}\r\n".encode()


def key_field(weir):
    return ("Authorization", f"Bearer {weir.key}")


def chunked(body, size=1000):
    parts = [body[i:i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


def read_all(sock, timeout=10):
    """Everything up to the other side's end; a reset is an error."""
    sock.settimeout(timeout)
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data


def statuses(data):
    return [int(s) for s in re.findall(rb"HTTP/1\.1 (\d{3})", data)]


class RawProvider:
    """Hands each connection to `serve(sock)`, on a thread of its own."""

    def __init__(self, serve):
        self.served = serve
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.failed = queue.SimpleQueue()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            with sock:
                self.served(sock)
        except OSError as error:
            self.failed.put(error)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture
def raw_provider():
    made = []

    def make(serve):
        made.append(RawProvider(serve))
        return made[-1]

    yield make
    for provider in made:
        provider.close()


# Then the memory that is measured is mostly the sanitizer's own.
SANITIZED = any(mark in PROGRAM.read_bytes() for mark in (b"__asan_init", b"__tsan_init"))


def memory_peak(weir):
    """MB, since the start."""
    with open(f"/proc/{weir.process.pid}/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) / 1024


# ---- one meaning only ----

POST = b"POST " + CHAT.encode() + b" HTTP/1.1\r\nHost: w\r\n"

TWO_MEANINGS = {
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "one length twice": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a list of lengths": POST + b"Content-Length: 5, 5\r\n\r\nhello",
    "a length with a sign": POST + b"Content-Length: +5\r\n\r\nhello",
    "a length beyond 64 bits": POST + b"Content-Length: 18446744073709551621\r\n\r\nhello",
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "chunked, identity": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "xchunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n",
    "a blank before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a vertical tab": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "a folded line": POST + b"X: a\r\n Transfer-Encoding: chunked\r\n\r\n",
    "bare line feeds": POST.replace(b"\r\n", b"\n") + b"Content-Length: 5\n\nhello",
    "one bare line feed": POST + b"X: a\nContent-Length: 5\r\n\r\nhello",
    "a bare carriage return": POST + b"X: a\rContent-Length: 5\r\n\r\n",
    "a NUL in a value": POST + b"X: a\0b\r\n\r\n",
    "a NUL in a name": POST + b"X\0: a\r\n\r\n",
    "no host": b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "two hosts": POST + b"Host: w\r\nContent-Length: 0\r\n\r\n",
    "a host that is none": b"POST / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "chunks in HTTP/1.0": POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk size beyond 64 bits":
        POST + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\nx",
    "a chunk longer than it says": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n",
    "a chunk that ends in the last one": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx0\r\n\r\n",
    "an endless extension":
        POST + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"e" * 20_000 + b"\r\nx\r\n0\r\n\r\n",
    "endless trailers":
        POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"T: t\r\n" * 4_000 + b"\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("name", TWO_MEANINGS)
def test_a_request_with_two_meanings_is_refused_and_nothing_after_it_is_read(weir, provider, name):
    head, _, rest = TWO_MEANINGS[name].partition(b"\r\n")
    # The key is on every request, so that a hidden one would be served.
    payload = head + b"\r\n" + (key_line(weir) if rest else b"") + rest
    hidden = b"GET /v1/models HTTP/1.1\r\nHost: w\r\n" + key_line(weir) + b"\r\n"
    provider.clear()
    with Client(weir.address) as client:
        client.send(payload + hidden)
        said = read_all(client.sock)
    assert statuses(said) == [400], said
    assert b"connection: close\r\n" in said.lower()
    assert provider.requests == []


def test_what_has_one_meaning_passes(weir, provider):
    body = body_of()
    for request in (
            b"POST http://elsewhere" + CHAT.encode() + b" HTTP/1.1\r\nHost: w\r\n",
            b"\r\n" + POST, POST.replace(b"Host: w", b"HOST:  [::1]:80 ")):
        with Client(weir.address) as client:
            client.send(request + key_line(weir) + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            answer = client.answer()
            assert answer.status == 200, answer.body
            assert provider.last.path == CHAT and provider.last.body == body


def test_a_body_where_none_belongs_is_no_request_to_the_provider(weir, provider):
    hidden = POST + b"Content-Length: %d\r\n\r\n" % len(body_of()) + body_of()
    provider.clear()
    with Client(weir.address) as client:
        assert client.call("GET", "/v1/models", [key_field(weir)], hidden).status == 200
        assert client.call("POST", CHAT, [key_field(weir)], body_of(user="next")).status == 200
    assert [(r.method, r.body) for r in provider.requests] == [
        ("GET", b""), ("POST", body_of(user="next"))]


# ---- bodies in any shape ----

def test_pipelined_requests_of_every_framing_in_one_packet(weir, provider):
    first, second, third = (body_of(user=f"u{n}") for n in range(3))
    packet = (POST + key_line(weir) + b"Content-Length: %d\r\n\r\n" % len(first) + first
              + POST + key_line(weir) + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(second, 7)
              + b"HEAD / HTTP/1.1\r\nHost: w\r\n\r\n"
              + POST + key_line(weir) + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
              + chunked(third) + b"GET /v1/models HTTP/1.1\r\nHost: w\r\n" + key_line(weir) + b"\r\n")
    provider.clear()
    with Client(weir.address) as client:
        client.send(packet)
        said = read_all(client.sock)
    assert statuses(said) == [200] * 4
    assert [r.body for r in provider.requests] == [first, second, third]


def test_a_request_byte_by_byte(weir, provider):
    body = body_of()
    head = POST + key_line(weir)
    for framed in (b"Content-Length: %d\r\n\r\n" % len(body) + body,
                   b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, 9)):
        with Client(weir.address) as client:
            for byte in head + framed:
                client.send(bytes([byte]))
            assert client.answer().status == 200
            assert provider.last.body == body


def test_a_chunked_body_does_not_reach_into_the_head(weir, provider):
    """Its bytes look like a head, and are many more than a buffer holds."""
    evil = "\r\nGET /evil?evil=1 HTTP/1.1\r\nX-Evil: evil\r\n\r\n" * 3000
    body = body_of(user="u", messages=[{"role": "user", "content": PROMPT + evil}])
    headers = [key_field(weir), JSON, ("X-Mark", "good"), ("Transfer-Encoding", "chunked")]
    with Client(weir.address) as client:
        client.request("POST", CHAT + "?api-version=1&mark=good", headers, chunked(body))
        assert client.answer().status == 200
    assert provider.last.target == CHAT + "?api-version=1&mark=good"
    assert provider.last.header("x-mark") == "good"
    assert provider.last.body == body
    assert b"evil" not in provider.last.raw_head


def test_a_body_waits_to_be_asked_for(weir, provider):
    body = body_of()
    with Client(weir.address) as client:
        client.request("POST", CHAT, [key_field(weir), JSON, ("Expect", "100-continue"),
                                      ("Content-Length", str(len(body)))])
        assert client.reader.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(body)
        assert client.answer().status == 200


@pytest.mark.parametrize("headers, length, status", [
    ([("Authorization", "Bearer weir_none_such")], 100, 401), (None, 40 << 20, 413)],
    ids=["unknown caller", "too large"])
def test_a_body_that_will_be_refused_is_not_asked_for(weir, headers, length, status):
    with Client(weir.address) as client:
        client.request("POST", CHAT, [*(headers or [key_field(weir)]), ("Expect", "100-continue"),
                                      ("Content-Length", str(length))])
        said = read_all(client.sock)
        assert statuses(said) == [status]


# ---- limits ----

@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_that_is_too_large_is_told_to_a_client_that_still_sends(weir, framing):
    body = b"x" * (34 << 20)
    field = ("Content-Length", str(len(body))) if framing == "length" else \
        ("Transfer-Encoding", "chunked")
    with Client(weir.address) as client:
        client.request("POST", CHAT, [key_field(weir), field],
                       body if framing == "length" else chunked(body, 1 << 20))
        answer = client.answer()
        assert answer.status == 413 and answer.header("connection") == "close"
        assert answer.json()["error"]["code"] == "body_too_large"
        assert client.is_closed(15)


def test_a_head_that_is_too_large(weir):
    for fields in (b"X: " + b"x" * 70_000 + b"\r\n", b"X: x\r\n" * 200):
        with Client(weir.address) as client:
            client.send(POST + fields + b"\r\n")
            assert statuses(read_all(client.sock)) == [431]


def test_a_refused_caller_may_go_on_with_its_next_request(weir):
    """The body that came with the refused one is neither lost nor read as a request."""
    with Client(weir.address) as client:
        for _ in range(3):
            client.request("POST", CHAT, [("Authorization", "Bearer weir_none_such")],
                           b"GET /evil HTTP/1.1\r\n\r\n" * 1000)
            assert client.answer().status == 401
        assert client.call("POST", CHAT, [key_field(weir)], body_of()).status == 200


# ---- codings ----

def deflate(data):
    return zlib.compress(data)


CODINGS = {"gzip": gzip.compress, "deflate": deflate, "br": brotli.compress,
           "zstd": zstandard.compress, "x-gzip": gzip.compress}


@pytest.mark.parametrize("coding", CODINGS)
def test_a_compressed_request_is_understood_and_sent_on_plain(weir, provider, coding):
    body = body_of()
    for value, sent in ((coding, CODINGS[coding](body)), (coding.upper(), CODINGS[coding](body)),
                        (f"gzip, {coding}", CODINGS[coding](gzip.compress(body)))):
        for framing in (("Content-Length", str(len(sent))), ("Transfer-Encoding", "chunked")):
            headers = [key_field(weir), JSON, ("Content-Encoding", value), framing]
            with Client(weir.address) as client:
                client.request("POST", CHAT, headers,
                               sent if framing[1] != "chunked" else chunked(sent, 50))
                answer = client.answer()
            assert answer.status == 200, answer.body
            assert provider.last.body == body
            assert provider.last.header("content-encoding") is None


BOMB = 100 << 20
BOMBS = {
    "gzip": lambda: gzip.compress(b"0" * BOMB),
    "deflate": lambda: zlib.compress(b"0" * BOMB),
    "br": lambda: brotli.compress(b"0" * BOMB, quality=2),
    "zstd": lambda: zstandard.compress(b"0" * BOMB),
    "gzip, gzip": lambda: gzip.compress(gzip.compress(b"0" * BOMB)),
}


def test_a_bomb_is_refused_in_little_memory(start_weir, upstream):
    weir = start_weir(config_for(upstream.url))
    for coding, make in BOMBS.items():
        answer = weir.post(CHAT, make(), [("Content-Encoding", coding)])
        assert answer.status == 413, (coding, answer.body)
        assert SANITIZED or memory_peak(weir) < 250, coding
    assert upstream.requests == []
    assert weir.post(CHAT, BODY).status == 200


def test_a_coding_that_is_unknown_torn_or_none(weir):
    body = body_of()
    for coding, sent, status in (
            ("compress", body, 415), ("gzip, compress", body, 415), ("gzip;q=1", body, 415),
            ("gzip, gzip, gzip, gzip", body, 415), ("gzip", body, 400),
            ("gzip", gzip.compress(body)[:-4], 400), ("gzip", gzip.compress(body) + b"x", 400),
            ("zstd", zstandard.compress(body)[:-4], 400), ("br", brotli.compress(body)[:-2], 400),
            ("identity", body, 200)):
        answer = weir.post(CHAT, sent, [("Content-Encoding", coding)])
        assert answer.status == status, (coding, answer.body)


# ---- other protocols and old clients ----

def test_a_websocket_is_answered_426_and_other_upgrades_are_ignored(weir, provider):
    with Client(weir.address) as client:
        answer = client.call("GET", "/v1/responses", [
            key_field(weir), ("Connection", "Upgrade"), ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")])
        assert answer.status == 426
        # As Java's client does it with its first request.
        answer = client.call("POST", CHAT, [
            key_field(weir), ("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"),
            ("HTTP2-Settings", "AAEAAEAA")], body_of())
        assert answer.status == 200
        for name in ("upgrade", "http2-settings", "connection"):
            assert provider.last.header(name) is None


def test_a_probe_is_answered_without_a_body(weir):
    with Client(weir.address) as client:
        for _ in range(2):
            client.request("HEAD", "/")
            assert client.answer("HEAD").status == 200
        assert client.call("GET", "/").status == 200


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fields", [[], [("Connection", "keep-alive")]], ids=["", "keep-alive"])
def test_an_old_client_reads_up_to_the_end_of_the_connection(weir, stream, fields):
    body = body_of(stream=stream)
    lines = [f"{n}: {v}" for n, v in [key_field(weir), ("Content-Length", str(len(body))), *fields]]
    with Client(weir.address) as client:
        client.send(f"POST {CHAT} HTTP/1.0\r\n".encode() + "\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        head, _, payload = read_all(client.sock).partition(b"\r\n\r\n")
    assert statuses(head) == [200]
    assert b"connection: close" in head.lower() and b"transfer-encoding" not in head.lower()
    if stream:
        assert payload.endswith(b"data: [DONE]\n\n")
        assert payload.startswith(b"data: ")
    else:
        assert json.loads(payload)["usage"]


# ---- slow and vanishing clients ----

@pytest.fixture(scope="module")
def hurried(provider, tmp_path_factory):
    """A Weir that waits half a second for its clients."""
    program = Weir(tmp_path_factory.mktemp("hurried"), config_for(
        provider.url, limits={"client_header_ms": 500, "client_idle_ms": 500, "keep_alive_ms": 500}))
    try:
        yield program.start()
    finally:
        program.close()


def drip(client, data, within=10):
    """A byte every 20 ms until the other side speaks or ends: what it said."""
    client.sock.settimeout(0.02)
    deadline = time.monotonic() + within
    at = 0
    while time.monotonic() < deadline:
        try:
            client.send(data[at % len(data):at % len(data) + 1])
            at += 1
            if piece := client.sock.recv(65536):
                return piece
            return b""
        except TimeoutError:
            continue
    raise AssertionError("it was never cut")


def test_a_head_that_drips_in_is_cut(hurried):
    with Client(hurried.address) as client:
        assert statuses(drip(client, b"GET / HTTP/1.1\r\nX: " + b"x" * 1000)) == [408]


@pytest.mark.parametrize("framing", [b"Content-Length: 100000\r\n\r\n",
                                     b"Transfer-Encoding: chunked\r\n\r\n186a0\r\n"],
                         ids=["length", "chunked"])
def test_a_body_that_drips_in_is_cut(hurried, framing):
    with Client(hurried.address) as client:
        client.send(POST + key_line(hurried) + framing)
        assert statuses(drip(client, b"x" * 100)) == [408]


def test_a_silent_client_is_closed_without_a_word(hurried):
    with Client(hurried.address) as client:
        assert read_all(client.sock) == b""


def test_a_client_that_does_not_read_holds_the_provider_back_and_is_cut(start_weir, raw_provider):
    sent = [0]
    ended = threading.Event()
    chunk = b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1,
                                    "model": "gpt-4o-mini", "choices": [
                                        {"index": 0, "delta": {"content": "x" * 8000},
                                         "finish_reason": None}]}).encode() + b"\n\n"

    def serve(sock):
        reader = wire.Reader(sock)
        head = reader.until(b"\r\n\r\n")
        reader.exactly(int(wire.find(wire.fields_of(head), "content-length")))
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        try:
            for _ in range(20_000):  # 160 MB
                sock.sendall(chunk)
                sent[0] += len(chunk)
        finally:
            ended.set()

    provider = raw_provider(serve)
    weir = start_weir(config_for(provider.url, limits={"client_idle_ms": 1500, "drain_ms": 0}))
    before = memory_peak(weir)
    with Client(weir.address) as client:
        client.request("POST", CHAT, [key_field(weir)], body_of(stream=True))
        head = client.reader.until(b"\r\n\r\n")
        call_id = wire.find(wire.fields_of(head), "x-weir-call-id")
        last = -1
        while sent[0] != last:  # until nothing moves any more
            last = sent[0]
            time.sleep(0.3)
        assert last < 40 << 20 and not ended.is_set()  # what two kernels' buffers hold
        assert memory_peak(weir) - before < 30
        assert ended.wait(20)
    assert sent[0] < 60 << 20
    attempt = weir.call(call_id)["attempts"][0]
    assert attempt["outcome"]["client_gone"] and attempt["state"] == "unknown"


def test_a_client_that_leaves_is_drained_for(weir, provider):
    gate = threading.Event()
    provider.clear()
    provider.then(lambda request: with_hang(canned.chat(request.json()), gate))
    with Client(weir.address) as client:
        client.request("POST", CHAT, [key_field(weir)], body_of(stream=True))
        call_id = wire.find(wire.fields_of(client.reader.until(b"\r\n\r\n")), "x-weir-call-id")
    gate.set()
    attempt = weir.call(call_id)["attempts"][0]
    assert attempt["outcome"]["client_gone"]
    assert attempt["usage"]["completeness"] == "exact_drained" and attempt["state"] == "settled"


def with_hang(reply, gate):
    reply.hang = gate
    return reply


# ---- providers that answer early ----

@pytest.mark.parametrize("then", ["stays", "closes", "resets"])
def test_a_provider_that_refuses_before_it_has_read_the_body(start_weir, raw_provider, then):
    error = json.dumps({"error": {"message": "too large", "type": "invalid_request_error",
                                  "code": None, "param": None}}).encode()
    done = threading.Event()

    def serve(sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        wire.Reader(sock).until(b"\r\n\r\n")
        sock.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(error) + error)
        if then == "stays":
            done.wait(20)
        if then == "resets":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    provider = raw_provider(serve)
    weir = start_weir(config_for(provider.url))
    large = body_of(messages=[{"role": "user", "content": PROMPT + "x" * (24 << 20)}])
    began = time.monotonic()
    answer = weir.post(CHAT, large)
    done.set()
    assert time.monotonic() - began < 15
    call = weir.call(answer.call_id)
    check_released(call["attempts"][-1])
    if then == "resets":  # the reset may overtake the answer
        assert answer.status in (413, 502)
    else:
        assert answer.status == 413 and answer.body == error


def test_bytes_behind_an_answer_are_never_the_next_ones(weir, provider):
    evil = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 6\r\n\r\n\"evil\""
    provider.clear()
    for framing in ("length", "chunked"):
        good = canned.chat(json.loads(body_of()))
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        framed = (b"Content-Length: %d\r\n\r\n" % len(good.body) + good.body if framing == "length"
                  else b"Transfer-Encoding: chunked\r\n\r\n" + chunked(good.body))
        provider.then(Reply(framing="raw", body=head + framed + evil))
        assert weir.post(CHAT, BODY).body == good.body
        assert b"evil" not in weir.post(CHAT, BODY).body


@pytest.mark.parametrize("garbage", [
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx",
    b"HTTP/1.1 102 Processing\r\n\r\n" * 50,
    b"SSH-2.0-OpenSSH_9.2\r\n\r\n"],
    ids=["another protocol", "two lengths", "bare line feeds", "interim for ever", "none at all"])
def test_a_provider_that_speaks_no_http(weir, provider, garbage):
    provider.clear()
    provider.then(Reply(framing="raw", body=garbage))
    answer = weir.post(CHAT, BODY)
    assert answer.status == 502 and answer.json()["error"]["code"] == "provider_protocol"
    assert weir.post(CHAT, BODY).status == 200


# ---- floods ----

def test_silent_connections_do_not_lock_others_out(start_weir, upstream):
    weir = start_weir(config_for(upstream.url, workers=1, limits={"connections": 20}))
    silent = [Client(weir.address) for _ in range(60)]
    half = [Client(weir.address) for _ in range(60)]
    for client in half:
        client.send(b"POST " + CHAT.encode() + b" HT")
    for _ in range(5):
        assert weir.post(CHAT, BODY).status == 200
    # The oldest made room.
    assert all(client.is_closed(2) for client in silent)
    for client in silent + half:
        client.close()


def test_a_connection_that_is_served_is_not_the_one_to_make_room(start_weir, upstream):
    weir = start_weir(config_for(upstream.url, workers=1, limits={"connections": 20}))
    gate = threading.Event()
    upstream.then(lambda request: with_hang(canned.chat(request.json()), gate))
    with Client(weir.address) as busy:
        busy.request("POST", CHAT, [key_field(weir)], body_of())
        upstream.wait_for(1)
        flood = [Client(weir.address) for _ in range(60)]
        assert weir.post(CHAT, BODY).status == 200
        gate.set()
        assert busy.answer().status == 200
        for client in flood:
            client.close()


def test_a_client_that_floods_with_pipelined_requests_does_not_starve_others(start_weir, upstream):
    weir = start_weir(config_for(upstream.url, workers=1))
    stop = threading.Event()
    floods = [Client(weir.address, timeout=30) for _ in range(4)]

    def write(client):
        try:
            while not stop.is_set():
                client.send(b"GET / HTTP/1.1\r\nHost: w\r\n\r\n" * 2000)
        except OSError:
            assert stop.is_set()

    def read(client):
        try:
            while client.sock.recv(1 << 20):
                pass
        except OSError:
            assert stop.is_set()

    threads = [threading.Thread(target=act, args=(client,)) for client in floods
               for act in (write, read)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            began = time.monotonic()
            assert weir.post(CHAT, BODY).status == 200
            assert time.monotonic() - began < 3
    finally:
        stop.set()
        for client in floods:
            client.sock.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
        for client in floods:
            client.close()


# ---- stopping ----

def test_a_stop_lets_running_calls_finish_and_nobody_in(start_weir, upstream):
    weir = start_weir(config_for(upstream.url))
    gates = [threading.Event(), threading.Event()]
    upstream.then(*[lambda request, g=g: with_hang(canned.chat(request.json()), g) for g in gates])
    idle = Client(weir.address)
    assert idle.call("GET", "/").status == 200
    half = Client(weir.address)
    half.send(b"POST / HT")
    streaming, whole = Client(weir.address), Client(weir.address)
    streaming.request("POST", CHAT, [key_field(weir)], body_of(stream=True))
    upstream.wait_for(1)
    whole.request("POST", CHAT, [key_field(weir)], body_of())
    upstream.wait_for(2)
    streaming.reader.until(b"\r\n\r\n")

    weir.signal(15)
    assert read_all(idle.sock) == b"" and read_all(half.sock) == b""
    deadline = time.monotonic() + 5
    while True:
        try:
            Client(weir.address).close()
        except ConnectionRefusedError:
            break
        assert time.monotonic() < deadline, "still lets clients in"
        time.sleep(0.02)
    assert weir.running()

    gates[0].set()
    events = wire.read_chunked(streaming.reader)
    assert events.endswith(b"data: [DONE]\n\n")
    assert weir.running()
    gates[1].set()
    answer = whole.answer()
    assert answer.status == 200 and answer.header("connection") == "close"
    assert weir.process.wait(10) == 0
    for client in (idle, half, streaming, whole):
        client.close()
    states = [entry["state"] for entry in weir.export()]
    assert states == ["settled", "settled"]
