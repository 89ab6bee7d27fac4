"""MBPP's problems as questions to a model: text, tests, a reference, and a 3-shot prompt."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from editloop.model.backend import Plain
from editloop.tasks import Task
from editloop_trainer.benchset import sources
from editloop_trainer.grading import Grader
from editloop_trainer.jsonl import read_mbpp
from editloop_trainer.pieces import parse, tidy
from editloop_trainer.tasks import as_test_functions, passes

EXAMPLES = (2, 3, 4)
"""The problems of MBPP's prompt split that its authors show."""
STOPS = ("\n[", "\nclass", "\ndef test", "\nassert", "\nprint", "\nif __name__", "\n```", "\n\n\n")


@dataclass(frozen=True, slots=True)
class Problem:
    """A function to write. The reference passes the asserts and the ``extra`` ones."""

    number: int
    text: str
    name: str
    asserts: tuple[str, ...]
    extra: tuple[str, ...]
    reference: str


def problems(mbpp: Path, seed: int) -> list[dict[str, Any]]:
    """Rows of MBPP's training and validation splits in seeded order. Raises JsonlError."""
    rows = [row for row in read_mbpp(mbpp, "train", "validation") if not row["test_setup_code"]]
    Random(seed).shuffle(rows)
    return rows


def as_problem(row: dict[str, Any], grader: Grader) -> Problem | None:
    """The problem of a row: with the extra asserts where a reference passes them.

    None where no reference passes, or no function of it is what the tests call.
    """
    for extra in (row.get("plus_test_list") or [], []):
        for source in sources(row):
            name = _called(row["test_list"][0], source)
            tests, names = as_test_functions([*row["test_list"], *extra])
            task = Task("reference", source, tests, names)
            if name and passes(task, source, grader):
                asserts = tuple(text.strip() for text in row["test_list"])
                text = row["text"].strip()
                return Problem(row["task_id"], text, name, asserts, tuple(extra), tidy(source))
    return None


def _called(test: str, source: str) -> str:
    """The function of a program that a test calls; empty where it calls none."""
    tree, calls = parse(source), parse(test.strip())
    if tree is None or calls is None:
        return ""
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    read = [node.id for node in ast.walk(calls) if isinstance(node, ast.Name)]
    return next((name for name in read if name in defined), "")


def defines(tree: ast.Module, name: str) -> bool:
    """Whether a module has the function at its top level."""
    return any(isinstance(node, ast.FunctionDef) and node.name == name for node in tree.body)


class Prompts:
    """Prompts with three fixed examples before each problem, which a model reads once."""

    def __init__(self, mbpp: Path) -> None:
        rows = {row["task_id"]: row for row in read_mbpp(mbpp, "prompt")}
        self._before = "".join(_example(rows[n]) for n in EXAMPLES if n in rows)

    def ask(self, problem: Problem) -> Plain:
        """A text that the program follows, and then a line that begins with ``[``."""
        return Plain(self._before + _head(problem.text, problem.asserts[0]))


def _example(row: dict[str, Any]) -> str:
    code = tidy(row["code"].replace("\r\n", "\n"))
    return f"{_head(row['text'], row['test_list'][0])}{code}[DONE]\n\n"


def _head(text: str, test: str) -> str:
    """A problem with one of its tests, as MBPP's authors ask."""
    return (
        "You are an expert Python programmer, and here is your task: "
        f"{text.strip()} Your code should pass these tests:\n\n{test.strip()}\n[BEGIN]\n"
    )
