"""Evidence: what the rules of a review look at, computed once and only when a rule asks.

From the design alone follow its items, the units of every access pattern, and the load of every partition key. A run
adds what was read and what was thrown away; a simulation adds throttling. Where items cannot be made, because their
rows are given elsewhere or an item passes 400 KB, what follows from the design's text is still judged.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from workbench import expressions
from workbench.access import EXPRESSIONS, value_domain
from workbench.design import AccessPattern, Action, Design, Domain, Entity, Table
from workbench.findings import Finding, Place, Severity, where
from workbench.items import Items, generate_items
from workbench.keyanalysis import KeyAnalysis
from workbench.keyreport import KeyReport, key_report
from workbench.outcomes import Costs, Outcomes

if TYPE_CHECKING:
    from workbench.runs import Run

Part = AccessPattern | Action
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
        except ValueError as error:
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
        """Mean units of a call, in total or on one arm; 0 where nothing is known."""
        found = self.outcomes(pattern)
        if found is None:
            return 0.0
        if table is None:
            return found.per_call().mean
        return found.per_call((table, index or "")).mean if (table, index or "") in found.arms else 0.0

    def units_per_s(self, kind: str, table: str, index: str | None = None, *, at: str = "peak") -> float:
        """Read or write units a second of a table or index, over all patterns with a rate."""
        total = 0.0
        for pattern in self.design.served_patterns():
            rate = pattern.peak_rate if at == "peak" else pattern.rate
            if rate and pattern.is_read == (kind == "read"):
                total += rate * self.mean_units(pattern, table, index)
        return total

    def keys(self, table: str, index: str | None = None) -> KeyAnalysis | None:
        """The key report of a table or global index at peak; None without items."""
        if self.items is None:
            return None
        if table not in self._key_reports:
            self._key_reports[table] = key_report(self.items, tables=[table])
        return self._key_reports[table][table, index]

    @cached_property
    def _key_reports(self) -> dict[str, KeyReport]:
        return {}

    def once(self, compute: "Callable[[Evidence], T]") -> "T":
        """What `compute` finds, kept for every rule that asks for it."""
        if compute not in self._kept:
            self._kept[compute] = compute(self)
        return self._kept[compute]

    @cached_property
    def _kept(self) -> dict[Any, Any]:
        return {}

    def arms(self) -> Iterator[tuple[Table, str | None, Place]]:
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
        return expressions.resolve(EXPRESSIONS[key](text), names)

    @cached_property
    def writes(self) -> list[Write]:
        """Every write of the served patterns, members of transactions and batches one by one."""
        return [write for pattern in self.served for write in _writes(self.design, pattern)]

    def writes_of(self, entity: str, *operations: str) -> list[Write]:
        """The writes of some kinds on an entity's items."""
        return [w for w in self.writes if w.entity.name == entity and w.operation in operations]

    def reads_of(self, entity: str) -> list[AccessPattern]:
        """The patterns that read an entity's items."""
        return [p for p in self.served if p.is_read and any(e.name == entity for e in self.design.addressed(p))]

    def reads_from(self, table: str, index: str | None = None) -> list[AccessPattern]:
        """The Queries and Scans of a table or index, served or not."""
        every = self.design.access_patterns.values()
        return [p for p in every if p.is_read and self.design.table_for(p).name == table and p.index == index]

    def domain(self, entity: Entity, name: str) -> Domain | None:
        """The domain of an attribute of an entity, through the field of its name; None if it has it not."""
        found = self.design.domains_of(entity.name).get(name)
        if found is not None and found.is_field:
            return self.design.fields.get(name, found)
        if found is not None and found.template and found.template.lone_field:
            other = found.template.lone_field
            return (entity.attributes or {}).get(other) or self.design.fields.get(other) or found
        return found

    def value(self, pattern: AccessPattern, part: Part, name: str) -> Any:
        """The domain of `:name` as `values` states it; None where it is an attribute's."""
        stated = {**pattern.values, **part.values}
        return value_domain(stated[name]) if name in stated else None


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
