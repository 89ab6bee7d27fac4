"""``editloop train base``: a GGUF as a folder that the training commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from editloop.cli import CliError
from editloop.model.store import find_model

from .base import make_base


def base(
    model: Annotated[str, typer.Argument(help="Name in the store, or path of a GGUF.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write.")],
) -> None:
    """Write a Hugging Face folder out of a GGUF: weights in bfloat16, tokenizer, chat template.

    Token ids and logits are compared with those of llama.cpp first.
    """
    if out.exists() and not (out / "model.safetensors").is_file():
        raise CliError(f"{out} exists and is no base: choose another folder")
    console = Console(stderr=True, highlight=False)
    path = find_model(model)
    with console.status("") as status:
        report = make_base(path, out, status.update)
    told = f"token ids: identical in {report.tokens.texts} files"
    if report.logits is not None:
        told += (
            f"; likeliest token: the same at {report.logits.agreement:.1%} of "
            f"{report.logits.positions} positions, logits differ by "
            f"{report.logits.largest_difference:.2f} at most"
        )
    console.print(f"{report.folder}: {told}", markup=False, soft_wrap=True)
