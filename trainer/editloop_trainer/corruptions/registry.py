"""All families by name, with their shares in a mixture."""

from __future__ import annotations

from editloop_trainer.corruptions import bounds, calls, expressions, layout, lines, names, values
from editloop_trainer.corruptions.base import Family

_ALL = (
    Family("operator", expressions.operator, "logic", 3.0),
    Family("division", expressions.division, "logic", 1.0),
    Family("boundary", expressions.boundary, "logic", 2.5),
    Family("comparison", expressions.comparison, "logic", 3.0),
    Family("negate", expressions.negate, "logic", 1.2),
    Family("and_or", expressions.and_or, "logic", 1.2),
    Family("condition_part", expressions.condition_part, "logic", 1.0),
    Family("off_by_one", bounds.off_by_one, "logic", 4.0),
    Family("index", bounds.index, "logic", 2.0),
    Family("slice_bounds", bounds.slice_bounds, "logic", 1.0),
    Family("swapped_arguments", calls.swapped_arguments, "logic", 1.5),
    Family("argument_count", calls.argument_count, "logic", 1.0),
    Family("same_operand", calls.same_operand, "logic", 1.2),
    Family("builtin", calls.builtin, "logic", 1.5),
    Family("method", calls.method, "logic", 1.2),
    Family("conversion", calls.conversion, "logic", 1.2),
    Family("iterated", calls.iterated, "logic", 1.5),
    Family("constant", values.constant, "logic", 2.5),
    Family("quoted_number", values.quoted_number, "logic", 0.8),
    Family("initial_value", values.initial_value, "logic", 1.8),
    Family("augmented", values.augmented, "logic", 1.8),
    Family("missing_return", values.missing_return, "logic", 1.2),
    Family("wrong_return", values.wrong_return, "logic", 1.8),
    Family("loop_jump", values.loop_jump, "logic", 0.6, held_out=True),
    Family("wrong_name", names.wrong_name, "logic", 3.5),
    Family("wrong_attribute", names.wrong_attribute, "logic", 1.5),
    Family("wrong_target", names.wrong_target, "logic", 1.2),
    Family("undefined_name", names.undefined_name, "name", 3.0),
    Family("misspelt_attribute", names.misspelt_attribute, "name", 1.5),
    Family("invented_method", names.invented_method, "name", 1.5),
    Family("missing_self", names.missing_self, "name", 1.0),
    Family("extra_self", names.extra_self, "name", 1.0),
    Family("missing_import", lines.missing_import, "name", 0.8),
    Family("keyword_typo", names.keyword_typo, "syntax", 1.2),
    Family("foreign_keyword", names.foreign_keyword, "syntax", 1.5),
    Family("missing_colon", layout.missing_colon, "syntax", 1.5),
    Family("missing_bracket", layout.missing_bracket, "syntax", 2.5),
    Family("extra_bracket", layout.extra_bracket, "syntax", 1.0),
    Family("unclosed_string", layout.unclosed_string, "syntax", 1.2),
    Family("missing_operator", layout.missing_operator, "syntax", 0.8, held_out=True),
    Family("equals", layout.equals, "syntax", 1.5),
    Family("indentation", layout.indentation, "syntax", 2.0),
    Family("block_end", layout.block_end, "logic", 1.2),
    Family("commented_out", layout.commented_out, "syntax", 1.0),
    Family("comment_swallows", layout.comment_swallows, "syntax", 1.2),
    Family("statement_order", lines.statement_order, "logic", 1.2),
    Family("missing_statement", lines.missing_statement, "logic", 1.2),
    Family("elif_if", lines.elif_if, "logic", 0.6, held_out=True),
    Family("loop_kind", lines.loop_kind, "logic", 0.6, held_out=True),
    Family("missing_else", lines.missing_else, "logic", 0.6, held_out=True),
    Family("delete_line", lines.delete_line, "random", 1.0),
    Family("duplicate_line", lines.duplicate_line, "random", 0.8),
    Family("insert_line", lines.insert_line, "random", 0.8),
    Family("replace_line", lines.replace_line, "random", 0.8),
)
FAMILIES: dict[str, Family] = {family.name: family for family in _ALL}


def training_families() -> tuple[Family, ...]:
    """The families that are used for training; the others measure generalization."""
    return tuple(f for f in _ALL if not f.held_out)
