"""`python -m export CHECKPOINT -o OUT.gguf [--quant q8_0] [--meta KEY=VALUE ...]`.

Exit 0: written. 2: wrong input. 1: the disk refused.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from rich.console import Console
from rich.progress import Progress

from .errors import ExportError
from .gguf_writer import QUANTS, Value, write_gguf

__all__ = ["main"]


def parse_meta(text: str) -> tuple[str, Value]:
    """KEY=VALUE; the value is a number or true/false when it reads as one, else text."""
    key, equals, raw = text.partition("=")
    if not equals or not key:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    try:
        value = json.loads(raw)
    except ValueError:
        value = raw
    return key, value if isinstance(value, int | float | str) else raw


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("export", description="Write a checkpoint as a GGUF file.")
    parser.add_argument("checkpoint", help="Hugging Face folder: config, safetensors, tokenizer")
    parser.add_argument("-o", "--out", required=True, help="the GGUF file to write")
    parser.add_argument("--quant", default="q8_0", choices=sorted(QUANTS))
    parser.add_argument(
        "--meta",
        action="append",
        default=[],
        type=parse_meta,
        metavar="KEY=VALUE",
        help="metadata, e.g. editloop.transcript_version=1 (repeatable)",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    errors = Console(stderr=True)
    try:
        with Progress(console=errors, transient=True) as bar:
            task = bar.add_task("Writing tensors", total=None)
            out = write_gguf(
                options.checkpoint,
                options.out,
                quant=options.quant,
                metadata=dict(options.meta),
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
    except ExportError as error:
        errors.print(f"export: {error}", style="red", markup=False, soft_wrap=True)
        return 2
    except OSError as error:
        errors.print(
            f"export: cannot write {options.out}: {error.strerror}",
            style="red",
            markup=False,
            soft_wrap=True,
        )
        return 1
    size = out.stat().st_size / 2**20
    errors.print(f"{out}: {size:,.1f} MB, {options.quant}", markup=False, soft_wrap=True)
    return 0
