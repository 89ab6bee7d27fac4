from __future__ import annotations

from editloop.document.commands import Command
from editloop.document.state import EditState
from editloop.document.text import Snapshot
from editloop.document.transcript import (
    MAX_FINDING_CHARS,
    MAX_FINDINGS,
    Finding,
    Transcript,
    chat,
    observation_text,
    observe,
    reopened,
)

STATE = EditState.open(Snapshot.from_text("def f(a):\n    return b\n"))


def _transcript() -> Transcript:
    first = observe(STATE, [Finding("F821 Undefined name `b`", 1)])
    return Transcript((first,)).extend(Command("REPW", 2, "a", "b"), observe(STATE, []))


def test_observation_text() -> None:
    text = observation_text(_transcript().observations[0])
    assert text == "L 1 def f(a):\nL 2     return b\n***\nL 2: F821 Undefined name `b`"


def test_an_observation_opens_as_a_document_of_its_own() -> None:
    first = _transcript().observations[0]
    state, findings = reopened(first)
    assert (state.text, findings) == (STATE.text, [Finding("F821 Undefined name `b`", 1)])
    assert observe(state, findings) == first


def test_findings_are_bounded() -> None:
    many = [Finding("x " * 500, 0), *(Finding(str(n)) for n in range(9))]
    found = observe(STATE, many).findings
    assert len(found) == MAX_FINDINGS
    assert len(found[0][1]) == MAX_FINDING_CHARS
    assert "\n" not in found[0][1]


def test_a_finding_outside_of_the_window_has_no_number() -> None:
    state = EditState.open(STATE.document, (0,))
    assert observe(state, [Finding("here", 1)]).findings == ((None, "here"),)


def test_a_transcript_only_grows() -> None:
    longer = _transcript()
    shorter = Transcript(longer.observations[:1])
    assert chat(longer)[:1] == chat(shorter)


def test_chat_roles_alternate() -> None:
    assert [m["role"] for m in chat(_transcript())] == ["user", "assistant", "user"]
