"""The compact dialect: special tokens for verbs and lines, for models trained by this project.

Decoding is constrained to legal commands: a verb, then a line of the window, then free text up to
the end token; the text that REPW replaces has to occur exactly once on its line, and what changes
nothing cannot end. No turn is lost, and no constraint ever runs empty.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from editloop.commands import (
    EXIT,
    VERBS,
    Command,
    CommandError,
    effect,
    occurs_once,
    parse,
    refused,
)
from editloop.state import MAX_VIEW_LINES
from editloop.transcript import (
    END,
    SPECIAL_TOKENS,
    TO,
    Piece,
    Transcript,
    command_pieces,
    compact,
    line_token,
    verb_token,
)

from .constraint import Allowed, Constraint
from .llama import Engine

_CACHED_PIECES = 100_000


class CompactDialect:
    """Transcripts and commands as token ids of one engine. Raises UnknownToken for other models."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._special = {token: engine.token_id(token) for token in SPECIAL_TOKENS}
        self.end, self.to = self._special[END], self._special[TO]
        self.verbs: dict[str, int] = {v: self._special[verb_token(v)] for v in VERBS}
        self.lines = [self._special[line_token(n)] for n in range(1, MAX_VIEW_LINES + 2)]
        self.plain: npt.NDArray[np.bool_] = np.ones(engine.n_vocab, np.bool_)
        self.plain[list(self._special.values())] = False
        spelled = {int(i): engine.detokenize([int(i)]) for i in np.flatnonzero(self.plain)}
        self.plain[[i for i, data in spelled.items() if b"\n" in data or b"\r" in data]] = False
        self.plain_or_end = self.plain.copy()
        self.plain_or_end[self.end] = True
        self._by_bytes = {data: i for i, data in spelled.items()}
        self._longest = max(map(len, self._by_bytes), default=1)
        self._pieces: dict[str, list[int]] = {"": []}

    def prefix(self, transcript: Transcript) -> list[int]:
        """Ids up to the next command."""
        return [token for piece, _ in compact(transcript) for token in self._encode(piece)]

    def command(self, command: Command) -> list[int]:
        """Ids of a command, its end included."""
        return [token for piece in command_pieces(command) for token in self._encode(piece)]

    def place(self, verb: str, line: int) -> list[int]:
        """Ids of the beginning of a command: its verb and line (1-based)."""
        return [self.verbs[verb], self.lines[line - 1]]

    def legal(self, window: Sequence[str], tried: Collection[Command] = ()) -> Constraint:
        return LegalCommand(self, window, tried)

    def decode(self, ids: Sequence[int]) -> Command | None:
        """The command that the ids spell, None where it does not end or is no text."""
        verb = next((v for v, token in self.verbs.items() if token == ids[0]), None)
        if verb is None or ids[-1] != self.end:
            return None
        if verb == "EXIT":
            return EXIT
        line = self.lines.index(ids[1]) + 1
        body = list(ids[2:-1])
        cut = body.index(self.to) if verb == "REPW" else -1
        try:
            source = self.engine.detokenize(body[: max(cut, 0)]).decode()
            text = self.engine.detokenize(body[cut + 1 :]).decode()
            wire = {
                "DELL": f"### DELL {line}",
                "REPW": f"### REPW {line} >>>{source} >>>{text}",
            }.get(verb, f"### {verb} {line} >>>{text}")
            return parse(wire)
        except (UnicodeDecodeError, CommandError):
            return None

    def beginnings(self, data: bytes) -> list[int]:
        """Plain tokens whose bytes ``data`` begins with."""
        sizes = range(1, min(self._longest, len(data)) + 1)
        return [self._by_bytes[data[:n]] for n in sizes if data[:n] in self._by_bytes]

    def _encode(self, piece: Piece) -> list[int]:
        if piece.special:
            return [self._special[piece.text]]
        ids = self._pieces.get(piece.text)
        if ids is None:
            if len(self._pieces) > _CACHED_PIECES:
                self._pieces = {"": []}
            ids = self._pieces[piece.text] = self.engine.tokenize(piece.text)
        return ids


class LegalCommand:
    """A Constraint: one legal command for a window, its end token included.

    Nothing that leaves the window as it is, or as one of the commands ``tried`` left it.
    """

    def __init__(
        self, dialect: CompactDialect, window: Sequence[str], tried: Collection[Command] = ()
    ) -> None:
        self._dialect, self._window = dialect, tuple(window)
        self._verb_of = {token: verb for verb, token in dialect.verbs.items()}
        self._refused = refused(window, tried)

    def done(self, generated: Sequence[int]) -> bool:
        return bool(generated) and generated[-1] == self._dialect.end

    def allowed(self, generated: Sequence[int]) -> Allowed:
        dialect = self._dialect
        if not generated:
            return [token for token, v in self._verb_of.items() if v == "EXIT" or self._lines(v)]
        verb = self._verb_of[generated[0]]
        if verb == "EXIT":
            return [dialect.end]
        if len(generated) == 1:
            return self._lines(verb)
        if verb == "DELL":
            return [dialect.end]
        if verb == "REPW" and dialect.to not in generated:
            return self._source_tokens(generated)
        command = dialect.decode([*generated, dialect.end])
        if command is None or effect(command, self._window) in self._refused:
            return dialect.plain
        return dialect.plain_or_end

    def _lines(self, verb: str) -> list[int]:
        """The tokens of the lines that a verb may name."""
        lines, count = self._dialect.lines, len(self._window)
        if verb == "ADDL":
            return lines[: count + 1] if count < MAX_VIEW_LINES else []
        if verb == "REPW":
            return [lines[i] for i, text in enumerate(self._window) if text.strip()]
        if verb == "DELL":
            return [lines[n] for n in range(count) if (verb, n + 1, "") not in self._refused]
        return lines[:count]

    def _source_tokens(self, generated: Sequence[int]) -> list[int]:
        """Continuations that keep the text a part of the line; TO once it is unique."""
        dialect = self._dialect
        line = self._window[dialect.lines.index(generated[1])]
        data, so_far = line.encode(), dialect.engine.detokenize(list(generated[2:]))
        found: set[int] = set()
        at = data.find(so_far)
        while 0 <= at < len(data):
            # A text may end within a character for now, but it never starts within one.
            if data[at] & 0xC0 != 0x80:
                found.update(dialect.beginnings(data[at + len(so_far) :]))
            at = data.find(so_far, at + 1)
        text = so_far.decode(errors="replace")
        if so_far and occurs_once(line, text):
            found.add(dialect.to)
        return sorted(found)
