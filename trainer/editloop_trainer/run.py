"""The folder of one training run, the same for ``sft`` and ``rlvr``.

    settings.json     the resolved settings
    manifest.json     hashes of the data, git revision, versions of the libraries
    metrics.jsonl     one line a log step: step, tokens, seconds, and what was measured
    checkpoint-N/     everything to go on from step N; complete when it holds complete.json
    model/            the result, a plain Hugging Face folder

A kill at any moment costs the steps since the last checkpoint: one that is not complete is dropped,
and the last complete one stays until the next is.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editloop_trainer.files import sync_folder, synced, write_json, write_text
from editloop_trainer.manifest import make_manifest

COMPLETE = "complete.json"
KEPT = 2
"""Checkpoints that stay: the newest, and the one before it in case the disk spoils the newest."""
_NAME = re.compile(r"checkpoint-(\d+)")


class RunError(Exception):
    """A run cannot start, go on or be read; the message is one line for the person."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Minutes of training and steps; the run ends with the first that is spent."""

    minutes: float | None = None
    steps: int | None = None

    def spent(self, step: int, seconds: float) -> float:
        """The share that is spent, 1 or more at the end."""
        by_steps = step / self.steps if self.steps else 0.0
        by_time = seconds / (60 * self.minutes) if self.minutes else 0.0
        return max(by_steps, by_time)


