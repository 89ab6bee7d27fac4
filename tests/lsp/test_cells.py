"""Notebook cells and untitled documents."""

from __future__ import annotations

import pytest
from editloop_lsp.cells import as_python

from .conftest import Script
from .editor import Editor, Json, span
from .samples import ADD, ADD_FIX

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOTEBOOK = "file:///tmp/work.ipynb"


def cell(name: str, text: str) -> Json:
    return {"uri": f"{NOTEBOOK}#{name}", "languageId": "python", "version": 1, "text": text}


async def test_what_is_ipythons_own_is_no_python() -> None:
    text = "%matplotlib inline\nif x:\n    !ls {x}\nprint?\nx = a % b\n"
    assert as_python(text) == "pass\nif x:\n    pass\npass\nx = a % b\n"
    assert as_python("%%bash\nls\n") is None


@pytest.mark.parametrize(
    "text",
    [
        "x = (a\n     % b)\n",
        "x = a \\\n    % b\n",
        "x = '''\n%d\n!important\nwhat?\n'''\n",
        'x = f(\n    """a\n%s""",\n    [\n%b\n])\n',
    ],
)
async def test_a_statement_goes_on_where_no_magic_can_begin(text: str) -> None:
    assert as_python(text) == text
    assert as_python(f"{text}%time x\n!it's (\n") == f"{text}pass\npass\n"


async def test_cells_of_a_notebook(editor: Editor, script: Script) -> None:
    cells = [
        cell("a", "import os\n"),
        cell("b", "%time\nx = 😋 or [os.name\n"),
        cell("c", "await y\nreturn 1"),
    ]
    notebook = {
        "uri": NOTEBOOK,
        "notebookType": "jupyter-notebook",
        "version": 1,
        "cells": [{"kind": 2, "document": one["uri"]} for one in cells],
    }
    params = {"notebookDocument": notebook, "cellTextDocuments": cells}
    editor.notify("notebookDocument/didOpen", params)
    for one in cells:
        editor.texts[one["uri"]], editor.versions[one["uri"]] = one["text"], 1
    first, second, third = (one["uri"] for one in cells)
    assert await editor.diagnosed(first) == []
    [broken] = await editor.diagnosed(second)
    assert broken["range"]["start"]["line"] == 1
    assert await editor.diagnosed(third) == []

    changes = [{"range": span(1, 4, 6), "text": "None"}, {"range": span(1, 20), "text": "]"}]
    changed = {
        "notebookDocument": {"uri": NOTEBOOK, "version": 2},
        "change": {
            "cells": {
                "textContent": [{"document": {"uri": second, "version": 2}, "changes": changes}],
                "structure": {
                    "array": {"start": 3, "deleteCount": 0, "cells": []},
                    "didOpen": [cell("d", ADD)],
                    "didClose": [{"uri": third}],
                },
            }
        },
    }
    editor.versions[second] = 2
    editor.texts[second] = "%time\nx = None or [os.name]\n"
    editor.notify("notebookDocument/didChange", changed)
    assert await editor.diagnosed(second) == []
    done = await editor.fix(second)
    assert done["status"] == "nothing wrong"
    assert "names of other cells are not known" in done["reason"]
    assert await editor.menu(third, span(0, 0, 5)) == []

    editor.notify(
        "notebookDocument/didClose",
        {"notebookDocument": {"uri": NOTEBOOK}, "cellTextDocuments": [{"uri": first}]},
    )
    assert await editor.menu(first, span(0, 0, 5)) == []


async def test_a_cell_with_magic_is_fixed_around_it(editor: Editor, script: Script) -> None:
    script("### REPL 2 >>>x = [1]")
    uri = editor.open("vscode-notebook-cell:/tmp/other.ipynb#W1", "%timeit  -n  3\nx = [1\n")
    done = await editor.fix(uri)
    assert done["applied"]
    assert editor.texts[uri] == "%timeit  -n  3\nx = [1]\n"
    assert done["status"] == "possible fix", "nothing but the syntax of a cell is checked"
    assert done["report"]["after"] == [{"name": "syntax", "good": 1, "total": 1}]


async def test_untitled_documents(editor: Editor, script: Script) -> None:
    script(ADD_FIX)
    uri = editor.open("untitled:Untitled-1", ADD)
    done = await editor.fix(uri)
    assert done["applied"]
    assert done["report"]["name"] == "Untitled-1"
    other = editor.open("untitled:Untitled-2", "x = (\n", language="toml")
    assert await editor.menu(other, span(0, 0, 3)) == []
