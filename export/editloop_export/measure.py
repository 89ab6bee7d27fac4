"""Everything that is measured of the files of one export, against the checkpoint and each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from editloop.document.transcript import Transcript, chat
from editloop.tasks import Task

from .checkpoint import read_json
from .errors import ExportError
from .gguf_writer import Value
from .parity import LogitReport, TokenReport, compare, open_engine, token_parity
from .reference import ReferenceRow, compute_reference
from .repair_score import RepairScore, score_repair
from .report import Transcripts
from .shapes import read_shape
from .source import Source
from .tokenizer import read_tokenizer
from .transcripts import TranscriptEncoder, episodes, python_files

__all__ = ["Measures", "measure"]

_FILES = 200
_EPISODES = 8
_COMMAND_TOKENS = 48


@dataclass(frozen=True, slots=True)
class Measures:
    """By quantization where that matters; what could not be measured is missing, with a note."""

    tokens: TokenReport | None = None
    transcripts: Transcripts | None = None
    reference: str | None = None
    logits: dict[str, LogitReport] = field(default_factory=dict)
    repair: dict[str, RepairScore] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def measure(
    source: Source,
    metadata: Mapping[str, Value],
    files: Mapping[str, Path],
    tasks: Sequence[Task],
    tell: Callable[[str], None],
) -> Measures:
    """Raises what a file that does not load raises (EngineError), and BenchError."""
    notes: list[str] = []
    tell("comparing token ids")
    tokens = token_parity(source.tokenizer / "tokenizer.json", files["f16"], python_files(_FILES))
    shown = episodes(tasks, _EPISODES)
    transcripts: Transcripts | None = None
    reference: _Reference | None = None
    try:
        encoder = TranscriptEncoder(source.tokenizer)
        rows = [encoder.ids(transcript) for transcript in shown]
        transcripts = _transcripts(files["f16"], shown, rows)
        tell("computing the reference")
        reference = _reference(source, rows)
    except ExportError as error:
        notes.append(f"logits and repair were not compared: {error}")
    except ModuleNotFoundError as error:
        notes.append(f"logits were not compared: this needs {error.name}")
    logits: dict[str, LogitReport] = {}
    repair: dict[str, RepairScore] = {}
    for quant, path in files.items():
        if reference is not None:
            tell(f"comparing logits of {quant}")
            with open_engine(path, reference.room) as engine:
                logits[quant] = compare(engine, reference.rows, stop=reference.stop)
        if transcripts is not None:
            tell(f"repairing {len(tasks)} small tasks with {quant}")
            repair[quant] = score_repair(path, tasks)
    return Measures(
        tokens=tokens,
        transcripts=transcripts,
        reference=reference.dtype if reference else None,
        logits=logits,
        repair=repair,
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True)
class _Reference:
    """``stop`` ends a command, ``room`` is the longest row with its command, in tokens."""

    rows: list[ReferenceRow]
    dtype: str
    stop: int | None
    room: int


def _reference(source: Source, rows: Sequence[Sequence[int]]) -> _Reference:
    shape = read_shape(read_json(source.folder / "config.json"))
    stop = read_tokenizer(source.tokenizer, shape.vocab_size).eos
    fitting = [row for row in rows if len(row) + _COMMAND_TOKENS <= shape.context]
    if not fitting:
        raise ExportError(f"no episode fits into its context of {shape.context} tokens")
    made, dtype = compute_reference(
        source.folder, fitting, lora=source.lora, stop=stop, new_tokens=_COMMAND_TOKENS
    )
    return _Reference(made, dtype, stop, max(map(len, fitting)) + _COMMAND_TOKENS)


def _transcripts(
    gguf: Path, shown: Sequence[Transcript], rows: Sequence[Sequence[int]]
) -> Transcripts:
    """Ids of training beside those of the engine that serves."""
    with open_engine(gguf, 64) as engine:
        ids = (engine.template.ids(engine, chat(transcript)) for transcript in shown)
        same = sum(found == row for found, row in zip(ids, rows, strict=True))
    return Transcripts(len(shown), same)
