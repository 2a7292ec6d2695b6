"""The layout of a plan by Graphviz: the DOT text, and what a Graphviz makes of it.

No text of the user stands in the DOT: nodes are called ``n0``, ``n1``, ... and have a fixed size.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import graphviz

from daga_nb.core.plan import Plan
from daga_nb.errors import LayoutWarning
from daga_nb.render.lanes import Lanes
from daga_nb.render.layout import (
    GAP_ACROSS,
    ROOT,
    Band,
    Box,
    Direction,
    Edge,
    Layout,
    Point,
    Sizes,
    assemble,
    bow,
    edges_of,
    swing,
)
from daga_nb.render.stack import plain_layout, stack, wraps

__all__ = ["Band", "Box", "Direction", "Edge", "Layout", "dot_source", "layout"]

TIMEOUT = 10.0
"""Seconds that a Graphviz may take."""

EFFORT = 6000
"""Nodes plus edges (an edge counts once for each batch it crosses) that are given to Graphviz."""

FARTHEST = 99_999
"""Graphviz writes five digits: farther out, its places are too rough."""

_STEPS = 16  # for each Bezier of a curve that is looked at

_PYGRAPHVIZ = """
import sys, pygraphviz
graph = pygraphviz.AGraph(string=sys.stdin.read())
sys.stdout.buffer.write(graph.draw(format="json0", prog="dot"))
"""

_ADVICE = (
    "install Graphviz (apt install graphviz, brew install graphviz, conda install graphviz, or "
    "pip install pygraphviz where it has wheels) for a layout with fewer crossings"
)


def dot_source(plan: Plan, direction: Direction = "LR", beside: Sequence[float] = ()) -> str:
    """Give the plan as DOT text: each batch is a rank, the input marker stands before batch 1.

    `beside` is the room that each node wants beside its name, in pixels.

    >>> import networkx as nx
    >>> "n0 -> n1" in dot_source(Plan.compile(nx.DiGraph([("a", "b")]), str))
    True
    """
    sizes = Sizes(_checked(plan, direction), direction, beside)
    graph = graphviz.Digraph("plan", engine="dot")
    graph.attr(
        "graph",
        rankdir=direction,
        nodesep=_inches(GAP_ACROSS),
        ranksep=_inches(sizes.gap),
        outputorder="nodesfirst",
    )
    graph.attr("node", shape="box", fixedsize="true", label="", height=_inches(sizes.size(0)[1]))
    out, into = ("e", "w") if direction == "LR" else ("s", "n")
    graph.attr("edge", arrowhead="none", tailport=out, headport=into)
    width, height = sizes.size(ROOT)
    graph.node("root", width=_inches(width), height=_inches(height))
    for batch in plan.batches:
        with graph.subgraph() as rank:
            rank.attr(rank="same")
            for node in batch:
                rank.node(f"n{node}", width=_inches(sizes.size(node)[0]))
    for tail, head in edges_of(plan):
        graph.edge("root" if tail == ROOT else f"n{tail}", f"n{head}")
    return str(graph.source)


def layout(plan: Plan, direction: Direction = "LR", beside: Sequence[float] = ()) -> Layout:
    """Place the parts of a plan's picture.

    `dot` does it if it is on the PATH, else pygraphviz, else a plainer layout of our own. Plans too big for
    Graphviz to be quick get the plain one at once. The same plan always gets the same places.
    `beside` is the room that each node wants beside its name, in pixels.

    Warns
    -----
    LayoutWarning
        If no Graphviz was found, or if it could not do it; it says what to install.
    """
    _checked(plan, direction)
    crossed = sum(plan.batch_of[head] - plan.batch_of[tail] for tail, head in edges_of(plan) if tail != ROOT)
    if len(plan) + crossed > EFFORT:
        return plain_layout(plan, direction, beside)
    source = dot_source(plan, direction, beside)
    troubles = []
    for engine, command in _engines().items():
        try:
            answer = _ask(command, source)
            if answer is None:
                troubles.append(f"{engine} took longer than {TIMEOUT:g} s")
                break
            found = _read(plan, direction, answer, engine, beside)
            return (
                found if max(found.width, found.height) < FARTHEST else plain_layout(plan, direction, beside)
            )
        except (OSError, subprocess.CalledProcessError, ValueError, LookupError, TypeError) as error:
            troubles.append(f"{engine} failed ({type(error).__name__})")
    why = "; ".join(troubles) if troubles else f"no Graphviz was found: {_ADVICE}"
    warnings.warn(f"the graph is drawn with a plain layout: {why}", LayoutWarning, stacklevel=2)
    return plain_layout(plan, direction, beside)


def _checked(plan: Plan, direction: str) -> Plan:
    if direction not in ("LR", "TB"):
        raise ValueError(f"direction must be 'LR' or 'TB', not {direction!r}")
    if not len(plan):
        raise ValueError("the plan is empty: there is nothing to draw")
    return plan


def _inches(pixels: float) -> str:
    return f"{pixels / 72:.4f}"


def _engines() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    if dot := shutil.which("dot"):
        found["dot"] = (dot, "-Tjson0")
    if sys.executable and find_spec("pygraphviz"):
        # In a process of its own: it writes to stderr from C, and a crash would take the kernel along.
        found["pygraphviz"] = (sys.executable, "-P", "-c", _PYGRAPHVIZ)
    return found


@lru_cache(maxsize=32)
def _ask(command: tuple[str, ...], source: str) -> str | None:
    """Give what a Graphviz answers; None, and for good, if it takes too long."""
    try:
        done = subprocess.run(
            command,
            input=source.encode(),
            capture_output=True,
            timeout=TIMEOUT,
            check=True,
            creationflags=0x08000000 if os.name == "nt" else 0,  # no console window on Windows
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.decode()


def _touches(points: Sequence[Point], boxes: Sequence[tuple[Point, tuple[float, float]]]) -> bool:
    """Whether a curve of Beziers comes into one of the boxes, each given as its centre and its size."""
    for start in range(0, len(points) - 1, 3):
        four = points[start : start + 4]
        for step in range(_STEPS + 1):
            t, s = step / _STEPS, 1 - step / _STEPS
            weights = (s * s * s, 3 * s * s * t, 3 * s * t * t, t * t * t)
            along = sum(weight * point[0] for weight, point in zip(weights, four, strict=True))
            across = sum(weight * point[1] for weight, point in zip(weights, four, strict=True))
            for (x, y), (deep, broad) in boxes:
                if abs(along - x) < deep / 2 and abs(across - y) < broad / 2:
                    return True
    return False


def _read(plan: Plan, direction: Direction, text: str, engine: str, beside: Sequence[float] = ()) -> Layout:
    """Read Graphviz's JSON, whose y grows upwards."""
    data: dict[str, Any] = json.loads(text)

    def turn(place: str) -> Point:
        x, y = (float(part) for part in place.split(","))
        return (x, -y) if direction == "LR" else (-y, x)

    numbers = {"root": ROOT, **{f"n{node}": node for node in range(len(plan))}}
    gvid: dict[int, int] = {}
    centres: dict[int, Point] = {}
    for entry in data["objects"]:
        if "pos" in entry and entry["name"] in numbers:
            node = gvid[entry["_gvid"]] = numbers[entry["name"]]
            centres[node] = turn(entry["pos"])
    if len(centres) != len(numbers):
        raise ValueError("Graphviz lost a node")
    sizes = Sizes(plan, direction, beside)
    if wraps(plan, sizes):
        columns = [sorted(batch, key=lambda node: centres[node][1]) for batch in plan.batches]
        return stack(plan, sizes, columns, engine)
    drawn: dict[tuple[int, int], list[Point]] = {}
    for entry in data["edges"]:
        points = [turn(place) for place in entry["pos"].split()]
        if len(points) % 3 != 1 or len(points) < 4:
            raise ValueError("Graphviz drew an edge that is no Bezier curve")
        drawn[gvid[entry["tail"]], gvid[entry["head"]]] = points
    curves = []
    lanes = Lanes.between(plan, sizes, centres)
    for tail, head in edges_of(plan):
        points = swing(sizes, centres, tail, head)
        if tail != ROOT and plan.batch_of[head] - plan.batch_of[tail] > 1:
            # Only a curve that passes batches needs Graphviz, which leads it around the boxes in between;
            # where it grazes one all the same, it takes the lanes.
            low, high = points[0], points[-1]
            points = [(min(max(along, low[0]), high[0]), across) for along, across in drawn[tail, head]]
            between = plan.batches[plan.batch_of[tail] + 1 : plan.batch_of[head]]
            boxes = [(centres[node], sizes.extent(node)) for batch in between for node in batch]
            if _touches(points, boxes):
                points = [low, *lanes.past(low, tail, head, centres[head])]
                points += bow(points[-1], high, sizes.gap * 1.5)
        curves.append((tail, head, points))
    return assemble(plan, sizes, centres, curves, engine)
