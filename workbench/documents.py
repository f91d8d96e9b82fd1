"""YAML documents with the position of every value.

A message that says `design.yaml:7:12` is worth ten that say "invalid input". This module reads a YAML file into plain
values, remembers where each stood, and refuses hostile files before anything is built: over 1 MB, nested deeper than
50, aliases that would unfold past 10,000 nodes, tags that construct objects. Nothing in a file is ever executed.

YAML is 1.2: `NO` is text, not false. Comments survive, since a document keeps its text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import DesignError, Problem

MOST_BYTES = 1024 * 1024
MOST_DEPTH = 50
MOST_NODES = 10_000

Location = tuple[Any, ...]


@dataclass(frozen=True)
class Document:
    """A YAML document: its text, its plain values, and the position of each key and value."""

    file: str
    text: str
    data: Any
    positions: Mapping[Location, tuple[int, int]] = field(repr=False)

    def problem(self, location: Location, message: str) -> Problem:
        """A problem at `location`, a path of keys; if that is not in the file, at its nearest parent."""
        place = tuple(location)
        while place and place not in self.positions:
            place = place[:-1]
        line, column = self.positions.get(place, (1, 1))
        return Problem(self.file, line, column, message)


def read_document(text: bytes | str, file: str = "design") -> Document:
    """The document in `text`; DesignError names file, line and column of what is not YAML or is refused."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    content = _decoded(text, file)
    try:
        _refuse_hostile(content, file)
        root = YAML().load(content)
    except MarkedYAMLError as error:
        raise DesignError([_syntax_problem(error, file, content)]) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise DesignError([Problem(file, 1, 1, f"not YAML: {_first_line(error)}")]) from None
    positions: dict[Location, tuple[int, int]] = {}
    return Document(file, content, _plain(root, (), positions), positions)


def _decoded(text: bytes | str, file: str) -> str:
    size = len(text if isinstance(text, bytes) else text.encode())
    if size > MOST_BYTES:
        message = f"{size:,} bytes: a design file has at most 1 MB; items belong into `rows` files"
        raise DesignError([Problem(file, 1, 1, message)])
    try:
        return text.decode("utf-8-sig") if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1  # type: ignore[union-attr]
        raise DesignError([Problem(file, line, 1, f"not UTF-8 text: byte {error.object[error.start]:#04x}")]) from None


def _refuse_hostile(text: str, file: str) -> None:
    """Walk the events, before any value is built, and stop at the first thing that no design needs."""
    from ruamel.yaml import YAML
    from ruamel.yaml import events as ev

    depth, seen, sizes, open_anchors = 0, 0, {}, []
    for event in YAML().parse(text):
        if isinstance(event, ev.MappingStartEvent | ev.SequenceStartEvent):
            depth += 1
            open_anchors.append((event.anchor, seen))
        elif isinstance(event, ev.MappingEndEvent | ev.SequenceEndEvent):
            depth -= 1
            anchor, since = open_anchors.pop()
            sizes[anchor] = seen - since + 1
        if isinstance(event, ev.NodeEvent):
            seen += sizes.get(event.anchor, 1) if isinstance(event, ev.AliasEvent) else 1
        if reason := _refusal(event, depth, seen, open_anchors):
            mark = event.start_mark
            raise DesignError([Problem(file, mark.line + 1, mark.column + 1, reason)])


def _refusal(event: Any, depth: int, seen: int, open_anchors: Sequence[tuple[str | None, int]]) -> str | None:
    tag = str(getattr(event, "tag", None) or "")
    if depth > MOST_DEPTH:
        return f"nested deeper than {MOST_DEPTH} levels; no design needs that"
    if seen > MOST_NODES:
        return f"more than {MOST_NODES:,} values once aliases are unfolded; a design file holds no items, see `rows`"
    if type(event).__name__ == "AliasEvent" and event.anchor in [anchor for anchor, _ in open_anchors]:
        return f"the alias *{event.anchor} contains itself"
    if tag and not tag.startswith("tag:yaml.org,2002:") and tag != "!":
        return f"the tag {tag} would construct an object; a design file holds plain values only"
    if tag.startswith("tag:yaml.org,2002:") and tag.rsplit(":", 1)[1] not in _PLAIN_TAGS:
        return f"the tag !!{tag.rsplit(':', 1)[1]} would construct an object; a design file holds plain values only"
    return None


_PLAIN_TAGS = ("str", "int", "float", "bool", "null", "map", "seq", "set", "binary", "timestamp")


def _plain(node: Any, location: Location, positions: dict[Location, tuple[int, int]]) -> Any:
    """The value without ruamel's wrappers; keys beginning with x- are left out."""
    if isinstance(node, Mapping):
        positions.setdefault(location, _mark(node))
        return dict(_members(node, location, positions))
    if isinstance(node, list | set):
        positions.setdefault(location, _mark(node))
        return [_element(node, i, value, location, positions) for i, value in enumerate(node)]
    return _scalar(node)


def _members(node: Any, location: Location, positions: dict[Location, tuple[int, int]]) -> Iterator[tuple[Any, Any]]:
    for key, value in node.items():
        name = _scalar(key) if not isinstance(key, list | tuple | Mapping) else str(key)
        if isinstance(name, str) and name.startswith("x-"):
            continue
        positions[(*location, name)] = _key_mark(node, key)
        yield name, _plain(value, (*location, name), positions)


def _element(node: Any, i: int, value: Any, location: Location, positions: dict[Location, tuple[int, int]]) -> Any:
    try:
        line, column = node.lc.item(i)
        positions[(*location, i)] = (line + 1, column + 1)
    except (AttributeError, KeyError, TypeError):
        pass
    return _plain(value, (*location, i), positions)


def _mark(node: Any) -> tuple[int, int]:
    place = getattr(node, "lc", None)
    return (place.line + 1, place.col + 1) if place is not None and place.line is not None else (1, 1)


def _key_mark(node: Any, key: Any) -> tuple[int, int]:
    try:
        line, column = node.lc.key(key)
        return line + 1, column + 1
    except (AttributeError, KeyError, TypeError):  # a merged key (<<) stands elsewhere
        return _mark(node)


def _scalar(node: Any) -> Any:
    """A plain str, int, float, bool or None; any other scalar (a date, binary) as text."""
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return None if node is None else str(node)


def _syntax_problem(error: Any, file: str, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if type(error).__name__ == "DuplicateKeyError":
        key = str(error.problem).split('"')[1] if '"' in str(error.problem) else "a key"
        return Problem(file, line, column, f"{key!r} stands twice; names are unique within their mapping")
    source = text.splitlines()[line - 1] if 0 < line <= len(text.splitlines()) else ""
    hint = '; quote templates inside {...}: "PROJECT#{project_id}"' if "{" in source and "#{" in source else ""
    return Problem(file, line, column, f"not YAML: {error.problem or _first_line(error)}{hint}")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
