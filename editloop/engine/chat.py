"""The chat dialect: transcripts and commands as a conversation with any instruct model."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from editloop.commands import Command, CommandError, effect, parse, refused, render
from editloop.state import MAX_VIEW_LINES
from editloop.transcript import Transcript, chat

from .constraint import Allowed, Constraint
from .errors import NoChatTemplate
from .template import ChatTemplate, Message, Speaker


class _Info(Protocol):
    @property
    def path(self) -> Path: ...

    @property
    def metadata(self) -> Mapping[str, Any]: ...


class Vocabulary(Speaker, Protocol):
    """What is needed of an engine; training answers it from a Hugging Face tokenizer."""

    n_vocab: int

    @property
    def info(self) -> _Info: ...

    @property
    def begin_and_end(self) -> tuple[str, str]:
        """The texts of the begin and the end token, empty where there is none."""
        ...

    def detokenize(self, ids: Sequence[int]) -> bytes: ...


class ChatDialect:
    """Transcripts as a conversation, commands in their wire form."""

    def __init__(self, engine: Vocabulary) -> None:
        self.engine = engine
        self.template = chat_template(engine)
        eos = engine.info.metadata.get("tokenizer.ggml.eos_token_id")
        if not isinstance(eos, int):
            raise NoChatTemplate(f"{engine.info.path} names no end token")
        self.end = _end_of_turn(engine, self.template, eos)

    @cached_property
    def one_line(self) -> np.typing.NDArray[np.bool_]:
        """Tokens that keep a command on one line; shape (n_vocab,)."""
        mask = np.zeros(self.engine.n_vocab, np.bool_)
        for token in range(self.engine.n_vocab):
            data = self.engine.detokenize([token])
            mask[token] = b"\n" not in data and b"\r" not in data and not data.startswith(b"<|")
        mask[self.end] = False
        return mask

    @cached_property
    def line_or_end(self) -> np.typing.NDArray[np.bool_]:
        """Tokens that keep a command on one line, and the end of the turn; shape (n_vocab,)."""
        mask = self.one_line.copy()
        mask[self.end] = True
        return mask

    def prefix(self, transcript: Transcript) -> list[int]:
        """Ids up to the next command."""
        return self.messages(chat(transcript))

    def messages(self, messages: Sequence[Message]) -> list[int]:
        """Ids of a conversation, up to the next turn of the model."""
        return self.template.ids(self.engine, messages)

    def command(self, command: Command) -> list[int]:
        """Ids of a command, the end of the turn included."""
        return [*self.engine.tokenize(render(command)), self.end]

    def legal(self, window: Sequence[str], tried: Collection[Command] = ()) -> Constraint:
        return LegalText(self, window, tried)

    def decode(self, ids: Sequence[int]) -> Command | None:
        """The command that the ids spell, None where it does not end or is none."""
        if ids[-1] != self.end:
            return None
        try:
            return parse(self.engine.detokenize(list(ids[:-1])).decode())
        except (UnicodeDecodeError, CommandError):
            return None


def chat_template(engine: Vocabulary) -> ChatTemplate:
    """The chat template of a model file. Raises NoChatTemplate."""
    source = engine.info.metadata.get("tokenizer.chat_template")
    if not isinstance(source, str):
        raise NoChatTemplate(f"{engine.info.path} has no chat template: choose an instruct model")
    bos, eos = engine.begin_and_end
    return ChatTemplate(source, bos=bos, eos=eos)


def _end_of_turn(engine: Vocabulary, template: ChatTemplate, default: int) -> int:
    """The control token that the template puts behind a turn of the model.

    A model file names one end token, which need not be the one that ends a turn.
    """
    try:
        tail = template.end_of_turn()
    except NoChatTemplate:  # it may want a conversation of another form
        return default
    first = engine.tokenize(tail, special=True)[:1] if tail else []
    control = any(tail.startswith(text) for text in engine.controls.texts)
    return first[0] if first and control else default


class LegalText:
    """A Constraint: a command's head from a closed set, then text up to the end of the turn.

    Nothing that leaves the window as it is, or as one of the commands ``tried`` left it. REPW is
    left to the move generator: REPL can say the same, and needs no text that occurs once.
    """

    def __init__(
        self, dialect: ChatDialect, window: Sequence[str], tried: Collection[Command]
    ) -> None:
        self._dialect, self._window = dialect, tuple(window)
        self._refused = refused(window, tried)
        lines = range(1, len(window) + 1)
        free = [f"### REPL {n} >>>" for n in lines]
        if len(window) < MAX_VIEW_LINES:
            free += [f"### ADDL {n} >>>" for n in (*lines, len(window) + 1)]
        deleted = [f"### DELL {n}" for n in lines if ("DELL", n, "") not in self._refused]
        tokenize = dialect.engine.tokenize
        self._free = {tuple(tokenize(head)) for head in free}
        self._heads = self._free | {(*tokenize(h), dialect.end) for h in ("### EXIT", *deleted)}

    def done(self, generated: Sequence[int]) -> bool:
        return bool(generated) and generated[-1] == self._dialect.end

    def allowed(self, generated: Sequence[int]) -> Allowed:
        so_far = tuple(generated)
        size = len(so_far)
        if any(so_far[: len(head)] == head for head in self._free if len(head) <= size):
            command = self._dialect.decode([*so_far, self._dialect.end])
            if command is None or effect(command, self._window) in self._refused:
                return self._dialect.one_line
            return self._dialect.line_or_end
        return sorted({h[size] for h in self._heads if len(h) > size and h[:size] == so_far})
