"""What the model is asked in an episode, and what its answer does: by places and texts, or by
commands in a conversation.

Each question begins a row of its own, with the ids that serving would ask by.
"""

from __future__ import annotations

from dataclasses import dataclass

from editloop.checks.verdict import Verdict
from editloop.document.commands import EXIT, Command
from editloop.document.state import EditState
from editloop.document.transcript import Transcript, observe
from editloop.model.answers import gap_ids, plain_ids
from editloop.model.backend import Plain
from editloop.model.infill import Place
from editloop.repair.loop import continued, next_observation, try_command
from editloop.repair.turns import answered, question
from editloop_trainer.encode import Base
from editloop_trainer.rendering import Rendering
from editloop_trainer.run import RunError

Memory = Place | Transcript | None
"""What a question depends on beside state and verdict: a place that was named, a conversation."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer, understood: the ``state`` after it, whether that was ``edited``.

    ``malformed``: the text means nothing. ``named`` is a place that is to be filled in, and the
    turn goes on. ``command`` and ``error`` are those of the loop of commands.
    """

    state: EditState
    edited: bool = False
    malformed: bool = False
    named: Place | None = None
    command: Command | None = None
    error: str | None = None


class Places:
    """A place is named, then filled in; the episode ends when its checks pass.

    ``answers``: of one turn, at most; ``turns``: how many have to fit into a row.

    Raises RunError for a base without fill-in tokens.
    """

    answers, turns = 2, 1

    def __init__(self, base: Base) -> None:
        if base.encoder.fill is None:
            raise RunError(f"{base.folder} has no fill-in tokens: use --rendering chat")
        self._tokens, self._fill = base.encoder.tokens, base.encoder.fill

    def opened(self, state: EditState, verdict: Verdict) -> Memory:
        """Nothing: no place is named yet."""
        return None

    def asked(self, state: EditState, verdict: Verdict, memory: Memory) -> list[int]:
        """Ids of the question for a place, or for the text of the one in ``memory``."""
        place = memory if isinstance(memory, Place) else None
        prompt = question(state, verdict.findings, place)
        if isinstance(prompt, Plain):
            return plain_ids(self._tokens, prompt)
        return gap_ids(self._tokens, self._fill, prompt)

    def heard(self, state: EditState, memory: Memory, text: str | None) -> Heard:
        """A place that was named, or an edit."""
        place = memory if isinstance(memory, Place) else None
        found = None if text is None else answered(state, place, text)
        if isinstance(found, Place):
            return Heard(state, named=found)
        if found is None:
            return Heard(state, malformed=True)
        return Heard(found, edited=found is not state)

    def settled(self, memory: Memory, heard: Heard, verdict: Verdict) -> tuple[Memory, bool]:
        """What is remembered after a turn, nothing, and whether it ends the episode: nobody has
        to say that the checks pass."""
        return None, verdict.passed


class Commands:
    """The plain loop of Chain-of-Edits: a command a turn in a conversation, until EXIT.

    ``answers``: of one turn, at most; ``turns``: how many have to fit into a row.
    """

    answers, turns = 1, 3

    def __init__(self, base: Base) -> None:
        self._encoder = base.encoder

    def opened(self, state: EditState, verdict: Verdict) -> Memory:
        """A conversation with the first observation."""
        return Transcript((observe(state, verdict.findings),))

    def asked(self, state: EditState, verdict: Verdict, memory: Memory) -> list[int]:
        """Ids of the whole conversation, up to the next command."""
        assert isinstance(memory, Transcript)
        return self._encoder.prefix(memory)

    def heard(self, state: EditState, memory: Memory, text: str | None) -> Heard:
        """A command that is applied, or why it is not."""
        command, after, error = try_command(state, text or "no command")
        edited = error is None and command != EXIT
        return Heard(after, edited, command is None, command=command, error=error)

    def settled(self, memory: Memory, heard: Heard, verdict: Verdict) -> tuple[Memory, bool]:
        """The conversation with the command and what is seen after it, and whether that was
        EXIT."""
        assert isinstance(memory, Transcript)
        seen = next_observation(heard.state, verdict, heard.error)
        return continued(memory, heard.command, seen), heard.command == EXIT


Game = Places | Commands
"""The rules of a rendering."""


def make_game(rendering: Rendering, base: Base) -> Game:
    """The game of a rendering. Raises RunError where the base cannot play it."""
    if rendering is Rendering.direct:
        raise RunError("whole programs have no turns to practise: use --rendering places or chat")
    return Places(base) if rendering is Rendering.places else Commands(base)
