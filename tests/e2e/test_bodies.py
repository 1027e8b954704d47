"""Bodies that mean nothing, or two things, or too much: refused with a reason, and nothing is sent."""

import gzip
import json
import zlib

import brotli
import pytest
import zstandard

import wire
from weir import PROMPT, Weir, config_for

MESSAGES = [{"role": "user", "content": PROMPT}]
CHAT = {"model": "gpt-4o-mini", "max_tokens": 50, "messages": MESSAGES}
CLAUDE = {**CHAT, "model": "claude-opus-5-5"}
RESPONSES = {"model": "gpt-5", "input": PROMPT, "max_output_tokens": 50}
PATHS = {"/v1/chat/completions": CHAT, "/v1/messages": CLAUDE, "/v1/responses": RESPONSES}


@pytest.fixture(scope="module")
def weir(provider, tmp_path_factory):
    """Its providers say which models they serve, so that others are unknown."""
    config = config_for(provider.url)
    config["providers"]["openai"]["models"] = ["gpt-4o-mini", "gpt-5", "text-embedding-3-small"]
    config["providers"]["anthropic"]["models"] = ["claude-opus-5-5"]
    program = Weir(tmp_path_factory.mktemp("weir"), config)
    try:
        yield program.start()
    finally:
        program.close()


def raw(weir, path, body, headers=()):
    return wire.post(weir.address, path, weir.key, body, headers)


def check_refused(weir, provider, path, answer, code, status=400):
    assert answer.status == status, answer.body
    error = answer.json()["error"]
    assert error["weir"]["code"] == code, error
    assert len(error["message"]) > 15
    assert answer.header("x-should-retry") == "false"
    if path == "/v1/messages":
        assert answer.json()["type"] == "error"
    assert not provider.requests, "it was sent"
    # What was refused is in the books, and cost nothing.
    call = weir.call(answer.call_id)
    assert [a["state"] for a in call["attempts"]] == ["refused"]
    assert call["error"] == code


@pytest.fixture(autouse=True)
def nothing_sent_yet(provider):
    provider.clear()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", [
    b"", b" ", b"{", b"nonsense", b"[]", b"null", b"\"text\"", b"{\"model\":\"gpt-4o-mini\"", b"{'model':1}",
    b"{\"model\":\"gpt-4o-mini\",}", b"\xff\xfe{}", b"{\"model\":\"\xff\"}", b"\x00", b"{}{}"],
    ids=["empty", "blank", "brace", "nonsense", "array", "null", "string", "cut off", "single quotes",
         "trailing comma", "utf-16 mark", "not utf-8", "zero", "two objects"])
def test_malformed(weir, provider, path, body):
    answer = raw(weir, path, body)
    assert answer.json()["error"]["weir"]["code"] in ("malformed_json", "invalid_parameter")
    check_refused(weir, provider, path, answer, answer.json()["error"]["weir"]["code"])


def disguised(path, extra):
    """A body with one more member, written as given."""
    body = PATHS[path]
    return json.dumps(body)[:-1].encode() + b"," + extra + b"}"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("extra", [
    b'"model":"gpt-5"', b'"mod\\u0065l":"gpt-5"', b'"Model":"gpt-5"', b'"MODEL":"gpt-5"',
    b'"stream":true,"stream":false', b'"Stream":true', b'"tools":[],"tools":[]', b'"service_tier":"flex",'
    b'"service_tier":"priority"', b'"n":1,"n":9', b'"\\u006e":9,"n":1'],
    ids=["duplicate model", "escaped model", "Model", "MODEL", "duplicate stream", "Stream",
         "duplicate tools", "duplicate tier", "duplicate n", "escaped n twice"])
def test_keys_that_mean_two_things(weir, provider, path, extra):
    check_refused(weir, provider, path, raw(weir, path, disguised(path, extra)), "ambiguous_json")


@pytest.mark.parametrize("extra", [b'"max_tokens":100000', b'"max_tok\\u0065ns":100000',
                                   b'"Max_Tokens":100000', b'"MAX_TOKENS":100000'])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_second_maximum_in_disguise(weir, provider, path, extra):
    check_refused(weir, provider, path, raw(weir, path, disguised(path, extra)), "ambiguous_json")


@pytest.mark.parametrize("number", ["-1", "1.5", "\"100\"", "9007199254740993",
                                    "9223372036854775808", "99999999999999999999999999", "true", "[1]", "{}",
                                    "1e999"])
@pytest.mark.parametrize("path, name", [("/v1/chat/completions", "max_tokens"),
                                        ("/v1/chat/completions", "n"),
                                        ("/v1/messages", "max_tokens"),
                                        ("/v1/responses", "max_output_tokens")])
def test_absurd_numbers(weir, provider, path, name, number):
    body = json.dumps({**PATHS[path], name: "HERE"}).replace('"HERE"', number).encode()
    answer = raw(weir, path, body)
    code = answer.json()["error"]["weir"]["code"]
    assert code in ("invalid_parameter", "malformed_json", "call_exceeds_budget"), answer.body
    check_refused(weir, provider, path, answer, code)


def test_a_huge_maximum_is_held_at_the_models_own(weir, provider):
    """2^53 is clipped to what the model can give, for the hold and for the provider."""
    answer = raw(weir, "/v1/messages", json.dumps({**CLAUDE, "max_tokens": 2 ** 52}).encode())
    code = answer.json()["error"]["weir"]["code"] if answer.status != 200 else None
    assert answer.status == 200 or code == "call_exceeds_budget", answer.body
    if answer.status == 200:
        attempt = weir.call(answer.call_id)["attempts"][0]
        assert provider.last.json()["max_tokens"] == attempt["max_output"] < 10 ** 7


