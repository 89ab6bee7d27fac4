"""What benchmarks/lsp.py measures of one server: start-up, diagnostics, menus, memory, and requests
beside a running fix.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lsp_client import Client, Json, milliseconds, settings_answer

SIZES: Final = (20, 1000, 5000)

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
    """Milliseconds from a process's start to its `initialize` reply; servers take turns, so that
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
    """Milliseconds of `count` equal requests, one after the other, `pause` seconds between them."""
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
