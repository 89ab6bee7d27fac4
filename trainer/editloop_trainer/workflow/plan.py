"""The steps of a workflow as commands of ``editloop``, with the files that they read and write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from editloop.budget import cores
from editloop_trainer.workflow.ledger import listing_digest
from editloop_trainer.workflow.options import Options, source_files
from editloop_trainer.workflow.results import base_name, by_loop, context_of, count_rows, score
from editloop_trainer.workflow.step import Command, Step, run, time

LONG = 10.0
"""Minutes from which on scores get their tasks and time."""
_FEWEST = 8
"""Tasks from which on there is something to practise."""
_ABLE = 0.05
"""Share of the held-out tasks that one episode has to solve for practice to begin."""


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
        self.taught = self.work / "taught"
        self.practised = self.work / "practised"
        self.before = self.work / "before.json"
        self.taught_score = self.work / "taught.json"
        self.practised_score = self.work / "practised.json"
        self.result = self.work / f"{options.name}.gguf"
        self.folder = options.base if options.base.is_dir() else self.work / "base"
        """What is trained on."""
        self.long = options.minutes >= LONG
        roots = ((root, source_files(root)) for root in options.corpus)
        self._sources = "".join(listing_digest(root.parent, files) for root, files in roots)

    def steps(self) -> list[Step]:
        data = [self._corpus(), self._tests(), self._demos(), self._tasks()]
        taught = self._scored("", self.taught, self.taught_score)
        return [
            *data,
            *self._before(),
            *self._fine_tuning(),
            *taught,
            *self._practice(),
            self._last(),
        ]

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
        return Step(
            "demonstrations",
            "breaking functions and undoing it",
            15,
            lambda m: [[*data, "--out", self.demos, *time(m)]],
            inputs=(self.corpus, self.tests),
            outputs=(self.demos, self.dev_demos, self.demos.with_suffix(".progress.json")),
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
                command(self.held_out, 0.7 * m, "--split", "dev", "--each", "8", "--plain", "1"),
                command(self.tasks, 0.3 * m, "--split", "train", "--each", "2"),
            ],
            inputs=(self.corpus, self.tests),
            outputs=(*both, *(path.with_suffix(".progress.json") for path in both)),
        )

    def _unpack(self, model: Path, folder: Path) -> Step:
        return Step(
            "unpack",
            "reading the base",
            1,
            lambda _: [run("train base", model, "-o", folder)],
            inputs=(model,),
            outputs=(folder,),
        )

    def _fine_tuning(self) -> list[Step]:
        """LoRA on the base."""
        base, folder = self.options.base, self.folder
        context = str(min(1024, context_of(base)))
        tune = run("train sft --epochs 1000 --batch 1 --accumulate 4 --rank 16", self.demos)
        tune += run("--base", folder, "--context", context)
        return [
            *([] if base.is_dir() else [self._unpack(base, folder)]),
            Step(
                "tool",
                "learning to repair",
                50,
                lambda m: [[*tune, "-o", self.taught, *time(m)]],
                inputs=(self.demos, folder),
                outputs=(self.taught,),
                own_clock=True,
            ),
        ]

    def _practice(self) -> list[Step]:
        """Where the model solves something already: what is never solved teaches nothing."""
        model = self.taught / ("adapter" if self.adapts else "model")
        few = run("--groups 8" if self.long else "--groups 4 --generations 2")
        few += [] if self.adapts else run("--lora 32")
        practice = Step(
            "practice",
            "practising with the sandbox as the judge",
            8,
            lambda m: [run("train rlvr", model, self.tasks, *few, "-o", self.practised, *time(m))],
            inputs=(self.tasks, model),
            outputs=(self.practised,),
            own_clock=True,
        )
        steps = [practice, *self._scored("practised ", self.practised, self.practised_score)]
        return [replace(step, needs=lambda: self._practises) for step in steps]

    def _scored(self, name: str, trained: Path, summary: Path) -> list[Step]:
        draft = summary.with_suffix(".gguf")
        return [
            self._draft(f"{name}draft", trained / "model", draft),
            self._score(f"{name}score", "the score of the model", summary, draft),
        ]

    def _before(self) -> list[Step]:
        base, draft = self.options.base, self.work / "base.gguf"
        title = "the score of the base"
        if base.is_dir():
            return [
                self._draft("base", base, draft),
                self._score("before", title, self.before, draft),
            ]
        return [self._score("before", title, self.before, base)]

    def _last(self) -> Step:
        about = [word for pair in self._about() for word in ("--meta", pair)]
        model = self.trained / "model"
        if self.adapts:
            words = [*self._adapter(self.trained), "-o", self.result, *about]
        else:
            effort = run("export --limit", "12" if self.long else "2", "--name", self.options.name)
            words = [*effort, model, "-o", self.result, *about]
        return Step(
            "export",
            "exporting and comparing",
            4,
            lambda _: [words],
            inputs=(model, self.after),
            outputs=(self.result,),
        )

    def _draft(self, name: str, model: Path, draft: Path) -> Step:
        words = run("export --no-parity", model, "-o", draft)
        if self.adapts:
            words = [*self._adapter(model.parent), "-o", draft, *self._base_meta()]
        return Step(
            name,
            "writing a first file",
            1,
            lambda _: [words],
            inputs=(model,),
            outputs=(draft,),
        )

    @property
    def adapts(self) -> bool:
        """Whether the result is a LoRA beside the GGUF that it began with, not a model of its
        own."""
        return self.options.base.is_file()

    def _adapter(self, trained: Path) -> Command:
        words = run("export --adapter-only --name", self.options.name, self.folder)
        return [*words, "--lora", trained / "adapter"]

    def _base_meta(self) -> list[str]:
        return ["--meta", f"editloop.base_model={base_name(self.options.base)}"]

    def _score(self, name: str, title: str, summary: Path, model: Path) -> Step:
        effort = "--limit 32 --budget 3" if self.long else "--limit 6 --budget 1"
        told = {"model": summary, "loop": by_loop(summary)}
        outs = {policy: path.with_suffix(".jsonl") for policy, path in told.items()}

        def command(policy: str) -> Command:
            what = run("bench", self.held_out, "--model", model, "--policy", policy)
            files = run("--summary", told[policy], "--out", outs[policy])
            return [*what, *files, *run(effort, "--jobs", str(cores()))]

        settings = (out.with_name(f"{out.name}.settings.json") for out in outs.values())
        return Step(
            name,
            title,
            4,
            lambda _: [command(policy) for policy in told],
            inputs=(self.held_out, model),
            outputs=(*told.values(), *outs.values(), *settings),
            needs=lambda: count_rows(self.held_out) > 0,
        )

    @property
    def _practises(self) -> bool:
        able = score(self.taught_score).get("pass_at_1", 0.0) >= _ABLE
        return able and count_rows(self.tasks) >= _FEWEST

    @property
    def trained(self) -> Path:
        """The run whose model is exported: practice counts where it did no harm."""
        if not self._practises:
            return self.taught
        before, after = score(self.taught_score), score(self.practised_score)
        harmed = after.get("pass_at_1", 0.0) < before["pass_at_1"]
        return self.taught if harmed else self.practised

    @property
    def after(self) -> Path:
        """The summary of its score."""
        return self.taught_score if self.trained == self.taught else self.practised_score

    def _about(self) -> list[str]:
        """KEY=VALUE for the file itself: what the model scored, and what it began as."""
        told = [f"editloop.eval.{key}={value}" for key, value in score(self.after).items()]
        return [*told, f"editloop.base_model={base_name(self.options.base)}"]
