"""The tree of an expression: frozen nodes, and what can be asked of them.

An expression names attributes by document paths, bare or behind a `#name`, and values by `:name`. Its tree says which
they are, whether a bare name is a reserved word, and whether an update writes one part of an item twice; written out
with `str()` it reads as the same tree again. `expressions` makes trees of texts. Developer Guide:
Expressions.Attributes, Expressions.ExpressionAttributeNames, ReservedWords.

>>> walked = Compare("=", Path(("address", "#zip")), Value("zip"))
>>> str(walked), names(walked), values(walked), attributes(walked)
('address.#zip = :zip', ('zip',), ('zip',), ('address',))
"""

import dataclasses
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path as File
from typing import Any, ClassVar, TypeVar


@dataclass(frozen=True)
class Node:
    """A part of an expression; `str()` writes it so that it parses to the same tree again."""

    form: ClassVar[str] = ""
    level: ClassVar[int] = 9  # how tightly it binds

    def __str__(self) -> str:
        texts = {}
        for name, part in _parts(self):
            texts[name] = ", ".join(map(str, part)) if isinstance(part, tuple) else self._nested(name, part)
        return self.form.format_map(texts)

    def _nested(self, name: str, part: Any) -> str:
        """In parentheses what binds less tightly; operators group from the left."""
        loose = isinstance(part, Node) and part.level < self.level + (name != "left")
        return f"({part})" if loose and part.level < 9 else part.__str__()


N = TypeVar("N", bound=Node)


def _parts(node: Node) -> list[tuple[str, Any]]:
    return [(field.name, getattr(node, field.name)) for field in dataclasses.fields(node)]


@dataclass(frozen=True)
class Path(Node):
    """A document path: `address.#zip[0]` is Path(("address", "#zip", 0))."""

    parts: tuple[str | int, ...]

    def __str__(self) -> str:
        return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.parts)[1:]


@dataclass(frozen=True)
class Value(Node):
    """A placeholder for a value: `:open` is Value("open")."""

    form = ":{name}"
    name: str


@dataclass(frozen=True)
class Call(Node):
    """A function and its arguments."""

    form = "{function}({arguments})"
    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Arithmetic(Node):
    """`+` or `-` in an update's SET."""

    form, level = "{left} {operator} {right}", 5
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Compare(Node):
    """Two operands compared by `=`, `<>`, `<`, `<=`, `>` or `>=`."""

    form, level = "{left} {operator} {right}", 4
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Between(Node):
    """`operand BETWEEN low AND high`, both ends included."""

    form, level = "{operand} BETWEEN {low} AND {high}", 4
    operand: Node
    low: Node
    high: Node


@dataclass(frozen=True)
class In(Node):
    """`operand IN (option, ...)`, at most 100 options."""

    form, level = "{operand} IN ({options})", 4
    operand: Node
    options: tuple[Node, ...]


@dataclass(frozen=True)
class Not(Node):
    """`NOT` binds tighter than AND."""

    form, level = "NOT {operand}", 3
    operand: Node


@dataclass(frozen=True)
class And(Node):
    """`AND` binds tighter than OR."""

    form, level = "{left} AND {right}", 2
    left: Node
    right: Node


@dataclass(frozen=True)
class Or(Node):
    """`OR` binds last."""

    form, level = "{left} OR {right}", 1
    left: Node
    right: Node


@dataclass(frozen=True)
class Clause(Node):
    """One action of an update: SET path = value, REMOVE path, ADD path value or DELETE path value."""

    action: str
    path: Path
    value: Node | None = None

    def __str__(self) -> str:
        between = " = " if self.action == "SET" else " "
        return str(self.path) if self.value is None else f"{self.path}{between}{self.value}"


@dataclass(frozen=True)
class Update(Node):
    """The clauses of an update, those of one action together."""

    clauses: tuple[Clause, ...]

    def __str__(self) -> str:
        sections = itertools.groupby(self.clauses, lambda clause: clause.action)
        return " ".join(f"{action} {', '.join(map(str, clauses))}" for action, clauses in sections)


@dataclass(frozen=True)
class Projection(Node):
    """The paths that a read returns."""

    form = "{paths}"
    paths: tuple[Path, ...]


# Functions, in which expressions they stand and what they take.
FUNCTIONS = {
    "attribute_exists": ("condition", ("path",)),
    "attribute_not_exists": ("condition", ("path",)),
    "attribute_type": ("condition", ("path", ":value")),
    "begins_with": ("condition", ("operand", "operand")),
    "contains": ("condition", ("operand", "operand")),
    "size": ("condition", ("operand",)),
    "if_not_exists": ("update", ("path", "operand")),
    "list_append": ("update", ("operand", "operand")),
}

