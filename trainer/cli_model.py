"""``editloop train tokenizer``, ``rows``, ``scratch``, ``average``: from corpus to checkpoint; and
``prior``, the linear model beside it."""

from __future__ import annotations

import itertools
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import track

from editloop.transcript import BOS, END, PAD

if TYPE_CHECKING:
    from transformers import Qwen3ForCausalLM

    from trainer.encode import Encoder
    from trainer.scratch import ModelShape, ScratchTrainer

Out = Annotated[Path, typer.Option("--out", "-o", help="Where to write.")]
Direct = Annotated[
    bool, typer.Option("--direct", help="Teach the whole repaired code at once, not the edits.")
]
console = Console(stderr=True, soft_wrap=True)


def tokenizer(
    corpora: Annotated[list[Path], typer.Argument(exists=True, help="Corpus files (JSONL).")],
    out: Out,
    vocabulary: Annotated[int, typer.Option(help="Size, special tokens included.")] = 4096,
) -> None:
    """Train the byte-level BPE of the compact rendering on corpora."""
    from trainer.jsonl import read_jsonl
    from trainer.tokenizer import source_lines, train_tokenizer

    rows = itertools.chain.from_iterable(read_jsonl(corpus, "source") for corpus in corpora)
    made = train_tokenizer(source_lines(row["source"] for row in rows), vocabulary)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_suffix(".part")
    made.save(str(part))
    os.replace(part, out)
    console.print(f"{out}: {made.get_vocab_size()} tokens")


def rows(
    inputs: Annotated[list[Path], typer.Argument(exists=True, help="Corpora or demonstrations.")],
    tokenizer: Annotated[
        Path, typer.Option(exists=True, help="A tokenizer.json, or the folder of a base.")
    ],
    out: Out,
    max_tokens: Annotated[int, typer.Option(help="Longest row; longer episodes are cut.")] = 1024,
    exit_share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of episodes that keep their EXIT turn.")
    ] = 0.1,
    short: Annotated[int, typer.Option(help="Rows up to this length all stay.")] = 320,
    long_share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of longer rows that stays.")
    ] = 1.0,
    direct: Direct = False,
) -> None:
    """Encode corpus modules or demonstrations as token rows."""
    from trainer.rows import encode_rows, read_transcripts

    # A direct answer is made of the whole episode.
    episodes = read_transcripts(inputs, 1.0 if direct else exit_share)
    source = track(episodes, "encoding", console=console, total=None)
    made = encode_rows(source, _encoder(tokenizer), max_tokens, direct=direct)
    made = made.thinned(short, long_share, seed=0)
    made.save(out)
    share = made.written.mean() if len(made.written) else 0.0
    console.print(f"{out}: {len(made)} rows, {len(made.ids)} tokens, {share:.1%} of them written")


def _encoder(path: Path) -> Encoder:
    from trainer.tokenizer import EpisodeEncoder

    if path.is_dir():
        from trainer.encode import load_base

        return load_base(path).encoder
    return EpisodeEncoder.from_file(path)


