"""The mean of two checkpoints of one shape: what training added, without all that it took away.

After a stretch on new data the weights between its beginning and its end are often better than
either (Wortsman et al., arXiv 2109.01903).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from trainer.files import synced
from trainer.run import RunError

WEIGHTS = "model.safetensors"


def average(first: Path, second: Path, share: float, out: Path) -> None:
    """Write ``(1 - share) * first + share * second``, with the other files of ``second``.

    ``first`` and ``second``: Hugging Face folders with one weights file each. ``out`` is there as a
    whole or not at all. Raises RunError where the two do not fit, where ``out`` exists or cannot be
    written.
    """
    if out.exists():
        raise RunError(f"{out} exists: name another folder")
    a, b = _weights(first), _weights(second)
    if {name: t.shape for name, t in a.items()} != {name: t.shape for name, t in b.items()}:
        raise RunError(f"{first} and {second} are models of different shapes")
    mean = {
        name: ((1 - share) * a[name].float() + share * b[name].float()).to(b[name].dtype)
        for name in b
    }
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        shutil.copytree(second, part, ignore=shutil.ignore_patterns(WEIGHTS))
        save_file(mean, part / WEIGHTS, metadata={"format": "pt"})
        for file in part.iterdir():
            synced(file)
        os.replace(part, out)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(part, ignore_errors=True)
        raise RunError(f"{out} could not be written ({error})") from error


def _weights(folder: Path) -> dict[str, Tensor]:
    try:
        return load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise RunError(f"{folder} holds no {WEIGHTS}: {error}") from error