# Questions to a tree


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below, in the order they are written."""
    nested = itertools.chain.from_iterable(part if isinstance(part, tuple) else (part,) for _, part in _parts(node))
    return tuple(part for part in nested if isinstance(part, Node))


def walk(node: Node) -> Iterator[Node]:
    """The node and all nodes below it, in the order they are written."""
    waiting = [node]
    while waiting:
        yield (current := waiting.pop())
        waiting.extend(reversed(children(current)))


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def paths(node: Node) -> tuple[Path, ...]:
    """The document paths it names, each once."""
    return tuple(dict.fromkeys(part for part in walk(node) if isinstance(part, Path)))


def values(node: Node) -> tuple[str, ...]:
    """The names of its `:values`, without the colon, each once."""
    return _unique(part.name for part in walk(node) if isinstance(part, Value))


def _written_names(node: Node) -> Iterator[str]:
    return (part for path in paths(node) for part in path.parts if isinstance(part, str))


def names(node: Node) -> tuple[str, ...]:
    """Its `#names`, without the `#`, each once.

    >>> names(Projection((Path(("id",)), Path(("#status",)), Path(("address", "#zip")))))
    ('status', 'zip')
    """
    return _unique(name[1:] for name in _written_names(node) if name.startswith("#"))


def reserved(node: Node) -> tuple[str, ...]:
    """The bare names that are reserved words and need a `#name`; ask before `resolve`.

    >>> reserved(And(Compare("=", Path(("Status",)), Value("a")), Compare("=", Path(("#name",)), Value("b"))))
    ('Status',)
    """
    return _unique(name for name in _written_names(node) if is_reserved(name))


def is_reserved(name: str) -> bool:
    """True if an expression cannot hold this attribute name bare, in whatever case (ReservedWords.html)."""
    return name.upper() in _reserved_words()


def written(name: str) -> str:
    """An attribute name as an expression can hold it: with a `#` if it is a reserved word or has other characters.

    >>> written("title"), written("status"), written("a-b")
    ('title', '#status', '#a-b')
    """
    return name if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) and not is_reserved(name) else f"#{name}"


@cache
def _reserved_words() -> frozenset[str]:
    return frozenset(File(__file__).with_name("reserved_words.txt").read_text(encoding="ascii").split())


def attributes(node: Node) -> tuple[str, ...]:
    """The top-level attributes it touches, each once; `resolve` first if it holds `#names`."""
    return _unique(str(path.parts[0]) for path in paths(node))


def resolve(node: N, names: Mapping[str, str]) -> N:
    """The expression with attribute names for `#names`: `#x` is `x` unless `names` says otherwise.

    Raises ValueError if two paths of an update or projection turn out to overlap. An attribute name may hold any
    character, so that a resolved expression is for questions, not for parsing again.
    """

    def attribute(part: str | int) -> str | int:
        return names.get(part[1:], part[1:]) if isinstance(part, str) and part.startswith("#") else part

    resolved = _replace(node, lambda path: Path(tuple(map(attribute, path.parts))))
    if found := clash(_targets(resolved)):
        raise ValueError(f"{node}: {found[1]}")
    return resolved


def _replace(part: Any, change: Callable[[Path], Path]) -> Any:
    if isinstance(part, Path):
        return change(part)
    if isinstance(part, tuple):
        return tuple([_replace(each, change) for each in part])
    if not isinstance(part, Node):
        return part
    changed = {}
    for name, below in _parts(part):
        changed[name] = _replace(below, change)
    return dataclasses.replace(part, **changed)


def _targets(node: Node) -> tuple[Path, ...]:
    """The paths that an update writes or a projection returns; DynamoDB lets none lie within another."""
    if isinstance(node, Update):
        return tuple(clause.path for clause in node.clauses)
    return node.paths if isinstance(node, Projection) else ()


def clash(targets: Sequence[Path]) -> tuple[int, str] | None:
    """The first target that overlaps an earlier one: where it stands and what is wrong."""
    earlier: dict[str | int, list[Path]] = {}
    for i, target in enumerate(targets):
        for other in earlier.setdefault(target.parts[0], []):
            if _overlap(target, other):
                return i, f"{other} and {target} overlap; an update or projection names each part of an item once"
        earlier[target.parts[0]].append(target)
    return None


def _overlap(one: Path, two: Path) -> bool:
    """True if one path lies within the other, or if they take one attribute for a map and for a list."""
    parted = next(((a, b) for a, b in zip(one.parts, two.parts, strict=False) if a != b), None)
    return parted is None or type(parted[0]) is not type(parted[1])
