"""Tables of texts, as text and as HTML: many rows are cut short, and the others counted."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from html import escape
from typing import NamedTuple

from daga_nb.render.text import aligned

__all__ = ["Table"]


class Table(NamedTuple):
    """A table of texts of others, every one of which is escaped.

    Attributes
    ----------
    heads
        What stands above the columns.
    rows
        The cells, row by row.
    right
        The columns that stand to the right, as numbers do.
    none
        What is said where there is no row.
    more
        What is said of the rows that are left out; else nothing.
    style
        Gives the CSS of a cell, by its tag and its column.

    Examples
    --------
    >>> print(Table(("effect", "done"), [("charge", "1")], right={1}))
    effect  done
    charge     1
    >>> Table(("effect",), [("<b>",)]).html
    '<table><thead><tr><th>effect</th></tr></thead><tbody><tr><td>&lt;b&gt;</td></tr></tbody></table>'
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Container[int] = ()
    none: str = "nothing"
    more: str = ""
    style: Callable[[str, int], str] | None = None

    def __str__(self) -> str:
        if not self.rows:
            return self.none
        return "\n".join([*aligned([self.heads, *self.rows], right=self.right), self.more]).rstrip()

    @property
    def html(self) -> str:
        """The table as HTML."""
        if not self.rows:
            return f"<p>{escape(self.none)}</p>"
        head = self._row("th", self.heads)
        body = "".join(self._row("td", cells) for cells in self.rows)
        more = f"<p>{escape(self.more)}</p>" if self.more else ""
        return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>{more}"

    def _row(self, tag: str, cells: Sequence[str]) -> str:
        return f"<tr>{''.join(self._cell(tag, place, cell) for place, cell in enumerate(cells))}</tr>"

    def _cell(self, tag: str, place: int, text: str) -> str:
        css = "" if self.style is None else f' style="{escape(self.style(tag, place))}"'
        return f"<{tag}{css}>{escape(text)}</{tag}>"
