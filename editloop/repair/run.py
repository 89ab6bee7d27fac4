"""One repair: a document, a window, a verifier and a policy go in; verified fixes come out.

The one place where serving, the command line and the benchmark meet the search. Where there is more
than one core, the policy's search has others beside it in uniform order: what the policy is sure of
and wrong about, they do not believe.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from editloop.budget import Budget, Cancelled, Stop
from editloop.checks.suitetrace import SuiteTrace
from editloop.checks.verdict import Verdict
from editloop.checks.verify import Verifier
from editloop.document.state import EditState
from editloop.model.backend import Model
from editloop.policy import Policy, SpectrumPolicy
from editloop.repair.companion import Errand, companion
from editloop.repair.filling import Filling
from editloop.repair.judging import judged
from editloop.repair.search import search
from editloop.repair.solutions import Progress, SearchResult, Solution, foremost, is_settled
from editloop.repair.spectrum import spectrum

Status = Literal["fixed", "nothing wrong", "not fixed"]


@dataclass(frozen=True, slots=True)
class Repair:
    """How a repair came out: the verdict before any edit, and what the search found."""

    status: Status
    before: Verdict
    result: SearchResult | None
    view: tuple[int, ...] = ()
    """The lines (0-based) that were looked at and could be changed."""
    problem: str = ""
    """Why the model did not take part to the end, in one line."""
    passing: tuple[Solution, ...] = ()
    """All fixes that were found, in the order of those in the result, which are the first."""

    def left_with(self, kept: Sequence[Solution], reason: str) -> Repair:
        """The repair with some fixes ``kept``; without any it is not fixed, for a ``reason``."""
        assert self.result is not None
        if not kept:
            result = replace(self.result, solutions=(), reason=reason)
            return replace(self, status="not fixed", result=result)
        most = len(self.result.solutions)
        return replace(self, result=replace(self.result, solutions=tuple(kept[:most])))


HEAD_START = 1.0
"""Seconds that the policy's search is alone. What it finds by then is what a person would take;
where tests are weak, others find something worse as fast."""

JUDGED = 8
"""Fixes of a search that are put before the model, at most. Chosen."""
JUDGING_MOST = 20.0
"""Seconds for that, at most: on a slow machine each takes several. Chosen."""

LAST_WORD = 0.2
"""Seconds in which a search that was told to stop may say what it has. Chosen."""


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
    model: Model | None = None,
    traced: bool = False,
) -> Repair:
    """Verify the state as it is (``before``, when known), and search for fixes where it fails.

    ``workers`` - 1 further searches in uniform order join that of the policy, and the first with a
    fix ends all; with ``model`` it is proposed to the first search, and the model heard. With a
    limit of candidates none does, and the result depends on the arguments alone. ``model`` fills in
    places of the search's states, and says at last which fix is most like what a person would
    write. ``traced``: moves are ordered by the tests' ways through the code even without a model,
    which takes one run of them more.
    """
    before = before or verifier.verify(state.text, cancel)
    if before.passed:
        return Repair("nothing wrong", before, None)
    run = _Run(state, verifier, before, budget, Stop(cancel), seed, alternatives)
    where = run.where if traced or model is not None else _nowhere
    filling = None if model is None else Filling(model, run.until, run.traces)
    # The model has one for itself, and needs more.
    numbers = range(1, workers - (filling is not None)) if budget.candidates is None else ()
    others = _Others(
        numbers,
        lambda number: run.errand(number, where()),
        filling.pass_on if filling else lambda _: run.found.set(),
    )

    def progressed(progress: Progress) -> None:
        if progress.solutions:
            others.dismiss()
        if on_progress is not None:
            on_progress(progress)

    try:
        result = search(
            state,
            SpectrumPolicy(policy, where),
            run.verify,
            budget=budget,
            seed=seed,
            alternatives=max(alternatives, JUDGED) if filling else alternatives,
            cancel=run.found,
            on_progress=progressed,
            first_verdict=before,
            filling=filling,
        )
    finally:
        others.dismiss()
        if filling is not None:
            filling.close()
    if cancel is not None and cancel.is_set():
        return _repaired(before, result, result.solutions)
    result = _merged(state, [result, *others.results()], max(alternatives, JUDGED))
    problem, solutions = "" if filling is None else filling.problem, result.solutions
    if model is not None and not problem and solutions and not is_settled(before, solutions[0]):
        until = Stop(run.until, time.monotonic() + JUDGING_MOST)
        solutions, problem = judged(model, state, solutions, until)
    result = replace(result, solutions=solutions[:alternatives])
    return replace(_repaired(before, result, solutions), problem=problem)


def _repaired(before: Verdict, result: SearchResult, passing: tuple[Solution, ...]) -> Repair:
    status: Status = "fixed" if result.solutions else "not fixed"
    return Repair(status, before, result, passing=passing)


def _nowhere() -> Mapping[str, float]:
    return {}


class _Run:
    """What the searches of one repair share. ``found`` ends them, ``until`` also when time is
    up."""

    def __init__(
        self,
        state: EditState,
        verifier: Verifier,
        before: Verdict,
        budget: Budget,
        found: Stop,
        seed: int,
        alternatives: int,
    ) -> None:
        self.state, self.verifier, self.before, self.budget = state, verifier, before, budget
        self.seed, self.alternatives, self.found = seed, alternatives, found
        seconds = math.inf if budget.seconds is None else budget.seconds
        self.until = Stop(found, time.monotonic() + seconds)
        self.traces = cache(self._traces)

    def verify(self, candidate: EditState) -> Verdict:
        return self.verifier.verify(candidate.text, self.until)

    def _traces(self, source: str) -> Sequence[SuiteTrace]:
        return self.verifier.traces(source, self.until)

    def where(self) -> Mapping[str, float]:
        """How likely each line is at fault, by its text."""
        return spectrum(self.state.text, self.traces(self.state.text))

    def errand(self, number: int, where: Mapping[str, float]) -> Errand:
        """What another process searches for, while there is time. Raises Cancelled."""
        left = self.budget.after(HEAD_START)
        seed = self.seed + number
        return Errand(self.state, self.verifier, self.before, left, seed, self.alternatives, where)


class _Others:
    """Searches in other processes, each with its ``errand``; ``told`` hears of the fixes that one
    found."""

    def __init__(
        self,
        numbers: Iterable[int],
        errand: Callable[[int], Errand],
        told: Callable[[Sequence[Solution]], None],
    ) -> None:
        self._errand, self._told, self._enough = errand, told, threading.Event()
        self._companions = {number: companion(number) for number in numbers}
        self._results: list[SearchResult] = []
        self._threads = [
            threading.Thread(target=self._join, args=(number,), daemon=True)
            for number in self._companions
        ]
        for thread in self._threads:
            thread.start()

    def _join(self, number: int) -> None:
        if self._enough.wait(HEAD_START):
            return
        try:
            errand = self._errand(number)
        except Cancelled:
            return
        result = self._companions[number].search(errand, self._enough)
        if result is not None:
            self._results.append(result)
            good = [found for found in result.solutions if not found.verdict.hides]
            if good:
                self._told(good)

    def dismiss(self) -> None:
        """Tell the other searches to end."""
        if not self._enough.is_set():
            self._enough.set()
            for one in self._companions.values():
                one.stop()

    def results(self) -> list[SearchResult]:
        """Results of the other searches that end within LAST_WORD seconds."""
        for thread in self._threads:
            thread.join(LAST_WORD)
        return list(self._results)


def _merged(state: EditState, results: list[SearchResult], alternatives: int) -> SearchResult:
    """What all searches found, the policy's first. Nobody counts what the others had verified when
    one found a fix; they end then, so it is what they have in all."""
    total = sum(result.candidates for result in results)
    fixes = {
        fix.state.text: replace(fix, candidates=fix.candidates + total - result.candidates)
        for result in reversed(results)
        for fix in result.solutions
    }
    best = foremost(state, fixes.values(), alternatives)
    return SearchResult(
        best,
        candidates=total,
        turns=max(result.turns for result in results),
        seconds=results[0].seconds,
        reason="fixed" if best else results[0].reason,
    )
