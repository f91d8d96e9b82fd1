"""Clients: what becomes of a request that is turned away.

An open-loop load keeps coming whatever happens, as from many independent users; its throttled requests are counted, and
with `Retries` come again after a backoff. A closed-loop load is a program with so many threads, each of which waits for
its answer, and tries again until it gets one: once all of them wait for the hottest partition, the others idle too.
(AWS: Programming.Errors, "Error retries and exponential backoff".)
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

import numpy as np

from workbench.columns import Floats
from workbench.quantities import is_whole


@dataclass(frozen=True)
class Retries:
    """Attempts of a request in all, with exponential backoff and full jitter: the k-th wait is up to base x 2^k.

    After the last attempt a request is given up.
    """

    attempts: int = 3
    base_s: float = 0.05
    most_s: float = 20.0

    def __post_init__(self) -> None:
        waits = 0 < self.base_s <= self.most_s and isfinite(self.most_s)
        if not is_whole(self.attempts, 1) or not waits:
            raise ValueError(
                f"{self}: at least 1 attempt, a whole number of attempts, and waits above 0 s, the longest (most_s) "
                "not below the first (base_s)"
            )

    def chances(self) -> Floats:
        """For each attempt but the first, the chance that a waiting request comes again within a second."""
        waits = np.minimum(self.base_s * 2.0 ** np.arange(self.attempts - 1), self.most_s) / 2
        return 1.0 / np.maximum(waits, 1.0)


@dataclass(frozen=True)
class ClosedLoop:
    """A program of so many threads, each waiting for its answer; together they reach the pattern's rate at most."""

    threads: int = 64

    def __post_init__(self) -> None:
        if not is_whole(self.threads, 1):
            raise ValueError(f"{self}: a closed loop has at least 1 thread, and a whole number of them")


class Waiting:
    """The requests of one stream that were turned away and will come again, in units, by column.

    A row for each attempt; of a closed loop one row, which is tried again every second.
    """

    def __init__(self, client: Retries | ClosedLoop, columns: int):
        self.client = client
        self.chances = client.chances() if isinstance(client, Retries) else np.ones(1)
        self.units = np.zeros((len(self.chances), columns))
        self.again = np.zeros_like(self.units)
        self.given_up = 0.0

    def coming(self) -> Floats:
        """Units that come again this second."""
        self.again = self.units * self.chances[:, None]
        return self.again.sum(axis=0)

    def turned_away(self, fresh: Floats, refused: Floats) -> None:
        """Take what was refused of fresh requests and of those that came again, attempt by attempt."""
        if isinstance(self.client, ClosedLoop):
            self.units = refused[None, :]
            return
        offered = fresh + self.again.sum(axis=0)
        share = np.divide(refused, offered, out=np.zeros_like(refused), where=offered > 0)
        self.units -= self.again
        tried = np.concatenate([fresh[None, :], self.again]) * share
        self.units += tried[:-1]
        self.given_up = float(tried[-1].sum())

    def moved(self, to_new: Callable[[Floats], Floats]) -> None:
        """Give the waiting units of old columns to new ones."""
        self.units = np.array([to_new(row) for row in self.units])
        self.again = np.zeros_like(self.units)


def closed_loop_units(most: float, threads: float, waiting: Floats, shares: Floats, room: Floats) -> float:
    """Units that the free threads of a closed loop ask for in a second, at most `most`.

    They ask until all of them wait: the sum of what partitions cannot serve, max(0, waiting + x share - room), is then
    the number of threads (in units).

    >>> closed_loop_units(5000, 10, np.zeros(2), np.array([0.6, 0.4]), np.array([600.0, 600.0]))
    1016.6666666666666
    """
    asked = most
    for _ in range(50):
        stuck = waiting + asked * shares - room
        over = stuck > 0
        slope = float(shares[over].sum())
        excess = float(stuck[over].sum()) - threads
        if excess <= 1e-9 or slope <= 0:
            break
        asked = max(asked - excess / slope, 0.0)
    return asked
