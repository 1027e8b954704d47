"""HTTP/1.1 over plain sockets, byte for byte: what the tests send is what goes out, what they read is
what came. Nothing here corrects, sorts or completes anything."""

import json
import socket
from dataclasses import dataclass, field


class Torn(Exception):
    """The connection ended, or fell silent, before the message did."""


class Reader:
    """Bytes of one connection, read as they are asked for."""

    def __init__(self, sock):
        self.sock = sock
        self.held = b""

    def more(self):
        try:
            data = self.sock.recv(65536)
        except (ConnectionError, socket.timeout, TimeoutError) as error:
            raise Torn(f"{type(error).__name__}, {len(self.held)} bytes held") from error
        if not data:
            raise Torn(f"closed, {len(self.held)} bytes held")
        self.held += data

    def until(self, mark, most=1 << 20):
        while mark not in self.held:
            if len(self.held) > most:
                raise ValueError("no end of the head")
            self.more()
        found, self.held = self.held.split(mark, 1)
        return found + mark

    def exactly(self, count):
        parts, have = [], 0
        while have < count:
            if not self.held:
                self.more()
            take = self.held[: count - have]
            self.held = self.held[len(take):]
            parts.append(take)
            have += len(take)
        return b"".join(parts)


def fields_of(head):
    """[(name, value)] as written, in their order."""
    out = []
    for line in head.split(b"\r\n")[1:]:
        if line:
            name, value = line.split(b":", 1)
            out.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))
    return out


def find(headers, name):
    for have, value in headers:
        if have.lower() == name.lower():
            return value
    return None


def read_chunked(reader, into=None):
    """The payload; `into` collects what came before a tear."""
    parts = [] if into is None else into
    while True:
        size = int(reader.until(b"\r\n").split(b";")[0], 16)
        if size == 0:
            while reader.until(b"\r\n") != b"\r\n":
                pass
            return b"".join(parts)
        left = size
        while left:
            if not reader.held:
                reader.more()
            take = reader.held[:left]
            reader.held = reader.held[len(take):]
            parts.append(take)
            left -= len(take)
        if reader.exactly(2) != b"\r\n":
            raise ValueError("a chunk does not end where it said")


@dataclass
class Answer:
    status: int
    reason: str
    headers: list
    body: bytes = b""
    whole: bool = True  # the message ended as its framing says
    why: str = ""

    def header(self, name):
        return find(self.headers, name)

    def json(self):
        return json.loads(self.body)

    @property
    def call_id(self):
        return self.header("x-weir-call-id")

    def events(self):
        """[(name, data)] of an event stream; data as text."""
        return sse_events(self.body)


def sse_events(payload):
    out = []
    for block in payload.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n\n"):
        name, data = None, []
        for line in block.split(b"\n"):
            if line.startswith(b"event:"):
                name = line[6:].strip().decode()
            elif line.startswith(b"data:"):
                data.append(line[5:].removeprefix(b" ").decode())
        if data or name:
            out.append((name, "\n".join(data)))
    return out


class Client:
    """One keep-alive connection."""

    def __init__(self, address, timeout=20):
        self.sock = socket.create_connection(address, timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = Reader(self.sock)

    def send(self, data):
        self.sock.sendall(data)

    def request(self, method, target, headers=(), body=None, host="weir.test"):
        """Writes a request; content-length is added where there is a body and no framing."""
        names = {name.lower() for name, _ in headers}
        lines = [f"{method} {target} HTTP/1.1"]
        if "host" not in names:
            lines.append(f"Host: {host}")
        lines += [f"{name}: {value}" for name, value in headers]
        if body is not None and not names & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))

    def answer(self, method="POST"):
        head = self.reader.until(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100"):
            head = self.reader.until(b"\r\n\r\n")
        status_line = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        headers = fields_of(head)
        answer = Answer(int(status_line[1]), status_line[2] if len(status_line) > 2 else "", headers)
        parts = []
        try:
            if method == "HEAD" or answer.status in (204, 304):
                pass
            elif "chunked" in (find(headers, "transfer-encoding") or ""):
                read_chunked(self.reader, parts)
            elif (length := find(headers, "content-length")) is not None:
                parts.append(self.reader.exactly(int(length)))
            else:
                while True:
                    try:
                        self.reader.more()
                    except Torn:
                        break
                parts.append(self.reader.held)
                self.reader.held = b""
        except (Torn, ValueError) as error:
            answer.whole = False
            answer.why = str(error)
            parts.append(self.reader.held)
        answer.body = b"".join(parts)
        return answer

    def call(self, method, target, headers=(), body=None):
        self.request(method, target, headers, body)
        return self.answer(method)

    def is_closed(self, within=5):
        """Did the other side close? Waits that long for it."""
        self.sock.settimeout(within)
        try:
            return self.sock.recv(1) == b""
        except (ConnectionError, OSError) as error:
            return not isinstance(error, (socket.timeout, TimeoutError))

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def call(address, method, target, headers=(), body=None, timeout=20):
    """One request on a connection of its own."""
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    with Client(address, timeout) as client:
        return client.call(method, target, headers, body)


def post(address, target, key, body, headers=(), timeout=20):
    base = [("Authorization", f"Bearer {key}"), ("Content-Type", "application/json")]
    return call(address, "POST", target, [*base, *headers], body, timeout)


def get(address, target, key, headers=(), timeout=20):
    return call(address, "GET", target, [("Authorization", f"Bearer {key}"), *headers], None, timeout)
