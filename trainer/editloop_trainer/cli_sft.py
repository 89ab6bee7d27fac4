"""``editloop train sft`` and ``plot``: fine-tuning of a pretrained base, and its curves."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from editloop_trainer.cli_model import Out, console
from editloop_trainer.rendering import Rendering

if TYPE_CHECKING:
    from editloop_trainer.encode import Base
    from editloop_trainer.rows import Rows
    from editloop_trainer.run import RunFolder
    from editloop_trainer.sft_trainer import SftSettings


class Reporter(enum.StrEnum):
    """Where the metrics go beside metrics.jsonl."""

    tensorboard = "tensorboard"
    trackio = "trackio"
    wandb = "wandb"
    none = "none"


def sft(
    data: Annotated[
        list[Path], typer.Argument(exists=True, help="Demonstrations or repairs (.jsonl).")
    ],
    base: Annotated[
        str, typer.Option(help="Pretrained folder, or a GGUF: its path or name in the store.")
    ],
    out: Out,
    dev: Annotated[Path | None, typer.Option(exists=True, help="Held-out demonstrations.")] = None,
    rendering: Annotated[
        Rendering | None,
        typer.Option(help="Of a turn; places where the base has fill-in tokens, else chat."),
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Budget in minutes.")] = None,
    steps: Annotated[int | None, typer.Option(help="Budget in steps.")] = None,
    epochs: Annotated[float, typer.Option(help="Budget in passes over the data.")] = 1.0,
    full: Annotated[bool, typer.Option("--full", help="Train all weights, no LoRA.")] = False,
    rank: Annotated[int, typer.Option(min=1, help="LoRA rank.")] = 64,
    alpha: Annotated[int, typer.Option(min=1, help="LoRA alpha.")] = 16,
    context: Annotated[int, typer.Option(min=64, help="Tokens of a packed row.")] = 2048,
    batch: Annotated[int, typer.Option(min=1, help="Packed rows at once.")] = 8,
    accumulate: Annotated[int, typer.Option(min=1, help="Batches of one step.")] = 1,
    rate: Annotated[
        float | None, typer.Option(help="Learning rate; default 2e-4 for LoRA, else 2e-5.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of adapters and order.")] = 0,
    log_steps: Annotated[int, typer.Option(min=1, help="Steps between two metrics.")] = 10,
    checkpoint_seconds: Annotated[
        float, typer.Option(min=0.0, help="Seconds between two checkpoints.")
    ] = 300.0,
    report_to: Annotated[Reporter, typer.Option(help="Metrics go there, too.")] = (
        Reporter.tensorboard
    ),
    threads: Annotated[int | None, typer.Option(help="CPU threads.")] = None,
) -> None:
    """Fine-tune a Llama, Qwen2 or Qwen3 base; goes on by itself when the folder has a checkpoint.

    A turn is a place and the text that takes it, by the base's fill-in tokens, or a command in a
    conversation by its chat template; `direct` is no turns but the whole program. The result is
    OUT/model, a plain Hugging Face folder, and OUT/adapter. Under torchrun or accelerate launch the
    processes share each step.
    """
    import torch

    from editloop_trainer.bases import base_folder
    from editloop_trainer.progress import quiet_libraries
    from editloop_trainer.sft_trainer import SftSettings

    _require(report_to)
    quiet_libraries()
    if threads:
        torch.set_num_threads(threads)
    settings = SftSettings(
        minutes=minutes,
        steps=steps,
        epochs=epochs,
        full=full,
        rank=rank,
        alpha=alpha,
        context=context,
        batch=batch,
        accumulate=accumulate,
        rate=rate,
        seed=seed,
        log_steps=log_steps,
        checkpoint_seconds=checkpoint_seconds,
        report_to=report_to.value,
    )
    _train(data, dev, base_folder(base), out, settings, rendering)


def _require(reporter: Reporter) -> None:
    name = reporter.value
    if name in ("trackio", "wandb") and find_spec(name) is None:
        raise typer.BadParameter(f"{name} is not installed: pip install {name}")


def _train(
    data: list[Path],
    dev: Path | None,
    base: Path,
    out: Path,
    settings: SftSettings,
    rendering: Rendering | None,
) -> None:
    """Train with a bar; the first process alone shows it, reports, and says where the result is."""
    from editloop_trainer.encode import load_base, rendering_of
    from editloop_trainer.progress import TrainingBar, is_first_process, open_tensorboard
    from editloop_trainer.sft import fine_tune

    first = is_first_process()
    loaded = load_base(base)
    rendering = rendering or rendering_of(base, loaded.encoder)
    files = [*data, *([dev] if dev else []), base / "config.json", base / "tokenizer.json"]
    run = _open_run(out, base, rendering, settings, files, writes=first)
    if first and settings.report_to == Reporter.tensorboard:
        open_tensorboard(run)
    rows = _rows(data, loaded, rendering, settings.context)
    held_out = _rows([dev], loaded, rendering, settings.context) if dev else None
    with TrainingBar(console if first else Console(quiet=True)) as bar:
        resumed = fine_tune(
            run,
            loaded,
            rows,
            settings,
            dev=held_out,
            on_step=lambda spent: bar.update(spent, run.last),
        )
    if first:
        again = "resumed, " if resumed else ""
        console.print(f"{run.model}: {again}step {run.last.get('step', 0)}")


def _open_run(
    out: Path,
    base: Path,
    rendering: Rendering,
    settings: SftSettings,
    files: Sequence[Path],
    *,
    writes: bool,
) -> RunFolder:
    """The folder with all that the result depends on, and what may change when it goes on."""
    from editloop_trainer.run import RunFolder

    resolved = {
        "kind": "sft",
        "base": str(base.resolve()),
        "rendering": rendering.value,
        "peak_rate": settings.peak_rate,
        **asdict(settings),
    }
    return RunFolder(
        out,
        resolved,
        data=files,
        budget=("minutes", "steps", "epochs", "checkpoint_seconds", "log_steps", "report_to"),
        writes=writes,
    )


def _rows(paths: list[Path], base: Base, rendering: Rendering, context: int) -> Rows:
    from editloop_trainer.rows import encode_rows, read_transcripts
    from editloop_trainer.turns import encode_turns, read_turns
    from editloop_trainer.whole import encode_repaired, read_repaired

    if rendering is Rendering.places:
        return encode_turns(read_turns(paths), base.encoder, context)
    if rendering is Rendering.direct:
        return encode_repaired(read_repaired(paths), base.encoder, context)
    return encode_rows(read_transcripts(paths), base.encoder, context)


def plot(
    runs: Annotated[list[Path], typer.Argument(exists=True, file_okay=False, help="Run folders.")],
    out: Out = Path("curve.png"),
) -> None:
    """Draw the curves of training runs into one PNG."""
    from editloop_trainer.plot import draw_curves

    draw_curves(runs, out)
    console.print(f"{out}: {len(runs)} runs")
