from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from strategies import documents

from editloop.document.text import Line, Snapshot, TextError, common_newline, join, split_lines


@given(documents)
def test_splitting_loses_nothing(text: str) -> None:
    lines = split_lines(text)
    assert join(lines) == text
    assert all(line.end for line in lines[:-1])
    assert not any("\r" in line.text or "\n" in line.text for line in lines)
    assert split_lines(join(lines)) == lines


@given(documents)
def test_bytes_survive(text: str) -> None:
    for bom in (b"", codecs.BOM_UTF8):
        data = bom + text.encode()
        try:
            snapshot = Snapshot.from_bytes(data)
        except TextError:
            continue  # the text itself may begin with a BOM or declare an encoding
        assert snapshot.encode() == data


def test_only_lsp_terminators_split() -> None:
    text = "a\x0cb\u2028c\x85d\r\ne\rf\n"
    assert split_lines(text) == (
        Line("a\x0cb\u2028c\x85d", "\r\n"),
        Line("e", "\r"),
        Line("f", "\n"),
    )


def test_declared_encoding() -> None:
    data = "# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1")
    snapshot = Snapshot.from_bytes(data)
    assert "é" in snapshot.text
    assert snapshot.encode() == data


@pytest.mark.parametrize("data", [b"\xff\xfe", b"# coding: nothing\n", b"x = '\xe9'\n"])
def test_undecodable(data: bytes) -> None:
    with pytest.raises(TextError):
        Snapshot.from_bytes(data)


def test_unencodable() -> None:
    with pytest.raises(TextError, match=r"latin-1|iso"):
        Snapshot(split_lines("\U0001f600"), "latin-1").encode()


def test_common_newline() -> None:
    assert common_newline(split_lines("a\r\nb\r\nc\n")) == "\r\n"
    assert common_newline(()) == "\n"
