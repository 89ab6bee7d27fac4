"""A type checker as a check: what counts as gone and as new, where it is found, where it runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from editloop.checks.checkers import CHECKERS, Checker, CheckerError, checker_of, find, named
from editloop.checks.diagnostic import Diagnostic
from editloop.checks.kinds import kind_of, told
from editloop.checks.langserver import Greeting, LanguageServer, LanguageServerError
from editloop.checks.typecheck import GIVES_UP, Aim, TypeCheck, type_check
from editloop.moves.context import undefined_names
from editloop.sandbox import Level, detect_level

LEVELS = [level for level in (Level.A, Level.B) if sys.platform == "linux"]
MYPY = checker_of("mypy")
HAS_MYPY = MYPY is not None and find(MYPY, Path("/")) is not None
SANDBOXED = detect_level().level
UNUSED = Diagnostic("unused", "never used", 0, severity=4)


class Says:
    """A server that finds what lines of a text say: ``rule words`` behind ``#!``, one a line."""

    def check(
        self, source: str, stop: threading.Event | None = None, seconds: float = 120.0
    ) -> list[Diagnostic]:
        found = [UNUSED]
        for number, line in enumerate(source.split("\n")):
            code, _, rest = line.partition("#!")
            if rest:
                rule, _, words = rest.partition(" ")
                severity = 2 if rule.startswith("warn") else 1
                found.append(
                    Diagnostic(rule, words, number, 0, number, len(code.rstrip()), severity)
                )
        return found


BEFORE = "a.nme #!missing-attribute no nme\nb #!bad one, see line 2\nc #!warning two\n"


def check(aim: Aim = Aim(), text: str = BEFORE) -> TypeCheck:
    return TypeCheck("ty", Says(), text).calibrated(aim)


@pytest.mark.parametrize(
    ("aim", "asked"),
    [
        (Aim(), ["missing-attribute", "bad"]),
        (Aim(range(2, 3)), ["warning"]),
        (Aim(range(1, 2)), ["bad"]),
        (Aim(range(3), "warning"), ["warning"]),
        (Aim(range(1), "unused"), ["unused"]),
        (Aim(range(5, 6)), []),
    ],
)
def test_which_findings_have_to_be_gone(aim: Aim, asked: list[str]) -> None:
    assert [d.code for d in check(aim).asked] == asked


@pytest.mark.parametrize(
    ("after", "good"),
    [
        (BEFORE, 1),
        ("a.name\nb #!bad one, see line 2\nc #!warning two\n", 2),
        ("\n\na.name\nb #!bad one, see line 4\nc #!warning two\n", 2),  # moved
        ("a.name\n", 2),  # others may go as well
        ("a.name\nb #!bad two\nc #!warning two\n", 1),  # other words are another finding
        ("a.name #!warning three\nb #!bad one, see line 2\n", 1),
        ("x\n" + BEFORE, 1),
        (BEFORE + BEFORE, 0),
    ],
)
def test_a_finding_is_gone_and_none_came(after: str, good: int) -> None:
    result = check(Aim(range(1))).run(after, None)
    assert (result.good, result.total) == (good, 2)


def test_a_finding_has_a_kind_and_a_name() -> None:
    [found, *_] = check().run(BEFORE, None).findings
    assert (found.kind, found.name, found.line) == ("unknown attribute", "nme", 0)
    assert found.text == "E1101 no nme"
    assert undefined_names([found]) == {"nme"}
    assert kind_of("reportOptionalMemberAccess") == kind_of("union-attr") == "possibly None"
    assert told("unheard-of", "words") == "unheard-of: words"
    assert told("reportOptionalSubscript", "words") == "possibly None: words"


@pytest.mark.parametrize("comment", ["# type: ignore", "# ty: ignore[x]", "#pyright: basic"])
def test_to_silence_the_checker_is_no_fix(comment: str) -> None:
    result = check(Aim(range(1))).run(f"a.nme {comment}\n", None)
    assert not result.passed
    assert "silence" in result.findings[0].text


def test_to_give_up_the_type_is_weak() -> None:
    wanted = Aim(range(1))
    assert check(wanted).run("from typing import Any\na: Any\n", None).hides[-1] == GIVES_UP
    assert not check(wanted, "a(nme) #!x y\n").run("a(name)\n", None).hides


