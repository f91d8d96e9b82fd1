"""Key conditions: whether a key can serve a Query, and if not, why.

A Query reads one item collection: it needs every partition key attribute by `=`, and may narrow the sort key by one
range. Nothing else can be asked of a key; the rest is a filter, which is applied after the read and pays for what it
throws away. (AWS: Query.KeyConditionExpressions.)

>>> from workbench.expressions import parse_key_condition
>>> check_key_condition(parse_key_condition("PK = :a AND status = :b"), "PK", "SK", "table T")[0].split(";")[0]
'status is not a key attribute of table T'
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.syntax import And, Call, Node, Path, Value, attributes, children


@dataclass(frozen=True)
class SortCondition:
    """A condition on one key attribute: `=`, `<`, `<=`, `>`, `>=`, `BETWEEN` or `begins_with`, and its :values."""

    attribute: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class KeyCondition:
    """What a Query reads: the value of each partition key attribute, and a range of the sort key."""

    partition: tuple[tuple[str, str], ...]
    sort: tuple[SortCondition, ...] = ()


_MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_SERVED = {*_MIRRORED, "BETWEEN", "begins_with"}
_ONE_RANGE = "a Query reads one range of one item collection"
_UNSERVED = {
    "OR": f"{_ONE_RANGE}: send a Query for each alternative",
    "IN": f"{_ONE_RANGE}: send a Query for each value",
    "NOT": f"{_ONE_RANGE}: write the range that remains",
    "<>": f"{_ONE_RANGE}: what is unequal is two, below (<) and above (>)",
    "contains": "items are sorted by their sort key from its beginning: only begins_with finds a part of it",
    "size": "items are sorted by the sort key itself, not by its size",
    "attribute_exists": "every item has its key attributes: leave it out",
    "attribute_not_exists": "every item has its key attributes: leave it out",
    "attribute_type": "a key attribute has one type for the whole table: leave it out",
}


def key_condition(
    node: Node, partition_key: str | Sequence[str], sort_key: str | Sequence[str], where: str
) -> KeyCondition:
    """What a Query with this (resolved) key condition reads; ValueError with every reason if the key cannot serve it.

    >>> from workbench.expressions import parse_key_condition
    >>> node = parse_key_condition("begins_with(SK, :tasks) AND PK = :project")
    >>> key_condition(node, "PK", "SK", "table T")  # doctest: +NORMALIZE_WHITESPACE
    KeyCondition(partition=(('PK', 'project'),),
                 sort=(SortCondition(attribute='SK', operator='begins_with', values=('tasks',)),))
    """
    if problems := check_key_condition(node, partition_key, sort_key, where):
        raise ValueError("\n".join(problems))
    by_name = {term.attribute: term for term in map(_term, _conjuncts(node)) if isinstance(term, SortCondition)}
    partition = tuple((name, by_name[name].values[0]) for name in _listed(partition_key))
    return KeyCondition(partition, tuple(by_name[name] for name in _listed(sort_key) if name in by_name))


def check_key_condition(
    node: Node, partition_key: str | Sequence[str], sort_key: str | Sequence[str], where: str
) -> list[str]:
    """Why a key cannot serve this (resolved) key condition, every reason; empty if it can.

    `where` names the key's owner, as in "index GSI1 of table T".
    """
    partition, sort = _listed(partition_key), _listed(sort_key)
    parts = _conjuncts(node)
    terms = [term for part in parts if isinstance(term := _term(part), SortCondition)]
    by_name = {term.attribute: term for term in reversed(terms)}
    return [
        *_unserved(parts, {*partition, *sort}, where),
        *_foreign(list(dict.fromkeys(term.attribute for term in terms)), partition, sort, where),
        *_repeated([term.attribute for term in terms], partition),
        *_partition_problems(partition, by_name, attributes(node), where),
        *_sort_problems(sort, by_name, where),
    ]


def _listed(key: str | Sequence[str]) -> tuple[str, ...]:
    return (key,) if isinstance(key, str) else tuple(key)


def _conjuncts(node: Node) -> list[Node]:
    """The conditions that AND joins, left to right."""
    found, waiting = [], [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, And):
            waiting += [current.right, current.left]
        else:
            found.append(current)
    return found


def _operator(node: Any) -> str:
    return getattr(node, "operator", "") or getattr(node, "function", "") or type(node).__name__.upper()


def _term(node: Node) -> SortCondition | tuple[str, str]:
    """A condition on one key attribute, or what is not served and why."""
    operator, operands = _operator(node), children(node)
    calls = [operator, *(_operator(operand) for operand in operands if isinstance(operand, Call))]
    if refused := [each for each in calls if each not in _SERVED]:
        return refused[0], _UNSERVED[refused[0]]
    named = [operand for operand in operands if isinstance(operand, Path)]
    if len(named) != 1:
        return str(node), "a key condition compares one key attribute with a :value"
    if len(named[0].parts) != 1:
        return str(node), "a key attribute is top-level text, number or binary and has no parts"
    if operands[0] is not named[0]:
        if operator not in _MIRRORED:
            return str(node), f"{operator} has the key attribute first"
        operator = _MIRRORED[operator]
    given = tuple(operand.name for operand in operands if isinstance(operand, Value))
    return SortCondition(str(named[0].parts[0]), operator, given)


def _unserved(parts: Sequence[Node], keys: set[str], where: str) -> Iterator[str]:
    for part in parts:
        if isinstance(term := _term(part), tuple):
            what, why = term
            if others := [name for name in attributes(part) if name not in keys]:
                why = f"{' and '.join(others)} is no key attribute: move {part} to filter"
            yield f"{what} cannot stand in the key condition of {where}; {why}"


def _foreign(named: Sequence[str], partition: Sequence[str], sort: Sequence[str], where: str) -> Iterator[str]:
    alone = "" if sort else ", which has no sort key"
    for name in named:
        if name not in {*partition, *sort}:
            yield (
                f"{name} is not a key attribute of {where}{alone}; a Query reaches items only by"
                f" {' and '.join([*partition, *sort])}: move it to filter (which still reads and pays for every item"
                " of the collection) or add an index keyed by it"
            )


def _repeated(named: Sequence[str], partition: Sequence[str]) -> Iterator[str]:
    for name in dict.fromkeys(name for name in named if named.count(name) > 1):
        once = f"{name} = :value" if name in partition else f"for a range write {name} BETWEEN :from AND :to"
        yield f"{name} stands twice; a key attribute has one condition: {once}"


def _partition_problems(
    partition: Sequence[str], by_name: Mapping[str, SortCondition], mentioned: Sequence[str], where: str
) -> Iterator[str]:
    needs = f" (all of {', '.join(partition)})" if len(partition) > 1 else ""
    for name in partition:
        key = f"partition key {name} of {where}"
        if name not in mentioned:
            yield f"{key} must be fixed with {name} = :value{needs}; a Query reads one item collection"
        elif name in by_name and (operator := by_name[name].operator) != "=":
            yield f"{key} takes only =, not {operator}; partitions are found by a hash, which keeps no order"


def _sort_problems(sort: Sequence[str], by_name: Mapping[str, SortCondition], where: str) -> Iterator[str]:
    used = [name for name in sort if name in by_name]
    order = f"sort key attributes of {where} are used left to right ({', '.join(sort)}), a range last"
    for name in sort[: sort.index(used[-1])] if used else ():
        if name not in by_name:
            yield f"{order}; {used[-1]} needs {name} = :value before it"
        elif (operator := by_name[name].operator) != "=":
            yield f"{order}; {used[-1]} cannot follow {name} with {operator}"
