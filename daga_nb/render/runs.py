"""The runs of a journal as a table: as text, as HTML, and for pandas. A state has its glyph and its word."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from daga_nb.core.states import RunState
from daga_nb.render.pandas_table import load_pandas
from daga_nb.render.table import Table
from daga_nb.render.text import elide, seconds
from daga_nb.render.theme import RUN_LOOKS

__all__ = ["RunRow", "RunsTable"]

MOST_ROWS = 100
"""Rows of the longest table that is written out."""

_HEADS = ("run", "flow", "began", "state", "events", "run time", "resumed", "condition")
_NUMBERS = range(4, 7)


class RunRow(Protocol):
    """What is told of one run."""

    @property
    def run_id(self) -> str: ...  # noqa: D102
    @property
    def flow(self) -> str: ...  # noqa: D102
    @property
    def created_at(self) -> datetime: ...  # noqa: D102
    @property
    def state(self) -> RunState: ...  # noqa: D102
    @property
    def events(self) -> int: ...  # noqa: D102
    @property
    def elapsed(self) -> float: ...  # noqa: D102
    @property
    def resumed(self) -> int: ...  # noqa: D102
    @property
    def condition(self) -> str: ...  # noqa: D102


class RunsTable:
    """A table of runs, as many as can be looked through; the others are counted."""

    def __init__(self, rows: Sequence[RunRow]) -> None:
        self._rows = rows

    def _table(self) -> Table:
        cells = [
            (
                elide(row.run_id),
                elide(row.flow),
                f"{row.created_at:%Y-%m-%d %H:%M:%S}",
                f"{RUN_LOOKS[row.state].glyph} {row.state.word}",
                str(row.events),
                seconds(row.elapsed),
                str(row.resumed or ""),
                row.condition,
            )
            for row in self._rows[:MOST_ROWS]
        ]
        left_out = len(self._rows) - MOST_ROWS
        more = f"and {left_out} older runs" if left_out > 0 else ""
        return Table(_HEADS, cells, right=_NUMBERS, none="no runs", more=more, style=_style)

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
        fields = ("run_id", "flow", "created_at", "state", "events", "elapsed", "resumed", "condition")
        return load_pandas().DataFrame(
            [
                {**{field: getattr(row, field) for field in fields}, "state": row.state.value}
                for row in self._rows
            ],
            columns=[*fields],
        )


def _style(tag: str, place: int) -> str:
    side = "right" if place in _NUMBERS else "left"
    font = "; font-family: ui-monospace, monospace" if tag == "td" and place == 0 else ""
    return f"text-align: {side}; white-space: nowrap{font}"
