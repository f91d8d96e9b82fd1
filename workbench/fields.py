"""The values of fields, drawn from their domains.

A field is drawn in one of two ways. An **identity field** has a stated number of distinct values, in order, some for
each value of its parent: 200 projects, 40 to 400 tasks each. Any other field is drawn once for every item. Each field
has its own random stream, keyed by seed and name, so that adding one field to a design changes no other.

Texts, names and addresses come from pools; identifiers that rise with time (ulid, uuid7, ksuid) rise here too.
"""

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from workbench.columns import Column, Ints, Numbers, Ordinals, Pooled, as_text, constant, joined
from workbench.distributions import Amount
from workbench.domains import Domain
from workbench.references import MOST_VALUES
from workbench.text_columns import TEXT_STARTS, Ids, Texts, Times, to_instants, to_ticks
from workbench.typewords import ID_TYPES, TIME_TYPES, TypeWord

POOL_SIZE = 1000
DEFAULT_SPAN_DAYS = 30
_MS = 1000


def stream(seed: int, *names: str) -> np.random.Generator:
    """The random stream of a name under a seed, the same whatever else is drawn."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


@dataclass(frozen=True)
class FieldValues:
    """All values of an identity field: parents[i] and ranks[i] say whose child value i is, and which.

    `starts` and `counts` give for each of the parent's values where its children stand.
    """

    column: Column
    parents: Ints
    ranks: Ints
    starts: Ints
    counts: Ints

    def __len__(self) -> int:
        return len(self.ranks)

    @property
    def siblings(self) -> Ints:
        """For each value, how many its parent has."""
        return self.counts[self.parents]


def field_values(domain: Domain, parents: int, seed: int, name: str, now: int) -> FieldValues:
    """The distinct values of an identity field, for each of `parents` parents (1 where it has none)."""
    rng = stream(seed, "field", name)
    counts = _counts(domain, parents, rng, name)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    owners = np.repeat(np.arange(parents), counts)
    ranks = np.arange(int(counts.sum())) - starts[owners]
    column = distinct(domain, ranks, counts[owners], rng, seed, name, now)
    return FieldValues(column, owners, ranks, starts, counts)


def _counts(domain: Domain, parents: int, rng: np.random.Generator, name: str) -> Ints:
    most = domain.cardinality
    if not isinstance(domain.count, Amount):
        counts = np.full(parents, int(most), dtype=np.int64)
    else:
        counts = np.minimum(domain.count.draw(rng, parents), int(min(most, 2**53)))
    if domain.per is None:
        counts = np.maximum(counts, 1)
    if (total := int(counts.sum(dtype=np.float64))) > MOST_VALUES:
        raise ValueError(f"field {name} has {total:,} values; at most {MOST_VALUES:,} are generated: lower its count")
    if not total:
        raise ValueError(f"field {name} has no values: none of {parents:,} draws of {domain.count} gave one; raise it")
    return counts


def distinct(
    domain: Domain, ranks: Ints, siblings: Ints, rng: np.random.Generator, seed: int, name: str, now: int
) -> Column:
    """Values that are distinct among siblings: value `rank` of `siblings`, rising where the type rises."""
    if domain.choice is not None:
        return Pooled(None, list(domain.choice), ranks)
    if domain.value is not None:
        return constant(domain.value, len(ranks))
    if domain.format and domain.type is None:
        return _formatted_ordinals(domain.format, ranks + 1)
    column = _distinct_type(domain.type, ranks, siblings, rng, seed, now)
    return _formatted(column, domain.format)


def _distinct_type(
    kind: TypeWord | None, ranks: Ints, siblings: Ints, rng: np.random.Generator, seed: int, now: int
) -> Column:
    if kind is None:
        return Ordinals(None, ranks + 1, width=len(str(int(siblings.max(initial=1)))))
    if kind.word == "integer":
        return Numbers(None, ranks + 1)
    if kind.word == "shard":
        return Numbers(None, ranks)
    if kind.word == "number" and kind.amount:
        step = 10**kind.amount.digits
        low, high = round(kind.amount.low * step), round(kind.amount.high * step)
        return Numbers(None, _stratified(ranks, siblings, low, high + 1, rng), kind.amount.digits)
    if kind.word in TIME_TYPES and kind.span:
        low, high = to_ticks(np.array([now + kind.span.earliest, now + kind.span.latest]) * _MS, kind.word)
        return Times(None, to_instants(_stratified(ranks, siblings, low, high + 1, rng), kind.word), kind.word)
    if kind.word in ID_TYPES:
        span = DEFAULT_SPAN_DAYS * 86_400 * _MS
        return ids_at(kind.word, _stratified(ranks, siblings, now * _MS - span, now * _MS, rng), rng)
    if kind.word == "boolean":
        return Pooled(None, [False, True], ranks)
    if kind.word in ("text", "binary") and kind.amount:
        texts = Ordinals(None, ranks + 1, width=round(kind.amount.mean))
        return texts if kind.word == "text" else _as_bytes(texts)
    return _numbered_pool(kind.word, ranks, seed)


def _as_bytes(texts: Column) -> Column:
    known, picks = np.unique(texts.codes, return_inverse=True)
    first = np.searchsorted(np.sort(texts.codes), known)
    pool = texts.take(np.argsort(texts.codes, kind="stable")[first])
    return Pooled(None, [text.encode() for text in pool], picks.reshape(len(texts)))


def _stratified(ranks: Ints, siblings: Ints, low: int, high: int, rng: np.random.Generator) -> Ints:
    """Rising distinct whole numbers in [low, high): sibling r of n is drawn from the r-th of n equal parts."""
    width = high - low
    first, after = ranks * width // siblings, (ranks + 1) * width // siblings
    return low + first + np.floor(rng.random(len(ranks)) * np.maximum(after - first, 1)).astype(np.int64)


def ids_at(word: str, instants: Ints, rng: np.random.Generator) -> Ids:
    """Identifiers made at `instants` (milliseconds); all but uuid rise with them."""
    high = rng.integers(0, 2**64, len(instants), dtype=np.uint64)
    low = rng.integers(0, 2**64, len(instants), dtype=np.uint64)
    return Ids(None, *_ID_LAYOUT[word](high, low, instants.astype(np.uint64)), word)


def _version(high: Any, low: Any, number: int) -> tuple[Any, Any]:
    marked = (high & np.uint64(0xFFFFFFFFFFFF0FFF)) | np.uint64(number << 12)
    return marked, (low & np.uint64(0x3FFFFFFFFFFFFFFF)) | np.uint64(1 << 63)


_KSUID_EPOCH = 1_400_000_000
_ID_LAYOUT: dict[str, Callable[[Any, Any, Any], tuple[Any, Any]]] = {
    "uuid": lambda high, low, ms: _version(high, low, 4),
    "uuid7": lambda high, low, ms: _version((ms << np.uint64(16)) | (high & np.uint64(0xFFFF)), low, 7),
    "ulid": lambda high, low, ms: ((ms << np.uint64(16)) | (high & np.uint64(0xFFFF)), low),
    "ksuid": lambda high, low, ms: (
        ((ms // np.uint64(_MS) - np.uint64(_KSUID_EPOCH)) << np.uint64(32)) | (high & np.uint64(0xFFFFFFFF)),
        low,
    ),
}


@lru_cache(maxsize=64)
def _pool(word: str, seed: int) -> list[str]:
    """A thousand distinct names, addresses or words, in a fixed order."""
    from faker import Faker

    fake = Faker(use_weighting=False)
    fake.seed_instance(seed)
    make = {"ip": fake.ipv4, "phone": fake.phone_number, "sentence": fake.sentence}.get(word) or getattr(fake, word)
    found = dict.fromkeys(make() for _ in range(POOL_SIZE * 3))
    return list(found)[:POOL_SIZE]


def _numbered_pool(word: str, ranks: Ints, seed: int) -> Column:
    """Distinct values from a pool: after its end they get a number."""
    pool = _pool(word, seed)
    rounds, places = np.divmod(ranks, len(pool))
    most = int(rounds.max(initial=0))
    if not most:
        return Pooled(None, pool, places)
    numbered = [_numbered(word, value, again) for again in range(most + 1) for value in pool]
    return Pooled(None, numbered, ranks)


def _numbered(word: str, value: str, again: int) -> str:
    if not again:
        return value
    return re.sub("@", f"{again}@", value) if word == "email" else f"{value}{'' if word == 'url' else ' '}{again}"


def drawn(domain: Domain, count: int, rng: np.random.Generator, seed: int, now: int) -> Column:
    """One value for each of `count` items, independently; for domains that name no other field."""
    if domain.choice is not None:
        return Pooled(None, list(domain.choice), pick_choice(domain, count, rng))
    if domain.value is not None:
        return constant(domain.value, count)
    if domain.type is None:
        return constant("", count)
    return _formatted(_drawn_type(domain.type, count, rng, seed, now), domain.format)


def pick_choice(domain: Domain, count: int, rng: np.random.Generator) -> Ints:
    """Which of a choice's values each item has, by their shares."""
    assert domain.choice is not None
    shares = [share for share in domain.choice.values() if share is not None] or [1.0] * len(domain.choice)
    return pick(np.array(shares), count, rng)


