"""`weir demo` as the README tells it: what it prints works when it is pasted."""

import json
import re
import shlex
import signal
import subprocess
import sqlite3

import pytest

from weir import PROGRAM

STARTED = 120  # seconds that a slow machine may need for the past


class Demo:
    """A running `weir demo --quiet`, and what it printed at its start."""

    def __init__(self, directory, *arguments):
        self.directory = directory
        self.data = directory / "weir-demo"
        self.process = subprocess.Popen(
            [PROGRAM, "demo", "--quiet", "--data", str(self.data), *arguments],
            cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith("  ask why"):
                break
        assert self.lines and self.lines[-1].startswith("  ask why"), self.process.stderr.read()

    def line(self, beginning):
        return next(line for line in self.lines if line.strip().startswith(beginning))

    def url(self, name):
        return re.search(rf"{name}\s+(http://\S+)", "\n".join(self.lines)).group(1)

    def curl(self, *more):
        command = self.line("1  talk to it").split("talk to it", 1)[1].strip()
        answer = subprocess.run([*shlex.split(command), "-sS", *more], check=True,
                                capture_output=True, text=True, timeout=30).stdout
        head, _, body = answer.partition("\n\n")  # read as text: CRLF has become LF
        status, *fields = head.split("\n")
        headers = {n.lower(): v for n, v in (f.split(": ", 1) for f in fields)}
        return int(status.split()[1]), headers, json.loads(body)

    def end(self, sent=signal.SIGINT):
        if self.process.poll() is None:
            self.process.send_signal(sent)
        self.process.communicate(timeout=30)
        return self.process.returncode


def run(*arguments, timeout=60):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=timeout)


@pytest.mark.timeout(STARTED + 60)
def test_what_it_prints_works(tmp_path):
    demo = Demo(tmp_path)
    try:
        text = "\n".join(demo.lines)
        assert "weir demo — simulated providers, nothing leaves this machine" in text
        assert re.search(r"your key   weir_\S+ +development · \$0\.05 a day", text)

        status, headers, body = demo.curl()
        assert status == 200, body
        assert float(headers["x-weir-cost-usd"]) > 0
        assert headers["x-weir-budget"].startswith("you; remaining=0.0")
        assert headers["x-weir-missing"] == "task_type"
        assert body["choices"][0]["message"]["content"]

        tag = shlex.split(demo.line("and say for what").split("for what", 1)[1])
        status, headers, _ = demo.curl(*tag)
        assert status == 200
        assert "x-weir-missing" not in headers

        # The hint's own words, with the call that was just made.
        why = run("why", headers["x-weir-call-id"], "--data", str(demo.data))
        assert why.returncode == 0, why.stderr
        assert "you" in why.stdout
        calls = run("calls", "--data", str(demo.data), "--json")
        assert calls.returncode == 0, calls.stderr
    finally:
        code = demo.end()
    assert code == 0

    verified = run("ledger", "verify", "--data", str(demo.data))
    assert verified.returncode == 0, verified.stdout + verified.stderr


@pytest.mark.timeout(STARTED + 60)
def test_agents_work_and_it_ends_by_itself(tmp_path):
    demo = Demo(tmp_path, "--for", "6")
    assert demo.process.wait(timeout=40) == 0
    books = sqlite3.connect(demo.data / "weir.db")
    live = books.execute(
        "SELECT count(*), count(DISTINCT endpoint) FROM entries WHERE epoch > 1").fetchone()
    assert live[0] >= 5, "agents called while it ran"
    past = books.execute("SELECT count(*) FROM entries WHERE epoch = 1").fetchone()[0]
    assert 30_000 <= past <= 60_000
    assert books.execute("SELECT count(*) FROM entries WHERE state = 'open'").fetchone()[0] == 0

    # Started again it goes on, and writes no second past.
    again = Demo(tmp_path)
    assert "days of past" not in "\n".join(again.lines)
    assert again.curl()[0] == 200
    assert again.end(signal.SIGTERM) == 0
    assert past == books.execute("SELECT count(*) FROM entries WHERE epoch = 1").fetchone()[0]


def test_a_directory_that_is_not_a_demos_is_left_alone(tmp_path):
    data = tmp_path / "weir-data"
    data.mkdir()
    (data / "weir.db").write_text("a real ledger")
    done = run("demo", "--fresh", "--for", "1", "--data", str(data))
    assert done.returncode == 1
    assert "not a demo's" in done.stderr
    assert (data / "weir.db").read_text() == "a real ledger"


def test_the_spiral_is_held(tmp_path):
    done = run("demo", "spiral", timeout=120)
    assert done.returncode == 0, done.stderr
    settled = re.search(r"settled +\$(\S+)", done.stdout).group(1)
    assert 1.9 <= float(settled) <= 2.0
    assert '"code": "budget_exhausted"' in done.stdout
    assert re.search(r"overshoot +none", done.stdout)
    assert "weir budgets raise ticket +5" in done.stdout


def test_a_spiral_of_128_agents_is_held_where_counting_afterwards_is_not(tmp_path):
    done = run("demo", "spiral", "--agents", "128", timeout=120)
    assert done.returncode == 0, done.stderr
    row = r"^  {} +(\d+) +(\d+) +\$(\S+) +(.*)$"
    weir, twin = (re.search(row.format(name), done.stdout, re.M).groups()
                  for name in ("weir", "counted afterwards"))
    assert weir[1] == "128" and 1.8 <= float(weir[2]) <= 2 and weir[3] == "none"
    assert float(twin[2]) > 2.5
