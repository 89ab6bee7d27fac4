"""How many fixes were right, by what is known of them when they are offered.

editloop train benchset MBPP.jsonl --split train --number 120 --seed 7 --out TASKS.jsonl
python benchmarks/hide_tests.py TASKS.jsonl --keep 1 --out WEAK.jsonl
editloop bench WEAK.jsonl --policy prior --budget 5 --out WEAK-RESULTS.jsonl
python benchmarks/trust.py WEAK-RESULTS.jsonl ... [--out editloop/data/trust.json]

It goes on where it stopped, as ``editloop bench`` does. ``--out`` is what the line of trust reads:
nothing that was counted on tasks for evaluation may be written there.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from editloop.bench.results import BenchError, TaskResult, read_results, write_json
from editloop.bench.summary import wilson
from editloop.trust.share import Group, group_of, rows


def main(argv: Sequence[str]) -> int:
    """Print the table and write it; 2 where a file cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(argv)
    try:
        found = [one for path in options.results for one in read_results(path).values()]
    except (OSError, BenchError) as error:
        print(error, file=sys.stderr)
        return 2
    right, every = counted(found)
    print("| examples | other fixes | right | share, 95% |\n|---|---|---|---|")
    for group, number in sorted(every.items()):
        low, high = wilson(right[group], number)
        share = f"{right[group] / number:.0%} ({low:.0%} to {high:.0%})"
        print(f"| {group.examples} | {group.others} | {right[group]} of {number} | {share} |")
    if options.out is not None:
        write_json(options.out, rows(right, every))
    return 0


def counted(found: Iterable[TaskResult]) -> tuple[Counter[Group], Counter[Group]]:
    """Right fixes, by the hidden tests, and all fixes of each group."""
    right: Counter[Group] = Counter()
    every: Counter[Group] = Counter()
    for one in found:
        if not one.solved or one.solved_hidden is None or one.others is None:
            continue
        group = group_of(one.examples, one.others, one.differing)
        every[group] += 1
        right[group] += one.solved_hidden
    return right, every


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
