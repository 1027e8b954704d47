"""A small deterministic provider, both vendors at once: the same request always gets the same answer,
so that a call made directly and one made through Weir can be compared whole. Its usage figures are
functions of the request, and are kept beside the answer in USAGE_OF."""

import base64
import json
import struct

from upstream import Reply

TEXT = "Grüße — the weir holds 💧 and the stream goes on."
WORDS = ["Grüße", " — the", " weir", " holds", " 💧", " and the stream", " goes on."]


def dump(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def sse(events, named=False, done=False):
    out = []
    for event in events:
        if named:
            out.append(f"event: {event['type']}\n")
        out.append(f"data: {dump(event)}\n\n")
    if done:
        out.append("data: [DONE]\n\n")
    return "".join(out).encode()


# ---- OpenAI ----

CHAT_USAGE = {"prompt_tokens": 137, "completion_tokens": 46, "total_tokens": 183,
              "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 0},
              "completion_tokens_details": {"reasoning_tokens": 17, "audio_tokens": 0,
                                            "accepted_prediction_tokens": 0,
                                            "rejected_prediction_tokens": 0}}
CHAT_TOKENS = {"input": 73, "cache_read": 64, "output": 46}

REQUEST_ID = ("x-request-id", "req_e2e_0001")
LIMITS = [("openai-processing-ms", "12"), ("openai-version", "2020-10-01"),
          ("x-ratelimit-remaining-requests", "4999"), REQUEST_ID]


def tool_call(request):
    name = request["tools"][0]["function"]["name"]
    return {"id": "call_e2e_1", "type": "function",
            "function": {"name": name, "arguments": '{"city":"Málaga"}'}}


def wants_tool(request):
    return bool(request.get("tools")) and not any(m.get("role") == "tool" for m in request["messages"])


def chat_text(request):
    form = (request.get("response_format") or {}).get("type")
    return '{"answer":42,"why":"because"}' if form in ("json_schema", "json_object") else TEXT


def chat(request):
    if request.get("stream"):
        return chat_stream(request)
    choices = []
    for index in range(request.get("n") or 1):
        message = {"role": "assistant", "content": chat_text(request), "refusal": None}
        finish = "stop"
        if wants_tool(request):
            message.update(content=None, tool_calls=[tool_call(request)])
            finish = "tool_calls"
        choices.append({"index": index, "message": message, "logprobs": None, "finish_reason": finish})
    body = {"id": "chatcmpl-e2e", "object": "chat.completion", "created": 1764000000,
            "model": request["model"], "choices": choices, "usage": CHAT_USAGE,
            "service_tier": "default", "system_fingerprint": "fp_e2e", "zz_unknown": {"kept": [1, 2.50]}}
    return Reply.json(dump(body).encode(), headers=LIMITS)


def chat_stream(request):
    asked = (request.get("stream_options") or {}).get("include_usage", False)

    def chunk(delta, finish=None, choices=None, usage=None):
        out = {"id": "chatcmpl-e2e", "object": "chat.completion.chunk", "created": 1764000000,
               "model": request["model"], "service_tier": "default", "system_fingerprint": "fp_e2e",
               "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
               if choices is None else choices}
        if asked:
            out["usage"] = usage
        return out

    events = [chunk({"role": "assistant", "content": "", "refusal": None})]
    finish = "stop"
    if wants_tool(request):
        call = tool_call(request)
        whole = call["function"]["arguments"]
        call["function"]["arguments"] = ""
        events.append(chunk({"tool_calls": [{"index": 0, **call}]}))
        events += [chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
                   for part in (whole[:5], whole[5:])]
        finish = "tool_calls"
    elif request.get("response_format"):
        text = chat_text(request)
        events += [chunk({"content": text[i:i + 7]}) for i in range(0, len(text), 7)]
    else:
        events += [chunk({"content": word}) for word in WORDS]
    events.append(chunk({}, finish))
    if asked:
        events.append(chunk(None, choices=[], usage=CHAT_USAGE))
    return Reply.sse(sse(events, done=True), headers=LIMITS)


def completions(request):
    usage = {"prompt_tokens": 21, "completion_tokens": 12, "total_tokens": 33}
    base = {"id": "cmpl-e2e", "object": "text_completion", "created": 1764000000,
            "model": request["model"]}
    if not request.get("stream"):
        choice = {"text": TEXT, "index": 0, "logprobs": None, "finish_reason": "stop"}
        return Reply.json(dump({**base, "choices": [choice], "usage": usage}).encode())
    asked = (request.get("stream_options") or {}).get("include_usage", False)
    more = {"usage": None} if asked else {}
    events = [{**base, "choices": [{"text": word, "index": 0, "logprobs": None,
                                    "finish_reason": None}], **more} for word in WORDS]
    events.append({**base, "choices": [{"text": "", "index": 0, "logprobs": None,
                                        "finish_reason": "length"}], **more})
    if asked:
        events.append({**base, "choices": [], "usage": usage})
    return Reply.sse(sse(events, done=True))


def embeddings(request):
    inputs = request["input"] if isinstance(request["input"], list) else [request["input"]]
    vectors = [[0.25 * (i + 1), -0.5, 1.0, 3.0517578125e-05] for i in range(len(inputs))]
    if request.get("encoding_format") == "base64":
        vectors = [base64.b64encode(struct.pack("<4f", *v)).decode() for v in vectors]
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
    count = 9 * len(inputs)
    return Reply.json(dump({"object": "list", "data": data, "model": request["model"],
                            "usage": {"prompt_tokens": count, "total_tokens": count}}).encode())


RESPONSES_USAGE = {"input_tokens": 211, "input_tokens_details": {"cached_tokens": 128},
                   "output_tokens": 77, "output_tokens_details": {"reasoning_tokens": 33},
                   "total_tokens": 288}
RESPONSES_TOKENS = {"input": 83, "cache_read": 128, "output": 77}


def response_object(request, status, output, usage):
    return {"id": "resp_e2e", "object": "response", "created_at": 1764000000, "status": status,
            "background": False, "error": None, "incomplete_details": None, "instructions": None,
            "max_output_tokens": None, "model": request["model"],
            "output": output, "parallel_tool_calls": True, "previous_response_id": None,
            "reasoning": {"effort": "medium", "summary": None}, "service_tier": "default",
            "store": False, "temperature": 1.0, "text": {"format": {"type": "text"}},
            "tool_choice": "auto", "tools": request.get("tools", []), "top_p": 1.0,
            "truncation": "disabled", "usage": usage, "user": None, "metadata": {}}


def responses(request):
    if request.get("tools"):
        item = {"id": "fc_e2e", "type": "function_call", "status": "completed", "call_id": "call_e2e_2",
                "name": request["tools"][0]["name"], "arguments": '{"city":"Málaga"}'}
    else:
        item = {"id": "msg_e2e", "type": "message", "status": "completed", "role": "assistant",
                "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": TEXT}]}
    whole = response_object(request, "completed", [item], RESPONSES_USAGE)
    if not request.get("stream"):
        return Reply.json(dump(whole).encode(), headers=LIMITS)
    start = response_object(request, "in_progress", [], None)
    events = [{"type": "response.created", "response": start},
              {"type": "response.in_progress", "response": start}]
    if item["type"] == "function_call":
        events += [{"type": "response.output_item.added", "output_index": 0,
                    "item": {**item, "status": "in_progress", "arguments": ""}}]
        events += [{"type": "response.function_call_arguments.delta", "item_id": item["id"],
                    "output_index": 0, "delta": d} for d in ('{"city":', '"Málaga"}')]
        events += [{"type": "response.function_call_arguments.done", "item_id": item["id"],
                    "output_index": 0, "name": item["name"], "arguments": item["arguments"]}]
    else:
        part = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
        at = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        events += [{"type": "response.output_item.added", "output_index": 0,
                    "item": {**item, "status": "in_progress", "content": []}},
                   {"type": "response.content_part.added", **at, "part": part}]
        events += [{"type": "response.output_text.delta", **at, "delta": word, "logprobs": []}
                   for word in WORDS]
        events += [{"type": "response.output_text.done", **at, "text": TEXT, "logprobs": []},
                   {"type": "response.content_part.done", **at, "part": {**part, "text": TEXT}}]
    events += [{"type": "response.output_item.done", "output_index": 0, "item": item},
               {"type": "response.completed", "response": whole}]
    for number, event in enumerate(events):
        event["sequence_number"] = number
    return Reply.sse(sse(events, named=True), headers=LIMITS)


