"""One step of a workflow: commands of ``editloop``, and the files that they read and write."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from editloop_trainer.workflow.ledger import file_digest

Command = list[str | Path]


@dataclass(frozen=True, slots=True)
class Step:
    """``commands`` of the minutes that the step gets; ``weight`` is its share of what is left.

    ``outputs`` are removed when the step begins anew. ``own_clock``: it counts its minutes itself
    over interruptions. ``snapshot`` is the digest of sources outside of the work folder. ``needs``:
    what has to be true, or the step is left out.
    """

    name: str
    title: str
    weight: float
    commands: Callable[[float], Sequence[Command]]
    inputs: tuple[Path, ...] = ()
    outputs: tuple[Path, ...] = ()
    own_clock: bool = False
    snapshot: str = ""
    needs: Callable[[], bool] = lambda: True

    def key(self) -> str:
        """Digest of the step's commands without their minutes, and of all that they read."""
        commands = [[str(word) for word in command] for command in self.commands(1.0)]
        digests = [file_digest(path) for path in self.inputs]
        text = json.dumps([self.name, commands, digests])
        return hashlib.sha256(text.encode()).hexdigest()


def run(text: str, *words: str | Path) -> Command:
    """A command; the words of ``text``, then the others as they are."""
    return [*text.split(), *words]


def time(minutes: float) -> list[str]:
    return ["--minutes", f"{minutes:.3f}"]
