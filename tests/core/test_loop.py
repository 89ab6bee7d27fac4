from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from editloop.commands import CommandError
from editloop.loop import run_episode
from editloop.policy import ScriptedPolicy
from editloop.state import EditState
from editloop.text import Snapshot
from editloop.traces import Step, Trace, TraceError, read_traces, replay, trace_row, write_trace
from editloop.transcript import Transcript

from .verifying import make_verify

GOLDEN = Path(__file__).parent / "golden" / "repair.jsonl"
BUGGY = "def middle(values)\n    values.sort\n    return values[len(values) / 2]\n"
FIXED = "def middle(values):\n    values = sorted(values)\n    return values[len(values) // 2]\n"
CASES = [("middle([3, 1, 2])", 2), ("middle([5])", 5), ("middle([4, 1, 3, 2])", 3)]
SCRIPT = [
    "### REPW 1 >>>) >>>):",
    "### REPW 3 >>>/ >>>//",
    "I would sort the list",
    "### REPW 3 >>>values >>>x",
    "### DELL 7",
    "### REPL 2 >>>    values = sorted(values)",
]


def _episode(script: list[str], **options: object) -> Trace:
    state = EditState.open(Snapshot.from_text(BUGGY))
    policy = ScriptedPolicy(script)
    return run_episode(state, policy, make_verify(CASES), task="middle", **options)  # type: ignore[arg-type]


class _Recorder(ScriptedPolicy):
    """A scripted policy that plays by its own counter and keeps the transcripts it was shown."""

    def __init__(self, texts: list[str]) -> None:
        super().__init__(texts)
        self.seen: list[Transcript] = []

    def act(self, transcript: Transcript, *, cancel: threading.Event | None = None) -> str:
        self.seen.append(transcript)
        turn = len(self.seen) - 1
        return self.texts[turn] if turn < len(self.texts) else "### EXIT"


def _recorded(script: list[str], **options: object) -> tuple[Trace, list[Transcript]]:
    policy = _Recorder(script)
    state = EditState.open(Snapshot.from_text(BUGGY))
    trace = run_episode(state, policy, make_verify(CASES), task="middle", **options)  # type: ignore[arg-type]
    return trace, policy.seen


def test_golden_repair(update_golden: bool) -> None:
    trace, _ = _recorded(SCRIPT)
    row = trace_row(replace(trace, seconds=0.0))
    if update_golden:
        GOLDEN.unlink(missing_ok=True)
        write_trace(GOLDEN, replace(trace, seconds=0.0))
    assert row == json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert trace.solved
    assert trace.stop == "exit"


def test_golden_replay() -> None:
    (trace,) = read_traces(GOLDEN)
    assert replay(trace, Snapshot.from_text(BUGGY)).text == FIXED
    with pytest.raises(CommandError):
        replay(trace, Snapshot.from_text("x = 1\n"))


def test_mistakes_are_observations() -> None:
    trace, seen = _recorded(SCRIPT)
    errors = [step.error is not None for step in trace.steps]
    assert errors == [False, False, True, True, True, False, False]
    nonsense = trace.steps[2]
    assert nonsense.command is None
    assert nonsense.text == "I would sort the list"
    # No command, so the transcript did not grow; the error is the first finding of what is shown.
    assert len(seen[3].commands) == len(seen[2].commands)
    assert seen[3].observations[-1].findings[0][1].startswith("error: not a command")
    # An impossible command did grow it.
    assert len(seen[4].commands) == len(seen[3].commands) + 1
    assert "more than once" in seen[4].observations[-1].findings[0][1]
    for transcript in seen:
        assert len(transcript.observations) == len(transcript.commands) + 1


def test_turns_are_bounded() -> None:
    trace = _episode(["nonsense"], max_turns=4)
    assert trace.stop == "turns"
    assert len(trace.steps) == 4
    assert not trace.solved


def test_cancel() -> None:
    cancel = threading.Event()
    steps: list[Step] = []

    def on_step(step: Step, state: EditState) -> None:
        steps.append(step)
        cancel.set()

    trace = _episode(SCRIPT, cancel=cancel, on_step=on_step)
    assert trace.stop == "cancelled"
    assert list(trace.steps) == steps
    assert len(steps) == 1


def test_what_does_not_help_is_taken_back() -> None:
    """It is shown as if nothing had happened, but as a command that was given."""
    colon, sort = "### REPW 1 >>>) >>>):", "### REPL 2 >>>    values = sorted(values)"
    script = ["### DELL 2", colon, "### REPW 3 >>>/ >>>*", "### REPW 3 >>>/ >>>//", sort]
    trace, seen = _recorded(script, take_back=True)
    assert trace.solved
    first, second, third, fourth = (transcript.observations[-1] for transcript in seen[:4])
    assert second == first
    assert third != second
    assert fourth == third
    assert [str(command) for command in seen[1].tried()] == script[:1]
    assert [str(command) for command in seen[3].tried()] == script[2:3]
    assert not _recorded(script)[0].solved


def test_only_changed_documents_are_verified() -> None:
    verified: list[str] = []
    state = EditState.open(Snapshot.from_text(BUGGY))
    run_episode(state, _Recorder(SCRIPT), make_verify(CASES, verified))
    assert len(verified) == len(set(verified)) == 4


def test_traces_round_trip(tmp_path: Path) -> None:
    trace, _ = _recorded(SCRIPT)
    odd = replace(trace, view=(0, 2, 3, 7), seconds=0.5, seed=4)
    for item in (replace(trace, seconds=1.25), odd):
        write_trace(tmp_path / "t.jsonl", item)
    assert list(read_traces(tmp_path / "t.jsonl")) == [replace(trace, seconds=1.25), odd]


@pytest.mark.parametrize("line", ["{", "[]", '{"version": 99}', '{"version": 1}'])
def test_bad_traces(tmp_path: Path, line: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(TraceError, match=r"t\.jsonl:1"):
        list(read_traces(path))
