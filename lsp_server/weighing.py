"""How far a fix can be trusted, found out after it was shown: the offer waits for nothing of it."""

from __future__ import annotations

import logging
from dataclasses import replace

from editloop.trust import WEIGHING_SECONDS
from lsp_server.documents import Documents
from lsp_server.edits import FixResult
from lsp_server.protocol import Protocol
from lsp_server.wire import WeighJob
from lsp_server.workers import WorkerError, WorkerProcess

log = logging.getLogger(__name__)


async def weigh_fixes(
    result: FixResult, fixer: WorkerProcess, documents: Documents, protocol: Protocol
) -> None:
    """Put into the document's results how the fixes compare; where some differ, say it once.

    A search that begins meanwhile goes first: what is not known then stays unknown.
    """
    if not result.compared or not result.level:
        return
    text = result.text
    job = WeighJob(text.text, list(result.compared), result.level, text.file, WEIGHING_SECONDS)
    try:
        row = await fixer.request("weigh", job)
    except WorkerError as error:
        log.info("how the fixes compare is not known: %s", error)
        return
    assert isinstance(row, dict)
    known = replace(result, report=replace(result.report, trust=row))
    document = documents.get(text.uri)
    if document is None or document.last is not result:
        return
    document.last = known
    documents.last = known if documents.last is result else documents.last
    if document.results.get(result.target.key) is result:
        document.results[result.target.key] = known
    question = known.report.question
    if question is not None and not protocol.client.status:  # a client that knows of us asks itself
        protocol.show(f"{text.name}: {question['line']}")
