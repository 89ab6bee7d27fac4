"""``editloop train sft`` and ``plot``: fine-tuning of a pretrained base, and its curves."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from editloop_trainer.cli_model import Out, console
from editloop_trainer.rendering import Rendering

if TYPE_CHECKING:
    from editloop_trainer.sft_trainer import SftSettings


def sft(
    data: Annotated[
        list[Path], typer.Argument(exists=True, help="Demonstrations or repairs (.jsonl).")
    ],
    base: Annotated[
        str, typer.Option(help="Pretrained folder, or a GGUF: its path or name in the store.")
    ],
    out: Out,
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
) -> None:
    """Fine-tune a Llama, Qwen2 or Qwen3 base; goes on by itself when the folder has a checkpoint.

    A turn is a place and the text that takes it, by the base's fill-in tokens, or a command in a
    conversation by its chat template; `direct` is no turns but the whole program. The result is
    OUT/model, a plain Hugging Face folder, and OUT/adapter. Under torchrun or accelerate launch the
    processes share each step.
    """
    from editloop_trainer.bases import base_folder
    from editloop_trainer.progress import quiet_libraries
    from editloop_trainer.sft_trainer import SftSettings

    quiet_libraries()
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
    )
    _train(data, base_folder(base), out, settings, rendering)


def _train(
    data: list[Path], base: Path, out: Path, settings: SftSettings, rendering: Rendering | None
) -> None:
    """Train with a bar, and say where the result is."""
    from editloop_trainer.encode import load_base, rendering_of
    from editloop_trainer.progress import TrainingBar, is_first_process
    from editloop_trainer.rows import read_rows
    from editloop_trainer.run import RunFolder
    from editloop_trainer.sft import fine_tune

    loaded = load_base(base)
    rendering = rendering or rendering_of(base, loaded.encoder)
    told = {"kind": "sft", "base": str(base.resolve()), "rendering": rendering.value}
    run = RunFolder(
        out,
        {**told, "peak_rate": settings.peak_rate, **asdict(settings)},
        data=[*data, base / "config.json", base / "tokenizer.json"],
        budget=("minutes", "steps", "epochs", "checkpoint_seconds", "log_steps"),
        writes=is_first_process(),
    )
    rows = read_rows(data, loaded.encoder, rendering, settings.context)
    with TrainingBar() as bar:
        resumed = fine_tune(run, loaded, rows, settings, on_step=bar.show)
        again = "resumed, " if resumed else ""
        bar.console.print(f"{run.model}: {again}step {run.last.get('step', 0)}")


def plot(
    runs: Annotated[list[Path], typer.Argument(exists=True, file_okay=False, help="Run folders.")],
    out: Out = Path("curve.png"),
) -> None:
    """Draw the curves of training runs into one PNG."""
    from editloop_trainer.plot import draw_curves

    draw_curves(runs, out)
    console.print(f"{out}: {len(runs)} runs")
