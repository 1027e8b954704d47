"""The official Anthropic SDK, unmodified: whatever it does through Weir looks the same as going direct,
and the ledger holds what the provider reported, at the catalogue's price."""

import asyncio

import anthropic
import pydantic
import pytest

import canned
import wire
from ledger import ANTHROPIC, check_settled
from prices import usd
from weir import PROMPT

MODEL = "claude-opus-5-5"
MESSAGES = [{"role": "user", "content": PROMPT}]
TOOLS = [{"name": "weather", "description": "The weather of a city", "input_schema": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}]
CALLS = {
    "plain": {},
    "system and cache": {"system": [{"type": "text", "text": "Be terse.", "cache_control":
                                     {"type": "ephemeral", "ttl": "1h"}}]},
    "tools": {"tools": TOOLS, "tool_choice": {"type": "auto"}},
    "tool result": {"tools": TOOLS, "messages": [
        *MESSAGES, {"role": "assistant", "content": [
            {"type": "tool_use", "id": "toolu_e2e", "name": "weather", "input": {"city": "Málaga"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_e2e",
                                      "content": "22 °C"}]}]},
    "thinking": {"thinking": {"type": "adaptive"}, "max_tokens": 2048},
    "everything else": {"metadata": {"user_id": "u-1"}, "stop_sequences": ["END"],
                        "extra_headers": {"anthropic-beta": "context-1m-2025-08-07"},
                        "extra_body": {"zz_unknown": {"a": [1, 2.50, "½"]}},
                        "extra_query": {"beta": "true"}},
}


def arguments(name, **more):
    return {"model": MODEL, "max_tokens": 1024, "messages": MESSAGES, **CALLS[name], **more}


@pytest.fixture(scope="module")
def clients(provider, weir):
    made = [anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=20)
            for url, key in ((provider.url, "sk-direct"), (weir.url, weir.key))]
    yield made
    for client in made:
        client.close()


def run_async(provider, weir, use):
    async def both():
        out = []
        for url, key in ((provider.url, "sk-direct"), (weir.url, weir.key)):
            async with anthropic.AsyncAnthropic(base_url=url, api_key=key, max_retries=0) as client:
                out.append(await use(client))
        return out
    return asyncio.run(both())


def plain(event):
    return event.model_dump() if isinstance(event, pydantic.BaseModel) else event


def settled(weir, headers):
    return check_settled(weir, headers["x-weir-call-id"], ANTHROPIC, MODEL, canned.MESSAGE_TOKENS)


@pytest.mark.parametrize("name", CALLS)
def test_messages(clients, weir, name):
    direct, through = (c.messages.with_raw_response.create(**arguments(name)) for c in clients)
    assert through.http_response.content == direct.http_response.content
    assert through.parse().model_dump() == direct.parse().model_dump()
    for header in ("request-id", "anthropic-organization-id", "anthropic-ratelimit-requests-remaining"):
        assert through.headers[header] == direct.headers[header]
    settled(weir, through.headers)


@pytest.mark.parametrize("name", CALLS)
def test_messages_streamed(clients, weir, name):
    events = []
    for client in clients:
        raw = client.messages.with_raw_response.create(**arguments(name, stream=True))
        events.append([plain(e) for e in raw.parse()])
    assert events[1] == events[0]
    assert events[1][-1]["type"] == "message_stop"
    settled(weir, raw.headers)


def test_the_bytes_of_a_stream_are_those_of_the_provider(provider, weir):
    body = arguments("plain", stream=True)
    direct = wire.post(provider.address, "/v1/messages", "sk-direct", body)
    through = weir.post("/v1/messages", body)
    assert through.whole and through.body == direct.body


@pytest.mark.parametrize("name", ["plain", "tools", "thinking"])
def test_stream_helper_gives_the_same_events(clients, weir, name):
    events = []
    for client in clients:
        with client.messages.stream(**arguments(name)) as stream:
            events.append([plain(e) for e in stream])
            events[-1].append(stream.get_final_message().model_dump())
    assert events[1] == events[0]


def test_async(provider, weir):
    async def use(client):
        raw = await client.messages.with_raw_response.create(**arguments("tools"))
        async with client.messages.stream(**arguments("plain")) as stream:
            events = [plain(e) async for e in stream]
        return (await raw.parse()).model_dump(), events
    direct, through = run_async(provider, weir, use)
    assert through == direct


def test_many_async_streams_at_once(provider, weir):
    async def use(client):
        async def one():
            stream = await client.messages.create(**arguments("plain", stream=True))
            return [plain(e) async for e in stream]
        return await asyncio.gather(*(one() for _ in range(40)))
    direct, through = run_async(provider, weir, use)
    assert through == direct


def test_counting_tokens_is_free_and_passes(clients, weir):
    direct, through = (c.messages.count_tokens(model=MODEL, messages=MESSAGES) for c in clients)
    assert through.model_dump() == direct.model_dump()
    raw = clients[1].messages.with_raw_response.count_tokens(model=MODEL, messages=MESSAGES)
    call = weir.call(raw.headers["x-weir-call-id"])
    assert usd(call["cost_usd"]) == usd(call["charge_usd"]) == 0


def test_beta_messages_keep_their_query_and_header(clients, provider, weir):
    provider.clear()
    raw = clients[1].beta.messages.with_raw_response.create(
        **arguments("plain"), betas=["interleaved-thinking-2025-05-14"], extra_query={"beta": "true"})
    arrived = provider.last
    assert arrived.target == "/v1/messages?beta=true"
    assert arrived.header("anthropic-beta") == "interleaved-thinking-2025-05-14"
    settled(weir, raw.headers)


@pytest.mark.parametrize("how", ["api_key", "auth_token"])
def test_either_way_to_send_the_key(weir, how):
    client = anthropic.Anthropic(base_url=weir.url, **{how: weir.key}, max_retries=0)
    assert client.messages.create(**arguments("plain")).usage.input_tokens == 91
