"""Hot keys and why they are hot: the facts behind the review's rules about keys and indexes.

What has one partition key is served by one partition, 3,000 read units and 1,000 write units a second. A key is hot by
what it is (a constant, the current day, one of three values), or because few ask for most (skew). DynamoDB can split a
busy item collection by sort key, unless its sort key only rises, a local index holds it together, or one item takes it
all. (AWS: bp-partition-key-design, bp-partition-key-uniform-load, burst-adaptive-capacity.)
"""

from dataclasses import dataclass

from workbench.ceilings import shards_needed
from workbench.design import AccessPattern, Design, Domain, Entity, Table, key_template
from workbench.evidence import Evidence
from workbench.findings import Place
from workbench.keys import KeyTemplate
from workbench.load import Kind
from workbench.spreads import KINDS, LIMITS, HotKey
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
    cause: str  # constant, newest, few or skew
    rises: bool  # new items come at the end of their collection

    @property
    def kind(self) -> Kind:
        return self.key.kind

    @property
    def shards(self) -> int:
        """Into how many keys it is to be divided, so that none is split for heat."""
        return max(2, shards_needed(self.key.units_per_s, self.key.limit))


def hot_keys(evidence: Evidence) -> list[Hot]:
    """The hottest key of each table and global index, for reads and for writes, where it is hot at peak."""
    # All units of an arm bound those of one key, and cost far less to know.
    loaded: list[tuple[Table, str | None, Place, Kind]] = [
        (table, index, place, kind)
        for table, index, place in evidence.arms()
        for kind in KINDS
        if evidence.units_per_s(kind, table.name, index) >= KEY_UTILISATION * LIMITS[kind]
    ]
    return [hot for arm in loaded if (hot := _hottest(evidence, *arm))]


def _hottest(evidence: Evidence, table: Table, index: str | None, place: Place, kind: Kind) -> Hot | None:
    analysis = evidence.keys(table.name, index)
    found = analysis.requests.hottest(kind) if analysis else None
    if analysis is None or found is None or found.utilisation < KEY_UTILISATION:
        return None
    pattern = evidence.design.access_patterns[found.pattern]
    loads = analysis.requests.loads
    keys = sum(len(load.keys) for load in loads if load.pattern == pattern.name and load.kind == kind)
    motion = analysis.monotonicity.motions.get(pattern.name, "")
    cause = _cause(evidence.design, table, index, pattern, keys, motion)
    return Hot(table, index, place, found, pattern, keys, cause, motion == "rising sort key")


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
