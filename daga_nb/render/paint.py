"""The drawing of a plan's picture with matplotlib. `picture.Picture` is what people use."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.path import Path

from daga_nb.core.moves import Policy
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState, RunState
from daga_nb.core.tags import Tag
from daga_nb.render.agreed import (
    MARK_SIZE,
    POLICY_GLYPH,
    TAG_LOOKS,
    kinds_in,
    marks_of,
    room_beside,
    saved_in,
)
from daga_nb.render.ink import glyph_path, rounded, width_of
from daga_nb.render.layout import NAME_AT, NAME_SIZE, ROOT, Edge, Layout
from daga_nb.render.sheet import Heading, Legend, Sheet
from daga_nb.render.text import elide
from daga_nb.render.theme import (
    EDGE_LOOKS,
    FAULT_GLYPH,
    LIGHT,
    LOOKS,
    ROOT_GLYPH,
    Look,
    edge_kind,
)

__all__ = ["Scene", "paint"]


MARKS_END = 11.0
SECOND_SIZE = 10.5
SAVE_LINE_AT = 5.0
"""Pixels from a band to the line of the save point behind it."""

_N = NodeState


@dataclass(frozen=True)
class Scene:
    """All that a picture shows. `states` is None for a flow that is not a run."""

    plan: Plan
    layout: Layout
    states: Sequence[NodeState] | None
    details: Sequence[str]
    failed: Collection[int]
    faults: Collection[int]
    title: str
    text: str
    run_state: RunState | None
    tags: Sequence[Sequence[Tag]]
    policy: Policy


def paint(*scenes: Scene, above: Heading | None = None) -> Figure:
    """Draw scenes, one below the other; one unit of the figure's axes is a CSS pixel.

    Call it while `ink.drawing`. `above` is a line for all of them.
    """
    above = above or Heading("", None, "")
    painters = [_Painter(scene) for scene in scenes]
    width = max(above.width, *(painter.width for painter in painters))
    top = above.height
    sheet = Sheet(Figure(dpi=96), width, top + sum(painter.height_in(width) for painter in painters))
    above.draw(sheet)
    for painter in painters:
        painter.draw(sheet, top)
        top += painter.height_in(width)
    return sheet.figure


class _Painter:
    sheet: Sheet
    top: float

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.heading = Heading(scene.title, scene.run_state, scene.text)
        self.beside = room_beside(scene.tags) or (0.0,) * len(scene.plan)
        self.width = max(scene.layout.width, self.heading.width, 240.0)

    def height_in(self, width: float) -> float:
        """Give how high it is on a sheet of this width."""
        return self.heading.height + self.scene.layout.height + Legend(self._legend_words(), width).height

    def draw(self, sheet: Sheet, top: float) -> None:
        """Draw it on a sheet, from `top` on."""
        self.sheet = sheet
        self.top = top + self.heading.height
        self.heading.draw(sheet, top)
        Legend(self._legend_words(), sheet.width).draw(sheet, self.top + self.scene.layout.height)
        self._bands()
        self._save_points()
        self._edges()
        self._root()
        self._boxes()
        self._labels()
        self._marks()
        self._badges()

    def _bands(self) -> None:
        layout = self.scene.layout
        for number, band in enumerate(layout.bands):
            path = rounded(band.x, band.y + self.top, band.width, band.height, 10)
            self.sheet.shapes([path], 1, facecolors=LIGHT.band2 if number % 2 else LIGHT.band)
            label = f"batch {number + 1}"
            if layout.direction == "LR":
                centre = band.x + band.width / 2
                self.sheet.text(centre, band.y + self.top + 20, label, 11.5, LIGHT.soft, ha="center")
            else:
                self.sheet.text(band.x + 12, band.y + self.top + 20, label, 11.5, LIGHT.soft)

    def _save_points(self) -> None:
        """Draw a line behind each batch that ends in a save point, dashed as long as it is not reached."""
        layout = self.scene.layout
        for batch, reached in saved_in(self.scene.plan, self.scene.policy, self.scene.states).items():
            band = layout.bands[batch]
            x, y = band.x, band.y + self.top
            if layout.direction == "LR":
                ends = [(x + band.width + SAVE_LINE_AT, y), (x + band.width + SAVE_LINE_AT, y + band.height)]
            else:
                ends = [(x, y + band.height + SAVE_LINE_AT), (x + band.width, y + band.height + SAVE_LINE_AT)]
            weight, dash = (2.2, ()) if reached else (1.4, (3.0, 4.0))
            self.sheet.shapes([Path(ends)], 1.5, edgecolors=LIGHT.ink, weight=weight, dash=dash)

    def _edges(self) -> None:
        groups: dict[str, list[Edge]] = {"plain": [], "dead": [], "back": []}
        states = self.scene.states
        for edge in self.scene.layout.edges:
            tail = None if edge.tail == ROOT or states is None else states[edge.tail]
            groups["plain" if states is None else edge_kind(tail, states[edge.head])].append(edge)
        for layer, (kind, edges) in enumerate(groups.items()):
            look = EDGE_LOOKS[kind]
            more: dict[str, Any] = {"edgecolors": look.light, "alpha": look.strength}
            zorder = 2 + layer / 10
            curves = (self._curve(edge) for edge in edges)
            self.sheet.shapes(curves, zorder, weight=look.weight, dash=look.dash, **more)
            tips = (self._tip(edge, kind == "back") for edge in edges)
            self.sheet.shapes(tips, zorder, weight=min(look.weight, 2.2), **more)

    def _curve(self, edge: Edge) -> Path:
        points = [(x, y + self.top) for x, y in edge.points]
        return Path(points, [Path.MOVETO] + [Path.CURVE4] * (len(points) - 1))

    def _tip(self, edge: Edge, back: bool) -> Path:
        """Give an arrow head at the end of an edge, or, going back, at its beginning."""
        x, y = edge.points[0 if back else -1]
        y += self.top
        reach, half = (9.0, 5.0) if back else (-8.0, 4.5)
        edge_gap = 1.5 if back else -1.5
        if self.scene.layout.direction == "LR":
            return Path([(x + reach, y - half), (x + edge_gap, y), (x + reach, y + half)])
        return Path([(x - half, y + reach), (x, y + edge_gap), (x + half, y + reach)])

    def _root(self) -> None:
        root = self.scene.layout.root
        path = rounded(root.x, root.y + self.top, root.width, root.height, root.width / 2)
        self.sheet.shapes([path], 4, facecolors=LIGHT.card, edgecolors=LIGHT.soft, weight=1.5)
        centre = (root.x + root.width / 2 + 0.5, root.y + root.height / 2 + self.top)
        self.sheet.glyphs(ROOT_GLYPH, 13, [centre], LIGHT.ink)

    def _by_look(self) -> dict[NodeState | None, list[int]]:
        groups: dict[NodeState | None, list[int]] = {}
        states = self.scene.states
        for node in range(len(self.scene.plan)):
            groups.setdefault(None if states is None else states[node], []).append(node)
        return groups

    def _boxes(self) -> None:
        for state, nodes in self._by_look().items():
            look = LOOKS[state] if state else None
            boxes = [self.scene.layout.boxes[node] for node in nodes]
            self.sheet.shapes(
                [rounded(box.x, box.y + self.top, box.width, box.height, 10) for box in boxes], 4,
                facecolors=look.light.fill if look else LIGHT.card,
                edgecolors=look.light.ink if look else LIGHT.soft,
                weight=look.weight if look else 1.3,
                dash=look.dash if look else (),
            )  # fmt: skip
            if look:
                spots = [(box.x + 18, box.y + self.top + box.height / 2) for box in boxes]
                self.sheet.glyphs(look.glyph, 18, spots, look.light.ink)

    def _labels(self) -> None:
        scene = self.scene
        for state, nodes in self._by_look().items():
            look = LOOKS[state] if state else None
            for node in nodes:
                box, name = scene.layout.boxes[node], elide(scene.plan.names[node])
                x, y = box.x, box.y + self.top
                beside = self.beside[node]
                room = box.width - beside - (NAME_AT + 8 if look else 16)
                wide = width_of(name, NAME_SIZE, True)
                size = NAME_SIZE * min(1.0, room / wide) if wide else NAME_SIZE
                if look is None:
                    self.sheet.text(
                        x + (box.width - beside) / 2, y + 31, name, size, LIGHT.ink,
                        bold=True, ha="center", zorder=6,
                    )  # fmt: skip
                    continue
                colour = look.light.ink if look.struck else LIGHT.ink
                self.sheet.text(x + NAME_AT, y + 24, name, size, colour, bold=True, zorder=6)
                if look.struck:
                    line = Path([(x + NAME_AT, y + 19), (x + NAME_AT + min(wide, room), y + 19)])
                    self.sheet.shapes([line], 7, edgecolors=colour, weight=1.3)
                second = self._second(node, look)
                small = SECOND_SIZE * min(1.0, (box.width - NAME_AT - 8) / width_of(second, SECOND_SIZE))
                self.sheet.text(x + NAME_AT, y + 41, second, small, look.light.ink, zorder=6)

    def _second(self, node: int, look: Look) -> str:
        detail = self.scene.details[node] if self.scene.details else ""
        return f"{look.word} · {elide(detail, 24)}" if detail else look.word

    def _marks(self) -> None:
        """Write what each action has agreed on to the right of its name."""
        states = self.scene.states
        for node, tags in enumerate(self.scene.tags):
            box = self.scene.layout.boxes[node]
            x, y = box.x + box.width - MARKS_END, box.y + self.top + (22 if states else 30)
            done = states is not None and states[node] is _N.SUCCEEDED
            for mark in reversed(marks_of(tags)):
                glyph = mark.reached if done else mark.glyph
                if mark.short:
                    self.sheet.text(x, y, mark.short, MARK_SIZE - 1.5, LIGHT.ink, ha="right", zorder=6)
                    x -= width_of(mark.short, MARK_SIZE - 1.5) + 2
                shape = glyph_path(glyph, MARK_SIZE)
                wide = float(shape.get_extents().width)
                self.sheet.stamp([shape], [(x - wide / 2, y - 4)], 6, facecolors=LIGHT.ink)
                x -= wide + 6

    def _badges(self) -> None:
        """Mark the actions that failed, also after they were undone, and those with a planted fault."""
        states, boxes = self.scene.states, self.scene.layout.boxes
        failed = [node for node in self.scene.failed if not states or states[node] is not _N.FAILED]
        for glyph, nodes, shift in (
            (LOOKS[_N.FAILED].glyph, failed, 0.0),
            (FAULT_GLYPH, list(self.scene.faults), 23.0),
        ):
            spots = []
            for node in sorted(nodes):
                box = boxes[node]
                aside = shift if node in failed else 0.0
                spots.append((box.x + box.width - 4 - aside, box.y + self.top + 2))
            self._badge(glyph, spots)

    def _badge(self, glyph: str, spots: Sequence[tuple[float, float]]) -> None:
        paint = LOOKS[_N.FAILED].light
        discs = [rounded(x - 10, y - 10, 20, 20, 10) for x, y in spots]
        self.sheet.shapes(discs, 5, facecolors=paint.fill, edgecolors=paint.ink, weight=1.5)
        self.sheet.glyphs(glyph, 12, spots, paint.ink)

    def _legend_words(self) -> list[tuple[str, str, str]]:
        scene = self.scene
        states = scene.states
        shown = set(states or ())
        words = [(look.glyph, look.word, look.light.ink) for state, look in LOOKS.items() if state in shown]
        ink = LOOKS[_N.FAILED].light.ink
        if any(states is None or states[node] is not _N.FAILED for node in scene.failed):
            words.append((LOOKS[_N.FAILED].glyph, "failed before its rollback", ink))
        if scene.faults:
            words.append((FAULT_GLYPH, "fault planted", ink))
        words += [(TAG_LOOKS[kind].glyph, TAG_LOOKS[kind].words, LIGHT.ink) for kind in kinds_in(scene.tags)]
        words += [(POLICY_GLYPH, choice, LIGHT.ink) for choice in scene.policy.choices]
        return words
