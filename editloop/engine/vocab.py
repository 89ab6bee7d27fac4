"""Text to token ids and back, exactly; control tokens only where asked for."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from .controls import Controls, is_mark
from .errors import DecodeFailed
from .native import llama

_CONTROL, _USER_DEFINED = 8, 16  # LLAMA_TOKEN_ATTR_*


class Vocabulary:
    """The vocabulary inside a loaded model. Reading it needs no lock."""

    def __init__(self, model: Any, size: int) -> None:
        self._native = llama()
        self._vocab = self._native.llama_model_get_vocab(model)
        self.n_vocab = size
        self._pieces: dict[int, bytes] = {}
        self._beginning: dict[bytes, tuple[int, ...]] = {}

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Ids of a text, no begin token added; control tokens are parsed only if `special`."""
        # llama.cpp leaves control tokens alone where `special` is false, and reads the others
        # that were added to a vocabulary (<think>, <tool_call>) all the same.
        pieces = [text] if special else self._marks.pieces(text)
        return [token for piece in pieces if piece for token in self._tokenize(piece, special)]

    def _tokenize(self, text: str, special: bool) -> list[int]:
        data = text.encode("utf-8", "replace")  # a lone surrogate has no tokens: "?"
        room = len(data) + 8
        while True:
            buffer = (ctypes.c_int32 * room)()
            count = self._native.llama_tokenize(
                self._vocab, data, len(data), buffer, room, False, special
            )
            if count >= 0:
                return list(buffer[:count])
            room = -count

    @cached_property
    def fill_tokens(self) -> tuple[int, int, int] | None:
        """Ids that stand before the prefix, the suffix and the middle; None where it has none."""
        native, vocab = self._native, self._vocab
        found = (
            int(native.llama_vocab_fim_pre(vocab)),
            int(native.llama_vocab_fim_suf(vocab)),
            int(native.llama_vocab_fim_mid(vocab)),
        )
        return found if min(found) >= 0 else None

    @cached_property
    def begin(self) -> list[int]:
        """The id that a text of this model begins with, or nothing."""
        if not self._native.llama_vocab_get_add_bos(self._vocab):
            return []
        return [int(self._native.llama_vocab_bos(self._vocab))]

    @cached_property
    def begin_and_end(self) -> tuple[str, str]:
        """The texts of the begin and the end token, empty where there is none."""
        found = (
            self._native.llama_vocab_bos(self._vocab),
            self._native.llama_vocab_eos(self._vocab),
        )
        bos, eos = (self._piece(int(token)).decode() if token >= 0 else "" for token in found)
        return bos, eos

    @cached_property
    def controls(self) -> Controls:
        """The texts that `tokenize` reads as control tokens where ``special`` is true: control
        tokens, and those added to the vocabulary that look like one."""
        return Controls({*self._texts(_CONTROL), *self._marks.texts})

    @cached_property
    def _marks(self) -> Controls:
        return Controls(filter(is_mark, self._texts(_USER_DEFINED)))

    def _texts(self, attribute: int) -> Iterator[str]:
        for token in range(self.n_vocab):
            if int(self._native.llama_vocab_get_attr(self._vocab, token)) & attribute:
                yield self._native.llama_vocab_get_text(self._vocab, token).decode()

    @cached_property
    def ends(self) -> frozenset[int]:
        """Ids that end a reply: ends of generation, and control tokens, which no text holds."""
        native, vocab = self._native, self._vocab
        return frozenset(
            token
            for token in range(self.n_vocab)
            if native.llama_vocab_is_eog(vocab, token)
            or int(native.llama_vocab_get_attr(vocab, token)) & _CONTROL
        )

    def beginning_with(self, text: str) -> tuple[int, ...]:
        """Ids of tokens whose text, blanks aside, begins with a text."""
        mark = text.encode()
        if mark not in self._beginning:
            self._beginning[mark] = tuple(
                token
                for token in range(self.n_vocab)
                if self._piece(token).lstrip().startswith(mark)
            )
        return self._beginning[mark]

    def detokenize(self, ids: Sequence[int]) -> bytes:
        """The exact bytes of the ids; control tokens appear as their text."""
        return b"".join(self._piece(int(token)) for token in ids)

    def _piece(self, token: int) -> bytes:
        piece = self._pieces.get(token)
        if piece is None:
            if not 0 <= token < self.n_vocab:
                raise DecodeFailed(
                    f"token {token} is outside 0..{self.n_vocab - 1}: a wrong model?"
                )
            room = 64
            while True:
                buffer = ctypes.create_string_buffer(room)
                count = self._native.llama_token_to_piece(self._vocab, token, buffer, room, 0, True)
                if count >= 0:
                    break
                room = -count  # longer than the buffer: never cut, ask again
            piece = self._pieces[token] = buffer.raw[:count]
        return piece
