"""The tests' side of an assert test: holds prelude and tests, never the candidate; its frames are
the verdict.

Frames that begin with P go to the player through the host, those with H to the host.
"""

from __future__ import annotations

import builtins
import contextlib
import json
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

from editloop.sandbox.inner import decode, encode, load, player, remote, show, wire

TESTS = "<tests>"
_HIDDEN = frozenset(dir(builtins))
_COMPARING = frozenset(["isclose", "allclose", "approx"])
_ENDING = "StopIteration ends a loop over the checks as if all were done"
_HELPER = "the file has its own function for the comparison"


def _send(fd: int, mark: bytes, message: Any) -> None:
    body = mark + json.dumps(message, separators=(",", ":")).encode()
    wire.write(fd, len(body).to_bytes(4, "big") + body)


class PlayerGone(BaseException):
    """The player ended; the host knows why."""


class Judge:
    """Asks the player, keeps the last question for the report."""

    def __init__(self, fd: int, namespace: dict[str, Any], shared: list[str]) -> None:
        self.fd = fd
        self.namespace = namespace
        self.shared = {name: namespace[name] for name in shared}
        self.exceptions: dict[str, type[BaseException]] = {}
        self.stand_ins: dict[int, remote.Remote] = {}
        self.functions: list[Callable[..., Any]] = []
        self.last_call = ""
        self.last_got = ""
        self.weak = ""
        self.objects = True

    def note(self, reason: str) -> None:
        """What makes the test that runs weaker evidence; the first reason is told. Raises TypeError
        where nothing of the kind was there to be tested.
        """
        if reason == remote.OWN and not self.objects:
            raise TypeError("an object where plain data was expected")
        self.weak = self.weak or reason

    def class_name(self, kind: type) -> str | None:
        """Trusted classes cross by content."""
        return kind.__name__ if self.shared.get(kind.__name__) is kind else None

    def special(self, value: Any) -> list[Any]:
        """Nodes for stand-ins, built-ins and functions of the tests."""
        if isinstance(value, remote.Remote):
            return list(value._node)
        if isinstance(value, remote.Method):
            value = value._owner._ask("attr", value._owner, name=value._name)._node
            return list(value)
        name = getattr(value, "__name__", "")
        if getattr(builtins, name, None) is value and name:
            return ["B", name]
        if callable(value):
            if value not in self.functions:
                self.functions.append(value)
            return ["C", self.functions.index(value)]
        raise TypeError(f"{type(value).__name__} cannot be handed to the candidate")

    def revive(self, node: list[Any]) -> Any:
        """A stand-in for what stays in the player."""
        number = node[1]
        if type(number) is not int or number < 0:
            raise decode.ForeignValue(str(node[-1]))
        if node[0] == "C":
            return self.functions[number]
        if node[0] != "R":
            raise decode.ForeignValue(str(node[-1]))
        if number not in self.stand_ins:
            names = tuple(str(name) for name in node[3:])
            self.stand_ins[number] = remote.Remote(
                self.ask, self.note, ["R", number], node[2] is True, names
            )
        return self.stand_ins[number]

    def ask(
        self,
        op: str,
        target: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        name: str = "",
    ) -> Any:
        """One request to the player; changed arguments change the judge's own objects."""
        encoder = encode.Encoder((), self.class_name, self.special)
        message = encoder.message((target, args, kwargs or {}))
        if op == "call":
            self.last_call, self.last_got = _call_text(target, name, args, kwargs or {}), ""
            if target._node[0] == "N" and target._node[1] in _COMPARING:
                self.note(_HELPER)
        _send(self.fd, b"P", {"op": op, "name": name, "a": message})
        reply = self._await()
        decoder = decode.Decoder(encoder.objects, self.shared, self.revive)
        if "exc" in reply:
            if "ret" in reply:
                decoder.message(reply["ret"])
            error = self._error(reply["exc"])
            if op == "call":
                if isinstance(error, StopIteration):
                    self.note(_ENDING)
                self.last_got = f"{type(error).__name__}: {error}"[: show.CAP]
            raise error
        value = decoder.message(reply["ret"])
        if op == "call":
            self.last_got = show.show(value)
        return value

    def _await(self) -> dict[str, Any]:
        while True:
            try:
                reply: dict[str, Any] = wire.receive(self.fd)
            except (EOFError, OSError):
                raise PlayerGone from None
            if not isinstance(reply, dict) or not {"ret", "exc", "cb"} & set(reply):
                raise RuntimeError("the candidate's answer is malformed")
            if "cb" not in reply:
                return reply
            self._call_back(reply)

    def _call_back(self, request: dict[str, Any]) -> None:
        objects: list[Any] = []
        answer: dict[str, Any]
        try:
            decoder = decode.Decoder((), self.shared, self.revive)
            args, kwargs = decoder.message(request["a"])
            objects = decoder.objects()
            value = self.functions[request["cb"]](*args, **kwargs)
            answer = {"ret": encode.Encoder(objects, self.class_name, self.special).message(value)}
        except Exception as error:  # noqa: BLE001
            answer = {"exc": type(error).__name__, "msg": str(error)[: load.MESSAGE_CAP]}
        _send(self.fd, b"P", answer)

    def _error(self, told: dict[str, Any]) -> BaseException:
        """What the candidate raised, by name: one of its own, a built-in, or RuntimeError."""
        names, message = [str(name) for name in told["mro"]], str(told["msg"])
        kind: Any = RuntimeError
        for name in names:
            found = self.exceptions.get(name) or getattr(builtins, name, None)
            if isinstance(found, type) and issubclass(found, BaseException):
                kind = found
                break
        try:
            error: BaseException = kind(message)
        except TypeError:
            error = RuntimeError(message)
        if kind is RuntimeError and names and names[0] != "RuntimeError":
            error = RuntimeError(f"{names[0]}: {message}")
        error.__dict__["remote_line"] = told.get("line")
        return error

    def install(
        self, kinds: dict[str, Any], library: dict[str, str], functions: Sequence[str]
    ) -> None:
        """Put stand-ins for the candidate's names into the tests' namespace.

        Built-in names and the prelude's are never taken over: `abs`, `all` and the like must stay
        true. `library`: what comes from the judge's own standard library, whatever the candidate
        has under that name. `functions`: what has to be one; a class in its place makes no objects
        of the tests' own.
        """
        for name, path in library.items():
            with contextlib.suppress(ImportError, AttributeError):
                self.namespace.setdefault(name, player.library(path))
        for name, kind in kinds.items():
            if name in self.namespace or name in _HIDDEN or kind in ("missing", "module"):
                continue
            if isinstance(kind, list):
                bases = [getattr(builtins, base, None) for base in kind[1:]]
                base = next(
                    (b for b in bases if isinstance(b, type) and issubclass(b, BaseException)),
                    Exception,
                )
                made = self.exceptions[name] = type(name, (base,), {})
                self.namespace[name] = made
                continue
            makes = kind == "class" and name not in functions
            names = ("type" if makes else "function",)
            stand_in = remote.Remote(self.ask, self.note, ["N", name], True, names)
            self.namespace[name] = self.ask("value", stand_in) if kind == "value" else stand_in


