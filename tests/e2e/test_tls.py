"""TLS on both sides of the real program: what it offers its clients, and whom it trusts."""

import json
import signal
import socket
import ssl
import subprocess
import threading

import pytest

import canned
import wire
from ledger import check_released
from weir import PROMPT, config_for

CHAT = "/v1/chat/completions"
BODY = {"model": "gpt-4o-mini", "max_tokens": 50, "messages": [{"role": "user", "content": PROMPT}]}


class Authority:
    """Certificates of our own, made anew in each run."""

    def __init__(self, directory):
        self.directory = directory
        self.file = directory / "ca.pem"
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                     "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test ca")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.directory, check=True, capture_output=True)

    def issue(self, name, names, days=1):
        """(certificate, key) of files `name`.pem and .key."""
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                     "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}",
                     "-addext", f"subjectAltName={names}")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                     "-out", f"{name}.pem", "-days", str(days), "-copy_extensions", "copy")
        return self.directory / f"{name}.pem", self.directory / f"{name}.key"

    def client(self):
        return ssl.create_default_context(cafile=self.file)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


class SecureClient(wire.Client):
    def __init__(self, address, context, name="localhost", session=None):
        super().__init__(address)
        self.sock = context.wrap_socket(self.sock, server_hostname=name, session=session)
        self.reader = wire.Reader(self.sock)

    def certificate_name(self):
        return dict(field[0] for field in self.sock.getpeercert()["subject"])["commonName"]


# ---- the listener ----

@pytest.fixture
def secure_weir(start_weir, authority, upstream):
    certificate, key = authority.issue("first", "DNS:localhost,IP:127.0.0.1")
    return start_weir(config_for(upstream.url, tls={"certificate": str(certificate), "key": str(key)}))


def test_calls_over_tls(secure_weir, authority):
    fields = [("Authorization", f"Bearer {secure_weir.key}"), ("Content-Type", "application/json")]
    with SecureClient(secure_weir.address, authority.client()) as client:
        assert client.sock.version() == "TLSv1.3"
        for n in range(2):
            answer = client.call("POST", CHAT, fields, json.dumps(BODY).encode())
            assert answer.status == 200 and answer.json()["usage"]
        large = {**BODY, "stream": True, "messages": [{"role": "user", "content": PROMPT + "x" * 500_000}]}
        answer = client.call("POST", CHAT, fields, json.dumps(large).encode())
        assert answer.events()[-1] == (None, "[DONE]")
    context = authority.client()
    with SecureClient(secure_weir.address, context) as client:
        client.request("HEAD", "/")
        assert client.answer("HEAD").status == 200
        session = client.sock.session
    with SecureClient(secure_weir.address, context, session=session) as client:
        assert client.sock.session_reused


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_who_speaks_no_tls_or_an_old_one_is_not_served(secure_weir, authority):
    with wire.Client(secure_weir.address) as client:
        client.request("HEAD", "/")
        assert b"HTTP" not in client.sock.recv(1000)  # an alert at most
        assert client.is_closed()
    old = authority.client()
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):  # which the server sent
        SecureClient(secure_weir.address, old)
    alpn = authority.client()
    alpn.set_alpn_protocols(["h2", "http/1.1"])
    with SecureClient(secure_weir.address, alpn) as client:
        assert client.sock.selected_alpn_protocol() == "http/1.1"


def test_a_new_certificate_is_taken_without_a_restart(secure_weir, authority):
    old = SecureClient(secure_weir.address, authority.client())
    assert old.certificate_name() == "first"
    certificate, key = authority.issue("second", "DNS:localhost")
    first = authority.directory / "first.pem", authority.directory / "first.key"
    for source, target in zip((certificate, key), first):
        target.write_bytes(source.read_bytes())
    secure_weir.signal(signal.SIGHUP)
    secure_weir.wait_for_log("is in force")
    with SecureClient(secure_weir.address, authority.client()) as client:
        assert client.certificate_name() == "second"
    old.request("HEAD", "/")  # connections that stand go on
    assert old.answer("HEAD").status == 200
    old.close()

    first[0].write_text("no certificate")
    secure_weir.signal(signal.SIGHUP)
    secure_weir.wait_for_log("the old configuration stays")
    with SecureClient(secure_weir.address, authority.client()) as client:
        assert client.certificate_name() == "second"


