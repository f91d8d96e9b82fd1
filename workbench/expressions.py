"""DynamoDB's expressions: what they touch, and whether DynamoDB will take them.

Key conditions, filters, conditions, updates and projections are small languages. `expressions.lark` holds their
grammar; here they become trees of frozen nodes that say which attributes and `:values` they name, which bare names
are reserved words, and whether a key can serve a key condition. Developer Guide: Expressions.OperatorsAndFunctions,
Query.KeyConditionExpressions, Expressions.UpdateExpressions, Expressions.Attributes, ReservedWords.

>>> condition = parse_condition("ownerId = :ownerId AND #status <> :done")
>>> attributes(resolve(condition, {})), values(condition)
(('ownerId', 'status'), ('ownerId', 'done'))
"""

import dataclasses
import difflib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path as File
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from workbench.limits import EXPRESSION_BYTES, EXPRESSION_OPERATORS, IN_OPERANDS, NESTING_LEVELS

if TYPE_CHECKING:
    from lark import Lark, Tree, UnexpectedInput


class ExpressionError(ValueError):
    """An expression that DynamoDB would refuse; `position` counts characters from 0."""

    def __init__(self, problem: str, text: str = "", position: int = 0, hint: str = ""):
        self.problem, self.text, self.position, self.hint = problem, text, position, hint
        super().__init__("\n".join(filter(None, [problem, *_excerpt(text, position), hint])))

    @property
    def ends_early(self) -> bool:
        """True if something is missing at the end, as when YAML took ` #name` for a comment."""
        return self.position >= len(self.text.rstrip())

    def __reduce__(self):
        return type(self), (self.problem, self.text, self.position, self.hint)


