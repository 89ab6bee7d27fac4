"""The question that a difference between fixes puts to a person, and what follows from the answer.
Prints and reads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from editloop.trust.weighed import Difference, is_error

NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Question:
    """What ``call`` should answer: one of ``options``, the first fix's first, or something else."""

    call: str
    options: tuple[str, ...]


def next_question(found: Sequence[Difference], left: Sequence[int]) -> Question | None:
    """The first one on which the fixes ``left``, by their numbers, disagree with the first of them;
    None where they do not."""
    for difference in found:
        answers = [difference.answers[number] for number in left]
        options = tuple(dict.fromkeys(filter(None, answers)))
        if answers and answers[0] and len(options) > 1:
            return Question(difference.call, options)
    return None


def after_answer(
    found: Sequence[Difference], left: Sequence[int], call: str, answer: str
) -> tuple[int, ...]:
    """The fixes of ``left`` that an answer to ``call`` allows: an option's text, or NEITHER.

    What did not answer in time is not ruled out by an option, but stands behind those that agree.
    """
    given = next(one.answers for one in found if one.call == call)
    agree = [number for number in left if given[number] == answer]
    return (*agree, *(number for number in left if not given[number]))


def as_doctest(call: str, answer: str) -> str:
    """The lines of an example that keeps an answer."""
    if not is_error(answer):
        return f">>> {call}\n{answer}"
    error = answer.removeprefix("raises ")
    flag = "# doctest: +IGNORE_EXCEPTION_DETAIL"
    return f">>> {call}  {flag}\nTraceback (most recent call last):\n{error}"
