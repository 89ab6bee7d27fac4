"""Text to token ids and back, exactly; control tokens only where asked for."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from .errors import DecodeFailed, UnknownToken
from .native import llama

__all__ = ["Vocabulary"]

_CONTROL = 8
_CONTROL_OR_USER = 8 | 16  # LLAMA_TOKEN_ATTR_CONTROL, LLAMA_TOKEN_ATTR_USER_DEFINED


class Vocabulary:
    """The vocabulary inside a loaded model. Reading it needs no lock."""

    def __init__(self, model: Any, size: int) -> None:
        self._native = llama()
        self._vocab = self._native.llama_model_get_vocab(model)
        self._size = size
        self._pieces: dict[int, bytes] = {}

    def tokenize(self, text: str, *, special: bool) -> list[int]:
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

    def token_id(self, text: str) -> int:
        ids = self.tokenize(text, special=True)
        if len(ids) == 1:
            attributes = int(self._native.llama_vocab_get_attr(self._vocab, ids[0]))
            same = self._native.llama_vocab_get_text(self._vocab, ids[0]) == text.encode()
            if same and attributes & _CONTROL_OR_USER:
                return ids[0]
        raise UnknownToken(
            f"the vocabulary has no control token {text!r}: use a model trained by editloop"
        )

    @cached_property
    def fill_tokens(self) -> tuple[int, int, int] | None:
        native, vocab = self._native, self._vocab
        found = (
            int(native.llama_vocab_fim_pre(vocab)),
            int(native.llama_vocab_fim_suf(vocab)),
            int(native.llama_vocab_fim_mid(vocab)),
        )
        return found if min(found) >= 0 else None

    @cached_property
    def begin(self) -> list[int]:
        if not self._native.llama_vocab_get_add_bos(self._vocab):
            return []
        return [int(self._native.llama_vocab_bos(self._vocab))]

    @cached_property
    def ends(self) -> frozenset[int]:
        native, vocab = self._native, self._vocab
        return frozenset(
            token
            for token in range(self._size)
            if native.llama_vocab_is_eog(vocab, token)
            or int(native.llama_vocab_get_attr(vocab, token)) & _CONTROL
        )

    def detokenize(self, ids: Sequence[int]) -> bytes:
        return b"".join(self._piece(int(token)) for token in ids)

    def _piece(self, token: int) -> bytes:
        piece = self._pieces.get(token)
        if piece is None:
            if not 0 <= token < self._size:
                raise DecodeFailed(f"token {token} is outside 0..{self._size - 1}: a wrong model?")
            room = 64
            while True:
                buffer = ctypes.create_string_buffer(room)
                count = self._native.llama_token_to_piece(self._vocab, token, buffer, room, 0, True)
                if count >= 0:
                    break
                room = -count  # longer than the buffer: never cut, ask again
            piece = self._pieces[token] = buffer.raw[:count]
        return piece
