from __future__ import annotations

import json
import threading
from dataclasses import asdict
from pathlib import Path

from editloop.loop import Trace, Turn, run_episode
from editloop.policy import ScriptedPolicy
from editloop.state import EditState
from editloop.text import Snapshot
from editloop.transcript import Transcript

from .verifying import make_verify

GOLDEN = Path(__file__).parent / "golden" / "repair.json"
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
    return run_episode(state, policy, make_verify(CASES), **options)  # type: ignore[arg-type]


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
    trace = run_episode(state, policy, make_verify(CASES), **options)  # type: ignore[arg-type]
    return trace, policy.seen


def test_golden_repair(update_golden: bool) -> None:
    trace, _ = _recorded(SCRIPT)
    row = json.loads(json.dumps({**asdict(trace), "turns": list(map(_row, trace.turns))}))
    if update_golden:
        GOLDEN.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
    assert row == json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert trace.solved
    assert trace.stop == "exit"


def _row(turn: Turn) -> dict[str, object]:
    return {**asdict(turn), "command": turn.command and str(turn.command)}


def test_mistakes_are_observations() -> None:
    trace, seen = _recorded(SCRIPT)
    errors = [turn.error is not None for turn in trace.turns]
    assert errors == [False, False, True, True, True, False, False]
    nonsense = trace.turns[2]
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
    assert len(trace.turns) == 4
    assert not trace.solved


def test_cancel() -> None:
    cancel = threading.Event()
    turns: list[Turn] = []

    def on_turn(turn: Turn, state: EditState) -> None:
        turns.append(turn)
        cancel.set()

    trace = _episode(SCRIPT, cancel=cancel, on_turn=on_turn)
    assert trace.stop == "cancelled"
    assert list(trace.turns) == turns
    assert len(turns) == 1


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
