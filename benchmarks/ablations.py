"""What each part of the repair is worth: the same tasks with one part taken away.

Run: python benchmarks/ablations.py TASKS.jsonl [--number N] [--seconds S] [--model NAME=FILE ...]

The model, the limits and the checks stay; what orders or writes the commands changes. ``--model``
adds a row for the whole with another GGUF: another size, another quantization. Order by an n-gram
is a trigram of tokens that read Python's standard library: of an edit it says how much likelier it
makes its line.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sysconfig
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from editloop.bench import TaskResult
from editloop.bench.runner import BenchSettings, TaskRunner
from editloop.commands import Command
from editloop.engine.constraint import Constraint, FreeText
from editloop.engine.policy import Dialect, ModelPolicy, load_policy
from editloop.models import find_model
from editloop.moves.lexer import shape
from editloop.policy import Policy, Proposal, UniformPolicy
from editloop.prior import SIZE, Prior, PriorPolicy, shipped
from editloop.state import EditState, apply
from editloop.tasks import Task, TaskError, read_tasks
from editloop.text import Snapshot
from editloop.transcript import END, Transcript

_FILES = 400
_OFTEN = 3
"""Words seen less often count as one."""


class Trigram:
    """Interpolated counts of one, two and three tokens of a line."""

    def __init__(self, lines: Sequence[list[str]]) -> None:
        often = Counter(word for line in lines for word in line)
        self.known = {word for word, count in often.items() if count >= _OFTEN}
        self.counts: Counter[tuple[str, ...]] = Counter()
        for line in lines:
            words = self._words(line)
            for at in range(2, len(words)):
                for n in (0, 1, 2, 3):
                    self.counts[tuple(words[at - n + 1 : at + 1]) if n else ()] += 1
                for n in (1, 2):
                    self.counts[("context", *words[at - n : at])] += 1

    def log_prob(self, line: list[str]) -> float:
        words = self._words(line)
        return sum(math.log(self._share(words[at - 2 : at + 1])) for at in range(2, len(words)))

    def _words(self, line: list[str]) -> list[str]:
        return ["", "", *(w if w in self.known else "?" for w in line), "\n"]

    def _share(self, three: list[str]) -> float:
        a, b, c = three
        count = self.counts
        one = (count[(c,)] + 1) / (count[()] + len(self.known) + 2)
        two = count[(b, c)] / max(1, count[("context", b)])
        full = count[(a, b, c)] / max(1, count[("context", a, b)])
        return 0.6 * full + 0.3 * two + 0.1 * one


class NgramPolicy(UniformPolicy):
    """Orders moves by what they do to the likelihood of the lines that they change."""

    name = "n-gram"

    def __init__(self) -> None:
        paths = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))[:_FILES]
        texts = (path.read_text(encoding="utf-8", errors="replace") for path in paths)
        self.model = Trigram([_words(line) for text in texts for line in text.splitlines()])

    def propose(
        self, transcript: Transcript, moves: Sequence[Command], *, seed: int, **options: Any
    ) -> Iterator[Proposal]:
        window = transcript.observations[-1].window
        before = EditState.open(Snapshot.from_text("".join(f"{text}\n" for text in window)))
        lines = [self.model.log_prob(_words(text)) for text in window]
        scored = []
        for move in moves:
            old = 0.0 if move.verb == "ADDL" else lines[move.line - 1]
            after = apply(before, move).window
            new = 0.0
            if move.verb != "DELL" and move.line <= len(after):
                new = self.model.log_prob(_words(after[move.line - 1]))
            scored.append((new - old, move))
        random.Random(seed).shuffle(scored)
        scored.sort(key=lambda item: -item[0])
        most = max((score for score, _ in scored), default=0.0)
        total = sum(math.exp(score - most) for score, _ in scored)
        for score, move in scored:
            yield Proposal(move, score - most - math.log(total))


def _words(text: str) -> list[str]:
    return [token.text for token in shape(text).tokens]


class NoMoves(ModelPolicy):
    """What the model writes freely, and nothing else: four times as much of it."""

    def propose(
        self, transcript: Transcript, moves: Sequence[Command], **options: Any
    ) -> Iterator[Proposal]:
        return super().propose(transcript, (), **{**options, "free": True})


class Unconstrained:
    """A dialect that lets the model write anything; what is no legal command is lost."""

    def __init__(self, inner: Dialect, text: FreeText) -> None:
        self._inner, self._text, self._lines = inner, text, 0
        self.prefix, self.command = inner.prefix, inner.command

    def legal(self, window: Sequence[str], tried: Collection[Command] = ()) -> Constraint:
        self._lines = len(window)
        return self._text

    def decode(self, ids: Sequence[int]) -> Command | None:
        """None where a line is missing, or is not in the window that was asked for last."""
        try:
            command = self._inner.decode(ids)
        except (ValueError, IndexError):
            return None
        if command is None or command.line > self._lines + (command.verb == "ADDL"):
            return None
        return command


def _row(name: str, results: Sequence[TaskResult]) -> tuple[str, ...]:
    solved = [r for r in results if r.solved]
    judged = [r for r in results if r.solved_hidden is not None]
    return (
        name,
        f"{len(solved)} of {len(results)}",
        f"{sum(bool(r.solved_hidden) for r in judged)} of {len(judged)}" if judged else "-",
        f"{statistics.median(r.candidates for r in solved):g}" if solved else "-",
        f"{statistics.median(r.seconds for r in solved):.1f}" if solved else "-",
    )


def variants(models: Sequence[str]) -> Iterator[tuple[str, Policy, bool]]:
    """(name, policy, whether it plays one greedy episode instead of a search)."""
    whole = load_policy(find_model(None), threads=1)
    engine, dialect = whole.engine, whole.dialect
    text = FreeText([engine.token_id(END)], n_vocab=engine.n_vocab)
    loose = Unconstrained(dialect, text)
    yield "whole", whole, False
    yield "uniform order", UniformPolicy(), False
    yield "prior's order", PriorPolicy(shipped()), False
    yield "no prior", ModelPolicy(engine, dialect, prior=Prior(np.zeros(SIZE, np.float32))), False
    yield "n-gram order", NgramPolicy(), False
    yield "no free text", ModelPolicy(engine, dialect, free_samples=0), False
    yield "no move generator", NoMoves(engine, dialect, free_samples=32), False
    yield "neither moves nor legality", NoMoves(engine, loose, free_samples=32), False
    yield "no search: one greedy episode", whole, True
    yield "neither search nor legality", ModelPolicy(engine, loose), True
    for given in models:
        name, _, path = given.partition("=")
        yield name, load_policy(Path(path), threads=1), False


def run(
    policy: Policy, greedy: bool, seconds: float, tasks: Sequence[Task]
) -> Sequence[TaskResult]:
    # Of the searches "uniform" is the one that no greedy episode follows; the policy is given.
    settings = BenchSettings(policy="greedy" if greedy else "uniform", budget=seconds, threads=1)
    runner = TaskRunner(settings, policy)
    try:
        return [runner.run(task) for task in tasks]
    finally:
        runner.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", type=Path)
    parser.add_argument("--number", type=int, default=60, help="tasks, evenly from the file")
    parser.add_argument("--seconds", type=float, default=10.0, help="a task")
    parser.add_argument("--model", action="append", default=[], metavar="NAME=FILE.gguf")
    parser.add_argument("--only", action="append", help="rows to run; default: all")
    options = parser.parse_args()
    try:
        tasks = list(read_tasks(options.tasks))
    except (TaskError, OSError) as error:
        parser.exit(1, f"{error}\n")
    tasks = tasks[:: max(1, len(tasks) // options.number)][: options.number]
    table = Table("", "solved", "hidden tests too", "candidates, median", "seconds, median")
    for name, policy, greedy in variants(options.model):
        if options.only and name not in options.only:
            continue
        row = _row(name, run(policy, greedy, options.seconds, tasks))
        print(" | ".join(row), flush=True)
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
