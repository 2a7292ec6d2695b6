"""A sheet to draw on, measured in CSS pixels, with a heading and a legend for what stands on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from daga_nb.core.states import RunState
from daga_nb.render.ink import POINT, font, glyph_path, rounded, width_of
from daga_nb.render.text import elide
from daga_nb.render.theme import LIGHT, RUN_LOOKS

__all__ = ["SIDE", "Heading", "Legend", "Sheet"]

SIDE = 14.0
"""Pixels between the border and what stands at the side."""


class Sheet:
    """A figure with axes whose unit is a CSS pixel; y grows downwards."""

    def __init__(self, figure: Figure, width: float, height: float) -> None:
        figure.set_dpi(96)
        figure.set_size_inches(width / 96, height / 96)
        figure.set_facecolor(LIGHT.background)
        self.figure = figure
        self.width, self.height = width, height
        self.axes = figure.add_axes((0, 0, 1, 1), label="sheet")
        self.axes.set_axis_off()
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(height, 0)

    def text(self, x: float, y: float, text: str, size: float, colour: str, **more: Any) -> None:
        """Write a text of others or of ours; nothing in it is read as mathematics."""
        props = font(size, more.pop("bold", False))
        self.axes.text(x, y, text, fontproperties=props, color=colour, parse_math=False, **more)

    def shapes(self, paths: Iterable[Path], layer: float, **style: Any) -> None:
        """Draw shapes of one style; weight and dash are in pixels."""
        found = list(paths)
        if not found:
            return
        weight = style.pop("weight", 0.0) * POINT
        dash = tuple(part * POINT for part in style.pop("dash", ()))
        shapes = PathCollection(
            found,
            linewidths=[weight],
            linestyles=[(0, dash) if dash else "solid"],
            zorder=layer,
            clip_on=False,
            **{"facecolors": "none", "edgecolors": "none", **style},
        )
        self.axes.add_collection(shapes, autolim=False)

    def glyphs(
        self,
        glyph: str,
        size: float,
        spots: Sequence[tuple[float, float]],
        colour: str,
        axes: Axes | None = None,
        layer: float = 6,
    ) -> None:
        """Draw a glyph around each spot, on the sheet or on other axes, whose units the spots then have."""
        self.stamp([glyph_path(glyph, size)], spots, layer, axes, facecolors=colour)

    def stamp(
        self,
        paths: Sequence[Path],
        spots: Sequence[tuple[float, float]],
        layer: float,
        axes: Axes | None = None,
        **style: Any,
    ) -> None:
        """Draw a shape around each spot; its own unit is the pixel, upwards, whatever that of the axes is."""
        if not spots:
            return
        ground = axes or self.axes
        shapes = PathCollection(
            paths,
            offsets=list(spots),
            offset_transform=ground.transData,
            transform=Affine2D().scale(1 / 96) + self.figure.dpi_scale_trans,
            linewidths=[style.pop("weight", 0.0) * POINT],
            zorder=layer,
            clip_on=False,
            **{"edgecolors": "none", **style},
        )
        ground.add_collection(shapes, autolim=False)


class Heading:
    """The line above a picture: a title, the state of the run, and a remark. Empty parts take no room."""

    def __init__(self, title: str, run_state: RunState | None, text: str, limit: int = 100) -> None:
        self._parts: list[Callable[[Sheet, float], None]] = []
        x = SIDE
        if title:
            x = self._write(x, elide(title, 60), 16, LIGHT.ink, bold=True)
        if run_state is not None:
            x = self._chip(x, run_state)
        if text:
            x = self._write(x, elide(text, limit), 12.5, LIGHT.soft)
        self.width = x
        self.height = 44.0 if self._parts else 0.0

    def _write(self, x: float, text: str, size: float, colour: str, bold: bool = False) -> float:
        self._parts.append(lambda sheet, top: sheet.text(x, top + 29, text, size, colour, bold=bold))
        return x + width_of(text, size, bold) + SIDE

    def _chip(self, x: float, state: RunState) -> float:
        look = RUN_LOOKS[state]
        wide = width_of(look.word, 12.5, True) + 42

        def draw(sheet: Sheet, top: float) -> None:
            sheet.shapes([rounded(x, top + 12, wide, 24, 12)], 2, facecolors=look.light.fill)
            border = rounded(x + 0.5, top + 12.5, wide - 1, 23, 11.5)
            sheet.shapes([border], 2, edgecolors=look.light.ink, weight=1, dash=look.dash)
            sheet.glyphs(look.glyph, 14, [(x + 18, top + 24)], look.light.ink)
            sheet.text(x + 31, top + 28.5, look.word, 12.5, look.light.ink, bold=True)

        self._parts.append(draw)
        return x + wide + SIDE

    def draw(self, sheet: Sheet, top: float = 0.0) -> None:
        """Draw it on a sheet, from `top` on."""
        for part in self._parts:
            part(sheet, top)


class Legend:
    """What the glyphs of a picture mean: (glyph, words, colour), in as many rows as are needed."""

    ROW = 20.0

    def __init__(self, words: Iterable[tuple[str, str, str]], width: float) -> None:
        self._spots: list[tuple[float, float, str, str, str]] = []
        x, row = SIDE, 0
        for glyph, word, colour in words:
            wide = 35 + width_of(word, 11.5)
            if x + wide > width and x > SIDE:
                x, row = SIDE, row + 1
            self._spots.append((x, row * self.ROW, glyph, word, colour))
            x += wide
        self.height = (row + 1) * self.ROW + 8 if self._spots else 0.0

    def draw(self, sheet: Sheet, top: float) -> None:
        """Draw it on a sheet, from `top` on."""
        for x, y, glyph, word, colour in self._spots:
            sheet.glyphs(glyph, 13, [(x + 7, top + y + 10)], colour)
            sheet.text(x + 19, top + y + 14, word, 11.5, LIGHT.soft, zorder=8)
