"""What a look at a flow has found: a doubt, the reason for it, and what to do."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import Any, Literal, NamedTuple

from daga_nb.engine.preview import whole

__all__ = ["SEVERITIES", "Finding", "Findings", "Severity"]

Severity = Literal["error", "warning", "note"]

SEVERITIES: dict[Severity, str] = {"error": "‼", "warning": "!", "note": "i"}
"""How bad a finding is, the worst first, each with its glyph.

An *error* fails whenever it is reached, a *warning* in a case that does happen; a *note* is good to know.
No glyph is one of a state.
"""


class Finding(NamedTuple):
    """One doubt about a flow.

    Attributes
    ----------
    rule
        The rule that found it; docs/lint.md explains it.
    action
        The display name of the action; None for the flow as a whole.
    severity
        ``"error"``, ``"warning"`` or ``"note"``.
    why
        What can go wrong.
    do
        What to do about it.
    """

    rule: str
    action: str | None
    severity: Severity
    why: str
    do: str

    def __str__(self) -> str:
        head = f"{SEVERITIES[self.severity]} {self.severity}: {self.action or 'the flow'} ({self.rule})"
        return f"{head}\n    {self.why}\n    {self.do}"


class Findings(tuple[Finding, ...]):
    """What `DagaFlow.lint` has found, the worst first, as text and as a table; true if there is anything.

    Examples
    --------
    >>> one = Finding("no-rollback", "pay", "warning", "Its effect stays.", "Give it a rollback.")
    >>> print(Findings([one]))
    1 warning
    ! warning: pay (no-rollback)
        Its effect stays.
        Give it a rollback.
    """

    __slots__ = ()

    def by_action(self) -> dict[str | None, Findings]:
        """Give the findings of each action that has any; those of the flow as a whole stand under None."""
        found: dict[str | None, list[Finding]] = {}
        for one in self:
            found.setdefault(one.action, []).append(one)
        return {action: Findings(some) for action, some in found.items()}

    @property
    def summary(self) -> str:
        """How many there are of each kind, in words."""
        counts = Counter(one.severity for one in self)
        said = [f"{counts[kind]} {kind}{'s' * (counts[kind] > 1)}" for kind in SEVERITIES if counts[kind]]
        return ", ".join(said) or "nothing found"

    def __repr__(self) -> str:
        return f"<Findings: {self.summary}>"

    def __str__(self) -> str:
        return "\n".join([self.summary, *map(str, self)])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": whole(str(self)), "text/html": whole(self._table())}

    def _table(self) -> str:
        head = f"<p>{escape(self.summary)}</p>"
        if not self:
            return head
        rows = "".join(
            f"<tr><td>{SEVERITIES[one.severity]}&nbsp;{one.severity}</td>"
            + "".join(
                f'<td style="text-align:left">{escape(text)}</td>'
                for text in (one.action or "the flow", one.rule, one.why, one.do)
            )
            + "</tr>"
            for one in self
        )
        columns = "".join(
            f'<th style="text-align:left">{one}</th>' for one in ("", "action", "rule", "why", "what to do")
        )
        return f"{head}<table><thead><tr>{columns}</tr></thead><tbody>{rows}</tbody></table>"
