"""A command as a person types it: which interpreter and program it starts, and what is imported.

Nothing is run, and no interpreter is started; ``command`` runs it.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from editloop.checks.project import project_root
from editloop.python.syntax import parse_quietly
from editloop.sandbox.commandjob import Job
from editloop.sandbox.interpreters import Interpreter, interpreter, interpreters
from editloop.sandbox.projectcopy import is_wide


class CommandLineError(ValueError):
    """The command cannot be run; the message says why in one line."""


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What is run. ``text``: as it was typed; ``root``: the folder that is shown to it.

    ``job`` starts a program of its own; ``warm`` does the same inside of a process that has
    imported ``preload``, None where that would not be the same.
    """

    text: str
    root: Path
    python: Interpreter
    job: Job
    warm: Job | None = None
    preload: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


_PYTHON = re.compile(r"python(\d(\.\d+)?)?$")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)$", re.DOTALL)
_RUNNERS = frozenset(["uv", "poetry", "pipenv", "pdm", "hatch", "rye"])
_SHELL = frozenset(["|", "||", "&&", ";", "<", ">", ">>", "&"])
_UNSHADOWED = frozenset(sys.stdlib_module_names) - {"test"}
_IMPORT = re.compile(r"^(?:import|from)[ \t]+([\w.]+)", re.MULTILINE)


def parse_command(text: str, module: Path, folder: Path, stdin: Path | None = None) -> CommandLine:
    """Read a command that is typed in ``folder`` and runs or imports ``module``.

    Raises CommandLineError where it names no program, a file that is not there, an interpreter that
    is none, or needs a shell.
    """
    words, environment = _words(text)
    module, folder = module.resolve(), folder.resolve()
    root = _root(module, folder)
    cwd = folder if folder.is_relative_to(root) else root
    python = _python(words[0], cwd, root)
    words = _as_python(words)
    extra = () if stdin is None else (str(stdin.resolve()),)
    base = Job(
        "exec",
        (python.program if _is_python(words[0]) else words[0], *words[1:]),
        cwd=str(cwd),
        stdin=extra[0] if extra else None,
        environment=environment,
    )
    command = CommandLine(text, root, python, base, extra=extra)
    if not _is_python(words[0]):
        return command
    return _warm(command, words[1:], module, cwd)


def import_command(module: Path) -> CommandLine:
    """The command that imports one file, under its package's name where it is in one."""
    module = module.resolve()
    root, python = project_root(module), next(interpreters(project_root(module)), None)
    if python is None:
        raise CommandLineError("no Python interpreter was found")
    names, folder = [module.stem], module.parent
    while (folder / "__init__.py").is_file() and folder != root:
        names.insert(0, folder.name)
        folder = folder.parent
    if names[-1] == "__init__":
        names.pop()
    job = Job("import", (str(module),), ".".join(names), str(folder), str(root))
    command = CommandLine("import " + names[-1], root, python, job, job)
    return replace(command, preload=_preload(command, [module], [folder]))


def _words(text: str) -> tuple[list[str], tuple[tuple[str, str], ...]]:
    """The words of a command, and the variables set in front of it."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise CommandLineError(f"--run {text}: {str(error).lower()}") from None
    environment = []
    while words and (found := _ASSIGNMENT.match(words[0])):
        environment.append((found[1], found[2]))
        words.pop(0)
    if len(words) > 2 and words[0] in _RUNNERS and words[1] == "run":
        words = words[2:]
    if not words:
        raise CommandLineError("--run names no command")
    if _SHELL & set(words):
        raise CommandLineError(f"--run starts no shell: write --run \"sh -c '{text}'\"")
    return words, tuple(environment)


def _root(module: Path, folder: Path) -> Path:
    """The folder to show: the project's, or where the command is typed, if that is wider."""
    root = project_root(module)
    if root.is_relative_to(folder) and not is_wide(folder):
        return folder
    return root


def _is_python(word: str) -> bool:
    return bool(_PYTHON.match(os.path.basename(word)))


def _python(word: str, cwd: Path, root: Path) -> Interpreter:
    """The interpreter that a command starts, or the project's."""
    if os.sep in word and _is_python(word):
        found = interpreter(cwd / word)
        if found is None:
            raise CommandLineError(f"--run: {word} is not a Python interpreter")
        return found
    found = next(interpreters(root), None)
    if found is None:
        raise CommandLineError("--run: no Python interpreter was found for the project")
    return found


def _as_python(words: list[str]) -> list[str]:
    if words[0] in ("pytest", "py.test"):
        return ["python", "-m", "pytest", *words[1:]]
    return ["python", *words] if words[0].endswith(".py") else words


def _warm(command: CommandLine, words: list[str], module: Path, cwd: Path) -> CommandLine:
    """The command with its job inside of a process that stays, where it is a plain start."""
    if not words:
        raise CommandLineError("--run: an interpreter without a file waits for input")
    if words[0] == "-m" and len(words) > 1:
        warm = replace(
            command.job, how="module", argv=tuple(words[1:]), name=words[1], path=str(cwd)
        )
        return _prepared(command, warm, module, [cwd], [module], words[1].partition(".")[0])
    if words[0].startswith("-"):
        return command
    script = Path(os.path.abspath(cwd / words[0]))
    if not script.is_file():
        raise CommandLineError(f"--run: there is no file {words[0]} in {cwd}")
    if not script.is_relative_to(command.root):
        raise CommandLineError(f"--run: {words[0]} is outside of {command.root}")
    warm = replace(
        command.job, how="file", argv=tuple(words), name=str(script), path=str(script.parent)
    )
    return _prepared(command, warm, module, [script.parent], [module, script])


def _prepared(
    command: CommandLine,
    warm: Job,
    module: Path,
    folders: list[Path],
    sources: list[Path],
    runs: str = "",
) -> CommandLine:
    if any(_shadows(folder) for folder in folders):
        return command  # a module that is imported already would be another
    preload = _preload(command, sources, folders)
    if runs == "pytest" and command.python.has("pytest"):
        preload = (*preload, "pytest")
    return replace(command, warm=warm, preload=preload)


def _shadows(folder: Path) -> bool:
    """Whether a file or package there has the name of a module of the standard library."""
    for entry in os.scandir(folder):
        name, dot, end = entry.name.partition(".")
        if name in _UNSHADOWED and ((dot and end == "py") or entry.is_dir()):
            return True
    return False


def _preload(command: CommandLine, sources: list[Path], folders: list[Path]) -> tuple[str, ...]:
    """What the files import, of the standard library and of packages alone."""
    found: dict[str, None] = {}
    for source in dict.fromkeys(sources):
        for name in _imports(source):
            top = name.partition(".")[0]
            own = any((place / top).exists() or (place / f"{top}.py").exists() for place in folders)
            if not own and (top in sys.stdlib_module_names or command.python.has(top)):
                found[name] = None
    return tuple(found)


def _imports(source: Path) -> Iterator[str]:
    """Names of the modules that a file imports at its top, in their order."""
    try:
        text = source.read_text("utf-8", "replace")
    except OSError:
        return
    if not _IMPORT.search(text):  # a large file takes a second to parse
        return
    try:
        body = parse_quietly(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield from _IMPORT.findall(text)
        return
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
