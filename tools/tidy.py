#!/usr/bin/env python3
"""The rules of the house that no compiler checks: the room table of src/README.md, sizes, bans.

Exits non-zero with one line for each finding. Run by `make check`.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE_LINES_MAX = 500
HEADER_LINES_MAX = 200
LINE_MAX = 100

# A reason stands beside each exception; none is needed for a table of data.
LONGER_FILES = {
    "src/app/config.cpp": 520,  # one reader, one section after the other
}

# (pattern, rooms where it is allowed, what to do instead)
BANS = [
    (r"std::chrono::\w+_clock::now", {"runtime"}, "take a Clock"),
    (r"std::random_device|\brand\(\)", {"runtime"}, "take an Rng"),
    (r"sleep_for|sleep_until|\busleep\(", {"runtime"}, "wait on what you wait for"),
    (r"\bgetenv\(", {"runtime", "app"}, "read the environment in app/"),
    (r"#include <iostream>", {"app"}, "return values; log with spdlog"),
    (r"\busing namespace std\b", set(), "name what you use"),
    (r"shared_from_this", set(), "own it once"),
]

# Third-party headers and the rooms that may see them.
LIBRARIES = {
    "openssl/": {"runtime", "ledger"},
    "sqlite3.h": {"store"},
    "simdjson.h": {"provider", "store", "codec"},
    "nlohmann/": {"store", "telemetry", "admin", "app"},
    "yaml-cpp/": {"app", "store"},
    "CLI/": {"app"},
    "ares.h": {"runtime"},
    "pcre2.h": {"provider"},
    "zlib.h": {"codec"},
    "zstd.h": {"codec"},
    "brotli/": {"codec"},
}


def room_table():
    """room → rooms it may include, from src/README.md."""
    table = {}
    for line in (ROOT / "src/README.md").read_text().splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0].isdigit():
            table[cells[1]] = set(cells[3].split()) - {"–"}
    return table


def tracked():
    out = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True)
    return [pathlib.Path(p) for p in out.stdout.splitlines()]


def check_source(path, table, complain):
    text = (ROOT / path).read_text()
    lines = text.splitlines()
    is_test = path.stem.endswith(("_test", "_testing"))
    room = path.parts[1] if path.parts[0] == "src" and len(path.parts) > 2 else None
    most = LONGER_FILES.get(str(path), HEADER_LINES_MAX if path.suffix == ".h" else FILE_LINES_MAX)
    if len(lines) > most and not is_test:
        complain(path, len(lines), f"{len(lines)} lines, at most {most}")
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_MAX and "http" not in line and 'R"' not in line:
            complain(path, number, f"line of {len(line)} characters")
        if room is None:
            continue
        include = re.match(r'#include ["<]([^">]+)[">]', line)
        if include and not is_test:
            check_include(path, number, room, include.group(1), table, complain)
        if is_test:
            continue
        for pattern, allowed, instead in BANS:
            if room not in allowed and re.search(pattern, line):
                complain(path, number, f"{pattern}: {instead}")
    if room is not None and path.suffix == ".h" and "#pragma once" not in text:
        complain(path, 1, "no #pragma once")


def check_include(path, number, room, included, table, complain):
    first = included.split("/")[0]
    if first in table and "/" in included:
        if first != room and first not in table[room]:
            complain(path, number, f"room '{room}' may not include '{first}' (src/README.md)")
        return
    for library, rooms in LIBRARIES.items():
        if included.startswith(library) and room not in rooms:
            complain(path, number, f"room '{room}' may not see {library}")


def main():
    findings = []

    def complain(path, number, what):
        findings.append(f"{path}:{number}: {what}")

    table = room_table()
    files = tracked()
    for room in sorted({p.parts[1] for p in files if p.parts[0] == "src" and len(p.parts) > 2}):
        if room not in table:
            complain("src/README.md", 1, f"room '{room}' has no row")
    for path in files:
        if path.suffix in {".h", ".cpp"} and (ROOT / path).exists():
            check_source(path, table, complain)
    for line in findings:
        print(line)
    print(f"house: {len(files)} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
