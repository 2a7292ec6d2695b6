"""A run in time: a bar for each action and each rollback, with the failure and the turn marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from daga_nb.core.states import NodeState, RunState
from daga_nb.render.bars import Bar, Course
from daga_nb.render.ink import POINT, drawing, font, rounded, salt_of, width_of
from daga_nb.render.sheet import SIDE, Heading, Legend, Sheet
from daga_nb.render.shown import Shown
from daga_nb.render.text import elide, seconds
from daga_nb.render.theme import LIGHT, LOOKS, RUN_LOOKS, Look

__all__ = ["Timeline", "timeline"]

_N = NodeState


class Timeline(Shown):
    """A timeline as a figure."""

    caption = "timeline"


def timeline(run: Any) -> Timeline:
    """Give the timeline of a run as a figure, as it is now.

    Time is run time: it stands still while a debugger holds the run. A figure given here is not known to
    pyplot, so it is shown once, as the last expression of a cell.
    """
    busy = run.elapsed if run.running else 0.0
    course = Course(
        run.plan, tuple(run.events), run.state, run.flow.name, now=busy, left=run.next.what_is_left
    )
    figure = Timeline(dpi=96)
    figure.caption = course.caption
    figure.salt = salt_of(course.caption, course.events, course.plan.names)
    with drawing(figure.salt):
        _Chart(course, figure)
    return figure


class _Chart:
    """Rows in plan order, from top to bottom; time from left to right."""

    PAGE = 940.0  # pixels of width that a page has: the time gets what the names leave, within limits
    PLOT = (480.0, 720.0)
    MARKS = 44.0  # room for what is said about the failure and the turn

    def __init__(self, course: Course, figure: Timeline) -> None:
        self.course = course
        count = len(course.plan)
        self.row = 30.0 if count <= 20 else 22.0 if count <= 80 else 14.0
        self.size = {30.0: 13.0, 22.0: 11.5, 14.0: 9.0}[self.row]
        names = [elide(name) for name in course.plan.names]
        widest = max(width_of(name, self.size) for name in names)
        remark = f"{seconds(course.end)} of run time" if course.bars else ""
        remark = "; ".join(filter(None, (course.left, remark)))
        heading = Heading(course.name, course.run_state, remark)
        self.left = SIDE + 12 + widest + 34
        least, most = self.PLOT
        self.plot = min(most, max(least, self.PAGE - 92 - self.left))
        self.right = self.left + self.plot
        width = max(self.right + 92, heading.width)
        legend = Legend(self._legend_words(), width)
        self.top = heading.height + (self.MARKS if course.failures or course.turn is not None else 10.0)
        self.bottom = self.top + self.row * count
        self.sheet = Sheet(figure, width, self.bottom + 34 + legend.height)
        heading.draw(self.sheet)
        legend.draw(self.sheet, self.bottom + 30)
        self.axes = self._time_axes()
        self._rows(names)
        for bar in course.bars:
            self._bar(bar)
        self._points()
        self._signs()

    def _time_axes(self) -> Axes:
        sheet, course = self.sheet, self.course
        left, bottom = self.left / sheet.width, 1 - self.bottom / sheet.height
        size = (self.plot / sheet.width, (self.bottom - self.top) / sheet.height)
        axes = sheet.figure.add_axes((left, bottom, *size), label="time")
        axes.set_zorder(2)
        axes.patch.set_visible(False)
        self.span = course.end or 1.0
        axes.set_xlim(0, self.span * 1.06)
        axes.set_ylim(len(course.plan) - 0.5, -0.5)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.set_yticks([])
        axes.set_axisbelow(True)
        if not course.end:
            axes.set_xticks([])
            return axes
        axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g} s"))
        axes.tick_params(axis="x", length=0, pad=5, labelsize=11 * POINT, labelcolor=LIGHT.soft)
        axes.grid(axis="x", color=LIGHT.line, linewidth=0.75, linestyle="-")
        return axes

    def _rows(self, names: Sequence[str]) -> None:
        sheet, plan = self.sheet, self.course.plan
        for number, batch in enumerate(plan.batches):
            y, high = self.top + batch[0] * self.row, len(batch) * self.row
            band = rounded(SIDE, y + 1, sheet.width - 2 * SIDE, high - 2, 6)
            sheet.shapes([band], 1, facecolors=LIGHT.band2 if number % 2 else LIGHT.band)
            if high >= 13:
                label, middle = f"batch {number + 1}", y + high / 2 + 4
                sheet.text(sheet.width - SIDE - 10, middle, label, 11, LIGHT.soft, ha="right", zorder=3)
        for node, name in enumerate(names):
            look = LOOKS[self.course.states[node]]
            y = self.top + (node + 0.5) * self.row
            colour = look.light.ink if look.struck else LIGHT.ink
            sheet.text(self.left - 34, y + self.size * 0.36, name, self.size, colour, ha="right", zorder=3)
            sheet.glyphs(look.glyph, self.size, [(self.left - 17, y)], look.light.ink)

    def _bar(self, bar: Bar) -> None:
        look = LOOKS[bar.state]
        fill = LOOKS[_N.ROLLING_BACK].light.fill if bar.state is _N.ROLLED_BACK else look.light.fill
        least = 4 / self.plot * self.span * 1.06
        high = 0.62
        self.axes.add_patch(
            Rectangle(
                (bar.start, bar.node - high / 2),
                max(bar.end - bar.start, least),
                high,
                facecolor=fill,
                edgecolor=look.light.ink,
                linewidth=(1.8 if bar.state is _N.FAILED else 1.2) * POINT,
                linestyle=(0, tuple(part * POINT for part in (4, 2))) if bar.back else "solid",
                zorder=4,
            )
        )
        self._inside(bar, look)

    def _inside(self, bar: Bar, look: Look) -> None:
        """Write glyph and duration into a bar, as far as there is room."""
        size, words, pixel = min(self.size, 12.0), seconds(bar.end - bar.start), self.span * 1.06 / self.plot
        wide, need = (bar.end - bar.start) / pixel, size + 6 + width_of(words, size - 1.5)
        middle = (bar.start + bar.end) / 2
        if self.row >= 22 and wide > need + 12:
            self._words(middle + (size + 6 - need / 2) * pixel, bar.node, words, look.light.ink)
            middle += (size - need) / 2 * pixel
        if wide > size + 6 and bar.state is not _N.FAILED:  # what failed has a bigger sign at its end
            self.sheet.glyphs(look.glyph, size, [(middle, bar.node)], look.light.ink, self.axes)

    def _words(self, x: float, y: float, words: str, colour: str, **more: Any) -> None:
        props = font(min(self.size, 12.0) - 1.5)
        self.axes.text(
            x, y, words, fontproperties=props, color=colour, parse_math=False, zorder=6,
            va="center_baseline", **more,
        )  # fmt: skip

    def _points(self) -> None:
        """Mark what happened at once, without a bar: an effect that is kept, or nothing to undo."""
        for state in (_N.KEPT, _N.ROLLED_BACK, _N.UNKNOWN):
            spots = [(at, node) for at, node in self.course.points if self.course.states[node] is state]
            self.sheet.glyphs(
                LOOKS[state].glyph, min(self.size, 12), spots, LOOKS[state].light.ink, self.axes
            )

    def _signs(self) -> None:
        course = self.course
        if not course.bars:
            middle = (self.left + self.right) / 2, (self.top + self.bottom) / 2 + 5
            self.sheet.text(*middle, "nothing has run yet", 14, LIGHT.soft, ha="center", zorder=3)
        if course.turn is not None:
            look = RUN_LOOKS[RunState.RECOVERING if course.saved else RunState.ROLLING_BACK]
            words = "back to the save point" if course.saved else "the rollback begins"
            self._sign(course.turn, 32.0, look.glyph, words, look.light.ink, (4, 3))
        if course.failures:
            node, at = course.failures[0]
            others = len(course.failures) - 1
            name = elide(course.plan.names[node])
            words = f"{name} failed at {seconds(at)}" + (f", and {others} more" if others else "")
            look = LOOKS[_N.FAILED]
            self._sign(at, 14.0, look.glyph, words, look.light.ink, (), node)
            spots = [(moment, failed) for failed, moment in course.failures]
            r = min(9.0, self.row / 2 - 1)
            style = {"facecolors": look.light.fill, "edgecolors": look.light.ink, "weight": 1.5}
            self.sheet.stamp([rounded(-r, -r, 2 * r, 2 * r, r)], spots, 7, self.axes, **style)
            self.sheet.glyphs(look.glyph, r * 1.25, spots, look.light.ink, self.axes, layer=8)

    def _sign(
        self,
        at: float,
        below: float,
        glyph: str,
        words: str,
        colour: str,
        dash: tuple[float, ...],
        row: int | None = None,
    ) -> None:
        """Draw a line at a time, down to a row, with words above the rows on the side where there is room."""
        x = self.left + at / (self.span * 1.06) * self.plot
        y = self.top - self.MARKS + below - 4
        top = -0.5 - (self.top - y) / self.row
        low = len(self.course.plan) - 0.5 if row is None else row
        line = (0, tuple(part * POINT for part in dash)) if dash else "solid"
        self.axes.vlines(at, top, low, color=colour, linewidth=1.2, linestyle=line, zorder=5, clip_on=False)
        wide = width_of(words, 11.5) + 24
        aside = 1 if x + wide < self.sheet.width - SIDE else -1
        self.sheet.glyphs(glyph, 13, [(x + aside * 12, y + 2)], colour)
        side = "left" if aside > 0 else "right"
        self.sheet.text(x + aside * 22, y + 6, words, 11.5, colour, ha=side, zorder=8)

    def _legend_words(self) -> list[tuple[str, str, str]]:
        shown = {bar.state for bar in self.course.bars} | set(self.course.states)
        return [(look.glyph, look.word, look.light.ink) for state, look in LOOKS.items() if state in shown]
