"""Who may call: keys in every header that clients use, and 401 in the caller's dialect for all others."""

import json
import time

import anthropic
import openai
import pytest

import wire
from prices import usd
from weir import PROMPT, secret_part

CHAT = {"model": "gpt-4o-mini", "max_tokens": 50, "messages": [{"role": "user", "content": PROMPT}]}
PATHS = {"/v1/chat/completions": CHAT,
         "/v1/responses": {"model": "gpt-5", "input": PROMPT},
         "/v1/embeddings": {"model": "text-embedding-3-small", "input": PROMPT},
         "/v1/messages": {**CHAT, "model": "claude-opus-5-5"}}
ANTHROPIC = ("/v1/messages",)


def send(weir, path, headers, body=None):
    body = json.dumps(body or PATHS[path]).encode()
    return wire.call(weir.address, "POST", path, [*headers, ("Content-Type", "application/json")], body)


def check_401(answer, path, code):
    assert answer.status == 401
    assert answer.header("x-should-retry") == "false" and answer.header("retry-after") is None
    body = answer.json()
    if path in ANTHROPIC:
        assert body["type"] == "error" and body["error"]["type"] == "authentication_error"
    else:
        assert body["error"]["type"] == "invalid_request_error" and body["error"]["code"] == code
    assert body["error"]["weir"]["code"] == code
    assert len(body["error"]["message"]) > 10


@pytest.mark.parametrize("headers", [
    lambda k: [("Authorization", f"Bearer {k}")], lambda k: [("authorization", f"bearer {k}")],
    lambda k: [("Authorization", f"Bearer  {k}")], lambda k: [("x-api-key", k)],
    lambda k: [("X-API-Key", k)], lambda k: [("api-key", k)], lambda k: [("x-goog-api-key", k)],
    lambda k: [("x-weir-key", k)],
    lambda k: [("x-api-key", "sk-other"), ("Authorization", f"Bearer {k}")]],
    ids=["bearer", "lower case", "two blanks", "x-api-key", "other case", "api-key", "x-goog-api-key",
         "x-weir-key", "beside another"])
@pytest.mark.parametrize("path", PATHS)
def test_a_key_in_every_header(weir, provider, path, headers):
    provider.clear()
    assert send(weir, path, headers(weir.key)).status == 200
    assert secret_part(weir.key).encode() not in provider.last.raw_head


@pytest.mark.parametrize("path", PATHS)
def test_missing_wrong_and_mangled_keys(weir, provider, path):
    provider.clear()
    check_401(send(weir, path, []), path, "key_missing")
    last = weir.key[-1]
    mangled = weir.key[:-1] + ("0" if last != "0" else "1")
    other_secret = weir.key[:20] + ("A" if weir.key[20] != "A" else "B") + weir.key[21:]
    for key in ("sk-proj-abc", "weir_", "weir_x_y", mangled, other_secret, weir.key + "0", weir.key[5:]):
        check_401(send(weir, path, [("Authorization", f"Bearer {key}")]), path, "invalid_api_key")
    assert not provider.requests
    assert secret_part(weir.key) not in weir.stderr()


@pytest.mark.parametrize("path", PATHS)
def test_an_admin_key_opens_no_calls(weir, provider, path):
    provider.clear()
    answer = send(weir, path, [("Authorization", f"Bearer {weir.admin_key}")])
    assert answer.status in (401, 403) and not provider.requests


def test_a_team_key_opens_no_admin_api(weir):
    for path in ("/keys", "/teams", "/calls", "/budgets", "/audit", "/prices"):
        assert weir.admin("GET", path, key=weir.key).status == 403
        assert wire.call(weir.admin_address, "GET", "/admin/v1" + path).status == 401


@pytest.mark.parametrize("path", PATHS)
def test_revoked(weir, provider, path):
    record, key = weir.make_key()
    header = [("Authorization", f"Bearer {key}")]
    assert send(weir, path, header).status == 200
    weir.admin("POST", f"/keys/{record['id']}/revoke", {}, expect=[200])
    check_401(send(weir, path, header), path, "key_revoked")


@pytest.mark.parametrize("path", PATHS)
def test_expired(weir, provider, path):
    record, key = weir.make_key()
    header = [("Authorization", f"Bearer {key}")]
    assert send(weir, path, header).status == 200
    weir.admin("POST", f"/keys/{record['id']}/expire", {}, expect=[200])
    check_401(send(weir, path, header), path, "key_expired")


def test_a_key_expires_by_itself(weir):
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    _, key = weir.make_key(expires_at=at)
    header = [("Authorization", f"Bearer {key}")]
    assert send(weir, "/v1/chat/completions", header).status == 200
    deadline = time.monotonic() + 8
    while (answer := send(weir, "/v1/chat/completions", header)).status == 200:
        assert time.monotonic() < deadline, "it never expired"
        time.sleep(0.05)
    check_401(answer, "/v1/chat/completions", "key_expired")


