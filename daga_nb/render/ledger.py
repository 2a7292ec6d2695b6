"""The ledger as a table: as text, as HTML, and for pandas. A verdict has its glyph and its word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from daga_nb.core.states import NodeState
from daga_nb.core.tally import Row, Verdict
from daga_nb.render.pandas_table import load_pandas
from daga_nb.render.table import Table
from daga_nb.render.text import elide
from daga_nb.render.theme import LOOKS, Look

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["VERDICT_LOOKS", "LedgerTable", "VerdictLook"]

MOST_ROWS = 200
"""Rows of the longest table that is written out."""

_HEADS = ("effect", "key", "in the world", "done", "undone", "by", "verdict")
_NUMBERS = range(2, 5)
_LONGEST = 40


class VerdictLook(NamedTuple):
    """How a verdict looks: a glyph, a word, and the state whose colours it has."""

    glyph: str
    word: str
    colours: Look


def _look(glyph: str, verdict: Verdict, state: NodeState) -> VerdictLook:
    return VerdictLook(glyph, verdict.value, LOOKS[state])


VERDICT_LOOKS: Mapping[Verdict, VerdictLook] = {
    Verdict.LEFT: _look("⚑", Verdict.LEFT, NodeState.KEPT),
    Verdict.UNDONE_TWICE: _look("⇇", Verdict.UNDONE_TWICE, NodeState.ROLLBACK_FAILED),
    Verdict.NEVER_DONE: _look("∅", Verdict.NEVER_DONE, NodeState.ROLLBACK_FAILED),
    Verdict.DONE_TWICE: _look("⇉", Verdict.DONE_TWICE, NodeState.FAILED),
    Verdict.TOO_EARLY: _look("⇅", Verdict.TOO_EARLY, NodeState.ROLLBACK_FAILED),
    Verdict.IN_WORLD: _look("●", Verdict.IN_WORLD, NodeState.SUCCEEDED),
    Verdict.UNDONE: _look("↩", Verdict.UNDONE, NodeState.ROLLED_BACK),
    Verdict.NOTHING: _look("–", Verdict.NOTHING, NodeState.ABANDONED),
}
"""How each verdict looks, the worst first."""


class LedgerTable:
    """A table of effects.

    Examples
    --------
    >>> print(LedgerTable([Row("charge", "17", 1, 1, by=("pay",))]))
    effect  key  in the world  done  undone  by   verdict
    charge  17              1     1       0  pay  ● in the world
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def _table(self) -> Table:
        cells = [
            (
                elide(row.name, _LONGEST),
                elide(row.key, _LONGEST),
                str(row.in_world),
                str(row.done),
                str(row.undone),
                elide(", ".join(row.by), _LONGEST),
                ", ".join(f"{VERDICT_LOOKS[one].glyph} {one}" for one in row.flaws or (row.verdict,)),
            )
            for row in self._rows[:MOST_ROWS]
        ]
        left_out = len(self._rows) - MOST_ROWS
        more = f"and {left_out} more effects" if left_out > 0 else ""
        return Table(_HEADS, cells, right=_NUMBERS, none="no effects recorded", more=more)

    def __str__(self) -> str:
        return str(self._table())

    @property
    def html(self) -> str:
        """The table as HTML, with every text escaped."""
        return self._table().html

    def to_frame(self) -> Any:
        """Give the whole table as a `pandas.DataFrame`.

        Raises
        ------
        DagaError
            If pandas is not installed.
        """
        fields = ("name", "key", "in_world", "done", "undone", "repeats")
        return load_pandas().DataFrame(
            [
                {
                    **{field: getattr(row, field) for field in fields},
                    "by": ", ".join(row.by),
                    "verdict": str(row.verdict),
                    "flaws": ", ".join(row.flaws),
                }
                for row in self._rows
            ],
            columns=[*fields, "by", "verdict", "flaws"],
        )
