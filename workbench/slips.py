"""Slips in an expression: what is said where DynamoDB would refuse it.

A message says what was found, what could stand there, and the fix of the usual slip: `==` of other languages, a
constant without `:name`, a reserved word, SQL's LIKE. The expression follows, with a caret below the place.
"""

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from workbench.syntax import FUNCTIONS, is_reserved

if TYPE_CHECKING:
    from lark import Lark, UnexpectedInput

_WIDTH = 100  # of what is shown of an expression


class ExpressionError(ValueError):
    """An expression that DynamoDB would refuse; `position` counts characters from 0."""

    def __init__(self, problem: str, text: str = "", position: int = 0, hint: str = ""):
        self.problem, self.text, self.position, self.hint = problem, text, position, hint
        super().__init__("\n".join(filter(None, [problem, *_excerpt(text, position), hint])))

    def __reduce__(self):
        return type(self), (self.problem, self.text, self.position, self.hint)


def _excerpt(text: str, position: int) -> list[str]:
    """The expression on one line and a caret below; of a long one, the part around the position."""
    if not text.strip():
        return []
    start = max(0, min(position - _WIDTH // 2, len(text) - _WIDTH))
    shown = "".join(each if each.isprintable() else " " for each in text[start : start + _WIDTH])
    return [f"  {shown}".rstrip(), " " * (2 + position - start) + "^"]


NAME_HINT = "a bare name is letters, digits and _ after a letter; for any other write #x, and its name under names"
_VALUE_HINT = "a constant is written :name here, with the constant under values"
_YAML_HINT = "in YAML an unquoted ' #' starts a comment: put the expression in quotes"

# What is listed, in this order. Left out: how a path or sum could go on, which hides what matters.
_LISTED = "NAME VALUE INDEX _NOT EQUAL COMPARATOR _BETWEEN _IN _AND _OR COMMA LPAR RPAR RSQB SET REMOVE ADD DELETE $END"
_CALLED = {
    "NAME": "an attribute (name or #name)",
    "VALUE": "a :value",
    "INDEX": "the number of an element",
    "EQUAL": "=",
    "COMPARATOR": "a comparison (= <> < <= > >=)",
    "COMMA": "a comma",
    "LPAR": "(",
    "RPAR": ")",
    "RSQB": "]",
    "$END": "the end",
}
_SPELLINGS = {"==": "=", "=>": ">=", "=<": "<=", "!=": "<>", "><": "<>", "!": "NOT", "&&": "AND", "||": "OR"}
_WORDS = {
    "LIKE": "DynamoDB has no LIKE; use begins_with(path, :value) or contains(path, :value)",
    "IS": "DynamoDB has no IS; use attribute_exists(path) or attribute_not_exists(path)",
    "NOT": "NOT stands before the whole condition, as in NOT a IN (:b)",
    "{": "fields in braces stand under values; write :name here",
    ":": "a :value is named by letters, digits and _; what it stands for is written under values",
    "#": "a #name is made of letters, digits and _; what it stands for is written under names",
}
OTHER_NAMES = {"startswith": "begins_with", "starts_with": "begins_with", "exists": "attribute_exists"} | {
    **dict.fromkeys(("length", "len", "count"), "size"),
    **dict.fromkeys(("is_null", "isnull", "missing"), "attribute_not_exists"),
    **dict.fromkeys(("includes", "has", "like"), "contains or begins_with"),
}
_CALLS = {  # how each is written
    name: f"{name}({', '.join(['name', ':value'][: len(takes)])})" for name, (_, takes) in FUNCTIONS.items()
}
_FOUND = re.compile(r"'[^']*'?|\"[^\"]*\"?|[=!<>&|]+|-?[0-9][\w.]*|[#:]?\w+|.", re.DOTALL)
_LITERAL = re.compile(r"['\"\u2018-\u201f]|-?[0-9.]+\Z")
_ODD_NAME = re.compile(r"_|`|-|/|[0-9].*[A-Za-z_]|[^\W\x00-\x7f]")


def syntax_error(text: str, language: str, error: "UnexpectedInput", parser: "Lark") -> ExpressionError:
    """What is wrong where the parser stopped, what could stand there, and the usual fix."""
    ended = getattr(getattr(error, "token", None), "type", "") == "$END"
    place = len(text.rstrip()) if ended else error.pos_in_stream or 0
    allowed = _allowed(parser, text[:place], language)
    wanted = _wanted(allowed)
    if ended:
        problem = "the expression ends too early" if text.strip() else "the expression is empty"
        return ExpressionError(f"{problem}; expected {wanted}", text, place, _YAML_HINT)
    position, found = _found(text, place)
    shown = found if found.isprintable() and not found.isspace() else f"the character U+{ord(found):04X}"
    hint = _hint(found, allowed) or _way_out(found, allowed, wanted)
    return ExpressionError(f"expected {wanted}; found {shown}", text, position, hint)


def _allowed(parser: "Lark", before: str, language: str) -> set[str]:
    """The terminals that can follow; asked anew, since the parser has lost some by the time it fails."""
    reading = parser.parse_interactive(before, start=language)
    reading.exhaust_lexer()
    return reading.accepts()


def _wanted(allowed: set[str]) -> str:
    hidden = ({"EQUAL"} if "COMPARATOR" in allowed else set()) | ({"LPAR"} if len(allowed) > 1 else set())
    *most, last = [_CALLED.get(each, each.strip("_")) for each in _LISTED.split() if each in allowed - hidden]
    return f"{', '.join(most)} or {last}" if most else last


def _found(text: str, position: int) -> tuple[int, str]:
    """What stands at the position; of `==` the lexer takes the first half, so misspelt operators are put together."""
    before = _FOUND.match(text, max(position - 1, 0))
    if before and before[0] in _SPELLINGS and before.end() > position:
        return before.start(), before[0]
    return position, _FOUND.match(text, position)[0]  # type: ignore[index]


def _hint(found: str, allowed: set[str]) -> str:
    """The fix for a usual slip, or nothing."""
    if found in _SPELLINGS:
        return f"DynamoDB writes {_SPELLINGS[found]}"
    if found.upper() in _WORDS:
        return _WORDS[found.upper()]
    if found in FUNCTIONS:
        return f"{found} is a function; write {_CALLS[found]}"
    if "INDEX" in allowed:
        return "elements are numbered from 0, as in a[0]"
    if found == "=" and "VALUE" in allowed and "NAME" not in allowed:
        return "ADD and DELETE take a path and a :value, without ="
    if _LITERAL.match(found):
        return _VALUE_HINT
    if _ODD_NAME.match(found):
        return NAME_HINT
    if "NAME" in allowed and is_reserved(found):
        return f"{found.upper()} is a reserved word; if it names an attribute, write #{found}"
    return ""


def _way_out(found: str, allowed: set[str], wanted: str) -> str:
    """The fix of no usual slip: a word that is nearly right, a character that is never right, or what is left to do."""
    words = [word for word in (each.strip("_") for each in allowed) if word.isalpha() and word not in _CALLED]
    if near := get_close_matches(found.upper(), words, 1):
        return f"did you mean {near[0]}?"
    if found.isspace():
        return "write a plain space there"
    if not found.isascii():
        return "leave it out: outside the constants under values, an expression has ASCII characters only"
    if wanted == _CALLED["$END"]:
        return f"leave out what begins with {found}"
    return "" if " or " in wanted else f"write {wanted} before {found}, or leave {found} out"
