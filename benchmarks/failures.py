"""What becomes of every task of a benchmark run, by kind; several runs stand side by side.

Run: python benchmarks/failures.py TASKS.jsonl before=RESULTS.jsonl after=RESULTS.jsonl

Kinds come from the task alone: whether the text parses, how many lines its known fix changes, and
whether a move (or one block of moves) of the generator makes that fix. So a column that is low in
"one line, a move makes it" lacks order or time, one that is low in "no move makes it" lacks moves.

With --hunks the known fix of what the last run did not solve is cut into its hunks, and each is
tried with the others made: how many of a program's hunks no step of the search makes.
"""

from __future__ import annotations

import argparse
import ast
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from difflib import SequenceMatcher
from functools import reduce
from pathlib import Path

from rich.console import Console
from rich.table import Table

from editloop.bench import TaskResult
from editloop.bench.results import BenchError, read_results
from editloop.checks.static import StaticChecker
from editloop.checks.verify import Verifier
from editloop.document.commands import CommandError
from editloop.document.state import EditState, apply
from editloop.document.text import Snapshot
from editloop.python.syntax import check_syntax
from editloop.repair.ordering import normalized
from editloop.repair.steps import obvious, steps
from editloop.tasks import Task, TaskError, read_tasks


def kind_of(task: Task, static: StaticChecker) -> str:
    """The kind of a task in words; a task without a known fix is "fix unknown"."""
    if task.fixed is None:
        return "fix unknown"
    text = "parses" if check_syntax(task.buggy) is None else "does not parse"
    lines = _changed_lines(task.buggy, task.fixed)
    made = _is_made(task, static)
    if lines > 1:
        return f"{text}: {'2' if lines == 2 else '3 or more'} lines{', one step' * made}"
    return f"{text}: one line, {'a move' if made else 'no move'} makes it"


def _changed_lines(buggy: str, fixed: str) -> int:
    """Lines of code that differ, the larger side of each difference; comments do not count."""
    old, new = (normalized(EditState.open(Snapshot.from_text(text))) for text in (buggy, fixed))
    assert isinstance(old, tuple)
    assert isinstance(new, tuple)
    changes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return sum(max(b - a, d - c) for tag, a, b, c, d in changes if tag != "equal")


def _is_made(task: Task, static: StaticChecker) -> bool:
    """Whether one step of the search makes the known fix, up to its layout."""
    state = EditState.open(Snapshot.from_text(task.buggy))
    verifier = Verifier(task.buggy, static=static, prelude=task.prelude)
    findings = verifier.verify(task.buggy).findings
    wanted = _tree(task.fixed or "")
    for step in [*obvious(state, findings), *steps(state, findings)]:
        try:
            after = reduce(apply, step, state)
        except CommandError:
            continue
        if wanted is not None and _tree(after.text) == wanted:
            return True
    return False


def hunks_beyond(task: Task, static: StaticChecker) -> int:
    """How many hunks of the known fix no single step makes where all the others are made."""
    assert task.fixed is not None
    wanted = _tree(task.fixed)
    left = [text for text in _one_hunk_left(task.buggy, task.fixed) if _tree(text) != wanted]
    return sum(not _is_made(replace(task, buggy=text), static) for text in left)


def _one_hunk_left(buggy: str, fixed: str) -> Iterator[str]:
    """The program with all hunks of its fix but one."""
    old, new = buggy.splitlines(), fixed.splitlines()
    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for kept in (code for code in codes if code[0] != "equal"):
        lines: list[str] = []
        for code in codes:
            _, a, b, c, d = code
            lines += old[a:b] if code is kept else new[c:d]
        yield "\n".join(lines) + "\n"


def _tree(text: str) -> str | None:
    try:
        return ast.dump(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def table(
    kinds: Mapping[str, str], runs: Mapping[str, Mapping[str, TaskResult]]
) -> Iterable[tuple[str, ...]]:
    """Rows of kind, tasks, and what each run solved; at the end all, and what was too weak."""
    for kind in [*sorted(set(kinds.values())), "all"]:
        tasks = [task for task, its in kinds.items() if kind in (its, "all")]
        solved = (sum(run[t].solved for t in tasks) for run in runs.values())
        yield kind, str(len(tasks)), *map(str, solved)
    judged = [[r for r in run.values() if r.solved_hidden is not None] for run in runs.values()]
    if any(judged):
        weak = (sum(r.solved and not r.solved_hidden for r in results) for results in judged)
        yield "visible tests pass, hidden tests fail", "", *map(str, weak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", type=Path)
    parser.add_argument("runs", nargs="+", metavar="NAME=RESULTS")
    parser.add_argument("--hunks", action="store_true")
    options = parser.parse_args()
    try:
        runs = {
            name: read_results(Path(path))
            for name, _, path in (run.partition("=") for run in options.runs)
        }
        tasks = [t for t in read_tasks(options.tasks) if all(t.id in run for run in runs.values())]
    except (BenchError, TaskError, OSError) as error:
        sys.exit(f"{error}")
    warnings.simplefilter("ignore", SyntaxWarning)
    last = list(runs.values())[-1]
    failed = [t for t in tasks if t.fixed is not None and not last[t.id].solved]
    with StaticChecker() as static:
        kinds = {task.id: kind_of(task, static) for task in tasks}
        beyond = Counter(hunks_beyond(t, static) for t in failed if options.hunks)
    shown = Table("kind", "tasks", *runs, box=None)
    for row in table(kinds, runs):
        shown.add_row(*row)
    console = Console(soft_wrap=True, highlight=False)
    console.print(shown)
    for number, programs in sorted(beyond.items()):
        console.print(f"{programs} of {len(failed)} failures: {number} hunks that no step makes")


if __name__ == "__main__":
    main()
