"""A sweep as a table: as text, and for pandas. A state has its glyph, and the key says its word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daga_nb.render.pandas_table import load_pandas
from daga_nb.render.text import aligned, elide
from daga_nb.render.theme import LOOKS, end_look

if TYPE_CHECKING:
    from daga_nb.debug.sweep_trial import Outcome
    from daga_nb.debug.swept import Sweep

__all__ = ["SweepTable", "end_of", "left_of"]

MOST_ROWS = 400
"""Rows of the longest table that is written out."""

_LONGEST = 60
_IMPOSSIBLE = "·"


def end_of(outcome: Outcome) -> str:
    """Give the end of a case with its glyph, in words."""
    glyph = _IMPOSSIBLE if outcome.end is None else end_look(outcome.end).glyph
    return f"{glyph} {outcome.word}"


def left_of(outcome: Outcome) -> str:
    """Give what a case has left behind, or why it cannot be, in a line."""
    return outcome.case.why_not if outcome.end is None else "; ".join(outcome.leftovers)


class SweepTable:
    """A table of cases; see `Sweep`."""

    def __init__(self, swept: Sweep) -> None:
        self._swept = swept

    def __str__(self) -> str:
        swept = self._swept
        wide = len(str(len(swept.nodes)))
        heads = [str(number + 1).rjust(wide) for number in range(len(swept.nodes))]
        rows = [("fault", " ".join(heads), "end", "left behind")]
        for outcome in swept.outcomes[:MOST_ROWS]:
            glyphs = [LOOKS[state].glyph.rjust(wide) for state in outcome.states]
            cells = " ".join(glyphs or [_IMPOSSIBLE.rjust(wide)] * len(swept.nodes))
            left = elide(left_of(outcome), 2 * _LONGEST)
            rows.append((elide(str(outcome.case), _LONGEST), cells, end_of(outcome), left))
        lines = [f"sweep of {elide(swept.flow, _LONGEST)}: {swept.summary}", *aligned(rows)]
        if len(swept.outcomes) > MOST_ROWS:
            lines.append(f"and {len(swept.outcomes) - MOST_ROWS} more cases")
        lines.append(self._key)
        lines += [elide(line, 4 * _LONGEST) for one in swept.problems for line in _parted(str(one))]
        return "\n".join(lines)

    @property
    def _key(self) -> str:
        swept = self._swept
        numbered = ", ".join(f"{number} {elide(name)}" for number, name in enumerate(swept.nodes, 1))
        used = {state for outcome in swept.outcomes for state in outcome.states}
        glyphs = ", ".join(f"{look.glyph} {look.word}" for state, look in LOOKS.items() if state in used)
        return f"{numbered}\n{glyphs}"

    def to_frame(self) -> Any:
        """Give the whole table as a `pandas.DataFrame`; its index is the fault, as text.

        Raises
        ------
        DagaError
            If pandas is not installed.
        """
        pandas = load_pandas()
        names = self._swept.nodes
        rows = [
            [
                *([state.word for state in outcome.states] or [""] * len(names)),
                outcome.word,
                "; ".join(outcome.leftovers),
                outcome.case.why_not,
            ]
            for outcome in self._swept.outcomes
        ]
        index = pandas.Index([str(outcome.case) for outcome in self._swept.outcomes], name="fault")
        return pandas.DataFrame(rows, index=index, columns=[*names, "end", "left behind", "why not"])


def _parted(text: str) -> list[str]:
    head, *rest = text.rsplit("\n", 2)  # a name may have lines of its own
    return [head, *rest]
