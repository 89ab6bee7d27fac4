"""Fetches a file by HTTP into a Partial: goes on where a broken connection stopped.

The standard library's client: it takes proxies from the environment and follows redirects.
"""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from typing import Any

from editloop import __version__

from .catalogue import HubFile
from .partial import Partial, SourceFailed

TIMEOUT = 15.0  # seconds without a byte
_TRIES = 3  # in a row that bring nothing new
_PAUSE = 0.5  # seconds before the second try, twice that before the third
_CHUNK = 1 << 18
_LATER = (408, 425, 429, 500, 502, 503, 504)  # may work at the next try
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class _Broken(Exception):
    """A download ended early; another try may bring more."""


def fetch_file(source: HubFile, part: Partial) -> None:
    """Append what is missing. Raises SourceFailed, Cancelled, DownloadError."""
    if not source.url.startswith(("https://", "http://")):
        raise SourceFailed(f"HF_ENDPOINT is {source.endpoint!r}, which is no address of a server")
    part.need()
    part.say(f"from {source.where}")
    most, idle = part.size, 0
    while part.size < part.total:
        try:
            _stream(source.url, part)
        except _Broken as error:
            idle = 0 if part.size > most else idle + 1
            most = max(most, part.size)
            if idle == _TRIES:
                raise SourceFailed(str(error)) from error
            part.pause(_PAUSE * idle)


def _stream(url: str, part: Partial) -> None:
    """One request for the rest. Raises _Broken, SourceFailed, Cancelled, DownloadError."""
    headers = {"User-Agent": f"editloop/{__version__}", "Accept-Encoding": "identity"}
    if part.size:
        headers["Range"] = f"bytes={part.size}-"
    part.check()
    try:
        request = urllib.request.Request(url, headers=headers)
        # An opener of its own: the module's keeps the proxies of its first use.
        with urllib.request.build_opener().open(request, timeout=TIMEOUT) as response:
            _begin(response, part)
            while data := response.read1(min(_CHUNK, part.total - part.size)):
                part.write(data)
    except urllib.error.HTTPError as error:
        _refused(error, part)
    except urllib.error.URLError as error:
        raise _Broken(_words(error.reason)) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _Broken(_words(error)) from error
    if part.size < part.total:
        raise _Broken(f"the connection ended at {part.size:,} of {part.total:,} bytes")


def _begin(response: Any, part: Partial) -> None:
    """Check what the server is about to send. Raises SourceFailed, _Broken."""
    if response.status == 206:
        found = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        if found is None or int(found[1]) != part.size:
            part.keep(0)
            raise _Broken("the server sends another range than the one asked for")
        length = found[2]
    else:
        part.keep(0)  # it knows no ranges: from the beginning
        length = response.headers.get("Content-Length", "*")
    if length != "*" and length != str(part.total):
        raise SourceFailed(f"another file is there: {length} bytes instead of {part.total}")


def _refused(error: urllib.error.HTTPError, part: Partial) -> None:
    error.close()
    told = f"the server answers {error.code} {error.reason}".strip()
    if error.code == 416:  # what is here is no beginning of what is there
        part.keep(0)
        raise _Broken(told) from error
    if error.code in _LATER:
        raise _Broken(told) from error
    raise SourceFailed(told) from error


def _words(error: object) -> str:
    """One line of an exception or a reason."""
    told = getattr(error, "strerror", None) or str(error)
    return " ".join(str(told).split()) or type(error).__name__
