"""What is exported: a checkpoint, an adapter or a run folder, found and described.

Only files are read: a run folder of the trainer is known by its settings.json and manifest.json.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from editloop.document.transcript import TRANSCRIPT_VERSION

from .checkpoint import read_json
from .errors import WrongCheckpoint
from .gguf_writer import Value, tokenizer_folder
from .lora import CONFIG, is_adapter

__all__ = ["Source", "describe", "find_source"]

_RESULT = "model"
"""The folder of a run that holds what was trained."""


@dataclass(frozen=True, slots=True)
class Source:
    """``folder`` holds config, weights and tokenizer; ``run`` the run that made them, if known."""

    name: str
    folder: Path
    lora: Path | None = None
    run: Path | None = None

    @property
    def tokenizer(self) -> Path:
        """The folder whose tokenizer is exported."""
        return tokenizer_folder(self.folder, self.lora)


def find_source(checkpoint: Path, lora: Path | None = None) -> Source:
    """Raises WrongCheckpoint; a run folder stands for its result, an adapter for it on its base."""
    given = lora if lora is not None else checkpoint
    for path in filter(None, (checkpoint, lora)):
        if not path.is_dir():
            raise WrongCheckpoint(f"{path} is not a folder: give a Hugging Face folder")
    place = given.resolve()
    name = place.parent.name if _is_run(place.parent) else place.name
    folder = _within(checkpoint)
    run = folder.resolve().parent if _is_run(folder.resolve().parent) else None
    if lora is not None:
        adapter = _within(lora)
        if not is_adapter(adapter):
            raise WrongCheckpoint(f"{lora} is not a LoRA adapter: it has no {CONFIG}")
        run = adapter.resolve().parent if _is_run(adapter.resolve().parent) else None
        return Source(name, folder, adapter, run)
    if is_adapter(folder):
        base = Path(str(read_json(folder / CONFIG).get("base_model_name_or_path") or ""))
        if not (base / "config.json").is_file():
            raise WrongCheckpoint(
                f"{checkpoint} is a LoRA adapter of {base}, which is no folder here: "
                "export BASE --lora ADAPTER"
            )
        return Source(name, base, folder, run)
    if not (folder / "config.json").is_file():
        raise WrongCheckpoint(f"{checkpoint} is not a checkpoint: it has no config.json")
    return Source(name, folder, None, run)


def describe(source: Source) -> dict[str, Value]:
    """Metadata that the files tell: transcript version, rendering, base model, hash of the recipe.

    A model that no run of ours trained has neither transcript version nor recipe.
    """
    found: dict[str, Value] = {"general.name": source.name, "editloop.rendering": "chat"}
    found["editloop.base_model"] = _base(source) or source.name
    if source.run is not None:
        settings = read_json(source.run / "settings.json")
        found["editloop.rendering"] = str(settings.get("rendering", "chat"))
        found["editloop.transcript_version"] = TRANSCRIPT_VERSION
        found["editloop.recipe_sha"] = _recipe(source.run)
    return found


def _within(path: Path) -> Path:
    inside = path / _RESULT
    whole = (path / "config.json").is_file() or is_adapter(path)
    return inside if not whole and inside.is_dir() else path


def _is_run(folder: Path) -> bool:
    return (folder / "settings.json").is_file()


def _base(source: Source) -> str:
    """The pretrained model at the beginning, "" where none is known."""
    if source.lora is not None:
        named = str(read_json(source.lora / CONFIG).get("base_model_name_or_path") or "")
        return Path(named).name or source.folder.name
    if source.run is not None:
        return _base_of_run(source.run)
    return str(read_json(source.folder / "config.json").get("_name_or_path") or "")


def _base_of_run(run: Path) -> str:
    """A run may begin with the result of another."""
    base = Path(str(read_json(run / "settings.json").get("base") or ""))
    if base.name == _RESULT and _is_run(base.parent):
        return _base_of_run(base.parent)
    return base.name


def _recipe(run: Path) -> str:
    """Of the settings and of the hashes of the data, so that the same recipe has the same hash."""
    settings = read_json(run / "settings.json")
    data = read_json(run / "manifest.json", required=False).get("data")
    recipe = json.dumps({"settings": settings, "data": data}, sort_keys=True)
    return hashlib.sha256(recipe.encode()).hexdigest()[:16]
