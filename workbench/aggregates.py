"""Aggregates: the bytes of all items of one request, which batches and transactions limit beside their number.

A transaction of more than 4 MB is refused, whatever it reads or writes; a BatchGetItem of more than 16 MB returns what
fits, and the other keys as unprocessed. A BatchWriteItem cannot come to its 16 MB: 25 items of 400 KB are less than 10.
What an entity's `size` states is certain, and too much of it is an error of the design; what its items come to
otherwise is drawn, and the review judges it. (AWS: API_TransactWriteItems, API_TransactGetItems, API_BatchGetItem.)
"""

from collections.abc import Iterable

from workbench import limits
from workbench.design import AccessPattern, Action, Design, Entity
from workbench.references import Found, Place

TRANSACTIONS = ("TransactGetItems", "TransactWriteItems")
MOST_BYTES = {**dict.fromkeys(TRANSACTIONS, limits.TRANSACTION_BYTES), "BatchGetItem": limits.BATCH_GET_BYTES}


def aggregate_problems(design: Design, place: Place, pattern: AccessPattern) -> Found:
    """A transaction whose items, by the sizes that the design states, are more than one request may hold."""
    most, parts = limits.TRANSACTION_BYTES, _parts(design, pattern)
    least = sum(count * size for count, size in parts)
    if pattern.operation in TRANSACTIONS and least > most:
        items = " and ".join(f"{count:,.0f} of {size / limits.KB:,.4g} KB" for count, size in parts if size)
        fix = f": at most {most // parts[0][1]:,.0f} of them" if len(parts) == 1 else ", or smaller ones"
        yield (
            (*place, "actions" if pattern.actions else "count"),
            f"{items} are {least:,.0f} bytes, and the items of a {pattern.operation} have at most {most:,} (4 MB, "
            f"API_{pattern.operation}): put fewer into a call{fix}",
        )


def _parts(design: Design, pattern: AccessPattern) -> list[tuple[float, float]]:
    """How many items each part of a request surely asks for at some time, and the bytes that each has at least."""
    if pattern.actions:
        return [(_count(action), _least([design.entities[design.action_entity(action)]])) for action in pattern.actions]
    return [(_count(pattern), _least(design.addressed(pattern)))]


def _count(part: AccessPattern | Action) -> float:
    return part.count.bound if part.count else 1


def _least(entities: Iterable[Entity]) -> float:
    """The bytes that an item of any of these entities has at least, as far as `size` says so."""
    return min((entity.size.minimum if entity.size else 0 for entity in entities), default=0)
