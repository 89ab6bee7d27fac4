"""Where a corpus comes from: files and their packages, and the manifest that says so."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editloop_trainer.files import write_json
from editloop_trainer.pieces import stable, words

_SKIPPED = words(
    "test tests testing site-packages dist-packages __pycache__ node_modules idlelib lib2to3 "
    "_vendor vendored examples docs pydoc_data benchmarks .git .venv venv"
)


@dataclass(frozen=True, slots=True)
class Origin:
    """A file to read and the package it belongs to."""

    path: Path
    package: str


def origins(roots: Iterable[Path]) -> Iterator[Origin]:
    """Files below the roots, package by package, in an order that no listing can change.

    A root is a folder of installed packages, a standard library, or any folder or file of source.
    """
    for root in roots:
        if root.is_file():
            yield Origin(root, root.stem)
            continue
        installed = any(root.glob("*.dist-info"))
        found = []
        for folder, folders, files in os.walk(root):
            folders[:] = sorted(f for f in folders if f not in _SKIPPED and not f.endswith("-info"))
            for name in files:
                if name.endswith(".py") and not name.startswith("test_") and name != "conftest.py":
                    path = Path(folder, name)
                    part = path.relative_to(root).parts[0].removesuffix(".py")
                    found.append(Origin(path, part if installed else _folder_name(root)))
        # Shuffled by content-free hash, so that a limit does not favour one part of a package.
        yield from sorted(
            found, key=lambda o: (o.package, stable(o.path.relative_to(root).as_posix()))
        )


def _folder_name(root: Path) -> str:
    return f"cpython-{root.name.removeprefix('python')}" if (root / "os.py").exists() else root.name


def write_manifest(
    out: Path, files: Sequence[Origin], roots: Sequence[Path], counts: Mapping[str, int]
) -> None:
    """One object a package: version, licence, rows, and a digest of its files' contents."""
    digests: dict[str, Any] = {}
    for origin in files:
        sha = digests.setdefault(origin.package, hashlib.sha256())
        sha.update(origin.path.name.encode() + b"\0" + origin.path.read_bytes())
    known = _distributions(roots)
    rows = []
    for package, number in sorted(counts.items()):
        version, licence = known.get(package, ("", ""))
        if package.startswith("cpython-"):
            version, licence = package.removeprefix("cpython-"), "PSF-2.0"
        if package == "mbpp-train":
            licence = "CC-BY-4.0"
        sha = digests[package].hexdigest() if package in digests else ""
        described = {"package": package, "version": version, "licence": licence}
        rows.append({**described, "rows": number, "sha256": sha})
    write_json(out.with_suffix(".manifest.json"), rows)


def _distributions(roots: Sequence[Path]) -> dict[str, tuple[str, str]]:
    """Top-level package -> (version, licence) for the folders of installed packages."""
    found = {}
    for dist in importlib.metadata.distributions(path=[str(r) for r in roots]):
        meta = dist.metadata
        fields: dict[str, Any] = {str(k): v for k, v in meta.json.items()}
        licence = str(fields.get("license_expression") or "")
        if not licence:
            classes = [c for c in meta.get_all("Classifier") or [] if c.startswith("License")]
            licence = classes[0].rpartition(":: ")[2] if classes else str(fields.get("license", ""))
        tops = {f.parts[0].removesuffix(".py") for f in dist.files or () if f.suffix == ".py"}
        for top in tops or {meta["Name"]}:
            found[top] = (dist.version, " ".join(licence.split())[:60])
    return found
