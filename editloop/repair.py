"""One repair: a document, a window, a verifier and a policy go in; verified fixes come out.

The one place where serving, the command line and the benchmark meet the search. Where there is more
than one core, the policy's search has others beside it that need no policy: what a small model is
sure of and wrong about, they do not believe.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from editloop.budget import Budget, Stop
from editloop.policy import Policy, UniformPolicy
from editloop.prior import PriorPolicy, shipped
from editloop.search import search
from editloop.solutions import Progress, SearchResult, in_order
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
        if self.result is None:
            return "every check passes"
        after = f" after {self.result.candidates} candidates"
        return self.result.reason + (after if self.result.reason == "out of time" else "")


SWITCH_SECONDS = 0.0005
"""Where two searches share Python's lock, the policy's asks for it after each decode. By default it
would wait ten times as long: a sixth fewer states in the same time."""
HEAD_START = 1.0
"""Seconds that the policy's search is alone. What it finds by then is what a person would take;
where tests are weak, others find something worse as fast."""


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

    ``workers`` - 1 further searches join that of the policy (see ``_beside``), and the first with a
    fix ends all. With a limit of candidates none does, and the result depends on the arguments
    alone. Raises EngineError.
    """
    before = before or verifier.verify(state.text, cancel)
    if before.passed:
        return Repair("nothing wrong", before, None)
    stop = Stop(cancel)
    # What one search has verified the others need not; a text may be long, so its hash is kept.
    known: dict[int, tuple[Verdict, int]] = {}

    def verify(candidate: EditState) -> Verdict:
        key = hash(candidate.text)
        if key not in known:
            known[key] = verifier.verify(candidate.text, stop), len(known) + 1
        return known[key][0]

    run = partial(
        search, state, verify=verify, alternatives=alternatives, cancel=stop, first_verdict=before
    )

    def join(number: int) -> SearchResult | None:
        if stop.wait(HEAD_START):
            return None
        left = budget.after(HEAD_START)
        found = run(policy=_beside(policy, number), budget=left, seed=seed + number)
        if found.solutions:
            stop.set()
        return found

    others = range(1, workers) if budget.candidates is None else ()
    if others:
        sys.setswitchinterval(SWITCH_SECONDS)
    with ThreadPoolExecutor(workers) as executor:
        joined = [executor.submit(join, number) for number in others]
        try:
            results = [run(policy=policy, budget=budget, seed=seed, on_progress=on_progress)]
        finally:
            stop.set()
        results += [found for one in joined if (found := one.result()) is not None]
    asked = cancel is not None and cancel.is_set()
    result = _merged(state, results, known, alternatives, asked=asked)
    return Repair("fixed" if result.solutions else "not fixed", before, result)


def _beside(policy: Policy, number: int) -> Policy:
    """Of a further search: what is usually right without the model's word, then no opinion at all.

    Uniform order is a baseline, so it has only its own kind beside it.
    """
    return UniformPolicy() if number > 1 or policy.name == "uniform" else PriorPolicy(shipped())


def _merged(
    state: EditState,
    results: list[SearchResult],
    known: Mapping[int, tuple[Verdict, int]],
    alternatives: int,
    *,
    asked: bool,
) -> SearchResult:
    """What all searches found, the policy's first; ``known`` counts their verifications.

    ``asked``: a person ended them, so the reason is that, whatever was found.
    """
    fixes = {fix.state.text: fix for result in reversed(results) for fix in result.solutions}
    counted = (replace(fix, candidates=known[hash(text)][1]) for text, fix in fixes.items())
    best = in_order(state, counted)[:alternatives]
    return SearchResult(
        best,
        candidates=len(known),
        turns=max(result.turns for result in results),
        seconds=results[0].seconds,
        reason="fixed" if best and not asked else results[0].reason,
    )
