"""Latency and memory of the language server beside `ruff server` and `pylsp`, with one client on
the same files in one run.

python benchmarks/lsp.py [--pylsp PATH] [--pylsp-ruff PATH] [--starts 10] [--requests 200]

Where no paths are given, python-lsp-server is installed into two temporary environments: with
pyflakes, and with python-lsp-ruff. With the former a menu is empty, so that it is the cost of a
request by itself; with the latter it has entries, and that is what a menu is compared with. Exit
status 1 when start-up is slower than pylsp's with pyflakes, a menu slower than that with ruff, or a
request beside a running fix takes more than 20 ms (p99). A busy machine makes this meaningless.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any, Final

from lsp_measures import SIZES, Server, Times, measure, start_up
from rich.console import Console
from rich.table import Table

BESIDE_A_FIX: Final = 20.0
"""Milliseconds, p99: what a request may take while a fix is running."""


def pylsp(folder: Path, plugin: str) -> str:
    """The program of python-lsp-server, installed into a new folder together with a plug-in."""
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "python-lsp-server", plugin], check=True)
    return str(folder / "bin" / "pylsp")


def report(results: dict[str, dict[str, Any]]) -> Table:
    """Median and p99 of each server, and editloop's median as a multiple of each of the others'."""
    names = list(results)
    ratios = [f"/ {name}" for name in names[1:]]
    table = Table("", *names, *ratios)
    for row in dict.fromkeys(key for found in results.values() for key in found):
        values = [results[name].get(row) for name in names]
        own = values[0]
        cells = [f"{size(own) / size(other):.2f}" if own and other else "" for other in values[1:]]
        table.add_row(row, *map(show, values), *cells)
    return table


def size(value: Times | int) -> float:
    return value.median if isinstance(value, Times) else value


def show(value: Times | int | None) -> str:
    match value:
        case None:
            return ""
        case Times(median, p99):
            return f"{median:.1f} ({p99:.1f}) ms"
        case _:
            return f"{value / 2**20:.0f} MiB"


def failures(results: dict[str, dict[str, Any]]) -> list[str]:
    """What falls short of the goals, a line each."""
    own = results["editloop"]
    rivals = {"start": "pylsp", **{f"menu, {lines} lines": "pylsp with ruff" for lines in SIZES}}
    found = [
        f"{row}: {own[row].median:.1f} ms, {rival} {results[rival][row].median:.1f} ms"
        for row, rival in rivals.items()
        if own[row].median > results[rival][row].median
    ]
    found += [
        f"{row}: {times.p99:.1f} ms (p99), the goal is {BESIDE_A_FIX:.0f}"
        for row, times in own.items()
        if "beside" in row and times.p99 > BESIDE_A_FIX
    ]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--editloop", default=f"{sys.executable} -m editloop")
    parser.add_argument("--pylsp", help="pylsp with pyflakes, where it is installed already")
    parser.add_argument("--pylsp-ruff", help="pylsp with python-lsp-ruff")
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--changes", type=int, default=20)
    options = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as name:
        flakes = options.pylsp or pylsp(Path(name, "flakes"), "pyflakes")
        ruff = options.pylsp_ruff or pylsp(Path(name, "ruff"), "python-lsp-ruff")
        own = {"runCode": "always", "budget": 60, "diagnostics": {"static": "on"}}
        servers = (
            Server("editloop", (*options.editloop.split(), "serve"), {"editloop": own}),
            Server("ruff server", (sys.executable, "-m", "ruff", "server"), {}),
            Server("pylsp", (flakes,), {}),
            Server("pylsp with ruff", (ruff,), {}),
        )
        starts = asyncio.run(start_up(servers, Path(name), options.starts))
        for server in servers:
            folder = Path(name, "files of " + server.name)
            folder.mkdir()
            found = asyncio.run(measure(server, folder, options))
            results[server.name] = {"start": starts[server.name], **found}
    Console(width=160).print(
        report(results), "median (p99); the last columns: editloop's / other", sep="\n"
    )
    short = failures(results)
    print(*short, sep="\n", end="\n" if short else "")
    return 1 if short else 0


if __name__ == "__main__":
    raise SystemExit(main())
