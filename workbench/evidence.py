"""Evidence: what the rules of a review look at, computed once and only when a rule asks.

From the design alone follow its items, the units of every access pattern, and the load of every partition key. A run
adds what was read and what was thrown away; a simulation adds throttling. Where items cannot be made, because their
rows are given elsewhere or an item passes 400 KB, what follows from the design's text is still judged.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from workbench import syntax
from workbench.access import EXPRESSIONS
from workbench.design import AccessPattern, Action, Design, Entity
from workbench.domains import Domain, value_domain
from workbench.errors import DesignError
from workbench.findings import Finding, Place, Severity, where
from workbench.identity import key_fields
from workbench.items import Items, generate_items
from workbench.keyanalysis import KeyAnalysis
from workbench.keyreport import KeyReport, key_report
from workbench.outcomes import Costs, Outcomes
from workbench.schema import Table

if TYPE_CHECKING:
    from workbench.runs import Run

Part = AccessPattern | Action
K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True)
class Write:
    """One write that a pattern makes: which, on items of which entity, and by which part of the pattern."""

    pattern: AccessPattern
    part: Part
    operation: str  # Put, Update, Delete or ConditionCheck
    entity: Entity
    place: Place

    @property
    def target(self) -> Any:
        """existing, new, missing, or a mapping."""
        return self.pattern.target_of(self.part if isinstance(self.part, Action) else None)


@dataclass
class Evidence:
    """What is known of a design: the design, its items, a run and a simulation of it."""

    design: Design
    given: Items | None = None
    run: "Run | None" = None
    simulation: Any = None
    notes: list[str] = field(default_factory=list)
    in_vain: list[tuple[Place, str, str]] = field(default_factory=list)  # acceptances that no finding met
    refused: str = ""  # why items cannot be made

    def finding(self, code: str, severity: Severity, place: Place, message: str, fix: str, **evidence: Any) -> Finding:
        """A finding about the part of the design at `place`."""
        return Finding(code, severity, where(place), message, evidence, fix, place)

    # The items, and what follows from them

    @cached_property
    def items(self) -> Items | None:
        """The design's items; None if they cannot be made, and then a note says why."""
        if self.given is not None:
            return self.given
        try:
            return generate_items(self.design)
        except (ValueError, DesignError) as error:
            self.refused = str(error)
            self.notes.append(f"items, units and heat were not judged: {error}")
            return None

    @cached_property
    def costs(self) -> Costs | None:
        return Costs(self.items) if self.items is not None else None

    def outcomes(self, pattern: AccessPattern) -> Outcomes | None:
        """The distribution of a pattern's units per call; None if it is not called or nothing is known."""
        if pattern.name not in self._outcomes:
            found = self.costs.outcomes(pattern) if self.costs and pattern.unserved is None else None
            self._outcomes[pattern.name] = found if found is not None and found.possible else None
        return self._outcomes[pattern.name]

    @cached_property
    def _outcomes(self) -> dict[str, Outcomes | None]:
        return {}

    def mean_units(self, pattern: AccessPattern, table: str | None = None, index: str | None = None) -> float:
        """Mean units of a call, in total or on a table or index; 0 where nothing is known.

        A table's are those of its keys, entries of local indexes included.
        """
        if (index is not None and index in self.design.tables[str(table)].lsi) or not pattern.peak_rate:
            return self.drawn_units(pattern, table, index)
        units_of = self._loads.get(pattern.name, {})
        units = sum(units_of.values()) if table is None else units_of.get((table, index), 0.0)
        return units / pattern.peak_rate

    def drawn_units(self, pattern: AccessPattern, table: str | None = None, index: str | None = None) -> float:
        """Mean units of a call from the distribution of its outcomes, which knows local indexes apart."""
        found = self.outcomes(pattern)
        if found is None:
            return 0.0
        if table is None:
            return found.per_call().mean
        return found.per_call((table, index or "")).mean if (table, index or "") in found.by_index else 0.0

    def units_per_s(self, kind: str, table: str, index: str | None = None, *, at: str = "peak") -> float:
        """Read or write units a second of a table or index, over all patterns with a rate."""
        total = 0.0
        for pattern in self.asking(table):
            rate = pattern.peak_rate if at == "peak" else pattern.rate
            if rate and pattern.is_read == (kind == "read"):
                total += rate * self.mean_units(pattern, table, index)
        return total

    def asking(self, table: str) -> list[AccessPattern]:
        """The patterns with a rate that ask something of a table or its indexes."""
        return self._by_table.get(table, [])

    @cached_property
    def _by_table(self) -> dict[str, list[AccessPattern]]:
        """The patterns that ask something of each table."""
        return _grouped((t, p) for p in self.served for t in {table for table, _ in self._loads.get(p.name, {})})

    @cached_property
    def _loads(self) -> dict[str, dict[tuple[str, str | None], float]]:
        """Units a second at peak of each pattern on each table and global index."""
        found: dict[str, dict[tuple[str, str | None], float]] = {}
        for analysis in self.key_report or ():
            for load in analysis.requests.loads:
                units_of = found.setdefault(load.pattern, {})
                where = (analysis.table, analysis.index)
                units_of[where] = units_of.get(where, 0.0) + float(load.units.sum())
        return found

    @cached_property
    def key_report(self) -> KeyReport | None:
        """The keys of all tables and global indexes at peak; None without items."""
        return key_report(self.items) if self.items is not None else None

    def keys(self, table: str, index: str | None = None) -> KeyAnalysis | None:
        """The key report of a table or global index."""
        return self._analyses.get((table, index))

    @cached_property
    def _analyses(self) -> dict[tuple[str, str | None], KeyAnalysis]:
        return {(one.table, one.index): one for one in self.key_report or ()}

    def once(self, compute: "Callable[[Evidence], T]") -> "T":
        """What `compute` finds, kept for every rule that asks for it."""
        if compute not in self._kept:
            self._kept[compute] = compute(self)
        return self._kept[compute]

    @cached_property
    def _kept(self) -> dict[Any, Any]:
        return {}

    def places(self) -> Iterator[tuple[Table, str | None, Place]]:
        """Every table, and every global index after its table: what has partitions of its own."""
        for table in self.design.tables.values():
            yield table, None, ("tables", table.name)
            for index in table.gsi:
                yield table, index, ("tables", table.name, "gsi", index)

    # Access patterns

    @cached_property
    def served(self) -> list[AccessPattern]:
        """The patterns that a key serves."""
        return list(self.design.served_patterns())

    def place(self, pattern: AccessPattern) -> Place:
        return ("access_patterns", pattern.name)

    @cached_property
    def queries(self) -> list[AccessPattern]:
        """The served Queries."""
        return [pattern for pattern in self.served if pattern.operation == "Query"]

    def node(self, pattern: AccessPattern, part: Part, key: str) -> Any:
        """An expression of a pattern or action as a tree with attribute names; None where there is none."""
        text = getattr(part, key, None)
        if text is None:
            return None
        names = {**pattern.names, **part.names}
        return syntax.resolve(EXPRESSIONS[key](text), names)

    @cached_property
    def writes(self) -> list[Write]:
        """Every write of the served patterns, members of transactions and batches one by one."""
        return [write for pattern in self.served for write in _writes(self.design, pattern)]

    @cached_property
    def _writes_of(self) -> dict[str, list[Write]]:
        return _grouped((write.entity.name, write) for write in self.writes)

    def writes_of(self, entity: str, *operations: str) -> list[Write]:
        """The writes of an entity's items, all or of some kinds."""
        return [w for w in self._writes_of.get(entity, ()) if not operations or w.operation in operations]

    def writes_by(self, pattern: AccessPattern) -> list[Write]:
        """The writes of a pattern."""
        return self._writes_by.get(pattern.name, [])

    @cached_property
    def _writes_by(self) -> dict[str, list[Write]]:
        return _grouped((write.pattern.name, write) for write in self.writes)

    def reads_of(self, entity: str) -> list[AccessPattern]:
        """The patterns that read an entity's items."""
        return self._reads_of.get(entity, [])

    @cached_property
    def _reads_of(self) -> dict[str, list[AccessPattern]]:
        return _grouped((entity.name, p) for p in self.served if p.is_read for entity in self.design.addressed(p))

    def reads_from(self, table: str, index: str | None = None) -> list[AccessPattern]:
        """The Queries and Scans of a table or index, served or not."""
        return self._reads_from.get((table, index), [])

    @cached_property
    def _reads_from(self) -> dict[tuple[str, str | None], list[AccessPattern]]:
        reads = (p for p in self.design.access_patterns.values() if p.is_read)
        return _grouped(((self.design.table_for(p).name, p.index), p) for p in reads)

    def domain(self, entity: Entity, name: str) -> Domain | None:
        """The domain of an attribute of an entity, through the field of its name; None if it has it not."""
        found = self.design.domains_of(entity.name).get(name)
        if found is not None and found.is_field:
            return self.design.fields.get(name, found)
        if found is not None and found.template and found.template.lone_field:
            other = found.template.lone_field
            return (entity.attributes or {}).get(other) or self.design.fields.get(other) or found
        return found

    def key_has(self, entity: Entity, words: Iterable[str]) -> bool:
        """Whether a field of an entity's primary key is of one of these types, as of ids that nobody draws twice."""
        own = entity.attributes or {}
        domains = [own.get(name) or self.design.fields[name] for name in key_fields(self.design, entity)]
        return any(domain.type is not None and domain.type.word in words for domain in domains)

    def value(self, pattern: AccessPattern, part: Part, name: str) -> Any:
        """The domain of `:name` as `values` states it; None where it is an attribute's."""
        stated = {**pattern.values, **part.values}
        return value_domain(stated[name]) if name in stated else None


def _grouped(pairs: Iterable[tuple[K, T]]) -> dict[K, list[T]]:
    found: dict[K, list[T]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


_WRITES = {"PutItem": "Put", "UpdateItem": "Update", "DeleteItem": "Delete", "BatchWriteItem": "Put"}


def _writes(design: Design, pattern: AccessPattern) -> Iterator[Write]:
    place = ("access_patterns", pattern.name)
    if pattern.is_read:
        return
    for number, action in enumerate(pattern.actions):
        entity = design.entities[design.action_entity(action)]
        yield Write(pattern, action, action.operation, entity, (*place, "actions", number))
    if not pattern.actions:
        for entity in design.addressed(pattern)[:1]:
            yield Write(pattern, pattern, _WRITES[pattern.operation], entity, place)
