"""Where things stand in the picture of a plan, in pixels; x grows to the right, y downwards.

Inside, places are kept as (along, across): along the flow's direction, and across it. That way, left to
right and top to bottom are one piece of code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from daga_nb.core.plan import Plan
from daga_nb.render.text import elide, text_width

__all__ = [
    "ROOT",
    "Band",
    "Box",
    "Direction",
    "Edge",
    "Layout",
    "Point",
    "Sizes",
    "assemble",
    "bow",
    "edges_of",
    "swing",
]

Direction = Literal["LR", "TB"]
Point = tuple[float, float]

ROOT = -1
"""The node number of the input marker."""

BOX_HEIGHT = 52.0
MIN_WIDTH = 160.0
ROOT_SIZE = 24.0
NAME_SIZE = 15.0
NAME_AT = 34.0  # glyph and gap before the name
GAP_ALONG = 46.0
GAP_WIDER = 74.0  # more room between batches where many edges cross it
GAP_ACROSS = 22.0
GAP_LINES = 30.0  # between the columns of one batch
WRAP = {"LR": (32, 24), "TB": (24, 12)}  # a batch of more than the first is wrapped, to lines of the second
FRAME = {"LR": (1100.0, 480.0), "TB": (480.0, 1100.0)}  # what a graph is mostly seen in, along and across
LEGIBLE = 0.45  # the scale from which on names are read
WORTH = 1.25  # how much larger a graph must become to be wrapped for it
MARGIN = 14.0
PAD = 11.0  # between a band's border and its boxes
HEADER = {"LR": 34.0, "TB": 72.0}  # room for "batch 12"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: (x, y) is its top left corner."""

    x: float
    y: float
    width: float
    height: float


