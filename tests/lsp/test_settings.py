"""Settings: what a client sends, what is wrong with it, and the schema."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from editloop_lsp.settings import Settings, ours, read, schema
from hypothesis import given
from hypothesis import strategies as st

from .editor import ROOT, server_env


def test_nested_and_flat_names_are_the_same() -> None:
    nested = read({"diagnostics": {"syntax": False, "static": "off"}, "budget": 3})
    assert nested == read({"diagnostics.syntax": False, "diagnostics.static": "off", "budget": 3.0})
    assert nested == Settings(diagnostics_syntax=False, diagnostics_static="off", budget=3.0)


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ({"budget": "fast"}, 'editloop.budget: "fast" is not a number; 0.0 is used'),
        ({"budget": -1}, "editloop.budget: -1 is not between 0 and 600; 0.0 is used"),
        ({"enable": 1}, "editloop.enable: 1 is not true or false; true is used"),
        ({"alternatives": True}, "editloop.alternatives: true is not a whole number; 3 is used"),
        (
            {"runCode": "yes"},
            'editloop.runCode: "yes" is not one of ask, always, never; "ask" is used',
        ),
        ([1], "editloop: settings have to be an object, not [1]"),
    ],
)
def test_a_wrong_value_is_named_and_its_default_is_used(raw: object, line: str) -> None:
    complaints: list[str] = []
    assert read(raw, complaints.append) == Settings()
    assert complaints == [line]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["budget", "checks", "static", "model", "x"]), inner)
        ),
    )
)
def test_whatever_comes_settings_are_valid(raw: object) -> None:
    settings = read(raw)
    assert 0 <= settings.budget <= 600
    assert isinstance(settings.model, str)


@pytest.mark.parametrize(
    ("raw", "budget"),
    [
        ({"editloop": {"budget": 3}, "pylsp": {"plugins": {}}}, 3.0),
        ({"editloop.budget": 3}, 3.0),
        ({"budget": 3}, 3.0),
        ({"pylsp": {"budget": 3}}, 0.0),
        ({}, 0.0),
        (None, 0.0),
    ],
)
def test_pushed_settings_of_any_shape(raw: object, budget: float) -> None:
    assert read(ours(raw)).budget == budget


def test_the_module_prints_the_schema() -> None:
    command = [sys.executable, "-m", "editloop_lsp.settings"]
    done = subprocess.run(command, capture_output=True, check=True, env=server_env(), cwd=ROOT)
    printed = json.loads(done.stdout)
    assert printed == schema()
    assert printed["editloop.runCode"]["enum"] == ["ask", "always", "never"]
    assert printed["editloop.checks.tests"]["default"] is True
