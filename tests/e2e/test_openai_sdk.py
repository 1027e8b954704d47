"""The official OpenAI SDK, unmodified: whatever it does through Weir looks the same as going direct,
and the ledger holds what the provider reported, at the catalogue's price."""

import asyncio

import openai
import pydantic
import pytest

import canned
import wire
from ledger import OPENAI, check_settled
from prices import usd
from weir import PROMPT

CHAT, REASONER, EMBEDDER = "gpt-4o-mini", "gpt-5", "text-embedding-3-small"
MESSAGES = [{"role": "system", "content": "You are terse."}, {"role": "user", "content": PROMPT}]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
           "additionalProperties": False}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "The weather of a city",
                                           "parameters": WEATHER, "strict": True}}]
RESPONSE_TOOLS = [{"type": "function", "name": "weather", "parameters": WEATHER, "strict": True}]
SCHEMA = {"type": "json_schema", "json_schema": {
    "name": "answer", "strict": True,
    "schema": {"type": "object", "properties": {"answer": {"type": "integer"}, "why": {"type": "string"}},
               "required": ["answer", "why"], "additionalProperties": False}}}
TOOL_TURN = [*MESSAGES, {"role": "assistant", "content": None, "tool_calls": [
    {"id": "call_e2e_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "call_e2e_1", "content": "22 °C"}]

CHAT_CALLS = {
    "plain": {},
    "max output": {"max_completion_tokens": 300},
    "old max output": {"max_tokens": 300},
    "two choices": {"n": 2},
    "tools": {"tools": TOOLS, "tool_choice": "auto"},
    "tool result": {"tools": TOOLS, "messages": TOOL_TURN},
    "structured": {"response_format": SCHEMA},
    "everything else": {"temperature": 0.2, "seed": 7, "user": "u-1", "metadata": {"ticket": "4711"},
                        "logit_bias": {"50256": -100}, "stop": ["\n\n"],
                        "extra_body": {"zz_unknown": {"a": [1, 2.50, "½"]}},
                        "extra_query": {"beta": "true"}},
}
RESPONSES_CALLS = {
    "plain": {"input": PROMPT},
    "items": {"input": [{"role": "user", "content": [{"type": "input_text", "text": PROMPT}]}],
              "instructions": "Be terse.", "max_output_tokens": 500,
              "reasoning": {"effort": "low"}, "store": False},
    "tools": {"input": PROMPT, "tools": RESPONSE_TOOLS},
}


@pytest.fixture(scope="module")
def clients(provider, weir):
    """(direct, through Weir), without retries."""
    made = [openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=20)
            for url, key in ((provider.url, "sk-direct"), (weir.url, weir.key))]
    yield made
    for client in made:
        client.close()


def run_async(provider, weir, use):
    """What `use(client)` gives with async clients, direct and through Weir."""
    async def both():
        out = []
        for url, key in ((provider.url, "sk-direct"), (weir.url, weir.key)):
            async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
                out.append(await use(client))
        return out
    return asyncio.run(both())


def plain(event):
    return event.model_dump() if isinstance(event, pydantic.BaseModel) else event


def chat_arguments(name, stream, usage=False):
    arguments = {"model": CHAT, "messages": MESSAGES, **CHAT_CALLS[name]}
    if stream:
        arguments["stream"] = True
        if usage:
            arguments["stream_options"] = {"include_usage": True}
    return arguments


@pytest.mark.parametrize("name", CHAT_CALLS)
def test_chat(clients, weir, name):
    direct, through = (c.chat.completions.with_raw_response.create(**chat_arguments(name, False))
                       for c in clients)
    assert through.content == direct.content
    assert through.parse().model_dump() == direct.parse().model_dump()
    assert through.headers["x-request-id"] == direct.headers["x-request-id"]
    check_settled(weir, through.headers["x-weir-call-id"], OPENAI, CHAT, canned.CHAT_TOKENS)


@pytest.mark.parametrize("usage", [False, True], ids=["usage not asked", "usage asked"])
@pytest.mark.parametrize("name", [n for n in CHAT_CALLS if n != "two choices"])
def test_chat_streamed(clients, weir, name, usage):
    events = []
    for client in clients:
        raw = client.chat.completions.with_raw_response.create(**chat_arguments(name, True, usage))
        events.append([plain(e) for e in raw.parse()])
    assert events[1] == events[0]
    assert any(e.get("usage") for e in events[1]) == usage
    check_settled(weir, raw.headers["x-weir-call-id"], OPENAI, CHAT, canned.CHAT_TOKENS)


@pytest.mark.parametrize("usage", [False, True], ids=["usage not asked", "usage asked"])
def test_the_bytes_of_a_stream_are_those_of_the_provider(provider, weir, usage):
    body = chat_arguments("plain", True, usage)
    direct = wire.post(provider.address, "/v1/chat/completions", "sk-direct", body)
    through = weir.post("/v1/chat/completions", body)
    assert through.whole and through.body == direct.body


def test_chat_async(provider, weir):
    async def use(client):
        raw = await client.chat.completions.with_raw_response.create(**chat_arguments("tools", False))
        stream = await client.chat.completions.create(**chat_arguments("plain", True))
        return raw.parse().model_dump(), [plain(e) async for e in stream]
    direct, through = run_async(provider, weir, use)
    assert through == direct


def test_many_async_streams_at_once(provider, weir):
    async def use(client):
        async def one():
            stream = await client.chat.completions.create(**chat_arguments("plain", True))
            return [plain(e) async for e in stream]
        return await asyncio.gather(*(one() for _ in range(40)))
    direct, through = run_async(provider, weir, use)
    assert through == direct


def test_stream_helper_gives_the_same_events(clients, weir):
    events = []
    for client in clients:
        with client.chat.completions.stream(model=CHAT, messages=MESSAGES, tools=TOOLS) as stream:
            events.append([plain(e) for e in stream])
            events[-1].append(stream.get_final_completion().model_dump())
    assert events[1] == events[0]


def test_structured_output_is_parsed(clients, weir):
    class Answer(pydantic.BaseModel):
        answer: int
        why: str
    direct, through = (c.chat.completions.parse(model=CHAT, messages=MESSAGES, response_format=Answer)
                       for c in clients)
    assert through.choices[0].message.parsed == direct.choices[0].message.parsed == Answer(
        answer=42, why="because")


@pytest.mark.parametrize("stream", [False, True])
def test_legacy_completions(clients, weir, stream):
    results = []
    for client in clients:
        raw = client.completions.with_raw_response.create(
            model="gpt-3.5-turbo-instruct", prompt=PROMPT, max_tokens=50, stream=stream)
        made = raw.parse()
        results.append([plain(e) for e in made] if stream else made.model_dump())
    assert results[1] == results[0]
    check_settled(weir, raw.headers["x-weir-call-id"], OPENAI, "gpt-3.5-turbo-instruct",
                  {"input": 21, "output": 12})


@pytest.mark.parametrize("encoding", [None, "float", "base64"])
@pytest.mark.parametrize("inputs", [PROMPT, [PROMPT, "second", "third"], [[1, 2, 3], [4, 5]]])
def test_embeddings(clients, weir, encoding, inputs):
    more = {} if encoding is None else {"encoding_format": encoding}
    direct, through = (c.embeddings.with_raw_response.create(model=EMBEDDER, input=inputs, **more)
                       for c in clients)
    assert through.content == direct.content
    assert through.parse().model_dump() == direct.parse().model_dump()
    count = 9 * (len(inputs) if isinstance(inputs, list) else 1)
    check_settled(weir, through.headers["x-weir-call-id"], OPENAI, EMBEDDER, {"input": count})


@pytest.mark.parametrize("name", RESPONSES_CALLS)
def test_responses(clients, weir, name):
    direct, through = (
        c.responses.with_raw_response.create(model=REASONER, **RESPONSES_CALLS[name]) for c in clients)
    assert through.content == direct.content
    assert through.parse().model_dump() == direct.parse().model_dump()
    check_settled(weir, through.headers["x-weir-call-id"], OPENAI, REASONER, canned.RESPONSES_TOKENS)


@pytest.mark.parametrize("name", RESPONSES_CALLS)
def test_responses_streamed(clients, weir, name):
    events = []
    for client in clients:
        raw = client.responses.with_raw_response.create(
            model=REASONER, stream=True, **RESPONSES_CALLS[name])
        events.append([plain(e) for e in raw.parse()])
    assert events[1] == events[0]
    assert events[1][-1]["type"] == "response.completed"
    check_settled(weir, raw.headers["x-weir-call-id"], OPENAI, REASONER, canned.RESPONSES_TOKENS)


def test_responses_stream_helper_and_async(clients, provider, weir):
    events = []
    for client in clients:
        with client.responses.stream(model=REASONER, input=PROMPT) as stream:
            events.append([plain(e) for e in stream])
            events[-1].append(stream.get_final_response().model_dump())
    assert events[1] == events[0]

    async def use(client):
        stream = await client.responses.create(model=REASONER, input=PROMPT, stream=True,
                                               tools=RESPONSE_TOOLS)
        return [plain(e) async for e in stream]
    direct, through = run_async(provider, weir, use)
    assert through == direct


def test_models(clients, weir):
    direct, through = (c.models.list().model_dump() for c in clients)
    assert through == direct
    direct, through = ([m.id for m in c.models.list()] for c in clients)
    assert through == direct == ["gpt-4o-mini", "gpt-5"]


def test_a_count_of_input_tokens_is_free(clients, weir):
    counted = clients[1].responses.input_tokens.with_raw_response.count(model=REASONER, input=PROMPT)
    assert counted.parse().input_tokens == 321
    call = weir.call(counted.headers["x-weir-call-id"])
    assert usd(call["cost_usd"]) == usd(call["charge_usd"]) == 0


def test_answers_carry_cost_and_budget(clients, weir):
    raw = clients[1].chat.completions.with_raw_response.create(**chat_arguments("plain", False))
    call = weir.call(raw.headers["x-weir-call-id"])
    assert raw.headers["x-weir-cost-usd"] == call["cost_usd"]
    assert raw.headers["x-weir-model"] == CHAT
    assert raw.headers["x-weir-provider"] == "openai"
    assert raw.headers["x-weir-attempts"] == "1"
    assert raw.headers["x-weir-budget"].startswith("team; remaining=99")
    assert raw.headers["x-weir-missing"] == "task_type"


@pytest.mark.parametrize("base", ["/v1", ""])
def test_both_spellings_of_the_base_url(weir, base):
    client = openai.OpenAI(base_url=weir.url + base, api_key=weir.key, max_retries=0)
    assert client.chat.completions.create(model=CHAT, messages=MESSAGES).usage.prompt_tokens == 137


@pytest.mark.parametrize("endpoint, name", [("/v1/chat/completions", "max_completion_tokens"),
                                            ("/v1/responses", "max_output_tokens")])
def test_a_call_without_a_limit_is_sent_with_the_one_it_is_held_at(provider, weir, endpoint, name):
    """Under a blocking budget the provider must know the maximum that the hold was reckoned with."""
    body = {"model": REASONER, "input" if "responses" in endpoint else "messages":
            [{"role": "user", "content": PROMPT}]}
    answer = weir.post(endpoint, body)
    sent = provider.last.json()
    attempt = weir.call(answer.call_id)["attempts"][0]
    assert sent.pop(name) == attempt["max_output"] > 0
    assert sent == body
    assert attempt["notes"] == [f"max output set to {attempt['max_output']}"]
