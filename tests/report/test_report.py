"""The one form of a result: what crosses processes comes out as it went in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from editloop_lsp.reports import Report

from editloop.budget import Budget
from editloop.document.text import Snapshot
from editloop.prior import PriorPolicy, shipped
from editloop.repair.fix import Request, Tools, fix
from editloop.report.building import fix_report
from editloop.report.values import FixReport
from editloop.report.wording import Asked
from editloop.trust.weighed import Change, Difference, Weighed

SHOWN = (
    "status diff edits verified possible verified_by weak commands turns candidates seconds "
    "sandbox alternatives reason next before notes evidence trust"
)
WEIGHED = Weighed(2, 7, (Difference("f(1)", ("1", "2")),), (Change("f(2)", "2", "3"),))


def report(text: str) -> FixReport:
    document = Snapshot.from_text(text)
    request = Request(document, budget=Budget(candidates=200), alternatives=2)
    done = fix(request, PriorPolicy(shipped()), Tools(None, None))
    return fix_report("m.py", document, done, Asked(), notes=("a note",))


def test_a_report_crosses_processes() -> None:
    found = report("def f(x)\n    return (x\n")
    assert found.best is not None
    assert found.best.possible == "it parses; nothing else was checked"
    for one in (found, replace(found, weighed=WEIGHED), report("x = 1\n")):
        assert FixReport.decode(json.loads(json.dumps(one.encode()))) == one


def test_json_has_its_keys_with_and_without_a_fix() -> None:
    for text in ("x = (1\n", "x = 1\n"):
        found = report(text)
        assert " ".join(found.shown()) == SHOWN
        assert json.dumps(found.shown())
    trust = replace(found, weighed=WEIGHED).shown()["trust"]
    assert list(trust) == ["line", "fixes", "calls", "differences", "changes", "words"]


def test_editors_get_the_keys_that_are_documented() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "lsp.md").read_text("utf-8")
    told = docs.partition("`report`: ")[2].partition(": no fix was\n")[0]
    names = {name for name in told.split("`")[1::2] if not name.startswith("[")}
    sent = Report("file:///m.py", "Fix", "fixed", report("x = (1\n")).data()
    assert set(sent) == names
