"""What type checkers find, as kinds that rules, prior and prompts read, whatever the words are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Kind = Literal[
    "undefined name",
    "unknown attribute",
    "possibly None",
    "wrong argument",
    "wrong type",
    "missing import",
    "unreachable",
    "other",
]
UNBOUND: Final = ("undefined name", "unknown attribute")
"""Kinds whose name does not exist."""

_RULES: Mapping[Kind, str] = {
    "undefined name": (
        "unresolved-reference possibly-unresolved-reference unresolved-global "
        "reportUndefinedVariable reportPossiblyUnbound reportUnboundVariable "
        "name-defined used-before-def possibly-undefined"
    ),
    "unknown attribute": (
        "unresolved-attribute missing-attribute possibly-missing-attribute missing-module-member "
        "reportAttributeAccessIssue reportFunctionMemberAccess attr-defined"
    ),
    # Of a union nearly always None lacks what the other part has.
    "possibly None": (
        "missing-union-attribute "
        "reportOptionalMemberAccess reportOptionalSubscript reportOptionalIterable "
        "reportOptionalCall reportOptionalOperand reportOptionalContextManager union-attr"
    ),
    "wrong argument": (
        "missing-argument too-many-positional-arguments unknown-argument "
        "positional-only-parameter-as-kwarg parameter-already-assigned no-matching-overload "
        "reportCallIssue call-arg call-overload"
    ),
    "wrong type": (
        "invalid-argument-type invalid-assignment invalid-return-type invalid-explicit-return "
        "invalid-implicit-return invalid-parameter-default invalid-yield "
        "unsupported-operator not-callable not-iterable not-subscriptable "
        "reportArgumentType reportAssignmentType reportReturnType reportOperatorIssue "
        "reportIndexIssue reportGeneralTypeIssues "
        "arg-type assignment return return-value operator index list-item dict-item "
        "typeddict-item func-returns-value type-var"
    ),
    "missing import": (
        "unresolved-import import-not-found possibly-missing-import "
        "reportMissingImports reportMissingModuleSource import"
    ),
    "unreachable": "unreachable reportUnreachable",
}
_KINDS: Mapping[str, Kind] = {
    rule: kind for kind, rules in _RULES.items() for rule in rules.split()
}
_SIGNS: Mapping[Kind, str] = {
    "undefined name": "F821",
    "unknown attribute": "E1101",
    "wrong argument": "E1120",
}
"""Rules by which ruff, pylint and so the prior know a kind."""


def kind_of(rule: str) -> Kind:
    """The kind of a checker's rule, "other" for one that is not in the table."""
    return _KINDS.get(rule, "other")


def told(rule: str, message: str) -> str:
    """A finding in one line: by the rule that the prior knows, or its kind, and the message."""
    kind = kind_of(rule)
    sign = _SIGNS.get(kind)
    if sign is not None:
        return f"{sign} {message}"
    return f"{rule if kind == 'other' else kind}: {message}"
