"""Reads tracebacks as Python, pytest, IPython, rich and logs print them, and finds their place in a
file.

Nothing is run. Text around a traceback, colours, and what a log puts before lines do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from editloop.document.text import Snapshot

NONE = "no traceback is in the text that was given"
TEXT_CAP = 1 << 20
"""Characters of a text that are read, from its end."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One call: the file as it was printed, its line (0-based), the function, the line's text.

    ``function`` and ``text`` are "" where they were not printed.
    """

    path: str
    line: int
    function: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Traceback:
    """One exception, its frames from the outermost to the innermost.

    ``depth``: how far it is indented; what is inside of a group of exceptions is deeper than it.
    ``link``: how it came after the one printed before it, "cause" or "handling", else "".
    """

    frames: tuple[Frame, ...]
    kind: str
    message: str = ""
    depth: int = 0
    link: str = ""

    @property
    def error(self) -> str:
        """Type and message in one line, such as ``KeyError: 'x'``."""
        first = self.message.split("\n")[0]
        return f"{self.kind}: {first}" if first else self.kind


@dataclass(frozen=True, slots=True)
class Place:
    """Where a traceback leads in a document.

    ``line``: the innermost frame's line there (0-based), ``found``: whether it is sure, as the text
    of the line agrees. ``lines``: those of all frames in the document, the innermost first.
    ``is_program``: whether the document is what was started, as ``python FILE`` does.
    """

    line: int
    function: str
    error: str
    found: bool
    lines: tuple[int, ...]
    is_program: bool = False


_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_BOX = re.compile(r"^[\u2500-\u257f]+ ?|\s*[\u2500-\u257f]+$")
_HEADER = re.compile(r"Traceback \(most recent call last\)|(?<!\w)Traceback:")
_PYTHON = re.compile(r'^(.*?)File "([^"]+)", line (\d+)(?:, in (.+?))?\s*$')
_PYTEST = re.compile(
    r"^((?:[A-Za-z]:)?[^\s:][^:]*\.py):(\d+):(?: in (\S+)| (\w+(?:\.\w+)*)(?:: .*)?| ?)$"
)
_IPYTHON = re.compile(
    r"^(?:File )?(\S[^:]*\.py)(?::(\d+))?,? in (<?\w+>?)|^File (\S[^:]*\.py):(\d+)$"
)
_RICH = re.compile(r"^(\S[^:]*\.py):(\d+) in (\S+)\s*$")
_CELL = re.compile(r"^(?:Cell|Input) In ?\[\d+\]|^<ipython-input-")
_ARROW = re.compile(r"^(?:-+>|\u2771)\s*(\d+)\s(.*)$")
_ERROR = re.compile(r"^((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(?:: (.*))?$")
_SAID = re.compile(r"^E\s{1,}(.*)$")
_MARKS = re.compile(r"^\s*[~^]+\s*$|^\s*\[Previous line repeated ")
_SUGGESTION = re.compile(r"\. Did you (?:mean|forget).*$")
_LINKS = (
    ("cause", "The above exception was the direct cause"),
    ("handling", "During handling of the above exception"),
)
_ENDINGS = ("Error", "Exception", "Warning", "Exit", "Interrupt", "Iteration", "Group", "Failed")


def read(text: str) -> tuple[Traceback, ...]:
    """All exceptions of a text in the order in which they stand; () where there is none."""
    text = _COLOUR.sub("", text[-TEXT_CAP:])
    if "\n  File" not in text and "\\n  File" in text:  # inside of a JSON string
        text = text.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")
    reader = _Reader()
    lines = text.split("\n")
    for number, line in enumerate(lines):
        reader.take(line.rstrip("\r"), lines[number + 1 : number + 3])
    return tuple(reader.done)


@dataclass(slots=True)
class _Reader:
    """The frames read since the last exception, and how its lines begin."""

    done: list[Traceback] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    base: str = ""
    link: str = ""
    said: str = ""
    shown: str = ""
    """pytest's line that failed, which stands above its place."""
    open: bool = False

    def take(self, line: str, following: Sequence[str]) -> None:
        for name, words in _LINKS:
            if words in line:
                self.link = name
        if _HEADER.search(line):
            self.frames, self.said, self.open = [], "", True
            return
        if self._frame(line, following):
            return
        body = line[len(self.base) :] if line.startswith(self.base.rstrip()) else line
        said = _SAID.match(body)
        if said:
            self.said = self.said or said[1].strip()
            if self.frames and self.frames[-1].function and not self.open:
                self._raised("AssertionError")  # the short style ends here
        elif body.startswith(">"):
            self.shown = body[1:].strip()
        elif self.frames and self.open and not _MARKS.match(body):
            self._end(body.strip("\u2502 ") if body[:1] == "\u2502" else body)

    def _frame(self, line: str, following: Sequence[str]) -> bool:
        """Whether the line names a place; if so it is noted."""
        if found := _PYTHON.match(line):
            prefix, path, number, function = found.groups()
            self.base = prefix.removesuffix("  ")
            texts = [text[len(self.base) :] for text in following]
            text = texts[0] if texts and texts[0][:4].isspace() else ""
            self.open = True
            self._add(path, int(number), function or "", text)
            return True
        bare = _BOX.sub("", line).strip()
        if found := _PYTEST.match(bare):
            path, number, function, kind = found.groups()
            below = following[0].strip() if function and following else ""
            self._add(path, int(number), function or "", below or self.shown)
            if kind and not function:
                self._raised(kind)
            return True
        if found := _RICH.match(bare) or _IPYTHON.match(bare):
            path, number, function, other, at = (*found.groups(), None, None)[:5]
            self.open, self.base = True, ""
            self._add(path or other or "", int(number or at or 1), function or "", "")
            return True
        if _CELL.match(bare):
            self.open, self.base = True, ""
            self._add("<cell>", 1, "", "")
            return True
        found = _ARROW.match(bare)
        if found and self.frames:
            last = self.frames.pop()
            self._add(last.path, int(found[1]), last.function, found[2])
            return True
        return False

    def _add(self, path: str, number: int, function: str, text: str) -> None:
        self.frames.append(Frame(path, max(number, 1) - 1, function.strip("()"), text.strip()))

    def _end(self, body: str) -> None:
        """An exception's own line ends a traceback; other lines are passed over."""
        found = _ERROR.match(body.strip())
        if not found or body[:4].isspace():
            return
        kind = found[1]
        if found[2] is None and not kind.endswith(_ENDINGS):
            return  # source text, or a word of a log
        self._close(kind, found[2] or "")

    def _raised(self, kind: str) -> None:
        """pytest's end of a failure, of this kind where what it said names none."""
        found = _ERROR.match(self.said)
        if found and found[1].endswith(_ENDINGS):
            self._close(found[1], found[2] or "")
        else:
            self._close(kind, self.said)

    def _close(self, kind: str, message: str) -> None:
        depth = (self.base.rfind("|") + 1) // 2  # a group indents what is inside of it by two
        name = kind.rpartition(".")[2]
        message = _SUGGESTION.sub("", message)  # only what is printed has it
        self.done.append(Traceback(tuple(self.frames), name, message, depth, self.link))
        self.frames, self.link, self.said, self.shown, self.open = [], "", "", "", False


