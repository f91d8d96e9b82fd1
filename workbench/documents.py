"""YAML documents with the position of every key and value.

A message that says `design.yaml:7:12` is worth ten that say "invalid input". This module reads a YAML file into plain
values, remembers where each stood, and refuses hostile files while reading: over 1 MB, nested deeper than 50, aliases
that would unfold past 10,000 values, tags that construct objects. Nothing in a file is ever executed.

YAML is 1.2: `NO` is text, not false. Three readings are ours, because a design means them so: a number keeps all its
digits (it becomes int or Decimal), `0600` is text and keeps its zero, and a date is text. Comments survive, since a
document keeps its text.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from workbench.errors import DesignError, Problem

MOST_BYTES = 1024 * 1024
MOST_DEPTH = 50
MOST_NODES = 10_000

Location = tuple[Any, ...]


class _Name:
    """Ends a location whose key is at fault, not its value."""

    def __repr__(self) -> str:
        return "NAME"


NAME = _Name()


@dataclass(frozen=True)
class Node:
    """A YAML value and where it stands: a scalar, a list of nodes, or a mapping of key nodes and value nodes."""

    line: int
    column: int
    content: Any

    def below(self, step: Any) -> "tuple[Node, Node] | None":
        """The key and the value at a step of a location; an element of a list is its own key."""
        if isinstance(self.content, dict):
            return self.content.get(step) if step.__hash__ else None
        if isinstance(self.content, list) and type(step) is int and 0 <= step < len(self.content):
            return self.content[step], self.content[step]
        return None

    def plain(self) -> Any:
        """The value without positions; keys that begin with x- are left out."""
        if isinstance(self.content, list):
            return [node.plain() for node in self.content]
        if isinstance(self.content, dict):
            return {name: value.plain() for name, (_, value) in self.content.items() if not _is_note(name)}
        return self.content


def _is_note(name: Any) -> bool:
    return isinstance(name, str) and name.startswith("x-")


@dataclass(frozen=True)
class Document:
    """A YAML document: its text, its plain values, and the position of each key and value."""

    file: str
    text: str
    root: Node = field(repr=False)
    data: Any
    problems: tuple[Problem, ...] = ()  # names that stand twice; the first is kept

    def problem(self, location: Location, message: str) -> Problem:
        """A problem at `location`, a path of keys: at its value if that is on the key's line, else at its key.

        What is not in the file is reported at its nearest parent; a location that ends in NAME means the key.
        """
        key = value = self.root
        for step in location:
            if (found := value.below(step)) is None:
                break
            key, value = found
        whole = isinstance(value.content, list | dict) or value.content is None or value.line != key.line
        place = key if whole or location[-1:] == (NAME,) else value
        return Problem(self.file, place.line, place.column, message)


def read_document(text: bytes | str, file: str = "design") -> Document:
    """The document in `text`; DesignError names file, line and column of what is not YAML or is refused."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    content = _decoded(text, file)
    reader = _Reader(file, YAML(typ="safe", pure=True).parse(content))
    try:
        root = reader.read()
    except MarkedYAMLError as error:
        raise DesignError([*reader.problems, _syntax_problem(error, file, content)]) from None
    except YAMLError as error:
        raise DesignError([_character_problem(error, file, content)]) from None
    except (ValueError, OverflowError):  # of chr(): the parser leaves it to Python
        raise DesignError([_escape_problem(file, content)]) from None
    return Document(file, content, root, root.plain(), tuple(reader.problems))


def _decoded(text: bytes | str, file: str) -> str:
    data = text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
    if len(data) > MOST_BYTES:
        message = f"over 1 MB: a design file has at most {MOST_BYTES:,} bytes; items belong into `rows` files"
        raise DesignError([Problem(file, 1, 1, message)])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        message = f"not UTF-8 text: byte {data[error.start]:#04x}; save the file as UTF-8"
        raise DesignError([Problem(file, line, 1, message)]) from None


