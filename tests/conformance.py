"""Which feature works in which editor: ``@pytest.mark.conformance(feature, editor)`` on tests, and
``pytest --conformance FILE`` merges their results into a JSON file.

The file maps feature to editor to ``{"result": "pass" | "fail" | "skip", "tests": {id: result}}``.
Results of tests that did not run this time stay.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

Results = dict[tuple[str, str, str], str]
"""(feature, editor, test id): result."""
_WORST = ("fail", "skip", "pass")


class Recorder:
    """A pytest plugin, registered by ``conftest`` where the option is given."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._results: Results = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        report: pytest.TestReport = yield
        for mark in item.iter_markers("conformance"):
            feature, editor = mark.args
            result = "fail" if report.failed else "skip" if report.skipped else "pass"
            if report.when == "call" or result != "pass":
                self._results[feature, editor, item.nodeid] = result
        return report

    def pytest_sessionfinish(self) -> None:
        merge(self._path, self._results)


def merge(path: Path, results: Results) -> None:
    """Write results into the file, atomically."""
    table: dict[str, Any] = {}
    if path.exists():
        table = json.loads(path.read_text(encoding="utf-8"))
    for (feature, editor, test), result in results.items():
        cell = table.setdefault(feature, {}).setdefault(editor, {"tests": {}})
        cell["tests"][test] = result
        cell["result"] = min(cell["tests"].values(), key=_WORST.index)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(temporary, path)
