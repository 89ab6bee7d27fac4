"""Arguments that a call lacks, where what has the parameter's name is at hand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from editloop.document.commands import Command, edit_line
from editloop.document.transcript import Finding
from editloop.moves.context import Context

_LACKS = re.compile(r"(\w+)\(\) lacks a value for '(\w+)'")


def lacking(ctx: Context, findings: Sequence[Finding]) -> Iterator[Command]:
    """The variable, or else the attribute, that is called like the parameter."""
    for finding in findings:
        found = _LACKS.search(finding.text)
        number = None if finding.line is None else ctx.state.number_of(finding.line)
        line = next((line for line in ctx.lines if line.number == number), None)
        if found is None or line is None:
            continue
        sh, (callee, parameter) = line.shape, found.groups()
        values = [parameter] if parameter in line.scope.names else []
        if line.scope.is_method and parameter in ctx.attributes:
            values.append(f"self.{parameter}")
        for opener, closer in sorted(sh.pairs.items()):
            if not 0 < opener < closer or sh.tokens[opener].text != "(":
                continue
            if sh.tokens[opener - 1].text == callee:
                comma = ", " if closer > opener + 1 else ""
                for value in values:
                    for argument in (value, f"{parameter}={value}"):
                        new = sh.insert(closer, comma + argument)
                        yield edit_line(line.number, line.text, new)
