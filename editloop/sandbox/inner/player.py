"""The candidate's side of an assert test: holds the module, does what the judge asks, answers with
data.

It never sees the tests. Arguments are encoded as one object graph and come back in their state
after the call.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import operator
import types
from collections.abc import Callable
from typing import Any

from editloop.sandbox.inner import calls, decode, encode, load, wire

UNARY: dict[str, Callable[[Any], Any]] = {
    "iter": iter,
    "next": next,
    "len": len,
    "str": str,
    "repr": repr,
    "bool": bool,
    "hash": hash,
    "abs": abs,
    "neg": operator.neg,
    "pos": operator.pos,
    "invert": operator.invert,
    "reversed": reversed,
    "enter": lambda value: type(value).__enter__(value),
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    name: getattr(operator, name)
    for name in (
        *("eq", "ne", "lt", "le", "gt", "ge", "add", "sub", "mul", "truediv", "floordiv", "mod"),
        *("pow", "matmul", "and_", "or_", "xor", "getitem", "delitem", "contains"),
    )
}


def trusted_classes(namespace: dict[str, Any], module: str) -> list[str]:
    """Names of the classes that the prelude defines: their instances cross by content."""
    return [
        name
        for name, value in namespace.items()
        if isinstance(value, type) and value.__module__ == module
    ]


class Player:
    """Objects that stay here are known to the judge by number."""

    def __init__(self, fd: int, namespace: dict[str, Any], shared: list[str]) -> None:
        self.fd = fd
        self.namespace = namespace
        self.shared = shared
        self.kept: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.callbacks: dict[int, Callable[..., Any]] = {}
        self.callback_ids: dict[int, int] = {}

    def class_name(self, kind: type) -> str | None:
        """A class of the prelude, or the candidate's own of that name."""
        name = kind.__name__
        return name if name in self.shared and self.namespace.get(name) is kind else None

    def special(self, value: Any) -> list[Any]:
        """Anything that is not data stays, and is named by a number, its class names and whether it
        is callable.
        """
        if id(value) in self.callback_ids:
            return ["C", self.callback_ids[id(value)]]
        number = self.numbers.get(id(value))
        if number is None:
            number = self.numbers[id(value)] = len(self.kept)
            self.kept.append(value)
        names = [kind.__name__ for kind in type(value).__mro__[:-1]]
        return ["R", number, callable(value), *names]

    def revive(self, node: list[Any]) -> Any:
        """The object that a special node of the judge's message stands for here."""
        if node[0] == "R":
            return self.kept[node[1]]
        if node[0] == "N":
            return self.namespace[node[1]]
        if node[0] == "B":
            return getattr(builtins, node[1])
        number = node[1]
        if number not in self.callbacks:

            def call_back(*args: Any, **kwargs: Any) -> Any:
                encoder = encode.Encoder((), self.class_name, self.special)
                message = encoder.message((args, kwargs))
                wire.send(self.fd, {"cb": number, "a": message})
                return self.serve(encoder.objects)

            self.callbacks[number] = call_back
            self.callback_ids[id(call_back)] = number
        return self.callbacks[number]

    def classes(self) -> dict[str, type]:
        """The trusted classes as they are defined here."""
        return {
            name: self.namespace[name]
            for name in self.shared
            if isinstance(self.namespace.get(name), type)
        }

    def serve(self, waiting: list[Any] | None = None) -> Any:
        """Answer requests until the end; inside a callback, until its result comes."""
        while True:
            request = wire.receive(self.fd)
            if "end" in request:
                return None
            if "ret" in request:
                return decode.Decoder(waiting or (), self.classes(), self.revive).message(
                    request["ret"]
                )
            if "exc" in request:
                raise getattr(builtins, request["exc"], RuntimeError)(request.get("msg", ""))
            objects: list[Any] = []
            try:
                decoder = decode.Decoder((), self.classes(), self.revive)
                target, args, kwargs = decoder.message(request["a"])
                objects = decoder.objects()
                value = self.perform(request["op"], request.get("name", ""), target, args, kwargs)
                reply = {
                    "ret": encode.Encoder(objects, self.class_name, self.special).message(value)
                }
                wire.pack(reply)
            except (encode.ValueTooLarge, wire.FrameTooLarge):
                reply = {"exc": calls.too_large()}
            except BaseException as error:  # noqa: BLE001
                reply = {"exc": load.describe(error)}
                try:  # arguments may have been changed before it was raised
                    reply["ret"] = encode.Encoder(objects, self.class_name, self.special).message(
                        None
                    )
                    wire.pack(reply)
                except BaseException:  # noqa: BLE001
                    reply.pop("ret", None)
            wire.send(self.fd, reply)

    def perform(self, op: str, name: str, target: Any, args: Any, kwargs: Any) -> Any:
        """One request."""
        if op == "call":
            return (getattr(target, name) if name else target)(*args, **kwargs)
        if op == "value":
            return target
        if op == "attr":
            return getattr(target, name)
        if op == "setattr":
            return setattr(target, name, args[0])
        if op == "setitem":
            return operator.setitem(target, args[0], args[1])
        if op in UNARY:
            return UNARY[op](target)
        return BINARY[op](target, args[0])


def library(path: str) -> Any:
    """A standard module ("math"), or a member of one ("math:gcd")."""
    module, _, attribute = path.partition(":")
    found = importlib.import_module(module)
    return getattr(found, attribute) if attribute else found


def kind_of(namespace: dict[str, Any], name: str, path: str | None) -> Any:
    """What a name of the candidate's module is, for the judge: a word, or an exception's class
    names. ``path``: where the standard library has it, if the candidate imports it from there.
    """
    if name not in namespace:
        return "missing"
    value = namespace[name]
    if path is not None:
        with contextlib.suppress(ImportError, AttributeError):
            if value is library(path):
                return "library"
    if isinstance(value, type) and issubclass(value, BaseException):
        return load.class_names(value)
    if isinstance(value, type):
        return "class"
    if callable(value):
        return "function"
    return "module" if isinstance(value, types.ModuleType) else "value"


def run_player(fd: int, job: dict[str, Any]) -> None:
    """`names`: what the tests use; `imports`: where the standard library has some of them.

    First frame: what each of them is; then requests are answered until one says that it is the end.
    """
    shared: list[str] = []
    if job.get("prelude"):
        with contextlib.suppress(BaseException):  # it comes again below, where it is reported
            shared = trusted_classes(load.load("", job["prelude"]), load.MODULE)
    namespace = calls.load_or_say(fd, job)
    if namespace is None:
        return
    imports = job["imports"]
    kinds = {name: kind_of(namespace, name, imports.get(name)) for name in job["names"]}
    wire.send(fd, {"n": -1, "kinds": kinds})
    with contextlib.suppress(EOFError, OSError):
        Player(fd, namespace, shared).serve()
