"""A hub with one small model for the tests in VS Code: ``python hub.py FOLDER``, with this
repository and its tests on PYTHONPATH.

Writes a catalogue, and a ``sitecustomize`` that has it used, into FOLDER; prints its address;
serves until its standard input ends, the first request slowly.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from model.conftest import catalogue_text, entry_of
from model.gguf_bytes import INSTRUCT, gguf
from model.hub_server import running, slowly

SITE = """\
import pathlib
try:
    from editloop.model import catalogue
except ImportError:  # an interpreter of the project's
    pass
else:
    catalogue.CATALOGUE = pathlib.Path({catalogue!r})
"""


def main(folder: Path) -> None:
    data = gguf(INSTRUCT, size=1_000_000)
    entry = replace(entry_of(data), good_for="trying this out")
    folder.mkdir(parents=True, exist_ok=True)
    catalogue = folder / "models.toml"
    catalogue.write_text(catalogue_text(entry), encoding="utf-8")
    (folder / "sitecustomize.py").write_text(SITE.format(catalogue=str(catalogue)))
    with running(data) as hub:
        hub.behave = [slowly]
        print(hub.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
