"""Log-probabilities from raw logits, in float64."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .context import Logits

__all__ = ["log_probabilities", "log_probability"]


def log_probabilities(logits: Logits, ids: Any, *, within: bool) -> npt.NDArray[np.float64]:
    """Log-probability of each of `ids` (k,): among themselves if `within`, else over all tokens."""
    chosen = logits[ids].astype(np.float64)
    pool = chosen if within else logits.astype(np.float64)
    top = pool.max()
    total = top + np.log(np.exp(pool - top).sum())
    # rounding must not turn a certain token into a gain: scores only ever fall along a path
    result: npt.NDArray[np.float64] = np.minimum(chosen - total, 0.0)
    return result


def log_probability(logits: Sequence[Logits], tokens: Sequence[int]) -> float:
    """Sum over i of log p(tokens[i] | logits[i]) over the whole vocabulary."""
    return float(
        sum(
            log_probabilities(row, [token], within=False)[0]
            for row, token in zip(logits, tokens, strict=True)
        )
    )
