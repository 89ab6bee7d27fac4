"""The settings of section ``editloop``: one dataclass, from which the JSON schema is made too.

``python -m editloop_lsp.settings`` prints the schema's properties.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

SECTION = "editloop"


def _setting(name: str, default: Any, text: str, **schema: Any) -> Any:
    kind = {bool: "boolean", int: "integer", float: "number", str: "string"}[type(default)]
    whole = {"type": kind, "default": default, "description": text, **schema}
    return field(default=default, metadata={"name": name, "schema": whole})


@dataclass(frozen=True, slots=True)
class Settings:
    """Valid settings; ``read`` makes them."""

    enable: bool = _setting("enable", True, "Offer fixes and report diagnostics.")
    model: str = _setting(
        "model",
        "",
        "Name of a model in the store, or path of a GGUF file; none: fixes without a model; "
        "empty: the default.",
    )
    server: str = _setting(
        "server",
        "",
        "URL of an OpenAI-compatible server that runs the model, as http://127.0.0.1:8080 or "
        "URL#MODEL, in place of editloop.model; one on another machine is asked about first.",
    )
    load_model: str = _setting(
        "loadModel",
        "lazy",
        "When the model is loaded: with the first fix, or when the server starts.",
        enum=["lazy", "startup"],
    )
    budget: float = _setting(
        "budget",
        0.0,
        "Seconds for one fix; 0: 10, and 60 with a model, which needs some for each place.",
        minimum=0,
        maximum=600,
    )
    alternatives: int = _setting(
        "alternatives", 3, "Further distinct fixes that are kept.", minimum=0, maximum=10
    )
    prefer_from: float = _setting(
        "preferFrom",
        0.5,
        "Share of fixes with such evidence that were right, where that was counted, from which on "
        "a fix is preferred and part of fixing all; 0: all that were verified.",
        minimum=0,
        maximum=1,
    )
    run_code: str = _setting(
        "runCode",
        "ask",
        "Whether doctests and tests may be run in the sandbox; never in an untrusted workspace.",
        enum=["ask", "always", "never"],
    )
    check_static: bool = _setting("checks.static", True, "A fix has to be free of ruff's errors.")
    check_tests: bool = _setting(
        "checks.tests", True, "A fix has to pass the tests that are found for its module."
    )
    diagnostics_syntax: bool = _setting("diagnostics.syntax", True, "Report syntax errors.")
    diagnostics_static: str = _setting(
        "diagnostics.static",
        "auto",
        "Report ruff's errors; auto: unless another server reports such errors for the file.",
        enum=["auto", "on", "off"],
    )
    diagnostics_tests: str = _setting(
        "diagnostics.tests",
        "onSave",
        "Run doctests and tests when a file is saved, and report those that fail.",
        enum=["onSave", "off"],
    )
    preview: bool = _setting("preview", False, "Show a fix as a diff before it is applied.")
    log_level: str = _setting(
        "logLevel",
        "info",
        "How much the server logs.",
        enum=["error", "warning", "info", "debug"],
    )


def ours(raw: object) -> dict[str, Any]:
    """What is meant for this server in settings that a client pushed: below the section's name or
    with it in front, or bare names; flat, {} where nothing is."""
    if not isinstance(raw, Mapping):
        return {}
    known = {one.metadata["name"] for one in fields(Settings)}
    flat = {name.removeprefix(f"{SECTION}."): value for name, value in _flatten(raw).items()}
    return {name: value for name, value in flat.items() if name in known}


def read(raw: object, complain: Callable[[str], None] = lambda text: None) -> Settings:
    """Settings out of what a client sent: nested objects, or flat names with dots.

    A wrong value falls back to its default; ``complain`` gets one line that names it. Unknown names
    are ignored.
    """
    if not isinstance(raw, Mapping):
        if raw is not None:
            complain(f"{SECTION}: settings have to be an object, not {json.dumps(raw)}")
        return Settings()
    flat = _flatten(raw)
    values: dict[str, Any] = {}
    for one in fields(Settings):
        name, schema = one.metadata["name"], one.metadata["schema"]
        value = flat.get(name)
        if value is None:
            continue
        problem = _problem(value, schema)
        if problem:
            default = json.dumps(schema["default"])
            shown = json.dumps(value, default=str)
            complain(f"{SECTION}.{name}: {shown} is not {problem}; {default} is used")
        else:
            values[one.name] = float(value) if schema["type"] == "number" else value
    return Settings(**values)


def schema() -> dict[str, dict[str, Any]]:
    """The properties of a JSON schema, by full names."""
    return {f"{SECTION}.{f.metadata['name']}": f.metadata["schema"] for f in fields(Settings)}


def _flatten(raw: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in raw.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{name}.")
        else:
            flat[name] = value
    return flat


def _problem(value: object, schema: Mapping[str, Any]) -> str:
    """What the value should have been, "" where it is right."""
    kinds: dict[str, tuple[str, tuple[type, ...]]] = {
        "boolean": ("true or false", (bool,)),
        "integer": ("a whole number", (int,)),
        "number": ("a number", (int, float)),
        "string": ("a text", (str,)),
    }
    word, types = kinds[schema["type"]]
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        return word
    if "enum" in schema and value not in schema["enum"]:
        return "one of " + ", ".join(schema["enum"])
    if isinstance(value, int | float) and "minimum" in schema:
        low, high = schema["minimum"], schema["maximum"]
        if not low <= value <= high:
            return f"between {low} and {high}"
    return ""


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))
