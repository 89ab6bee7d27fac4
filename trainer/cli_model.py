"""``editloop train tokenizer``, ``rows`` and ``scratch``: from a corpus to a checkpoint."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, track

from editloop.transcript import BOS, END, PAD, Transcript

Out = Annotated[Path, typer.Option("--out", "-o", help="Where to write.")]
console = Console(stderr=True)


def tokenizer(
    corpora: Annotated[list[Path], typer.Argument(exists=True, help="Corpus files (JSONL).")],
    out: Out,
    vocabulary: Annotated[int, typer.Option(help="Size, special tokens included.")] = 4096,
) -> None:
    """Train the byte-level BPE of the compact rendering on corpora."""
    from trainer.rows import read_jsonl
    from trainer.tokenizer import source_lines, train_tokenizer

    rows = itertools.chain.from_iterable(map(read_jsonl, corpora))
    made = train_tokenizer(source_lines(row["source"] for row in rows), vocabulary)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_suffix(".part")
    made.save(str(part))
    os.replace(part, out)
    console.print(f"{out}: {made.get_vocab_size()} tokens")


def rows(
    inputs: Annotated[list[Path], typer.Argument(exists=True, help="Corpora or demonstrations.")],
    tokenizer: Annotated[Path, typer.Option(exists=True, help="tokenizer.json")],
    out: Out,
    max_tokens: Annotated[int, typer.Option(help="Longest row; longer episodes are cut.")] = 1024,
    exit_share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of episodes that keep their EXIT turn.")
    ] = 0.1,
    short: Annotated[int, typer.Option(help="Rows up to this length all stay.")] = 320,
    long_share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of longer rows that stays.")
    ] = 1.0,
) -> None:
    """Encode corpus modules or demonstrations as token rows."""
    from trainer.rows import encode_rows
    from trainer.tokenizer import EpisodeEncoder

    source = track(_transcripts(inputs, exit_share), "encoding", console=console, total=None)
    made = encode_rows(source, EpisodeEncoder.from_file(tokenizer), max_tokens)
    made = made.thinned(short, long_share, seed=0)
    made.save(out)
    share = made.written.mean() if len(made.written) else 0.0
    console.print(f"{out}: {len(made)} rows, {len(made.ids)} tokens, {share:.1%} of them written")


def _transcripts(inputs: list[Path], exit_share: float) -> Iterator[Transcript]:
    """Modules and demonstrations as transcripts.

    The turn that says EXIT shows the whole window once more to teach one token, so few keep it.
    """
    from trainer.rows import demo_transcript, module_transcript, read_jsonl

    rng = random.Random(0)
    for path in inputs:
        for row in read_jsonl(path):
            if "observations" not in row:
                yield module_transcript(row["source"])
                continue
            episode = demo_transcript(row)
            if len(episode.commands) > 1 and rng.random() >= exit_share:
                episode = Transcript(episode.observations[:-1], episode.commands[:-1])
            yield episode


def scratch(
    rows: Annotated[Path, typer.Argument(exists=True, help="Token rows to train on.")],
    tokenizer: Annotated[Path, typer.Option(exists=True, help="tokenizer.json")],
    out: Out,
    init: Annotated[
        Path | None, typer.Option(exists=True, help="Checkpoint to begin from.")
    ] = None,
    dev: Annotated[Path | None, typer.Option(exists=True, help="Held-out rows.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Budget in minutes.")] = 60.0,
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
    from tokenizers import Tokenizer
    from transformers import Qwen3ForCausalLM

    from trainer.rows import Rows
    from trainer.scratch import ModelShape, Run, Settings, make_model
    from trainer.tokenizer import special_id

    if threads:
        torch.set_num_threads(threads)
    loaded = Tokenizer.from_file(str(tokenizer))
    pad, bos, end = (special_id(loaded, token) for token in (PAD, BOS, END))
    settings = Settings(
        minutes=minutes,
        steps=steps,
        batch_tokens=batch_tokens,
        matrix_rate=matrix_rate,
        other_rate=other_rate,
        observation_weight=observation_weight,
        observation_share=observation_share,
        decay_from=decay_from,
        seed=seed,
    )
    if init is None:
        shape = ModelShape(loaded.get_vocab_size(), width, layers, width // 64, kv_heads, hidden)
        model = make_model(shape, pad, bos, end, seed)
    else:
        model = Qwen3ForCausalLM.from_pretrained(init, dtype=torch.float32)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.nn.Module.to(model, device)
    run = Run(out, model, settings, pad)
    resumed = run.resume()
    (out / "model").mkdir(exist_ok=True)
    shutil.copyfile(tokenizer, out / "model" / "tokenizer.json")
    size = sum(p.numel() for p in model.parameters()) / 1e6
    console.print(f"{size:.1f}M parameters on {model.device}{', resumed' if resumed else ''}")
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console
    ) as progress:
        task = progress.add_task("training", total=1.0)
        file = (out / "log.jsonl").open("a", encoding="utf-8")
        started = time.monotonic()

        def log(values: dict[str, Any]) -> None:
            row = {"step": run.step, "tokens": run.tokens, "seconds": run.seconds, **values}
            file.write(json.dumps(row) + "\n")
            file.flush()
            left = (time.monotonic() - started) * (1 - run.spent) / max(run.spent, 1e-6) / 60
            loss = f"{values['command_loss']:.3f}" if "command_loss" in values else "-"
            text = f"step {run.step} loss {loss} {left:.0f} min left"
            progress.update(task, completed=run.spent, description=text)

        with file:
            run.train(Rows.load(rows), Rows.load(dev) if dev else None, log)
    console.print(json.dumps(asdict(settings)))
