"""``editloop train rlvr``: reinforcement learning with verifiable rewards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from editloop_trainer.rendering import Rendering

if TYPE_CHECKING:
    from editloop_trainer.rlvr.settings import RlvrSettings


def rlvr(
    base: Annotated[
        str,
        typer.Argument(help="RUN/model, or RUN/adapter to go on with it; or a GGUF: path or name."),
    ],
    tasks: Annotated[Path, typer.Argument(exists=True, help="A task file with tests.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder of the run.")],
    rendering: Annotated[
        Rendering | None, typer.Option(help="Of a turn; by default as the base was fine-tuned.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Budget in minutes.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Budget in steps.")] = None,
    groups: Annotated[int, typer.Option(min=1, help="Tasks of a step.")] = 16,
    generations: Annotated[int, typer.Option(min=2, help="Episodes of each task.")] = 4,
    iterations: Annotated[int, typer.Option(min=1, help="Updates with each batch.")] = 1,
    turns: Annotated[int, typer.Option(min=1, help="Most turns of an episode.")] = 10,
    tokens: Annotated[int, typer.Option(min=64, help="Longest row of an episode.")] = 1536,
    temperature: Annotated[float, typer.Option(min=0.01, help="Of sampling.")] = 1.0,
    kl: Annotated[float, typer.Option(min=0.0, help="Weight of the distance to the base.")] = 0.01,
    clip: Annotated[float, typer.Option(min=0.0, help="Bound on the probability ratio.")] = 0.2,
    rate: Annotated[
        float | None, typer.Option(help="Of learning; 2e-5 of a LoRA, else 1e-5.")
    ] = None,
    lora: Annotated[int, typer.Option(min=0, help="Rank of an adapter; 0: all weights.")] = 0,
    micro: Annotated[int, typer.Option(min=1, help="Rows of one pass; bounds memory.")] = 8,
    bfloat16: Annotated[bool, typer.Option(help="Compute in bfloat16.")] = True,
    workers: Annotated[int | None, typer.Option(help="Sandboxes; by default one a core.")] = None,
    seed: int = 0,
) -> None:
    """Play tasks and learn from what the sandbox says; goes on by itself in a folder with a run.

    Under torchrun or accelerate launch the processes share the groups of each step.
    """
    from editloop_trainer.bases import base_folder
    from editloop_trainer.progress import quiet_libraries
    from editloop_trainer.rlvr.settings import RlvrSettings
    from editloop_trainer.run import RunError

    if minutes is None and steps is None:
        raise RunError("say how long: --minutes, --steps or both")
    quiet_libraries()
    settings = RlvrSettings(
        minutes=minutes,
        steps=steps,
        groups=groups,
        generations=generations,
        iterations=iterations,
        turns=turns,
        tokens=tokens,
        temperature=temperature,
        kl=kl,
        clip=clip,
        rate=rate,
        rank=lora,
        micro=micro,
        bfloat16=bfloat16,
        seed=seed,
    )
    _train(base_folder(base), tasks, out, settings, workers, rendering)


def _train(
    base: Path,
    tasks: Path,
    out: Path,
    settings: RlvrSettings,
    workers: int | None,
    rendering: Rendering | None,
) -> None:
    """Train with a bar, and say where the result is."""
    from editloop_trainer.progress import TrainingBar
    from editloop_trainer.rlvr.training import train_rlvr

    with TrainingBar() as bar:
        run = train_rlvr(
            base, tasks, out, settings, workers=workers, on_step=bar.show, rendering=rendering
        )
        bar.console.print(f"{run.model}: export it, or go on with the same command and more budget")
