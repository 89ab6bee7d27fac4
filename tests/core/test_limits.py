"""Budgets hold whatever the input, and what cannot be read is said in one line."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from editloop.budget import Budget, Cancelled, Stop, cores
from editloop.checks import static, verify
from editloop.checks.doctests import docstrings, doctest_checks, documented
from editloop.checks.static import StaticChecker, StaticCheckError
from editloop.checks.testdoc import extract
from editloop.checks.testoutcome import TestOutcome, short
from editloop.checks.verify import Verifier, outcome_findings
from editloop.document.text import Snapshot, TextError
from editloop.prior import PriorPolicy, shipped
from editloop.python.syntax import check_syntax
from editloop.repair import diagnosis
from editloop.repair.diagnosis import diagnose
from editloop.repair.fix import Request, RequestError, Tools, fix
from editloop.repair.region import MAX_CHARACTERS, RegionError, window
from editloop.sandbox import SandboxPool, open_pool


@pytest.fixture(scope="module")
def pool() -> Iterator[SandboxPool]:
    with open_pool(1) as made:
        yield made


SOON = 30.0
"""A generous bound, in seconds, of what used to take minutes or for ever."""


def soon(seconds: float = 0.3) -> Stop:
    return Stop(None, time.monotonic() + seconds)


def program(folder: Path, body: str) -> str:
    path = folder / "ruff"
    path.write_text(f"#!{sys.executable}\nimport json, sys, time\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_a_ruff_that_never_answers_ends_with_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = program(tmp_path, "time.sleep(600)")
    monkeypatch.setattr(static, "find_ruff", lambda: silent)
    started = time.monotonic()
    with StaticChecker() as checker, pytest.raises(Cancelled):
        checker.check("x = 1\n", soon())
    assert time.monotonic() - started < SOON


def test_a_ruff_that_never_answers_is_an_error_without_a_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = program(tmp_path, "time.sleep(600)")
    monkeypatch.setattr(static, "find_ruff", lambda: silent)
    monkeypatch.setattr(static, "ANSWER_SECONDS", 0.3)
    with StaticChecker() as checker, pytest.raises(StaticCheckError, match="no answer within"):
        checker.check("x = 1\n")


@pytest.mark.parametrize("result", ["[]", '{"items": 3}', '{"items": [{}]}', "null"])
def test_a_ruff_that_answers_nonsense_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, result: str
) -> None:
    body = f"""
able = {{"capabilities": {{"diagnosticProvider": {{}}}}}}
for number in range(1, 9):
    text = json.dumps({{"id": number, "result": able if number == 1 else json.loads({result!r})}})
    sys.stdout.write(f"Content-Length: {{len(text)}}\\r\\n\\r\\n{{text}}")
sys.stdout.flush()
sys.stdin.read()
"""
    monkeypatch.setattr(static, "find_ruff", lambda: program(tmp_path, body))
    with StaticChecker() as checker, pytest.raises(StaticCheckError, match="does not answer"):
        checker.check("x = 1\n")


def test_ruff_is_asked_again_after_a_check_was_cut_off() -> None:
    stop = threading.Event()
    stop.set()
    with StaticChecker() as checker:
        with pytest.raises(Cancelled):
            checker.check("print(x)\n" * 1000, stop)
        assert [d.code for d in checker.check("print(x)\n")] == ["F821"]


def test_a_text_that_takes_longer_to_read_than_the_budget_is_refused() -> None:
    document = Snapshot.from_text("x = 1\n" * 300_000)
    request = Request(document, budget=Budget(seconds=2.0))
    with pytest.raises(RequestError, match="give 4 or more"):
        fix(request, PriorPolicy(shipped()), Tools(None, None))


def test_a_candidate_that_takes_longer_to_read_than_what_is_left_is_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "x = 1\n" * 100_000
    verifier, read = Verifier(text), list[str]()
    monkeypatch.setattr(verify, "check_syntax", read.append)
    with pytest.raises(Cancelled):
        verifier.verify(text, soon(0.5))
    assert read == []
    assert verifier.verify(text, soon(60)).passed
    assert read == [text]


def test_a_document_is_not_diagnosed_where_compiling_it_took_most_of_what_was_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(diagnosis, "check_syntax", lambda text: time.sleep(0.3))
    document = Snapshot.from_text("x = 1\n")
    with pytest.raises(Cancelled):
        diagnose(document, None, None, soon(0.6))
    assert diagnose(document, None, None, soon(60)).broken is None


GENERATED = {
    "lines": "x = 1\n" * 100_000 + "print(y)\n",
    "functions": "".join(f"def f{i}(x):\n    return x\n\n\n" for i in range(25_000)) + "print(y)\n",
    "broken": "".join(f"def f{i}(x):\n    return x\n" for i in range(20_000)) + "def g(x)\n    x\n",
    "decorators": "def d(f):\n    return f\n" + "@d\n" * 30_000 + "def f(x):\n    return y\n",
    "brackets on lines": "x = " + "[\n" * 50_000 + "]\n" * 50_000,
    "an open string": 'x = """\n' + "y = 1\n" * 50_000,
}


@pytest.mark.parametrize("name", GENERATED)
def test_a_budget_holds_whatever_the_text(name: str) -> None:
    request = Request(Snapshot.from_text(GENERATED[name]), budget=Budget(seconds=3.0))
    with StaticChecker() as checker:
        started = time.monotonic()
        done = fix(request, PriorPolicy(shipped()), Tools(checker, None))
    assert time.monotonic() - started < SOON
    assert done.status in ("fixed", "not fixed")


