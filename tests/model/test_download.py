"""Getting a model from a real server that breaks off, lies, refuses or stalls."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest

from editloop.model import hub as client
from editloop.model.catalogue import Entry, HubFile
from editloop.model.download import NOTE, DownloadError, fetched_bytes, get
from editloop.model.partial import Partial, partial_path
from editloop.model.store import chosen_default, list_models
from editloop.policy import Cancelled

from .conftest import HUB, entry_of
from .hub_server import (
    Hub,
    breaks_off,
    breaks_off_without_ranges,
    claims,
    knows_no_ranges,
    other_range,
    refuses,
    running,
    slowly,
    stalls,
    wrong_bytes,
)

OTHER = HubFile("other/model-GGUF", "1" * 40, "model.gguf")


def test_it_comes_whole_and_becomes_the_default(hub: Hub, entry: Entry, store: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    path = get(entry, store, on_progress=lambda *now: seen.append(now))
    assert path == store / "small.gguf"
    assert path.read_bytes() == hub.data
    assert path.stat().st_mode & 0o777 == 0o644
    assert chosen_default(store) == "small"
    assert sorted(p.name for p in store.iterdir()) == ["default", "small.gguf"]
    assert hub.requests == [(f"/some/model-GGUF/resolve/{'0' * 40}/model.gguf", "")]
    done = [now for now, _, _ in seen]
    assert done == sorted(done)
    assert done[-1] == entry.bytes
    assert {total for _, total, _ in seen} == {entry.bytes}
    assert list(dict.fromkeys(words for _, _, words in seen)) == [
        f"from 127.0.0.1:{hub.server_port}",
        "checking",
    ]


def test_a_second_run_fetches_nothing(hub: Hub, entry: Entry, store: Path) -> None:
    get(entry, store)
    before = (store / "small.gguf").stat()
    get(entry, store)
    assert len(hub.requests) == 1
    assert (store / "small.gguf").stat().st_mtime_ns == before.st_mtime_ns


def test_a_choice_of_the_user_stays(hub: Hub, entry: Entry, store: Path) -> None:
    store.mkdir(parents=True)
    (store / "default").write_text("none\n")
    get(entry, store)
    assert chosen_default(store) == "none"


def test_a_broken_connection_is_taken_up_again(hub: Hub, entry: Entry, store: Path) -> None:
    hub.behave = [breaks_off(at) for at in (50_000, 50_001, 200_000, 255_000)]
    assert get(entry, store).read_bytes() == hub.data
    ranges = [wanted for _, wanted in hub.requests]
    assert ranges == ["", "bytes=50000-", "bytes=50001-", "bytes=200000-", "bytes=255000-"]


def test_what_an_earlier_run_fetched_is_kept(hub: Hub, entry: Entry, store: Path) -> None:
    hub.behave = [breaks_off(150_000), *[refuses(503)] * 3]
    with pytest.raises(DownloadError, match="503"):
        get(entry, store)
    assert fetched_bytes(entry, store) == 150_000
    assert not (store / "small.gguf").exists()
    assert list_models(store) == []
    get(entry, store)
    assert hub.requests[-1][1] == "bytes=150000-"


def test_a_server_without_ranges_begins_anew(hub: Hub, entry: Entry, store: Path) -> None:
    hub.behave = [breaks_off(70_000), breaks_off_without_ranges(60_000), knows_no_ranges]
    assert get(entry, store).read_bytes() == hub.data
    assert len(hub.requests) == 3


def test_one_that_never_gets_further_is_given_up(hub: Hub, entry: Entry, store: Path) -> None:
    hub.always = breaks_off_without_ranges(60_000)
    with pytest.raises(DownloadError, match=r"ended at 60,000 of 25\d,\d{3} bytes") as failed:
        get(entry, store)
    assert "\n" not in str(failed.value)
    assert 3 <= len(hub.requests) <= 5
    assert not (store / "small.gguf").exists()


@pytest.mark.parametrize("difference", [-1, 1, 10**12])
def test_another_length_is_refused_at_once(
    hub: Hub, entry: Entry, store: Path, difference: int
) -> None:
    hub.always = claims(len(hub.data) + difference)
    with pytest.raises(DownloadError, match="another file is there") as failed:
        get(entry, store)
    assert str(entry.bytes) in str(failed.value)
    assert len(hub.requests) == 1
    assert list(store.iterdir()) == []


def test_another_length_of_the_whole_in_a_range(hub: Hub, entry: Entry, store: Path) -> None:
    hub.behave = [breaks_off(1000)]
    hub.always = lambda request, data: request.answer(
        206, data[1000:], Content_Range=f"bytes 1000-9/{len(data) + 1}"
    )
    with pytest.raises(DownloadError, match="another file is there"):
        get(entry, store)


def test_wrong_bytes_are_not_kept(hub: Hub, entry: Entry, store: Path) -> None:
    hub.always = wrong_bytes
    with pytest.raises(DownloadError, match="SHA-256"):
        get(entry, store)
    assert list(store.iterdir()) == []


def test_wrong_bytes_of_an_earlier_try_are_fetched_anew(
    hub: Hub, entry: Entry, store: Path
) -> None:
    store.mkdir(parents=True)
    partial_path(store / "small.gguf").write_bytes(b"x" * 100_000)
    assert get(entry, store).read_bytes() == hub.data
    assert [wanted for _, wanted in hub.requests] == ["bytes=100000-", ""]


def test_more_than_the_whole_is_fetched_anew(hub: Hub, entry: Entry, store: Path) -> None:
    store.mkdir(parents=True)
    partial_path(store / "small.gguf").write_bytes(b"x" * (entry.bytes + 1))
    assert get(entry, store).read_bytes() == hub.data


def test_a_whole_part_needs_no_server(hub: Hub, entry: Entry, store: Path) -> None:
    store.mkdir(parents=True)
    partial_path(store / "small.gguf").write_bytes(hub.data)
    assert get(entry, store).read_bytes() == hub.data
    assert hub.requests == []


@pytest.mark.parametrize("behaviour", [other_range, refuses(416)])
def test_an_answer_for_another_range_is_not_appended(
    hub: Hub, entry: Entry, store: Path, behaviour: object
) -> None:
    hub.behave = [breaks_off(30_000), behaviour]  # type: ignore[list-item]
    assert get(entry, store).read_bytes() == hub.data
    assert [wanted for _, wanted in hub.requests] == ["", "bytes=30000-", ""]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_source_that_is_gone_is_asked_once(
    hub: Hub, data: bytes, store: Path, status: int
) -> None:
    words: list[str] = []
    hub.behave = [refuses(status)]
    both = entry_of(data, HUB, OTHER)
    get(both, store, on_progress=lambda done, total, told: words.append(told))
    assert [path.split("/")[1] for path, _ in hub.requests] == ["some", "other"]
    notes = [told for told in dict.fromkeys(words) if told.startswith(NOTE)]
    assert len(notes) == 1
    assert str(status) in notes[0]
    assert "trying" in notes[0]


def test_a_busy_server_is_asked_again(hub: Hub, entry: Entry, store: Path) -> None:
    hub.behave = [refuses(503), refuses(429)]
    get(entry, store)
    assert len(hub.requests) == 3


def test_the_next_source_goes_on_where_the_first_stopped(
    hub: Hub, data: bytes, store: Path
) -> None:
    hub.behave = [breaks_off(120_000), refuses(404)]
    get(entry_of(data, HUB, OTHER), store)
    assert hub.requests[-1] == (f"/other/model-GGUF/resolve/{'1' * 40}/model.gguf", "bytes=120000-")


def test_a_server_that_stalls(
    hub: Hub, entry: Entry, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "TIMEOUT", 0.3)
    hub.behave = [stalls]
    assert get(entry, store).read_bytes() == hub.data
    assert len(hub.requests) == 2


def test_no_network(entry: Entry, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_PAUSE", 0.01)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(
        DownloadError, match=r"small cannot be had now: 127\.0\.0\.1:9: Connection refused"
    ):
        get(entry, store)
    assert list(store.iterdir()) == []


@pytest.mark.parametrize(
    "address", ["ftp://example.org", "file:///etc", "huggingface.co", "http://"]
)
def test_an_endpoint_that_is_none(
    entry: Entry, store: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(client, "_PAUSE", 0.01)
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(DownloadError, match="small cannot be had now"):
        get(entry, store)


def test_a_proxy_is_used(
    data: bytes, entry: Entry, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with running(data) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
        assert get(entry, store).read_bytes() == data
        assert proxy.requests[0][0].startswith("http://hub.invalid/some/model-GGUF/")
        (store / "small.gguf").unlink()
        monkeypatch.setattr(client, "_PAUSE", 0.01)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
        with pytest.raises(DownloadError, match="403"):
            get(entry, store)
        assert proxy.requests[-1] == ("hub.invalid:443", "CONNECT")


def test_cancel_keeps_what_is_there(hub: Hub, entry: Entry, store: Path) -> None:
    cancel = threading.Event()
    hub.behave = [slowly]

    def stop(done: int, total: int, words: str) -> None:
        if done > total // 20:
            cancel.set()

    start = time.monotonic()
    with pytest.raises(Cancelled):
        get(entry, store, on_progress=stop, cancel=cancel)
    assert time.monotonic() - start < 8
    kept = fetched_bytes(entry, store)
    assert entry.bytes // 20 < kept < entry.bytes
    get(entry, store)
    assert hub.requests[-1][1] == f"bytes={kept}-"


def test_a_full_disk(hub: Hub, entry: Entry, store: Path) -> None:
    store.mkdir(parents=True)
    partial_path(store / "small.gguf").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match=r"the disk of .* is full"):
        get(entry, store)
    assert not (store / "small.gguf").exists()


def test_room_is_looked_for_first(hub: Hub, data: bytes, store: Path) -> None:
    from dataclasses import replace

    with pytest.raises(DownloadError, match=r"1,000,000,000,000 MB are needed in .* are free"):
        get(replace(entry_of(data), bytes=10**18), store)
    assert hub.requests == []


def test_one_download_of_a_model_at_a_time(hub: Hub, entry: Entry, store: Path) -> None:
    with Partial(store / "small.gguf", entry.bytes, lambda *_: None) as other:
        other.write(b"x")
        with pytest.raises(DownloadError, match="small is being fetched by another process"):
            get(entry, store)
    assert hub.requests == []


def test_a_file_of_the_name_is_not_overwritten(hub: Hub, entry: Entry, store: Path) -> None:
    store.mkdir(parents=True)
    (store / "small.gguf").write_bytes(b"mine")
    with pytest.raises(DownloadError, match=r"another file .* models remove small"):
        get(entry, store)
    assert (store / "small.gguf").read_bytes() == b"mine"


def test_a_store_that_cannot_be_written(hub: Hub, entry: Entry, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError, match="cannot"):
        get(entry, tmp_path / "file" / "models")


def test_messages_are_one_line(hub: Hub, entry: Entry, store: Path) -> None:
    def many_lines(request: object, data: bytes) -> None:
        request.send_response(404, "gone")  # type: ignore[attr-defined]
        request.end_headers()  # type: ignore[attr-defined]

    hub.always = many_lines  # type: ignore[assignment]
    with pytest.raises(DownloadError) as failed:
        get(entry, store)
    assert re.fullmatch(r"small cannot be had now: 127\.0\.0\.1:\d+: .*404 gone", str(failed.value))
