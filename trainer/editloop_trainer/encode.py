"""Transcripts as token ids of a Hugging Face base, as the result will read them when it serves.

A base reads episodes through its own chat template, rendered and cut as the engine does it, so that
training and serving cannot differ.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from editloop.document.commands import render
from editloop.document.transcript import Transcript, chat
from editloop.engine.controls import Controls, is_mark
from editloop.engine.errors import NoChatTemplate
from editloop.engine.template import ChatTemplate
from editloop.model.backend import Chat
from editloop.model.families import fill_of
from editloop_trainer.rendering import Rendering
from editloop_trainer.run import RunError

Row = tuple[list[int], list[bool]]
"""Token ids, and which of them the model writes."""
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
SHAPES = frozenset({"llama", "qwen2", "qwen3"})


class Encoder:
    """How one base reads episodes. The ids are those of the same model in the engine.

    ``end`` is the token that ends what the model writes; ``fill`` those before the prefix, the
    suffix and the middle of a gap, None where the base has none.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokens = _Tokens(tokenizer)
        bos, eos = tokenizer.bos_token or "", tokenizer.eos_token or ""
        self._template = ChatTemplate(tokenizer.chat_template, bos=bos, eos=eos)
        self.end = _end_of_turn(self.tokens, self._template, int(tokenizer.eos_token_id))
        known = fill_of(self.tokens.controls.texts)
        ids = known and [self.tokens.tokenize(text, special=True) for text in known.marks]
        self.fill = (ids[0][0], ids[1][0], ids[2][0]) if ids else None

    def prefix(self, transcript: Transcript) -> list[int]:
        """Ids up to the next command."""
        return self._template.ids(self.tokens, chat(transcript))

    def messages(self, conversation: Chat) -> list[int]:
        """Ids of a conversation, up to the model's next turn."""
        messages = [{"role": role, "content": text} for role, text in conversation.messages]
        return self._template.ids(self.tokens, messages)

    def answered(self, asked: list[int], text: str, *, learned: bool = True) -> Row:
        """A row of what was asked and of the answer with its end; the answer is learned."""
        written = [*self.tokens.tokenize(text), self.end]
        return asked + written, [False] * len(asked) + [learned] * len(written)

    def rows(self, transcript: Transcript) -> Iterator[Row]:
        """The rows that teach every command of an episode: one, or one a turn for a template that
        shows earlier turns differently."""
        parts = [
            self.answered(
                self.prefix(transcript.upto(turn + 1, turn)),
                render(command),
                learned=turn not in transcript.mistakes,
            )
            for turn, command in enumerate(transcript.commands)
        ]
        if not parts:
            return
        whole, written = parts[-1]
        merged = list(written)
        for ids, flags in parts[:-1]:
            if whole[: len(ids)] != ids:
                yield from (part for part in parts if any(part[1]))
                return
            merged[: len(flags)] = [a or b for a, b in zip(merged, flags, strict=False)]
        yield whole, merged


class _Tokens:
    """What a conversation's ids need of an engine, answered by a Hugging Face tokenizer."""

    begin: list[int] = []  # noqa: RUF012 - a template writes it where its model wants one

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        # A copy: encode_special_tokens is a state of the tokenizer.
        self._tokenizer = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        added = self._tokenizer.get_added_tokens_decoder().values()
        self._marks = Controls(t.content for t in added if not t.special and is_mark(t.content))
        self.controls = Controls({*self._marks.texts, *(t.content for t in added if t.special)})

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        self._tokenizer.encode_special_tokens = not special
        pieces = [text] if special else self._marks.pieces(text)
        encode = self._tokenizer.encode
        return [i for p in pieces if p for i in encode(p, add_special_tokens=False).ids]


def _end_of_turn(tokens: _Tokens, template: ChatTemplate, default: int) -> int:
    """The control token that the template puts behind a turn of the model.

    A base names one end token, which need not be the one that ends a turn.
    """
    try:
        tail = template.end_of_turn()
    except NoChatTemplate:  # it may want a conversation of another form
        return default
    first = tokens.tokenize(tail, special=True)[:1] if tail else []
    control = any(tail.startswith(text) for text in tokens.controls.texts)
    return first[0] if first and control else default


@dataclass(frozen=True, slots=True)
class Base:
    """The tokenizer of a pretrained folder, and how it reads episodes."""

    folder: Path
    tokenizer: PreTrainedTokenizerBase
    encoder: Encoder

    def write_tokenizer(self, folder: Path) -> None:
        """Write the base's tokenizer beside new weights, byte for byte where it has the file."""
        self.tokenizer.save_pretrained(folder)
        for name in _TOKENIZER_FILES:
            if (self.folder / name).exists():
                shutil.copyfile(self.folder / name, folder / name)


def load_base(folder: Path) -> Base:
    """Read a Hugging Face folder's tokenizer; no weights. Raises RunError."""
    check_shape(folder)
    if not (folder / "tokenizer.json").exists():
        raise RunError(f"{folder} has no tokenizer.json: name a Hugging Face folder")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if not isinstance(tokenizer.chat_template, str) or tokenizer.eos_token_id is None:
        raise RunError(f"{folder} has no chat template: choose an instruct model")
    return Base(folder, tokenizer, Encoder(tokenizer))


def rendering_of(folder: Path, encoder: Encoder) -> Rendering:
    """The rendering of the run which a base is the result of; of any other base, places where it
    has fill-in tokens."""
    settings = folder.parent / "settings.json"
    if settings.is_file():
        told = json.loads(settings.read_text(encoding="utf-8")).get("rendering", "chat")
        return Rendering(told)
    return Rendering.places if encoder.fill else Rendering.chat


def check_shape(folder: Path) -> None:
    """Raises RunError for what could not be exported later, before hours are spent on it."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{folder} is no Hugging Face folder: {error}") from error
    kind = config.get("model_type")
    if kind not in SHAPES:
        raise RunError(f"{folder} is a {kind} model: use one of {', '.join(sorted(SHAPES))}")
