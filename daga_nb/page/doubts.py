"""What `DagaFlow.lint` has found, for a page: each text once, and at which actions it stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from daga_nb.debug.finding import SEVERITIES, Finding
from daga_nb.engine.preview import whole

if TYPE_CHECKING:
    from daga_nb.core.plan import Plan

__all__ = ["doubts_of"]


def doubts_of(plan: Plan, findings: Iterable[Finding]) -> dict[str, Any]:
    """Give the findings as texts, numbers of texts by action, and numbers of those about the flow as a whole.

    >>> from daga_nb import sketch
    >>> flow = sketch("book[no rollback] >> pay[no rollback] >> ship")
    >>> doubts = doubts_of(flow.plan, flow.lint())
    >>> len(doubts["texts"]), doubts["at"], doubts["flow"]
    (1, {'0': [0], '1': [0]}, [])
    """
    numbers: dict[tuple[str, ...], int] = {}
    at: dict[str, list[int]] = {}
    of_flow: list[int] = []
    for one in findings:
        if one.action is not None and one.action not in plan.ids:
            continue  # a run of one action alone
        text = (SEVERITIES[one.severity], one.severity, one.rule, whole(one.why), whole(one.do))
        number = numbers.setdefault(text, len(numbers))
        places = of_flow if one.action is None else at.setdefault(str(plan.ids[one.action]), [])
        places.append(number)
    return {"texts": [list(text) for text in numbers], "at": at, "flow": of_flow}