def scratch(
    rows: Annotated[Path, typer.Argument(exists=True, help="Token rows to train on.")],
    tokenizer: Annotated[Path, typer.Option(exists=True, help="tokenizer.json")],
    out: Out,
    init: Annotated[
        Path | None, typer.Option(exists=True, help="Checkpoint to begin from.")
    ] = None,
    dev: Annotated[Path | None, typer.Option(exists=True, help="Held-out rows.")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Budget in minutes; 60 where no steps are given.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Budget in steps.")] = None,
    width: int = 256,
    layers: int = 6,
    hidden: int = 768,
    kv_heads: int = 2,
    batch_tokens: int = 8192,
    matrix_rate: float = 0.02,
    other_rate: float = 3e-3,
    observation_weight: float = 0.1,
    observation_share: float = 0.25,
    decay_from: float = 0.3,
    seed: int = 0,
    threads: Annotated[int | None, typer.Option(help="CPU threads.")] = None,
) -> None:
    """Train a small decoder; goes on by itself when the folder holds a checkpoint."""
    import torch

    from trainer.progress import open_tensorboard, quiet_libraries
    from trainer.run import RunFolder
    from trainer.scratch import ModelShape, ScratchTrainer, Settings

    quiet_libraries()
    if threads:
        torch.set_num_threads(threads)
    settings = Settings(
        minutes=60.0 if minutes is None and steps is None else minutes,
        steps=steps,
        batch_tokens=batch_tokens,
        matrix_rate=matrix_rate,
        other_rate=other_rate,
        observation_weight=observation_weight,
        observation_share=observation_share,
        decay_from=decay_from,
        seed=seed,
    )
    shape = ModelShape(0, width, layers, width // 64, kv_heads, hidden)
    model, pad = _model(tokenizer, shape, init, seed)
    resolved = {"kind": "scratch", "model": model.config.to_dict(), **asdict(settings)}
    data = [rows, tokenizer, *([dev] if dev else []), *([init / "config.json"] if init else [])]
    run = RunFolder(out, resolved, data=data)
    open_tensorboard(run)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.nn.Module.to(model, device)
    trainer = ScratchTrainer(run, model, settings, pad)
    resumed = trainer.resume()
    size = sum(p.numel() for p in model.parameters()) / 1e6
    console.print(f"{size:.1f}M parameters on {device}{', resumed' if resumed else ''}")
    _train(trainer, rows, dev)
    trainer.write_model(tokenizer)
    console.print(f"{run.model}: step {trainer.step}, {trainer.tokens} tokens")


def average(
    first: Annotated[Path, typer.Argument(exists=True, help="The checkpoint before.")],
    second: Annotated[Path, typer.Argument(exists=True, help="The one trained from it.")],
    out: Out,
    share: Annotated[float, typer.Option(min=0.0, max=1.0, help="Of the second one.")] = 0.7,
) -> None:
    """Average two checkpoints of one shape."""
    from trainer.average import average as written

    written(first, second, share, out)
    console.print(f"{out}: {1 - share:.2f} of {first}, {share:.2f} of {second}")


def prior(
    demonstrations: Annotated[list[Path], typer.Argument(exists=True, help="Of JSONL.")],
    out: Out,
    dev: Annotated[Path | None, typer.Option(exists=True, help="Held-out ones.")] = None,
    number: Annotated[int, typer.Option(min=1, help="Demonstrations to learn from.")] = 16_000,
    seed: Annotated[int, typer.Option(help="Of their choice.")] = 0,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes.")] = None,
) -> None:
    """Fit the weights of the prior, which orders moves beside the model (see editloop.prior)."""
    import numpy as np

    from trainer.prior import examples, fit, ranks, sample_lines

    processes = workers or os.cpu_count() or 1
    lines = sample_lines(demonstrations, number, seed)
    source = track(examples(lines, processes), "states", console=console, total=len(lines))
    known = [one for one in source if one is not None]
    if not known:
        raise typer.BadParameter("no move makes what these demonstrations do")
    weights = fit(known, seed=seed)
    part = out.with_suffix(".part.npy")
    np.save(part, weights.astype(np.float16))
    os.replace(part, out)
    console.print(f"{out}: of {len(known)} states")
    if dev is not None:
        found = ranks(
            filter(None, examples(sample_lines([dev], 1000, seed), processes, None)), weights
        )
        console.print(
            f"of what a move undoes it is first in {found.first:.1%}, "
            f"among five in {found.five:.1%}, among fifty in {found.fifty:.1%}"
        )


def _model(
    tokenizer: Path, shape: ModelShape, init: Path | None, seed: int
) -> tuple[Qwen3ForCausalLM, int]:
    """The model to begin with, and the padding token."""
    from dataclasses import replace

    import torch
    from tokenizers import Tokenizer
    from transformers import Qwen3ForCausalLM

    from trainer.scratch import make_model
    from trainer.tokenizer import special_id

    loaded = Tokenizer.from_file(str(tokenizer))
    pad, bos, end = (special_id(loaded, token) for token in (PAD, BOS, END))
    if init is not None:
        return Qwen3ForCausalLM.from_pretrained(init, dtype=torch.float32), pad
    shape = replace(shape, vocabulary=loaded.get_vocab_size())
    return make_model(shape, pad, bos, end, seed), pad


def _train(trainer: ScratchTrainer, rows: Path, dev: Path | None) -> None:
    from trainer.progress import TrainingBar
    from trainer.rows import Rows

    with TrainingBar(console) as bar:
        trainer.train(
            Rows.load(rows),
            Rows.load(dev) if dev else None,
            lambda: bar.update(trainer.spent, trainer.run.last),
        )