@pytest.mark.parametrize("path, body", [
    ("/v1/chat/completions", {"messages": MESSAGES}), ("/v1/messages", {"messages": MESSAGES}),
    ("/v1/responses", {"input": PROMPT}), ("/v1/embeddings", {"input": PROMPT})])
@pytest.mark.parametrize("model", [..., None, "", 7, ["gpt-4o-mini"]])
def test_no_model(weir, provider, path, body, model):
    body = body if model is ... else {**body, "model": model}
    answer = raw(weir, path, body)
    code = answer.json()["error"]["weir"]["code"]
    assert code in ("invalid_parameter", "model_not_found")
    check_refused(weir, provider, path, answer, code, 400 if code == "invalid_parameter" else 404)


@pytest.mark.parametrize("path, asked, meant", [
    ("/v1/chat/completions", "gpt-4o-mni", "gpt-4o-mini"), ("/v1/messages", "claude-opus-5-6",
                                                            "claude-opus-5-5")])
def test_an_unknown_model_names_the_nearest(weir, provider, path, asked, meant):
    answer = raw(weir, path, {**PATHS[path], "model": asked})
    check_refused(weir, provider, path, answer, "model_not_found", 404)
    assert meant in answer.json()["error"]["message"]


@pytest.mark.parametrize("coding, encode", [
    ("gzip", gzip.compress), ("deflate", zlib.compress), ("br", brotli.compress),
    ("zstd", zstandard.ZstdCompressor().compress), ("identity", bytes),
    ("gzip, zstd", lambda b: zstandard.ZstdCompressor().compress(gzip.compress(b)))])
@pytest.mark.parametrize("path", PATHS)
def test_compressed_bodies_are_read_and_sent_plain(weir, provider, path, coding, encode):
    body = json.dumps(PATHS[path]).encode()
    answer = raw(weir, path, encode(body), [("Content-Encoding", coding)])
    assert answer.status == 200, answer.body
    assert provider.last.body == body and provider.last.header("content-encoding") is None


@pytest.mark.parametrize("coding, body, code, status", [
    ("gzip", b"not gzip at all", "malformed_body", 400),
    ("gzip", gzip.compress(json.dumps(CHAT).encode())[:-6], "malformed_body", 400),
    ("zstd", b"\x28\xb5\x2f\xfd nonsense", "malformed_body", 400),
    ("br", b"\xff\xff\xff\xff", "malformed_body", 400),
    ("compress", b"x", "unsupported_encoding", 415), ("gzip, rot13", b"x", "unsupported_encoding", 415)])
def test_codings_that_do_not_decode(weir, provider, coding, body, code, status):
    answer = raw(weir, "/v1/chat/completions", body, [("Content-Encoding", coding)])
    check_refused(weir, provider, "/v1/chat/completions", answer, code, status)


@pytest.fixture(scope="module")
def small(provider, tmp_path_factory):
    program = Weir(tmp_path_factory.mktemp("small"),
                   config_for(provider.url, limits={"body_bytes": 100_000}))
    try:
        yield program.start()
    finally:
        program.close()


def padded(size):
    body = json.dumps({**CHAT, "messages": [{"role": "user", "content": ""}]})
    return body.replace('"content": ""', '"content": "' + "x" * (size - len(body)) + '"').encode()


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_beyond_the_limit(small, provider, framing):
    assert raw(small, "/v1/chat/completions", padded(99_000)).status == 200
    provider.clear()
    body = padded(100_500)
    headers = []
    if framing == "chunked":
        headers = [("Transfer-Encoding", "chunked")]
        body = b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in
                        (body[i:i + 7000] for i in range(0, len(body), 7000))) + b"0\r\n\r\n"
    answer = raw(small, "/v1/chat/completions", body, headers)
    check_refused(small, provider, "/v1/chat/completions", answer, "body_too_large", 413)


@pytest.mark.parametrize("coding, encode", [
    ("gzip", gzip.compress), ("br", brotli.compress), ("zstd", zstandard.ZstdCompressor().compress)])
def test_a_bomb_is_not_unpacked(small, provider, coding, encode):
    bomb = encode(padded(20_000_000))
    assert len(bomb) < 100_000
    answer = raw(small, "/v1/chat/completions", bomb, [("Content-Encoding", coding)])
    check_refused(small, provider, "/v1/chat/completions", answer, "body_too_large", 413)


def test_deep_nesting(weir, provider):
    body = json.dumps(CHAT)[:-1].encode() + b',"x":' + b"[" * 5000 + b"]" * 5000 + b"}"
    answer = raw(weir, "/v1/chat/completions", body)
    assert answer.status == 400 and not provider.requests
    assert weir.running()


@pytest.mark.parametrize("path", ["/v1/images/generations", "/v1/audio/speech", "/v1/batches",
                                  "/v1/files", "/v1/fine_tuning/jobs", "/v1/realtime/sessions",
                                  "/v1/messages/batches", "/v1/moderations"])
def test_endpoints_with_a_fate_of_refusal(weir, provider, path):
    answer = raw(weir, path, CHAT)
    assert answer.status == 403 and not provider.requests
    error = answer.json()["error"]
    assert error["weir"]["code"] == "endpoint_refused" and ": " in error["message"]


@pytest.mark.parametrize("path", ["/v1/chat/completion", "/v2/chat/completions", "/v1/chat/completions/",
                                  "/v1//chat/completions", "/v1/x/../chat/completions",
                                  "/v1/chat%2fcompletions", "/v1/models/../chat/completions",
                                  "/admin/v1/keys"])
def test_paths_that_are_no_endpoints(weir, provider, path):
    answer = raw(weir, path, CHAT)
    assert answer.status in (403, 404) and not provider.requests
    assert answer.json()["error"]["weir"]["code"] in ("unknown_endpoint", "endpoint_refused")
