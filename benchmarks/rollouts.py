"""Episodes per second of reinforcement learning, beside TRL's own environment path.

    python benchmarks/rollouts.py RUN/model TASKS [--groups 8] [--rounds 3]

Both play the same tasks with the same model, sampling, limits, verifier and batch, in one run, turn
about: here (``trainer.rlvr``) and ``GRPOTrainer(environment_factory=...)`` with transformers'
generation. The other path reads and writes the same tokens: its chat template passes the compact
rendering through, and a command is a tool call. The learning rate is as good as zero, so the model
stays what it is. Prints one line for each round and a table of medians.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from rich.console import Console
from rich.table import Table
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, PrinterCallback
from trl import GRPOTrainer

from editloop.tasks import Task, parse_task, read_tasks, task_row
from trainer.encode import load_base
from trainer.reward import RewardSettings, turn_rewards
from trainer.rlvr.dialect import Dialect
from trainer.rlvr.episodes import Episode, begin, settle, understand
from trainer.rlvr.judge import Judge
from trainer.rlvr.rollouts import fitting
from trainer.rlvr.training import RlvrSettings, make_config, train_rlvr
from trainer.run import read_metrics

RATE = 1e-12
TEMPLATE = (
    "{% for m in messages %}{% for call in m.tool_calls or [] %}"
    "{{ call.function.name }}{{ call.function.arguments }}<|end|>{% endfor %}"
    "{{ m.content }}{% endfor %}"
)
"""Prompt and tool results say their tokens themselves; the answer is only a form for TRL."""


@dataclass(slots=True)
class Spent:
    """Seconds of one round, and what was played in them."""

    episodes: int = 0
    turns: float = 0.0
    solved: float = 0.0
    generation: float = 0.0
    verification: float = 0.0
    learning: float = 0.0

    @property
    def seconds(self) -> float:
        return self.generation + self.verification + self.learning


def ours(base: Path, tasks: Path, settings: RlvrSettings, workers: int) -> list[Spent]:
    """Rounds through ``trainer.rlvr``."""
    with tempfile.TemporaryDirectory() as folder:
        run = train_rlvr(base, tasks, Path(folder) / "run", settings, workers=workers)
        return [
            Spent(
                int(row["episodes"]),
                row["turns"],
                row["solved"],
                row["seconds_rollouts"] - row["seconds_verification"],
                row["seconds_verification"],
                row["seconds_learning"],
            )
            for row in read_metrics(run.path)
        ]


@dataclass(slots=True)
class Scene:
    """What the environments of TRL's path share, and the seconds spent in the judge."""

    judge: Judge
    dialect: Dialect
    decode: Any
    settings: RlvrSettings
    verification: float = 0.0
    generation: float = 0.0
    episodes: list[Episode] = field(default_factory=list)


def make_environment(scene: Scene) -> type:
    class Environment:
        """One episode; a command is a call of ``edit``."""

        def reset(self, task: str, **_: Any) -> str:
            self._task = parse_task(json.loads(task))
            self._episode = begin(self._task, self._judged(self._task.buggy), scene.dialect)
            return str(scene.decode(self._episode.ids))

        def edit(self, written: str) -> str:
            """
            Change the file.

            Args:
                written: The tokens of one command.

            Returns:
                The new state of the file.
            """
            ids = [int(token) for token in written.split()]
            move = understand(self._episode, ids, scene.dialect)
            changed = move.state is not self._episode.state
            verdict = self._judged(move.state.text) if changed else self._episode.verdict
            limits = scene.settings.limits
            self._episode = settle(self._episode, move, verdict, scene.dialect, limits)
            return str(scene.decode(self._episode.ids[self._episode.turns[-1].stop :]))

        def get_reward(self) -> float:
            scene.episodes.append(self._episode)
            return sum(turn_rewards(self._episode.turns, RewardSettings()))

        def _judged(self, source: str) -> Any:
            started = time.perf_counter()
            verdict = scene.judge.submit(self._task, source).result()
            scene.verification += time.perf_counter() - started
            return verdict

    return Environment


def make_tokenizer(file: Path, dialect: Dialect) -> PreTrainedTokenizerFast:
    class Tokenizer(PreTrainedTokenizerFast):  # type: ignore[misc]  # transformers is untyped
        def parse_response(self, response: Any, schema: Any = None, **_: Any) -> dict[str, Any]:
            """Everything but EXIT is a call, so that errors are shown as they are here."""
            message: dict[str, Any] = {"role": "assistant", "content": ""}
            if dialect.text(list(response)) != "### EXIT":
                arguments = {"written": " ".join(str(int(token)) for token in response)}
                call = {"type": "function", "function": {"name": "edit", "arguments": arguments}}
                message["tool_calls"] = [call]
            return message

    made = Tokenizer(
        tokenizer_file=str(file),
        bos_token="<|bos|>",
        eos_token="<|end|>",
        pad_token="<|pad|>",
        chat_template=TEMPLATE,
    )
    made.response_template = {"parsed by": "the method above"}
    return made


