"""Placeholders: what `:name` and `#name` stand for in one request.

The values of one request come from one drawn item, so that they belong together: its attributes and fields first, an
entry under `values` before them, the clock for `:now`; what the item lacks is drawn anew from its domain. In an update
that is so for every value, since what is written is seldom what is there. (AWS: Expressions.ExpressionAttributeValues,
Expressions.ExpressionAttributeNames.)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from workbench import syntax
from workbench.access import EXPRESSIONS
from workbench.columns import ABSENT
from workbench.descriptors import to_wire
from workbench.design import AccessPattern, Action, key_template
from workbench.domains import Domain, value_domain
from workbench.entities import EntityItems
from workbench.items import Items

API_NAMES = {
    "key_condition": "KeyConditionExpression",
    "filter": "FilterExpression",
    "condition": "ConditionExpression",
    "update": "UpdateExpression",
    "projection": "ProjectionExpression",
}


@dataclass
class Context:
    """The values of one drawn item, by attribute and by field; and where values that it lacks come from."""

    items: Items
    entity: EntityItems
    item: dict[str, Any]
    fields: dict[str, Any]
    rng: np.random.Generator
    overridden: dict[str, Any] = field(default_factory=dict)

    def value(self, name: str, values: Mapping[str, Any], *, anew: bool) -> Any:
        """What `:name` stands for: an entry of values, the clock, the item's attribute or field, or a new value."""
        if name in values:
            return self.of_domain(value_domain(values[name]))
        if name in self.overridden:
            return self.overridden[name]
        if not anew and (found := self.own(name)) is not ABSENT:
            return found
        if name == "now" and name not in self.item:
            return self.items.now
        return self.fresh(name)

    def own(self, name: str) -> Any:
        """The item's value of an attribute or field; one made of an overridden field is made again."""
        domain = self.items.design.domains_of(self.entity.name).get(name)
        template = key_template(domain, name) if domain else None
        if template and set(template.fields) & self.overridden.keys():
            return template.format({f: self.named(f) for f in template.fields})
        return self.item.get(name, self.fields.get(name, ABSENT))

    def named(self, name: str) -> Any:
        if name in self.overridden:
            return self.overridden[name]
        found = self.own(name)
        return self.fresh(name) if found is ABSENT else found

    def fresh(self, name: str) -> Any:
        """A new value from the domain of an attribute or field."""
        return self.items.source.fresh(self.entity, name, self.rng)

    def of_domain(self, domain: Domain) -> Any:
        template = domain.template
        if template is not None:
            lone = template.lone_field
            return self.named(lone) if lone else template.format({f: self.named(f) for f in template.fields})
        return self.items.source.one(self.entity.name, domain, self.rng, self.named)


def contexts_of(items: Items, entity: EntityItems, rng: np.random.Generator) -> list[Context]:
    everything = np.arange(len(entity))
    taken = {name: column.take(everything) for name, column in entity.fields.items()}
    rows = entity.take(everything)
    return [
        Context(items, entity, item, {n: v[i] for n, v in taken.items() if v[i] is not ABSENT}, rng)
        for i, item in enumerate(rows)
    ]


def expression_parameters(
    part: AccessPattern | Action, names: Mapping[str, str], values: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """The expressions of a request with the names and values that they use."""
    texts = tuple((key, text) for key in EXPRESSIONS if (text := getattr(part, key, None)) is not None)
    written, wanted = _used(texts)
    bound = {n: context.value(n, values, anew=anew) for n, anew in wanted}
    out: dict[str, Any] = {API_NAMES[key]: text for key, text in texts}
    if written:
        out["ExpressionAttributeNames"] = {f"#{n}": names.get(n, n) for n in written}
    if bound:
        out["ExpressionAttributeValues"] = {f":{n}": to_wire(value) for n, value in bound.items()}
    return out


@lru_cache(maxsize=4096)
def _used(texts: tuple[tuple[str, str], ...]) -> tuple[tuple[str, ...], tuple[tuple[str, bool], ...]]:
    """The `#names` in some expressions, and the `:values`, each with whether it stands in an update alone."""
    nodes = {key: EXPRESSIONS[key](text) for key, text in texts}
    written = dict.fromkeys(n for node in nodes.values() for n in syntax.names(node))
    elsewhere = {n for key, node in nodes.items() if key != "update" for n in syntax.values(node)}
    wanted = dict.fromkeys(n for node in nodes.values() for n in syntax.values(node))
    return tuple(written), tuple((n, n not in elsewhere) for n in wanted)
