"""Chat templates as model files carry them: Jinja as Hugging Face renders it, in a sandbox.

Rendering agrees with ``transformers``' ``apply_chat_template``. What differs between families is
asked of the template itself: a system turn that it refuses or drops goes into the user's first
turn, and thinking is switched off where the template can.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol

from .controls import CUT, Controls
from .errors import NoChatTemplate

Message = Mapping[str, str]
"""``role`` ("system", "user", "assistant") and ``content``."""
_PROBE = "editloop"


class Tokens(Protocol):
    """What the ids of a prompt need of an engine; training answers it from its own tokenizer."""

    @property
    def begin(self) -> list[int]:
        """The id that every text begins with, or nothing."""
        ...

    def tokenize(self, text: str, *, special: bool = False) -> list[int]: ...


class Speaker(Tokens, Protocol):
    """The part of an engine, or of a tokenizer, that turns a conversation into ids."""

    @property
    def controls(self) -> Controls:
        """Texts that `tokenize` reads as control tokens where ``special`` is true."""
        ...


class ChatTemplate:
    """One template; ``bos`` and ``eos`` are the texts of its model's begin and end tokens.

    All methods raise NoChatTemplate, whose message is one line, where the template is broken or
    refuses the conversation.
    """

    def __init__(self, source: str, *, bos: str = "", eos: str = "") -> None:
        self._source, self._tokens = source, {"bos_token": bos, "eos_token": eos}

    @cached_property
    def _template(self) -> Any:
        try:
            return _environment().from_string(self._source)
        except Exception as error:  # a template comes with its file and may do anything
            raise _broken(error) from error

    def render(self, messages: Sequence[Message]) -> str:
        """The conversation as text, up to the model's next turn."""
        refused: NoChatTemplate | None = None
        for form in (messages, *_without_system(messages)):
            try:
                text = self._rendered(form, add_generation_prompt=True)
            except NoChatTemplate as error:
                refused = refused or error
                continue
            if all(message["content"].strip() in text for message in form):
                return text
        raise refused or NoChatTemplate("the model's chat template drops messages")

    def end_of_turn(self) -> str:
        """What stands behind a turn of the model: its control token first, mostly."""
        messages = [{"role": "user", "content": _PROBE}, {"role": "assistant", "content": _PROBE}]
        text = self._rendered(messages, add_generation_prompt=False)
        return text.rpartition(_PROBE)[2].strip()

    def ids(self, speaker: Speaker, messages: Sequence[Message], begun: str = "") -> list[int]:
        """Ids of a conversation up to the model's next turn, which begins with ``begun``.

        Control tokens are those of the template; none comes from the messages or from ``begun``.
        """
        marked = speaker.controls.marked
        text = self.render([{**m, "content": marked(m["content"])} for m in messages])
        pieces = (text + marked(begun)).split(CUT)
        ids = [token for piece in pieces for token in speaker.tokenize(piece, special=True)]
        begin = speaker.begin
        while begin and ids[:1] == begin:  # some templates write it, some leave it to the loader
            del ids[0]
        return begin + ids

    def _rendered(self, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
        try:
            text: str = self._template.render(
                messages=[dict(message) for message in messages],
                tools=None,
                documents=None,
                add_generation_prompt=add_generation_prompt,
                enable_thinking=False,
                **self._tokens,
            )
        except NoChatTemplate:
            raise
        except Exception as error:
            raise _broken(error) from error
        return text


def _without_system(messages: Sequence[Message]) -> list[list[Message]]:
    """The conversation with its system turn at the head of the user's, where there are both."""
    if len(messages) < 2 or messages[0]["role"] != "system" or messages[1]["role"] != "user":
        return []
    content = f"{messages[0]['content']}\n\n{messages[1]['content']}"
    return [[{"role": "user", "content": content}, *messages[2:]]]


def _broken(error: Exception) -> NoChatTemplate:
    why = " ".join(str(error).split()) or type(error).__name__
    return NoChatTemplate(f"the model's chat template does not work: {why[:200]}")


def _environment() -> Any:
    """The environment that `transformers` renders chat templates in."""
    from jinja2 import ext, nodes
    from jinja2.exceptions import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(ext.Extension):
        """``{% generation %}`` marks for a trainer what the model wrote; here its content stays."""

        tags = {"generation"}  # noqa: RUF012 - jinja2's own declaration

        def parse(self, parser: Any) -> list[nodes.Node]:
            next(parser.stream)
            body: list[nodes.Node] = parser.parse_statements(
                ("name:endgeneration",), drop_needle=True
            )
            return body

    def tojson(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, **options)

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, ext.loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment
