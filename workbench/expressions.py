"""DynamoDB's expressions: whether DynamoDB will take them, and the trees that they are.

Key conditions, filters, conditions, updates and projections are small languages. `expressions.lark` holds their
grammar; here it makes the trees of `syntax`, and checks what a grammar cannot say: which function stands where and
takes what, what is a condition and what a value, and the limits on length. Developer Guide:
Expressions.OperatorsAndFunctions, Query.KeyConditionExpressions, Expressions.UpdateExpressions.

>>> from workbench.syntax import attributes, resolve, values
>>> condition = parse_condition("ownerId = :ownerId AND #status <> :done")
>>> attributes(resolve(condition, {})), values(condition)
(('ownerId', 'status'), ('ownerId', 'done'))
"""

import difflib
import itertools
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

from workbench.limits import EXPRESSION_BYTES, EXPRESSION_OPERATORS, IN_OPERANDS, NESTING_LEVELS
from workbench.slips import NAME_HINT, OTHER_NAMES, ExpressionError, syntax_error
from workbench.syntax import (
    FUNCTIONS,
    And,
    Arithmetic,
    Between,
    Call,
    Clause,
    Compare,
    In,
    Node,
    Not,
    Or,
    Path,
    Projection,
    Update,
    Value,
    clash,
)

if TYPE_CHECKING:
    from lark import Lark, Tree


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
        raise syntax_error(text, language, error, parser) from None
    return _Builder(text, language).build(tree)


_PLACE = {"condition": "in a condition, filter or key condition", "update": "in an update"}
_TAKES = {"path": Path, ":value": Value, "operand": (Path, Value, Call)}
_CONDITIONS = {name for name, (language, _) in FUNCTIONS.items() if language == "condition"} - {"size"}

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
        language, kinds = FUNCTIONS.get(name) or self._unknown(part, name)
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
        plain = {each.replace("_", ""): each for each, (language, _) in FUNCTIONS.items() if language == self.language}
        near = difflib.get_close_matches(name.lower().replace("_", ""), plain, n=1)
        hint = f"write {plain[near[0]]}; function names are case sensitive" if near else ""
        hint = f"DynamoDB has {OTHER_NAMES[name.lower()]}" if name.lower() in OTHER_NAMES else hint
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
            hint = NAME_HINT if operator == "-" else ""
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
        if found := clash(targets):
            raise self._fault(places[found[0]], found[1])
