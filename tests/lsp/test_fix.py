"""A fix from the menu to the applied edit, in the editors' own ways."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

from .conftest import Place, Script
from .editor import Editor, span
from .samples import ADD, ADD_FIX, ENDLESS, MEAN, MEAN_FIX

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNDEFINED = {"range": span(5, 29, 34), "message": "Undefined name `value`", "code": "F821"}


async def test_quick_fix_is_lazy_then_verified_and_preferred(
    editor: Editor, script: Script, place: Place
) -> None:
    script(ADD_FIX)
    uri = editor.open(place(), ADD)
    broken = {"range": span(5, 4, 16), "message": "add(2, 3) -> -1", "source": "pytest"}
    [action, *_] = await editor.menu(uri, span(5, 8), [broken])
    assert action["title"] == "Fix: add(2, 3) -> -1 (editloop)"
    assert action["kind"] == "quickfix"
    assert action["diagnostics"] == [broken]
    assert "edit" not in action
    assert "command" not in action
    assert not action.get("isPreferred")
    resolved = await editor.request("codeAction/resolve", action)
    [change] = resolved["edit"]["documentChanges"]
    assert change["textDocument"] == {"uri": uri, "version": 1}
    assert change["edits"] == [
        {"range": span(5, 13, 14), "newText": "+", "annotationId": "editloop"}
    ]
    label = "editloop: 1 example passes"
    assert resolved["edit"]["changeAnnotations"]["editloop"]["label"] == label
    [again, *_] = await editor.menu(uri, span(5, 8), [broken])
    assert again["isPreferred"]
    assert again["edit"] == resolved["edit"]
    assert again["title"] == "Fix: add(2, 3) -> -1 (editloop): 1 example passes"
    editor.apply(again["edit"])
    assert editor.texts[uri] == ADD.replace("a - b", "a + b")


async def test_only_what_failed_as_a_test_before_makes_a_fix_preferred(
    editor: Editor, script: Script, place: Place
) -> None:
    script(MEAN_FIX)
    uri = editor.open(place(), MEAN)
    [action, *_] = await editor.menu(uri, UNDEFINED["range"], [UNDEFINED])
    await editor.request("codeAction/resolve", action)
    [again, *_] = await editor.menu(uri, UNDEFINED["range"], [UNDEFINED])
    assert "edit" in again
    assert not again.get("isPreferred")  # the doctest could not run before, so it did not fail


async def test_the_menu_is_empty_where_nothing_is_wrong(editor: Editor, place: Place) -> None:
    uri = editor.open(place(), ADD)
    await editor.diagnosed(uri)
    assert await editor.menu(uri, span(5, 8)) == []
    titles = [action["title"] for action in await editor.menu(uri, span(5, 4, 10))]
    assert titles == [
        "Fix this code: selection (editloop)",
        "Fix this code: function add (editloop)",
        "Fix this code: file (editloop)",
    ]
    assert await editor.menu(uri, span(0), only=["source"]) == []
    assert await editor.menu("file:///not/open.py", span(0)) == []


async def test_our_own_diagnostics_stand_in_for_an_empty_context(
    editor: Editor, place: Place
) -> None:
    uri = editor.open(place(), MEAN)
    [own] = await editor.diagnosed(uri)
    assert own["code"] == "F821"
    assert own["range"] == span(5, 29, 34)
    [action, *_] = await editor.menu(uri, span(5, 2))
    assert action["diagnostics"] == [own]
    [everything] = await editor.menu(uri, span(0), only=["source.fixAll.editloop"])
    assert everything["title"] == "Fix all verified (editloop)"
    assert everything["kind"] == "source.fixAll.editloop"


@pytest.mark.parametrize("kind", ["selection", "function", "file"])
async def test_every_kind_of_target(
    editor: Editor, script: Script, place: Place, kind: str
) -> None:
    script(ADD_FIX)
    uri = editor.open(place(), ADD)
    done = await editor.fix(uri, kind, range=span(5, 0, 4))
    assert done["status"] == "fixed"
    assert done["applied"]
    assert editor.texts[uri] == ADD.replace("a - b", "a + b")
    assert editor.undo[-1] == "editloop: 1 example passes"


async def test_the_report_says_what_was_checked(
    editor: Editor, script: Script, place: Place
) -> None:
    script(ADD_FIX)
    uri = editor.open(place("sums.py"), ADD)
    done = await editor.fix(uri, apply=False)
    assert not done["applied"]
    assert editor.texts[uri] == ADD
    told = await editor.command("editloop.showLastReport", {"uri": uri})
    report = told["report"]
    assert report == done["report"]
    assert report["before"][-1] == {"name": "doctests", "good": 0, "total": 1}
    assert report["after"][-1] == {"name": "doctests", "good": 1, "total": 1}
    assert report["commands"] == [ADD_FIX]
    assert "-    return a - b\n+    return a + b\n" in report["diff"]
    assert report["proven"]
    for part in ("# sums.py: fixed", "```diff", ADD_FIX, "level ", "add(2, 3) -> -1, expected 5"):
        assert part in told["markdown"]
    assert not editor.messages(), "a client that asked for the status shows the report itself"


async def test_alternatives_can_be_chosen(editor: Editor, script: Script, place: Place) -> None:
    script()
    source = ADD.replace("a - b", "a + b + 1")
    uri = editor.open(place(), source)
    done = await editor.fix(uri, apply=False)
    assert done["alternatives"], "removing `+ 1` is not the only way"
    other = done["alternatives"][0]
    assert other["label"] == "editloop: 1 example passes"
    assert other["diff"] != done["report"]["diff"]
    missing = await editor.command("editloop.applyAlternative", {"uri": uri, "index": 99})
    assert missing == {"applied": False, "reason": "there is no such alternative"}
    chosen = await editor.command("editloop.applyAlternative", {"uri": uri, "index": 0})
    assert chosen["applied"]
    assert editor.texts[uri] != source


async def test_fixing_all_goes_on_after_a_failure(
    editor: Editor, script: Script, place: Place
) -> None:
    script()
    filler = "\n".join(f"x{n} = {n}" for n in range(90))
    source = (
        f"{ADD}\n\n{filler}\n\n\n{ENDLESS}\n\n"
        "def last(values):\n    total = 0\n    for value in values:\n        total += valu\n"
        "    return total\n"
    )
    uri = editor.open(place(), source)
    editor.configure(runCode="always", budget=1, preferFrom=0)
    done = await editor.fix(uri, "all")
    editor.configure(runCode="always")
    assert (done["status"], done["reason"], done["applied"]) == ("fixed", "1 fixed, 2 not", True)
    assert "return a + b\n" in editor.texts[uri]
    assert "total += valu\n" in editor.texts[uri], "a possible fix is looked at by itself"
    assert ENDLESS in editor.texts[uri]
    notes = done["report"]["notes"]
    assert any("left out, a possible fix: " in note for note in notes), notes
    lines = [note.partition(":")[0] for note in notes]
    assert sorted(lines) == ["line 1", "line 101", "line 116"]


async def test_nothing_wrong_is_said_in_one_line(
    editor: Editor, script: Script, place: Place
) -> None:
    uri = editor.open(place(), ADD.replace("-", "+"))
    done = await editor.fix(uri)
    assert (done["status"], done["applied"]) == ("nothing wrong", False)
    assert (
        editor.messages()[-1]
        == "sample.py: nothing wrong found: it parses, no findings, 1 example passes"
    )
    foreign = {"range": span(5, 4, 9), "message": "Type mismatch", "source": "pylint"}
    [action, *_] = await editor.menu(uri, span(5, 4), [foreign])
    assert "edit" not in await editor.request("codeAction/resolve", action)
    assert editor.messages()[-1] == (
        "sample.py: nothing wrong found: every check of editloop passes; it cannot check this "
        "diagnostic itself"
    )


async def test_a_hint_that_was_asked_about_has_to_be_gone(
    editor: Editor, script: Script, place: Place
) -> None:
    script("### DELL 1")
    uri = editor.open(place(), "import os\n\nprint(1)\n")
    [hint] = await editor.diagnosed(uri)
    assert (hint["code"], hint["severity"], hint["tags"]) == ("F401", 3, [1])
    [action, *_] = await editor.menu(uri, hint["range"])
    resolved = await editor.request("codeAction/resolve", action)
    editor.apply(resolved["edit"])
    assert editor.texts[uri] == "\nprint(1)\n"


async def test_no_fix_within_the_budget(editor: Editor, script: Script, place: Place) -> None:
    uri = editor.open(place(), ENDLESS)
    editor.configure(runCode="always", budget=0.3)
    done = await editor.fix(uri)
    editor.configure(runCode="always")
    assert (done["status"], done["applied"]) == ("not found", False)
    assert editor.messages()[-1].startswith("sample.py: not fixed: out of time after 0.3 s")
    assert editor.messages()[-1].endswith("; give it more seconds: editloop.budget 0.6")


@pytest.mark.parametrize(
    "source", ["", "\n", "def f(:\r\n    return '😋\u2028' + x\r\n", "x = (\n"]
)
async def test_odd_documents_are_answered(
    editor: Editor, script: Script, place: Place, source: str
) -> None:
    script()
    uri = editor.open(place(), source)
    editor.configure(runCode="always", budget=0.3)
    done = await editor.fix(uri, "selection", range=span(7, 3, 9, last=8))
    editor.configure(runCode="always")
    assert done["status"] in ("possible fix", "nothing wrong", "not found")
    assert isinstance(await editor.menu(uri, span(99, 0, 5)), list)


async def test_many_documents_and_a_long_one(editor: Editor, script: Script, place: Place) -> None:
    script(MEAN_FIX)
    long = "".join(f"def f{n}(a, b):\n    return a + b * {n}\n" for n in range(10_000))
    uri = editor.open(place("long.py"), f"{long}{ADD}")
    others = [editor.open(place(f"{n}.py"), MEAN) for n in range(200)]
    titles = [action["title"] for action in await editor.menu(uri, span(20_005, 4, 9))]
    assert "Fix this code: function add (editloop)" in titles
    assert [d["code"] for d in await editor.diagnosed(others[-1])] == ["F821"]
    assert await editor.diagnosed(uri) == []
    assert (await editor.fix(others[0], apply=False))["status"] == "fixed"
    for other in (uri, *others):
        editor.close(other)


LARGER = '''\
def larger(values, limit):
    """
    >>> larger([1, 5, 7], 4)
    2
    """
    count = 0
    for value in values:
        if value < limit:
            count += 1
    return count
'''


async def test_where_fixes_differ_a_person_is_asked(
    editor: Editor, script: Script, place: Place
) -> None:
    script()
    uri = editor.open(place("larger.py"), LARGER)
    failing = {"range": span(2, 4, 28), "message": "larger([1, 5, 7], 4) -> 1"}
    [action, *_] = await editor.menu(uri, span(2, 8), [failing])
    await editor.request("codeAction/resolve", action)
    asked = await editor.command("editloop.trust", {"uri": uri})
    question = asked["question"]
    assert question["line"].startswith(f"{question['call']}: this fix "), asked
    assert len(question["answers"]) == asked["trust"]["fixes"] > 1
    [again, *_] = await editor.menu(uri, span(2, 8), [failing])
    assert question["call"] in again["title"]
    assert not again.get("isPreferred"), "another fix is known to differ"
    told = (await editor.command("editloop.showLastReport", {"uri": uri}))["markdown"]
    assert f"| differs | {question['line']} |" in told

    keep = {"uri": uri, "call": "larger([], 4)", "answer": "0"}
    editor.apply((await editor.command("editloop.keepExample", keep))["edit"])
    assert ">>> larger([], 4)\n    0\n" in editor.texts[uri]
    missing = await editor.command("editloop.keepExample", {**keep, "call": "other(1)"})
    assert missing == {"edit": None, "reason": "no docstring of larger.py can hold the example"}


async def test_one_example_is_not_enough_to_be_preferred(
    editor: Editor, script: Script, place: Place
) -> None:
    script(ADD_FIX)
    uri = editor.open(place("sums.py"), ADD)
    failing = {"range": span(2, 4, 17), "message": "add(2, 3) -> -1"}
    [action, *_] = await editor.menu(uri, span(2, 8), [failing])
    await editor.request("codeAction/resolve", action)
    trust = (await editor.command("editloop.trust", {"uri": uri}))["trust"]
    counted = trust["line"].rpartition("; ")[2]
    assert counted.startswith("of fixes like this, "), trust
    [again, *_] = await editor.menu(uri, span(2, 8), [failing])
    assert again["title"].endswith(counted)
    assert not again.get("isPreferred")
    every = await editor.fix(uri, "all")
    assert (every["status"], every["applied"]) == ("not found", False)
    assert every["reason"].endswith(counted)

    editor.configure(runCode="always", preferFrom=0)
    [again, *_] = await editor.menu(uri, span(2, 8), [failing])
    assert again["isPreferred"]
    assert counted not in again["title"]
    every = await editor.fix(uri, "all")
    assert (every["status"], editor.texts[uri]) == ("fixed", ADD.replace("-", "+"))
    editor.configure(runCode="always")


async def test_a_possible_fix_is_called_so_and_no_part_of_fixing_all(
    editor: Editor, script: Script, place: Place
) -> None:
    script()
    uri = editor.open(place("half.py"), "def half(number)\n    return number / 2\n")
    done = await editor.fix(uri, apply=False)
    words = "no findings; no code was run"
    assert (done["status"], done["report"]["possible"]) == ("possible fix", words)
    assert done["report"]["line"].startswith(f"half.py: possible fix: {words}")
    assert (done["report"]["verified"], done["report"]["proven"]) == ("", False)
    every = await editor.fix(uri, "all")
    assert (every["status"], every["applied"]) == ("not found", False)
    assert "only a possible fix, to be looked at by itself" in every["reason"]


SCRIPT = """\
def last(items):
    return items[len(items)]


