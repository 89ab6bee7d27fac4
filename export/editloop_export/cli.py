"""`editloop export CHECKPOINT [--lora ADAPTER] [--quant q8_0,q4_k_m] -o DIR_OR_FILE`.

Exit 0: written. 1: at least one file was refused, or the disk was full. 2: wrong input.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console

from editloop.engine.errors import EngineError
from editloop.tasks import TaskError

from .adapter import write_adapter
from .errors import ExportError
from .gguf_writer import Value
from .package import ALL_QUANTS, Options, export_model
from .report import Report, report_table, write_report
from .source import Source, describe, find_source
from .unpack import unpack

__all__ = ["export", "main"]

_REPORT = "report.json"


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


def parse_quants(text: str) -> list[str]:
    """Names with commas between them, each once."""
    quants = list(dict.fromkeys(filter(None, text.lower().split(","))))
    for quant in quants:
        if quant not in ALL_QUANTS:
            raise argparse.ArgumentTypeError(
                f"{quant!r} is not one of {', '.join(sorted(ALL_QUANTS))}"
            )
    if not quants:
        raise argparse.ArgumentTypeError("no quantization is named")
    return quants


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "editloop export",
        description="Write a checkpoint as GGUF files and compare these with the checkpoint.",
    )
    add = parser.add_argument
    add("checkpoint", type=Path, help="Hugging Face folder, LoRA adapter, or run of editloop train")
    add("-o", "--out", type=Path, required=True, help="a folder, or one file that ends in .gguf")
    add("--lora", type=Path, help="a peft folder to merge")
    add("--quant", type=parse_quants, default=["q8_0"], metavar="Q,Q", help=", ".join(ALL_QUANTS))
    add("--name", help="of the model and its files; default: the folder's")
    add("--adapter-only", action="store_true", help="write the LoRA alone, for llama.cpp's --lora")
    add("--unpack", action="store_true", help="the way back: a GGUF as a folder to train")
    add("--no-parity", dest="parity", action="store_false", help="do not compare or repair")
    add("--force", action="store_true", help="write what fails the comparison all the same")
    add("--tasks", type=Path, help="task file for the repair score; default: the shipped one")
    add("--limit", type=int, help="only so many of its tasks")
    meta = "metadata, e.g. editloop.base_model=NAME (repeatable)"
    add("--meta", action="append", default=[], type=parse_meta, metavar="KEY=VALUE", help=meta)
    return parser


def export(context: typer.Context) -> None:
    """Write a checkpoint as GGUF files and compare them with it (arguments: see --help)."""
    raise typer.Exit(main(context.args))


export.context_settings = {  # type: ignore[attr-defined]
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    console = Console(stderr=True, highlight=False)
    try:
        if options.unpack:
            return _unpack(options, console)
        source = find_source(options.checkpoint, options.lora)
        if options.adapter_only:
            return _adapter(source, options, console)
        return _model(source, options, console)
    except (ExportError, EngineError, TaskError) as error:
        return _fail(console, str(error), 2)
    except OSError as error:
        return _fail(console, f"{error.filename or options.out}: {error.strerror or error}", 1)


def _model(source: Source, options: argparse.Namespace, console: Console) -> int:
    name = options.name or source.name
    if options.out.suffix == ".gguf":
        if len(options.quant) > 1:
            raise ExportError(f"{options.out} is one file: give a folder for several quantizations")
        targets = {options.quant[0]: options.out}
        report_path = options.out.with_name(f"{options.out.stem}.{_REPORT}")
    else:
        targets = {quant: options.out / f"{name}-{quant}.gguf" for quant in options.quant}
        report_path = options.out / _REPORT
    chosen = Options(
        targets=targets,
        metadata={"general.name": name, **dict(options.meta)},
        parity=options.parity,
        force=options.force,
        tasks=options.tasks,
        limit=options.limit,
    )
    with console.status("") as status:
        report = export_model(source, chosen, lambda text: status.update(text))
    _print(report, console)
    if options.parity:
        write_report(report_path, report)
        console.print(f"report: {report_path}", markup=False, soft_wrap=True)
    for file in report.refused:
        _fail(console, f"{file.quant} is refused: {file.reason}; --force writes it", 1)
    return int(bool(report.refused))


def _adapter(source: Source, options: argparse.Namespace, console: Console) -> int:
    if source.lora is None:
        raise ExportError("--adapter-only needs a LoRA: name it with --lora")
    name = options.name or source.name
    single = options.out.suffix == ".gguf"
    out = options.out if single else options.out / f"{name}-lora.gguf"
    metadata = {**describe(source), "general.name": name, **dict(options.meta)}
    write_adapter(source.folder, source.lora, out, metadata=metadata)
    console.print(f"{out}: {out.stat().st_size / 2**20:,.1f} MB", markup=False, soft_wrap=True)
    return 0


def _unpack(options: argparse.Namespace, console: Console) -> int:
    folder = unpack(options.checkpoint, options.out)
    console.print(f"{folder}: config, weights and tokenizer", markup=False, soft_wrap=True)
    return 0


def _print(report: Report, console: Console) -> None:
    console.print(report_table(report))
    for file in report.files:
        if file.fallbacks:
            kinds = ", ".join(f"{count} are {kind}" for kind, count in file.fallbacks.items())
            text = f"{file.quant}: rows of some matrices are no multiple of 256: {kinds}"
            console.print(text, markup=False, soft_wrap=True)
    if report.tokens is not None:
        tokens, shown = report.tokens, report.transcripts
        text = f"token ids: identical in {tokens.texts - len(tokens.differing)} of {tokens.texts}"
        if shown is not None:
            text += f" files and {shown.identical} of {shown.count} transcripts"
        console.print(text, markup=False, soft_wrap=True)
    for note in report.notes:
        console.print(note, markup=False, soft_wrap=True)


def _fail(console: Console, text: str, code: int) -> int:
    console.print(f"export: {text}", style="red", markup=False, soft_wrap=True)
    return code
