"""The model that plays a script."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from editloop.model.backend import Chat, Gap, ModelError, ModelLost, Plain, Sampling
from editloop.model.scripted import ScriptedModel
from editloop.policy import Cancelled

SCRIPT: dict[str, Any] = {
    "name": "played",
    "answers": [
        {"match": "return total", "replies": ["return total / n", "return total"]},
        {"kind": "chat", "replies": ["```python\nx = 1\n```"]},
        {"replies": ["first"]},
        {"replies": ["second"]},
    ],
    "otherwise": ["pass"],
    "scores": [{"match": "/ n", "score": -1.5}],
}


def play(model: ScriptedModel, *prompts: Any, **how: Any) -> list[list[str]]:
    found = model.complete(prompts, Sampling(**how))
    return [[reply.text for reply in replies] for replies in found]


def test_replies_by_text_then_in_order_then_otherwise() -> None:
    model = ScriptedModel(SCRIPT)
    gap = Gap("    ", "\n")
    assert play(model, gap, Gap("return total", ""), gap) == [
        ["first"],
        ["return total / n"],
        ["second"],
    ]
    assert play(model, gap, Plain("return total")) == [["pass"], ["return total / n"]]
    assert play(model, Chat((("user", "x"),))) == [["```python\nx = 1\n```"]]
    assert play(model, Chat((("user", "x"),))) == [["pass"]]
    assert len(model.asked) == 7


def test_several_replies_and_stops() -> None:
    model = ScriptedModel(SCRIPT)
    gap = Gap("return total", "")
    many = play(model, gap, n=3, temperature=1.0)
    assert many == [["return total / n", "return total", "return total / n"]]
    assert play(model, gap, n=2, stop=(" /",)) == [["return total"] * 2]


def test_scores_by_line() -> None:
    model = ScriptedModel(SCRIPT)
    assert model.score("", ["a b\nx / n\n", ""]) == [(-0.2, -1.5), (0.0,)]


def test_faults_and_cancel() -> None:
    answers = [
        {"match": "error", "fault": "error"},
        {"match": "slow", "seconds": 30},
        {"match": "lost", "fault": "lost"},
    ]
    model = ScriptedModel({"answers": answers})
    with pytest.raises(ModelError, match="does not answer"):
        play(model, Plain("error"))
    cancel = threading.Event()
    threading.Timer(0.1, cancel.set).start()
    with pytest.raises(Cancelled):
        model.complete([Plain("slow")], Sampling(), cancel)
    for text in ("lost", "anything"):
        with pytest.raises(ModelLost, match="ended"):
            play(model, Plain(text))


@pytest.mark.parametrize(
    "script", [[], {"answers": [{"replys": ["a"]}]}, {"answers": 1}, {"scores": [{"match": "a"}]}]
)
def test_a_wrong_script_is_one_line(script: Any, tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text(json.dumps(script))
    with pytest.raises(ModelError, match="script"):
        ScriptedModel.load(path)


def test_a_script_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        ScriptedModel.load(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        ScriptedModel.load(tmp_path / "bad.json")
