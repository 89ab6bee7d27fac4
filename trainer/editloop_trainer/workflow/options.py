"""What was asked for, checked before anything is written."""

from __future__ import annotations

import importlib.util
import math
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from editloop.cli import CliError, registered
from editloop_trainer import GROUP

_SMALL_CORPUS = 3 << 20
"""Bytes of source below which the standard library is added."""
_IGNORED = frozenset({".git", ".venv", "venv", "node_modules", "__pycache__", "site-packages"})


@dataclass(frozen=True, slots=True)
class Options:
    """``corpus`` are folders or files of source.

    ``base``: a Hugging Face folder or a GGUF to fine-tune.
    """

    corpus: tuple[Path, ...]
    base: Path
    minutes: float
    name: str
    work: Path


def make_options(
    corpus: Sequence[str],
    base: str,
    minutes: float,
    name: str,
    work: Path | None,
    *,
    library: bool = True,
) -> Options:
    """Raises CliError, StoreError, and ExportError for a base that cannot be exported later."""
    from editloop.model.storing import check_name

    check_name(name)
    if not (math.isfinite(minutes) and minutes > 0):
        raise CliError(f"--minutes {minutes:g}: a positive number is expected")
    roots = [_root(text) for text in corpus]
    if library and sum(map(_source_bytes, roots)) < _SMALL_CORPUS:
        roots.append(Path(sysconfig.get_paths()["stdlib"]))
    if not any(map(_source_bytes, roots)):
        raise CliError(f"no Python source in {', '.join(corpus)}: name folders that hold some")
    return Options(
        corpus=tuple(dict.fromkeys(roots)),
        base=_base(base),
        minutes=minutes,
        name=name,
        work=(work or _default_work(name)).expanduser().resolve(),
    )


def check_machine() -> None:
    """Raises CliError where training cannot work: extras not installed, or no sandbox."""
    missing = [m for m in ("torch", "transformers", "trl", "peft", "gguf") if not _installed(m)]
    if missing:
        raise CliError(f"training needs {', '.join(missing)}: pip install 'editloop[train]'")
    from editloop.sandbox import detect_level

    level = detect_level().level
    if level.name not in ("A", "B"):
        raise CliError(
            f"the sandbox is at level {level.name} ({level.value}); training runs a lot of code "
            "and starts at A or B alone: see `editloop doctor`"
        )


def _root(text: str) -> Path:
    """A folder or file, or the place of an installed package of that name."""
    path = Path(text).expanduser()
    if path.exists():
        return path.resolve()
    if text.replace(".", "_").isidentifier():
        try:
            spec = importlib.util.find_spec(text)
        except (ImportError, ValueError):
            spec = None
        if spec is not None and spec.submodule_search_locations:
            return Path(next(iter(spec.submodule_search_locations)))
        if spec is not None and spec.origin and spec.origin.endswith(".py"):
            return Path(spec.origin)
    raise CliError(f"--corpus {text}: neither a folder here nor an installed package")


def source_files(root: Path) -> Iterable[Path]:
    """The Python files of a root, in a fixed order."""
    if root.is_file():
        return [root] if root.suffix == ".py" else []
    found = (path for path in root.rglob("*.py") if path.is_file())
    return sorted(p for p in found if _IGNORED.isdisjoint(p.relative_to(root).parts))


def _source_bytes(root: Path) -> int:
    return sum(path.stat().st_size for path in source_files(root))


def _base(text: str) -> Path:
    """The folder or file that is named, known to be one that can be trained and exported."""
    from editloop.model.store import find_model

    folder = Path(text).expanduser()
    checked: Path = registered(GROUP, "check-base")(folder if folder.is_dir() else find_model(text))
    return checked.resolve()


def _default_work(name: str) -> Path:
    import platformdirs

    return platformdirs.user_cache_path("editloop", appauthor=False) / "training" / name


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
