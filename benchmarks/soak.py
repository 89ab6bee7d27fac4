"""Many fixes in one language server: cancelled at random moments, or left to be found.

python benchmarks/soak.py [--fixes 200] [--complete] [--seed 0] [--settle 50] [--growth 5]

A fix is cancelled by `$/cancelRequest`, by the command `editloop.cancel`, by the button of its
progress, or after a change of the lines that it is for. What has to hold: every fix is answered
within two seconds then; an edit comes while its fix runs, for the text that it was made for, and
its fix says so; the server is not busy afterwards; the memory of the server and its workers does
not grow by more than --growth percent after the first --settle fixes (medians of five readings of
what is theirs alone). Exit status 1 where something of this does not hold. With
EDITLOOP_SCRIPTED_POLICY the server uses no model.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final, Literal, get_args

from lsp_client import Call, Client, Json, ResponseError, settings_answer

Way = Literal["request", "command", "progress", "change"]

ANSWER_WITHIN: Final = 2.0
"""Seconds from a cancellation to the answer; far above what is usual, for a busy machine."""
LONGEST: Final = 1.5
"""Seconds until a fix is cancelled, at most."""
READ_EVERY: Final = 10
"""Fixes between two readings of the memory."""
READINGS: Final = 5
REQUEST_CANCELLED: Final = -32800

SOLVABLE: Final = '''\
def half_{0}(number):
    """
    >>> half_{0}(4)
    2
    >>> half_{0}(10)
    5
    """
    return number // 3
'''
UNSOLVABLE: Final = '''\
def secret_{0}(number):
    """
    >>> secret_{0}(1)
    'kqzvx'
    """
    total = 0
    for step in range(number):
        total += step * number
    return total
'''
CAPABILITIES: Final = {
    "workspace": {
        "applyEdit": True,
        "configuration": True,
        "workspaceEdit": {"documentChanges": True},
    },
    "window": {"workDoneProgress": True},
}
SETTINGS: Final = {"editloop": {"runCode": "always", "budget": 30, "alternatives": 0}}


@dataclass(slots=True)
class Fix:
    """A fix under way, and how often it edited its document."""

    uri: str
    token: str
    call: Call
    version: int = 1
    edits: int = 0


@dataclass(slots=True)
class Record:
    """What was seen; `faults` is what must not have been. Seconds and bytes."""

    outcomes: Counter[str] = field(default_factory=Counter)
    delays: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class Soak:
    """One server, and one fix at a time."""

    def __init__(self, client: Client, folder: Path, random: Random) -> None:
        self.record = Record()
        self._client = client
        self._folder = folder
        self._random = random
        self._fix: Fix | None = None
        client.answers["workspace/configuration"] = settings_answer(SETTINGS)
        client.answers["workspace/applyEdit"] = self._apply

    async def cancelled(self, number: int) -> None:
        """A fix that is cancelled after a while; it may be over by then."""
        text = self._random.choice((SOLVABLE, UNSOLVABLE)).format(number)
        fix = self._begin(number, text)
        await asyncio.wait([fix.call], timeout=self._random.uniform(0, LONGEST))
        early = fix.call.done()
        way = self._random.choice(get_args(Way))
        start = time.perf_counter()
        await self._stop(fix, way, text)
        outcome = await self._end(fix, ANSWER_WITHIN)
        if not early:
            self.record.delays.append(time.perf_counter() - start)
        self.record.outcomes[outcome if early else f"{way}: {outcome}"] += 1

    async def completed(self, number: int) -> None:
        """A fix that is left alone has to be found."""
        outcome = await self._end(self._begin(number, SOLVABLE.format(number)), 60)
        self.record.outcomes[outcome] += 1
        if outcome != "fixed":
            self.record.faults.append(f"fix {number}: {outcome}")

    async def rest(self, number: int) -> None:
        """After a fix that was left alone, so that all processes are there and have worked: nothing
        runs, and the memory is read."""
        await self.completed(number)
        status = await self._client.execute("editloop.status")
        if status["busy"]:
            self.record.faults.append(f"busy after {self.record.outcomes.total()} fixes: {status}")
        self.record.memory.append(self._client.memory("uss"))

    def _begin(self, number: int, text: str) -> Fix:
        uri = (self._folder / f"module_{number}.py").as_uri()
        self._client.open(uri, text)
        start = {"line": 0, "character": 0}
        argument = {"uri": uri, "version": 1, "kind": "function"}
        argument["range"] = {"start": start, "end": start}
        token = f"fix-{number}"
        call = self._client.execute("editloop.fix", argument, token=token)
        self._fix = Fix(uri, token, call)
        return self._fix

    async def _stop(self, fix: Fix, way: Way, text: str) -> None:
        match way:
            case "request":
                self._client.cancel(fix.call)
            case "command":
                self._client.execute("editloop.cancel", {"uri": fix.uri})
            case "progress":
                self._client.notify("window/workDoneProgress/cancel", {"token": fix.token})
            case "change":
                fix.version += 1
                changed = text.replace("    return", "    # changed\n    return")
                self._client.change(fix.uri, changed, fix.version)
                await asyncio.wait([fix.call], timeout=self._random.uniform(0, 0.5))
                self._client.cancel(fix.call)

    async def _end(self, fix: Fix, limit: float) -> str:
        """How the fix came out; what does not fit together is a fault."""
        try:
            answer = await asyncio.wait_for(asyncio.shield(fix.call), limit)
            outcome = str(answer["status"])
            if outcome == "error":
                self.record.faults.append(f"{fix.token}: {answer['reason']}")
        except TimeoutError:
            outcome = "no answer"
            self.record.faults.append(f"{fix.token}: no answer within {limit:.0f} s")
        except ResponseError as error:
            outcome = "cancelled" if error.code == REQUEST_CANCELLED else str(error)
        if fix.edits != (outcome == "fixed"):
            self.record.faults.append(f"{fix.token}: {outcome}, but {fix.edits} edits")
        self._client.close(fix.uri)
        return outcome

    def _apply(self, params: Json) -> Json:
        """What an editor does: an edit for another version is refused."""
        document = params["edit"]["documentChanges"][0]["textDocument"]
        fix = self._fix
        if fix is None or fix.uri != document["uri"] or fix.call.done():
            self.record.faults.append(f"an edit of {document['uri']}, whose fix is over")
        elif fix.version == document["version"]:
            fix.edits += 1
            return {"applied": True}
        return {"applied": False, "failureReason": "the document has changed"}


async def soak(options: argparse.Namespace) -> Record:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [*options.editloop.split(), "serve"]
        async with await Client.start(command, cwd=folder) as client:
            run = Soak(client, folder, Random(options.seed))
            await client.initialize(folder, options={"trusted": True}, capabilities=CAPABILITIES)
            one = run.completed if options.complete else run.cancelled
            for number in range(options.fixes):
                await one(number)
                if number % READ_EVERY == READ_EVERY - 1:
                    await run.rest(number)
            await run.rest(options.fixes)
    return run.record


def growth(memory: Sequence[int], settle: int) -> float | None:
    """Percent from the readings after `settle` fixes to the last ones, None for too few."""
    first = settle // READ_EVERY
    if len(memory) < first + 2 * READINGS:
        return None
    before = statistics.median(memory[first : first + READINGS])
    return 100 * (statistics.median(memory[-READINGS:]) / before - 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--editloop", default=f"{sys.executable} -m editloop")
    parser.add_argument("--fixes", type=int, default=200)
    parser.add_argument("--complete", action="store_true", help="cancel nothing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--settle", type=int, default=50)
    parser.add_argument("--growth", type=float, default=5.0)
    options = parser.parse_args()
    record = asyncio.run(soak(options))
    for outcome, count in sorted(record.outcomes.items()):
        print(f"{count:5} {outcome}")
    if record.delays:
        delays = sorted(1e3 * delay for delay in record.delays)
        print(
            f"answered after {statistics.median(delays):.0f} ms (median), at most {delays[-1]:.0f}"
        )
    tenths = record.memory[:: -(-len(record.memory) // 10)]
    print("memory", *(f"{size / 2**20:.0f}" for size in tenths), "MiB")
    grown = growth(record.memory, options.settle)
    print("too few" if grown is None else f"{grown:+.1f}% after {options.settle} fixes")
    if grown is not None and grown > options.growth:
        record.faults.append(f"the memory grew by {grown:.1f}%")
    print(*record.faults, sep="\n", end="\n" if record.faults else "")
    return 1 if record.faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
