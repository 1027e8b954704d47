"""Recorded answers of providers: framed as the provider sends them, and what they say was used,
reckoned here from wire.md 2.2 and from nothing else."""

import json
import re

# folder → (provider's name in the configuration, endpoint, vendor in the catalogue)
SERVED = {
    "openai-chat": ("openai", "/v1/chat/completions", "openai"),
    "openai-completion": ("openai", "/v1/completions", "openai"),
    "openai-embedding": ("openai", "/v1/embeddings", "openai"),
    "openai-responses": ("openai", "/v1/responses", "openai"),
    "azure": ("azure", "/v1/responses", "azure"),
    "xai-responses": ("xai", "/v1/responses", "x-ai"),
    "anthropic": ("anthropic", "/v1/messages", "anthropic"),
    "groq": ("groq", "/v1/chat/completions", "groq"),
    "mistral": ("mistral", "/v1/chat/completions", "mistral"),
    "deepseek": ("deepseek", "/v1/chat/completions", "deepseek"),
    "xai": ("xai", "/v1/chat/completions", "x-ai"),
    "openai-compatible": ("xai", "/v1/chat/completions", "x-ai"),
    "perplexity": ("perplexity", "/v1/chat/completions", "perplexity"),
    "moonshotai": ("moonshot", "/v1/chat/completions", "moonshotai"),
    "alibaba": ("alibaba", "/v1/chat/completions", None),
}
# Not an answer of an endpoint that is served.
OTHER = {"mistral/mistral-transcription.json"}

# Providers that send the usage chunk only when asked, so that Weir asks, and takes it out again.
ASKED_FOR_USAGE = {"openai", "xai", "alibaba"}


class Recording:
    def __init__(self, root, path):
        self.name = str(path.relative_to(root))
        self.provider, self.endpoint, self.vendor = SERVED[path.parent.name]
        self.text = path.read_text()
        self.stream = path.suffix != ".json"
        if path.suffix == ".sse":
            self.payload = self.text.encode()
            self.events = [json.loads(line[6:]) for line in self.text.splitlines()
                           if line.startswith("data: {")]
        elif self.stream:
            self.lines = [line for line in self.text.splitlines() if line.strip()]
            self.events = [json.loads(line) for line in self.lines]
            self.payload = self.framed(self.lines)
        else:
            self.payload = self.text.encode()
            self.events = [json.loads(self.text)]
        self.model = next((m for e in self.events for m in [model_of(e)] if m), "unknown-model")

    def framed(self, lines):
        out = []
        for line in lines:
            if self.endpoint in ("/v1/messages", "/v1/responses"):
                out.append(f"event: {json.loads(line).get('type', '')}\n")
            out.append(f"data: {line}\n\n")
        if self.endpoint in ("/v1/chat/completions", "/v1/completions"):
            out.append("data: [DONE]\n\n")
        return "".join(out).encode()

    def error(self):
        return next((e["error"] for e in self.events if e.get("error")), None)

    def request(self, include_usage):
        body = {"model": f"{self.provider}/{self.model}", "stream": self.stream}
        if self.endpoint == "/v1/embeddings":
            return {"model": body["model"], "input": "hi"}
        if self.endpoint == "/v1/responses":
            return {**body, "input": "hi"}
        if self.endpoint == "/v1/completions":
            body["prompt"] = "hi"
        else:
            body["messages"] = [{"role": "user", "content": "hi"}]
        if self.endpoint == "/v1/messages":
            return {**body, "max_tokens": 4096}
        if self.stream and include_usage:
            body["stream_options"] = {"include_usage": True}
        return body

    def seen_by_client(self, include_usage):
        """The payload less what only Weir asked for: the chunk of usage alone, `usage: null` elsewhere."""
        chat = self.endpoint in ("/v1/chat/completions", "/v1/completions")
        if not (self.stream and chat) or include_usage or self.provider not in ASKED_FOR_USAGE:
            return self.payload
        out = []
        for block in self.payload.decode().split("\n\n"):
            data = block.removeprefix("data: ")
            if data.startswith("{"):
                event = json.loads(data)
                if event.get("choices") == [] and isinstance(event.get("usage"), dict):
                    continue
                if "usage" in event and event["usage"] is None:
                    block = re.sub(r',"usage":null|"usage":null,', "", block, count=1)
            out.append(block)
        return "\n\n".join(out).encode()


