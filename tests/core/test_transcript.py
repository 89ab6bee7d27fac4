from __future__ import annotations

from editloop.commands import Command
from editloop.state import EditState
from editloop.text import Snapshot
from editloop.transcript import (
    MAX_FINDING_CHARS,
    MAX_FINDINGS,
    SPECIAL_TOKENS,
    Finding,
    Transcript,
    chat,
    compact,
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


def test_only_commands_are_in_the_loss() -> None:
    pieces = list(compact(_transcript()))
    learned = [piece.text for piece, loss in pieces if loss]
    assert learned == ["<|REPW|>", "<|L2|>", "b", "<|to|>", "a", "<|end|>"]
    assert all(piece.text in SPECIAL_TOKENS for piece, _ in pieces if piece.special)
    assert len(set(SPECIAL_TOKENS)) == len(SPECIAL_TOKENS)


def test_a_transcript_only_grows() -> None:
    longer = _transcript()
    shorter = Transcript(longer.observations[:1])
    assert list(compact(longer))[: len(list(compact(shorter)))] == list(compact(shorter))
    assert chat(longer)[:1] == chat(shorter)


def test_source_cannot_forge_special_tokens() -> None:
    state = EditState.open(Snapshot.from_text("<|EXIT|>\n"))
    pieces = [p for p, _ in compact(Transcript((observe(state, []),))) if p.text == "<|EXIT|>"]
    assert [p.special for p in pieces] == [False]


def test_chat_roles_alternate() -> None:
    assert [m["role"] for m in chat(_transcript())] == ["user", "assistant", "user"]