def theirs(base: Path, tasks: Sequence[Task], settings: RlvrSettings, workers: int) -> list[Spent]:
    """Rounds through TRL's environments."""
    dialect = Dialect(load_base(base))
    tokenizer = make_tokenizer(base / "tokenizer.json", dialect)
    with Judge(workers) as judge, tempfile.TemporaryDirectory() as folder:
        scene = Scene(judge, dialect, tokenizer.decode, settings)
        rounds: list[Spent] = []

        class Timed(GRPOTrainer):  # type: ignore[misc]  # TRL is untyped
            def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
                started = time.perf_counter()
                result = super()._generate_single_turn(*args, **kwargs)
                scene.generation += time.perf_counter() - started
                return result

            def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
                super().log(logs, start_time)
                if "loss" in logs:
                    rounds.append(_round(scene, logs["step_time"]))

        config = make_config(Path(folder), settings)
        config.max_completion_length = settings.tokens
        config.max_tool_calling_iterations = settings.turns - 1
        config.generation_kwargs = {"max_new_tokens": settings.command}
        rows = [json.dumps(task_row(task)) for task in tasks]
        prompts = [[{"role": "user", "content": ""}] for _ in rows]
        trainer = Timed(
            model=AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
            args=config,
            train_dataset=Dataset.from_dict({"prompt": prompts, "task": rows}),
            processing_class=tokenizer,
            environment_factory=make_environment(scene),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return rounds


def _round(scene: Scene, seconds: float) -> Spent:
    count = len(scene.episodes)
    spent = Spent(
        count,
        sum(len(episode.turns) for episode in scene.episodes) / count,
        sum(episode.solved for episode in scene.episodes) / count,
        scene.generation,
        scene.verification,
        seconds - scene.generation - scene.verification,
    )
    scene.episodes, scene.generation, scene.verification = [], 0.0, 0.0
    return spent


def print_table(found: dict[str, list[Spent]], console: Console) -> None:
    columns = ("generation", "verification", "learning", "seconds")
    table = Table("path", "episodes/s", *columns, "turns", "solved", title="medians of the rounds")
    rates = {}
    for name, rounds in found.items():
        rates[name] = statistics.median(r.episodes / r.seconds for r in rounds)
        middle = [statistics.median(getattr(r, column) for r in rounds) for column in columns]
        shares = [
            statistics.mean(r.turns for r in rounds),
            statistics.mean(r.solved for r in rounds),
        ]
        table.add_row(name, f"{rates[name]:.2f}", *(f"{value:.2f}" for value in [*middle, *shares]))
    console.print(table)
    first, second = rates.values()
    console.print(f"{first / second:.2f} times as many episodes a second")


@contextmanager
def quiet() -> Iterator[None]:
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("base", type=Path)
    parser.add_argument("tasks", type=Path)
    parser.add_argument("--groups", type=int, default=8)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--tokens", type=int, default=1536, help="of a row")
    parser.add_argument("--command", type=int, default=96, help="tokens of a turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args(argv)
    if options.threads:
        torch.set_num_threads(options.threads)
    console = Console()
    settings = RlvrSettings(
        steps=2,
        groups=options.groups,
        turns=options.turns,
        tokens=options.tokens,
        command=options.command,
        rate=RATE,
        checkpoint_seconds=1e9,
    )
    dialect = Dialect(load_base(options.base))
    fit = fitting(list(read_tasks(options.tasks)), dialect, settings.limits)
    found: dict[str, list[Spent]] = {"editloop": [], "TRL environments": []}
    with quiet(), tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            tasks = list(
                itertools.islice(fit, number * options.groups, (number + 1) * options.groups)
            )
            file = Path(folder) / f"{number}.jsonl"
            file.write_text("".join(json.dumps(task_row(task)) + "\n" for task in tasks))
            # The first step of each warms up caches and sandboxes.
            found["editloop"].append(ours(options.base, file, settings, options.workers)[-1])
            found["TRL environments"].append(
                theirs(options.base, tasks, settings, options.workers)[-1]
            )
            for name, rounds in found.items():
                console.print(f"round {number + 1}, {name}: {rounds[-1]}", soft_wrap=True)
    print_table(found, console)


if __name__ == "__main__":
    main()