print(last([1, 2, 3]))
"""
SCRIPT_FIX = "### REPW 2 >>>len(items) >>>-1"
TRACEBACK = """\
Traceback (most recent call last):
  File "/home/me/sample.py", line 5, in <module>
    print(last([1, 2, 3]))
          ^^^^^^^^^^^^^^^
  File "/home/me/sample.py", line 2, in last
    return items[len(items)]
           ~~~~~^^^^^^^^^^^^
IndexError: list index out of range
"""


@pytest.mark.parametrize(
    "told", [{"run": "python sample.py"}, {"traceback": TRACEBACK}], ids=["command", "traceback"]
)
async def test_the_error_of_the_last_run_is_fixed(
    editor: Editor, script: Script, place: Place, told: dict[str, str]
) -> None:
    script(SCRIPT_FIX)
    path = Path(unquote(urlparse(place()).path))
    path.write_text(SCRIPT)
    uri = editor.open(place(), SCRIPT)
    result = await editor.fix(uri=uri, kind="run", **told)
    assert result["status"] == "possible fix", result
    assert "+    return items[-1]" in result["report"]["diff"]
    assert {"name": "command", "good": 1, "total": 1} in result["report"]["after"]


async def test_a_run_that_cannot_be_repeated_says_so(
    editor: Editor, script: Script, place: Place
) -> None:
    script(SCRIPT_FIX)
    uri = editor.open(place("other.py"), SCRIPT)
    result = await editor.fix(uri=uri, kind="run", traceback=TRACEBACK)
    assert result["status"] == "error"
    assert "no line of the traceback is in other.py (it names sample.py)" in result["reason"]
    called = TRACEBACK.replace("sample.py", "other.py").replace("<module>", "f", 1)
    result = await editor.fix(uri=uri, kind="run", traceback=called)
    assert result["status"] == "possible fix"
    assert result["report"]["line"].startswith("other.py: possible fix: no findings; ")
    assert "the traceback was not reproduced" in result["report"]["possible"]
