"""Documents: narrow lines, and nothing named that is not there."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WIDTH = 110
SUFFIXES = ("json", "jsonl", "md", "npy", "png", "py", "safetensors", "toml", "ts", "txt")
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)\)")
FILE = re.compile(rf"[\w./-]+/[\w-]+\.(?:{'|'.join(SUFFIXES)})")
MODULE = re.compile(r"\w+\.py")
RUN = re.compile(r"(?<![\w/])(?:scripts|benchmarks|examples|tests)/[\w./-]*\w")
DOTTED = re.compile(r"[a-z_]+(?:\.\w+)+")
HISTORY = ("log.md", "CHANGELOG.md")
"""Documents that tell what was there once."""
SETTINGS = ("lsp.md", "editors.md")
"""Documents whose names with dots are settings and commands of the protocol."""


def documents() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = listed.stdout.split() or [str(p) for p in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))]
    return [ROOT / name for name in names]


def current() -> list[Path]:
    return [path for path in documents() if path.name not in HISTORY]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def exists(mention: str, document: Path) -> bool:
    names = (
        "",
        "editloop",
        "lsp_server/editloop_lsp",
        "trainer",
        "export",
        "tests",
        "vscode-client",
    )
    folders = (document.parent, *(ROOT / name for name in names))
    return any((folder / mention).exists() for folder in folders)


def defines(module: Path, names: list[str]) -> bool:
    """Whether the module has the first of the names, at any depth; the others are not asked."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    found = {getattr(node, "name", None) or getattr(node, "id", None) for node in ast.walk(tree)}
    return not names or names[0] in found


def resolves(dotted: str) -> bool:
    """Whether `room.module.name` or `module.name` is there; true of what is not the core's."""
    core = ROOT / "editloop"
    parts = dotted.removeprefix("editloop.").split(".")
    places = [place for room in (core, *core.iterdir()) if (place := _module(room / parts[0]))]
    return not places or any(_holds(place, parts[1:]) for place in places)


def _module(path: Path) -> Path | None:
    """The folder or the file of a module."""
    return next((p for p in (path, path.with_suffix(".py")) if p.is_dir() or p.is_file()), None)


def _holds(place: Path, names: list[str]) -> bool:
    if place.is_file():
        return defines(place, names)
    inner = _module(place / names[0]) if names else None
    return _holds(inner, names[1:]) if inner else defines(place / "__init__.py", names)


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_lines_are_narrow(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert not [f"{n}: {line}" for n, line in enumerate(lines, 1) if len(line) > WIDTH]


@pytest.mark.parametrize("path", current(), ids=name_of)
def test_files_that_are_named_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = {m for m in LINK.findall(text) if "://" not in m} | set(RUN.findall(text))
    named |= {span for span in CODE.findall(text) if FILE.fullmatch(span) and span[0] not in "./"}
    if path.name == "CONTRIBUTING.md":  # in others a bare name may be a person's own file
        named |= {span for span in CODE.findall(text) if MODULE.fullmatch(span)}
    assert not sorted(mention for mention in named if not exists(mention, path))


@pytest.mark.parametrize(
    "path",
    [p for p in current() if p.name not in SETTINGS and p.parent != ROOT / "vscode-client"],
    ids=name_of,
)
def test_modules_that_are_named_exist(path: Path) -> None:
    spans = CODE.findall(path.read_text(encoding="utf-8"))
    dotted = {
        span for span in spans if DOTTED.fullmatch(span) and span.split(".")[-1] not in SUFFIXES
    }
    assert not sorted(name for name in dotted if not resolves(name))


@pytest.mark.parametrize(
    ("dotted", "there"),
    [
        ("editloop.repair.search", True),
        ("ordering.Weights", True),
        ("checks.static", True),
        ("os.path", True),
        ("search.nowhere", False),
        ("checks.nowhere.name", False),
    ],
)
def test_names_are_looked_up(dotted: str, there: bool) -> None:
    assert resolves(dotted) == there