def models():
    data = [{"id": name, "object": "model", "created": 1764000000, "owned_by": "e2e"}
            for name in ("gpt-4o-mini", "gpt-5")]
    return Reply.json({"object": "list", "data": data})


# ---- Anthropic ----

MESSAGE_USAGE = {"input_tokens": 91, "cache_creation_input_tokens": 40, "cache_read_input_tokens": 500,
                 "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 10},
                 "output_tokens": 58, "service_tier": "standard"}
MESSAGE_TOKENS = {"input": 91, "cache_read": 500, "cache_write_short": 30, "cache_write_long": 10,
                  "output": 58}
ANTHROPIC_IDS = [("request-id", "req_e2e_0002"), ("anthropic-organization-id", "org-e2e"),
                 ("anthropic-ratelimit-requests-remaining", "49")]


def blocks_of(request):
    blocks = [{"type": "text", "text": TEXT}]
    if request.get("thinking", {}).get("type") in ("enabled", "adaptive"):
        blocks.insert(0, {"type": "thinking", "thinking": "hm, ½", "signature": "c2ln"})
    if request.get("tools") and not any(
            isinstance(m["content"], list) and any(b.get("type") == "tool_result" for b in m["content"])
            for m in request["messages"]):
        blocks = [{"type": "tool_use", "id": "toolu_e2e", "name": request["tools"][0]["name"],
                   "input": {"city": "Málaga"}}]
    return blocks


