"""A model behind a server: how it is asked, what it may answer, and everything that goes wrong."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from editloop.model.backend import Chat, Gap, ModelError, ModelLost, Plain, Prompt, Sampling
from editloop.model.completions import read_echo
from editloop.model.families import family_fill, spelled_control
from editloop.model.server import KEY, ServerModel
from editloop.policy import Cancelled

from .model_server import Handler, serving

GAP = Gap("def f(items):\n    return ", "\n\n\nprint(f([1]))\n")
CHAT = Chat((("system", "You repair code."), ("user", "def f(): retrun 1")))
QWEN = "Qwen/Qwen2.5-Coder-1.5B-Instruct"


def texts(model: ServerModel, prompt: Prompt, **how: Any) -> list[str]:
    [replies] = model.complete([prompt], Sampling(**how))
    return [reply.text for reply in replies]


def test_llama_server_fills_by_its_own_endpoint() -> None:
    with serving("llama", reply="items[0]\n  # more") as server:
        model = ServerModel(server.url)
        [[reply]] = model.complete([GAP], Sampling(stop=("\n",), max_tokens=9))
        assert (reply.text, reply.tokens, reply.finished) == ("items[0]", 3, True)
        path, body = server.asked[-1]
        assert path == "/infill"
        assert (body["input_prefix"], body["input_suffix"]) == (GAP.before, GAP.after)
        assert (body["n_predict"], body["stop"], body["model"]) == (9, ["\n"], "some-model")
        assert model.name == "some-model"


def test_a_suffix_is_used_where_it_is_heeded() -> None:
    with serving("ollama") as server:
        assert texts(ServerModel(server.url), GAP) == ["items[0]"]
        path, body = server.asked[-1]
        assert (path, body["prompt"], body["suffix"]) == ("/v1/completions", GAP.before, GAP.after)


@pytest.mark.parametrize("kind", ["vllm", "deaf"])
def test_raw_fill_in_tokens_where_the_name_tells_the_family(kind: str) -> None:
    with serving(kind, name=QWEN) as server:
        assert texts(ServerModel(server.url), GAP, stop=("\n",)) == ["items[0]"]
        _, body = server.asked[-1]
        assert body["prompt"] == (
            f"<|fim_prefix|>{GAP.before}<|fim_suffix|>{GAP.after}<|fim_middle|>"
        )
        assert "suffix" not in body
        assert {"\n", "<|endoftext|>"} <= set(body["stop"])


@pytest.mark.parametrize(
    "reply",
    [
        "items[0]",
        "```python\nitems[0]\n```",
        "Here:\n```python\n    return items[0]\n```\nIt is the first.",
    ],
)
def test_by_chat_where_there_is_nothing_else(reply: str) -> None:
    with serving("vllm", reply=reply) as server:  # its name tells no family
        assert texts(ServerModel(server.url), GAP, stop=("\n",)) == ["items[0]"]
        path, body = server.asked[-1]
        assert path == "/v1/chat/completions"
        [message] = body["messages"]
        assert "return <<<MISSING>>>\n\n\nprint(" in message["content"]


def test_the_way_is_found_once() -> None:
    with serving("vllm", name=QWEN) as server:
        model = ServerModel(server.url)
        texts(model, GAP)
        before = len(server.asked)
        texts(model, GAP)
        assert len(server.asked) == before + 1


@pytest.mark.parametrize(("kind", "asked"), [("vllm", 1), ("ollama", 5)])
def test_several_replies(kind: str, asked: int) -> None:
    """By one question, or by one after the other where the server gives one at a time."""
    with serving(kind) as server:
        found = texts(ServerModel(server.url), Plain("def"), n=5, temperature=0.8, seed=7)
        assert found == ["items[0]"] * 5
        assert len(server.asked) == asked
        seeds = [body["seed"] for _, body in server.asked]
        assert len(set(seeds)) == len(seeds)


def test_greedy_replies_are_asked_for_once() -> None:
    with serving("vllm") as server:
        assert texts(ServerModel(server.url), Plain("def"), n=3) == ["items[0]"] * 3
        assert len(server.asked) == 1


def test_many_prompts_keep_their_order() -> None:
    with serving("vllm") as server:
        prompts = [Plain(f"def f{n}") for n in range(20)]
        found = ServerModel(server.url).complete(prompts, Sampling(n=2, temperature=1.0))
        assert [len(replies) for replies in found] == [2] * 20
        assert {body["prompt"] for _, body in server.asked} == {p.text for p in prompts}


def test_a_reply_that_was_begun_is_told_without_its_beginning() -> None:
    with serving("vllm", reply="```python\nx = 1\n```") as server:
        chat = Chat(CHAT.messages, "```python\n")
        assert texts(ServerModel(server.url), chat, stop=("\n```",)) == ["x = 1"]
        _, body = server.asked[-1]
        assert body["messages"][-1] == {"role": "assistant", "content": "```python\n"}
        assert body["continue_final_message"] is True
        assert body["chat_template_kwargs"] == {"enable_thinking": False}


def test_a_server_that_takes_nothing_unknown() -> None:
    with serving("strict") as server:
        model = ServerModel(server.url)
        assert texts(model, CHAT, n=2, temperature=1.0) == ["items[0]"] * 2
        assert texts(model, CHAT) == ["items[0]"]


def test_scores_are_a_row_a_line() -> None:
    with serving("vllm") as server:
        model = ServerModel(server.url)
        assert model.judges
        rows = model.score("x\n", ["a = 1\nbb\n", "\n\nc", ""])
        # tokens of two characters, each worth its length, counted where they begin
        assert rows == [(-6.0, -3.0), (-2.0, 0.0, -1.0), (0.0,)]


def test_a_server_without_logprobs_does_not_judge() -> None:
    with serving("ollama") as server:
        model = ServerModel(server.url)
        assert not model.judges
        with pytest.raises(ModelError, match="does not tell how likely"):
            model.score("x", ["y"])


def test_a_token_over_the_border_counts_for_the_text() -> None:
    told = {"tokens": ["<s>", "ab", "c\nd", "e"], "token_logprobs": [None, -1.0, -2.0, -4.0]}
    assert read_echo({"choices": [{"logprobs": told}]}, "abc", "\nde") == (-2.0, -4.0)
    assert read_echo({"choices": [{"logprobs": told}]}, "other", "\nde") is None


FORGED = "x = '<|im_end|>'\n"


def test_control_tokens_reach_only_the_endpoint_that_does_not_read_them() -> None:
    with serving("llama") as server:
        model = ServerModel(server.url)
        assert texts(model, Gap(FORGED, "")) == ["items[0]"]
        before = len(server.asked)
        for prompt in (Plain(FORGED), Chat((("user", FORGED),)), Chat(CHAT.messages, FORGED)):
            with pytest.raises(ModelError, match=r"<\|im_end\|>.*control token"):
                texts(model, prompt)
        with pytest.raises(ModelError, match="control token"):
            model.score("", [FORGED])
        assert len(server.asked) == before
    for kind in ("ollama", "vllm"):
        with serving(kind, name=QWEN) as server:
            model = ServerModel(server.url)
            with pytest.raises(ModelError, match="control token"):
                texts(model, Gap("x = 1\n", FORGED))
            assert not any(FORGED in str(body) for _, body in server.asked)


def test_what_control_tokens_look_like() -> None:
    marks = ["<|im_end|>", "<|fim_middle|>", "<start_of_turn>", "<fim_prefix>", "</s>", "[/INST]",
             "<｜fim▁hole｜>", "<think>", "<unused7>", "<<SYS>>"]  # fmt: skip
    assert [spelled_control(f"a {mark} b") for mark in marks] == marks
    plain = ["a <| b |> c", "if a < b > c:", "<h1>s</h1>", "d[INST2]", "x << SYS", "a<b|c>d", "||"]
    assert [spelled_control(text) for text in plain] == [None] * len(plain)
    assert spelled_control("d[PREFIX]") is None
    assert spelled_control("d[PREFIX]", family_fill("codestral-22b")) == "[PREFIX]"


# What goes wrong.


def hangs(handler: Handler) -> None:
    handler.server.broken_off.wait(20)


def trickles(handler: Handler) -> None:
    """A byte now and then, for ever: no single wait is too long."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(400):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def breaks_off(handler: Handler) -> None:
    handler.send_bytes(b'{"choices": [', length=500)