class _Reader:
    """Makes nodes of YAML's events, and stops at the first thing that no design needs."""

    def __init__(self, file: str, events: Iterator[Any]):
        self.file, self.events = file, events
        self.problems: list[Problem] = []
        self.anchors: dict[str, tuple[Node | None, int]] = {}  # None while it is open; with how many values
        self.depth = self.seen = 0

    def read(self) -> Node:
        """The root of the only document; an empty file is None."""
        root = Node(1, 1, None)
        documents = 0
        for event in self.events:
            if hasattr(event, "anchor"):
                root = self._node(event)
            elif type(event).__name__ == "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    self._refuse(event, "a second document begins here (---); a design file holds one")
        return root

    def _refuse(self, event: Any, message: str) -> None:
        raise DesignError([*self.problems, self._problem(event, message)])

    def _problem(self, event: Any, message: str) -> Problem:
        return Problem(self.file, event.start_mark.line + 1, event.start_mark.column + 1, message)

    def _node(self, event: Any) -> Node:
        kind = type(event).__name__
        if kind == "AliasEvent":
            return self._alias(event)
        self._check_tag(event)
        self._count(event, 1)
        if event.anchor:
            self.anchors[event.anchor] = (None, 0)
        before = self.seen
        node = Node(event.start_mark.line + 1, event.start_mark.column + 1, self._content(kind, event))
        if event.anchor:
            self.anchors[event.anchor] = (node, self.seen - before + 1)
        return node

    def _count(self, event: Any, more: int) -> None:
        self.seen += more
        if self.seen > MOST_NODES:
            limit = f"more than {MOST_NODES:,} values once aliases are unfolded"
            self._refuse(event, f"{limit}; a design file holds no items, see `rows`")

    def _alias(self, event: Any) -> Node:
        if event.anchor not in self.anchors:
            self._refuse(event, f"the alias *{event.anchor} has no anchor &{event.anchor} before it; {_QUOTE_STAR}")
        node, size = self.anchors[event.anchor]
        if node is None:
            self._refuse(event, f"the alias *{event.anchor} contains itself; write out what is meant")
        self._count(event, size)
        return node  # type: ignore[return-value]

    def _check_tag(self, event: Any) -> None:
        tag = str(event.ctag or "") if hasattr(event, "ctag") else str(event.tag or "")
        word = tag.replace("tag:yaml.org,2002:", "!!")
        if word not in _PLAIN_TAGS:
            self._refuse(
                event, f"the tag {word} would construct an object; a design file holds plain values only: {_QUOTE_TAG}"
            )

    def _content(self, kind: str, event: Any) -> Any:
        if kind == "ScalarEvent":
            return self._scalar(event)
        self.depth += 1
        if self.depth > MOST_DEPTH:
            self._refuse(event, f"nested deeper than {MOST_DEPTH} levels; no design needs that")
        content = self._members(event) if kind == "MappingStartEvent" else list(self._elements(event))
        self.depth -= 1
        return content

    def _scalar(self, event: Any) -> Any:
        if any("\ud800" <= character <= "\udfff" for character in event.value):
            self._refuse(event, "half a character (a lone surrogate, \\ud800 to \\udfff), which is no text; remove it")
        return _SCALARS[event.tag](event.value) if event.tag in _SCALARS else _plain_scalar(event)

    def _elements(self, start: Any) -> Iterator[Node]:
        for event in self.events:
            if type(event).__name__ == "SequenceEndEvent":
                return
            self._check_cut(start, event)
            yield self._node(event)

    def _members(self, start: Any) -> dict[Any, tuple[Node, Node]]:
        own: dict[Any, tuple[Node, Node]] = {}
        merged: list[Node] = []
        for event in self.events:
            if type(event).__name__ == "MappingEndEvent":
                break
            key, second = self._node(event), next(self.events)
            self._check_cut(start, second)
            value = self._node(second)
            if key.content == "<<" and isinstance(value.content, list | dict):
                merged += value.content if isinstance(value.content, list) else [value]
            elif isinstance(key.content, list | dict):
                self._refuse(event, _key_message(key))
            elif key.content in own:
                first = own[key.content][0].line
                message = f"{key.content!r} stands twice (first in line {first}); names are unique in their mapping"
                self.problems.append(self._problem(event, message))
            else:
                own[key.content] = (key, value)
        return {**_inherited(merged), **own}

    def _check_cut(self, start: Any, event: Any) -> None:
        """Inside {...} and [...] a comma ends unquoted text, in the middle of a function too."""
        text = getattr(event, "value", "") if not getattr(event, "style", None) else ""
        if start.flow_style and text.count("(") > text.count(")"):
            message = f"{text!r} ends at a comma, which separates values inside {{...}}"
            self._refuse(event, f"{message}: quote the expression; a range has no comma, it is written 1..9")


def _inherited(merged: list[Node]) -> dict[Any, tuple[Node, Node]]:
    """The members that `<<: *anchor` brings in; of several anchors the first wins."""
    members: dict[Any, tuple[Node, Node]] = {}
    for node in reversed(merged):
        members |= node.content if isinstance(node.content, dict) else {}
    return members


_PLAIN_TAGS = {"", "!", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq"}


def _key_message(key: Node) -> str:
    names = list(key.content)
    if isinstance(key.content, dict) and len(names) == 1:
        return f'unquoted {{{names[0]}}} is a YAML mapping; write "{{{names[0]}}}"'
    return "a name is text; here stands a list or mapping"


def _plain_scalar(event: Any) -> Any:
    """What an untagged scalar means: quoted text is text; plain text may be a number, a boolean or nothing."""
    if event.style or event.tag == "!":
        return event.value
    for pattern, read in _READINGS:
        if pattern.fullmatch(event.value):
            return read(event.value)
    return event.value


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace("_", ""))