def pick(weights: Any, count: int, rng: np.random.Generator) -> Ints:
    """`count` places, each with a probability in proportion to its weight."""
    edges = np.cumsum(weights, dtype=float)
    total, edges[-1] = edges[-1], np.inf
    shares = rng.random(count)
    if count < len(edges):
        return np.searchsorted(edges, shares * total, side="right")
    # The same places without a search for each: from the first place of a slice of all shares it is a step or two.
    slices = 1 << (2 * len(edges)).bit_length()  # a power of two, so that no rounding leads past the place
    first = np.searchsorted(edges, np.arange(slices) / slices * total, side="right")
    places, wanted = first[(shares * slices).astype(np.int64)], shares * total
    short = np.flatnonzero(edges[places] <= wanted)
    while len(short):
        places[short] += 1
        short = short[edges[places[short]] <= wanted[short]]
    return places


def _drawn_type(kind: TypeWord, count: int, rng: np.random.Generator, seed: int, now: int) -> Column:
    if kind.word == "number" and kind.amount:
        return Numbers(None, kind.amount.draw(rng, count), kind.amount.digits)
    if kind.word == "integer":
        return Numbers(None, rng.integers(0, 1_000_000, count))
    if kind.word in TIME_TYPES and kind.span:
        low, high = (now + kind.span.earliest) * _MS, (now + kind.span.latest) * _MS
        step = 1 if kind.word.endswith("_ms") else _MS
        return Times(None, rng.integers(low // step, high // step, count, endpoint=True) * step, kind.word)
    if kind.word in ID_TYPES:
        span = DEFAULT_SPAN_DAYS * 86_400 * _MS
        return ids_at(kind.word, rng.integers(now * _MS - span, now * _MS, count), rng)
    if kind.word in ("text", "binary") and kind.amount:
        lengths = kind.amount.draw(rng, count)
        return Texts(None, lengths, rng.integers(0, TEXT_STARTS, count), kind.word == "binary")
    if kind.word == "boolean":
        return Pooled(None, [False, True], rng.integers(0, 2, count))
    if kind.word == "shard":
        return Numbers(None, rng.integers(0, kind.shards, count))
    pool = _pool(kind.word, seed)
    return Pooled(None, pool, rng.integers(0, len(pool), count))


def calculated_shard(column: Column, shards: int) -> Column:
    """A suffix that follows from another value: CRC-32 of its text, modulo the number of shards."""
    text = as_text(column)
    _, first, inverse = np.unique(text.codes, return_index=True, return_inverse=True)
    suffixes = np.array([zlib.crc32(str(value).encode()) % shards for value in text.take(first)], dtype=np.int64)
    return Numbers(column.present, suffixes[inverse.reshape(len(column))])


def _formatted(column: Column, text: str | None) -> Column:
    if text is None:
        return column
    before, spec, after = _format_parts(text)
    return joined([before, as_text(column, spec), after], len(column))


def _formatted_ordinals(text: str, numbers: Ints) -> Column:
    before, spec, after = _format_parts(text)
    if re.fullmatch(r"(0[0-9]+)?d?", spec):
        return Ordinals(None, numbers, before, int(spec.rstrip("d") or 1), after)
    return _formatted(Numbers(None, numbers), text)


def _format_parts(text: str) -> Sequence[str]:
    found = re.fullmatch(r"([^{}]*)\{:?([^{}]*)\}([^{}]*)", text)
    assert found, text
    return found.groups()
