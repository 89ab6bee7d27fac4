"""What the client can do, out of its capabilities and initialization options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lsprotocol import types
from pygls.capabilities import ServerCapabilitiesBuilder, get_capability


@dataclass(frozen=True, slots=True)
class Client:
    """What a client can do, named by what the server may do then."""

    encoding: str = "utf-16"
    """Units of positions: "utf-8", "utf-16" or "utf-32", whichever the client lists first."""
    resolves_edits: bool = False
    action_literals: bool = False
    document_changes: bool = False
    annotations: bool = False
    pulls_diagnostics: bool = False
    """Whether the client asks for diagnostics, and asks again when it is told to."""
    progress: bool = False
    configuration: bool = False
    registers_configuration: bool = False
    declares_questions: bool = False
    llm_tag: bool = False
    status: bool = False
    trusted: bool | None = None
    """The client's word on the workspace; None where it has no such notion."""


def describe(params: types.InitializeParams) -> Client:
    """The client that sent these parameters."""
    capabilities = params.capabilities
    options = params.initialization_options
    options = options if isinstance(options, Mapping) else {}

    def has(path: str) -> Any:
        return get_capability(capabilities, path, None)

    action = "text_document.code_action"
    properties = has(f"{action}.resolve_support.properties") or ()
    tags = has(f"{action}.tag_support.value_set") or ()
    trusted = options.get("trusted")
    encoding = ServerCapabilitiesBuilder.choose_position_encoding(capabilities)
    return Client(
        encoding=types.PositionEncodingKind(encoding).value,
        resolves_edits="edit" in properties and bool(has(f"{action}.data_support")),
        action_literals=has(f"{action}.code_action_literal_support") is not None,
        document_changes=bool(has("workspace.workspace_edit.document_changes")),
        annotations=has("workspace.workspace_edit.change_annotation_support") is not None,
        pulls_diagnostics=has("text_document.diagnostic") is not None
        and bool(has("workspace.diagnostics.refresh_support")),
        progress=bool(has("window.work_done_progress")),
        configuration=bool(has("workspace.configuration")),
        registers_configuration=bool(
            has("workspace.did_change_configuration.dynamic_registration")
        ),
        declares_questions=has("window.show_message") is not None,
        llm_tag=types.CodeActionTag.LlmGenerated in tags,
        status=options.get("status") is True,
        trusted=trusted if isinstance(trusted, bool) else None,
    )
