"""A simulation as a picture: how the runs ended, how long they took, and which action matters most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from daga_nb.core.states import RunState
from daga_nb.render.ink import POINT, drawing, rounded, salt_of, width_of
from daga_nb.render.sheet import SIDE, Heading, Legend, Sheet
from daga_nb.render.shown import Shown
from daga_nb.render.text import elide, seconds
from daga_nb.render.theme import LIGHT, RUN_LOOKS, Look, end_look

if TYPE_CHECKING:
    from daga_nb.debug.shares import Matter
    from daga_nb.debug.simulated import Simulation

__all__ = ["SimulationPicture", "picture_of_simulation"]

_GAINS = RUN_LOOKS[RunState.SUCCEEDED], RUN_LOOKS[RunState.ROLLED_BACK]
_ROWS = 10
_BINS = 40


class SimulationPicture(Shown):
    """A simulation as a figure."""

    caption = "simulation"


def picture_of_simulation(simulation: Simulation) -> SimulationPicture:
    """Give the picture of a simulation as a figure; shown once, as the last expression of a cell."""
    figure = SimulationPicture(dpi=96)
    figure.caption = str(simulation)
    figure.salt = salt_of(figure.caption)
    with drawing(figure.salt):
        _Chart(simulation, figure)
    return figure


class _End(NamedTuple):
    """One end of the runs, as it is shown."""

    look: Look
    word: str
    runs: int
    share: str
    durations: list[float]


class _Chart:
    """Three parts from top to bottom; each says in words what its colours mean."""

    WIDTH = 860.0
    LEFT = SIDE
    SHARES = 96.0
    TIMES = 190.0
    ROW = 26.0

    def __init__(self, simulation: Simulation, figure: SimulationPicture) -> None:
        self.simulation = simulation
        shares = simulation.shares
        words = list(shares)
        self.ends = [
            _End(end_look(end), word, count, str(shares[word]), simulation.durations_of(end))
            for word, (end, count) in zip(words, simulation.counts.items(), strict=True)
            if count
        ]
        remark = f"{simulation.n:,} simulated runs, seed {simulation.seed}"
        heading = Heading(simulation.flow, None, remark)
        self.rows = [row for row in simulation.matters[:_ROWS] if row.succeeded or row.clean or row.spoiled]
        width = max(self.WIDTH, heading.width)
        legend = Legend(self._legend_words(), width)
        key = Legend(
            [
                (_GAINS[0].glyph, "more runs succeed (percentage points)", _GAINS[0].light.ink),
                (_GAINS[1].glyph, "more runs end clean: succeeded, or rolled back", _GAINS[1].light.ink),
            ],
            width,
        )
        self.right = width - SIDE
        top = heading.height
        below = top + 30 + self.SHARES - 52 + legend.height
        matters = below + 32 + self.TIMES + 40
        rows = len(self.rows) * self.ROW + key.height if self.rows else self.ROW
        self.sheet = Sheet(figure, width, matters + 26 + rows + 14)
        heading.draw(self.sheet)
        self._title(top, "how the runs ended")
        self._shares(top + 30)
        legend.draw(self.sheet, top + 30 + 36)
        self._title(below, "how long they took", self._times_in_words())
        self._times(below + 32)
        self._title(matters, "what would be better if it never failed")
        if self.rows:
            key.draw(self.sheet, matters + 26)
        self._matters(matters + 26 + (key.height if self.rows else 0))

    def _title(self, top: float, words: str, remark: str = "") -> None:
        self.sheet.text(self.LEFT, top + 18, words, 13, LIGHT.ink, bold=True)
        x = self.LEFT + width_of(words, 13, True) + 14
        self.sheet.text(x, top + 18, remark, 11.5, LIGHT.soft)

    def _legend_words(self) -> list[tuple[str, str, str]]:
        return [(one.look.glyph, f"{one.word} {one.share}", one.look.light.ink) for one in self.ends]

    def _shares(self, top: float) -> None:
        """Draw one bar, in it the ends."""
        x, whole = self.LEFT, self.right - self.LEFT
        for one in self.ends:
            wide = whole * one.runs / self.simulation.n
            look = one.look
            shape = rounded(x + 0.5, top + 0.5, max(wide - 1, 0.5), 29, 3)
            style: dict[str, Any] = {"facecolors": look.light.fill, "edgecolors": look.light.ink}
            self.sheet.shapes([shape], 2, weight=1, dash=look.dash, **style)
            words = f"{one.runs / self.simulation.n * 100:.1f} %"
            if wide > width_of(words, 12, True) + 34:
                self.sheet.glyphs(look.glyph, 13, [(x + 16, top + 15)], look.light.ink)
                self.sheet.text(x + 28, top + 19.5, words, 12, look.light.ink, bold=True, zorder=3)
            x += wide

    def _times_in_words(self) -> str:
        simulation, cost = self.simulation, self.simulation.rollback_cost
        half, most = seconds(simulation.quantile(0.5)), seconds(simulation.quantile(0.95))
        told = f"half within {half}, 95 % within {most}"
        if cost.runs:
            back = f"going back takes {seconds(cost.seconds)} when it happens"
            told += f"; {back}, {cost.time * 100:.0f} % of all time"
        return told

    def _times(self, top: float) -> None:
        """Draw how many runs took how long, the ends one above the other."""
        axes = self._axes(top, self.TIMES, "times")
        low, high = min(self.simulation.durations), max(self.simulation.durations)
        low = 0.0 if low < high / 2 else low
        span = (high - low) or max(high, 1.0)
        axes.set_xlim(low - span * 0.01, low + span * 1.01)
        axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g} s"))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.tick_params(length=0, pad=5, labelsize=11 * POINT, labelcolor=LIGHT.soft)
        axes.grid(axis="y", color=LIGHT.line, linewidth=0.75, linestyle="-")
        floor = [0] * _BINS
        for one in self.ends:
            heights = _counted(one.durations, low, span)
            lefts = [low + span * (number + 0.5) / _BINS for number in range(_BINS)]
            found = [number for number in range(_BINS) if heights[number]]
            axes.bar(
                [lefts[number] for number in found],
                [heights[number] for number in found],
                width=span / _BINS * 0.92,
                bottom=[floor[number] for number in found],
                facecolor=_solid(one.look),
                edgecolor=one.look.light.ink,
                linewidth=POINT,
                zorder=3,
            )
            floor = [below + height for below, height in zip(floor, heights, strict=True)]
        axes.set_ylim(0, max(floor) * 1.06)

    def _axes(self, top: float, high: float, label: str) -> Axes:
        sheet = self.sheet
        left = self.LEFT + 40
        box = (left / sheet.width, 1 - (top + high) / sheet.height)
        axes = sheet.figure.add_axes(
            (*box, (self.right - left) / sheet.width, high / sheet.height), label=label
        )
        axes.set_zorder(2)
        axes.patch.set_visible(False)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.set_axisbelow(True)
        return axes

    def _matters(self, top: float) -> None:
        """Draw two bars for each row: more runs that succeed, more that leave nothing."""
        if not self.rows:
            failed = bool(self.simulation.matters)
            told = "no single action would change how the runs end" if failed else "nothing failed"
            self.sheet.text(self.LEFT, top + 17, told, 12, LIGHT.soft)
            return
        names = [_row_name(row) for row in self.rows]
        words = [
            f"{row.succeeded * 100:+.1f} succeed, {row.clean * 100:+.1f} clean, {row.seconds:+.2f} s; "
            f"failed in {row.failures:,} runs"
            for row in self.rows
        ]
        left = self.LEFT + max(width_of(name, 12.5) for name in names) + 10
        room = max(60.0, self.right - left - 12 - max(width_of(one, 11) for one in words))
        most = max(max(row.succeeded, row.clean) for row in self.rows) or 1.0
        for number, row in enumerate(self.rows):
            y = top + number * self.ROW
            self.sheet.text(left - 10, y + 17, names[number], 12.5, LIGHT.ink, ha="right")
            for offset, end, gain in ((3.5, _GAINS[0], row.succeeded), (13.5, _GAINS[1], row.clean)):
                shape = rounded(left, y + offset, max(gain / most * room, 1.0), 9, 2)
                ink = end.light.ink
                self.sheet.shapes([shape], 2, weight=1, facecolors=_solid(end), edgecolors=ink)
            self.sheet.text(left + room + 12, y + 17, words[number], 11, LIGHT.soft)


def _row_name(row: Matter) -> str:
    name = elide(row.action)
    return f"rollback of {name}" if row.part == "rollback" else name


def _solid(look: Look) -> str:
    """Give what a bar is filled with; that of the undone is white, as nothing is left of it."""
    return RUN_LOOKS[RunState.ROLLING_BACK].light.fill if look is _GAINS[1] else look.light.fill


def _counted(durations: list[float], low: float, span: float) -> list[int]:
    counts = [0] * _BINS
    for duration in durations:
        counts[min(_BINS - 1, int((duration - low) / span * _BINS))] += 1
    return counts
