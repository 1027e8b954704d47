"""The real program, started on a directory of its own, and what one may ask of it."""

import json
import mmap
import os
import pathlib
import re
import signal
import subprocess
import time
from urllib.parse import quote

import wire

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WEIR_BUILD", ROOT / "build/dev"))
PROGRAM = BUILD / "bin/weir"

# Texts that must never be found in what Weir writes down. PROMPT stands in every prompt of the tests.
PROMPT = "Zx9 PROMPT-MARKER 51c7"
PROVIDER_KEY = "sk-provider-MARKER-8be1d2"


def config_for(upstream_url, **more):
    """Both vendors at one scripted upstream, with one budget that nothing here exhausts."""
    config = {
        "providers": {
            "openai": {"key": "env:E2E_PROVIDER_KEY", "url": upstream_url + "/v1"},
            "anthropic": {"key": "env:E2E_PROVIDER_KEY", "url": upstream_url},
        },
        "budgets": {"team": {"by": "team", "usd": 10000, "window": "month"}},
    }
    config.update(more)
    return config


class StartFailed(AssertionError):
    pass


class Weir:
    def __init__(self, directory, config, env=None):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.data = self.directory / "data"
        self.file = self.directory / "weir.yaml"
        self.env = {**os.environ, "E2E_PROVIDER_KEY": PROVIDER_KEY, **(env or {})}
        self.process = None
        self.key = self.admin_key = None
        self.secrets = [PROMPT, PROVIDER_KEY]
        self.starts = 0
        self.configure(config)

    def configure(self, config):
        config = {"data": str(self.data), "listen": "127.0.0.1:0", "admin": "127.0.0.1:0", **config}
        self.file.write_text(json.dumps(config, indent=1))  # which is YAML as well

    # ---- the process ----

    def start(self, within=60):
        self.starts += 1
        self.out = self.directory / f"out.{self.starts}"
        self.err = self.directory / f"err.{self.starts}"
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", "-c", self.file], stdout=out, stderr=err, env=self.env,
                stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + within
        while not (match := re.search(r"^  data .*\(start \d+\)$", self.out.read_text(), re.M)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise StartFailed(self.out.read_text() + self.err.read_text())
            time.sleep(0.005)
        text = self.out.read_text()
        self.epoch = int(re.search(r"start (\d+)", match[0])[1])
        self.address = self.address_of("gateway", text)
        self.admin_address = self.address_of("admin", text)
        if self.key is None:
            while "try it" not in text:  # a first start: the keys follow
                assert time.monotonic() < deadline, text
                time.sleep(0.005)
                text = self.out.read_text()
            self.admin_key = re.search(r"admin key +(\S+)", text)[1]
            self.key = re.search(r"team key +(\S+)", text)[1]
            self.secrets += [secret_part(self.key), secret_part(self.admin_key)]
        return self

    @staticmethod
    def address_of(name, text):
        host, port = re.search(rf"^  {name} +https?://(\S+):(\d+)", text, re.M).groups()
        return host, int(port)

    @property
    def url(self):
        return f"http://{self.address[0]}:{self.address[1]}"

    def running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, within=40):
        """SIGTERM, and its exit code."""
        if not self.running():
            return self.process.returncode
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def stderr(self):
        return "".join(self.directory.joinpath(f"err.{n + 1}").read_text(errors="replace")
                       for n in range(self.starts))

    def wait_for_log(self, text, within=10):
        deadline = time.monotonic() + within
        while text not in self.stderr():
            assert time.monotonic() < deadline, f"never said {text!r}:\n{self.stderr()}"
            time.sleep(0.01)

    # ---- the data listener ----

    def post(self, target, body, headers=(), key=None, timeout=20):
        return wire.post(self.address, target, key or self.key, body, headers, timeout)

    def get(self, target, headers=(), key=None):
        return wire.get(self.address, target, key or self.key, headers)

    def call(self, call_id, key=None, within=10):
        """/weir/calls/<id> once every attempt of it has ended."""
        deadline = time.monotonic() + within
        while True:
            answer = self.get(f"/weir/calls/{call_id}", key=key)
            assert answer.status == 200, (answer.status, answer.body)
            call = answer.json()
            if all(a["state"] != "open" for a in call["attempts"]):
                return call
            assert time.monotonic() < deadline, f"still open: {call}"
            time.sleep(0.01)

    # ---- the admin listener ----

    def admin(self, method, path, body=None, key=None, expect=None):
        data = None if body is None else json.dumps(body).encode()
        answer = wire.call(self.admin_address, method, "/admin/v1" + path,
                           [("Authorization", f"Bearer {key or self.admin_key}"),
                            ("Content-Type", "application/json")], data)
        if expect is not None:
            assert answer.status in expect, (answer.status, answer.body)
        return answer

    def make_key(self, **spec):
        """(record, text) of a new key."""
        spec = {"name": f"key {time.monotonic_ns()}", "team": "default", "environment": "development",
                **spec}
        made = self.admin("POST", "/keys", {k: v for k, v in spec.items() if v is not None},
                          expect=[201]).json()
        self.secrets.append(secret_part(made["secret"]))
        return made["key"], made["secret"]

    def make_team(self, name):
        return self.admin("POST", "/teams", {"name": name}, expect=[201]).json()

    def budget(self, name, instance=None):
        """The live figures of one instance."""
        query = "" if instance is None else f"?instance={quote(instance)}"
        body = self.admin("GET", f"/budgets/{quote(name)}{query}", expect=[200]).json()
        return body

    def calls(self, query=""):
        """All calls of the admin API's list, newest first, refusals included."""
        rows, page = [], ""
        while True:
            body = self.admin("GET", f"/calls?limit=200{query}{page}", expect=[200]).json()
            rows += body["calls"]
            if not body.get("next"):
                return rows
            page = f"&after={quote(str(body['next']))}"

    # ---- the command line ----

    def cli(self, *arguments, check=True, timeout=60, stdin=None):
        done = subprocess.run([PROGRAM, *map(str, arguments)], env=self.env, cwd=self.directory,
                              capture_output=True, text=True, timeout=timeout, input=stdin)
        if check:
            assert done.returncode == 0, (arguments, done.returncode, done.stdout, done.stderr)
        return done

    def export(self):
        """The ledger's entries, as the command line exports them."""
        done = self.cli("ledger", "export", "--data", self.data, timeout=120)
        return [json.loads(line) for line in done.stdout.splitlines()]

    # ---- what must not be written down ----

    def leaks(self):
        """Which of the secrets stand in which file."""
        found = []
        files = [p for p in self.data.rglob("*") if p.is_file() and p.name != "operator.key"]
        files += [self.directory / f"err.{n + 1}" for n in range(self.starts)]
        files += [p for n in range(self.starts)  # a first start tells the keys, once
                  if "shown once" not in (p := self.directory / f"out.{n + 1}").read_text()]
        for path in files:
            if not path.exists() or path.stat().st_size == 0:
                continue
            with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
                found += [(path.name, secret) for secret in self.secrets
                          if text.find(secret.encode()) >= 0]
        return found

    def close(self):
        if self.process is None:
            return
        if self.running():
            try:
                self.stop(within=10)
            except subprocess.TimeoutExpired:
                pass
        leaks = self.leaks()
        assert not leaks, f"written down: {leaks}"


def secret_part(key_text):
    """What must not leak of `weir_<id>_<secret><crc>`."""
    return key_text.split("_", 2)[2]