def _call_text(target: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    head = name or (str(target._node[1]) if target._node[0] == "N" else "call")
    parts = [show.show(arg, 60) for arg in args] + [
        f"{key}={show.show(arg, 40)}" for key, arg in kwargs.items()
    ]
    text = f"{head}({', '.join(parts)})"
    return text if len(text) <= show.CAP else text[: show.CAP - 3] + "..."


def run_judge(fd: int, job: dict[str, Any]) -> None:
    """`tests`: source; `names`: functions in it to call. Frames: start n, then n with its status,
    at last done.
    """
    module = types.ModuleType("tests")
    sys.modules["tests"] = module
    namespace = module.__dict__
    if job.get("prelude"):
        exec(load.compiled(job["prelude"], "<prelude>"), namespace)
    judge = Judge(fd, namespace, player.trusted_classes(namespace, "tests"))
    try:
        first = wire.receive(fd)
        if "kinds" in first:  # else the candidate could not be loaded
            _run(judge, job, first["kinds"])
    except (PlayerGone, EOFError, OSError):
        pass


def _run(judge: Judge, job: dict[str, Any], kinds: dict[str, Any]) -> None:
    try:
        judge.objects = job["objects"]
        kinds = {name: kinds.get(name, "missing") for name in job["player_names"]}
        judge.install(kinds, _library(job, kinds), job["functions"])
        exec(load.compiled(job["tests"], TESTS), judge.namespace)
        weak = judge.weak  # whatever was asked above, all tests rest on it
    except PlayerGone:
        raise
    except BaseException as error:  # noqa: BLE001
        for number in range(len(job["names"])):
            _send(judge.fd, b"H", {"n": number, **_told(judge, error)})
        _send(judge.fd, b"H", {"done": True})
        return
    for number, name in enumerate(job["names"]):
        judge.last_call = judge.last_got = judge.weak = ""
        _send(judge.fd, b"H", {"start": number})
        try:
            judge.namespace[name]()
            told: dict[str, Any] = {"status": "pass", "weak": judge.weak or weak}
        except PlayerGone:
            raise
        except BaseException as error:  # noqa: BLE001
            told = {**_told(judge, error), "wanted": _wanted(judge, error, job["wanted"])}
        _send(judge.fd, b"H", {"n": number, **told})
    _send(judge.fd, b"H", {"done": True})


def _library(job: dict[str, Any], kinds: dict[str, Any]) -> dict[str, str]:
    """What comes from the standard library: what the tests mean by it, what the candidate says it
    imports and did not bind to something else since, and what it lacks.
    """
    imported = {n: path for n, path in job["imports"].items() if kinds.get(n) == "library"}
    lacking = {n: path for n, path in job["lacking"].items() if kinds.get(n) == "missing"}
    return {**lacking, **imported, **job["library"]}


def _told(judge: Judge, error: BaseException) -> dict[str, Any]:
    """Status, what was called last, what came of it, the line in the tests and in the candidate."""
    told = load.describe(error, TESTS)
    fail = isinstance(error, AssertionError) and "remote_line" not in error.__dict__
    return {
        "status": "fail" if fail else "error",
        "call": judge.last_call,
        "got": judge.last_got,
        "error": f"{told['mro'][0]}: {told['msg']}"[: show.CAP],
        "test_line": told["line"],
        "line": error.__dict__.get("remote_line"),
    }


def _wanted(judge: Judge, error: BaseException, names: dict[str, str]) -> str:
    """The value of the name that the assertion compares with (`names`: by line), as text."""
    place = load.innermost(error, TESTS)
    name = names.get(str(place.tb_lineno)) if place else None
    if place is None or name is None:
        return ""
    text = show.show(place.tb_frame.f_locals.get(name, judge.namespace.get(name, object())))
    return "" if text.startswith("<") else text  # what it is says nothing of its value