def test_rotation_keeps_the_old_secret_for_the_overlap_only(weir):
    record, old = weir.make_key()
    rotated = weir.admin("POST", f"/keys/{record['id']}/rotate", {"overlap_seconds": 2},
                         expect=[200]).json()
    new = rotated["secret"]
    weir.secrets.append(secret_part(new))
    assert rotated["key"]["id"] == record["id"] and new != old
    path = "/v1/chat/completions"
    assert send(weir, path, [("x-api-key", old)]).status == 200
    assert send(weir, path, [("x-api-key", new)]).status == 200
    deadline = time.monotonic() + 8
    while (answer := send(weir, path, [("x-api-key", old)])).status == 200:
        assert time.monotonic() < deadline, "the old secret never ended"
        time.sleep(0.05)
    assert answer.status == 401
    assert send(weir, path, [("x-api-key", new)]).status == 200


def test_rotation_without_overlap_ends_the_old_secret_at_once(weir):
    record, old = weir.make_key()
    new = weir.admin("POST", f"/keys/{record['id']}/rotate", {"overlap_seconds": 0},
                     expect=[200]).json()["secret"]
    weir.secrets.append(secret_part(new))
    assert send(weir, "/v1/chat/completions", [("x-api-key", old)]).status == 401
    assert send(weir, "/v1/chat/completions", [("x-api-key", new)]).status == 200


def test_the_sdks_raise_authentication_errors_and_do_not_retry(weir, provider):
    provider.clear()
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=weir.url + "/v1", api_key="sk-none", max_retries=2).models.list()
    with pytest.raises(anthropic.AuthenticationError):
        anthropic.Anthropic(base_url=weir.url, api_key="sk-none", max_retries=2).messages.create(
            **PATHS["/v1/messages"])
    assert not provider.requests


def test_a_key_is_bound_to_its_models(weir, provider):
    _, key = weir.make_key(models=["gpt-4o*"])
    header = [("Authorization", f"Bearer {key}")]
    assert send(weir, "/v1/chat/completions", header).status == 200
    provider.clear()
    for path, kind in (("/v1/responses", None), ("/v1/messages", "permission_error")):
        answer = send(weir, path, header)
        assert answer.status == 403 and not provider.requests
        error = answer.json()["error"]
        assert error["weir"]["code"] == "model_not_allowed"
        assert kind is None or error["type"] == kind


def test_ones_own_credential_goes_through_and_is_metered_outside_budgets(weir, provider):
    """A subscription login beside x-weir-key (product.md 3.15)."""
    assert weir.post("/v1/chat/completions", CHAT).status == 200  # so that something is used
    before = usd(weir.budget("team")["instances"][0]["used"])
    answer = send(weir, "/v1/messages", [("Authorization", "Bearer sk-ant-oat-own"),
                                         ("x-weir-key", weir.key)])
    assert answer.status == 200
    assert provider.last.header("authorization") == "Bearer sk-ant-oat-own"
    assert provider.last.header("x-api-key") is None and provider.last.header("x-weir-key") is None
    call = weir.call(answer.call_id)
    assert call["attempts"][0]["usage"]["tokens"]["output"] == 58
    assert usd(weir.budget("team")["instances"][0]["used"]) == before


def test_weir_me_says_who_i_am(weir):
    record, key = weir.make_key(application="support", task_type="triage")
    answer = weir.post("/v1/chat/completions", CHAT, key=key)
    me = weir.get("/weir/me", key=key).json()
    assert me["team"] == "default" and me["key"]["id"] == record["id"]
    assert me["attribution"]["application"] == {"value": "support", "from": "key"}
    assert me["missing"] == []
    budget, = [b for b in me["budgets"] if b["name"] == "team"]
    assert usd(budget["used"]) + usd(budget["held"]) + usd(budget["remaining"]) == usd(budget["amount"])
    assert [c["id"] for c in me["last_calls"]] == [answer.call_id]
    assert weir.get("/weir/me", key="sk-none").status == 401
    assert secret_part(key) not in json.dumps(me)


def test_a_call_is_its_teams_to_see(weir):
    weir.make_team("other")
    _, other = weir.make_key(team="other")
    answer = weir.post("/v1/chat/completions", CHAT)
    assert weir.call(answer.call_id)["id"] == answer.call_id
    refused = weir.get(f"/weir/calls/{answer.call_id}", key=other)
    assert refused.status == 404
    never = weir.get("/weir/calls/call_0000000000000000000z", key=other)
    assert never.status == 404 and never.json()["error"]["message"] == refused.json()["error"]["message"]
