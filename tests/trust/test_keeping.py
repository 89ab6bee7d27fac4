"""A right answer becomes a doctest."""

from __future__ import annotations

import pytest

from editloop.trust.keeping import with_example

OLD = 'def f(x):\r\n    """\r\n    >>> f(1)\r\n    2\r\n    """  # é\r\n'
EXAMPLE = '    """\n    >>> f(0)\n    1\n    """\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(x):\n    return x\n", f"def f(x):\n{EXAMPLE}    return x\n"),
        (
            'def f(x):\n    """One more."""\n    return x\n',
            'def f(x):\n    """One more.\n\n    >>> f(0)\n    1\n    """\n    return x\n',
        ),
        (OLD, OLD.replace("2\r\n", "2\r\n    >>> f(0)\r\n    1\r\n")),
        ("class f:\n    x = 1", f"class f:\n{EXAMPLE}    x = 1\n"),
        ("def f(x): return x\n", None),
        ("def g(x):\n    return x\n", None),
        ('def f(x):\n    "One line."\n', None),
        ("def f(:\n", None),
    ],
)  # fmt: skip
def test_an_example_is_added_to_the_docstring(before: str, after: str | None) -> None:
    assert with_example(before, "f(0)", "1") == after


def test_what_a_docstring_cannot_hold_is_refused() -> None:
    source = "def f(x):\n    return x\n"
    assert with_example(source, "f('\\\\n')", "1") is None
    assert with_example(source, "f(1)", '\'"""\'') is None
    assert with_example(source, "3 + 4", "7") is None


def test_only_pythons_own_line_ends_part_an_example() -> None:
    kept = with_example("def f(x):\n    return x\n", "f('a\u2028b')", "1")
    assert kept == EXAMPLE.join(("def f(x):\n", "    return x\n")).replace("f(0)", "f('a\u2028b')")
