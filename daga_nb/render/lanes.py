"""How an edge passes the batches between its ends: by the lanes between their boxes, never behind one."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise

from daga_nb.core.plan import Plan
from daga_nb.render.layout import GAP_ACROSS, ROOT, Point, Sizes, bow

__all__ = ["Lanes"]

MANY = 12  # an edge that passes more batches than this goes around them
ASIDE = 6.0  # between edges in one lane
CROWDED = 30.0  # how far an edge goes out of its way for each that is in a lane already


class Lanes:
    """Where each batch can be passed.

    Parameters
    ----------
    spans
        From where to where each batch goes, along.
    lanes
        For each batch the places across, in order, where no box is: the first and the last are outside.
    """

    def __init__(
        self,
        plan: Plan,
        sizes: Sizes,
        spans: Sequence[tuple[float, float]],
        lanes: Sequence[Sequence[float]],
    ) -> None:
        self._plan = plan
        self._gap = sizes.gap
        self._spans = spans
        self._lanes = lanes
        self._taken: dict[tuple[int, int], int] = {}
        self._outside = max((some[-1] for some in lanes), default=0.0) + GAP_ACROSS

    @classmethod
    def between(cls, plan: Plan, sizes: Sizes, centres: Mapping[int, Point]) -> Lanes:
        """Find the lanes between boxes that stand in one line for each batch."""
        spans, lanes = [], []
        for batch in plan.batches:
            ends = sorted(
                (centres[node][1] - sizes.extent(node)[1] / 2, centres[node][1] + sizes.extent(node)[1] / 2)
                for node in batch
            )
            deep = max(sizes.extent(node)[0] for node in batch) / 2
            middle = centres[batch[0]][0]
            spans.append((middle - deep, middle + deep))
            inner = [(one[1] + other[0]) / 2 for one, other in pairwise(ends)]
            lanes.append([ends[0][0] - GAP_ACROSS / 2, *inner, ends[-1][1] + GAP_ACROSS / 2])
        return cls(plan, sizes, spans, lanes)

    def past(self, here: Point, tail: int, head: int, goal: Point) -> list[Point]:
        """Give the points that continue a curve from `here` past the batches between `tail` and `head`."""
        batch_of = self._plan.batch_of
        first, last = (0 if tail == ROOT else batch_of[tail] + 1), batch_of[head]
        legs: list[tuple[float, float, float]] = []
        if last - first > MANY:
            legs.append((self._spans[first][0], self._spans[last - 1][1], self._outside))
            self._outside += ASIDE
        else:
            for batch in range(first, last):
                seen = legs[-1][1:] if legs else here
                legs.append((*self._spans[batch], self._choose(batch, seen, goal)))
        points = [here]
        for start, end, lane in legs:
            points += bow(points[-1], (start, lane), self._gap * 1.5)
            points += bow(points[-1], (end, lane), math.inf)
        return points[1:]

    def _choose(self, batch: int, here: Point, goal: Point) -> float:
        """Choose where to pass a batch: near the straight way, and where few others pass."""
        start = self._spans[batch][0]
        wish = here[1] + (goal[1] - here[1]) * (start - here[0]) / max(goal[0] - here[0], 1.0)
        lanes, taken = self._lanes[batch], self._taken
        near = bisect_left(lanes, wish)
        some = range(max(0, near - 3), min(len(lanes), near + 3))
        place = min(some, key=lambda one: abs(lanes[one] - wish) + CROWDED * taken.get((batch, one), 0))
        count = taken.get((batch, place), 0)
        taken[batch, place] = count + 1
        if place in (0, len(lanes) - 1):  # outside there is room
            return lanes[place] + (ASIDE * count if place else -ASIDE * count)
        return lanes[place] + (0.0, ASIDE, -ASIDE)[count % 3]
