"""Hot keys and why they are hot: the facts behind the review's rules about keys and indexes.

What has one partition key is served by one partition, 3,000 read units and 1,000 write units a second. A key is hot by
what it is (a constant, the current day, one of three values), or because few ask for most (skew). DynamoDB can split a
busy item collection by sort key, unless its sort key only rises, a local index holds it together, or one item takes it
all. (AWS: bp-partition-key-design, bp-partition-key-uniform-load, burst-adaptive-capacity.)
"""

from dataclasses import dataclass
from math import ceil

from workbench.design import AccessPattern, Design, Domain, Entity, Table, key_template
from workbench.evidence import Evidence, Write
from workbench.findings import Place
from workbench.keys import KeyTemplate
from workbench.load import Kind
from workbench.spreads import KINDS, LIMITS, HotKey
from workbench.thresholds import FEW_VALUES, KEY_UTILISATION, SHARD_UTILISATION
from workbench.typewords import TIME_TYPES

RISING = {*TIME_TYPES, "ulid", "uuid7", "ksuid"}
BUCKETS = ("month", "date", "hour", "minute")


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

    @property
    def kind(self) -> Kind:
        return self.key.kind

    @property
    def shards(self) -> int:
        """Into how many keys it is to be divided, so that none is split for heat."""
        return max(2, ceil(self.key.units_per_s / (SHARD_UTILISATION * self.key.limit)))


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
    spread = evidence.spread(table.name, index)
    found = spread.hottest(kind) if spread else None
    if spread is None or found is None or found.utilisation < KEY_UTILISATION:
        return None
    pattern = evidence.design.access_patterns[found.pattern]
    keys = sum(len(load.keys) for load in spread.loads if load.pattern == pattern.name and load.kind == kind)
    return Hot(table, index, place, found, pattern, keys, _cause(evidence.design, table, index, pattern, keys))


def _cause(design: Design, table: Table, index: str | None, pattern: AccessPattern, keys: int) -> str:
    entities = [entity for entity in design.addressed(pattern) if design.table_of(entity.name) is table]
    parts = [part for entity in entities for part in partition_fields(design, table, index, entity)]
    if parts and any(_asks_newest(pattern, domain) for _, domain in parts):
        return "newest"
    if keys == 1 or not parts:
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


def _asks_newest(pattern: AccessPattern, domain: Domain) -> bool:
    """Whether all requests of a moment name the same, newest value."""
    side = "read" if pattern.is_read else "write"
    stated = [str(popularity) for popularity in pattern.popularity.values()]
    stated += [str(getattr(domain.popularity, side))] if domain.popularity else []
    is_bucket = domain.type is not None and domain.type.word in BUCKETS
    return "latest" in stated or (is_bucket and pattern.target_of() == "new" and not pattern.is_read)


def rises(design: Design, entity: Entity, attribute: str) -> bool:
    """Whether newly created items come at the end of their collection: what varies first in the sort key rises."""
    own = design.domains_of(entity.name).get(attribute) or design.fields.get(attribute)
    if own is None:
        return False
    template = key_template(own, attribute)
    name = template.fields[0] if template and template.fields else attribute
    domain = (entity.attributes or {}).get(name) or design.fields.get(name) or own
    if domain.type is not None and domain.type.word in RISING:
        return True
    return domain.is_identity and domain.type is None and domain.choice is None


def first_template(design: Design, entity: Entity, attribute: str) -> KeyTemplate | None:
    """The template of a key attribute in an entity's items."""
    own = design.domains_of(entity.name).get(attribute)
    return key_template(own, attribute) if own else None


def creating(evidence: Evidence, pattern: AccessPattern) -> list[Write]:
    """The writes of a pattern that create items."""
    return [w for w in evidence.writes if w.pattern.name == pattern.name and w.operation == "Put" and w.target == "new"]
