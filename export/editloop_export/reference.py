"""What transformers computes from the checkpoint itself: the truth that a GGUF is compared with.

Needs torch and transformers (and peft for an adapter), imported when called.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .checkpoint import read_checkpoint

__all__ = ["ReferenceRow", "compute_reference"]

_KEPT_BYTES = 256 << 20
"""Of logits, over all rows: a large vocabulary keeps the last positions of each row alone."""


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """``logits`` are those after the last positions of ``ids``, shape (kept, vocabulary).

    ``greedy`` is the likeliest continuation, its end included where it came to one.
    """

    ids: tuple[int, ...]
    logits: npt.NDArray[np.float32]
    greedy: tuple[int, ...]


def compute_reference(
    folder: Path,
    rows: Sequence[Sequence[int]],
    *,
    lora: Path | None = None,
    stop: int | None = None,
    new_tokens: int = 0,
) -> tuple[list[ReferenceRow], str]:
    """A ReferenceRow for each row of ids, and the type that was computed in ("float32").

    A model that does not fit in free memory as float32 is computed as it is stored.
    """
    import torch

    with _quiet():
        model = _load(folder, lora)
        found = []
        with torch.inference_mode():
            for row in rows:
                found.append(_row(model, list(row), len(rows), stop, new_tokens))
        return found, str(model.dtype).removeprefix("torch.")


def _load(folder: Path, lora: Path | None) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    from editloop.engine.host import free_memory

    free = free_memory()
    needed = 4.5 * sum(np.prod(tensor.shape) for tensor in read_checkpoint(folder).values())
    dtype = torch.float32 if free is None or needed < free else "auto"
    model: Any = AutoModelForCausalLM.from_pretrained(str(folder), dtype=dtype)
    if lora is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(lora))
    model.train(False)
    return model


def _row(model: Any, ids: list[int], rows: int, stop: int | None, new_tokens: int) -> ReferenceRow:
    import torch

    out = model(input_ids=torch.tensor([ids]), use_cache=True)
    vocabulary = out.logits.shape[-1]
    kept = max(1, min(len(ids), _KEPT_BYTES // (4 * vocabulary * rows)))
    logits: npt.NDArray[np.float32] = out.logits[0, -kept:].float().numpy().copy()
    greedy: list[int] = []
    while len(greedy) < new_tokens and (not greedy or greedy[-1] != stop):
        if greedy:
            out = model(
                input_ids=torch.tensor([greedy[-1:]]),
                past_key_values=out.past_key_values,
                use_cache=True,
            )
        greedy.append(int(out.logits[0, -1].argmax()))
    return ReferenceRow(tuple(ids), logits, tuple(greedy))


@contextmanager
def _quiet() -> Iterator[None]:
    """Neither warnings nor progress bars of the libraries about themselves."""
    from transformers.utils import logging as untyped

    logging: Any = untyped
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()
