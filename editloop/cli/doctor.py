"""``editloop doctor``: a line for each thing that ``fix`` needs or can use, and what to do.

No probe ends the command: what goes wrong inside one is its line.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import TYPE_CHECKING

import typer

from editloop.checks.verdict import TYPE_CHECKERS
from editloop.cli.doctor_model import probe_model, probe_speed, probe_store
from editloop.cli.findings import BROKEN, MISSING, OK, Finding

if TYPE_CHECKING:
    from editloop.sandbox.level import LevelReport

_OLDEST = (3, 11)
_PACKAGES = ("llama-cpp-python", "tree-sitter", "tree-sitter-python", "ruff", "pygls", "lsprotocol")
_EXTRAS = {
    "checkers": TYPE_CHECKERS,
    "train": ("torch", "transformers"),
    "export": ("gguf", "safetensors", "tokenizers"),
}


def doctor() -> None:
    """Say what works on this machine. Exit code 1 when `editloop fix` cannot work."""
    broken = False
    for probe in PROBES:
        for finding in _safely(probe):
            typer.echo(f"{finding.mark} {finding.name:<10} {finding.text}")
            broken |= finding.mark == BROKEN
    if broken:
        raise typer.Exit(1)


def _safely(probe: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    name = probe.__name__.removeprefix("probe_")
    try:
        yield from probe()
    except Exception as error:  # noqa: BLE001 - a doctor has to survive every patient
        text = " ".join(str(error).split()) or type(error).__name__
        yield Finding(BROKEN, name, text)


def probe_python() -> Iterator[Finding]:
    text = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    if tuple(sys.version_info) < _OLDEST:
        yield Finding(BROKEN, "python", f"{text}: too old, use 3.11 or newer")
    else:
        yield Finding(OK, "python", text)


def probe_versions() -> Iterator[Finding]:
    from editloop import __version__

    found = {name: _version(name) for name in _PACKAGES}
    missing = [name for name, version in found.items() if version is None]
    text = ", ".join(f"{name} {version}" for name, version in found.items() if version)
    yield Finding(OK, "packages", f"editloop {__version__}, {text}")
    for name in missing:
        yield Finding(BROKEN, "packages", f"{name} is missing: pip install {name}")


def probe_cpu() -> Iterator[Finding]:
    from editloop.engine.host import cpu_flags, default_threads

    known = ("avx", "avx2", "fma", "f16c", "avx512f", "amx_int8", "asimd", "asimddp", "sve")
    flags = cpu_flags()
    told = "unknown" if flags is None else ", ".join(n for n in known if n in flags) or "none known"
    yield Finding(OK, "cpu", f"{told}; {default_threads()} threads by default")


def probe_llama() -> Iterator[Finding]:
    from editloop.engine.errors import BackendMissing
    from editloop.engine.host import cpu_flags, missing_instructions
    from editloop.engine.native import cpu_library, llama

    try:
        native = llama()
    except BackendMissing as error:
        yield Finding(BROKEN, "llama.cpp", str(error))
        return
    missing = missing_instructions(cpu_library(), cpu_flags())
    if missing:
        yield Finding(
            BROKEN,
            "llama.cpp",
            f"compiled for {', '.join(missing)}, which this processor lacks: CMAKE_ARGS="
            "-DGGML_NATIVE=OFF pip install --no-binary :all: --force-reinstall --no-deps "
            "llama-cpp-python",
        )
    else:
        yield Finding(OK, "llama.cpp", f"loads, llama-cpp-python {_version('llama-cpp-python')}")
    if native.llama_supports_gpu_offload():
        yield Finding(OK, "gpu", "a GPU backend is compiled in, all layers go there by default")
    else:
        yield Finding(
            MISSING,
            "gpu",
            "no GPU backend, the CPU is used; for one: CMAKE_ARGS=-DGGML_CUDA=ON pip install "
            "--no-binary :all: --force-reinstall --no-deps llama-cpp-python",
        )


def probe_ruff() -> Iterator[Finding]:
    from editloop.checks.static import StaticChecker, find_ruff

    with StaticChecker() as checker:
        works = any(d.code == "F821" for d in checker.check("nobody_defined_this\n"))
    yield (
        Finding(OK, "ruff", find_ruff())
        if works
        else Finding(BROKEN, "ruff", f"{find_ruff()} reports nothing: pip install -U ruff")
    )


def probe_parser() -> Iterator[Finding]:
    from editloop.document.text import Snapshot
    from editloop.repair.region import window

    window(Snapshot.from_text("def f(:\n    return 1\n"), line=0)
    yield Finding(OK, "parser", "tree-sitter reads Python that does not parse")


def probe_sandbox() -> Iterator[Finding]:
    from editloop.sandbox import detect_level

    yield sandbox_finding(detect_level())


def sandbox_finding(report: LevelReport) -> Finding:
    """The level, and what it leaves open."""
    level = report.level
    text = f"level {level.name}, {level.value}"
    if level.value not in report.reason:
        text += f": {report.reason}"
    if level.name == "A":
        return Finding(OK, "sandbox", text)
    if level.name == "B":
        told = "a candidate can find out which files exist, not what is in them"
        advice = "for level A install bubblewrap and allow namespaces"
        return Finding(OK, "sandbox", f"{text}; {told}; {advice}")
    advice = "without level A or B no code is run; on Linux install bubblewrap"
    return Finding(MISSING, "sandbox", f"{text}; {advice}")


def probe_extras() -> Iterator[Finding]:
    for extra, packages in _EXTRAS.items():
        missing = [name for name in packages if _version(name) is None]
        if missing:
            text = f"{', '.join(missing)} missing: pip install 'editloop[{extra}]'"
            yield Finding(MISSING, extra, text)
        else:
            told = ", ".join(f"{name} {_version(name)}" for name in packages)
            yield Finding(OK, extra, told)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


PROBES: tuple[Callable[[], Iterator[Finding]], ...] = (
    probe_python,
    probe_versions,
    probe_cpu,
    probe_llama,
    probe_ruff,
    probe_parser,
    probe_sandbox,
    probe_model,
    probe_speed,
    probe_store,
    probe_extras,
)
