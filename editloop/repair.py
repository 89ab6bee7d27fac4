"""One repair: a document, a window, a verifier and a policy go in; verified fixes come out.

The one place where serving, the command line and the benchmark meet the search.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from editloop.policy import Policy
from editloop.search import Budget, Progress, SearchResult, search
from editloop.state import EditState
from editloop.verdict import Verdict
from editloop.verify import Verifier

Status = Literal["fixed", "nothing wrong", "not fixed"]


@dataclass(frozen=True, slots=True)
class Repair:
    """How a repair came out: the verdict before any edit, and what the search found."""

    status: Status
    before: Verdict
    result: SearchResult | None

    @property
    def reason(self) -> str:
        """One line for a person."""
        return self.result.reason if self.result else "every check passes"


def repair(
    state: EditState,
    policy: Policy,
    verifier: Verifier,
    *,
    budget: Budget,
    seed: int = 0,
    alternatives: int = 3,
    cancel: threading.Event | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    before: Verdict | None = None,
    workers: int = 1,
) -> Repair:
    """Verify the state as it is (``before``, when known), and search for fixes where it fails.

    ``workers`` states are verified, or shown to the policy, at once. Raises EngineError.
    """

    def verify(candidate: EditState) -> Verdict:
        return verifier.verify(candidate.text, cancel)

    before = before or verify(state)
    if before.passed:
        return Repair("nothing wrong", before, None)
    with ThreadPoolExecutor(2 * workers) as executor:
        result = search(
            state,
            policy,
            verify,
            budget=budget,
            seed=seed,
            alternatives=alternatives,
            cancel=cancel,
            on_progress=on_progress,
            first_verdict=before,
            executor=executor,
            batch=workers,
        )
    return Repair("fixed" if result.solutions else "not fixed", before, result)
