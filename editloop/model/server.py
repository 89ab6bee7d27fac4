"""A model behind an OpenAI-compatible server: llama-server, vLLM, Ollama, LM Studio and the like.

A server on another machine would get the person's code, so it has to be allowed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from editloop.model import completions
from editloop.model.backend import Chat, Gap, ModelError, ModelLost, Plain, Prompt, Reply, Sampling
from editloop.model.families import billions, family_fill, spelled_control
from editloop.model.jsonhttp import JsonServer, Refused, is_loopback, read_url

KEY = "EDITLOOP_SERVER_KEY"
"""The environment variable with the key that a server wants, if it wants one."""
_AT_ONCE = 8  # questions under way; servers queue what they cannot do at once
_NOT_HERE = frozenset({400, 404, 405, 422, 501})
_PROBE_TOKENS = 20
_PROBE = Gap("def first(items):\n    return ", "\n")
_Way = Literal["infill", "raw", "suffix", "chat"]
_WAYS: tuple[_Way, ...] = ("infill", "raw", "suffix", "chat")
"""From best to worst: `suffix` is often left out, and one server's marks are not the model's."""


class ServerModel:
    """A Model (see `backend`) that a server runs.

    ``url`` may end in ``#NAME`` to choose among the models of a server. What it can do is asked
    with the first question that needs it. Raises ModelError for an address that is none, or not on
    this machine and not allowed.
    """

    def __init__(
        self,
        url: str,
        *,
        allow_remote: bool = False,
        key: str | None = None,
        seconds: float = 120.0,
    ) -> None:
        parts = read_url(url)
        if not allow_remote and not is_loopback(parts.hostname or ""):
            raise ModelError(
                f"{parts.hostname} is another machine and would get your code: allow it first"
            )
        self._server = JsonServer(url, key=key or os.environ.get(KEY), seconds=seconds)
        self.name = parts.fragment or parts.netloc
        self._chosen = parts.fragment or None
        self._lock = threading.Lock()
        self._way: _Way | None = None
        self._single = self._bare = False
        self._judges: bool | None = None
        self._closed = False

    def start(self) -> None:
        """Nothing is to be done: the server is there, or the first question says why not."""

    @property
    def fills(self) -> bool:
        """Always: by chat where the server has nothing better."""
        return True

    @property
    def heeds(self) -> bool:
        """Whether the model's name tells a billion parameters and more, or no number at all."""
        size = billions(self._model())
        return size is None or size >= 1

    @property
    def points(self) -> bool:
        """Never: a server does not say what its model was trained for."""
        return False

    @property
    def judges(self) -> bool:
        """Whether the server tells how likely a text is that it reads; asked once."""
        if self._judges is None:
            try:
                [answer] = self._ask([completions.echo(_PROBE.before)], None)
                self._judges = completions.read_echo(answer, "", _PROBE.before) is not None
            except Refused:
                self._judges = False
        return self._judges

    def complete(
        self, prompts: Sequence[Prompt], sampling: Sampling, cancel: threading.Event | None = None
    ) -> list[list[Reply]]:
        self._model(cancel)
        if sampling.temperature <= 0:  # all are equal
            found = self._drawn(prompts, replace(sampling, n=1), cancel)
            return [row * sampling.n for row in found]
        return self._drawn(prompts, sampling, cancel)

    def score(
        self, context: str, texts: Sequence[str], cancel: threading.Event | None = None
    ) -> list[tuple[float, ...]]:
        self._model(cancel)
        self._refuse_controls(*(context + text for text in texts))
        answers = self._ask([completions.echo(context + text) for text in texts], cancel)
        rows = [completions.read_echo(a, context, t) for a, t in zip(answers, texts, strict=True)]
        found = [row for row in rows if row is not None]
        if len(found) < len(rows):
            raise ModelError(f"the server {self._server.shown} does not tell how likely a text is")
        return found

    def close(self) -> None:
        """Nothing is held; further questions raise ModelLost."""
        self._closed = True

    def _drawn(
        self, prompts: Sequence[Prompt], sampling: Sampling, cancel: threading.Event | None
    ) -> list[list[Reply]]:
        """Rows of replies; a server that gives one at a time is asked again for the others."""
        rows: list[list[Reply]] = [[] for _ in prompts]
        size = 1 if self._single else sampling.n
        while missing := [
            (number, done)
            for number, row in enumerate(rows)
            for done in range(len(row), sampling.n, size)
        ]:
            wanted = [
                (prompts[number], replace(sampling, n=size, seed=sampling.seed + done))
                for number, done in missing
            ]
            try:
                found = self._replies(wanted, cancel)
            except Refused as error:
                if error.status not in _NOT_HERE or not self._ask_for_less(size, prompts):
                    raise
                size = 1
                continue
            for (number, _), replies in zip(missing, found, strict=True):
                rows[number] += replies
                self._single |= len(replies) < size
            size = 1 if self._single else size
        return rows

    def _ask_for_less(self, size: int, prompts: Sequence[Prompt]) -> bool:
        """Whether a refused question can be put without what some servers do not take."""
        if size > 1:
            self._single = True
            return True
        if not self._bare and any(isinstance(prompt, Chat) for prompt in prompts):
            self._bare = True
            return True
        return False

    def _replies(
        self, wanted: Sequence[tuple[Prompt, Sampling]], cancel: threading.Event | None
    ) -> list[list[Reply]]:
        if self._way is None and any(isinstance(prompt, Gap) for prompt, _ in wanted):
            self._find_way(cancel)
        questions = [self._question(prompt, sampling, self._way) for prompt, sampling in wanted]
        answers = self._ask(questions, cancel)
        return [
            completions.read_replies(question, answer, sampling.n)
            for question, answer, (_, sampling) in zip(questions, answers, wanted, strict=True)
        ]

    def _question(
        self, prompt: Prompt, sampling: Sampling, way: _Way | None
    ) -> completions.Question:
        if isinstance(prompt, Chat):
            self._refuse_controls(*(text for _, text in prompt.messages), prompt.begun)
            return completions.conversation(prompt, sampling, bare=self._bare)
        if isinstance(prompt, Plain):
            self._refuse_controls(prompt.text)
            return completions.completion(prompt.text, sampling)
        if way == "infill":
            return completions.infill(prompt, sampling)
        self._refuse_controls(prompt.before, prompt.after)
        if way == "suffix":
            return completions.completion(prompt.before, sampling, suffix=prompt.after)
        fill = family_fill(self._model())
        if way == "raw" and fill is not None:
            return completions.raw_fill(prompt, fill, sampling)
        return completions.chat_fill(prompt, sampling)

    def _find_way(self, cancel: threading.Event | None) -> None:
        """The best way of filling a gap that this server has; tried with a small one."""
        short = Sampling(max_tokens=1)
        for way in _WAYS:
            if way == "raw" and not self._reads_tokens(cancel):
                continue
            if way == "suffix" and not self._heeds_suffix(cancel):
                continue
            try:
                question = self._question(_PROBE, short, way)
                [answer] = self._ask([question], cancel)
                completions.read_replies(question, answer, 1)
            except Refused as error:
                if error.status in _NOT_HERE and way != _WAYS[-1]:
                    continue
                raise
            self._way = way
            return

    def _reads_tokens(self, cancel: threading.Event | None) -> bool:
        """Whether the family's tokens are read as such in raw text, with no template around it."""
        fill = family_fill(self._model(cancel))
        if fill is None:
            return False
        marks = completions.completion(
            (fill.middle or fill.suffix) * _PROBE_TOKENS, Sampling(max_tokens=1)
        )
        read = self._tokens_read([marks], cancel)
        return read is not None and _PROBE_TOKENS <= read[0] <= _PROBE_TOKENS + 2  # a begin token

    def _heeds_suffix(self, cancel: threading.Event | None) -> bool:
        """Whether `suffix` reaches the model: many servers take the field and leave it out."""
        texts = ("\n", "b = 2\n" * _PROBE_TOKENS)
        asked = [
            completions.completion("a = 1\n", Sampling(max_tokens=1), suffix=text) for text in texts
        ]
        read = self._tokens_read(asked, cancel)
        return read is not None and read[1] > read[0] + _PROBE_TOKENS

    def _tokens_read(
        self, questions: Sequence[completions.Question], cancel: threading.Event | None
    ) -> list[int] | None:
        """How many tokens the server read for each prompt; None where it does not tell."""
        try:
            return [int(a["usage"]["prompt_tokens"]) for a in self._ask(questions, cancel)]
        except (Refused, KeyError, TypeError, ValueError):
            return None

    def _refuse_controls(self, *texts: str) -> None:
        """A server reads control tokens in whatever it is sent, and nothing prevents it."""
        fill = family_fill(self.name)
        for text in texts:
            spelled = spelled_control(text, fill)
            if spelled is not None:
                raise ModelError(
                    f"the text holds {spelled}, which a server reads as a control token: "
                    "use a model file for it"
                )

    def _ask(
        self, questions: Sequence[completions.Question], cancel: threading.Event | None
    ) -> list[dict[str, Any]]:
        if self._closed:
            raise ModelLost(f"the model {self.name} was closed")
        model = self._model(cancel)
        found: list[dict[str, Any]] = []
        for start in range(0, len(questions), _AT_ONCE):
            wave = questions[start : start + _AT_ONCE]
            bodies = [(question.path, {"model": model, **question.body}) for question in wave]
            found += self._server.ask(bodies, cancel)
        return found

    def _model(self, cancel: threading.Event | None = None) -> str:
        """The name of the model that is asked; of several a coder, else the first."""
        with self._lock:
            if self._chosen is None:
                try:
                    [answer] = self._server.ask([("/v1/models", None)], cancel)
                    names = [str(entry["id"]) for entry in answer["data"]]
                except Refused as error:
                    if error.status != 404:
                        raise
                    names = ["default"]
                except (KeyError, TypeError) as error:
                    raise ModelError(
                        f"the server {self._server.shown} does not tell which models it has"
                    ) from error
                if not names:
                    raise ModelError(f"the server {self._server.shown} has no model")
                coders = [name for name in names if family_fill(name) or "cod" in name.lower()]
                self._chosen = self.name = (coders or names)[0]
            return self._chosen
