"""Bindings: what each `:x` of an access pattern stands for, as a column over the items that it may ask for.

A request's values come from one item: `:PK` is its key, a template is written with its fields, a constant is the same
in all. What an update writes is drawn anew unless the design states it, from the domain of the attribute.
`placeholders` binds the values of single requests; here those of all items are bound at once, so that sums are exact.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.columns import Column, as_text, constant, joined
from workbench.design import key_template
from workbench.domains import value_domain
from workbench.entities import EntityItems
from workbench.items import Items
from workbench.keys import KeyTemplate


def bound(
    items: Items, entity: EntityItems, name: str, values: Mapping[str, Any], override: Mapping[str, Any]
) -> Column | None:
    """What `:name` stands for in a request for each item of an entity; None if that is drawn each time.

    `override` fixes fields, as `for_each` does.
    """
    if name in values:
        domain = value_domain(values[name])
        if domain.template is None:
            return None if domain.value is None else constant(domain.value, len(entity))
        return written(entity, domain.template, override)
    if name in override:
        return constant(override[name], len(entity))
    domain = items.design.domains_of(entity.name).get(name)
    template = key_template(domain, name) if domain else None
    if template and set(template.fields) & override.keys():
        return written(entity, template, override)
    found = entity.value_column(name)
    return constant(items.now, len(entity)) if found is None and name == "now" else found


def written(entity: EntityItems, template: KeyTemplate, override: Mapping[str, Any]) -> Column | None:
    """A template's text for each item, with some fields fixed; None if the items lack one of its fields."""
    columns = {f: constant(override[f], len(entity)) if f in override else _field(entity, f) for f in template.fields}
    if any(column is None for column in columns.values()):
        return None
    if template.lone_field:
        return columns[template.lone_field]
    if not template.fields:
        return constant("".join(map(str, template.parts)), len(entity))
    parts = [p if isinstance(p, str) else as_text(columns[p.field], p.spec) for p in template.parts]  # type: ignore
    return joined(parts, len(entity))


def _field(entity: EntityItems, name: str) -> Column | None:
    found = entity.fields.get(name)
    return entity.columns.get(name) if found is None else found


def drawn_anew(
    items: Items, entity: EntityItems, name: str, values: Mapping[str, Any], rng: np.random.Generator
) -> Column:
    """A new value of `:name` for each item: from its domain in `values`, else from that of the attribute or field."""
    if name not in values:
        return items.source.fresh_column(entity, name, len(entity), rng)

    def of_the_item(field: str) -> Column:
        found = _field(entity, field)
        return items.source.fresh_column(entity, field, len(entity), rng) if found is None else found

    return items.source.drawn_column(entity.name, value_domain(values[name]), len(entity), rng, of_the_item)
