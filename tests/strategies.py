"""Texts and commands for property tests: awkward characters, mixed line ends, Python-like lines."""

from __future__ import annotations

from hypothesis import strategies as st

from editloop.document.commands import Command

AWKWARD = [
    "\x0c",
    "\u2028",
    "\u2029",
    "\x85",
    "\t",
    "\u00e9",
    "\U0001f600",
    "\ufeff",
    "\x1c",
    "\x00",
]
PYTHON = [
    *(
        "def f(a, b):",
        "    return a + b",
        "if x == 1:",
        "else:",
        "  pass",
        "x = [1, 2",
        '"""doc',
        "# note",
    ),
    *("for i in range(n):", "a.b(c)[d] = e", "'open", "x++", "import os", "    y = a[1:] or not b"),
    *("", "    ", "@cache", "f'{x} {y!r}'", "lambda *a, **k: (a, k)", "x = 1 if y else 2  # c"),
]

line_text = st.one_of(
    st.sampled_from(PYTHON),
    st.text(
        st.one_of(
            st.sampled_from(AWKWARD), st.characters(codec="utf-8", exclude_characters="\r\n")
        ),
        max_size=12,
    ),
    st.tuples(st.sampled_from(PYTHON), st.sampled_from(AWKWARD)).map("".join),
)
line_end = st.sampled_from(["\n", "\r\n", "\r"])
documents = st.tuples(
    st.lists(st.tuples(line_text, line_end).map("".join), max_size=12),
    st.one_of(st.just(""), line_text),
).map(lambda parts: "".join(parts[0]) + parts[1])
unix_documents = st.lists(line_text, max_size=12).map("\n".join)

numbers = st.integers(1, 14)
_source = line_text.filter(lambda text: " >>>" not in text)
commands = st.one_of(
    st.just(Command("EXIT")),
    st.builds(lambda n: Command("DELL", n), numbers),
    st.builds(lambda n, t: Command("REPL", n, t), numbers, line_text),
    st.builds(lambda n, t: Command("ADDL", n, t), numbers, line_text),
    st.builds(lambda n, s, t: Command("REPW", n, t, s), numbers, _source, line_text),
)