class Band(Box):
    """The strip behind the nodes of one batch."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge from node `tail` to node `head`, as the 1 + 3k control points of a cubic Bezier curve."""

    tail: int
    head: int
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of all parts of a plan's picture.

    Attributes
    ----------
    direction
        ``"LR"``, left to right, or ``"TB"``, top to bottom.
    width, height
        The size of the whole.
    boxes
        A box for each node, by number.
    edges
        The edges; those that come from the input marker have the tail -1.
    bands
        A band for each batch.
    root
        The input marker.
    engine
        What placed the nodes: ``"dot"``, ``"pygraphviz"``, or ``"plain"``.
    """

    direction: Direction
    width: float
    height: float
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    bands: tuple[Band, ...]
    root: Box
    engine: str

    def to_json(self) -> dict[str, Any]:
        """Give the layout as JSON values, rounded to a tenth of a pixel."""

        def of_box(box: Box) -> list[float]:
            return [round(value, 1) for value in (box.x, box.y, box.width, box.height)]

        return {
            "direction": self.direction,
            "width": round(self.width, 1),
            "height": round(self.height, 1),
            "boxes": [of_box(box) for box in self.boxes],
            "edges": [
                {
                    "tail": edge.tail,
                    "head": edge.head,
                    "points": [[round(x, 1), round(y, 1)] for x, y in edge.points],
                }
                for edge in self.edges
            ],
            "bands": [of_box(band) for band in self.bands],
            "root": of_box(self.root),
            "engine": self.engine,
        }


class Sizes:
    """How much room each node takes: its name decides; in a column or a grid, the widest one for all.

    `beside` is the room that each wants beside its name, in pixels; nothing if it is empty.
    """

    def __init__(self, plan: Plan, direction: Direction, beside: Sequence[float] = ()) -> None:
        self.direction = direction
        self.wrap = WRAP[direction]
        broadest = max(map(len, plan.batches), default=0)
        self.gap = GAP_ALONG + min(1.2 * broadest, GAP_WIDER)
        wished = [
            max(MIN_WIDTH, NAME_AT + text_width(elide(name), NAME_SIZE, bold=True) + 14.0) + more
            for name, more in zip(plan.names, beside or [0.0] * len(plan), strict=True)
        ]
        if direction == "LR":
            self._align(plan, wished, 0)
        if len(plan) and not _skips(plan):
            fill = self._fill(plan, broadest, max(wished))
            self.wrap = (fill, fill) if fill else self.wrap
        self._align(plan, wished, self.wrap[0])
        self.widths = [float(round(width)) for width in wished]

    def _align(self, plan: Plan, wished: list[float], most: int) -> None:
        for batch in plan.batches:
            if len(batch) > most:
                widest = max(wished[node] for node in batch)
                for node in batch:
                    wished[node] = widest

    def _fill(self, plan: Plan, broadest: int, widest: float) -> int | None:
        """Give how long the lines of a batch are best, so that names can be read; None to leave it."""
        box = (widest, BOX_HEIGHT) if self.direction == "LR" else (BOX_HEIGHT, widest)
        deep, broad = box[0] + GAP_LINES, box[1] + GAP_ACROSS
        room_along, room_across = FRAME[self.direction]

        def scale(fill: int) -> float:
            along = sum(deep * -(-len(batch) // fill) - GAP_LINES + self.gap for batch in plan.batches)
            return min(room_along / along, room_across / (broad * fill + HEADER[self.direction]))

        whole = scale(broadest)
        if whole >= LEGIBLE:
            return None
        best = max((-(-broadest // lines) for lines in range(1, 2 + math.isqrt(broadest))), key=scale)
        return best if scale(best) >= WORTH * whole else None

    def size(self, node: int) -> tuple[float, float]:
        """Give the width and height of a node, or of the input marker."""
        return (ROOT_SIZE, ROOT_SIZE) if node == ROOT else (self.widths[node], BOX_HEIGHT)

    def extent(self, node: int) -> tuple[float, float]:
        """Give the size of a node along and across the direction."""
        width, height = self.size(node)
        return (width, height) if self.direction == "LR" else (height, width)


def _skips(plan: Plan) -> bool:
    """Say whether an edge passes a batch: among the boxes of a wrapped one it would be hard to follow."""
    return any(plan.batch_of[head] - plan.batch_of[tail] > 1 for tail, head in edges_of(plan) if tail != ROOT)


def edges_of(plan: Plan) -> list[tuple[int, int]]:
    """Give every edge in plan order, those from the input marker first.

    >>> import networkx as nx
    >>> edges_of(Plan.compile(nx.DiGraph([("a", "b"), ("a", "c")]), str))
    [(-1, 0), (0, 1), (0, 2)]
    """
    starts = plan.batches[0] if plan.batches else ()
    inner = [(tail, head) for tail, heads in enumerate(plan.successors) for head in heads]
    return [(ROOT, head) for head in starts] + inner


def assemble(
    plan: Plan,
    sizes: Sizes,
    centres: Mapping[int, Point],
    curves: Sequence[tuple[int, int, Sequence[Point]]],
    engine: str,
) -> Layout:
    """Make a layout of centres and curves given as (along, across), with the origin anywhere."""
    direction = sizes.direction
    along_low, across_low, across_high = float("inf"), float("inf"), float("-inf")
    for node, (along, across) in centres.items():
        deep, broad = sizes.extent(node)
        along_low = min(along_low, along - deep / 2)
        across_low, across_high = min(across_low, across - broad / 2), max(across_high, across + broad / 2)
    for _, _, points in curves:
        for _, across in points:
            across_low, across_high = min(across_low, across), max(across_high, across)
    header = HEADER[direction]
    shift_along = MARGIN - along_low
    shift_across = MARGIN + header - across_low
    band_end = MARGIN + header + (across_high - across_low) + PAD

    def turn(along: float, across: float) -> Point:
        return (along, across) if direction == "LR" else (across, along)

    def place(node: int) -> Box:
        along, across = centres[node]
        x, y = turn(along + shift_along, across + shift_across)
        width, height = sizes.size(node)
        return Box(x - width / 2, y - height / 2, width, height)

    bands, end = [], MARGIN + ROOT_SIZE
    for batch in plan.batches:
        spans = [(centres[node][0] + shift_along, sizes.extent(node)[0] / 2) for node in batch]
        start = min(along - half for along, half in spans) - PAD
        end = max(along + half for along, half in spans) + PAD
        bands.append(Band(*turn(start, MARGIN), *turn(end - start, band_end - MARGIN)))
    width, height = turn(end + MARGIN, band_end + MARGIN)
    return Layout(
        direction=direction,
        width=width,
        height=height,
        boxes=tuple([place(node) for node in range(len(plan))]),
        edges=tuple(
            [
                Edge(tail, head, tuple([turn(a + shift_along, b + shift_across) for a, b in points]))
                for tail, head, points in curves
            ]
        ),
        bands=tuple(bands),
        root=place(ROOT),
        engine=engine,
    )


def swing(sizes: Sizes, centres: Mapping[int, Point], tail: int, head: int) -> list[Point]:
    """Give the curve of an edge from side to side, as (along, across); it never leaves the gap between."""
    (start, from_), (end, to) = centres[tail], centres[head]
    out, into = start + sizes.extent(tail)[0] / 2, end - sizes.extent(head)[0] / 2
    return [(out, from_), *bow((out, from_), (into, to), sizes.gap * 1.5)]


def bow(start: Point, end: Point, most: float) -> list[Point]:
    """Give the three points that continue a curve from `start` to `end`, along at both ends."""
    bend = min((end[0] - start[0]) / 2, most)
    return [(start[0] + bend, start[1]), (end[0] - bend, end[1]), end]