def messages(request):
    blocks = blocks_of(request)
    stop = "tool_use" if blocks[0]["type"] == "tool_use" else "end_turn"
    base = {"id": "msg_e2e", "type": "message", "role": "assistant", "model": request["model"],
            "content": blocks, "stop_reason": stop, "stop_sequence": None, "usage": MESSAGE_USAGE}
    if not request.get("stream"):
        return Reply.json(dump(base).encode(), headers=ANTHROPIC_IDS)
    start = {**base, "content": [], "stop_reason": None, "usage": {**MESSAGE_USAGE, "output_tokens": 3}}
    events = [{"type": "message_start", "message": start}]
    for index, block in enumerate(blocks):
        events += block_events(index, block)
        if index == 0:
            events.append({"type": "ping"})
    events += [{"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None},
                "usage": {"output_tokens": 58}},
               {"type": "message_stop"}]
    return Reply.sse(sse(events, named=True), headers=ANTHROPIC_IDS)


def block_events(index, block):
    empty = {"text": {"type": "text", "text": ""},
             "thinking": {"type": "thinking", "thinking": "", "signature": ""},
             "tool_use": {**block, "input": {}}}[block["type"]]
    deltas = {"text": [{"type": "text_delta", "text": word} for word in WORDS],
              "thinking": [{"type": "thinking_delta", "thinking": "hm, ½"},
                           {"type": "signature_delta", "signature": "c2ln"}],
              "tool_use": [{"type": "input_json_delta", "partial_json": part}
                           for part in ("", '{"city":', ' "Málaga"}')]}[block["type"]]
    return [{"type": "content_block_start", "index": index, "content_block": empty},
            *({"type": "content_block_delta", "index": index, "delta": d} for d in deltas),
            {"type": "content_block_stop", "index": index}]


# ---- both ----

def provider(request):
    """The Upstream's `answer`."""
    if request.method == "GET" and request.path.startswith("/v1/models"):
        return models()
    body = json.loads(request.body) if request.body else {}
    answers = {"/v1/chat/completions": chat, "/v1/completions": completions,
               "/v1/embeddings": embeddings, "/v1/responses": responses, "/v1/messages": messages}
    if request.path == "/v1/messages/count_tokens":
        return Reply.json({"input_tokens": 1234})
    if request.path == "/v1/responses/input_tokens":
        return Reply.json({"object": "response.input_tokens", "input_tokens": 321})
    if request.path in answers:
        return answers[request.path](body)
    return Reply.json({"error": {"message": "no such path", "type": "invalid_request_error",
                                 "param": None, "code": None}}, 404)


def openai_error(status, code=None, kind="invalid_request_error", headers=()):
    return Reply.json({"error": {"message": f"provider says {status}", "type": kind, "param": None,
                                 "code": code}}, status, [REQUEST_ID, *headers])


def anthropic_error(status, kind, headers=()):
    return Reply.json({"type": "error", "error": {"type": kind, "message": f"provider says {status}"},
                       "request_id": "req_e2e_0002"}, status, [*ANTHROPIC_IDS, *headers])
