"""What tells fixes apart that satisfy the same evidence, in the real sandbox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from editloop.budget import Stop
from editloop.sandbox import SandboxPool, open_pool
from editloop.trust.asking import NEITHER, after_answer, as_doctest, next_question
from editloop.trust.weighed import Change, Difference, Weighed
from editloop.trust.weighing import weigh

MEDIAN = "def median(values):\n    return sorted(values)[{}]\n"
TESTS = ["median([3, 1, 2]) == 2"]


@pytest.fixture(scope="module")
def pool() -> Iterator[SandboxPool]:
    with open_pool(1) as made:
        yield made


def weighed(pool: SandboxPool, original: str, *fixes: str, tests: list[str] = TESTS) -> Weighed:
    return weigh(original, fixes, tests, pool, Stop(None))


def test_an_input_is_found_on_which_fixes_differ(pool: SandboxPool) -> None:
    right, other = MEDIAN.format("len(values) // 2"), MEDIAN.format("1")
    found = weighed(pool, MEDIAN.format("0"), right, other, MEDIAN.format("len(values) - 2"))
    assert found.differing == 2
    first = found.differences[0]
    assert first.line == "median([3, 1]): this fix gives 3, another 1"
    assert any(one.answers[0] != one.answers[1] for one in found.differences)
    assert Change("median([3, 1])", "1", "3") in found.changes
    assert len(found.changes) <= 3
    assert found.words == "2 other fixes satisfy it too, 2 of them differ"


def test_the_same_in_other_words_is_no_difference(pool: SandboxPool) -> None:
    one, same = MEDIAN.format("len(values) // 2"), MEDIAN.format("int(len(values) / 2)")
    found = weighed(pool, MEDIAN.format("0"), one, same)
    assert (found.differences, found.fixes) == ((), 2)
    assert found.words.startswith("1 other fix satisfies it too, no difference in ")


def test_chance_is_no_difference(pool: SandboxPool) -> None:
    dice = "import random, time\ndef dice(n):\n    return random.random() + n + {} + time.time()\n"
    found = weighed(pool, "dice(", dice.format(0), dice.format(1), tests=["dice(3) > 0"])
    assert (found.differences, found.changes) == ((), ())


def test_calls_without_an_end_cost_little_and_hide_nothing(pool: SandboxPool) -> None:
    loop = "def f(n):\n    while n == 4:\n        pass\n    return n + {}\n"
    found = weighed(pool, loop.format(0), loop.format(1), loop.format(2), tests=["f(3) == 4"])
    assert found.differences[0].call in ("f(2)", "f(0)", "f(1)")


def test_what_hangs_on_what_is_imported_or_does_not_load_is_left_out(pool: SandboxPool) -> None:
    found = weighed(pool, "raise 1\n", "raise OSError\ndef f(n): pass\n", tests=["f(3) == 4"])
    assert (found.differences, found.changes) == ((), ())
    assert found.words == "no other fix was found that satisfies it"


def test_nothing_is_asked_after_the_stop(pool: SandboxPool) -> None:
    stop = Stop(None)
    stop.set()
    assert weigh("", ["def f(n): pass"] * 2, ["f(1)"], pool, stop) == Weighed(2)


FOUND = (
    Difference("f(0)", ("1", "2", "1", "")),
    Difference("f(7)", ("raises KeyError", "3", "4", "5")),
)


def test_answers_narrow_the_fixes_down() -> None:
    first = next_question(FOUND, (0, 1, 2, 3))
    assert first is not None
    assert (first.call, first.options) == ("f(0)", ("1", "2"))
    left = after_answer(FOUND, (0, 1, 2, 3), "f(0)", "1")
    assert left == (0, 2, 3), "what did not answer stays, behind the others"
    second = next_question(FOUND, left)
    assert second is not None
    assert (second.call, second.options) == ("f(7)", ("raises KeyError", "4", "5"))
    assert after_answer(FOUND, left, "f(7)", "4") == (2,)
    assert next_question(FOUND, (2,)) is None
    assert after_answer(FOUND, left, "f(7)", NEITHER) == ()


def test_an_answer_becomes_a_doctest() -> None:
    assert as_doctest("f(0)", "1") == ">>> f(0)\n1"
    assert as_doctest("f(7)", "raises KeyError").splitlines() == [
        ">>> f(7)  # doctest: +IGNORE_EXCEPTION_DETAIL",
        "Traceback (most recent call last):",
        "KeyError",
    ]
