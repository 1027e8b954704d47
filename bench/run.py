#!/usr/bin/env python3
"""`make bench`: Weir beside nginx and haproxy in one interleaved run (method: bench/README.md).

Prints the table of figures and writes <build>/results.jsonl, one JSON object a line, and
<build>/samples.jsonl with each sample that they rest on.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import proxies

NOISY = 0.12  # of a core, used by others while a sample was taken
TABLE = "{:<15} {:>10} {:<10} {:>8} {:>7} {:>8}  {:<4} {}"


class Bench:
    def __init__(self, options):
        self.build = pathlib.Path(options.build).resolve()
        self.options = options
        cpus = sorted(os.sched_getaffinity(0))
        self.proxy_cpu, self.load_cpu = (cpus[0], cpus[1]) if len(cpus) > 1 else (None, None)
        self.weir = options.weir or str(self.build / "bin/weir")
        self.samples = open(self.build / "samples.jsonl", "w")
        self.results = []
        self.dropped = self.taken = 0
        self.realtime = True

    def stack(self, name):
        kinds = {k.name: k for k in (proxies.Direct, proxies.Nginx, proxies.Haproxy, proxies.Weir)}
        stack = kinds[name](self.build / "bench-run" / name, self.proxy_cpu)
        stack.program = self.weir
        return stack

    def load(self, stack, mode, *words, realtime=False):
        """Runs weir_load against a running stack; its report."""
        command = [str(self.build / "bin/weir_load"), mode, "--upstream", str(stack.upstream),
                   "--target", str(stack.port), "--key", stack.key,
                   "--watch", str(stack.watched())]
        if self.load_cpu is not None:
            command += ["--cpu", str(self.load_cpu)]
        if realtime:
            command.append("--realtime")
        command += [str(w) for w in words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"weir_load: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def sample(self, figure, name, mode, *words, realtime=False):
        """One fresh process of one stack under one load."""
        stack = self.stack(name)
        try:
            stack.start()
            if realtime:
                realtime = self.hurry(stack.realtime_threads())
            report = self.load(stack, mode, *words, realtime=realtime)
        finally:
            stack.stop()
        report |= {"figure": figure, "stack": name,
                   "noisy": report.get("others", 0) > NOISY}
        self.samples.write(json.dumps(report) + "\n")
        self.samples.flush()
        self.taken += 1
        if report["errors"]:
            raise RuntimeError(f"{figure}, {name}: {report['errors']} errors, "
                               f"the first: {report['first_error']}")
        return report

    def hurry(self, threads):
        try:
            for thread in threads:
                os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(10))
        except PermissionError:
            self.realtime = False
        return self.realtime

    def rounds(self, figure, stacks, count, *words, realtime=False):
        """`count` rounds, each stack once in each, in turning order: [{stack: report}]."""
        out = []
        for number in range(count):
            turn = stacks[number % len(stacks):] + stacks[:number % len(stacks)]
            out.append({name: self.sample(figure, name, *words, realtime=realtime)
                        for name in turn})
            progress(f"{figure}: round {number + 1} of {count}")
        return self.clean(out)

    def clean(self, rounds):
        """Rounds in which nobody else was busy; the quieter half where none was."""
        def others(a_round):
            return max(r.get("others", 0) for r in a_round.values())

        quiet = [r for r in rounds if others(r) <= NOISY]
        if len(quiet) < 2:
            quiet = sorted(rounds, key=others)[:max(2, len(rounds) // 2)]
        self.dropped += len(rounds) - len(quiet)
        return quiet

    def result(self, figure, value, unit, against, ratio, bar, met, note=""):
        row = {"figure": figure, "value": round(value, 4), "unit": unit, "against": against,
               "ratio": round(ratio, 3), "bar": bar, "met": bool(met)}
        self.results.append(row)
        progress("")
        print(TABLE.format(figure, f"{value:,.6g}", unit, against, f"{ratio:.2f}", f"{bar:,}",
                           "met" if met else "MISS", note), flush=True)


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}\r", end="", file=sys.stderr, flush=True)


def middle(values):
    return statistics.median(values)


def each(rounds, name, what):
    return [what(r[name]) for r in rounds]


def ratios(rounds, what, against="nginx"):
    return [what(r["weir"]) / what(r[against]) for r in rounds]


def spread(values, digits=1):
    return f"{middle(values):.{digits}f} (min {min(values):.{digits}f})"


def road_cpu(report):
    return sum(ns for name, ns in report["threads"].items() if proxies.is_road(name))


def cpu_figure(bench, figure, bar, count, per, *words):
    """CPU of the whole proxy process, to the end of the work that it put off, for each `per`."""
    rounds = bench.rounds(figure, ["nginx", "haproxy", "weir"], count, *words)

    def cost(report):
        return report["cpu_ns"] / report[per] / 1000

    ratio = middle(ratios(rounds, cost))
    least = min(each(rounds, "weir", cost)) / min(each(rounds, "nginx", cost))
    road = [road_cpu(r["weir"]) / r["weir"][per] / 1000 for r in rounds]
    road_ratio = middle([a / b for a, b in zip(road, each(rounds, "nginx", cost))])
    note = (f"min {min(each(rounds, 'weir', cost)):.1f}, of minima {least:.2f}; its road alone "
            f"{spread(road)} = {road_ratio:.2f}; nginx {spread(each(rounds, 'nginx', cost))}, "
            f"haproxy {spread(each(rounds, 'haproxy', cost))}; {len(rounds)} rounds")
    bench.result(figure, middle(each(rounds, "weir", cost)), "µs", "nginx", ratio, bar,
                 ratio <= bar, note)


def cpu_call(bench, quick):
    cpu_figure(bench, "cpu_call", 0.9, 2 if quick else 8, "calls", "saturate",
               "--connections", 64, "--warm", 0.5, "--seconds", 1 if quick else 1.5)


def cpu_call_121k(bench, quick):
    cpu_figure(bench, "cpu_call_121k", 1.2, 2 if quick else 8, "calls", "saturate",
               "--connections", 32, "--body", "agent", "--warm", 0.5,
               "--seconds", 1 if quick else 1.5)


def cpu_chunk(bench, quick):
    cpu_figure(bench, "cpu_chunk", 0.95, 2 if quick else 6, "chunks", "streams",
               "--connections", 200, "--warm", 1.1, "--seconds", 1.5 if quick else 2.5)


def added_latency(bench, quick):
    rounds = bench.rounds("added", ["direct", "nginx", "haproxy", "weir"], 2 if quick else 6,
                          "paced", "--rate", 2000, "--connections", 64, "--warm", 0.5,
                          "--seconds", 1.5 if quick else 2.5, realtime=True)
    for figure, key in (("added_p50", "p50_us"), ("added_p99", "p99_us")):
        def added(a_round, name):
            return (a_round[name][key] - a_round["direct"][key]) / 1000

        mine, theirs, third = ([added(r, n) for r in rounds] for n in ("weir", "nginx", "haproxy"))
        ratio = middle([a / max(b, 0.001) for a, b in zip(mine, theirs)])
        note = (f"min {min(mine):.3f}; nginx {spread(theirs, 3)}, haproxy {spread(third, 3)}, "
                f"direct {middle(each(rounds, 'direct', lambda r: r[key])) / 1000:.3f}; "
                f"{len(rounds)} rounds")
        bench.result(figure, middle(mine), "ms", "nginx", ratio, 1.1, ratio <= 1.1, note)


def memory(bench, figure, bar, mode, connections):
    reports = {name: bench.sample(figure, name, mode, "--connections", connections)
               for name in ("nginx", "haproxy", "weir")}
    each_kb = {name: r["kb_each"] for name, r in reports.items()}
    bench.result(figure, each_kb["weir"], "kB", "bar", each_kb["weir"] / bar, bar,
                 each_kb["weir"] <= bar,
                 f"nginx {each_kb['nginx']:.1f}, haproxy {each_kb['haproxy']:.1f}; "
                 f"{reports['weir']['connections']} measured")


def kb_idle_conn(bench, quick):
    memory(bench, "kb_idle_conn", 3, "idle", 2000 if quick else 5064)


def kb_open_stream(bench, quick):
    memory(bench, "kb_open_stream", 8, "held", 1000 if quick else 2564)


def pinned(bench, command):
    prefix = [] if bench.proxy_cpu is None else ["taskset", "-c", str(bench.proxy_cpu)]
    done = subprocess.run(prefix + command, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout


def admit_settle(bench, quick):
    out = json.loads(pinned(bench, [
        str(bench.build / "bin/budget_bench"), "--benchmark_format=json",
        "--benchmark_filter=six_matching/(8|10000|100000)$", "--benchmark_repetitions=3",
        f"--benchmark_min_time={0.1 if quick else 0.5}"]))
    rates = {}
    for run in out["benchmarks"]:
        if run["run_type"] == "iteration":
            rates.setdefault(run["name"].split("/")[1], []).append(run["items_per_second"] / 1e6)
    many = rates["10000"]
    bench.result("admit_settle", middle(many), "M/s", "bar", middle(many) / 2, 2, middle(many) >= 2,
                 f"10,000 trajectories in turn; best {max(many):.2f}; "
                 f"8 trajectories {middle(rates['8']):.2f}, 100,000 {middle(rates['100000']):.2f}")


def ledger_fold(bench, quick):
    rows = [json.loads(pinned(bench, [str(bench.build / "bin/fold_bench"),
                                      "100000" if quick else "300000"]))
            for _ in range(1 if quick else 3)]
    rates = [r["value"] for r in rows]
    bench.result("ledger_fold", middle(rates), "entries/s", "bar", middle(rates) / 100_000, 100_000,
                 middle(rates) >= 100_000,
                 f"best {max(rates):,.0f}; CPU {min(r['cpu_us_an_entry'] for r in rows):.1f} µs")


def start_ms(bench, quick):
    """From exec to the first answered call, on a data directory that exists already."""
    stack = bench.stack("weir")
    try:
        stack.start()
        proxies.Proxy.stop(stack)
        times = []
        for _ in range(2 if quick else 5):
            # weir_load starts it, so that nothing lies between exec and the first attempt.
            report = bench_start(bench, stack)
            times.append(report["start_ms"])
    finally:
        stack.stop()
    bench.result("start_ms", middle(times), "ms", "bar", middle(times) / 500, 500,
                 middle(times) < 500, f"best {min(times):.0f}, {len(times)} starts")


def bench_start(bench, stack):
    environment = dict(os.environ, WEIR_BENCH_PROVIDER_KEY=proxies.PROVIDER_KEY)
    done = subprocess.run(
        [str(bench.build / "bin/weir_load"), "start", "--upstream", str(stack.upstream),
         "--target", str(stack.port), "--key", stack.key, "--", *stack.command()],
        capture_output=True, text=True, timeout=120, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"weir_load: {done.stderr.strip()}")
    report = json.loads(done.stdout)
    if report["errors"]:
        raise RuntimeError(f"start_ms: no call was answered: {report['first_error']}")
    return report


FIGURES = {
    "cpu_call": cpu_call,
    "cpu_call_121k": cpu_call_121k,
    "cpu_chunk": cpu_chunk,
    "added": added_latency,
    "kb_idle_conn": kb_idle_conn,
    "kb_open_stream": kb_open_stream,
    "admit_settle": admit_settle,
    "ledger_fold": ledger_fold,
    "start_ms": start_ms,
}


def machine():
    names = [line.split(":")[1].strip() for line in open("/proc/cpuinfo")
             if line.startswith("model name")]
    return f"{len(names)} × {names[0] if names else 'processor'}, Linux {os.uname().release}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/bench")
    parser.add_argument("--quick", action="store_true", help="under 90 s; the ratios are rough")
    parser.add_argument("--only", help="figures, comma between them: " + ", ".join(FIGURES))
    parser.add_argument("--weir", help="the program to measure; <build>/bin/weir")
    options = parser.parse_args()
    chosen = options.only.split(",") if options.only else list(FIGURES)
    unknown = set(chosen) - set(FIGURES)
    if unknown:
        parser.error(f"no such figure: {', '.join(sorted(unknown))}")

    begun = time.monotonic()
    bench = Bench(options)
    print(f"weir bench: {machine()}")
    print(TABLE.format("figure", "value", "unit", "against", "ratio", "bar", "", ""))
    failed = False
    for name in chosen:
        try:
            FIGURES[name](bench, options.quick)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            failed = True
            print(f"{name}: {error}", flush=True)
    with open(bench.build / "results.jsonl", "w") as out:
        for row in bench.results:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    missed = [r["figure"] for r in bench.results if not r["met"]]
    print(f"{bench.taken} samples in {time.monotonic() - begun:.0f} s; {bench.dropped} rounds "
          f"dropped because others used more than {NOISY:.0%} of a core"
          + ("" if bench.realtime else "; paced without real-time priority, so p99 is the "
             "scheduler's"))
    print(f"missed: {', '.join(missed)}" if missed else "every bar is met")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