def place(found: Sequence[Traceback], path: Path, document: Snapshot) -> Place | None:
    """Where to look in a document, None where no frame is in it.

    Of a group the first exception inside that passed through the file, of others the last one
    printed: that is what ended the program.
    """
    near = [(one, _frames_in(one, path)) for one in found]
    near = [(one, frames) for one, frames in near if frames]
    if not near:
        return None
    group = next((one.depth for one in found if one.kind.endswith("Group")), None)
    inside = [pair for pair in near if group is not None and pair[0].depth > group]
    one, frames = inside[0] if inside else near[-1]
    lines = [_line(frame, document) for frame in reversed(frames)]
    last, function = frames[-1], _function(frames)
    sure = _text(document, lines[0]) == last.text if last.text else last.line == lines[0]
    program = one.frames[0] is frames[0] and frames[0].function in ("<module>", "")
    return Place(lines[0], function, one.error, sure, tuple(dict.fromkeys(lines)), program)


def _function(frames: Sequence[Frame]) -> str:
    """The innermost one with a name: a comprehension or a lambda is part of what is around it."""
    names = [frame.function for frame in frames]
    inner = ("<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>", "<lambda>")
    return next((name for name in reversed(names) if name not in inner), names[-1])


def files(found: Sequence[Traceback]) -> tuple[str, ...]:
    """Names of the files in which frames lie, without the standard library's and packages'."""
    own = _own(frame for one in found for frame in one.frames)
    return tuple(dict.fromkeys(PurePosixPath(name.replace("\\", "/")).name for name in own))


def innermost(found: Sequence[Traceback]) -> tuple[str, ...]:
    """Paths as they were printed, without the standard library's and packages': of the exception
    that was printed last its innermost frame's first, then of the ones before."""
    return tuple(dict.fromkeys(_own(f for one in reversed(found) for f in reversed(one.frames))))


def _own(frames: Iterable[Frame]) -> Iterator[str]:
    foreign = re.compile(r"site-packages|dist-packages|/lib/python3|^<")
    return (frame.path for frame in frames if not foreign.search(frame.path))


def _frames_in(one: Traceback, path: Path) -> list[Frame]:
    """A traceback's frames whose path ends most like the file's."""
    shares = [_shared(frame.path, path) for frame in one.frames]
    most = max(shares, default=0)
    return [f for f, share in zip(one.frames, shares, strict=True) if share == most and share]


def _shared(printed: str, path: Path) -> int:
    """How many components at their ends two paths share."""
    ours = path.resolve().parts[::-1]
    theirs = PurePosixPath(printed.replace("\\", "/")).parts[::-1]
    count = 0
    for a, b in zip(ours, theirs, strict=False):
        if a != b:
            break
        count += 1
    return count


def _line(frame: Frame, document: Snapshot) -> int:
    """The frame's line, or where its text stands now: the nearest one that reads the same."""
    last = max(len(document.lines) - 1, 0)
    line = min(frame.line, last)
    if not frame.text or _text(document, line) == frame.text:
        return line
    return min(_same(frame.text, document), key=lambda other: abs(other - line), default=line)


def _same(text: str, document: Snapshot) -> Iterator[int]:
    return (n for n in range(len(document.lines)) if _text(document, n) == text)


def _text(document: Snapshot, line: int) -> str:
    return document.lines[line].text.strip() if line < len(document.lines) else ""
