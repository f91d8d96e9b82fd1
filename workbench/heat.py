"""Hot keys and why they are hot: the facts behind the review's rules about keys and indexes.

What has one partition key is served by one partition, 3,000 read units and 1,000 write units a second. A key is hot by
what it is (a constant, the current day, one of three values), or because few ask for most (skew). DynamoDB can split a
busy item collection by sort key, unless its sort key only rises, a local index holds it together, or one item takes it
all. (AWS: bp-partition-key-design, bp-partition-key-uniform-load, burst-adaptive-capacity.)
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from workbench.ceilings import shards_needed
from workbench.design import AccessPattern, Design, Entity, key_template
from workbench.domains import Domain
from workbench.evidence import Evidence
from workbench.findings import Place, Severity
from workbench.keys import KeyTemplate
from workbench.load import Kind
from workbench.schema import Table
from workbench.spreads import KINDS, LIMITS, HotKey, RequestSpread
from workbench.thresholds import FEW_VALUES, KEY_UTILISATION


@dataclass(frozen=True)
class Hot:
    """A hot key of a table or global index, who asks for it most, for how many keys, and what makes it hot."""

    table: Table
    index: str | None
    place: Place
    key: HotKey
    pattern: AccessPattern
    keys: int
    others: int  # more keys of this pattern that pass the limit
    cause: str  # constant, newest, few or skew
    rises: bool  # new items come at the end of their collection
    undivided: float  # of its units a second, those on the hottest part that no split divides

    @property
    def kind(self) -> Kind:
        return self.key.kind

    @property
    def and_others(self) -> str:
        """How many more keys of the same pattern pass the limit, in words."""
        return f" ({self.others:,} more pass it too)" if self.others else ""

    @property
    def shards(self) -> int:
        """Into how many keys it is to be divided, so that none is split for heat."""
        return max(2, shards_needed(self.key.units_per_s, self.key.limit))

    @property
    def severity(self) -> Severity:
        """An error where requests are throttled for good, whatever splits and burst save; else a warning."""
        return "error" if self.undivided > self.key.limit else "warning"

    @property
    def ends(self) -> str:
        """In words that splits end it, of a key that is asked for more than a partition serves, if they do."""
        lasting = self.key.utilisation <= 1 or self.severity == "error"
        return "" if lasting else "; splits within its collection end that after some minutes"


def hot_keys(evidence: Evidence) -> list[Hot]:
    """The hot keys at peak of each table and global index: for reads and writes, the hottest of each access pattern.

    A key is its who asks for it most; of the keys that one pattern makes hot, the hottest stands for all.
    """
    return [hot for where in evidence.places() for kind in KINDS for hot in _hottest(evidence, *where, kind)]


def _hottest(evidence: Evidence, table: Table, index: str | None, place: Place, kind: Kind) -> Iterator[Hot]:
    analysis = evidence.keys(table.name, index)
    spread = analysis.requests if analysis else None
    if analysis is None or spread is None:
        return
    units, limit = spread.units(kind), LIMITS[kind]
    hot = np.flatnonzero(units >= KEY_UTILISATION * limit)
    by_pattern: dict[str, list[int]] = {}
    for number in hot[np.argsort(-units[hot], kind="stable")].tolist():
        by_pattern.setdefault(_asks_most(spread, kind, number)[0], []).append(number)
    for name, numbers in by_pattern.items():
        pattern, first = evidence.design.access_patterns[name], numbers[0]
        keys = sum(len(load.keys) for load in spread.loads if load.pattern == name and load.kind == kind)
        motion = analysis.monotonicity.motions.get(name, "")
        cause = _cause(evidence.design, table, index, pattern, keys, motion)
        others = int((units[numbers[1:]] > limit).sum())
        key, undivided = _hot_key(spread, kind, first), float(analysis.atoms[kind].hottest[first])
        yield Hot(table, index, place, key, pattern, keys, others, cause, motion == "rising sort key", undivided)


def _asks_most(spread: RequestSpread, kind: Kind, number: int) -> tuple[str, float]:
    """The access pattern that asks most for a key, and its units a second there."""
    asked: dict[str, float] = {}
    for load in spread.loads:
        if load.kind == kind:
            asked[load.pattern] = asked.get(load.pattern, 0.0) + float(load.units[load.keys == number].sum())
    return max(asked.items(), key=lambda one: one[1])


def _hot_key(spread: RequestSpread, kind: Kind, number: int) -> HotKey:
    units, (pattern, own) = spread.units(kind), _asks_most(spread, kind, number)
    here = float(units[number])
    requests, placed = float(spread.requests(kind)[number]), int(spread.placed[number])
    share = here / float(units.sum())
    return HotKey(spread.keys[number], kind, share, requests, here, LIMITS[kind], placed, pattern, own / here)


def _cause(design: Design, table: Table, index: str | None, pattern: AccessPattern, keys: int, motion: str) -> str:
    entities = [entity for entity in design.addressed(pattern) if design.table_of(entity.name) is table]
    varies = any(partition_fields(design, table, index, entity) for entity in entities)
    if varies and motion == "current time":
        return "newest"
    if keys == 1 or not varies:
        return "constant"
    return "few" if keys < FEW_VALUES else "skew"


def partition_fields(design: Design, table: Table, index: str | None, entity: Entity) -> list[tuple[str, Domain]]:
    """What varies in an entity's partition key: fields or attributes with their domains; rows' columns have none."""
    found: list[tuple[str, Domain]] = []
    domains = design.domains_of(entity.name)
    for attribute in table.keys(index)[0]:
        own = domains.get(attribute) or Domain()
        template = key_template(own, attribute)
        for name in template.fields if template else ():
            domain = (entity.attributes or {}).get(name) if name != attribute else None
            found.append((name, domain or design.fields.get(name) or own))
        if template is None and own.value is None:
            found.append((attribute, own))
    return found


def first_template(design: Design, entity: Entity, attribute: str) -> KeyTemplate | None:
    """The template of a key attribute in an entity's items."""
    own = design.domains_of(entity.name).get(attribute)
    return key_template(own, attribute) if own else None
