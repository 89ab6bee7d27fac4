"""How far a fix can be trusted, found out after it was shown: the offer waits for nothing of it."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

from editloop.trust import WEIGHING_SECONDS
from lsp_server.wire import WeighJob
from lsp_server.workers import WorkerDied, WorkerError

if TYPE_CHECKING:
    from lsp_server.fixing import FixResult
    from lsp_server.server import EditloopServer

log = logging.getLogger(__name__)

_LONGEST = 200_000
"""Characters of a document whose fixes are compared. Chosen."""


async def weigh_fixes(server: EditloopServer, result: FixResult) -> None:
    """Put into the document's results how the fixes compare; where some differ, say it once.

    A search that begins meanwhile goes first: what is not known then stays unknown.
    """
    text, fixes = result.text, result.fixes
    if not fixes or not result.level or result.target.kind == "all" or len(text.text) > _LONGEST:
        return
    # What only hides a failure is no rival of what does not.
    compared = [fix.text for fix in takewhile(lambda fix: fix is fixes[0] or not fix.weak, fixes)]
    path = str(text.path) if text.path else None
    job = WeighJob(text.text, compared, result.level, path, WEIGHING_SECONDS)
    try:
        row = await server.fixer.request("weigh", job)
    except (WorkerDied, WorkerError) as error:
        log.info("how the fixes compare is not known: %s", error)
        return
    assert isinstance(row, dict)
    known = replace(result, report=replace(result.report, trust=row))
    document = server.documents.get(text.uri)
    if document is None or document.last is not result:
        return
    document.last = known
    server.last = known if server.last is result else server.last
    if document.results.get(result.target.key) is result:
        document.results[result.target.key] = known
    question = known.report.question
    if question is not None and not server.client.status:  # a client that knows of us asks itself
        server.show(f"{text.name}: {question['line']}")
