"""The training command with a real child process that speaks the progress lines."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from editloop_lsp.training import Ended, TrainingError, run, train_argv
from editloop_lsp.trust import AGREE, REFUSE

from .editor import Editor, ServerError

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHILD = """
import json, signal, sys, time
def stop(*_): raise KeyboardInterrupt
signal.signal(signal.SIGTERM, stop)
def say(**what): print(json.dumps(what), flush=True)
print("reading", file=sys.stderr, flush=True)
print("not JSON", flush=True)
if sys.argv[1] == "wait":
    try:
        say(step="corpus", index=1, of=2, fraction=0.5, message="10 files")
        while True: time.sleep(1)
    except KeyboardInterrupt:
        open(sys.argv[2], "w").write("saved")
        say(error="stopped")
        sys.exit(130)
say(step="corpus", index=1, of=2, fraction=0.5, message="10 files")
if sys.argv[1] == "fail":
    say(error="no Python file in the folder")
    sys.exit(2)
if sys.argv[1] == "crash":
    raise SystemError("boom")
say(step="export", index=2, of=2, fraction=1.0, message="")
say(done=True, name="mine", path="/m.gguf", size=3, before={}, after={"pass@1": 0.5})
"""


async def play(*arguments: str) -> tuple[Ended, list[dict[str, Any]], list[str]]:
    steps: list[dict[str, Any]] = []
    lines: list[str] = []
    argv = [sys.executable, "-c", CHILD, *arguments]
    return await run(argv, steps.append, lines.append), steps, lines


async def test_steps_and_log_reach_the_caller() -> None:
    ended, steps, lines = await play("work")
    assert ended.exit == 0
    assert ended.summary["after"] == {"pass@1": 0.5}
    assert [step["step"] for step in steps] == ["corpus", "export"]
    assert sorted(lines) == ["not JSON", "reading"]


async def test_errors_are_one_line() -> None:
    ended, _, _ = await play("fail")
    assert (ended.exit, ended.error) == (2, "no Python file in the folder")
    ended, _, _ = await play("crash")
    assert (ended.exit, ended.error) == (1, "SystemError: boom")


async def test_cancel_lets_it_save(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", CHILD, "wait", str(tmp_path / "state")]
    started = asyncio.Event()
    task = asyncio.create_task(run(argv, lambda step: started.set(), lambda line: None))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (tmp_path / "state").read_text() == "saved"


async def test_the_command_line(tmp_path: Path) -> None:
    argument = {"folder": str(tmp_path), "minutes": 30, "name": "mine", "base": None, "use": True}
    argv = train_argv(argument)
    assert argv[1:5] == ["-P", "-m", "editloop", "train-and-export"]
    assert argv[5:9] == ["--corpus", str(tmp_path), "--minutes", "30"]
    assert argv[9:] == ["--name", "mine", "--use", "--progress", "json"]
    for wrong in ({}, {"minutes": "x"}, {"minutes": True}, {"name": "--out"}, {"name": 3}):
        with pytest.raises(TrainingError):
            train_argv({"folder": str(tmp_path) if wrong else "/no/such", **wrong})


async def test_what_the_real_command_says_of_a_wrong_name_reaches_a_person(
    editor: Editor, tmp_path: Path
) -> None:
    argument = {"folder": str(tmp_path), "name": "not/a name"}
    done = await editor.command("editloop.train", argument)
    assert (done["exit"], done["summary"]) == (2, {})
    assert "name" in done["reason"]
    assert editor.messages()[-1] == f"editloop: no model was trained: {done['reason']}"


async def test_a_wrong_folder_is_an_error_reply(editor: Editor) -> None:
    with pytest.raises(ServerError) as error:
        await editor.command("editloop.train", {"folder": "/no/such/folder"})
    assert error.value.code == -32602
    assert editor.messages()[-1] == "editloop: there is no folder '/no/such/folder' to train on"


Start = Callable[..., Awaitable[Editor]]


async def test_training_needs_the_consent_that_running_code_needs(
    start: Start, tmp_path: Path
) -> None:
    # Where it may start, this name ends the command before it does anything.
    argument = {"folder": str(tmp_path), "name": "not/a name"}
    editor = await start()
    editor.settings = {"runCode": "always"}
    await editor.initialize("visual_studio_code", [tmp_path], trusted=False)
    done = await editor.command("editloop.train", argument)
    assert (done["exit"], done["summary"]) == (-1, {})
    assert "the workspace is not trusted" in done["reason"]
    assert editor.messages()[-1] == f"editloop: no model was trained: {done['reason']}"
    editor.notify("editloop/didChangeTrust", {"trusted": True})
    assert (await editor.command("editloop.train", argument))["exit"] == 2


@pytest.mark.parametrize(
    ("setting", "answer", "told", "asked"),
    [
        ("never", AGREE, "editloop.runCode is never", 0),
        ("ask", REFUSE, "you did not agree", 1),
        ("ask", AGREE, "name", 1),
    ],
)
async def test_training_goes_by_run_code(
    start: Start, tmp_path: Path, setting: str, answer: str, told: str, asked: int
) -> None:
    editor = await start()
    editor.settings, editor.answer = {"runCode": setting}, answer
    await editor.initialize("visual_studio_code", [tmp_path], trusted=True)
    done = await editor.command("editloop.train", {"folder": str(tmp_path), "name": "not/a name"})
    assert done["exit"] == (2 if told == "name" else -1)
    assert told in done["reason"]
    assert [m for m, _ in editor.asked].count("window/showMessageRequest") == asked


async def test_what_was_agreed_for_a_folder_holds_for_training_on_it(
    start: Start, tmp_path: Path
) -> None:
    editor = await start()
    editor.settings, editor.answer = {"runCode": "ask"}, AGREE
    await editor.initialize("visual_studio_code", [tmp_path], trusted=True)
    path = tmp_path / "one.py"
    path.write_text('def one():\n    """\n    >>> one()\n    1\n    """\n    return 2\n')
    uri = editor.open(path.as_uri(), path.read_text())
    await editor.command("editloop.fix", {"uri": uri, "kind": "file"})
    for name in ("not/a name", "nor/this"):
        await editor.command("editloop.train", {"folder": str(tmp_path), "name": name})
    assert [m for m, _ in editor.asked].count("window/showMessageRequest") == 1
