"""A provider that does exactly what a test tells it: answers byte for byte, in the pieces and at the
moments that the test names, and keeps what arrived, byte for byte."""

import json
import queue
import random
import socket
import threading
import time
from dataclasses import dataclass, field

from wire import Reader, Torn, fields_of, find, read_chunked


@dataclass
class Arrived:
    """One request as it came."""
    method: str
    target: str
    headers: list
    body: bytes
    raw_head: bytes
    connection: int  # of which it came on, counted from 1

    def header(self, name):
        return find(self.headers, name)

    def json(self):
        return json.loads(self.body)

    @property
    def path(self):
        return self.target.split("?")[0]


@dataclass
class Reply:
    """One answer. `framing`: length, chunked, close (ended by closing), raw (`body` is the whole
    message). `cuts`: where the bytes on the wire are cut into writes: a list of offsets, "bytes" for
    every byte, a random.Random for random pieces, or None for one write. `cut_at`: the connection
    breaks after so many bytes of the payload; `reset` makes the break a reset. `pause` after the
    head, `gap` between writes, in seconds."""
    status: int = 200
    headers: list = field(default_factory=list)
    body: bytes = b""
    framing: str = "length"
    chunks: list | None = None  # payload pieces of a chunked answer; else cut by `cuts` too
    cuts: object = None
    cut_at: int | None = None
    reset: bool = False
    pause: float = 0
    gap: float = 0
    hang: threading.Event | None = None  # waits for it after the head's pause, before the body
    before_head: threading.Event | None = None
    between: threading.Event | None = None  # waits for it after the first write of the body
    close: bool = False  # after the answer

    @staticmethod
    def json(value, status=200, headers=(), **rest):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return Reply(status, [("Content-Type", "application/json"), *headers], body, **rest)

    @staticmethod
    def sse(payload, headers=(), framing="chunked", **rest):
        return Reply(200, [("Content-Type", "text/event-stream; charset=utf-8"), *headers], payload,
                     framing, **rest)


def pieces(data, cuts):
    if cuts is None or not data:
        return [data] if data else []
    if cuts == "bytes":
        return [data[i:i + 1] for i in range(len(data))]
    if isinstance(cuts, random.Random):
        out, at = [], 0
        while at < len(data):
            size = cuts.choice([1, 1, 2, 3, 7, 16, 61, 200, 1000, 5000])
            out.append(data[at:at + size])
            at += size
        return out
    bounds = [0, *sorted(c for c in cuts if 0 < c < len(data)), len(data)]
    return [data[a:b] for a, b in zip(bounds, bounds[1:])]


class Upstream:
    """Serves until closed. Answers come from `answer` (a function of the request), or in order from
    `script`, which goes first."""

    def __init__(self, answer=None):
        self.answer = answer or (lambda request: Reply.json({"error": {"message": "no script"}}, 500))
        self.script = queue.SimpleQueue()
        self.requests = []
        self.connections = 0
        self.lock = threading.Lock()
        self.open = set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = self.listener.getsockname()
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.address[1]}"

    def then(self, *replies):
        for reply in replies:
            self.script.put(reply)
        return self

    def clear(self):
        with self.lock:
            self.requests.clear()
        while not self.script.empty():
            self.script.get()

    @property
    def last(self):
        return self.requests[-1]

    def wait_for(self, count, within=10):
        deadline = time.monotonic() + within
        while len(self.requests) < count:
            assert time.monotonic() < deadline, f"{len(self.requests)} of {count} requests came"
            time.sleep(0.002)

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                number = self.connections
                self.open.add(sock)
            threading.Thread(target=self.serve, args=(sock, number), daemon=True).start()

    def serve(self, sock, number):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = Reader(sock)
        try:
            while self.serve_one(sock, reader, number):
                pass
        except (Torn, OSError):
            pass
        finally:
            with self.lock:
                self.open.discard(sock)
            sock.close()

    def serve_one(self, sock, reader, number):
        head = reader.until(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        headers = fields_of(head)
        body = b""
        if "chunked" in (find(headers, "transfer-encoding") or ""):
            body = read_chunked(reader)
        elif length := find(headers, "content-length"):
            body = reader.exactly(int(length))
        request = Arrived(method, target, headers, body, head, number)
        with self.lock:
            self.requests.append(request)
        try:
            reply = self.script.get_nowait()
        except queue.Empty:
            reply = self.answer(request)
        if callable(reply):
            reply = reply(request)
        return reply is not None and self.write(sock, reply, method)

    def write(self, sock, reply, method):
        if reply.before_head:
            reply.before_head.wait(30)
        if reply.framing == "raw":
            return self.write_all(sock, reply, reply.body, not reply.close)
        head = [f"HTTP/1.1 {reply.status} {'OK' if reply.status < 400 else 'Error'}"]
        head += [f"{name}: {value}" for name, value in reply.headers]
        head += {"length": [f"Content-Length: {len(reply.body)}"],
                 "chunked": ["Transfer-Encoding: chunked"], "close": ["Connection: close"]}[reply.framing]
        sock.sendall("\r\n".join(head).encode("latin-1") + b"\r\n\r\n")
        if reply.pause:
            time.sleep(reply.pause)
        if reply.hang:
            reply.hang.wait(30)
        if method == "HEAD":
            return True
        keep = reply.framing != "close" and not reply.close
        payload = reply.body if reply.cut_at is None else reply.body[:reply.cut_at]
        return self.write_all(sock, reply, self.framed(reply, payload), keep)

    def framed(self, reply, payload):
        if reply.framing != "chunked":
            return payload
        parts = reply.chunks
        if parts is None or reply.cut_at is not None:
            parts = pieces(payload, random.Random(len(payload)) if reply.cuts is not None else None)
        wire = b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in parts if p)
        return wire if reply.cut_at is not None else wire + b"0\r\n\r\n"

    def write_all(self, sock, reply, wire, keep):
        for number, piece in enumerate(pieces(wire, reply.cuts)):
            if number == 1 and reply.between:
                reply.between.wait(30)
            sock.sendall(piece)
            if reply.gap:
                time.sleep(reply.gap)
        if reply.cut_at is None:
            return keep
        if reply.reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        return False

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # which wakes accept, as closing does not
        self.thread.join()
        self.listener.close()
        with self.lock:
            for sock in self.open:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
