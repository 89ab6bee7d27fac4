"""A small byte-level BPE for the compact rendering, and episodes as token ids.

The pre-tokenizer is Qwen2's regular expression, which llama.cpp knows as ``qwen2``: the ids are the
same there (a test holds this). No token exceeds 32 bytes, as ``llama_cpp`` drops longer ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from editloop.commands import Command
from editloop.transcript import (
    END,
    SPECIAL_TOKENS,
    Observation,
    Piece,
    Rendering,
    Transcript,
    command_pieces,
    compact,
)
from trainer.direct import direct_pieces

QWEN2_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
MAX_TOKEN_LENGTH = 32


def train_tokenizer(
    lines: Iterable[str], vocabulary: int, specials: Sequence[str] = SPECIAL_TOKENS
) -> Tokenizer:
    """Train on single lines, as that is how the transcript shows source.

    ``vocabulary`` counts everything: 256 bytes, merges, and the special tokens at the end.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(specials),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=MAX_TOKEN_LENGTH,
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    # A small corpus may end early; the ids of special tokens must not depend on it.
    tokenizer.add_special_tokens(list(specials))
    return tokenizer


def special_id(tokenizer: Tokenizer, token: str) -> int:
    """The id of a special token. Raises ValueError for a tokenizer of another kind."""
    found = tokenizer.token_to_id(token)
    if found is None:
        raise ValueError(f"the tokenizer has no {token}: make one with editloop train tokenizer")
    return found


class EpisodeEncoder:
    """Token ids and loss flags of transcripts. Plain text is never read as a special token.

    An ``Encoder`` (see ``trainer.encode``) of the compact rendering.
    """

    rendering: Rendering = "compact"

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        tokenizer.encode_special_tokens = True
        self._special = {token: special_id(tokenizer, token) for token in SPECIAL_TOKENS}
        self._cache: dict[str, list[int]] = {}
        self.end = self._special[END]

    @classmethod
    def from_file(cls, path: Path) -> EpisodeEncoder:
        return cls(Tokenizer.from_file(str(path)))

    def piece(self, piece: Piece) -> list[int]:
        if piece.special:
            return [self._special[piece.text]]
        ids = self._cache.get(piece.text)
        if ids is None:
            if len(self._cache) > 1_000_000:
                self._cache.clear()
            ids = self.tokenizer.encode(piece.text, add_special_tokens=False).ids
            self._cache[piece.text] = ids
        return ids

    def episode(self, transcript: Transcript) -> tuple[list[int], list[bool]]:
        """Ids of a whole episode, and which of them the model writes."""
        ids: list[int] = []
        written: list[bool] = []
        for piece, flag in compact(transcript):
            tokens = self.piece(piece)
            ids += tokens
            written += [flag] * len(tokens)
        return ids, written

    def rows(self, transcript: Transcript) -> Iterator[tuple[list[int], list[bool]]]:
        yield self.episode(transcript)

    def direct(
        self, observation: Observation, answer: Sequence[str]
    ) -> tuple[list[int], list[bool]]:
        prompt = self.prefix(Transcript((observation,)))
        written = self._ids(direct_pieces(answer))
        return prompt + written, [False] * len(prompt) + [True] * len(written)

    def prefix(self, transcript: Transcript) -> list[int]:
        """Ids up to the next command."""
        return self._ids(piece for piece, _ in compact(transcript))

    def command(self, command: Command) -> list[int]:
        """Ids of a command, its end included."""
        return self._ids(command_pieces(command))

    def _ids(self, pieces: Iterable[Piece]) -> list[int]:
        return [token for piece in pieces for token in self.piece(piece)]


def source_lines(sources: Iterable[str]) -> Iterator[str]:
    """The lines of modules, without terminators."""
    for source in sources:
        yield from source.split("\n")
