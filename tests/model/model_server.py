"""A real HTTP server on this machine that answers as llama-server, Ollama, vLLM and others do.

It replies with what a tiny model would: the text is decided by the test, the form by ``kind``.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Fault = Callable[["Handler"], None]


class ModelServer(ThreadingHTTPServer):
    """``asked`` holds (path, body) of every question but those for the models."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, kind: str, *, reply: str = "items[0]", name: str = "some-model") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.kind, self.reply, self.model_name = kind, reply, name
        self.asked: list[tuple[str, Any]] = []
        self.keys: list[str | None] = []
        self.fault: Fault | None = None
        self.broken_off = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        self.broken_off.set()  # whoever asked has gone


class Handler(BaseHTTPRequestHandler):
    server: ModelServer

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.keys.append(self.headers["Authorization"])
        if self.server.fault is not None:
            self.server.fault(self)
        elif self.path == "/v1/models":
            self.send({"data": [{"id": self.server.model_name}]})
        else:
            self.send({"error": {"message": "no such page"}}, 404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body))
        if self.server.fault is not None:
            self.server.fault(self)
            return
        answer = getattr(self, self.server.kind)(self.path, body)
        if answer is None:
            self.send({"error": {"message": "File\nNot Found"}}, 404)
        elif isinstance(answer, str):
            self.send({"error": answer}, 400)
        else:
            self.send(answer)

    def send(self, answer: Any, status: int = 200) -> None:
        self.send_bytes(json.dumps(answer).encode(), status)

    def send_bytes(self, data: bytes, status: int = 200, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)

    def llama(self, path: str, body: Any) -> Any:
        if path == "/infill":
            return {"content": self.server.reply, "tokens_predicted": 3, "stop_type": "eos"}
        return self.replies(path, body) if path != "/v1/completions" else self.texts(body)

    def ollama(self, path: str, body: Any) -> Any:
        body = body | {"n": 1}  # it knows no n
        return self.texts(body) if path == "/v1/completions" else self.replies(path, body)

    def vllm(self, path: str, body: Any) -> Any:
        if path == "/v1/completions":
            return "suffix is not currently supported" if "suffix" in body else self.texts(body)
        return self.replies(path, body)

    def deaf(self, path: str, body: Any) -> Any:
        """Takes a suffix and leaves it out."""
        return self.vllm(path, {key: body[key] for key in body if key != "suffix"})

    def strict(self, path: str, body: Any) -> Any:
        """Refuses what OpenAI's own servers refuse, and several replies."""
        if "chat_template_kwargs" in body or body.get("n", 1) > 1:
            return "Unrecognized request argument supplied"
        return self.replies(path, body)

    def replies(self, path: str, body: Any) -> Any:
        if path != "/v1/chat/completions":
            return None
        message = {"role": "assistant", "content": self.server.reply}
        choice = {"message": message, "finish_reason": "stop"}
        return {"choices": [choice] * body.get("n", 1), "usage": {"completion_tokens": 3}}

    def texts(self, body: Any) -> Any:
        read = (body["prompt"] + body.get("suffix", "")).split()
        choice: dict[str, Any] = {"text": self.server.reply, "finish_reason": "length"}
        if body.get("echo"):
            if self.server.kind == "ollama":
                return {"choices": [choice]}
            tokens = ["<s>", *split(body["prompt"]), "!"]
            gains = [None, *(-float(len(token)) for token in tokens[1:])]
            choice["logprobs"] = {"tokens": tokens, "token_logprobs": gains}
        return {
            "choices": [choice] * body.get("n", 1),
            "usage": {"prompt_tokens": len(read), "completion_tokens": 3 * body.get("n", 1)},
        }


def split(text: str) -> list[str]:
    """Tokens of two characters."""
    return [text[at : at + 2] for at in range(0, len(text), 2)]


@contextlib.contextmanager
def serving(kind: str = "llama", **how: Any) -> Iterator[ModelServer]:
    """A server that runs in a thread of the test."""
    with ModelServer(kind, **how) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
