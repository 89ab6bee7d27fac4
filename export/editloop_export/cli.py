"""`editloop export CHECKPOINT [--lora ADAPTER] [--quant q8_0,q4_k_m] -o DIR_OR_FILE`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from .adapter import write_adapter
from .errors import ExportError
from .gguf_writer import Value
from .package import ALL_QUANTS, Options, export_model
from .report import Report, report_table, write_report
from .source import Source, describe, find_source
from .unpack import unpack as unpack_model

__all__ = ["export"]

_REPORT = "report.json"


def parse_meta(text: str) -> tuple[str, Value]:
    """KEY=VALUE; the value is a number or true/false when it reads as one, else text."""
    key, equals, raw = text.partition("=")
    if not equals or not key:
        raise typer.BadParameter(f"{text!r} is not KEY=VALUE")
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
            raise typer.BadParameter(f"{quant!r} is not one of {', '.join(sorted(ALL_QUANTS))}")
    if not quants:
        raise typer.BadParameter("no quantization is named")
    return quants


def export(
    checkpoint: Annotated[
        Path, typer.Argument(help="Hugging Face folder, LoRA adapter, or run of editloop train.")
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="A folder, or a file that ends in .gguf")
    ],
    lora: Annotated[Path | None, typer.Option(help="A peft folder to merge.")] = None,
    quant: Annotated[str, typer.Option(metavar="Q,Q", help=", ".join(ALL_QUANTS))] = "q8_0",
    name: Annotated[
        str | None, typer.Option(help="Of the model and its files; default: the folder's.")
    ] = None,
    adapter_only: Annotated[
        bool, typer.Option("--adapter-only", help="Write the LoRA alone, for llama.cpp's --lora.")
    ] = False,
    unpack: Annotated[
        bool, typer.Option("--unpack", help="The way back: a GGUF as a folder to train.")
    ] = False,
    parity: Annotated[bool, typer.Option(help="Compare the files, and repair with them.")] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Write what fails the comparison all the same.")
    ] = False,
    tasks: Annotated[
        Path | None, typer.Option(help="Task file for the repair score; default: the shipped one.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only so many of its tasks.")] = None,
    meta: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="E.g. editloop.base_model=NAME; repeatable."),
    ] = None,
) -> None:
    """Write a checkpoint as GGUF files and compare these with the checkpoint.

    Exit code 0: written, 1: at least one file was refused or the disk was full, 2: wrong input.
    """
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    told, quants = dict(map(parse_meta, meta or ())), parse_quants(quant)
    try:
        if unpack:
            console.print(f"{unpack_model(checkpoint, out)}: config, weights and tokenizer")
            return
        source = find_source(checkpoint, lora)
        title = name or source.name
        metadata = {"general.name": title, **told}
        if adapter_only:
            _adapter(source, out, title, metadata, console)
            return
        targets, report_path = _targets(out, title, quants)
        options = Options(targets, metadata, parity, force, tasks, limit)
        with console.status("") as status:
            report = export_model(source, options, status.update)
        _print(report, console)
        if parity:
            write_report(report_path, report)
            console.print(f"report: {report_path}")
    except OSError as error:
        console.print(f"editloop: {error.filename or out}: {error.strerror or error}")
        raise typer.Exit(1) from error
    if report.refused:
        raise typer.Exit(1)


def _targets(out: Path, name: str, quants: list[str]) -> tuple[dict[str, Path], Path]:
    """The files by quantization, and that of the report."""
    if out.suffix != ".gguf":
        return {quant: out / f"{name}-{quant}.gguf" for quant in quants}, out / _REPORT
    if len(quants) > 1:
        raise ExportError(f"{out} is one file: give a folder for several quantizations")
    return {quants[0]: out}, out.with_name(f"{out.stem}.{_REPORT}")


def _adapter(
    source: Source, out: Path, name: str, metadata: dict[str, Value], console: Console
) -> None:
    if source.lora is None:
        raise ExportError("--adapter-only needs a LoRA: name it with --lora")
    file = out if out.suffix == ".gguf" else out / f"{name}-lora.gguf"
    write_adapter(source.folder, source.lora, file, metadata={**describe(source), **metadata})
    console.print(f"{file}: {file.stat().st_size / 2**20:,.1f} MB")


def _print(report: Report, console: Console) -> None:
    console.print(report_table(report), soft_wrap=False)
    for file in report.files:
        if file.fallbacks:
            kinds = ", ".join(f"{count} are {kind}" for kind, count in file.fallbacks.items())
            console.print(f"{file.quant}: rows of some matrices are no multiple of 256: {kinds}")
    if report.tokens is not None:
        tokens, shown = report.tokens, report.transcripts
        text = f"token ids: identical in {tokens.texts - len(tokens.differing)} of {tokens.texts}"
        if shown is not None:
            text += f" files and {shown.identical} of {shown.count} transcripts"
        console.print(text)
    for note in report.notes:
        console.print(note)
    for file in report.refused:
        console.print(f"{file.quant} is refused: {file.reason}; --force writes it", style="red")