def test_checkers_are_known_by_what_they_call_themselves() -> None:
    names = {"ty": "ty", "Pyright": "basedpyright", "Pylance": "basedpyright", "Mypy": "mypy"}
    for source, name in names.items():
        checker = checker_of(source)
        assert checker is not None
        assert checker.name == name
    assert checker_of("ruff") is None
    with pytest.raises(CheckerError, match="ty, basedpyright, mypy"):
        named("ruff")


def environment(root: Path, program: str, body: str) -> Path:
    """A virtual environment of a project with one program, which is a Python script."""
    folder = root / ".venv" / "bin"
    folder.mkdir(parents=True)
    real = os.path.realpath(sys.executable)
    (folder / "python").symlink_to(real)
    (root / ".venv/pyvenv.cfg").write_text(f"home = {os.path.dirname(real)}\n")
    path = folder / program
    path.write_text(f"#!{folder}/python\n{body}\n")
    path.chmod(0o755)
    return path


def test_it_is_found_beside_editloop_then_in_the_project(tmp_path: Path) -> None:
    mine, other = (Checker("ty", program, "", ()) for program in ("pytest-here", "mine"))
    assert find(other, tmp_path) is None
    path = environment(tmp_path, "mine", "")
    found = find(other, tmp_path)
    assert found is not None
    assert found[0] == path
    assert find(mine, tmp_path) is None
    beside = Checker("ty", Path(sys.executable).name, "", ())
    found = find(beside, tmp_path)
    assert found is not None
    assert found[0].parent == Path(sys.executable).parent


def test_a_package_is_looked_for_in_the_project_first(tmp_path: Path) -> None:
    mypy = named("mypy")
    found = find(mypy, tmp_path)
    assert found is not None
    assert found[0].parent == Path(sys.executable).parent
    path = environment(tmp_path, "mypy", "")
    assert find(mypy, tmp_path) == found, "a program alone is no package"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (tmp_path / ".venv/lib" / version / "site-packages/mypy").mkdir(parents=True)
    found = find(mypy, tmp_path)
    assert found is not None
    assert found[0] == path.parent / "python"
    command = mypy.command(*found)
    assert command[0] == str(found[0])
    assert command[-1] == found[1].program


@pytest.mark.parametrize("level", LEVELS)
def test_a_checker_of_the_workspace_runs_in_the_sandbox_alone(tmp_path: Path, level: Level) -> None:
    if level is Level.A and detect_level().level is not Level.A:
        pytest.skip("no level A here")
    mark = tmp_path / "mark"
    body = f"import pathlib\npathlib.Path({str(mark)!r}).write_text('here')"
    environment(tmp_path, "hostile", body)
    module = tmp_path / "module.py"
    module.write_text("x = 1\n")
    checker = Checker("ty", "hostile", "server", ())
    with (
        pytest.raises(LanguageServerError, match="answer"),
        type_check(checker, module, "x = 1\n", level, Aim()),
    ):
        pass
    assert not mark.exists()
    subprocess.run([tmp_path / ".venv/bin/hostile"], check=True)
    assert mark.exists(), "the test's program would have done it outside"


@pytest.mark.parametrize("level", LEVELS)
def test_a_program_may_be_a_link_to_elsewhere(tmp_path: Path, level: Level) -> None:
    beside = shutil.which("ty", path=str(Path(sys.executable).parent))
    if beside is None or detect_level().level not in (Level.A, level):
        pytest.skip(f"ty is not installed, or no level {level.name}")
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    shutil.copy(beside, elsewhere / "ty")
    environment(project, "linked", "")
    (project / ".venv/bin/linked").unlink()
    (project / ".venv/bin/linked").symlink_to(elsewhere / "ty")
    checker = Checker("ty", "linked", "server", ())
    text = "def f(x: int) -> str:\n    return x\n"
    with type_check(checker, project / "module.py", text, level, Aim()) as found:
        assert [d.line for d in found.asked] == [1]


@pytest.mark.parametrize(("level", "text"), [(Level.F, "x = 1\n"), (Level.A, "x = (\n")])
def test_what_cannot_be_asked_says_so(tmp_path: Path, level: Level, text: str) -> None:
    with (
        pytest.raises(CheckerError),
        type_check(CHECKERS[0], tmp_path / "a.py", text, level, Aim()),
    ):
        pass


