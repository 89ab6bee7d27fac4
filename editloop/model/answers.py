"""What the process that holds a GGUF does with a question: prompts to ids, ids to replies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from editloop.document.transcript import TRANSCRIPT_VERSION
from editloop.engine import Engine
from editloop.engine.generate import Continuation
from editloop.engine.template import Tokens
from editloop.model.backend import Chat, Gap, ModelError, Plain, Prompt, Reply, Sampling
from editloop.model.statement import is_statement
from editloop.model.whole import joint, uncommented
from editloop.model.wire import read_prompt, read_sampling


def load(path: str, adapter: str | None, n_ctx: int, threads: int | None) -> Engine:
    """The engine of a GGUF, with a LoRA where one is named. Raises EngineError."""
    return Engine.load(
        path, transcript_version=TRANSCRIPT_VERSION, adapter=adapter, n_ctx=n_ctx, n_threads=threads
    )


def gap_ids(tokens: Tokens, fill: tuple[int, int, int], gap: Gap) -> list[int]:
    """Ids after which the model writes what belongs into a gap. ``fill``: the ids before the
    prefix, the suffix and the middle."""
    before, after, middle = fill
    texts = tokens.tokenize(gap.before), tokens.tokenize(gap.after)
    return [*tokens.begin, before, *texts[0], after, *texts[1], middle]


def plain_ids(tokens: Tokens, prompt: Plain) -> list[int]:
    """Ids of a text that the model goes on with."""
    return [*tokens.begin, *tokens.tokenize(prompt.text)]


class Answers:
    """Answers the methods of `editloop.model.backend.Model` for one engine, as JSON data."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._fill = engine.fill_tokens

    def about(self) -> dict[str, Any]:
        """The model's abilities as JSON data, in the form that ``child`` reads."""
        return {
            "fills": self._fill is not None,
            "n_ctx": self._engine.n_ctx,
            "parameters": self._engine.info.parameters,
            "rendering": (self._engine.adapter or self._engine.info).rendering,
        }

    def answer(self, method: str, params: dict[str, Any], cancel: threading.Event) -> Any:
        """The answer to one question. Raises ModelError, EngineError, Cancelled."""
        if method == "complete":
            prompts = [read_prompt(row) for row in params["prompts"]]
            return self.complete(prompts, read_sampling(params["sampling"]), cancel)
        if method == "score":
            return self.score(params["context"], params["texts"], cancel)
        raise ModelError(f"no such question: {method}")

    def complete(
        self, prompts: Sequence[Prompt], sampling: Sampling, cancel: threading.Event
    ) -> list[list[dict[str, Any]]]:
        """Rows of replies, `sampling.n` for each prompt."""
        ids = [self._ids(prompt) for prompt in prompts]
        found = self._generated(ids, sampling, sampling.n, self._ended(sampling), cancel)
        if sampling.unlike and sampling.temperature <= 0:
            found = [
                [self._unlike(prefix, one, sampling, cancel) for one in continuations]
                for prefix, continuations in zip(ids, found, strict=True)
            ]
        return [
            [
                asdict(Reply(self._text(c.ids, sampling.stop), c.log_prob, len(c.ids), c.finished))
                for c in continuations
            ]
            for continuations in found
        ]

    def _generated(
        self,
        ids: Sequence[list[int]],
        sampling: Sampling,
        number: int,
        ended: Callable[[Sequence[int]], bool],
        cancel: threading.Event,
    ) -> list[list[Continuation]]:
        return self._engine.generate(
            ids,
            number,
            ended=ended,
            temperature=sampling.temperature,
            seed=sampling.seed,
            max_tokens=sampling.max_tokens,
            refused=self._no_comment if sampling.statement else _nothing,
            cancel=cancel,
        )

    def _unlike(
        self, prefix: list[int], told: Continuation, sampling: Sampling, cancel: threading.Event
    ) -> Continuation:
        """The continuation, unless it is what it must not be; then where it goes on from its
        likeliest second choice that is another text."""
        text = self._text(told.ids, sampling.stop)
        if text.strip() not in {line.strip() for line in sampling.unlike}:
            return told
        for at in sorted(range(len(told.seconds)), key=lambda at: -told.seconds[at][1]):
            token, log_prob = told.seconds[at]
            head = (*told.ids[:at], token)
            begun = self._text(head, sampling.stop)
            if token in self._engine.ends or not begun.strip() or text.startswith(begun.rstrip()):
                continue
            return self._from(prefix, head, log_prob, sampling, cancel)
        return told

    def _from(
        self,
        prefix: list[int],
        head: tuple[int, ...],
        log_prob: float,
        sampling: Sampling,
        cancel: threading.Event,
    ) -> Continuation:
        """The greedy continuation that begins with ``head``."""
        ended = self._ended(sampling)
        if ended(head):
            return Continuation(head, log_prob, True)
        whole = [*prefix, *head]
        [[rest]] = self._generated([whole], sampling, 1, lambda ids: ended([*head, *ids]), cancel)
        return Continuation((*head, *rest.ids), log_prob + rest.log_prob, rest.finished)

    def score(
        self, context: str, texts: Sequence[str], cancel: threading.Event
    ) -> list[tuple[float, ...]]:
        """Log-probability in nats of each line of each text, read after ``context``."""
        engine = self._engine
        prefix = self._ids(Plain(context))
        return [
            self._line_scores(text, ids, engine.token_scores(prefix, ids, cancel=cancel))
            for text in texts
            for ids in [engine.tokenize(text)]
        ]

    def _line_scores(self, text: str, ids: list[int], gains: list[float]) -> tuple[float, ...]:
        """The gain of each token goes to the line that it begins in: one may hold several ends."""
        count = text.count("\n") + (not text.endswith("\n"))
        lines, line = [0.0] * max(1, count), 0
        for token, gain in zip(ids, gains, strict=True):
            lines[min(line, len(lines) - 1)] += gain
            line += self._engine.detokenize([token]).count(b"\n")
        return tuple(lines)

    def _ids(self, prompt: Prompt) -> list[int]:
        """Ids of a prompt; what the file under repair holds is never read as a control token."""
        engine = self._engine
        if isinstance(prompt, Chat):
            messages = [{"role": role, "content": text} for role, text in prompt.messages]
            return engine.template.ids(engine, messages, prompt.begun)
        if isinstance(prompt, Gap):
            if self._fill is None:
                raise ModelError("this model has no fill-in tokens")
            return gap_ids(engine, self._fill, prompt)
        return plain_ids(engine, prompt) or engine.tokenize("\n")

    def _no_comment(self, ids: Sequence[int]) -> Sequence[int]:
        """What would begin a comment where nothing but blanks was written."""
        if self._engine.detokenize(ids).strip():
            return ()
        return self._engine.beginning_with("#")

    def _ended(self, sampling: Sampling) -> Callable[[Sequence[int]], bool]:
        ends = self._engine.ends
        stops = [text.encode() for text in sampling.stop]
        longest = max((len(text) for text in stops), default=0)

        def ended(ids: Sequence[int]) -> bool:
            if ids[-1] in ends:
                return True
            if sampling.statement and is_statement(self._engine.detokenize(ids)):
                return True
            if sampling.rewrites and self._rejoins(ids, sampling.rewrites):
                return True
            if not stops:
                return False
            # A stop text may begin in an earlier token; a token has a byte at least, mostly.
            tail = self._engine.detokenize(ids[-longest - 8 :])
            return any(text in tail for text in stops)

        return ended

    def _rejoins(self, ids: Sequence[int], old: Sequence[str]) -> bool:
        text = self._engine.detokenize(ids)
        lines = text.decode("utf-8", "replace").split("\n")
        return text.endswith(b"\n") and joint(uncommented(lines[:-1], old), old) is not None

    def _text(self, ids: Sequence[int], stop: tuple[str, ...]) -> str:
        if ids and ids[-1] in self._engine.ends:
            ids = ids[:-1]
        text = self._engine.detokenize(ids).decode("utf-8", "replace")
        cuts = [at for at in (text.find(one) for one in stop) if at >= 0]
        return text[: min(cuts)] if cuts else text


def _nothing(ids: Sequence[int]) -> Sequence[int]:
    return ()
