"""Requests that real SDKs and coding agents sent, made whole again: where the capture cut a string,
left items out or kept only the names of tools, something of the same shape is put in."""

import json
import re

CUT = re.compile(r"…<\+(\d+) chars>$")
SHORT = re.compile(r"…<(\d+) chars>$")
ITEMS = re.compile(r"^…<\d+ items>$")
EMPTY = {"type": "object", "properties": {}, "additionalProperties": False}


def whole(value):
    if isinstance(value, str):
        if match := CUT.search(value):
            return value[:match.start()] + "x" * int(match[1])
        if match := SHORT.search(value):
            kept = value[:match.start()]
            return kept + "x" * max(0, int(match[1]) - len(kept))
        return value
    if isinstance(value, list):
        return [whole(v) for v in value if not (isinstance(v, str) and ITEMS.match(v))]
    if isinstance(value, dict):
        if set(value) >= {"count", "names"}:
            return [tool(name, value.get("first_keys", [])) for name in value["names"]]
        return {k: whole(v) for k, v in value.items()}
    return value


def tool(name, keys):
    text = f"The tool {name}"
    if "function" in keys:
        return {"type": "function", "function": {"name": name, "description": text, "parameters": EMPTY}}
    if "input_schema" in keys:
        return {"name": name, "description": text, "input_schema": EMPTY}
    if name == "web_search":  # Codex's, which OpenAI runs
        return {"type": "web_search", "external_web_access": False}
    if name == "multi_agent_v1":
        inner = {"type": "function", "name": "spawn_agent", "strict": False, "parameters": EMPTY}
        return {"type": "namespace", "name": name, "description": text, "tools": [inner]}
    return {"type": "function", "name": name, "description": text, "strict": False, "parameters": EMPTY}


class Capture:
    def __init__(self, file, number, row):
        self.name = f"{file.stem}-{number}"
        self.method, self.target = row["method"], row["url"]
        headers = row["headers"]
        self.headers = [tuple(h) for h in (headers.items() if isinstance(headers, dict) else headers)]
        self.upgrade = any(n.lower() == "upgrade" for n, _ in self.headers)
        body = row.get("body")
        # As the SDKs write it: no spaces, and UTF-8 as it is.
        self.body = None if body is None else json.dumps(
            whole(body), ensure_ascii=False, separators=(",", ":")).encode()

    @property
    def path(self):
        return self.target.split("?")[0]

    def header(self, name):
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    def sent_headers(self, key):
        """The captured ones, in their order and spelling, with this key and this body."""
        out = []
        for name, value in self.headers:
            low = name.lower()
            if low in ("authorization", "x-api-key", "x-goog-api-key"):
                value = f"Bearer {key}" if low == "authorization" else key
            elif low == "content-length":
                value = str(len(self.body))
            out.append((name, value))
        return out


def load(directory):
    out = []
    for file in sorted(directory.glob("*.json*")):
        text = file.read_text()
        rows = map(json.loads, text.splitlines()) if file.suffix == ".jsonl" else json.loads(text)
        out += [Capture(file, n + 1, row) for n, row in enumerate(rows)]
    return out
