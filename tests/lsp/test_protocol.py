"""What a server has to survive: malformed and unknown messages, the order of things, and clients
that go away.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from editloop_lsp.server import EditloopServer

from .conftest import Place, Script
from .editor import ROOT, Editor, Json, ServerError, command, server_env, span
from .samples import ADD, ADD_FIX, ENDLESS
from .test_jobs import begin

pytestmark = pytest.mark.asyncio(loop_scope="module")

Start = Callable[..., Awaitable[Editor]]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"jsonrpc": "2.0", "id": "x", "method": "no/such/method", "params": {}}, -32601),
        ({"jsonrpc": "2.0", "id": "x", "method": "textDocument/codeAction", "params": 3}, -32602),
        ({"jsonrpc": "2.0", "id": "x", "method": "textDocument/codeAction", "params": {}}, -32602),
        ({"jsonrpc": "2.0", "id": "x", "method": "textDocument/codeAction"}, -32602),
        ({"jsonrpc": "2.0", "id": "x", "method": "codeAction/resolve", "params": {}}, -32602),
        (
            {
                "jsonrpc": "2.0",
                "id": "x",
                "method": "codeAction/resolve",
                "params": {"title": "t", "data": {"uri": 1}},
            },
            -32602,
        ),
        ({"jsonrpc": "2.0", "id": "x", "method": "initialize", "params": {}}, -32600),
        ({"jsonrpc": "2.0", "id": "x", "method": 3}, -32600),
        ({"jsonrpc": "1.0", "id": "x", "method": "shutdown"}, -32600),
        ({"id": "x"}, -32600),
        (
            {
                "jsonrpc": "2.0",
                "id": "x",
                **dict(zip(("method", "params"), command("x"), strict=True)),
            },
            -32602,
        ),
        (
            {
                "jsonrpc": "2.0",
                "id": "x",
                "method": "workspace/executeCommand",
                "params": {"command": "editloop.fix", "arguments": [1, 2]},
            },
            -32602,
        ),
        (
            {
                "jsonrpc": "2.0",
                "id": "x",
                "method": "workspace/executeCommand",
                "params": {"command": "editloop.fix", "arguments": []},
            },
            -32602,
        ),
    ],
)
async def test_a_wrong_request_gets_an_error(editor: Editor, message: Json, code: int) -> None:
    editor._replies.pop("x", None)
    editor.send(message)
    reply = await asyncio.wait_for(editor.reply("x"), 60)
    assert reply["error"]["code"] == code
    assert "\n" not in reply["error"]["message"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"3", b"\xff\xfe", b"[" * 100_000])
async def test_what_is_no_message_gets_an_error_without_an_id(editor: Editor, body: bytes) -> None:
    editor._replies.pop(None, None)
    editor.send_bytes(body)
    reply = await asyncio.wait_for(editor.reply(None), 60)
    assert reply["error"]["code"] in (-32700, -32600)


async def test_wrong_notifications_and_answers_are_ignored(editor: Editor, place: Place) -> None:
    for method in ("textDocument/didChange", "textDocument/didClose", "no/such", "$/setTrace"):
        editor.notify(method, {"textDocument": {"uri": "file:///not/open.py", "version": 1}})
    editor.notify("$/cancelRequest", {"id": "nobody"})
    editor.notify("window/workDoneProgress/cancel", {"token": "nobody"})
    editor.notify("editloop/didChangeTrust", {"trusted": "perhaps"})
    editor.notify("editloop/didChangeTrust", [])
    editor.send({"jsonrpc": "2.0", "id": "nobody", "result": 1})
    editor.send({"jsonrpc": "2.0", "id": "nobody", "error": {"code": 1, "message": "no"}})
    uri = editor.open(place(), ADD)
    assert await editor.menu(uri, span(0, 0, 3))


async def test_headers_in_any_case_and_with_more_fields(editor: Editor, place: Place) -> None:
    body = b'{"jsonrpc":"2.0","id":"head","method":"workspace/executeCommand",' + (
        b'"params":{"command":"editloop.status"}}'
    )
    assert editor.process.stdin is not None
    head = b"content-type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-LENGTH: "
    editor.process.stdin.write(head + b"%d\r\n\r\n" % len(body) + body)
    assert "result" in await asyncio.wait_for(editor.reply("head"), 60)


async def test_order_of_a_session(start: Start) -> None:
    editor = await start()
    with pytest.raises(ServerError) as early:
        await editor.menu("file:///a.py", span(0))
    assert early.value.code == -32002
    editor.notify("textDocument/didOpen", {})
    with pytest.raises(ServerError) as malformed:
        await editor.request("initialize", {"capabilities": 3})
    assert malformed.value.code == -32602
    await editor.initialize("neovim")
    await editor.request("shutdown", None)
    with pytest.raises(ServerError) as late:
        await editor.menu("file:///a.py", span(0))
    assert late.value.code == -32600
    editor.notify("exit", None)
    assert await editor.ended() == 0


async def test_exit_without_shutdown(start: Start) -> None:
    editor = await start()
    await editor.initialize("neovim")
    editor.notify("exit", None)
    assert await editor.ended() == 1


async def workers_of(editor: Editor) -> list[int]:
    told = await editor.command("editloop.debugInformation")
    return [int(pid) for pid in re.findall(r"process \| (\d+), restarted", told["markdown"])]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("way", ["shutdown", "end of input", "killed"])
async def test_the_end_of_a_session_during_a_job(
    start: Start, folder: Path, script: Script, place: Place, way: str
) -> None:
    editor = await start()
    editor.settings = {"runCode": "always", "budget": 600}  # longer than this takes
    await editor.initialize("visual_studio_code", [folder], trusted=True, status=True)
    uri = editor.open(place(), ENDLESS)
    number = await begin(editor, uri)
    workers = await workers_of(editor)
    assert len(workers) == 2
    assert all(map(alive, workers))
    if way == "shutdown":
        assert await editor.stop() == 0
        assert (await editor.result(number))["reason"] == "the server is shutting down"
    elif way == "end of input":
        assert editor.process.stdin is not None
        editor.process.stdin.close()
        assert await editor.ended() == 1
    else:
        editor.process.send_signal(signal.SIGKILL)
        await editor.ended()
    await gone(workers)


async def gone(workers: list[int]) -> None:
    """Orphans end by themselves, as their input does; nothing tells when."""
    async with asyncio.timeout(20):
        while any(map(alive, workers)):
            await asyncio.sleep(0.01)


async def test_over_a_socket(start: Start, place: Place) -> None:
    """The same server, for development."""
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "editloop", "serve", "--tcp", "localhost:0"),
        stderr=asyncio.subprocess.PIPE,
        env=server_env(),
        cwd=ROOT,
    )
    assert server.stderr is not None
    told = (await server.stderr.readline()).decode()
    host, _, port = told.removeprefix("listening on ").strip().rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}'
    writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
    assert head.startswith(b"Content-Length: ")
    writer.close()
    assert await asyncio.wait_for(server.wait(), 60) == 1
    await server.stderr.read()


async def test_positions_in_all_encodings(
    start: Start, folder: Path, script: Script, place: Place
) -> None:
    source = ADD.replace("    return a - b", "    return '😋' and a - b")
    for encoding, character in (("utf-8", 24), ("utf-32", 21)):
        editor = await start()
        editor.settings = {"runCode": "always"}
        client = {"general": {"positionEncodings": [encoding, "utf-16"]}}
        told = await editor.initialize(client, [folder], settings={"runCode": "always"})
        assert told["positionEncoding"] == encoding
        script("### REPW 2 >>>- >>>+")
        uri = editor.open(place(), source)
        done = await editor.fix(uri, apply=False)
        assert done["status"] == "fixed", done
        [edit] = done["edit"]["changes"][uri]
        assert edit["range"] == span(5, character, character + 1)
        editor.apply(done["edit"])
        assert editor.texts[uri] == source.replace("a - b", "a + b")


async def test_a_session_with_no_capabilities_at_all(
    start: Start, place: Place, script: Script
) -> None:
    editor = await start()
    await editor.initialize({}, settings={"runCode": "always", "budget": "soon"})
    uri = editor.open(place(), ADD)
    [command_only, *_] = await editor.menu(uri, span(5, 0, 4))
    assert command_only["command"] == "editloop.fix"
    script(ADD_FIX)
    done = await editor.request("workspace/executeCommand", command_only)
    assert done["applied"]
    assert editor.texts[uri] == ADD.replace("-", "+")
    assert editor.messages()[0] == 'editloop.budget: "soon" is not a number; 0.0 is used'
    assert "$/progress" not in dict(editor.notes)


async def test_nothing_is_kept_of_a_notification(place: Place) -> None:
    server = EditloopServer()
    server.protocol.set_writer(io.BytesIO())

    def receive(method: str, params: Json, **more: object) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": params, **more}
        server.protocol.receive(json.dumps(message).encode())

    receive("initialize", {"capabilities": {}, "processId": None, "rootUri": None}, id=1)
    document = {"uri": place(), "version": 1}
    receive("textDocument/didOpen", {"textDocument": {**document, "languageId": "", "text": ADD}})
    for _ in range(10):
        changed = {"textDocument": document, "contentChanges": [{"text": ADD}]}
        receive("textDocument/didChange", changed)
    receive("textDocument/didClose", {"textDocument": document})
    assert not server.protocol._request_futures
    await server.finish()