# ---- the provider ----

class SecureProvider:
    """Answers one JSON body to each request, over TLS; tells how many handshakes were short."""

    def __init__(self, certificate, key, goodbye=True):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.goodbye = goodbye
        self.requests = 0
        self.resumed = []
        self.framing = "length"
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, plain):
        try:
            sock = self.context.wrap_socket(plain, server_side=True)
        except (ssl.SSLError, OSError):
            plain.close()
            return
        self.resumed.append(sock.session_reused)
        reader = wire.Reader(sock)
        try:
            while True:
                head = reader.until(b"\r\n\r\n")
                body = reader.exactly(int(wire.find(wire.fields_of(head), "content-length")))
                self.requests += 1
                answer = canned.chat(json.loads(body)).body
                framing = b"Content-Length: %d\r\n" % len(answer) if self.framing == "length" else b""
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + framing
                             + b"\r\n" + answer)
                if self.framing == "close":
                    break
        except (wire.Torn, OSError):
            pass
        if self.goodbye:
            try:
                sock = sock.unwrap()
            except (ssl.SSLError, OSError):
                pass
        else:
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()



@pytest.fixture
def secure_provider(authority):
    made = []

    def make(names, **options):
        provider = SecureProvider(*authority.issue(f"provider{len(made)}", names), **options)
        made.append(provider)
        return provider

    yield make
    for provider in made:
        provider.close()


def config(provider, ca, host="localhost", **more):
    return {"providers": {"openai": {"key": "env:E2E_PROVIDER_KEY",
                                     "url": f"https://{host}:{provider.port}/v1", "ca": str(ca), **more}},
            "budgets": {"team": {"by": "team", "usd": 10000, "window": "month"}}}


def test_a_provider_that_proves_its_name_is_called(start_weir, secure_provider, authority):
    provider = secure_provider("DNS:localhost")
    weir = start_weir({**config(provider, authority.file), "workers": 1})
    for _ in range(3):
        assert weir.post(CHAT, BODY).status == 200
    assert provider.requests == 3 and provider.resumed == [False]


@pytest.mark.parametrize("names, host, trusted", [
    ("DNS:example.com", "localhost", True), ("DNS:localhost", "127.0.0.1", True),
    ("DNS:localhost", "localhost", False)], ids=["another name", "no address", "an unknown authority"])
def test_a_provider_that_cannot_prove_its_name_gets_nothing(
        start_weir, secure_provider, authority, tmp_path, names, host, trusted):
    provider = secure_provider(names)
    ca = authority.file if trusted else tmp_path / "other.pem"
    if not trusted:
        ca.write_bytes(Authority(tmp_path).file.read_bytes())
    weir = start_weir(config(provider, ca, host))
    answer = weir.post(CHAT, BODY)
    assert answer.status == 502 and answer.json()["error"]["code"] == "provider_tls"
    assert provider.requests == 0
    check_released(weir.call(answer.call_id)["attempts"][0])


@pytest.mark.parametrize("goodbye", [True, False], ids=["with a goodbye", "cut off"])
def test_an_answer_up_to_the_end_of_the_connection_needs_a_goodbye(
        start_weir, secure_provider, authority, goodbye):
    provider = secure_provider("DNS:localhost", goodbye=goodbye)
    provider.framing = "close"
    weir = start_weir(config(provider, authority.file))
    answer = weir.post(CHAT, BODY)
    assert answer.status == (200 if goodbye else 502), answer.body
    attempt = weir.call(answer.call_id)["attempts"][0]
    assert attempt["state"] == ("settled" if goodbye else "unknown")


def test_sessions_are_resumed(start_weir, secure_provider, authority):
    provider = secure_provider("DNS:localhost")
    provider.framing = "close"
    weir = start_weir({**config(provider, authority.file), "workers": 1})
    for _ in range(3):
        assert weir.post(CHAT, BODY).status == 200
    assert provider.resumed == [False, True, True]
