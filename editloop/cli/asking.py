"""``editloop fix --ask``: the questions that tell fixes apart, on a terminal or a pipe."""

from __future__ import annotations

import sys

import typer

from editloop.cli.fix_run import Finished
from editloop.report.values import FixReport
from editloop.trust.asking import NEITHER, Question, after_answer, as_doctest, next_question

_NEITHER_WORDS = ("n", "neither")


def asked(done: Finished) -> FixReport:
    """The report of the fixes that a person's answers leave, the likeliest first; an answer that
    was not given leaves all as it is."""
    weighed = done.report.weighed
    if weighed is None:
        return done.report
    left = tuple(range(weighed.fixes))
    while (question := next_question(weighed.differences, left)) is not None:
        answer = _ask(question)
        if answer is None:
            break
        left = after_answer(weighed.differences, left, question.call, answer)
        if answer != NEITHER:
            typer.echo(f"as a doctest:\n{as_doctest(question.call, answer)}")
        if not left:
            return done.left_with((), f"no fix that was found is right for {question.call}")
    return done.left_with(left)


def _ask(question: Question) -> str | None:
    """One of the options, NEITHER, or None where the input ends or says something else twice."""
    typer.echo(f"what is right for {question.call}?")
    for number, text in enumerate(question.options, 1):
        typer.echo(f"  {number}) {text}")
    for _ in range(2):
        typer.echo(f"1 to {len(question.options)}, or n for neither: ", nl=False)
        line = sys.stdin.readline()
        word = line.strip().lower()
        if word in _NEITHER_WORDS:
            return NEITHER
        if word.isdecimal() and 1 <= int(word) <= len(question.options):
            return question.options[int(word) - 1]
        if not line:
            break
    typer.echo("no answer: the fixes stay as they are")
    return None
