"""A model that plays what a JSON file says: for tests, demonstrations and reproducing a fault.

The file holds one object, every key optional::

    {"name": "scripted", "fills": true, "heeds": true, "judges": true, "points": false,
     "answers": [{"match": "return total", "replies": ["return total / n"]},
                 {"kind": "chat", "replies": ["```python\\n...\\n```"]},
                 {"match": "class", "fault": "lost", "seconds": 1.5}],
     "otherwise": ["pass"],
     "scores": [{"match": "total / n", "score": -1.0}]}

An answer with ``match`` is for every prompt that holds this text; one without is played once, to
the next prompt of its ``kind`` (gap, chat, plain; none: any) that no ``match`` fits. ``fault`` is
"error" (ModelError) or "lost" (ModelLost, now and ever after). A prompt that nothing fits gets
``otherwise``, or an empty reply. A line's score is that of the first entry whose text it holds,
else a tenth of a nat for each character that is no blank.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from editloop.model.backend import Chat, Gap, ModelError, ModelLost, Prompt, Reply, Sampling
from editloop.model.statement import first_statement
from editloop.model.wire import prompt_row
from editloop.policy import Cancelled

_NAT_A_CHARACTER = 0.1


@dataclass(frozen=True, slots=True)
class _Answer:
    replies: Sequence[str] = ("",)
    match: str | None = None
    kind: Literal["gap", "chat", "plain"] | None = None
    fault: Literal["error", "lost"] | None = None
    seconds: float = 0.0

    def fits(self, kind: str, text: str) -> bool:
        return self.kind in (None, kind) and (self.match is None or self.match in text)


class ScriptedModel:
    """A Model (see `backend`) that plays a script; `asked` holds every prompt that it was given."""

    def __init__(self, script: dict[str, Any]) -> None:
        self.name: str = script.get("name", "scripted")
        self.fills: bool = script.get("fills", True)
        self.judges: bool = script.get("judges", True)
        self.heeds: bool = script.get("heeds", True)
        self.points: bool = script.get("points", False)
        self.asked: list[Prompt] = []
        self._answers = [_Answer(**entry) for entry in script.get("answers", ())]
        self._otherwise = _Answer(script.get("otherwise", ("",)))
        self._scores = {entry["match"]: float(entry["score"]) for entry in script.get("scores", ())}
        self._lock = threading.Lock()
        self._lost: str | None = None

    @classmethod
    def load(cls, path: Path) -> ScriptedModel:
        """The model that a file describes. Raises ModelError."""
        try:
            return cls(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelError(f"the script {path} cannot be read: {error}") from error

    def start(self) -> None:
        """Raises ModelLost where the script has ended it."""
        self._check(None)

    def complete(
        self, prompts: Sequence[Prompt], sampling: Sampling, cancel: threading.Event | None = None
    ) -> list[list[Reply]]:
        with self._lock:
            self._check(cancel)
            chosen = [self._choose(prompt) for prompt in prompts]
        for answer in chosen:
            self._wait(answer.seconds, cancel)
            if answer.fault == "lost":
                self._lost = f"the model {self.name} ended: its script says so"
                raise ModelLost(self._lost)
            if answer.fault == "error":
                raise ModelError(f"the model {self.name} does not answer: its script says so")
        return [_replies(answer, sampling) for answer in chosen]

    def score(
        self, context: str, texts: Sequence[str], cancel: threading.Event | None = None
    ) -> list[tuple[float, ...]]:
        self._check(cancel)
        return [tuple(map(self._line_score, text.removesuffix("\n").split("\n"))) for text in texts]

    def close(self) -> None:
        """Further questions raise ModelLost."""
        self._lost = self._lost or f"the model {self.name} was closed"

    def _choose(self, prompt: Prompt) -> _Answer:
        """Under the lock: the answer to a prompt; one without `match` is spent by it."""
        self.asked.append(prompt)
        kind, text = prompt_row(prompt)["kind"], _text(prompt)
        fitting = [answer for answer in self._answers if answer.fits(kind, text)]
        matched = next((answer for answer in fitting if answer.match is not None), None)
        if matched is None and fitting:
            self._answers.remove(fitting[0])
        return matched or (fitting or [self._otherwise])[0]

    def _line_score(self, line: str) -> float:
        told = next((score for match, score in self._scores.items() if match in line), None)
        return -_NAT_A_CHARACTER * len("".join(line.split())) if told is None else told

    def _wait(self, seconds: float, cancel: threading.Event | None) -> None:
        if cancel is None:
            time.sleep(seconds)
        elif cancel.wait(seconds):
            self._check(cancel)

    def _check(self, cancel: threading.Event | None) -> None:
        if self._lost is not None:
            raise ModelLost(self._lost)
        if cancel is not None and cancel.is_set():
            raise Cancelled("cancelled while the model was asked")


def _text(prompt: Prompt) -> str:
    if isinstance(prompt, Gap):
        return f"{prompt.before}{prompt.after}"
    if isinstance(prompt, Chat):
        return "\n".join(text for _, text in prompt.messages)
    return prompt.text


def _replies(answer: _Answer, sampling: Sampling) -> list[Reply]:
    """`sampling.n` replies: the first where they are greedy, else one after the other, in turns."""
    texts = answer.replies[:1] if sampling.temperature <= 0 else answer.replies
    return [_reply(text, sampling) for text in itertools.islice(itertools.cycle(texts), sampling.n)]


def _reply(text: str, sampling: Sampling) -> Reply:
    cuts = [at for at in (text.find(stop) for stop in sampling.stop) if at >= 0]
    text = text[: min(cuts)] if cuts else text
    text = first_statement(text) if sampling.statement else text
    return Reply(text, -_NAT_A_CHARACTER * len(text), len(text.split()), True)
