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
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lsp_client import Client, Json, milliseconds, settings_answer
from rich.console import Console
from rich.table import Table

SIZES: Final = (20, 1000, 5000)
BESIDE_A_FIX: Final = 20.0
"""Milliseconds, p99: what a request may take while a fix is running."""

FUNCTION: Final = '''\

def scale_{0}(values, factor):
    """Each value times the factor."""
    scaled = []
    for value in values:
        scaled.append(value * factor)
    if not scaled:
        return None
    return scaled

'''
UNSOLVABLE: Final = '''\
def secret(number):
    """
    >>> secret(1)
    'kqzvx'
    """
    total = 0
    for step in range(number):
        total += step * number
    return total
'''


@dataclass(frozen=True, slots=True)
class Server:
    """How a server is started and what it is told."""

    name: str
    command: tuple[str, ...]
    settings: dict[str, Json]


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds."""

    median: float
    p99: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Times:
        return cls(statistics.median(values), sorted(values)[(len(values) * 99 - 1) // 100])


def module(lines: int, name: str) -> str:
    """Functions, about `lines` lines of them; the last one returns `name`, which is undefined."""
    count = max(1, lines // FUNCTION.count("\n"))
    text = "".join(FUNCTION.format(number) for number in range(count))
    at = text.rindex("return scaled")
    return f"{text[:at]}return {name}{text[at + len('return scaled') :]}"


class Document:
    """A file that a server has open; waits for the diagnostics of its current text."""

    def __init__(self, client: Client, path: Path, lines: int) -> None:
        self.uri = path.as_uri()
        self.diagnostics: list[Json] = []
        self._client = client
        self._lines = lines
        self._version = 0
        client.listeners["textDocument/publishDiagnostics"] = self._published

    async def set_name(self, name: str) -> float:
        """Open or change the text so that `name` is undefined; milliseconds until that is told."""
        self._version += 1
        text = module(self._lines, name)
        self._awaited = name
        self._told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        start = time.perf_counter()
        if self._version == 1:
            self._client.open(self.uri, text)
        else:
            self._client.change(self.uri, text, self._version)
        return await asyncio.wait_for(milliseconds(self._told, start), 60)

    def menu(self) -> dict[str, Json]:
        """Parameters of a request for the menu at the undefined name."""
        found = self.diagnostics[0]
        where = {"textDocument": {"uri": self.uri}, "range": found["range"]}
        return {**where, "context": {"diagnostics": [found], "triggerKind": 1}}

    def _published(self, params: Json) -> None:
        if params["uri"] != self.uri or self._told.done():
            return
        found = [d for d in params["diagnostics"] if self._awaited in d["message"]]
        if found:
            self.diagnostics = found
            self._told.set_result(None)


async def start(server: Server, folder: Path) -> Client:
    client = await Client.start(server.command, cwd=folder)
    client.answers["workspace/configuration"] = settings_answer(server.settings)
    return client


async def connect(client: Client, server: Server, folder: Path) -> None:
    """The handshake, and the settings in both of the ways that servers take them."""
    await client.initialize(folder, options={"settings": server.settings})
    client.notify("workspace/didChangeConfiguration", {"settings": server.settings})


async def start_up(servers: Sequence[Server], folder: Path, count: int) -> dict[str, Times]:
    """From the start of the process to the answer to `initialize`; the servers take turns, so that
    what else the machine does is shared by them."""
    times: dict[str, list[float]] = {server.name: [] for server in servers}
    for _ in range(count):
        for server in servers:
            begun = time.perf_counter()
            async with await start(server, folder) as client:
                await connect(client, server, folder)
                times[server.name].append(1e3 * (time.perf_counter() - begun))
    return {name: Times.of(values) for name, values in times.items()}


async def ask(client: Client, method: str, params: Json, count: int, pause: float = 0) -> Times:
    """The same request, one after the other, `pause` seconds between them."""
    times = []
    for _ in range(count):
        start = time.perf_counter()
        times.append(await milliseconds(client.request(method, params), start))
        await asyncio.sleep(pause)
    return Times.of(times)


async def measure(server: Server, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Times by what was measured, and bytes under "memory"."""
    found: dict[str, Any] = {}
    async with await start(server, folder) as client:
        await connect(client, server, folder)
        found["memory, started"] = client.memory("pss")
        for lines in SIZES:
            path = folder / f"module_{lines}.py"
            path.write_text(module(lines, "missing"), encoding="utf-8")
            document = Document(client, path, lines)
            await document.set_name("missing")
            changes = [await document.set_name(f"gone_{n}") for n in range(options.changes)]
            found[f"diagnostics, {lines} lines"] = Times.of(changes)
            params = document.menu()
            found[f"menu, {lines} lines"] = await ask(
                client, "textDocument/codeAction", params, options.requests
            )
        found["memory, files open"] = client.memory("pss")
        if server.name == "editloop":
            found |= await beside_a_fix(client, folder, document, options.requests)
            found["memory, after a fix"] = client.memory("pss")
    return found


async def beside_a_fix(
    client: Client, folder: Path, document: Document, count: int
) -> dict[str, Times]:
    """Requests while the server looks for a fix that does not exist."""
    path = folder / "unsolvable.py"
    path.write_text(UNSOLVABLE, encoding="utf-8")
    client.open(path.as_uri(), UNSOLVABLE)
    begun = asyncio.Event()
    client.listeners["$/progress"] = lambda _: begun.set()
    argument = {
        "uri": path.as_uri(),
        "version": 1,
        "kind": "function",
        "range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}},
    }
    job = client.execute("editloop.fix", argument, token="benchmark")
    await asyncio.wait_for(begun.wait(), 30)
    menu = await ask(client, "textDocument/codeAction", document.menu(), count, 0.01)
    status = {"command": "editloop.status", "arguments": []}
    idle = await ask(client, "workspace/executeCommand", status, count, 0.01)
    if job.done():
        raise SystemExit(f"the fix was over before the requests: {job.result()}")
    client.execute("editloop.cancel", {"uri": path.as_uri()})
    await job
    return {f"menu beside a fix, {SIZES[-1]} lines": menu, "status beside a fix": idle}


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