@pytest.mark.parametrize("text", ["x = " + "(" * 100_000, "x = " + "-" * 100_000 + "1"])
def test_deep_nesting_is_a_finding_and_such_a_line_is_refused(text: str) -> None:
    found = check_syntax(text)
    assert found is not None
    assert len(found.text) > len("SyntaxError: ")
    with pytest.raises(RegionError, match=r"line 1 has 100,00\d characters"):
        window(Snapshot.from_text(text + "\n"), line=0)


def test_lines_of_data_are_left_out_of_a_window() -> None:
    document = Snapshot.from_text(f"x = '{'a' * MAX_CHARACTERS}'\ny = 1\nprint(z)\n")
    assert window(document) == (1, 2)


FUNCTION = 'def f{0}(x):\n    """\n    >>> f{0}(1)\n    {1}\n    """\n    return x + {0}\n\n'


def test_examples_of_many_functions_are_run_at_once(pool: SandboxPool) -> None:
    wrong = {7, 900}
    text = "".join(FUNCTION.format(i, i + 1 + (i in wrong)) for i in range(1500))
    started = time.monotonic()
    found = documented(Snapshot.from_text(text), pool)
    assert time.monotonic() - started < SOON
    assert {i for i, one in enumerate(found) if not one.passes} == wrong
    assert [one.definition.name for one in found[:2] if one.definition] == ["f0", "f1"]


def test_an_example_that_ends_the_process_fails_alone(pool: SandboxPool) -> None:
    ends = 'def end():\n    """\n    >>> end()\n    1\n    """\n    import os\n    os._exit(3)\n\n'
    text = FUNCTION.format(1, 2) + ends + FUNCTION.format(2, 3) + FUNCTION.format(3, 5)
    found = documented(Snapshot.from_text(text), pool)
    assert [one.passes for one in found] == [True, False, True, False]


def test_a_failing_example_of_a_function_longer_than_the_window_counts(pool: SandboxPool) -> None:
    body = "".join(f"    x += {i}\n" for i in range(200))
    text = f'def f(x):\n    """\n    >>> f(1)\n    1\n    """\n{body}    return x\n'
    document = Snapshot.from_text(text)
    view = set(window(document, line=0))
    checks = doctest_checks(document, documented(document, pool), view, pool, line=0).known
    assert [check.run(text, None).passed for check in checks] == [False]


def test_long_docstrings_are_found_in_a_moment() -> None:
    lines = "    word\n" * 30_000
    text = "".join(f'def f{i}():\n    """\n{lines}' for i in range(2))
    started = time.monotonic()
    assert list(docstrings(Snapshot.from_text(text + '    """\n'))) != []
    assert extract("x = 1\n" * 100) == ()
    assert time.monotonic() - started < SOON


def test_no_fix_empties_a_file() -> None:
    verdict = Verifier("x = (\n").verify("# gone\n\n")
    assert not verdict.passed
    assert "nothing is left" in verdict.findings[0].text
    assert Verifier("# only this\n").verify("").passed


@pytest.mark.parametrize(
    "data",
    [
        b"# coding: cp037\nx = (\n",
        b"# coding: utf-7\nx = (\n",
        b"# coding: rot13\nx = (\n",
        b"# coding: nonsense\nx = (\n",
        "x = (\n".encode("utf-16"),
        b"x = 1\0\n",
    ],
)
def test_what_is_no_text_in_a_supported_encoding_is_refused(data: bytes) -> None:
    with pytest.raises(TextError) as caught:
        Snapshot.from_bytes(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "koi8-r", "shift_jis", "utf-8"])
def test_supported_encodings_are_written_back(encoding: str) -> None:
    word = {"koi8-r": "имя", "shift_jis": "名前"}.get(encoding, "é")
    data = f"# coding: {encoding}\nx = '{word}'\n".encode(encoding)
    document = Snapshot.from_bytes(data)
    assert document.lines[1].text == f"x = '{word}'"
    assert document.encode() == data


def test_a_lone_surrogate_can_be_written() -> None:
    assert short("bad \udc80").encode() == b"bad \\udc80"


def test_findings_name_what_is_wrong_and_not_how_it_is_tested() -> None:
    plain = TestOutcome("f(2) == 3", "fail", "f(2)", "3", "4")
    part = TestOutcome("(total(), n) == (0, [])", "fail", "total()", "", "0")
    no_call = TestOutcome("x == 3", "fail", "", "", "AssertionError")
    raised = TestOutcome("x == 3", "error", "", "", "NameError: x")
    assert [finding.text for finding in outcome_findings([plain, part, no_call, raised])] == [
        "f(2) -> 4, expected 3",
        "(total(), n) == (0, []) is not true: total() -> 0",
        "x == 3 is not true",
        "x == 3: NameError: x",
    ]


def test_cores_are_those_that_this_process_may_use() -> None:
    one = min(os.sched_getaffinity(0))
    code = "import os; from editloop.budget import cores; print(cores())"
    program = f"import os; os.sched_setaffinity(0, {{{one}}}); {code}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"
    assert cores() == len(os.sched_getaffinity(0))


def test_a_second_search_that_fails_says_so(caplog: pytest.LogCaptureFixture) -> None:
    import io

    from editloop.document.state import EditState
    from editloop.repair.companion import Errand, _run

    state = EditState.open(Snapshot.from_text("x = (\n"))
    verifier = Verifier("x = (\n")
    first = verifier.verify("x = (\n")
    limits = Budget(seconds=5.0)
    errand = Errand(state, None, first, limits, 0, 1, {})  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING):
        _run(errand, threading.Event(), io.BytesIO())
    assert "the second search failed: AttributeError" in caplog.text
