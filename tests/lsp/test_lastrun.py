"""Finding the file that a traceback leads to, among what an editor has of the last run."""

from __future__ import annotations

from pathlib import Path

import pytest
from editloop_lsp.lastrun import locate

from editloop.checks.traceback import NONE

from .editor import Editor, ServerError

RAISED = """\
$ python {main}
Traceback (most recent call last):
  File "{main}", line 5, in <module>
    run()
  File "{inner}", line 2, in run
    return json.loads("")
  File "/usr/lib/python3.11/json/__init__.py", line 346, in loads
    return _default_decoder.decode(s)
json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("main.py", "inner.py"):
        (tmp_path / name).write_text("")
    return tmp_path.resolve()


def test_the_innermost_own_file_of_the_first_text_with_a_traceback(project: Path) -> None:
    text = RAISED.format(main=project / "main.py", inner=project / "inner.py")
    found = locate(["some words", text, "Traceback"], [project])
    assert found == {"traceback": text, "uri": (project / "inner.py").as_uri(), "reason": ""}


def test_a_file_of_the_folder_comes_before_one_elsewhere(project: Path) -> None:
    folder = project / "work"
    folder.mkdir()
    (folder / "main.py").write_text("")
    text = RAISED.format(main="main.py", inner=project / "inner.py")
    assert locate([text], [folder])["uri"] == (folder / "main.py").as_uri()
    assert locate([text], [])["uri"] == (project / "inner.py").as_uri()


def test_what_is_missing_is_said(project: Path) -> None:
    assert locate(["", "no such thing"], [project]) == {
        "traceback": "",
        "uri": None,
        "reason": NONE,
    }
    text = RAISED.format(main="/no/main.py", inner="other.py")
    found = locate([text], [project])
    assert found["uri"] is None
    assert found["reason"] == "no file of the traceback is here: other.py, /no/main.py"


@pytest.mark.asyncio(loop_scope="module")
async def test_the_command(editor: Editor, folder: Path) -> None:
    (folder / "main.py").write_text("")
    text = RAISED.format(main="main.py", inner="gone.py")
    found = await editor.command("editloop.findTraceback", {"texts": [text]})
    assert found["uri"] == (folder.resolve() / "main.py").as_uri()
    with pytest.raises(ServerError, match="texts have to be a list of texts"):
        await editor.command("editloop.findTraceback", {"texts": text})
