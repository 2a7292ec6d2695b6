"""What actions and the flow have agreed on, for a page: each tag once, and at which actions it stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from daga_nb.core.states import NodeState
from daga_nb.engine.preview import whole
from daga_nb.render.agreed import POLICY_GLYPH, TAG_LOOKS, kinds_in, marks_of
from daga_nb.render.theme import LOOKS

if TYPE_CHECKING:
    from daga_nb.core.moves import Policy
    from daga_nb.core.plan import Plan
    from daga_nb.core.tags import Tag

__all__ = ["agreed_of"]


def agreed_of(plan: Plan, tags: Iterable[Iterable[Tag]], policy: Policy) -> dict[str, Any]:
    """Give the tags as texts, numbers of texts by action, and what a page needs to draw and explain them.

    >>> from daga_nb import sketch
    >>> flow = sketch("pay[pivot] >> ship[retries=3]")
    >>> agreed = agreed_of(flow.plan, flow.tags, flow.policy)
    >>> agreed["texts"][1], agreed["at"], agreed["pivots"]
    (['retries: 3', '↻', '↻', '3'], {'0': [0], '1': [1]}, [0])
    """
    told = [tuple(some) for some in tags]
    numbers: dict[tuple[str, ...], int] = {}
    at: dict[str, list[int]] = {}
    for node, some in enumerate(told):
        for tag in some:
            marks = marks_of([tag])
            signs = (marks[0].glyph, marks[0].reached, marks[0].short) if marks else ("", "", "")
            number = numbers.setdefault((whole(str(tag)), *signs), len(numbers))
            at.setdefault(str(node), []).append(number)
    return {
        "texts": [list(text) for text in numbers],
        "at": at,
        "legend": [[TAG_LOOKS[kind].glyph, TAG_LOOKS[kind].words] for kind in kinds_in(told)],
        "flow": list(policy.choices),
        "flow_glyph": POLICY_GLYPH,
        "pivots": sorted(policy.pivots),
        "saves": sorted({plan.batch_of[node] + 1 for node, _ in policy.save_points}),
        "done": list(LOOKS).index(NodeState.SUCCEEDED),
    }
