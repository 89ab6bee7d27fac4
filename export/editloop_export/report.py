"""What an export did and measured: one value, as JSON for a file and as a table for a person."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table

from .gguf_writer import Value
from .parity import LogitReport, TokenReport
from .repair_score import RepairScore

__all__ = ["Quantized", "Report", "Transcripts", "report_table", "write_report"]


@dataclass(frozen=True, slots=True)
class Transcripts:
    """Fixed episodes: of ``count``, ``identical`` have the same ids in training and in serving."""

    count: int
    identical: int


@dataclass(frozen=True, slots=True)
class Quantized:
    """One file. ``fallbacks``: matrices that are not of this kind, by what they are.

    What was not measured is None. ``reason`` says what is wrong with it, "" where nothing is;
    ``written`` is False where that kept it from being written.
    """

    quant: str
    path: Path
    size: int
    fallbacks: dict[str, int] = field(default_factory=dict)
    logits: LogitReport | None = None
    repair: RepairScore | None = None
    reason: str = ""
    written: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """``reference`` is the type that transformers computed in; ``notes`` say what was left out."""

    source: str
    lora: str | None
    metadata: dict[str, Value]
    files: tuple[Quantized, ...]
    tokens: TokenReport | None = None
    transcripts: Transcripts | None = None
    reference: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def refused(self) -> list[Quantized]:
        return [file for file in self.files if not file.written]

    def row(self) -> dict[str, Any]:
        return asdict(self)


def write_report(path: Path, report: Report) -> None:
    """Write a report as JSON, in one step."""
    part = path.with_name(f".{path.name}.part")
    text = json.dumps(report.row(), indent=1, ensure_ascii=False, default=str)
    part.write_text(text + "\n", encoding="utf-8")
    os.replace(part, path)


def report_table(report: Report) -> Table:
    """One line a file."""
    table = Table(box=None, pad_edge=False)
    for name in ("file", "MB", "top-1", "largest logit difference", "greedy", "repaired"):
        table.add_column(name, justify="left" if name == "file" else "right")
    for file in report.files:
        logits, repair = file.logits, file.repair
        table.add_row(
            f"{file.path.name}{'' if file.written else ' (refused)'}",
            f"{file.size / 2**20:,.1f}",
            f"{logits.agreement:.2%}" if logits else "-",
            f"{logits.largest_difference:.3f}" if logits else "-",
            f"{logits.greedy}/{logits.rows}" if logits else "-",
            f"{repair.solved}/{repair.tasks}" if repair else "-",
        )
    return table