PUSHES = """
import json, sys
def send(message):
    data = json.dumps(message)
    sys.stdout.write(f"Content-Length: {len(data)}\\r\\n\\r\\n{data}")
    sys.stdout.flush()
place = {"start": {"line": 0, "character": 5}, "end": {"line": 0, "character": 7}}
while True:
    size = int(sys.stdin.readline().split(":")[1])
    sys.stdin.readline()
    message = json.loads(sys.stdin.read(size))
    params = message.get("params")
    if message.get("method") == "initialize":
        wanted = {"items": [{"section": "s"}]}
        send({"id": 7, "method": "workspace/configuration", "params": wanted})
        send({"id": message["id"], "result": {"capabilities": {}}})
    elif message.get("id") == 7:
        told = message["result"][0]
    elif "textDocument" in (params or {}):
        document = params["textDocument"]
        for version in (document["version"] - 1, document["version"]):
            items = [{"range": place, "message": f"{told} {version}\\nmore", "code": "c"}]
            published = {"uri": document["uri"], "version": version, "diagnostics": items}
            send({"method": "textDocument/publishDiagnostics", "params": published})
"""


@pytest.fixture
def pushing(tmp_path: Path) -> Iterator[LanguageServer]:
    """A server that publishes, for each version also what it found of the one before."""

    def start() -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        return subprocess.Popen([sys.executable, "-c", PUSHES], stdin=pipe, stdout=pipe)

    server = LanguageServer("s", start, Greeting("file:///a.py", settings={"s": "set"}))
    yield server
    server.close()


def test_a_server_that_publishes_is_waited_for_and_counts_in_utf_16(
    pushing: LanguageServer,
) -> None:
    [first] = pushing.check("'\N{SNAKE}\N{SNAKE}'x\n")
    [second] = pushing.check("'\N{SNAKE}\N{SNAKE}'y\n")
    assert (first.column, first.end_column, first.severity) == (3, 5, 1)
    assert first.message.startswith("set ")
    assert int(second.message.split()[1]) > int(first.message.split()[1])


@pytest.mark.parametrize("checker", CHECKERS, ids=lambda checker: checker.name)
@pytest.mark.parametrize("level", LEVELS)
def test_the_real_one(tmp_path: Path, checker: Checker, level: Level) -> None:
    beside = shutil.which(checker.program, path=str(Path(sys.executable).parent))
    if beside is None or detect_level().level not in (Level.A, level):
        pytest.skip(f"{checker.name} is not installed, or no level {level.name}")
    (tmp_path / "other.py").write_text("class Point:\n    x: int = 0\n")
    text = "from other import Point\n\n\ndef f(p: Point) -> int:\n    return p.xx\n"
    module = tmp_path / "module.py"
    module.write_text(text)
    with type_check(checker, module, text, level, Aim()) as found:
        assert [kind_of(d.code) for d in found.asked] == ["unknown attribute"]
        assert found.line == 4
        assert found.run(text.replace("p.xx", "p.x"), None).passed
        assert not found.run(text.replace("p.xx", "p.yy"), None).passed
        assert found.run(text.replace("p.xx", "p.x "), None).passed
        left = found.run(text.replace("p.xx", "p.yy"), None).findings
        assert ("unknown attribute", "yy", 4) in [(f.kind, f.name, f.line) for f in left]
        assert not found.run(text.replace("p.xx", "str(p.x)"), None).passed
        hidden = found.run(text.replace("p.xx", "p.xx  # type: ignore"), None)
        assert "silence" in hidden.findings[-1].text


@pytest.mark.parametrize("checker", CHECKERS, ids=lambda checker: checker.name)
def test_nothing_new_may_come_in_open_files_that_import_it(
    tmp_path: Path, checker: Checker
) -> None:
    beside = shutil.which(checker.program, path=str(Path(sys.executable).parent))
    if beside is None or detect_level().level not in LEVELS:
        pytest.skip(f"{checker.name} is not installed, or there is no sandbox")
    text = "def size(name: str) -> int:\n    return name\n"
    uses = "from module import size\n\n\ndef twice() -> int:\n    return 2 * (1 + size('a'))\n"
    module, user = tmp_path / "module.py", tmp_path / "user.py"
    module.write_text(text)
    user.write_text("")
    importers = {str(user): uses, str(tmp_path / "broken.py"): "from module import (\n"}
    with type_check(
        checker, module, text, detect_level().level, Aim(), importers=importers
    ) as check:
        assert [d.file for d in check.asked] == [""]
        renamed = check.run(text.replace("int", "str"), None)
        assert not renamed.passed
        assert "user.py, line 5: " in renamed.findings[0].text
        assert renamed.findings[0].line is None
        assert check.run(text.replace("return name", "return len(name)"), None).passed


