"""The steps of a workflow as commands of ``editloop``, with the files that they read and write."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from editloop.cli.workflow.ledger import listing_digest
from editloop.cli.workflow.options import Options, source_files
from editloop.cli.workflow.results import context_of, count_rows, score
from editloop.cli.workflow.step import Command, Step, run, time
from editloop.models import SHIPPED

_LONG = 10.0
"""Minutes from which on a model of the middle size is worth its time, and scores their tasks."""
_LONGER = 90.0
_FEWEST = 8
"""Tasks from which on there is something to practise."""


class Plan:
    """The steps for some options. Paths are attributes, so that steps can name each other's.

    What is exported depends on which steps there were: ask for ``steps`` again before each.
    """

    def __init__(self, options: Options) -> None:
        self.options, self.work = options, options.work
        self.corpus = self.work / "corpus.jsonl"
        self.tests = self.work / "tests.jsonl"
        self.demos = self.work / "demos.jsonl"
        self.dev_demos = self.work / "demos.dev.jsonl"
        self.held_out = self.work / "held-out.jsonl"
        self.tasks = self.work / "tasks.jsonl"
        self.tokenizer = self.work / "tokenizer.json"
        self.taught = self.work / "taught"
        self.practised = self.work / "practised"
        self.before = self.work / "before.json"
        self.after = self.work / "after.json"
        self.result = self.work / f"{options.name}.gguf"
        self.long = options.minutes >= _LONG
        roots = ((root, source_files(root)) for root in options.corpus)
        self._sources = "".join(listing_digest(root.parent, files) for root, files in roots)

    def steps(self) -> list[Step]:
        data = [self._corpus(), self._tests(), self._demos(), self._tasks()]
        return [*data, *self._before(), *self._teaching(), self._practice(), *self._finish()]

    def _teaching(self) -> list[Step]:
        base = self.options.base
        if base is None:
            return self._scratch()
        return self._fine_tuning(base) if self.options.fine_tunes else self._going_on(base)

    def _corpus(self) -> Step:
        roots = self.options.corpus
        return Step(
            "corpus",
            "collecting functions",
            6,
            lambda m: [run("train corpus", *roots, "--out", self.corpus, *time(m))],
            outputs=(self.corpus, self.corpus.with_suffix(".progress.json")),
            snapshot=self._sources,
        )

    def _tests(self) -> Step:
        return Step(
            "tests",
            "recording what functions answer",
            6,
            lambda m: [run("train record", self.corpus, "--out", self.tests, *time(m))],
            inputs=(self.corpus,),
            outputs=(self.tests, self.tests.with_suffix(".progress.json")),
        )

    def _demos(self) -> Step:
        data = run("train demos", self.corpus, "--tests", self.tests)
        beside = (".families.jsonl", ".progress.json")
        return Step(
            "demonstrations",
            "breaking functions and undoing it",
            15,
            lambda m: [[*data, "--out", self.demos, *time(m)]],
            inputs=(self.corpus, self.tests),
            outputs=(self.demos, self.dev_demos, *map(self.demos.with_suffix, beside)),
        )

    def _tasks(self) -> Step:
        def command(out: Path, minutes: float, *rest: str) -> Command:
            return run("train tasks", self.corpus, self.tests, "--out", out, *rest, *time(minutes))

        both = (self.held_out, self.tasks)
        return Step(
            "tasks",
            "making tasks to practise and to be judged by",
            5,
            lambda m: [
                command(self.held_out, m / 2, "--split", "dev", "--each", "8", "--plain", "1"),
                command(self.tasks, m / 2, "--split", "train", "--each", "2"),
            ],
            inputs=(self.corpus, self.tests),
            outputs=(*both, *(path.with_suffix(".progress.json") for path in both)),
        )

    def _scratch(self) -> list[Step]:
        """First the language, then the tool."""
        language, modules = self.work / "language", self.work / "modules.npz"
        shape, vocabulary = _shape(self.options.minutes)
        whole = run("--observation-weight 1 --observation-share 0.5 --decay-from 1")
        learn = run("train scratch --batch-tokens 4096 --tokenizer", self.tokenizer, modules)
        return [
            Step(
                "tokenizer",
                "training the tokenizer",
                1,
                lambda _: [run("train tokenizer", self.corpus, "-o", self.tokenizer, *vocabulary)],
                inputs=(self.corpus,),
                outputs=(self.tokenizer,),
            ),
            self._encode("modules", self.corpus, self.tokenizer, "--max-tokens 768"),
            Step(
                "language",
                "learning Python",
                18,
                lambda m: [[*learn, "-o", language, *shape, *whole, *time(m)]],
                inputs=(modules, self.tokenizer),
                outputs=(language,),
                own_clock=True,
            ),
            *self._lessons(language / "model", self.tokenizer, "--decay-from 0.25"),
        ]

    def _going_on(self, model: Path) -> list[Step]:
        """From a GGUF of ours, at rates that do not spoil what it knows."""
        base = self.work / "base"
        rates = "--matrix-rate 0.005 --other-rate 0.001 --decay-from 0"
        return [
            Step(
                "unpack",
                "reading the base",
                1,
                lambda _: [run("export --unpack", model, "-o", base)],
                inputs=(model,),
                outputs=(base,),
            ),
            *self._lessons(base, base / "tokenizer.json", rates),
        ]

    def _lessons(self, init: Path, tokenizer: Path, how: str) -> list[Step]:
        """The tool, for a model that knows the language."""
        episodes = self.work / "demos.npz"
        learn = run("train scratch --batch-tokens 4096 --observation-weight 0.2", episodes)
        learn += run(how, "--init", init, "--tokenizer", tokenizer, "-o", self.taught)
        return [
            self._encode("demos", self.demos, tokenizer, "--short 300 --long-share 0.12"),
            Step(
                "tool",
                "learning to repair",
                30,
                lambda m: [[*learn, *time(m)]],
                inputs=(episodes, tokenizer, init),
                outputs=(self.taught,),
                own_clock=True,
            ),
        ]

    def _encode(self, name: str, source: Path, tokenizer: Path, how: str) -> Step:
        out = self.work / f"{name}.npz"
        return Step(
            f"rows of {name}",
            f"encoding the {name}",
            2,
            lambda _: [run(f"train rows {how}", source, "--tokenizer", tokenizer, "-o", out)],
            inputs=(source, tokenizer),
            outputs=(out,),
        )

    def _fine_tuning(self, base: Path) -> list[Step]:
        """LoRA on a pretrained base."""
        context = str(min(2048, context_of(base)))
        tune = run("train sft --epochs 1000 --batch 2 --accumulate 4", self.demos)
        tune += run("--base", base, "--context", context)
        return [
            Step(
                "tool",
                "learning to repair",
                50,
                lambda m: [[*tune, "-o", self.taught, *time(m)]],
                inputs=(self.demos, base),
                outputs=(self.taught,),
                own_clock=True,
            )
        ]

    def _practice(self) -> Step:
        model = self.taught / "model"
        few = run("--groups 8" if self.long else "--groups 4 --generations 2")
        few += run("--lora 32" if self.options.fine_tunes else "")
        return Step(
            "practice",
            "practising with the sandbox as the judge",
            10,
            lambda m: [run("train rlvr", model, self.tasks, *few, "-o", self.practised, *time(m))],
            inputs=(self.tasks, model),
            outputs=(self.practised,),
            own_clock=True,
            needs=lambda: self._practises,
        )

    def _before(self) -> list[Step]:
        base, draft = self.options.base, self.work / "base.gguf"
        if base is None:
            return [self._score("before", "the score of uniform order", self.before, None)]
        title = "the score of the base"
        if self.options.fine_tunes:
            return [
                self._draft("base", base, draft),
                self._score("before", title, self.before, draft),
            ]
        return [self._score("before", title, self.before, base)]

    def _finish(self) -> list[Step]:
        draft = self.work / "draft.gguf"

        def last(_: float) -> Sequence[Command]:
            return [
                [
                    *run("export", self.trained, "-o", self.result, "--name", self.options.name),
                    *run("--limit 12" if self.long else "--limit 2"),
                    *(word for pair in self._about() for word in ("--meta", pair)),
                ]
            ]

        return [
            self._draft("draft", self.trained, draft),
            self._score("after", "the score of the model", self.after, draft),
            Step(
                "export",
                "exporting and comparing",
                4,
                last,
                inputs=(self.trained, self.after),
                outputs=(self.result,),
            ),
        ]

    def _draft(self, name: str, model: Path, draft: Path) -> Step:
        return Step(
            name,
            "writing a first file",
            1,
            lambda _: [run("export --no-parity", model, "-o", draft)],
            inputs=(model,),
            outputs=(draft,),
        )

    def _score(self, name: str, title: str, summary: Path, model: Path | None) -> Step:
        out = self.work / f"{name}.jsonl"
        effort = "--limit 32 --budget 3" if self.long else "--limit 6 --budget 1"
        who = run("--policy uniform") if model is None else run("--model", model)
        what = run(effort, "--jobs", str(_cores()), "--summary", summary, "--out", out)
        return Step(
            name,
            title,
            4,
            lambda _: [[*run("bench", self.held_out), *who, *what]],
            inputs=(self.held_out, *(() if model is None else (model,))),
            outputs=(summary, out, out.with_name(f"{out.name}.settings.json")),
            needs=lambda: count_rows(self.held_out) > 0,
        )

    @property
    def _practises(self) -> bool:
        return count_rows(self.tasks) >= _FEWEST

    @property
    def trained(self) -> Path:
        """The folder of the last model that is trained."""
        return (self.practised if self._practises else self.taught) / "model"

    def _about(self) -> list[str]:
        """KEY=VALUE for the file itself: what the model scored, and what it began as."""
        told = [f"editloop.eval.{key}={value}" for key, value in score(self.after).items()]
        base = self.options.base
        if base is not None:
            told.append(f"editloop.base_model={'shipped' if base == SHIPPED else base.name}")
        return told


def _shape(minutes: float) -> tuple[list[str], list[str]]:
    """(options of the decoder, option of the vocabulary) that the minutes can train."""
    if minutes < _LONG:
        width, layers, hidden, vocabulary = 128, 2, 384, 2048
    elif minutes < _LONGER:
        width, layers, hidden, vocabulary = 192, 4, 576, 4096
    else:
        width, layers, hidden, vocabulary = 256, 6, 768, 4096
    shape = {"width": width, "layers": layers, "hidden": hidden, "kv-heads": 1}
    options = [word for name, value in shape.items() for word in (f"--{name}", str(value))]
    return options, ["--vocabulary", str(vocabulary)]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
