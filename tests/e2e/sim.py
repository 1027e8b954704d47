"""weir-sim, the simulated provider, as a program; its own bill is the truth that the ledger is held
against."""

import json
import pathlib
import subprocess
import time
from decimal import Decimal

import prices
import wire
from weir import BUILD

PROGRAM = BUILD / "bin/weir-sim"
CLASSES = ("input", "cache_read", "cache_write_short", "cache_write_long", "input_audio", "output")


class Sim:
    def __init__(self, directory, *options):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.bill_file = self.directory / "bill.jsonl"
        self.options = options

    def start(self):
        port_file = self.directory / "port"
        self.process = subprocess.Popen(
            [PROGRAM, "--port", "0", "--port-file", port_file, "--bill", self.bill_file, *self.options],
            stdout=subprocess.DEVNULL, stderr=open(self.directory / "err", "wb"))
        deadline = time.monotonic() + 10
        while not port_file.exists():
            assert self.process.poll() is None and time.monotonic() < deadline, "weir-sim did not start"
            time.sleep(0.005)
        self.address = ("127.0.0.1", int(port_file.read_text()))
        return self

    @property
    def url(self):
        return f"http://127.0.0.1:{self.address[1]}"

    def ask(self, path, within=5):
        deadline = time.monotonic() + within
        while True:  # the fault `refuse` may hit this connection as well
            try:
                return wire.call(self.address, "GET", path).json()
            except (ConnectionError, wire.Torn):
                assert time.monotonic() < deadline, "weir-sim does not answer"
                time.sleep(0.01)

    def attempts(self, tag=None, settled=True, within=20):
        """The bill's attempts; by default once none of them is at work any more."""
        deadline = time.monotonic() + within
        while True:
            found = self.ask("/sim/bill" + (f"?tag={tag}" if tag else ""))["attempts"]
            if not settled or not any(a["open"] for a in found):
                return found
            assert time.monotonic() < deadline, "attempts of weir-sim are still at work"
            time.sleep(0.02)

    def whole_bill(self):
        """{number: attempt} of the file: the charges that stand, also of attempts without an end."""
        out = {}
        for line in self.bill_file.read_text().splitlines():
            attempt = json.loads(line)
            out[attempt["attempt"]] = attempt
        return out

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def tokens_of(charge):
    return {name: charge[name] for name in CLASSES if charge[name]}


def vendor_of(attempt):
    return "anthropic" if attempt["path"].startswith("/v1/messages") else "openai"


def cost_of(attempt):
    """Dollars of one attempt of the bill, at the catalogue's prices."""
    total = Decimal(0)
    for number, charge in enumerate(attempt["charges"]):
        searches = attempt["units"]["web_search"] if number == 0 else 0
        total += prices.cost(vendor_of(attempt), charge["model"], tokens_of(charge), searches)
    return total