def model_of(event):
    for holder in (event, event.get("response"), event.get("message")):
        if isinstance(holder, dict) and holder.get("model"):
            return holder["model"]
    return None


def load(root):
    paths = [p for folder in SERVED for p in sorted((root / folder).iterdir())]
    return [Recording(root, p) for p in paths if str(p.relative_to(root)) not in OTHER]


# ---- usage, by wire.md 2.2 ----

def nz(value):
    return value or 0


def used(recording):
    """([(model, {class: tokens})], web searches); lines that nobody reported are []."""
    if recording.endpoint == "/v1/messages":
        return anthropic_usage(recording.events)
    if recording.endpoint == "/v1/responses":
        return responses_usage(recording.events)
    return chat_usage(recording), 0


def compact(tokens):
    return {name: count for name, count in tokens.items() if count}


def chat_usage(recording):
    usage = None
    for event in recording.events:  # the last one that is not null wins; Groq hides it as well
        usage = event.get("usage") or (event.get("x_groq") or {}).get("usage") or usage
    if usage is None:
        return []
    prompt, total = nz(usage.get("prompt_tokens")), nz(usage.get("total_tokens"))
    details = usage.get("prompt_tokens_details") or {}
    cached = nz(details.get("cached_tokens")) or nz(usage.get("cached_tokens"))
    written = min(nz(details.get("cache_write_tokens")), max(0, prompt - cached))
    audio = nz(details.get("audio_tokens"))
    out = max(nz(usage.get("completion_tokens")), total - prompt)
    audio_out = nz((usage.get("completion_tokens_details") or {}).get("audio_tokens"))
    return [(recording.model, compact({
        "input": prompt - cached - written - audio, "cache_read": cached, "cache_write_short": written,
        "input_audio": audio, "output": out - audio_out, "output_audio": audio_out}))]


def responses_usage(events):
    lines, searches, counted = [], 0, False
    finals = [e["response"] for e in events
              if e.get("type") in ("response.completed", "response.incomplete", "response.failed")]
    if not finals and events[0].get("object") == "response":
        finals = events
    for final in finals:
        usage = final.get("usage")
        if usage:
            details = usage.get("input_tokens_details") or {}
            cached, written = nz(details.get("cached_tokens")), nz(details.get("cache_write_tokens"))
            long = nz((details.get("cache_write_tokens_details") or {}).get("ttl_12h_tokens"))
            total, inside = nz(usage.get("total_tokens")), usage["input_tokens"]
            lines.append((final["model"], compact({
                "input": inside - cached - written, "cache_read": cached,
                "cache_write_short": written - long, "cache_write_long": long,
                "output": max(usage["output_tokens"], total - inside)})))
        tools = final.get("tool_usage") or {}
        if "web_search" in tools:
            searches += nz(tools["web_search"].get("num_requests"))
            counted = True
        if not counted:
            searches += sum(1 for item in final.get("output", []) if item["type"] == "web_search_call"
                            and (item.get("action") or {}).get("type") == "search")
    return lines, searches


def anthropic_usage(events):
    if len(events) == 1 and events[0].get("type") == "message":
        return anthropic_lines(events[0]["model"], events[0]["usage"])
    lines, searches, model, state = [], 0, None, {}
    for event in events:
        if event["type"] == "message_start":
            model, state = event["message"]["model"], dict(event["message"].get("usage") or {})
        elif event["type"] == "message_delta":
            for key, value in (event.get("usage") or {}).items():
                if value is not None:  # null keeps what was, a number replaces it
                    state[key] = value
        elif event["type"] == "message_stop":
            more, found = anthropic_lines(model, state)
            lines, searches = lines + more, searches + found
    return lines, searches


def anthropic_lines(model, usage):
    searches = nz((usage.get("server_tool_use") or {}).get("web_search_requests"))
    lines = []
    for entry in usage.get("iterations") or [usage]:
        split = entry.get("cache_creation") or {}
        long = nz(split.get("ephemeral_1h_input_tokens"))
        lines.append((entry.get("model") or model, compact({
            "input": entry["input_tokens"], "cache_read": nz(entry.get("cache_read_input_tokens")),
            "cache_write_short": nz(entry.get("cache_creation_input_tokens")) - long,
            "cache_write_long": long, "output": entry["output_tokens"]})))
    return lines, searches
