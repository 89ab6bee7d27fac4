"""Episodes as data: frozen steps and traces, versioned JSON lines, and replay."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editloop.commands import Command, CommandError, parse
from editloop.state import EditState, apply
from editloop.text import Snapshot
from editloop.transcript import TRANSCRIPT_VERSION

TRACE_VERSION = 1
"""Changes whenever a reader of older lines would misread newer ones."""


class TraceError(ValueError):
    """A line of a trace file cannot be used; the message names file and line."""


@dataclass(frozen=True, slots=True)
class Step:
    """One turn. ``text`` is what the policy wrote, ``findings`` what it had seen before that."""

    text: str
    command: Command | None
    """None where the text is no command."""
    findings: tuple[tuple[int | None, str], ...] = ()
    verdict: str = ""
    """The summary of the verdict after the step, such as ``syntax 1/1, tests 2/3``."""
    error: str | None = None
    """Why the command changed nothing."""
    log_prob: float | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """A whole episode; ``stop``: exit, turns, cancelled."""

    task: str
    policy: str
    steps: tuple[Step, ...]
    solved: bool
    stop: str
    seconds: float
    view: tuple[int, ...]
    seed: int = 0
    version: int = TRACE_VERSION
    transcript_version: int = TRANSCRIPT_VERSION


def replay(trace: Trace, document: Snapshot) -> EditState:
    """The state after a trace's commands. Raises CommandError where the document is another."""
    if trace.view and trace.view[-1] >= len(document.lines):
        raise CommandError("the document has fewer lines than the trace's")
    state = EditState.open(document, trace.view)
    for step in trace.steps:
        if step.command is not None and step.error is None:
            state = apply(state, step.command)
    return state


def write_trace(path: Path, trace: Trace) -> None:
    """Append one line."""
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(trace_row(trace), ensure_ascii=True) + "\n")


def write_traces(path: Path, traces: Iterable[Trace]) -> int:
    """Append a line for each; returns how many."""
    count = 0
    for trace in traces:
        write_trace(path, trace)
        count += 1
    return count


def read_traces(path: Path) -> Iterator[Trace]:
    """Traces of a file in order. Raises TraceError."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            try:
                yield _trace(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise TraceError(f"{where}: {error}") from error


def trace_row(trace: Trace) -> dict[str, Any]:
    """The JSON object of a trace; a command is the text that the policy wrote."""
    steps = []
    for step in trace.steps:
        row: dict[str, Any] = {"text": step.text, "verdict": step.verdict}
        row["findings"] = [list(finding) for finding in step.findings]
        row["is_command"] = step.command is not None
        row["error"], row["log_prob"] = step.error, step.log_prob
        steps.append(row)
    return {
        "version": trace.version,
        "transcript_version": trace.transcript_version,
        "task": trace.task,
        "policy": trace.policy,
        "seed": trace.seed,
        "solved": trace.solved,
        "stop": trace.stop,
        "seconds": round(trace.seconds, 6),
        "view": _ranges(trace.view),
        "steps": steps,
    }


def _trace(row: dict[str, Any]) -> Trace:
    if row["version"] != TRACE_VERSION:
        raise ValueError(f"trace version {row['version']}, this reads {TRACE_VERSION}")
    view = tuple(i for start, stop in row["view"] for i in range(start, stop))
    return Trace(
        task=row["task"],
        policy=row["policy"],
        steps=tuple(_step(step) for step in row["steps"]),
        solved=row["solved"],
        stop=row["stop"],
        seconds=row["seconds"],
        view=view,
        seed=row["seed"],
        transcript_version=row["transcript_version"],
    )


def _step(row: dict[str, Any]) -> Step:
    try:
        command = parse(row["text"]) if row["is_command"] else None
    except CommandError as error:
        raise ValueError(f"{row['text']!r}: {error}") from error
    findings = tuple((line, text) for line, text in row["findings"])
    return Step(row["text"], command, findings, row["verdict"], row["error"], row["log_prob"])


def _ranges(view: tuple[int, ...]) -> list[list[int]]:
    ranges: list[list[int]] = []
    for index in view:
        if ranges and ranges[-1][1] == index:
            ranges[-1][1] += 1
        else:
            ranges.append([index, index + 1])
    return ranges
