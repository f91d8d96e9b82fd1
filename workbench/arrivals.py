"""Arrivals: the partition keys under which new items come, before there are any.

A put of a new task goes to a project that exists, as often as projects are written to; a put of an event keyed by its
own id goes to a key that nobody has seen, and since keys are hashed such writes spread evenly. Two things make new
items unlike those that are stored, and both make hot keys: a key that holds the time, so that all of today's items go
to today's key, and an attribute that every new item has alike, as status OPEN. (AWS: bp-partition-key-uniform-load.)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from workbench.columns import Floats, Ints
from workbench.distributions import Popularity
from workbench.domains import Domain
from workbench.entities import EntityItems
from workbench.fields import stream
from workbench.identity import parents
from workbench.ring import UNMET, PartitionKeys, is_in

DRAWN = 5_000  # new items that are drawn where existing ones cannot stand for them


@dataclass(frozen=True)
class Asked:
    """The items that requests are for, the key that each is under (-1: any of them, evenly), and its share."""

    entity: EntityItems
    keys: Ints
    shares: Floats


def new_items(keys: PartitionKeys, existing: EntityItems, popularity: Mapping[str, Popularity] | None = None) -> Asked:
    """Items as an access pattern creates them: existing ones where these have the same keys, else a sample.

    `popularity` is the pattern's own, by field. It decides among the stored values of the fields that it names, and
    changes nothing else: not which value is new, what the time is, or what new items have alike.
    """
    stated, made_of = popularity or {}, _made_of_stored(keys, existing)
    asked = _like_stored(keys, existing, made_of, stated) if made_of is not None else None
    return asked or _sample(keys, existing, stated)


def behind(keys: PartitionKeys, existing: EntityItems) -> Mapping[str, Domain | None]:
    """The attributes and fields that the partition key is made of, or that decide whether there is one."""
    design, own = keys.items.design, keys.items.design.domains_of(existing.name)
    todo, found = {*keys.attributes, *_sparse(keys, existing)}, dict[str, Domain | None]()
    while todo:
        name = todo.pop()
        domain = own[name] if name in own and not own[name].is_field else design.fields.get(name)
        found[name] = domain
        if domain is not None:
            conditions = domain.present if isinstance(domain.present, dict) else ()
            todo |= {*domain.references(), *([domain.of] if domain.of else ()), *conditions} - found.keys()
    return found


def _made_of_stored(keys: PartitionKeys, existing: EntityItems) -> set[str] | None:
    """The fields and attributes behind the partition key, if new items draw them as the existing ones did; else None.

    They do not where a key holds the new item's own identity, a time that is now, or a value stated by `new`.
    """
    made_of, fresh = behind(keys, existing), _anchors(keys, existing)[1]
    if not (keys.of[existing.name] != UNMET).any() or any(name in fresh for name in made_of):
        return None
    return None if any(domain is None or _is_otherwise(domain) for domain in made_of.values()) else set(made_of)


def _is_otherwise(domain: Domain) -> bool:
    """Whether new items have another value than stored ones: one that is stated, or a time that is now."""
    span = domain.type.span if domain.type else None
    return domain.new is not None or bool(span and (span.ends_now or span.base))


def _sparse(keys: PartitionKeys, existing: EntityItems) -> Iterator[str]:
    """The key attributes that some items lack, and so are not in the index."""
    for name in keys.index.key_attributes if keys.index else ():
        if name not in existing.columns or existing.columns[name].present is not None:
            yield name


def _anchors(keys: PartitionKeys, existing: EntityItems) -> tuple[list[str], list[str]]:
    """The identity fields that a new item shares with stored ones, and the one that is its own, if any.

    A finite choice has no new value, nor has a key of two identity fields: a put meets one that exists.
    """
    source = keys.items.source
    leaves = source.leaves(keys.items.design.entities[existing.name])
    if len(leaves) == 1 and keys.items.design.fields[source.origin(leaves[0])].choice is None:
        parent = source.parent(leaves[0])
        return ([parent] if parent else []), leaves
    return leaves, []


def _like_stored(
    keys: PartitionKeys, existing: EntityItems, made_of: set[str], popularity: Mapping[str, Popularity]
) -> Asked | None:
    """Existing items in place of new ones, weighted by the write popularity of the fields that bear on the key.

    None where they cannot stand for new ones: another field's values are chosen anew, or the popular ones have no item.
    """
    source, design, weights = keys.items.source, keys.items.design, np.ones(len(existing))
    chosen = set[str]()
    for name in _anchors(keys, existing)[0]:
        line = {name, *parents(design, name)}
        if made_of & line:
            places = existing.places[name]
            shares = source.weights(name, popularity={**source.current, **popularity})
            weights *= shares[places] / np.bincount(places)[places]
            chosen |= line
    if made_of & popularity.keys() - chosen or not weights.any():
        return None
    return Asked(existing, keys.of[existing.name], weights / weights.sum())


def _sample(keys: PartitionKeys, existing: EntityItems, popularity: Mapping[str, Popularity]) -> Asked:
    """New items drawn for the purpose, each with an equal share.

    A key that two of them have (today's date, a status) is a key. Those that one alone has are new each time, and
    load all keys alike.
    """
    rng = stream(keys.items.seed, "load", existing.name)
    drawn = keys.items.source.new(existing.name, existing, DRAWN, rng, popularity=popularity)
    least = 2 if (keys.of[existing.name] != UNMET).any() else 1
    return Asked(drawn, keys.under(drawn, least=least), is_in(drawn, keys.index) / len(drawn))
