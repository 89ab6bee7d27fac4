"""The models on this machine: those in the user's store, and the one that is the default.

Reads headers only, through ``engine.gguf_info``; the engine loads. Nothing is downloaded. The store
is a folder and nothing is cached, so a running server meets a change at its next job.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from editloop.budget import SECONDS, SECONDS_WITH_MODEL

if TYPE_CHECKING:
    from editloop.engine.gguf_info import ModelInfo

NO_MODEL = "none"
"""Chosen by who wants moves alone."""
CHOICE = "default"
"""The file in the store that holds the name or path of the user's own default model."""
SCRIPT = "EDITLOOP_SCRIPTED_MODEL"
"""The environment variable that names a file for `model.scripted`, which then takes part in place
of a model."""


@dataclass(frozen=True, slots=True)
class StoredModel:
    """One file; ``info`` is None where it cannot be read, and ``error`` then says why."""

    name: str
    path: Path
    source: Literal["store", "path"]
    info: ModelInfo | None = None
    error: str | None = None
    default: bool = False


def store_folder() -> Path:
    """``$XDG_DATA_HOME/editloop/models``, or the platform's place; it need not exist."""
    home = os.environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(home):  # the specification ignores relative ones
        return Path(home, "editloop", "models")
    import platformdirs

    return platformdirs.user_data_path("editloop", appauthor=False) / "models"


def chosen_default(store: Path | None = None) -> str | None:
    """What the user chose as default, None where there is no choice. Raises OSError."""
    try:
        text = ((store or store_folder()) / CHOICE).read_text("utf-8", "replace").strip()
    except FileNotFoundError:
        return None
    return text or None


def in_store(path: Path, store: Path) -> bool:
    """Whether a file lies in the store, wherever the links on the way to it lead.

    The file may be a link itself: it is the link that is in the store.
    """
    folder = Path(os.path.realpath(path.parent))
    return folder.is_relative_to(os.path.realpath(store))


def find_model(name_or_path: str | Path | None = None, *, store: Path | None = None) -> Path:
    """The file of a model. None: the user's default.

    A name is a file in the store without its ``.gguf``; whatever names a file is a path. Raises
    ModelNotFound.
    """
    from editloop.engine.errors import ModelNotFound

    store = store or store_folder()
    if name_or_path is not None:
        return _named(name_or_path, store)
    choice = chosen_default(store)
    if choice not in (None, NO_MODEL):
        try:
            return _named(choice, store)
        except ModelNotFound as error:
            raise ModelNotFound(f"the default in {store / CHOICE} is wrong: {error}") from error
    raise ModelNotFound(
        f"no model is the default in {store}: `editloop models get` fetches one, or name it"
    )


def with_base(path: Path) -> tuple[Path, Path | None]:
    """A whole model's file, and the LoRA that ``path`` is; None where it is that model itself.

    Raises EngineError: WrongTranscriptVersion, and ModelNotFound where the base that a LoRA names
    is not here.
    """
    from editloop.document.transcript import TRANSCRIPT_VERSION
    from editloop.engine.checks import check_version
    from editloop.engine.errors import ModelNotFound
    from editloop.engine.gguf_info import read_info

    info = read_info(path)
    check_version(info, TRANSCRIPT_VERSION)
    if not info.is_adapter:
        return path, None
    base = str(info.metadata.get("editloop.base_model", ""))
    try:
        return find_model(base), path
    except ModelNotFound as error:
        raise ModelNotFound(f"{path.name} is a LoRA, and its base is missing: {error}") from error


def list_models(store: Path | None = None) -> list[StoredModel]:
    """The store's by name; a damaged file is listed with its error."""
    from editloop.engine.errors import ModelNotFound

    store = store or store_folder()
    try:
        default = _real(find_model(store=store))
    except (ModelNotFound, OSError):
        default = None
    found: list[tuple[str, Path, Literal["store", "path"]]] = []
    for path in sorted(_files(store)):
        found.append((path.relative_to(store).with_suffix("").as_posix(), path, "store"))
    if default is not None and all(_real(path) != default for _, path, _ in found):
        found.append((default.stem, default, "path"))
    return [_read(name, path, source, default) for name, path, source in found]


def _named(name_or_path: str | Path, store: Path) -> Path:
    from editloop.engine.errors import ModelNotFound

    name = str(name_or_path)
    path = Path(name).expanduser()
    for candidate in (store / f"{name}.gguf", store / name, path):
        if candidate.is_file() and candidate.name != CHOICE:
            return candidate
    if path.suffix == ".gguf" or len(path.parts) > 1:
        raise ModelNotFound(f"no model file at {name}: check the path, or `editloop models list`")
    known = [p.relative_to(store).with_suffix("").as_posix() for p in sorted(_files(store))]
    raise ModelNotFound(
        f"no model named {name!r} in {store}; known: {', '.join(known) or 'none'}; "
        "`editloop models list` names those that can be fetched"
    )


def _real(path: Path) -> Path:
    """The file behind links; the path itself where they run in a circle."""
    return Path(os.path.realpath(path))


def _files(store: Path) -> list[Path]:
    try:
        return [path for path in store.rglob("*.gguf") if path.is_file() or path.is_symlink()]
    except OSError:
        return []


def _read(
    name: str, path: Path, source: Literal["store", "path"], default: Path | None
) -> StoredModel:
    from editloop.engine.errors import EngineError
    from editloop.engine.gguf_info import read_info

    chosen = default is not None and _real(path) == default
    try:
        return StoredModel(name, path, source, read_info(path), None, chosen)
    except (EngineError, OSError, ValueError) as error:
        return StoredModel(name, path, source, None, str(error), chosen)


def chosen_path(name: str | None = None) -> Path | None:
    """The file of the model that takes part; None where none does. Raises ModelNotFound."""
    return find_model(name) if wants_model(name) else None


def wants_model(name: str | None = None) -> bool:
    """Whether a model takes part, by its name or as default; it need not be there."""
    return (name or chosen_default() or NO_MODEL) != NO_MODEL


def default_seconds(name: str | None, server: str | None) -> float:
    """The budget where a person gives none: a model needs seconds for each place that it fills
    in."""
    with_model = server is not None or SCRIPT in os.environ or wants_model(name)
    return SECONDS_WITH_MODEL if with_model else SECONDS


def declines_model(name: str | None = None) -> bool:
    """Whether the user wants moves alone, by the name or as default."""
    return (name or chosen_default()) == NO_MODEL
