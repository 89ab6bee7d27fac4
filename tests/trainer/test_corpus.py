from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from editloop_trainer.corpus import build_corpus, read_corpus
from editloop_trainer.exclude import Exclusion, digest, load_exclusion
from editloop_trainer.harvest import harvest
from editloop_trainer.pieces import as_solution, parse, tidy
from editloop_trainer.scenes import embed, without_imports

from editloop.cli import run as cli

MODULE = '''\
"""A module."""
import math
import os
from collections import Counter as C

LIMIT = 10
OTHER = [1, 2]


def helper(x):
    """Long.

    Long.

    Long.
    """
    return min(x, LIMIT)


def area(r, n=3):
    values = C([helper(r)])
    return math.pi * r ** 2, values


def needs_elsewhere(x):
    return unknown(x) + 1


class Box:
    def size(self, a, b):
        if a > b:
            return a
        return b
'''


def test_a_piece_brings_what_it_uses_and_nothing_else() -> None:
    pieces = {piece.names[-1]: piece for piece in harvest(MODULE)}
    area = pieces["area"]
    assert area.names == ("helper", "area")
    assert area.pure
    assert "import math" in area.source
    assert "import os" not in area.source
    assert "OTHER" not in area.source
    assert "Long.\n\n" not in area.source
    assert "needs_elsewhere" not in pieces
    for piece in pieces.values():
        compile(piece.source, "piece", "exec")


def test_pieces_run() -> None:
    for piece in harvest(MODULE):
        space: dict[str, object] = {}
        exec(compile(piece.source, "piece", "exec"), space)
        assert piece.names[-1] in space


def test_as_solution() -> None:
    source = "import math\n\ndef fact(n):\n    return n * fact(n - 1) if n else math.prod([])\n"
    method = as_solution(source, "fact")
    assert method is not None
    space: dict[str, type] = {}
    exec(method, space)
    assert space["Solution"]().fact(4) == 24
    assert as_solution("x = 1\ndef f():\n    return x\n", "f") is None


def test_digest_ignores_names_docstrings_and_annotations() -> None:
    one, two = (
        parse("def f(a: int) -> int:\n    'doc'\n    return a + 1"),
        parse("def g(b):\n    return b + 1"),
    )
    three = parse("def g(b):\n    return b - 1")
    assert one is not None
    assert two is not None
    assert three is not None
    assert digest(one) == digest(two) != digest(three)


def test_exclusion_by_tree_and_by_signature(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    rows = [
        {"id": "1", "buggy": "def (", "fixed": "def is_odd(n):\n    return n % 2 == 1"},
        {"split": "test", "code": "def largest_sum(a, b):\n    return a", "plus_code": None},
        {"split": "train", "code": "def trained(a, b):\n    return a - b", "plus_code": None},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    exclusion = load_exclusion([path])
    assert exclusion.hits(ast.parse("def renamed(k):\n    return k % 2 == 1"))
    assert exclusion.hits(ast.parse("class Solution:\n    def isOdd(self, n):\n        return 1"))
    assert exclusion.hits(ast.parse("def largestSum(a):\n    return 7"))
    assert not exclusion.hits(ast.parse("def is_odd(n, m):\n    return 1"))
    assert not exclusion.hits(ast.parse("def trained(a, b):\n    return a - b"))
    assert not Exclusion().hits(ast.parse("x = 1"))


def test_build_is_deterministic_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    root = tmp_path / "src"
    root.mkdir()
    for i in range(5):
        (root / f"m{i}.py").write_text(MODULE.replace("r ** 2", f"r ** {i + 3}"))
    (root / "test_no.py").write_text(MODULE)
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    build_corpus([root], first, workers=1)
    build_corpus([root], second, workers=2)
    assert first.read_bytes() == second.read_bytes()
    whole = second.read_bytes()
    half = whole.split(b"\n")[0] + b"\n"
    second.write_bytes(half + b"torn")
    second.with_suffix(".progress.json").write_text(
        json.dumps({"items": 0, "bytes": {"corpus": len(half)}, "work": "corpus"})
    )
    build_corpus([root], second, workers=1)
    assert {e.id for e in read_corpus(second)} == {e.id for e in read_corpus(first)}
    manifest = json.loads(first.with_suffix(".manifest.json").read_text())
    assert manifest[0]["package"] == "src"
    assert manifest[0]["rows"] == len(list(read_corpus(first)))


def test_embedding_keeps_line_texts() -> None:
    source = "import math\n\ndef f(x):\n    return math.pi * x\n"
    placed = embed(source, ["import re\n\ndef g(y):\n    return re.escape(y)\n", "z = 1\n"])
    assert placed is not None
    old, new = source.split("\n"), placed.source.split("\n")
    assert all(new[i + placed.offset] == old[i] for i in range(placed.first, 4))
    compile(placed.source, "placed", "exec")
    assert embed(source, ["def f():\n    pass\n"]) is None


def test_without_imports() -> None:
    assert without_imports("from math import pi\n\nx = pi\n") == "x = pi\n"
    assert without_imports("import os\nx = 1\n") is None
    assert tidy("\n\na\n\n\n\nb  ") == "a\n\nb\n"


@pytest.mark.parametrize(
    "words",
    [
        "benchset FILE --out out",
        "record FILE --out out",
        "demos FILE --tests FILE --out out",
        "prior FILE -o out",
        "validate FILE",
        "corpus . --out out --mbpp FILE",
        "corpus . --out out --exclude FILE",
    ],
)
@pytest.mark.parametrize("text", [b"words\n", b'{"x": 1}\n', b"\xff\xfe\n"])
def test_a_file_of_another_kind_is_one_line(
    words: str,
    text: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.jsonl").write_bytes(text)
    assert cli(["train", *words.replace("FILE", "rows.jsonl").split()]) == 2
    told = capfd.readouterr().err
    assert told.splitlines()[-1].startswith("editloop: ")
    assert "Traceback" not in told
    assert not Path("out").exists()