@pytest.mark.skipif(
    not HAS_MYPY or SANDBOXED not in LEVELS, reason="mypy is not installed, or no sandbox"
)
def test_importers_that_mypy_cannot_take_together_are_left_out(tmp_path: Path) -> None:
    assert MYPY is not None
    text = "def size(name: str) -> int:\n    return name\n"
    (tmp_path / "lib").mkdir()
    module, user = tmp_path / "lib" / "module.py", tmp_path / "user.py"
    (tmp_path / "pyproject.toml").write_text("")
    module.write_text(text)
    uses = "from lib.module import size\n"
    user.write_text(uses)
    with type_check(MYPY, module, text, SANDBOXED, Aim(), importers={str(user): uses}) as check:
        assert [d.code for d in check.asked] == ["return-value"]
        assert check.run(text.replace("return name", "return len(name)"), None).passed


PLUGIN = """
import os
from mypy.plugin import Plugin

def called(context):
    name = context.context.callee.name
    print("what a plug-in prints is no answer", flush=True)
    if name == "hang":
        while True:
            pass
    if name == "crash":
        os._exit(3)
    if name == "fail":
        raise LookupError("the plug-in fails")
    return context.default_return_type

class Ours(Plugin):
    def get_function_hook(self, fullname):
        return called if fullname.startswith("module.") else None

def plugin(version):
    return Ours
"""
CALLS = "".join(f"def {name}() -> int: ...\n" for name in ("quiet", "hang", "crash", "fail"))


@pytest.mark.skipif(
    not HAS_MYPY or SANDBOXED not in LEVELS, reason="mypy is not installed, or no sandbox"
)
def test_mypy_reads_the_projects_settings_and_a_failure_is_one_candidates(tmp_path: Path) -> None:
    assert MYPY is not None
    settings = '[tool.mypy]\nstrict = true\npretty = true\nplugins = ["plugin.py"]\n'
    (tmp_path / "pyproject.toml").write_text(settings)
    (tmp_path / "plugin.py").write_text(PLUGIN)
    module = tmp_path / "module.py"
    text = (
        CALLS.replace("...", "return 1") + "def f(x): pass\nNAME = '\N{SNAKE}'; x: str = quiet()\n"
    )
    module.write_text(text)
    with type_check(MYPY, module, text, SANDBOXED, Aim(range(5, 6))) as check:
        assert check.before is not None
        assert [d.code for d in check.before] == ["no-untyped-def", "assignment"]
        assert (check.before[1].line, check.before[1].column) == (5, 0)
        good = text.replace("x: str", "x: int")
        assert check.run(good, None).passed
        [finding] = check.run(good.replace("= quiet", "= fail"), None).findings
        assert finding.text.startswith("mypy: ")
        assert "\n" not in finding.text
        [finding] = check.run(good.replace("= quiet", "= crash"), None).findings
        assert finding.text == "mypy does not answer: mypy ended"
        seconds, check.seconds = check.seconds, 8.0
        [finding] = check.run(good.replace("= quiet", "= hang"), None).findings
        assert finding.text == "mypy has no answer within 8 s"
        check.seconds = seconds
        assert check.run(good, None).passed


@pytest.mark.skipif(
    not HAS_MYPY or SANDBOXED not in LEVELS, reason="mypy is not installed, or no sandbox"
)
@pytest.mark.parametrize(
    ("settings", "other", "why"),
    [
        ('plugins = ["no_such_plugin"]', "", "mypy: pyproject.*no_such_plugin.*"),
        ("", "x = (\n", r"mypy: other\.py:\d.*error: .*"),
    ],
)
def test_what_mypy_cannot_check_says_why(
    tmp_path: Path, settings: str, other: str, why: str
) -> None:
    assert MYPY is not None
    (tmp_path / "pyproject.toml").write_text(f"[tool.mypy]\n{settings}\n")
    (tmp_path / "other.py").write_text(other)
    module, text = tmp_path / "module.py", "import other\n"
    module.write_text(text)
    with (
        pytest.raises(LanguageServerError, match=f"^{why}$"),
        type_check(MYPY, module, text, SANDBOXED, Aim()),
    ):
        pass
