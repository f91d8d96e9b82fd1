r"""Key templates: how key attributes are made of fields.

A single-table design writes its keys as templates, `TASK#{task_id}`: text that stands for itself and fields in
braces. The same template makes a key from fields, gets the fields back from a key, and tells which prefix a
`begins_with` can use. A format after a colon is Python's, so that numbers sort as text: `{month:02}`.

>>> task = KeyTemplate("TASK#{task_id}")
>>> task.format({"task_id": "t-7"})
'TASK#t-7'
>>> task.match("TASK#t-7")
{'task_id': 't-7'}
>>> task.prefix, task.fields
('TASK#', ('task_id',))
"""

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from itertools import groupby
from typing import Any

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
_SPEC = re.compile(r"(0?[1-9][0-9]{0,2})?[df]?\Z|[<>^][1-9][0-9]{0,2}\Z")


@dataclass(frozen=True)
class Placeholder:
    """A field in a template, and how it is written: `{month:02}` is Placeholder("month", "02")."""

    field: str
    spec: str = ""


@dataclass(frozen=True)
class KeyTemplate:
    """A template over named fields. Raises ValueError if the text does not parse.

    >>> KeyTemplate("{year}-{month:02}").format({"year": 2013, "month": 1})
    '2013-01'
    >>> KeyTemplate("{a") # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: '{a': expected '}' before end of string; ...
    """

    text: str

    def __post_init__(self) -> None:
        _ = self.parts

    @cached_property
    def parts(self) -> tuple[str | Placeholder, ...]:
        """Literal text and placeholders, in order."""
        try:
            found = list(string.Formatter().parse(self.text))
        except ValueError as error:
            raise ValueError(f"{self.text!r}: {error}; a field stands in braces, as in TASK#{{task_id}}") from None
        pieces = [part for piece in found for part in self._pieces(*piece)]
        parts: list[str | Placeholder] = []
        for is_text, found_run in groupby(pieces, lambda part: isinstance(part, str)):  # escaped braces split a text
            run = list(found_run)
            parts += ["".join(map(str, run))] if is_text else run
        return tuple(parts)

    def _pieces(self, literal: str, field: str | None, spec: str | None, conversion: str | None):
        if literal:
            yield literal
        if field is None:
            return
        if not _NAME.match(field) or conversion or not _SPEC.match(spec or ""):
            raise ValueError(
                f"{self.text!r}: {{{field}}} is no field; braces hold a name and, after a colon, a width: {{month:02}}"
            )
        yield Placeholder(field, spec or "")

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The fields it is made of, each once, in order."""
        return tuple(dict.fromkeys(p.field for p in self.parts if isinstance(p, Placeholder)))

    @property
    def lone_field(self) -> str | None:
        """The field, if the template is one field and nothing else: it then keeps the field's type."""
        only = self.parts[0] if len(self.parts) == 1 else None
        return only.field if isinstance(only, Placeholder) and not only.spec else None

    @property
    def prefix(self) -> str:
        """The literal text before the first field.

        >>> KeyTemplate("WEBHOOK#{provider}").prefix, KeyTemplate("META").prefix
        ('WEBHOOK#', 'META')
        """
        first = self.parts[0] if self.parts else ""
        return first if isinstance(first, str) else ""

    def format(self, values: Mapping[str, Any]) -> str:
        """The text with each field's value in its place; a missing field raises KeyError."""
        return "".join(p if isinstance(p, str) else format_value(values[p.field], p.spec) for p in self.parts)

    def match(self, text: str) -> dict[str, str] | None:
        """The fields' texts if `text` could have been made by this template, else None."""
        found = self._pattern.fullmatch(text)
        return found and {field: found[f"f{i}"] for i, field in enumerate(self.fields)}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        seen: dict[str, int] = {}
        out = []
        for part in self.parts:
            if isinstance(part, str):
                out.append(re.escape(part))
            elif part.field in seen:
                out.append(f"(?P=f{seen[part.field]})")
            else:
                seen[part.field] = len(seen)
                out.append(f"(?P<f{seen[part.field]}>.*?)")
        return re.compile("".join(out), re.DOTALL)


@lru_cache(maxsize=4096)
def parse_template(text: str) -> KeyTemplate:
    """The template of a text, parsed once."""
    return KeyTemplate(text)


def is_field_name(name: str) -> bool:
    """Whether a template can name it: letters, digits, `_`, `.` and `-`, a letter or `_` first."""
    return bool(_NAME.match(name))


def can_format(sample: Any, spec: str) -> bool:
    """Whether a width can be applied to values like `sample`: text, or a number; `d` takes whole numbers only.

    >>> can_format(5, "04"), can_format("x", "04"), can_format("x", "4f"), can_format(5, "%")
    (True, True, False, False)
    """
    if not _SPEC.match(spec) or isinstance(sample, bool | bytes) or not isinstance(sample, str | int | Decimal):
        return False
    kind = spec[-1:] if spec[-1:] in ("d", "f") else ""
    return not kind or (isinstance(sample, int) or (kind == "f" and isinstance(sample, Decimal)))


def format_value(value: Any, spec: str = "") -> str:
    """A field's value as it stands in a template; a width applies to numbers and to text of digits alike.

    >>> format_value(5, "04"), format_value("517", "04"), format_value("UA")
    ('0005', '0517', 'UA')
    """
    if spec[:1] == "0" and isinstance(value, str):
        return value.zfill(int(spec.rstrip("df") or 0))
    return format(value, spec)