_READINGS: list[tuple[re.Pattern[str], Callable[[str], Any]]] = [
    (re.compile(r"|~|null|Null|NULL"), lambda text: None),
    (re.compile(r"true|True|TRUE|false|False|FALSE"), lambda text: text.lower() == "true"),
    # 38 digits are the most that a DynamoDB number has
    (re.compile(r"[-+]?(0|[1-9](_?[0-9]){0,37})"), lambda text: int(text)),
    (re.compile(r"[-+]?(0|[1-9](_?[0-9]){0,37})(\.[0-9]{1,37})([eE][-+]?[0-9]{1,3})?"), _decimal),
    (re.compile(r"[-+]?(0|[1-9](_?[0-9]){0,37})([eE][-+]?[0-9]{1,3})"), _decimal),
]
_SCALARS: dict[str, Callable[[str], Any]] = {"tag:yaml.org,2002:str": str}


def _character_problem(error: Any, file: str, text: str) -> Problem:
    """A character that YAML does not allow; the reader knows its place in the text."""
    place = min(getattr(error, "position", 0) or 0, len(text) - 1)
    line, column = text[:place].count("\n") + 1, place - text.rfind("\n", 0, place)
    message = f"not YAML: the character U+{ord(text[place]):04X} is not allowed in a file; remove it"
    return Problem(file, line, column, message)


def _escape_problem(file: str, text: str) -> Problem:
    """An escape past the last character that there is."""
    found = _BEYOND.search(text)
    place = found.start() if found else 0
    line, column = text[:place].count("\n") + 1, place - text.rfind("\n", 0, place)
    escape = found[0] if found else "an escape"
    return Problem(file, line, column, f"{escape} is no character: the last one is \\U0010FFFF; remove it")


_BEYOND = re.compile(r"\\U(?!000|0010)[0-9A-Fa-f]{8}")


def _syntax_problem(error: Any, file: str, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    began = (error.context_mark or mark).line
    lines = [*text.splitlines(), ""]
    if "stream end" in error.problem:
        began = _unclosed(lines, began)
    is_open = "stream" in error.problem or ("but got" in error.problem and began != mark.line)
    line = min(began if is_open else mark.line, len(lines) - 1)
    said = "what begins in this line is not closed" if is_open else error.problem
    column = len(lines[line]) - len(lines[line].lstrip()) if is_open else mark.column
    return Problem(
        file, line + 1, column + 1, f"not YAML: {said}{_syntax_hint(f'{error.problem}{_OPEN * is_open}', lines[line])}"
    )


def _unclosed(lines: list[str], otherwise: int) -> int:
    """The last line that opens more brackets than it closes, as one does whose end is taken for a comment."""
    opened = [sum(line.partition(" #")[0].count(c) for c in "{[") for line in lines]
    closed = [sum(line.partition(" #")[0].count(c) for c in "}]") for line in lines]
    return max((i for i, (more, less) in enumerate(zip(opened, closed, strict=True)) if more > less), default=otherwise)


def _syntax_hint(problem: str, source: str) -> str:
    """The fix for a usual slip: what YAML says of it, and what its line looks like."""
    for said, pattern, hint in _HINTS:
        if re.search(said, problem) and re.search(pattern, source):
            return f"; {hint}"
    return ""


_OPEN = ", not closed"
_QUOTE_STAR = "text that begins with * must be quoted"
_QUOTE_TAG = "remove it; text that begins with ! must be quoted"
_TEMPLATE_HINT = 'a template that begins with { or stands inside {...} must be quoted: "PROJECT#{project_id}"'
_COLON_HINT = "the line above lacks its colon, or the indentation does not fit the lines above"
_HINTS = [
    (r"\\t", r"^\s*\t", "indent with spaces, YAML takes no tabs"),
    (r"stream end|end of stream|but got", r"\s#", "an unquoted ' #' starts a comment: quote the text"),
    (r"", r"[-#\w]\{[\w:]|\{\w[^{}]*\}[^\s,}\]]", _TEMPLATE_HINT),
    (r"cannot start any token", r"", "a value that begins with a special character must be quoted"),
    (r"mapping values", r":\s.*:\s", "text with a colon and a space in it must be quoted"),
    (r"but got '[}\]]'", r"", "a bracket before it is not closed"),
    (r"mapping values|could not find expected ':'", r"", _COLON_HINT),
    (r"block (mapping|sequence) start", r"", "the indentation does not fit the lines above"),
    (r"expected ':'", r"", "a line is `name: value`"),
    (_OPEN, r"", "close the bracket or the quotation mark"),
    (
        r"escape|hexdecimal",
        r"",
        r"in double quotes a backslash begins an escape: write \\ for one, or use single quotes",
    ),
    (r"tag|URI", r"", _QUOTE_TAG),
    (r"directive|incompatible YAML", r"", "leave out the line that begins with %"),
    (r"chomping|indentation indicator", r"", "text that begins with | or > must be quoted"),
    (r"alphabetic or numeric", r"", "text that begins with & or * must be quoted"),
    (r"expected ','", r"", "a comma stands between two values inside {...} and [...]; other text must be quoted"),
    (r"", r"", "text with special characters must be quoted"),
]
