"""The chat dialect: any instruct model, through the chat template in its GGUF.

The template's own text may hold control tokens; what comes from the file under repair never does.
"""

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

_MARK = "\x00{}\x00"


class _Info(Protocol):
    @property
    def path(self) -> Path: ...

    @property
    def metadata(self) -> Mapping[str, Any]: ...


class Vocabulary(Protocol):
    """What is needed of an engine; training answers it from a Hugging Face tokenizer."""

    n_vocab: int

    @property
    def info(self) -> _Info: ...

    def tokenize(self, text: str, *, special: bool = False) -> list[int]: ...

    def detokenize(self, ids: Sequence[int]) -> bytes: ...


class ChatDialect:
    """Transcripts as a conversation, commands in their wire form."""

    def __init__(self, engine: Vocabulary) -> None:
        self.engine = engine
        metadata = engine.info.metadata
        template = metadata.get("tokenizer.chat_template")
        end = metadata.get("tokenizer.ggml.eos_token_id")
        if not isinstance(template, str) or not isinstance(end, int):
            raise NoChatTemplate(
                f"{engine.info.path} has no chat template and was not trained for this tool: "
                "choose an instruct model or one made by editloop train"
            )
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        self._template = environment.from_string(template)
        self.end = end

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
        """The same and the end of the turn."""
        mask = self.one_line.copy()
        mask[self.end] = True
        return mask

    def prefix(self, transcript: Transcript) -> list[int]:
        """Ids up to the next command."""
        return self.messages(chat(transcript))

    def messages(self, messages: Sequence[dict[str, str]]) -> list[int]:
        """Ids of a conversation, up to the next turn of the model."""
        marked = [{**m, "content": _MARK.format(i)} for i, m in enumerate(messages)]
        text = self._template.render(
            messages=marked, add_generation_prompt=True, bos_token="", eos_token=""
        )
        ids: list[int] = []
        for i, message in enumerate(messages):
            before, found, text = text.partition(_MARK.format(i))
            if not found:
                raise NoChatTemplate(f"the chat template of {self.engine.info.path} drops messages")
            ids += self._ids(before, special=True) + self._ids(message["content"], special=False)
        return ids + self._ids(text, special=True)

    def command(self, command: Command) -> list[int]:
        """Ids of a command, the end of the turn included."""
        return [*self._ids(render(command), special=False), self.end]

    def place(self, verb: str, line: int) -> list[int]:
        """Ids of the beginning of a command: its verb and line (1-based)."""
        return self._ids(f"### {verb} {line}", special=False)

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

    def _ids(self, text: str, *, special: bool) -> list[int]:
        return self.engine.tokenize(text, special=special) if text else []


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
