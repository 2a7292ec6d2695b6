"""The placing of a plan without Graphviz, and of batches too broad for one column: they become a grid."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from daga_nb.core.plan import Plan
from daga_nb.render.lanes import Lanes
from daga_nb.render.layout import (
    GAP_ACROSS,
    GAP_LINES,
    ROOT,
    ROOT_SIZE,
    Direction,
    Layout,
    Point,
    Sizes,
    assemble,
    bow,
    edges_of,
)

__all__ = ["plain_layout", "stack", "wraps"]


def plain_layout(plan: Plan, direction: Direction, beside: Sequence[float] = ()) -> Layout:
    """Place the nodes without Graphviz, in time linear in the plan (but for sorting each batch).

    Batches become columns (or rows). Within one, nodes stand in the order of the mean place of their
    neighbours, swept forward and back, which leaves out most needless crossings.
    """
    return stack(plan, Sizes(plan, direction, beside), _ordered(plan), "plain")


def wraps(plan: Plan, sizes: Sizes) -> bool:
    """Say whether a batch is so broad that it is shown in several columns (or rows) of its band."""
    return max(map(len, plan.batches)) > sizes.wrap[0]


def stack(plan: Plan, sizes: Sizes, columns: Iterable[Sequence[int]], engine: str) -> Layout:
    """Place the batches one after the other, the nodes of each in the given order."""
    return _Stack(plan, sizes, columns).layout(engine)


class _Stack:
    """Batches one after the other. No edge runs behind a box: it takes the lanes between them.

    A batch that is a grid has lanes between its boxes, for edges of its own and for those that pass it. An
    edge that passes many batches goes around them all.
    """

    def __init__(self, plan: Plan, sizes: Sizes, columns: Iterable[Sequence[int]]) -> None:
        self.plan, self.sizes = plan, sizes
        self.centres: dict[int, Point] = {ROOT: (ROOT_SIZE / 2, 0.0)}
        self.lanes: dict[int, tuple[float, float, float]] = {}
        self.along = ROOT_SIZE + sizes.gap
        spans, lanes = [], []
        for column in columns:
            start = self.along
            lines = _lines(column, sizes)
            lanes.append(self._line(column) if len(lines) == 1 else self._grid(lines))
            spans.append((start, self.along))
            self.along += sizes.gap
        self.way = Lanes(plan, sizes, spans, lanes)

    def _line(self, column: Sequence[int]) -> list[float]:
        deep = max(self.sizes.extent(node)[0] for node in column)
        broad = [self.sizes.extent(node)[1] for node in column]
        across = -(sum(broad) + GAP_ACROSS * (len(column) - 1)) / 2
        lanes = [across - GAP_ACROSS / 2]
        for node, size in zip(column, broad, strict=True):
            self.centres[node] = (self.along + deep / 2, across + size / 2)
            across += size + GAP_ACROSS
            lanes.append(across - GAP_ACROSS / 2)
        self.along += deep
        return lanes

    def _grid(self, lines: Sequence[Sequence[int]]) -> list[float]:
        deep, broad = self.sizes.extent(lines[0][0])
        pitch = broad + GAP_ACROSS
        first = -(pitch * (len(lines[0]) - 1)) / 2
        start = self.along
        end = start + len(lines) * (deep + GAP_LINES) - GAP_LINES
        for line in lines:
            for place, node in enumerate(line):
                across = first + place * pitch
                self.centres[node] = (self.along + deep / 2, across)
                self.lanes[node] = (start, end, across - pitch / 2)
            self.along += deep + GAP_LINES
        self.along = end
        return [first + (place - 0.5) * pitch for place in range(len(lines[0]) + 1)]

    def _curve(self, tail: int, head: int) -> list[Point]:
        (out, from_), (into, to) = self.centres[tail], self.centres[head]
        out += self.sizes.extent(tail)[0] / 2
        into -= self.sizes.extent(head)[0] / 2
        points = [(out, from_)]
        _, end, lane = self.lanes.get(tail, (out, out, from_))
        # In the last line both are the same, but for a rounding error.
        if end - out > GAP_LINES:
            points += bow(points[-1], (out + GAP_LINES - 3, lane), GAP_LINES)
            points += bow(points[-1], (end, lane), math.inf)
        points += self.way.past(points[-1], tail, head, self.centres[head])
        start, _, lane = self.lanes.get(head, (into, into, to))
        if into - start > GAP_LINES:
            points += bow(points[-1], (start, lane), self.sizes.gap * 1.5)
            points += bow(points[-1], (into - GAP_LINES + 3, lane), math.inf)
        return points + bow(points[-1], (into, to), self.sizes.gap * 1.5)

    def layout(self, engine: str) -> Layout:
        curves = [(tail, head, self._curve(tail, head)) for tail, head in edges_of(self.plan)]
        return assemble(self.plan, self.sizes, self.centres, curves, engine)


def _lines(column: Sequence[int], sizes: Sizes) -> list[Sequence[int]]:
    """Part a column that is too long into several, so that neighbours stay near each other."""
    most, fill = sizes.wrap
    if len(column) <= most:
        return [column]
    # What is filled line by line keeps its place across; a very broad batch becomes about a square.
    lines = math.ceil(len(column) / max(1.1 * math.sqrt(len(column)), fill))
    return [column[start::lines] for start in range(lines)]


def _ordered(plan: Plan) -> list[list[int]]:
    columns = [list(batch) for batch in plan.batches]
    place = [0.0] * len(plan)

    def spread(column: list[int]) -> None:
        for rank, node in enumerate(column):
            place[node] = (rank + 0.5) / len(column)

    for column in columns:
        spread(column)
    sweeps = ((columns, plan.predecessors), (columns[::-1], plan.successors))
    for order, neighbours in sweeps * 3:
        for column in order:
            mean = {}
            for node in column:
                near = neighbours[node]
                mean[node] = sum(place[other] for other in near) / len(near) if near else place[node]
            column.sort(key=mean.__getitem__)
            spread(column)
    return columns
