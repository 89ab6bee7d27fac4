"""An export from a checkpoint to files: written aside, measured, judged, and only then published.

Everything is made in a folder of its own beside the target, under names that no server loads; a
file gets its name in one step, and what a killed export left is removed by the next.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from editloop.sandbox.scratch import scratch_folder
from editloop.tasks import read_tasks

from .errors import ExportError, UnsupportedTokenizer
from .gguf_writer import QUANTS, Value, write_gguf
from .measure import Measures, measure
from .quantize import K_QUANTS, fallbacks, quantize
from .repair_score import TASKS, RepairScore
from .report import Quantized, Report
from .source import Source, describe

__all__ = ["ALL_QUANTS", "Options", "export_model", "judge"]

ALL_QUANTS = (*QUANTS, *K_QUANTS)
_AGREEMENT = {"f32": 0.95, "f16": 0.95, "q8_0": 0.8}
"""Least share of positions with the checkpoint's most probable token; lower means a wrong file."""


@dataclass(frozen=True, slots=True)
class Options:
    """``targets`` are files by quantization. ``tasks`` None: the shipped ones; ``parity`` False:
    nothing is measured and nothing refused; ``force``: what fails is written all the same."""

    targets: Mapping[str, Path]
    metadata: Mapping[str, Value] = field(default_factory=dict)
    parity: bool = True
    force: bool = False
    tasks: Path | None = None
    limit: int | None = None


Tell = Callable[[str], None]


def export_model(source: Source, options: Options, tell: Tell = lambda _: None) -> Report:
    """Write, measure and publish; ``tell`` gets a line for each stage.

    Raises ExportError (wrong input, a tokenizer that differs), TaskError, EngineError, OSError.
    """
    unknown = [quant for quant in options.targets if quant not in ALL_QUANTS]
    if unknown:
        raise ExportError(f"unknown quantization {unknown[0]!r}: use {', '.join(ALL_QUANTS)}")
    tasks = list(read_tasks(options.tasks or TASKS))[: options.limit] if options.parity else []
    metadata = {**describe(source), **options.metadata}
    folder = next(iter(options.targets.values())).parent
    folder.mkdir(parents=True, exist_ok=True)
    with scratch_folder(folder) as staging:
        parts = _write(source, list(options.targets), metadata, staging, options.parity, tell)
        found = measure(source, metadata, parts, tasks, tell) if options.parity else Measures()
        if found.tokens and found.tokens.differing and not options.force:
            raise UnsupportedTokenizer(
                f"{found.tokens.difference}: the tokenizer cannot be exported"
            )
        files = []
        for quant, target in options.targets.items():
            described = _described(quant, target, parts[quant], found)
            file = judge(described, found.repair.get("f16"), force=options.force)
            if file.written:
                os.replace(parts[quant], target)
            files.append(file)
    return Report(
        source=str(source.folder),
        lora=str(source.lora) if source.lora else None,
        metadata=metadata,
        files=tuple(files),
        tokens=found.tokens,
        transcripts=found.transcripts,
        reference=found.reference,
        notes=found.notes,
    )


def _write(
    source: Source,
    quants: Sequence[str],
    metadata: Mapping[str, Value],
    staging: Path,
    parity: bool,
    tell: Tell,
) -> dict[str, Path]:
    """The files by quantization; F16 too where others are made from it or compared with it."""
    from_f16 = parity or any(quant in K_QUANTS for quant in quants)
    parts: dict[str, Path] = {}
    for quant in dict.fromkeys([*(["f16"] if from_f16 else []), *quants]):
        tell(f"writing {quant}")
        part = staging / f"{quant}.part"
        if quant in K_QUANTS:
            quantize(parts["f16"], part, quant)
        else:
            write_gguf(source.folder, part, quant=quant, lora=source.lora, metadata=metadata)
        parts[quant] = part
    return parts


def _described(quant: str, target: Path, part: Path, found: Measures) -> Quantized:
    return Quantized(
        quant=quant,
        path=target,
        size=part.stat().st_size,
        fallbacks=fallbacks(part) if quant in K_QUANTS else {},
        logits=found.logits.get(quant),
        repair=found.repair.get(quant),
    )


def judge(file: Quantized, best: RepairScore | None, *, force: bool = False) -> Quantized:
    """A file with its verdict: what is wrong, whether it is written. ``best``: F16's score."""
    reason = ""
    if file.logits is not None and file.logits.agreement < _AGREEMENT.get(file.quant, 0.0):
        reason = f"only {file.logits.agreement:.0%} of positions have the checkpoint's best token"
    elif best is not None and file.repair is not None:
        whole, left = best.solved, file.repair.solved
        if left < whole - max(2, whole // 4):  # of a few tasks some change by chance
            reason = f"it repairs {left} of {file.repair.tasks} tasks, f16 {whole}"
    return replace(file, reason=reason, written=force or not reason)
