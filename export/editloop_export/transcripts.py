"""Fixed episodes for comparing models: the first state of a task, and the state after its fix."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import editloop
from editloop.document.commands import Command, edit_line
from editloop.document.state import EditState, apply
from editloop.document.text import Snapshot
from editloop.document.transcript import Finding, Transcript, chat, observe
from editloop.tasks import Task

from .errors import ExportError

_CHARACTERS = 20_000

__all__ = ["TranscriptEncoder", "episodes", "python_files"]


def episodes(tasks: Iterable[Task], limit: int) -> list[Transcript]:
    """Up to ``limit`` transcripts that end with an observation, of one and of two turns in turn.

    The finding is made up, as no check runs here; the same tasks give the same transcripts.
    """
    found: list[Transcript] = []
    for task in tasks:
        if len(found) == limit:
            break
        state = EditState.open(Snapshot.from_text(task.buggy))
        transcript = Transcript((observe(state, [Finding("f(2, 3) -> 6, expected 5")]),))
        command = _fix(state, task) if len(found) % 2 else None
        if command is not None:
            transcript = transcript.extend(command, observe(apply(state, command), ()))
        found.append(transcript)
    return found


def _fix(state: EditState, task: Task) -> Command | None:
    """The command for a fix that changes one line, None for any other."""
    fixed = EditState.open(Snapshot.from_text(task.fixed or "")).window
    if len(fixed) != len(state.window):
        return None
    pairs = enumerate(zip(state.window, fixed, strict=True), 1)
    changed = [(number, old, new) for number, (old, new) in pairs if old != new]
    return edit_line(*changed[0]) if len(changed) == 1 else None


class TranscriptEncoder:
    """Transcripts as the ids that training used: tokenizers alone, nothing of llama.cpp."""

    def __init__(self, folder: Path) -> None:
        """Raises ModuleNotFoundError without transformers, ExportError without a chat template."""
        from transformers import AutoTokenizer

        self._tokenizer: Any = AutoTokenizer.from_pretrained(str(folder))
        if not self._tokenizer.chat_template:
            raise ExportError(f"{folder} has no chat template")

    def ids(self, transcript: Transcript) -> list[int]:
        """Ids up to the next command."""
        ids = self._tokenizer.apply_chat_template(
            chat(transcript), add_generation_prompt=True, return_dict=False
        )
        return [int(i) for i in ids]


def python_files(limit: int) -> Iterator[tuple[str, str]]:
    """(name, the first 20,000 characters) of files of the standard library in a fixed order.

    An interpreter without sources gives this distribution's own.
    """
    library = Path(sysconfig.get_paths()["stdlib"])
    own = Path(editloop.__file__).parent
    paths = [*sorted(library.glob("*.py")), *sorted(library.glob("[a-z]*/*.py"))]
    for path in (paths or sorted(own.rglob("*.py")))[:limit]:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            yield path.name, file.read(_CHARACTERS)
