"""Back-pressure: how a table's writes reach its global indexes, and what an index that cannot follow does to them.

An index is written with what its table admitted, no more and no less, whoever asked for it and how often: each table
unit becomes so many units of the index. What the index cannot write at once waits in its backlog; once that is full,
the table admits as many writes as the index works off, and rejects the others in the index's name.
(AWS: GSI.ThroughputConsiderations, throttling "IndexWrite...".)
"""

from collections.abc import Mapping, Sequence

from workbench.flows import Flow

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
        ceiling = min((flow.ceiling(row) for flow in self.indexes), default=1.0)
        for flow in self.tables:
            flow.ask("write", row, ceiling)
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
            if wanted > 0 and (share := flow.room_left() / wanted) < gate:
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
            flow.absorb(row, written, away)


def _factors(index: Flow, each: Mapping[int, float]) -> dict[int, float]:
    """Units of each of an index's streams for a unit of its table, from the table's units of a request by pattern."""
    streams = {i: index.streams[i] for i in index.rows["write"]}
    return {i: s.total_units / each[s.pattern] if each.get(s.pattern) else 0.0 for i, s in streams.items()}
