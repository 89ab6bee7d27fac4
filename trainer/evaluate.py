"""The comparison of the method: several models, several sets of tasks, the same attempts at each.

The results of a pair of model and set are a file of lines in the order of the tasks, so that a
killed evaluation goes on where it stopped, and more of them can be added to a folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from editloop.engine.gguf_info import read_info
from editloop.tasks import Task, read_tasks
from trainer.attempts import Attempter, AttemptSettings, Method, fits
from trainer.files import write_json, write_text
from trainer.manifest import file_hash, make_manifest
from trainer.report import Cell, draw, markdown, measure
from trainer.run import RunError
from trainer.stream import stream


@dataclass(frozen=True, slots=True)
class Contestant:
    """A GGUF and how it is used."""

    name: str
    path: Path
    method: Method


_attempter: Attempter | None = None


def _start(path: Path, method: Method, settings: AttemptSettings) -> None:
    global _attempter
    _attempter = Attempter(path, method, settings)


def _work(task: Task) -> dict[str, list[str]]:
    assert _attempter is not None
    return {"attempts": [json.dumps(_attempter.run(task))]}


def evaluate(
    models: Sequence[Contestant],
    sets: Mapping[str, Path],
    out: Path,
    settings: AttemptSettings,
    *,
    limit: int | None = None,
    workers: int = 2,
) -> list[Cell]:
    """Play all that is missing and write ``report.md``, ``report.json`` and ``report.png``.

    ``limit``: so many tasks of a set, drawn by the seed. Raises RunError where the folder holds
    attempts with other settings, at other tasks or of other models of the same name.
    """
    tasks = {name: _tasks(path, limit, settings.seed) for name, path in sets.items()}
    about = [_about(model) for model in models]
    _check(models, sets, out, settings, limit)
    cells = []
    for name, chosen in tasks.items():
        for model in models:
            file = out / "attempts" / f"{model.name}.{name}.jsonl"
            file.parent.mkdir(exist_ok=True)
            stream(
                f"{model.name} on {name}",
                chosen,
                _work,
                {"attempts": file},
                start=_start,
                arguments=(model.path, model.method, settings),
                workers=min(workers, len(chosen)),
            )
            lines = file.read_text(encoding="utf-8").splitlines()
            cells.append(measure(model.name, name, [json.loads(line) for line in lines]))
    write_text(out / "report.md", markdown(cells))
    rows = [cell.row() for cell in cells]
    report = {"settings": asdict(settings), "models": about, "results": rows}
    write_json(out / "report.json", report | {"manifest": make_manifest(list(sets.values()))})
    draw(cells, out / "report.png")
    return cells


def _tasks(path: Path, limit: int | None, seed: int) -> list[Task]:
    """In the order of the file; neighbours there are often of one function."""
    found = [task for task in read_tasks(path) if fits(task)]
    if not found:
        raise RunError(f"{path} holds no task whose module fits into the window")
    if limit is None or limit >= len(found):
        return found
    chosen = sorted(Random(seed).sample(range(len(found)), limit))
    return [found[at] for at in chosen]


def _about(model: Contestant) -> dict[str, object]:
    info = read_info(model.path)
    return {
        "name": model.name,
        "method": model.method,
        "file": model.path.name,
        "parameters": info.parameters,
        "quantization": info.quantization,
        "rendering": info.rendering,
    }


def _check(
    models: Sequence[Contestant],
    sets: Mapping[str, Path],
    out: Path,
    settings: AttemptSettings,
    limit: int | None,
) -> None:
    """Each pair of model and set has to mean the same as when it was begun."""
    ledger = out / "contents.json"
    known: dict[str, str] = json.loads(ledger.read_text()) if ledger.exists() else {}
    shared = {**asdict(settings), "limit": limit}
    del shared["threads"]
    fresh = {f"--{name}": str(value) for name, value in shared.items()}
    fresh |= {f"model {m.name}": f"{m.method} {file_hash(m.path)}" for m in models}
    fresh |= {f"set {name}": file_hash(path) for name, path in sets.items()}
    for name, value in fresh.items():
        if known.get(name, value) != value:
            raise RunError(f"{out} holds attempts with another {name}: choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    write_json(ledger, known | fresh)
