"""A sweep as a picture: a row for each case, a column for each action, the ends, and what was left behind."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.figure import Figure

from daga_nb.core.states import NodeState, RunState
from daga_nb.render.drawn import Drawn
from daga_nb.render.ink import POINT, drawing, rounded, salt_of, width_of
from daga_nb.render.sheet import SIDE, Heading, Legend, Sheet
from daga_nb.render.sweep_table import left_of
from daga_nb.render.text import elide
from daga_nb.render.theme import FAULT_GLYPH, LIGHT, LOOKS, RUN_LOOKS, Look, end_look

if TYPE_CHECKING:
    from daga_nb.debug.sweep_problems import Problem
    from daga_nb.debug.sweep_trial import Outcome
    from daga_nb.debug.swept import Sweep

__all__ = ["SweepPicture"]

MOST_ROWS = 240
"""Rows of the tallest grid; of more cases the first, and those that cannot be are left out before others."""

MOST_PROBLEMS = 12

_ROW = 23.0
_CELL = 30.0
_WIDEST = 1000.0
_LONGEST = 52
_SMALL = 11.5
_PROBLEM = "‼"
_BAD = LOOKS[NodeState.ROLLBACK_FAILED].light


class SweepPicture(Drawn):
    """The grid of a sweep as a picture; `Sweep.picture` makes it."""

    def __init__(self, swept: Sweep) -> None:
        self._swept = swept

    @cached_property
    def text(self) -> str:
        """The sweep as a table of text."""
        return str(self._swept)

    @property
    def _title(self) -> str:
        return f"sweep of {self._swept.flow}: {self._swept.summary}"

    @cached_property
    def _salt(self) -> str:
        return salt_of("sweep", self.text)

    @cached_property
    def _figure(self) -> Figure:
        figure = Figure(dpi=96)
        with drawing(self._salt):
            _Grid(self._swept, figure)
        return figure


class _Columns(NamedTuple):
    """Where the columns stand, and how wide and high their heads are."""

    names: tuple[str, ...]
    left: float
    wide: float
    high: float
    upright: bool

    @property
    def right(self) -> float:
        return self.left + self.wide * len(self.names)

    def middle(self, number: int) -> float:
        return self.left + self.wide * (number + 0.5)


class _Grid:
    """The grid, drawn from top to bottom: heading, names, cases, what the glyphs mean, problems."""

    def __init__(self, swept: Sweep, figure: Figure) -> None:
        self.swept = swept
        self.rows = _shown(swept.outcomes)
        self.labels = [elide(str(one.case), _LONGEST) for one in self.rows]
        self.left = [elide(left_of(one), 76) for one in self.rows]
        self.wrong = {id(case) for problem in swept.problems for case in problem.cases}
        self.columns = self._columns()
        self.end = self.columns.right + 16
        ends = max(width_of(one.word, _SMALL, True) for one in self.rows) + 24
        self.behind = self.end + ends + 14
        heading = Heading(f"sweep of {elide(swept.flow, 40)}", None, swept.summary, 200)
        problems = [_lines(problem) for problem in swept.problems[:MOST_PROBLEMS]]
        told = max((width_of(line, _SMALL) for lines in problems for line in lines), default=0.0)
        wide = max(width_of(text, _SMALL, True) for text in (*self.left, "left behind")) + 18
        width = max(heading.width, self.behind + wide + SIDE, told + 2 * SIDE + 30)
        legend = Legend(self._words(), width)
        more = len(swept.outcomes) - len(self.rows)
        top = heading.height + self.columns.high
        below = top + len(self.rows) * _ROW + (22 if more else 0) + 10
        hidden = len(swept.problems) > MOST_PROBLEMS
        lines = max(1, sum(map(len, problems))) + hidden
        height = below + legend.height + lines * 19 + 14
        self.sheet = Sheet(figure, width, height)
        heading.draw(self.sheet)
        self._heads(heading.height)
        self._bands(top)
        self._cells(top)
        self._texts(top)
        if more:
            words = f"and {more:,} more cases: str() and to_frame() tell of them"
            self._write(SIDE, top + len(self.rows) * _ROW + 16, words)
        legend.draw(self.sheet, below)
        self._problems(below + legend.height - 4, problems)

    def _columns(self) -> _Columns:
        names = tuple(elide(name, 20) for name in self.swept.nodes)
        longest = max(width_of(name, _SMALL) for name in names)
        left = SIDE + max(width_of(label, _SMALL) for label in (*self.labels, "fault")) + 14
        wide = max(_CELL, longest + 12)
        upright = wide * len(names) > _WIDEST / 2
        return _Columns(names, left, _CELL if upright else wide, longest + 16 if upright else 26.0, upright)

    def _words(self) -> list[tuple[str, str, str]]:
        used = {state for one in self.rows for state in one.states}
        words = [(look.glyph, look.word, look.light.ink) for state, look in LOOKS.items() if state in used]
        words.append((FAULT_GLYPH, "a fault was planted here", LIGHT.ink))
        return [*words, (_PROBLEM, "a problem, told below", _BAD.ink)] if self.swept.problems else words

    def _write(self, x: float, y: float, text: str, colour: str = LIGHT.soft, bold: bool = False) -> None:
        self.sheet.text(x, y, text, _SMALL, colour, bold=bold)

    def _heads(self, top: float) -> None:
        columns, base = self.columns, top + self.columns.high - 8
        for x, words in ((SIDE, "fault"), (self.end + 16, "end"), (self.behind + 18, "left behind")):
            self._write(x, base, words, LIGHT.ink, True)
        for number, name in enumerate(columns.names):
            x = columns.middle(number)
            if columns.upright:
                self.sheet.text(x + 4, base, name, _SMALL, LIGHT.ink, rotation=90, ha="right", va="bottom")
            else:
                self.sheet.text(x, base, name, _SMALL, LIGHT.ink, ha="center")

    def _bands(self, top: float) -> None:
        """Set the cases of one action off from those of the next."""
        groups = [one.case.places[0].node if one.case.places else -1 for one in self.rows]
        shaded, band = [], False
        for number, group in enumerate(groups):
            band = band is not (number > 0 and group != groups[number - 1])
            if band:
                shaded.append(rounded(4, top + number * _ROW, self.sheet.width - 8, _ROW, 0))
        self.sheet.shapes(shaded, 0, facecolors=LIGHT.band)

    def _cells(self, top: float) -> None:
        spots: dict[NodeState, list[tuple[float, float]]] = {}
        bolts, none = [], []
        for number, one in enumerate(self.rows):
            y = top + (number + 0.5) * _ROW
            for node, state in enumerate(one.states):
                spots.setdefault(state, []).append((self.columns.middle(node), y))
            if one.end is None:
                none += [(self.columns.middle(node), y) for node in range(len(self.columns.names))]
            else:
                bolts += [(self.columns.middle(place.node) + 8, y) for place in one.case.places]
        for state, found in spots.items():
            look = LOOKS[state]
            style: dict[str, Any] = {
                "facecolors": look.light.fill,
                "edgecolors": look.light.ink,
                "linestyles": _dashes(look),
            }
            self.sheet.stamp([rounded(-13, -9, 26, 18, 4)], found, 2, weight=1, **style)
            struck = set(bolts)
            left = [(x - 4, y) if (x + 8, y) in struck else (x, y) for x, y in found]
            self.sheet.glyphs(look.glyph, 11, left, look.light.ink)
        self.sheet.glyphs(FAULT_GLYPH, 10, bolts, LIGHT.ink)
        self.sheet.glyphs("·", 11, none, LIGHT.soft)

    def _texts(self, top: float) -> None:
        ends: dict[tuple[str, str], list[tuple[float, float]]] = {}
        marks: list[tuple[float, float]] = []
        for number, one in enumerate(self.rows):
            y = top + (number + 0.5) * _ROW
            look = None if one.end is None else end_look(one.end)
            ink = LIGHT.soft if look is None else LIGHT.ink
            self._write(SIDE, y + 4, self.labels[number], ink)
            wrong = id(one.case) in self.wrong
            self._write(self.behind + 18, y + 4, self.left[number], _BAD.ink if wrong else LIGHT.soft, wrong)
            if wrong:
                marks.append((self.behind + 6, y))
            end = LIGHT.soft if look is None else look.light.ink
            self._write(self.end + 16, y + 4, one.word, end, look is not None)
            if look is not None:
                ends.setdefault((look.glyph, end), []).append((self.end + 6, y))
        self.sheet.glyphs(_PROBLEM, 12, marks, _BAD.ink)
        for (glyph, end), found in ends.items():
            self.sheet.glyphs(glyph, 12, found, end)

    def _problems(self, top: float, problems: list[list[str]]) -> None:
        found = len(self.swept.problems)
        if not found:
            look = RUN_LOOKS[RunState.SUCCEEDED]
            self.sheet.glyphs(look.glyph, 13, [(SIDE + 7, top + 15)], look.light.ink)
            words = (
                "no problem found"
                if self.swept.stopped
                else "no problem: each rollback put right what it should"
            )
            self._write(SIDE + 21, top + 19, words, look.light.ink, True)
            return
        y = top + 19
        for head, *rest in problems:
            self.sheet.glyphs(_PROBLEM, 13, [(SIDE + 7, y - 4)], _BAD.ink)
            self._write(SIDE + 21, y, head, _BAD.ink, True)
            for line in rest:
                y += 19
                self._write(SIDE + 21, y, line)
            y += 19
        hidden = found - MOST_PROBLEMS
        if hidden > 0:
            self._write(SIDE + 21, y, f"and {hidden} more problem{'s' * (hidden != 1)}")


def _shown(outcomes: Sequence[Outcome]) -> list[Outcome]:
    if len(outcomes) > MOST_ROWS:
        outcomes = [one for one in outcomes if one.end is not None]
    return list(outcomes[:MOST_ROWS])


def _lines(problem: Problem) -> list[str]:
    count = len(problem.cases)
    seen = f"{elide(str(problem.case), _LONGEST)}{f', and {count - 1} more' if count > 1 else ''}"
    head = f"{elide(problem.action or 'one of several', 40)}: {problem.what}, seen at {seen}"
    return [head, elide(problem.words, 150), elide(problem.do, 150)]


def _dashes(look: Look) -> list[Any]:
    return [(0, tuple(part * POINT / 3 for part in look.dash)) if look.dash else "solid"]
