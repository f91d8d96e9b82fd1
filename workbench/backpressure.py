"""Back-pressure: how a table's writes reach its global indexes, and what an index that cannot follow does to them.

An index is written with what its table admitted, no more and no less, whoever asked for it and how often: each table
unit becomes so many units of the index. What the index cannot write at once waits in its backlog; once that is full,
the table admits as many writes as the index works off, and rejects the others in the index's name.
(AWS: GSI.ThroughputConsiderations, throttling "IndexWrite...".)
"""

from collections.abc import Mapping, Sequence

import numpy as np

from workbench.columns import Floats
from workbench.flows import KEY_RANGE, Flow

Because = tuple[str | None, str]  # the index, and why it is behind


class BackPressure:
    """The writes of a table in a second, together with those of its global indexes."""

    def __init__(self, flows: Sequence[Flow]):
        self.tables = [flow for flow in flows if not flow.is_index]
        self.indexes = [flow for flow in flows if flow.is_index and flow.rows["write"]]
        each: dict[int, float] = {}  # table units of a request of a pattern
        for stream in (flow.streams[i] for flow in self.tables for i in flow.rows["write"]):
            each[stream.pattern] = each.get(stream.pattern, 0.0) + stream.total_units
        self.factors = [_factors(flow, each) for flow in self.indexes]

    def serve(self, row: int) -> None:
        """Serve a second of writes of the block: what is asked, what the indexes let through, and their part of it."""
        most = min((ceiling(flow, row) for flow in self.indexes), default=1.0)
        for flow in self.tables:
            flow.ask("write", row, most)
        gate, because = self._gate(row)
        for flow in self.tables:
            flow.serve("write", row, gate, because)
        if self.indexes:
            self._absorb(row)

    def _gate(self, row: int) -> tuple[float, Because]:
        """The share of writes that the fullest index lets through, and its name and reason."""
        gate, because = 1.0, (None, "")
        if not self.indexes:
            return gate, because
        asked: dict[int, float] = {}
        for flow in self.tables:
            for i in flow.rows["write"]:
                pattern = flow.streams[i].pattern
                asked[pattern] = asked.get(pattern, 0.0) + float(flow.offered[i][row].sum()) * flow.thin
        for flow, factors in zip(self.indexes, self.factors, strict=True):
            wanted = sum(asked.get(flow.streams[i].pattern, 0.0) * factor for i, factor in factors.items())
            if wanted > 0 and (share := room_left(flow) / wanted) < gate:
                gate, because = share, (flow.ring.index, flow.refused_by)
        return gate, because

    def _absorb(self, row: int) -> None:
        """Give the indexes the writes that the table admitted, and tell them of those rejected for their sake."""
        admitted: dict[int, float] = {}
        lost: dict[tuple[int, str | None], float] = {}
        for flow in self.tables:
            for i in flow.rows["write"]:
                pattern = flow.streams[i].pattern
                left = float(flow.asked[i, row])
                for (index, _), units in flow.lost[i].items():
                    here = float(units[row])
                    lost[pattern, index] = lost.get((pattern, index), 0.0) + here
                    left -= here
                admitted[pattern] = admitted.get(pattern, 0.0) + max(left, 0.0)
        for flow, factors in zip(self.indexes, self.factors, strict=True):
            patterns = {i: flow.streams[i].pattern for i in factors}
            written = {i: admitted.get(patterns[i], 0.0) * factor for i, factor in factors.items()}
            away = {i: lost.get((patterns[i], flow.ring.index), 0.0) * factor for i, factor in factors.items()}
            absorb(flow, row, written, away)


def _factors(index: Flow, each: Mapping[int, float]) -> dict[int, float]:
    """Units of each of an index's streams for a unit of its table, from the table's units of a request by pattern."""
    streams = {i: index.streams[i] for i in index.rows["write"]}
    return {i: s.total_units / each[s.pattern] if each.get(s.pattern) else 0.0 for i, s in streams.items()}


# An index


def room_left(flow: Flow) -> float:
    """Units that the backlog has room for in a second, with what is worked off."""
    return max(flow.profile.index_backlog_units - float(flow.backlog.sum()), 0.0) + flow.drained


def ceiling(flow: Flow, row: int) -> float:
    """The share of the patterns' own rates that there is room for in a second."""
    wanted = sum(float(flow.means[i][row] @ flow.sizes[i]) for i in flow.rows["write"])
    return min(1.0, room_left(flow) / wanted) if wanted > 0 else 1.0


def absorb(flow: Flow, row: int, admitted: Mapping[int, float], away: Mapping[int, float]) -> None:
    """Write what the table admitted, in this index's units by stream, and what waits; the rest waits on.

    `away` are the units that the table rejected for this index's sake.
    """
    rows = flow.rows["write"]
    bucket = flow.buckets["write"]
    bucket.refill()
    table, why = bucket.available()
    wanted = flow.backlog.copy()
    for i in rows:
        spread = _spread(flow, i, row)
        flow.offered[i][row] = spread * admitted[i]
        wanted += flow.offered[i][row]
        flow.asked[i, row] = admitted[i]
        if away[i] > 0:
            flow.lose(i, row, (flow.ring.index, flow.refused_by), away[i])
            flow.throttled["write"] += spread * away[i]
    total, weight = float(wanted.sum()), flow.placement.weights[rows[0]]
    thin = min(1.0, table / total) if total > 0 else 1.0
    served = np.minimum(wanted * (thin * weight), flow.limit)
    np.maximum(flow.use[row], served, out=flow.use[row])
    written = served / weight
    flow.backlog = np.maximum(wanted - written, 0.0)
    flow.drained = float(written.sum())
    flow.refused_by = why if thin < 1 else KEY_RANGE
    flow.consumed["write"] += written
    flow.served["write"][row] = flow.drained
    bucket.spend(flow.drained)


def _spread(flow: Flow, stream: int, row: int) -> Floats:
    """Which share of a stream's units goes to each column in a second: as drawn, else as is to be expected."""
    found = flow.offered[stream][row]
    if not found.any():
        found = flow.units[stream].copy()
        for which, begins, ends, column, _, requests in flow.moved:
            if which == stream and begins <= row < ends:
                found[column] += requests * flow.sizes[stream, column]
    return found / max(float(found.sum()), 1e-300)
