"""Jobs: progress, all ways to cancel, changes meanwhile, taking turns, and processes that die."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Awaitable, Callable

import pytest

from .conftest import Place, Script
from .editor import Editor, Json, ServerError, command, span
from .samples import ADD, ADD_FIX, ENDLESS

pytestmark = pytest.mark.asyncio(loop_scope="module")

Begin = Callable[..., Awaitable[int]]


async def begin(editor: Editor, uri: str, **more: object) -> int:
    """Start a fix and wait until its search runs."""
    argument = {"uri": uri, "version": editor.versions[uri], "kind": "file", **more}
    seen = len(editor.notes)
    number = editor.begin(*command("editloop.fix", argument))

    def searching() -> bool:
        told = [params for method, params in editor.notes[seen:] if method == "editloop/status"]
        return any(now.get("job", {}).get("candidates", 0) > 0 for now in told)

    await editor.until(searching)
    return number


async def pids(editor: Editor) -> dict[str, int]:
    """The worker processes by name."""
    told = await editor.command("editloop.debugInformation")
    return {
        name: int(pid)
        for name, pid in re.findall(r"\| (fix|check) process \| (\d+),", told["markdown"])
    }


def progress(editor: Editor, token: object) -> list[Json]:
    return [
        params["value"]
        for method, params in editor.notes
        if method == "$/progress" and params["token"] == token
    ]


async def test_progress_by_the_clients_token(editor: Editor, script: Script, place: Place) -> None:
    script(ADD_FIX)
    uri = editor.open(place(), ADD)
    method, params = command("editloop.fix", {"uri": uri, "kind": "file"})
    done = await editor.request(method, {**params, "workDoneToken": "mine"})
    first, *between, last = progress(editor, "mine")
    assert first["kind"] == "begin"
    assert first["cancellable"]
    assert [one["kind"] for one in between] == ["report"] * len(between)
    assert between
    assert re.match(r"turn 1, \d+ candidates, syntax 1/1, ", between[0]["message"])
    assert last == {"kind": "end", "message": done["report"]["line"]}


async def test_progress_by_a_token_of_the_servers(
    editor: Editor, script: Script, place: Place
) -> None:
    uri = editor.open(place(), ENDLESS)
    number = await begin(editor, uri)
    token = [p["token"] for m, p in editor.asked if m == "window/workDoneProgress/create"][-1]
    await editor.until(lambda: len(progress(editor, token)) > 1)
    editor.notify("window/workDoneProgress/cancel", {"token": token})
    done = await editor.result(number)
    assert (done["status"], done["reason"]) == ("cancelled", "cancelled")
    assert editor.messages()[-1] == "sample.py: cancelled"
    assert progress(editor, token)[-1] == {"kind": "end", "message": "cancelled"}


async def test_cancel_request(editor: Editor, script: Script, place: Place) -> None:
    uri = editor.open(place(), ENDLESS)
    number = await begin(editor, uri)
    editor.cancel(number)
    with pytest.raises(ServerError) as error:
        await editor.result(number)
    assert error.value.code == -32800
    assert not (await editor.command("editloop.status"))["busy"]


async def test_an_edit_that_is_on_its_way_is_not_called_cancelled(
    editor: Editor, script: Script, place: Place
) -> None:
    script(ADD_FIX)
    editor.silent.add("workspace/applyEdit")
    uri = editor.open(place(), ADD)
    seen = len(editor.asked)
    number = editor.begin(*command("editloop.fix", {"uri": uri, "kind": "file"}))
    await editor.until(lambda: "workspace/applyEdit" in dict(editor.asked[seen:]))
    editor.cancel(number)
    editor.apply(dict(editor.asked[seen:])["workspace/applyEdit"]["edit"])
    done = await editor.result(number)
    editor.silent.clear()
    assert (done["status"], done["applied"]) == ("fixed", True)


async def test_cancel_request_of_a_lazy_action(
    editor: Editor, script: Script, place: Place
) -> None:
    uri = editor.open(place(), ENDLESS)
    action = (await editor.menu(uri, span(5, 0, 9)))[-1]
    number = editor.begin("codeAction/resolve", action)
    await editor.told(
        "editloop/status",
        lambda now: now.get("job", {}).get("uri") == uri and now["job"]["candidates"] > 0,
    )
    editor.cancel(number)
    with pytest.raises(ServerError) as error:
        await editor.result(number)
    assert error.value.code == -32800


async def test_cancel_command(editor: Editor, script: Script, place: Place) -> None:
    uri = editor.open(place(), ENDLESS)
    number = await begin(editor, uri)
    assert await editor.command("editloop.cancel", {"uri": "file:///other.py"}) == {"cancelled": 0}
    assert await editor.command("editloop.cancel") == {"cancelled": 1}
    assert (await editor.result(number))["status"] == "cancelled"


async def test_the_menu_and_other_commands_are_answered_during_a_fix(
    editor: Editor, script: Script, place: Place
) -> None:
    uri = editor.open(place(), ENDLESS)
    number = await begin(editor, uri)
    assert await editor.menu(uri, span(5, 0, 9))
    assert (await editor.command("editloop.status"))["busy"]
    assert not editor.reply(number).done()
    editor.cancel(number)


async def test_equal_requests_share_a_job_and_another_one_replaces_it(
    editor: Editor, script: Script, place: Place
) -> None:
    uri = editor.open(place(), ENDLESS)
    first = await begin(editor, uri)
    argument = {"uri": uri, "version": 1, "kind": "file"}
    second = editor.begin(*command("editloop.fix", argument))
    other = editor.begin(*command("editloop.fix", {**argument, "kind": "function"}))
    for number in (first, second):
        done = await editor.result(number)
        assert done["reason"] == "replaced by a newer request for the same file"
    assert await editor.command("editloop.cancel") == {"cancelled": 1}
    assert (await editor.result(other))["status"] == "cancelled"


async def test_documents_take_turns(editor: Editor, script: Script, place: Place) -> None:
    script(ADD_FIX)
    waiting = [editor.open(place(f"{n}.py"), ADD) for n in range(3)]
    long = editor.open(place("long.py"), ENDLESS)
    number = await begin(editor, long)
    numbers = [
        editor.begin(*command("editloop.fix", {"uri": uri, "kind": "file"})) for uri in waiting
    ]
    editor.cancel(number)
    order: list[int] = []
    for one in numbers:
        editor.reply(one).add_done_callback(lambda reply: order.append(reply.result()["id"]))
    for one in numbers:
        assert (await editor.result(one))["applied"]
    assert order == numbers


async def test_an_edit_elsewhere_moves_the_fixes_that_were_found(
    editor: Editor, script: Script, place: Place
) -> None:
    uri = editor.open(place(), ADD.replace("a - b", "a + b + 1"))
    await editor.fix(uri, apply=False)
    editor.change(uri, f"# two\n# lines\n{editor.texts[uri]}# and one after\n")
    chosen = await editor.command("editloop.applyAlternative", {"uri": uri, "index": 0})
    assert chosen["applied"]
    first, second, *body, after = editor.texts[uri].splitlines()
    assert (first, second, after) == ("# two", "# lines", "# and one after")
    assert body[:-1] == ADD.splitlines()[:-1]
    chosen = await editor.command("editloop.applyAlternative", {"uri": uri, "index": 1})
    assert (chosen["applied"], chosen["status"]) == (False, "stale")
    assert (await editor.fix(uri, version=1))["status"] == "stale"


@pytest.mark.parametrize("where", ["elsewhere", "in the function"])
async def test_a_document_that_changes_during_the_fix(
    editor: Editor, script: Script, place: Place, where: str
) -> None:
    source = f"{ADD.replace('a - b', 'a + b + 1')}\n\ntail = 1\n"
    script()
    uri = editor.open(place(), source)
    ahead = await begin(editor, editor.open(place("ahead.py"), ENDLESS))
    number = editor.begin(*command("editloop.fix", {"uri": uri, "kind": "file"}))
    await editor.command("editloop.status")  # the fix has begun, and waits for its turn
    if where == "elsewhere":
        changed = source.replace("tail = 1", "tail = 2\nmore = 3")
    else:
        changed = source.replace("def add(a, b):", "def add(a, b=0):")
    editor.change(uri, changed)
    editor.cancel(ahead)
    done = await editor.result(number)
    if where == "elsewhere":
        assert done["applied"]
        assert "tail = 2\nmore = 3\n" in editor.texts[uri]
        assert editor.texts[uri] != changed
    else:
        assert (done["status"], done["applied"]) == ("stale", False)
        assert editor.texts[uri] == changed
        assert editor.messages()[-1] == (
            "sample.py: the fix was not applied: the document changed meanwhile where the fix is"
        )


async def test_closing_a_document_ends_its_job(
    editor: Editor, script: Script, place: Place
) -> None:
    uri = editor.open(place(), ENDLESS)
    number = await begin(editor, uri)
    editor.close(uri)
    done = await editor.result(number)
    assert (done["status"], done["reason"]) == ("cancelled", "the document was closed")


async def test_a_worker_that_does_not_stop_is_replaced(
    editor: Editor, script: Script, place: Place
) -> None:
    script(ADD_FIX)
    uri, other = editor.open(place("a.py"), ENDLESS), editor.open(place("b.py"), ADD)
    number = await begin(editor, uri)
    before = (await pids(editor))["fix"]
    os.kill(before, signal.SIGSTOP)  # as deaf as a worker in an endless native call
    await editor.command("editloop.cancel")
    assert (await editor.result(number))["status"] == "cancelled"
    assert (await editor.fix(other))["applied"]
    assert (await pids(editor))["fix"] != before
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


async def test_a_worker_that_crashes_is_started_again(
    editor: Editor, script: Script, place: Place
) -> None:
    script(ADD_FIX)
    uri, other = editor.open(place("a.py"), ENDLESS), editor.open(place("b.py"), ADD)
    number = await begin(editor, uri)
    os.kill((await pids(editor))["fix"], signal.SIGSEGV)
    done = await editor.result(number)
    assert (done["status"], done["applied"]) == ("error", False)
    assert re.match(r"the fix process was ended by SIGSEGV and is started again", done["reason"])
    assert (await editor.fix(other))["applied"]


async def test_a_client_that_never_answers_applied_the_edit_if_the_text_changed(
    editor: Editor, script: Script, place: Place
) -> None:
    script(ADD_FIX)
    uri = editor.open(place(), ADD)
    editor.silent = {"workspace/applyEdit"}
    number = editor.begin(*command("editloop.fix", {"uri": uri, "kind": "file"}))
    seen = len(editor.asked)
    await editor.until(lambda: "workspace/applyEdit" in dict(editor.asked[seen:]))
    editor.apply(editor.asked[-1][1]["edit"])
    assert (await editor.result(number))["applied"]
    editor.silent = set()