def _excerpt(text: str, position: int, width: int = 100) -> list[str]:
    """The expression on one line and a caret below; of a long one, the part around the position."""
    if not text.strip():
        return []
    start = max(0, min(position - width // 2, len(text) - width))
    shown = "".join(each if each.isprintable() else " " for each in text[start : start + width])
    return [f"  {shown}".rstrip(), " " * (2 + position - start) + "^"]


# The tree


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

    >>> names(parse_projection("id, #status, address.#zip"))
    ('status', 'zip')
    """
    return _unique(name[1:] for name in _written_names(node) if name.startswith("#"))


def reserved(node: Node) -> tuple[str, ...]:
    """The bare names that are reserved words and need a `#name`; ask before `resolve`.

    >>> reserved(parse_condition("Status = :a AND #name = :b"))
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
    if clash := _clash(_targets(resolved)):
        raise ValueError(f"{node}: {clash[1]}")
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


def _clash(targets: Sequence[Path]) -> tuple[int, str] | None:
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


# Parsing


def parse_condition(text: str) -> Node:
    """The tree of a filter or condition; raises ExpressionError.

    >>> parse_condition("NOT a = :x OR size(b[0]) > :n")  # doctest: +ELLIPSIS
    Or(left=Not(operand=Compare(operator='=', left=Path(parts=('a',)), right=Value(name='x'))), right=Compare(...))
    """
    return _parse(text, "condition")


def parse_key_condition(text: str) -> Node:
    """The tree of a key condition, which is written like a filter; `key_condition` says whether a key serves it."""
    return _parse(text, "condition")


def parse_update(text: str) -> Update:
    """The clauses of an update, in the order written; raises ExpressionError.

    >>> [str(clause) for clause in parse_update("SET n = n + :one, at = :now REMOVE note").clauses]
    ['n = n + :one', 'at = :now', 'note']
    """
    return _parse(text, "update")


def parse_projection(text: str) -> Projection:
    """The paths of a projection, in the order written; raises ExpressionError."""
    return _parse(text, "projection")


@cache
def _parser() -> "Lark":
    from lark import Lark  # more than half of the 0.1 s that the first expression costs

    grammar = File(__file__).with_name("expressions.lark").read_text(encoding="ascii")
    return Lark(grammar, start=["condition", "update", "projection"], parser="lalr", propagate_positions=True)


def _parse(text: str, language: str) -> Any:
    if not isinstance(text, str):
        raise TypeError(f"an expression is text, not {type(text).__name__}")
    size = len(text.encode(errors="surrogatepass"))
    if size > EXPRESSION_BYTES:
        raise ExpressionError(f"{size} bytes; an expression has at most {EXPRESSION_BYTES}", text)
    return _tree(text, language)


@lru_cache(maxsize=1024)  # each request of an access pattern asks for the same ones
def _tree(text: str, language: str) -> Any:
    parser = _parser()
    from lark import UnexpectedInput

    try:
        tree = parser.parse(text, start=language)
    except UnexpectedInput as error:
        raise _syntax_error(text, language, error) from None
    return _Builder(text, language).build(tree)


# Functions, in which expressions they stand and what they take.
_FUNCTIONS = {
    "attribute_exists": ("condition", ("path",)),
    "attribute_not_exists": ("condition", ("path",)),
    "attribute_type": ("condition", ("path", ":value")),
    "begins_with": ("condition", ("operand", "operand")),
    "contains": ("condition", ("operand", "operand")),
    "size": ("condition", ("operand",)),
    "if_not_exists": ("update", ("path", "operand")),
    "list_append": ("update", ("operand", "operand")),
}
_OTHER_NAMES = {"startswith": "begins_with", "starts_with": "begins_with", "exists": "attribute_exists"} | {
    **dict.fromkeys(("length", "len", "count"), "size"),
    **dict.fromkeys(("is_null", "isnull", "missing"), "attribute_not_exists"),
    **dict.fromkeys(("includes", "has", "like"), "contains or begins_with"),
}
_CALLS = {  # how each is written
    name: f"{name}({', '.join(['name', ':value'][: len(takes)])})" for name, (_, takes) in _FUNCTIONS.items()
}
_PLACE = {"condition": "in a condition, filter or key condition", "update": "in an update"}
_TAKES = {"path": Path, ":value": Value, "operand": (Path, Value, Call)}
_CONDITIONS = {name for name, (language, _) in _FUNCTIONS.items() if language == "condition"} - {"size"}

# A node for each kind of lark's tree, and what its parts must be: values to work with, or conditions.
_MAKE: dict[str, Callable[..., Any]] = {
    "path": lambda *tokens: Path(tuple(int(token) if token.type == "INDEX" else str(token) for token in tokens)),
    "value": lambda token: Value(token[1:]),
    "function": lambda name, *arguments: Call(str(name), arguments),
    "group": lambda inner: inner,
    "arithmetic": lambda left, operator, right: Arithmetic(str(operator), left, right),
    "compare": lambda left, operator, right: Compare(str(operator), left, right),
    "between": Between,
    "in": lambda operand, *options: In(operand, options),
    "not": Not,
    "and": And,
    "or": Or,
    "assignment": lambda path, _, value: (path, value),
    "removal": lambda path: (path, None),
    "change": lambda path, value: (path, value),
    "section": lambda action, *changes: tuple(Clause(action.upper(), *change) for change in changes),
    "update": lambda *sections: Update(tuple(itertools.chain(*sections))),
    "projection": lambda *targets: Projection(targets),
}
_OPERANDS = {"function", "arithmetic", "compare", "between", "in", "assignment"}
_COMBINE = {"not", "and", "or"}
_COUNTED = _COMBINE | _OPERANDS - {"assignment"}


class _Builder:
    """Makes nodes of lark's tree, children first, and checks what the grammar cannot say."""

    def __init__(self, text: str, language: str):
        self.text, self.language = text, language

    def build(self, tree: "Tree") -> Any:
        count = sum(part.data in _COUNTED for part in tree.iter_subtrees())
        if count > EXPRESSION_OPERATORS:
            limit = f"an expression has at most {EXPRESSION_OPERATORS}"
            raise ExpressionError(f"{count} operators and functions; {limit}", self.text)
        made: dict[int, Any] = {}
        for part in tree.iter_subtrees():  # a loop, so that deep nesting cannot exhaust the stack
            made[id(part)] = self._make(part, [made.get(id(child), child) for child in part.children])
        if self.language == "condition":
            self._need_condition(tree, made[id(tree)])
        return made[id(tree)]

    def _make(self, part: "Tree", below: list[Any]) -> Any:
        need = self._need_operand if part.data in _OPERANDS else self._need_condition
        if part.data in _OPERANDS | _COMBINE:
            for place, node in zip(part.children, below, strict=True):
                if isinstance(node, Node):
                    need(place, node)
        getattr(self, f"_check_{part.data}", lambda *_: None)(part, *below)
        return _MAKE[part.data](*below)

    def _fault(self, place: Any, problem: str, hint: str = "") -> ExpressionError:
        position = place.start_pos if hasattr(place, "start_pos") else place.meta.start_pos
        return ExpressionError(problem, self.text, position, hint)

    def _need_condition(self, place: Any, node: Node) -> None:
        if isinstance(node, Path | Value) or (isinstance(node, Call) and node.function not in _CONDITIONS):
            raise self._fault(place, f"{node} is no condition by itself", f"compare it, as in {node} = :value")

    def _need_operand(self, place: Any, node: Node) -> None:
        if node.level < Arithmetic.level or (isinstance(node, Call) and node.function in _CONDITIONS):
            raise self._fault(place, f"{node} is a condition; expected an attribute, a :value or a function's value")

    def _check_path(self, part: "Tree", *tokens: str) -> None:
        if len(tokens) > NESTING_LEVELS + 1:
            raise self._fault(part, f"{len(tokens) - 1} steps into an item; a path has at most {NESTING_LEVELS}")

    def _check_function(self, part: "Tree", name: str, *arguments: Node) -> None:
        language, kinds = _FUNCTIONS.get(name) or self._unknown(part, name)
        if language != self.language:
            raise self._fault(part, f"{name} stands only {_PLACE[language]}")
        takes = f"{name} takes ({', '.join(kinds)})"
        if len(arguments) != len(kinds):
            raise self._fault(part, f"{takes}; found {len(arguments)} of {len(kinds)} arguments")
        for place, kind, argument in zip(part.children[1:], kinds, arguments, strict=True):
            if not isinstance(argument, _TAKES[kind]):
                raise self._fault(place, f"{takes}; {argument} is no {kind}")
        self._need_distinct(part, name, arguments)

    def _unknown(self, part: "Tree", name: str) -> Any:
        plain = {each.replace("_", ""): each for each, (language, _) in _FUNCTIONS.items() if language == self.language}
        near = difflib.get_close_matches(name.lower().replace("_", ""), plain, n=1)
        hint = f"write {plain[near[0]]}; function names are case sensitive" if near else ""
        hint = f"DynamoDB has {_OTHER_NAMES[name.lower()]}" if name.lower() in _OTHER_NAMES else hint
        raise self._fault(part, f"unknown function {name}; {_PLACE[self.language]}: {', '.join(plain.values())}", hint)

    def _need_distinct(self, part: "Tree", name: str, operands: Sequence[Node]) -> None:
        if len(operands) == 2 and operands[0] == operands[1] and isinstance(operands[0], Path):
            raise self._fault(part, f"{operands[0]} stands on both sides of {name}; its operands must be distinct")

    def _check_compare(self, part: "Tree", left: Node, operator: str, right: Node) -> None:
        self._need_distinct(part, operator, (left, right))

    def _check_in(self, part: "Tree", operand: Node, *options: Node) -> None:
        if len(options) > IN_OPERANDS:
            raise self._fault(part, f"IN with {len(options)} options; at most {IN_OPERANDS}")

    def _check_group(self, part: "Tree", inner: Node) -> None:
        if part.children[0].data == "group":
            raise self._fault(part, "doubled parentheses; DynamoDB refuses them as redundant")

    def _check_arithmetic(self, part: "Tree", left: Node, operator: str, right: Node) -> None:
        if self.language != "update":
            hint = _NAME_HINT if operator == "-" else ""
            raise self._fault(part.children[1], f"{operator} computes; only an update's SET can", hint)

    def _check_update(self, part: "Tree", *sections: tuple[Clause, ...]) -> None:
        actions = [section[0].action for section in sections]
        for i, action in enumerate(actions):
            if action in actions[:i]:
                raise self._fault(part.children[i], f"{action} stands twice", "join its actions with a comma")
        places = [change.children[0] for section in part.children for change in section.children[1:]]
        self._need_apart(places, [clause.path for section in sections for clause in section])

    def _check_projection(self, part: "Tree", *targets: Path) -> None:
        self._need_apart(part.children, targets)

    def _need_apart(self, places: Sequence[Any], targets: Sequence[Path]) -> None:
        if clash := _clash(targets):
            raise self._fault(places[clash[0]], clash[1])


# What to say about a syntax error

_NAME_HINT = "a bare name is letters, digits and _ after a letter; for any other write #x, and its name under names"
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
_FOUND = re.compile(r"'[^']*'?|\"[^\"]*\"?|[=!<>&|]+|-?[0-9][\w.]*|[#:]?\w+|.", re.DOTALL)
_LITERAL = re.compile(r"['\"\u2018-\u201f]|-?[0-9.]+\Z")
_ODD_NAME = re.compile(r"_|`|-|[0-9].*[A-Za-z_]|[^\W\x00-\x7f]")


def _syntax_error(text: str, language: str, error: "UnexpectedInput") -> ExpressionError:
    ended = getattr(getattr(error, "token", None), "type", "") == "$END"
    place = len(text.rstrip()) if ended else error.pos_in_stream or 0
    allowed = _allowed(text[:place], language)
    wanted = _wanted(allowed)
    if ended:
        problem = "the expression ends too early" if text.strip() else "the expression is empty"
        return ExpressionError(f"{problem}; expected {wanted}", text, place, _YAML_HINT)
    position, found = _found(text, place)
    shown = found if found.isprintable() and not found.isspace() else f"the character U+{ord(found):04X}"
    return ExpressionError(f"expected {wanted}; found {shown}", text, position, _hint(found, allowed))


def _allowed(before: str, language: str) -> set[str]:
    """The terminals that can follow; asked anew, since the parser has lost some by the time it fails."""
    parser = _parser().parse_interactive(before, start=language)
    parser.exhaust_lexer()
    return parser.accepts()


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
    if found in _FUNCTIONS:
        return f"{found} is a function; write {_CALLS[found]}"
    if "INDEX" in allowed:
        return "elements are numbered from 0, as in a[0]"
    if found == "=" and "VALUE" in allowed and "NAME" not in allowed:
        return "ADD and DELETE take a path and a :value, without ="
    if _LITERAL.match(found):
        return _VALUE_HINT
    if _ODD_NAME.match(found):
        return _NAME_HINT
    if "NAME" in allowed and is_reserved(found):
        return f"{found.upper()} is a reserved word; if it names an attribute, write #{found}"
    return ""
