"""The programs that are compared, each started afresh for each sample and pinned to one core."""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
PROVIDER_KEY = "sk-bench-provider"
KEY = re.compile(r"weir_[A-Za-z0-9]{12}_[A-Za-z0-9]+")
START_SECONDS = 20
STOP_SECONDS = 20


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, process):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}")
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise RuntimeError(f"{process.args[0]} does not listen on {port}")


class Direct:
    """No proxy: what the client and the provider cost and take by themselves."""

    name = "direct"
    key = "none"

    def __init__(self, directory, cpu):
        self.directory = pathlib.Path(directory)
        self.cpu = cpu
        self.upstream = free_port()
        self.port = 0
        self.process = None

    def start(self):
        pass

    def stop(self):
        pass

    def watched(self):
        """The process that does the work."""
        return 0

    def realtime_threads(self):
        return []


class Proxy(Direct):
    template = ""

    def start(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.port = free_port()
        self.write_configuration()
        self.spawn(self.command())

    def values(self):
        return {"directory": self.directory, "port": self.port, "upstream": self.upstream}

    def configuration(self):
        return self.directory / self.template

    def write_configuration(self):
        text = (HERE / self.template).read_text().format(**self.values())
        self.configuration().write_text(text)

    def spawn(self, command):
        def pin():
            if self.cpu is not None:
                os.sched_setaffinity(0, {self.cpu})

        environment = dict(os.environ, WEIR_BENCH_PROVIDER_KEY=PROVIDER_KEY)
        with open(self.directory / "output", "w") as out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                env=environment, preexec_fn=pin)
        try:
            wait_for_port(self.port, self.process)
        except RuntimeError as error:
            self.stop()
            raise RuntimeError(f"{error}\n{(self.directory / 'output').read_text()}") from error

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def watched(self):
        return self.process.pid

    def realtime_threads(self):
        return [self.watched()]


class Nginx(Proxy):
    name = "nginx"
    template = "nginx.conf"

    def command(self):
        return ["nginx", "-p", str(self.directory), "-c", str(self.configuration()),
                "-e", str(self.directory / "nginx.log")]

    def watched(self):
        """The one worker; the master sleeps, and listens a moment before it forks."""
        pid = self.process.pid
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            if children:
                return int(children[0])
            time.sleep(0.01)
        raise RuntimeError("nginx has no worker")


class Haproxy(Proxy):
    name = "haproxy"
    template = "haproxy.cfg"

    def command(self):
        return ["haproxy", "-db", "-f", str(self.configuration())]


class Weir(Proxy):
    name = "weir"
    template = "weir.yaml"
    program = "weir"

    def values(self):
        return super().values() | {"admin": free_port()}

    def command(self):
        return [self.program, "serve", "--config", str(self.configuration())]

    def start(self):
        super().start()
        self.key = self.read_key()

    def read_key(self):
        """The team key of a first start is printed once, behind the admin's."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            for line in (self.directory / "output").read_text().splitlines():
                found = KEY.search(line)
                if found and "team key" in line:
                    return found.group()
            time.sleep(0.01)
        raise RuntimeError("weir printed no team key:\n" + (self.directory / "output").read_text())

    def stop(self):
        super().stop()
        shutil.rmtree(self.directory / "data", ignore_errors=True)

    def threads(self):
        tasks = pathlib.Path(f"/proc/{self.watched()}/task")
        return {int(t.name): (t / "comm").read_text().strip() for t in tasks.iterdir()}

    def realtime_threads(self):
        """The road only: what is beside it waits for nobody."""
        return [t for t, name in self.threads().items() if is_road(name)]


def is_road(thread):
    return thread.startswith("weir-road")