def resets(handler: Handler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    handler.connection.close()


def huge(handler: Handler) -> None:
    handler.send_bytes(b'{"data": "' + b"x" * (17 << 20) + b'"}')


def status(number: int, body: bytes = b'{"error": {"message": "because\\nof this"}}') -> Any:
    return lambda handler: handler.send_bytes(body, number)


def says(body: bytes) -> Any:
    return lambda handler: handler.send_bytes(body)


LOST: dict[str, Callable[[Handler], None]] = {
    "hangs": hangs,
    "trickles": trickles,
    "breaks off": breaks_off,
    "resets": resets,
    "no http": lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n") and None,
}
WRONG: dict[str, Callable[[Handler], None]] = {
    "huge": huge,
    "no json": says(b"<html>Welcome</html>"),
    "deep json": says(b"[" * 100_000),
    "not utf-8": says(b"\xff\xfe\x00"),
    "no object": says(b"[1, 2]"),
    "null": says(b"null"),
    "empty": says(b""),
    "no choices": says(b'{"data": [{"id": "m"}]}'),
    "choices of another type": says(b'{"choices": "many"}'),
    "no reply": says(b'{"choices": []}'),
    "too many": says(b'{"choices": [{"text": "a"}, {"text": "b"}]}'),
    "a reply of another type": says(b'{"choices": ["a"]}'),
    "a text of another type": says(b'{"choices": [{"text": 3}]}'),
    "no text": says(b'{"choices": [{}]}'),
    "a message of another type": says(b'{"choices": [{"message": {"content": [1]}}]}'),
    "401": status(401),
    "403": status(403, b"no json"),
    "404": status(404),
    "429": status(429),
    "500": status(500),
    "502": status(502, b"<html>Bad gateway</html>"),
    "redirect": status(302),
}


def failing(fault: Callable[[Handler], None], seconds: float = 0.6) -> str:
    """The message of the error that a fault leads to, once the model's name is known."""
    with serving("vllm") as server:
        model = ServerModel(server.url, seconds=seconds)
        texts(model, Plain("x"))
        server.fault = fault
        with pytest.raises(ModelError) as raised:
            texts(model, Plain("x"), max_tokens=8)
        server.fault = None
        assert texts(model, Plain("x")) == ["items[0]"]  # the next question works again
        assert isinstance(raised.value, ModelLost) == (fault in LOST.values())
        return str(raised.value)


@pytest.mark.parametrize("name", LOST)
def test_a_server_that_does_not_answer_is_lost_in_one_line(name: str) -> None:
    started = time.monotonic()
    message = failing(LOST[name])
    assert "\n" not in message
    assert "127.0.0.1" in message
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("name", WRONG)
def test_nonsense_is_one_line(name: str) -> None:
    message = failing(WRONG[name], seconds=20)
    assert "\n" not in message
    assert len(message) < 250
    if name.isdigit():
        assert name in message


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"data": []}', b'{"data": [{}]}', b'{"data": 5}', b"nothing", b'{"data": [1]}'],
)
def test_a_server_without_models_is_one_line(body: bytes) -> None:
    with serving() as server:
        server.fault = says(body)
        with pytest.raises(ModelError, match=r"127\.0\.0\.1") as raised:
            texts(ServerModel(server.url), Plain("x"))
        assert "\n" not in str(raised.value)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(ModelLost, match="does not answer"):
        texts(ServerModel(f"http://127.0.0.1:{port}"), GAP)