def rate_factor(spent: float, warmup: float, decay_from: float) -> float:
    """Factor on the learning rates: a linear rise, the full rate, linear to zero.

    All arguments are shares of the budget; ``decay_from`` is below 1.
    """
    if spent < warmup:
        return max(spent / warmup, 0.01)
    if spent < decay_from:
        return 1.0
    return max(0.0, (1.0 - spent) / (1.0 - decay_from))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A complete checkpoint; ``seconds`` of training and ``tokens`` were spent until then."""

    path: Path
    step: int
    seconds: float
    tokens: int


class RunFolder:
    """Opens or goes on with a run. ``budget`` names the settings that may differ when it goes on.

    Raises RunError for a folder with a checkpoint of other settings or other data.
    """

    def __init__(
        self,
        path: Path,
        settings: Mapping[str, Any],
        *,
        data: Sequence[Path] = (),
        budget: Sequence[str] = ("minutes", "steps", "threads"),
        writes: bool = True,
    ) -> None:
        """``writes``: False in all but the first process of a distributed run."""
        self.path = path
        self._writes = writes
        self.last: dict[str, Any] = {}
        # As the file will hold them: tuples become lists.
        fresh: dict[str, Any] = json.loads(json.dumps(dict(settings), default=str))
        manifest = make_manifest(data)
        begun = bool(_complete(path))
        if begun:
            _compare(path, fresh, manifest, frozenset(budget))
        if writes:
            path.mkdir(parents=True, exist_ok=True)
            if not begun:
                write_json(path / "manifest.json", manifest)
            write_json(path / "settings.json", fresh)

    @property
    def model(self) -> Path:
        """Where the result is, once the run has ended."""
        return self.path / "model"

    def log(self, row: Mapping[str, Any]) -> None:
        """Append one line to the metrics; ``row`` has a ``step``. ``last`` has the last of each."""
        self.last = {**self.last, **row}
        if not self._writes:
            return
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    @contextmanager
    def checkpoint(self, step: int, seconds: float, tokens: int = 0) -> Iterator[Path]:
        """The folder to write a checkpoint into; complete when the block ends.

        Raises RunError when it cannot be written; the one before is as it was.
        """
        folder = self.path / f"checkpoint-{step}"
        with _writing(folder, f"the checkpoint of step {step}", self.path):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            yield folder
            files = {f.name: synced(f) for f in sorted(folder.iterdir()) if f.is_file()}
            done = {"step": step, "seconds": round(seconds, 3), "tokens": tokens}
            write_json(folder / COMPLETE, {**done, "files": files})
            sync_folder(self.path)
        for old in _complete(self.path)[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def resume(self) -> Checkpoint | None:
        """The last checkpoint; metrics after it and unfinished checkpoints are dropped.

        Raises RunError when it is broken, and says which one is not.
        """
        found = last_checkpoint(self.path)
        if self._writes:
            complete = set(_complete(self.path))
            for folder in _checkpoints(self.path):
                if folder not in complete:
                    shutil.rmtree(folder, ignore_errors=True)
            self._rewind(found.step if found else 0)
        self.last = {"step": found.step} if found else {}
        return found

    @contextmanager
    def result(self, name: str = "model") -> Iterator[Path]:
        """The folder to write the result into; takes the place of the last one at the end.

        Raises RunError when it cannot be written.
        """
        part, final = self.path / f"{name}.part", self.path / name
        with _writing(part, f"{name}/", self.path):
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            yield part
            for file in part.iterdir():
                synced(file)
            shutil.rmtree(final, ignore_errors=True)
            os.replace(part, final)

    def _rewind(self, step: int) -> None:
        """Drop the metrics after ``step``: they are measured again."""
        path = self.path / "metrics.jsonl"
        if path.exists():
            kept = [row for row in read_metrics(self.path) if row["step"] <= step]
            write_text(path, "".join(json.dumps(row) + "\n" for row in kept))


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """The metrics of a run; a last line that was cut by a kill is left out. Raises RunError."""
    path = run / "metrics.jsonl"
    if not path.exists():
        raise RunError(f"{run} holds no metrics.jsonl: it is not the folder of a training run")
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        with suppress(ValueError):
            rows.append(json.loads(line))
    return rows


def last_checkpoint(run: Path) -> Checkpoint | None:
    """The newest complete checkpoint of a run folder, None where there is none.

    Raises RunError when its files are not what was written.
    """
    complete = _complete(run)
    if not complete:
        return None
    newest = complete[-1]
    row = json.loads((newest / COMPLETE).read_text(encoding="utf-8"))
    for name, size in row["files"].items():
        file = newest / name
        found = file.stat().st_size if file.exists() else 0
        if found != size:
            raise broken(newest, f"{name} has {found} of {size} bytes")
    return Checkpoint(newest, int(row["step"]), float(row["seconds"]), int(row["tokens"]))


def broken(checkpoint: Path, reason: str) -> RunError:
    """The error for a checkpoint that cannot be read, with what to do about it."""
    others = [folder.name for folder in _complete(checkpoint.parent) if folder != checkpoint]
    rest = f"goes on from {others[-1]}" if others else "starts again"
    why = " ".join(reason.split())
    return RunError(f"{checkpoint} is broken ({why}): remove it, and the run {rest}")


def _compare(
    path: Path, settings: dict[str, Any], manifest: dict[str, Any], free: frozenset[str]
) -> None:
    try:
        before = json.loads((path / "settings.json").read_text(encoding="utf-8"))
        data = json.loads((path / "manifest.json").read_text(encoding="utf-8"))["data"]
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"{path} is not the folder of a run of this version: {error}") from error
    for key in sorted((before.keys() | settings.keys()) - free):
        if before.get(key) != settings.get(key):
            raise RunError(
                f"{path} was started with {key} {before.get(key)!r}, not {settings.get(key)!r}: "
                "choose another folder, or the same settings"
            )
    if data != manifest["data"]:
        raise RunError(f"{path} was started with other data: choose another folder")


def _checkpoints(run: Path) -> list[Path]:
    """Folders by step."""
    found = [(int(m[1]), p) for p in run.glob("checkpoint-*") if (m := _NAME.fullmatch(p.name))]
    return [folder for _, folder in sorted(found)]


def _complete(run: Path) -> list[Path]:
    return [folder for folder in _checkpoints(run) if (folder / COMPLETE).exists()]


@contextmanager
def _writing(folder: Path, what: str, run: Path) -> Iterator[None]:
    """Words what goes wrong while a folder is written, and removes the half of it.

    torch and safetensors report a full disk by RuntimeError and by an Exception of their own.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        kept = [p.name for p in _complete(run)]
        stays = f"{kept[-1]} is kept, and the same command goes on from it" if kept else "none yet"
        reason = " ".join(str(error).split())[:200]
        raise RunError(f"{what} could not be written to {run} ({reason}); {stays}") from error
