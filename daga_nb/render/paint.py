"""The drawing of a plan's picture with matplotlib. `picture.Picture` is what people use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState, RunState
from daga_nb.render.ink import POINT, font, glyph_path, rounded, width_of
from daga_nb.render.layout import NAME_AT, NAME_SIZE, ROOT, Edge, Layout
from daga_nb.render.text import elide
from daga_nb.render.theme import EDGE_LOOKS, FAULT_GLYPH, LIGHT, LOOKS, ROOT_GLYPH, RUN_LOOKS, Look, edge_kind

__all__ = ["Scene", "paint"]

HEADER = 44.0
LEGEND_LINE = 20.0
SIDE = 14.0

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


def paint(scene: Scene) -> Figure:
    """Draw a scene; one unit of the figure's axes is a CSS pixel. Call it while `ink.drawing`."""
    return _Painter(scene).figure


class _Painter:
    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        headed = bool(scene.title or scene.text or scene.run_state)
        self.top = HEADER if headed else 0.0
        words = self._legend_words()
        header = self._header(0.0)
        self.width = max(scene.layout.width, max((x for x, _ in header), default=0.0) + SIDE, 240.0)
        rows = self._wrap(words)
        foot = 10.0 + LEGEND_LINE * len(rows) if rows else 0.0
        self.height = self.top + scene.layout.height + foot
        self.figure = Figure(figsize=(self.width / 96, self.height / 96), facecolor=LIGHT.background, dpi=96)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.set_xlim(0, self.width)
        self.axes.set_ylim(self.height, 0)
        for _, draw in header:
            draw()
        self._bands()
        self._edges()
        self._root()
        self._boxes()
        self._labels()
        self._badges()
        self._legend(rows)

    # ------------------------------------------------------------------ pieces

    def _text(self, x: float, y: float, text: str, size: float, colour: str, **more: Any) -> None:
        bold = more.pop("bold", False)
        self.axes.text(x, y, text, fontproperties=font(size, bold), color=colour, parse_math=False, **more)

    def _shapes(self, paths: Iterable[Path], layer: float, **style: Any) -> None:
        found = list(paths)
        if found:
            weight = style.pop("weight", 0.0) * POINT
            dash = tuple(part * POINT for part in style.pop("dash", ()))
            self.axes.add_collection(
                PathCollection(
                    found,
                    linewidths=[weight],
                    linestyles=[(0, dash) if dash else "solid"],
                    zorder=layer,
                    clip_on=False,
                    **{"facecolors": "none", "edgecolors": "none", **style},
                ),
                autolim=False,
            )

    def _glyphs(self, glyph: str, size: float, spots: Sequence[tuple[float, float]], colour: str) -> None:
        if spots:
            self.axes.add_collection(
                PathCollection(
                    [glyph_path(glyph, size)],
                    offsets=list(spots),
                    offset_transform=self.axes.transData,
                    transform=Affine2D().scale(1 / 96) + self.figure.dpi_scale_trans,
                    facecolors=colour,
                    edgecolors="none",
                    linewidths=[0],
                    zorder=6,
                    clip_on=False,
                ),
                autolim=False,
            )

    # ------------------------------------------------------------------- parts

    def _header(self, x: float) -> list[tuple[float, Callable[[], None]]]:
        """Lay the header out: for each part, where it ends and how it is drawn."""
        scene, x = self.scene, x + SIDE
        parts: list[tuple[float, Callable[[], None]]] = []

        def write(text: str, at: float, size: float, colour: str, bold: bool) -> Callable[[], None]:
            return lambda: self._text(at, 29, text, size, colour, bold=bold)

        if scene.title:
            title = elide(scene.title, 60)
            end = x + width_of(title, 16, True)
            parts.append((end, write(title, x, 16, LIGHT.ink, True)))
            x = end + 14
        if scene.run_state is not None:
            look = RUN_LOOKS[scene.run_state]
            wide = width_of(look.word, 12.5, True) + 42

            def chip(at: float = x) -> None:
                self._shapes([rounded(at, 12, wide, 24, 12)], 2, facecolors=look.light.fill)
                self._shapes(
                    [rounded(at + 0.5, 12.5, wide - 1, 23, 11.5)], 2,
                    edgecolors=look.light.ink, weight=1, dash=look.dash,
                )  # fmt: skip
                self._glyphs(look.glyph, 14, [(at + 18, 24)], look.light.ink)
                self._text(at + 31, 28.5, look.word, 12.5, look.light.ink, bold=True)

            parts.append((x + wide, chip))
            x += wide + 14
        if scene.text:
            text = elide(scene.text, 100)
            parts.append((x + width_of(text, 12.5), write(text, x, 12.5, LIGHT.soft, False)))
        return parts

    def _bands(self) -> None:
        layout = self.scene.layout
        for number, band in enumerate(layout.bands):
            path = rounded(band.x, band.y + self.top, band.width, band.height, 10)
            self._shapes([path], 1, facecolors=LIGHT.band2 if number % 2 else LIGHT.band)
            label = f"batch {number + 1}"
            if layout.direction == "LR":
                centre = band.x + band.width / 2
                self._text(centre, band.y + self.top + 20, label, 11.5, LIGHT.soft, ha="center")
            else:
                self._text(band.x + 12, band.y + self.top + 20, label, 11.5, LIGHT.soft)

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
            self._shapes(curves, zorder, weight=look.weight, dash=look.dash, **more)
            tips = (self._tip(edge, kind == "back") for edge in edges)
            self._shapes(tips, zorder, weight=min(look.weight, 2.2), **more)

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
        self._shapes([path], 4, facecolors=LIGHT.card, edgecolors=LIGHT.soft, weight=1.5)
        centre = (root.x + root.width / 2 + 0.5, root.y + root.height / 2 + self.top)
        self._glyphs(ROOT_GLYPH, 13, [centre], LIGHT.ink)

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
            self._shapes(
                [rounded(box.x, box.y + self.top, box.width, box.height, 10) for box in boxes], 4,
                facecolors=look.light.fill if look else LIGHT.card,
                edgecolors=look.light.ink if look else LIGHT.soft,
                weight=look.weight if look else 1.3,
                dash=look.dash if look else (),
            )  # fmt: skip
            if look:
                spots = [(box.x + 18, box.y + self.top + box.height / 2) for box in boxes]
                self._glyphs(look.glyph, 18, spots, look.light.ink)

    def _labels(self) -> None:
        scene = self.scene
        for state, nodes in self._by_look().items():
            look = LOOKS[state] if state else None
            for node in nodes:
                box, name = scene.layout.boxes[node], elide(scene.plan.names[node])
                x, y = box.x, box.y + self.top
                room = box.width - (NAME_AT + 8 if look else 16)
                wide = width_of(name, NAME_SIZE, True)
                size = NAME_SIZE * min(1.0, room / wide) if wide else NAME_SIZE
                if look is None:
                    self._text(
                        x + box.width / 2, y + 31, name, size, LIGHT.ink,
                        bold=True, ha="center", zorder=6,
                    )  # fmt: skip
                    continue
                colour = look.light.ink if look.struck else LIGHT.ink
                self._text(x + NAME_AT, y + 24, name, size, colour, bold=True, zorder=6)
                if look.struck:
                    line = Path([(x + NAME_AT, y + 19), (x + NAME_AT + min(wide, room), y + 19)])
                    self._shapes([line], 7, edgecolors=colour, weight=1.3)
                self._text(x + NAME_AT, y + 41, self._second(node, look), 10.5, look.light.ink, zorder=6)

    def _second(self, node: int, look: Look) -> str:
        detail = self.scene.details[node] if self.scene.details else ""
        return f"{look.word} · {elide(detail, 16)}" if detail else look.word

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
        self._shapes(discs, 5, facecolors=paint.fill, edgecolors=paint.ink, weight=1.5)
        self._glyphs(glyph, 12, spots, paint.ink)

    # ------------------------------------------------------------------ legend

    def _legend_words(self) -> list[tuple[str, str, str]]:
        scene = self.scene
        states = scene.states
        words = [
            (look.glyph, look.word, look.light.ink)
            for state, look in LOOKS.items()
            if states is not None and state in set(states)
        ]
        ink = LOOKS[_N.FAILED].light.ink
        if any(states is None or states[node] is not _N.FAILED for node in scene.failed):
            words.append((LOOKS[_N.FAILED].glyph, "failed before its rollback", ink))
        if scene.faults:
            words.append((FAULT_GLYPH, "fault planted", ink))
        return words

    def _wrap(self, words: Sequence[tuple[str, str, str]]) -> list[list[tuple[float, str, str, str]]]:
        rows: list[list[tuple[float, str, str, str]]] = []
        x = self.width
        for glyph, word, colour in words:
            wide = 20 + width_of(word, 11.5) + 16
            if x + wide > self.width or not rows:
                rows.append([])
                x = SIDE
            rows[-1].append((x, glyph, word, colour))
            x += wide
        return rows

    def _legend(self, rows: Sequence[Sequence[tuple[float, str, str, str]]]) -> None:
        y = self.top + self.scene.layout.height + 10
        for row in rows:
            for x, glyph, word, colour in row:
                self._glyphs(glyph, 13, [(x + 7, y)], colour)
                self._text(x + 19, y + 4, word, 11.5, LIGHT.soft, zorder=8)
            y += LEGEND_LINE