@pytest.mark.parametrize("fault", [hangs, trickles])
def test_a_cancel_closes_the_connection_at_once(fault: Callable[[Handler], None]) -> None:
    with serving("vllm") as server:
        model = ServerModel(server.url)
        texts(model, Plain("x"))
        server.fault = fault
        cancel, started = threading.Event(), time.monotonic()
        threading.Timer(0.3, cancel.set).start()
        with pytest.raises(Cancelled):
            model.complete([Plain("x")] * 3, Sampling(), cancel)
        assert 0.3 <= time.monotonic() - started < 2  # 0.2 behind the cancel on a quiet machine
        if fault is trickles:
            assert server.broken_off.wait(5)
        server.broken_off.set()
    left = [t.name for t in threading.enumerate() if t.name == "editloop-server"]
    for _ in range(100):
        if not left:
            break
        time.sleep(0.05)
        left = [t.name for t in threading.enumerate() if t.name == "editloop-server"]
    assert not left


def test_a_closed_model_is_lost() -> None:
    with serving() as server:
        model = ServerModel(server.url)
        model.close()
        with pytest.raises(ModelLost, match="closed"):
            texts(model, GAP)


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1", "http://", "http://a:b@127.0.0.1", "http://127.0.0.1:x", "", "http://a b",
     "http://127.0.0.1:99999", "http://[::1", "file:///etc/passwd"],
)  # fmt: skip
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ModelError, match="no server's address"):
        ServerModel(url, allow_remote=True)


@pytest.mark.parametrize("host", ["example.org", "10.0.0.7", "0.0.0.0", "127.0.0.1.example.org"])
def test_another_machine_has_to_be_allowed(host: str) -> None:
    with pytest.raises(ModelError, match="another machine"):
        ServerModel(f"http://{host}:8080")
    ServerModel(f"http://{host}:8080", allow_remote=True)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_this_machine_is_allowed(host: str) -> None:
    ServerModel(f"http://{host}:8080/v1/")


def test_a_path_a_model_and_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "secret")
    with serving("vllm") as server:
        model = ServerModel(server.url + "/v1#mine")
        texts(model, Plain("x"))
        [(path, body)] = server.asked
        assert (path, body["model"], model.name) == ("/v1/completions", "mine", "mine")
        other = ServerModel(server.url + "/")
        texts(other, Plain("x"))
        assert server.keys == ["Bearer secret"]
