"""What a journal says of the flow whose run it keeps: its shape, and what is other in another flow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from daga_nb.core.moves import Policy, Undo
from daga_nb.core.plan import Plan
from daga_nb.core.shape import check_parts, plan_of, policy_of, policy_to_json, undo_of
from daga_nb.errors import StoryError

__all__ = ["Shape", "differences", "hash_of"]

_MOST_TOLD = 6
_UNDONE = {
    Undo.CALL: "has a rollback",
    Undo.NOTHING: "has no effect",
    Undo.MISSING: "has no rollback",
    Undo.ELSEWHERE: "was done by another run",
}


class Shape(NamedTuple):
    """The shape of a flow, and the choices that decide how its runs go.

    Examples
    --------
    >>> from daga_nb import DagaFlow
    >>> flow = DagaFlow([(abs, max)])
    >>> shape = Shape(flow.plan, (Undo.MISSING, Undo.MISSING), flow.policy)
    >>> Shape.from_text(shape.to_text()).plan.names
    ('abs', 'max')
    """

    plan: Plan
    undo: tuple[Undo, ...]
    policy: Policy

    def to_text(self) -> str:
        """Give the shape as JSON; the same shape always gives the same text."""
        data = {
            "names": list(self.plan.names),
            "predecessors": [list(before) for before in self.plan.predecessors],
            "undo": [undo.value for undo in self.undo],
            "policy": policy_to_json(self.policy),
        }
        return json.dumps(data, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> Shape:
        """Read a shape back, checking every field.

        Raises
        ------
        StoryError
            If it is none.
        """
        check_parts(text)
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise StoryError(f"the plan is no JSON: {error}") from None
        if not isinstance(data, dict) or set(data) != {"names", "predecessors", "undo", "policy"}:
            raise StoryError("the plan is not what it should be")
        plan = plan_of(data["names"], data["predecessors"])
        return cls(plan, undo_of(data["undo"], len(plan)), policy_of(data["policy"], len(plan)))


def hash_of(text: str) -> str:
    """Give what tells one shape from another, of the text of a shape."""
    return hashlib.sha256(text.encode()).hexdigest()


def differences(then: Shape, now: Shape) -> str:
    """Give what is other in the flow `now`, in words; nothing if its runs would go as they did `then`.

    What another run did is left out: that is a matter of the run, not of the flow.
    """
    told = list(_differences(then, now))
    more = f"; and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
    return "; ".join(told[:_MOST_TOLD]) + more


def _differences(then: Shape, now: Shape) -> Iterator[str]:
    old, new = then.plan, now.plan
    yield from (f"{name!r} is gone" for name in old.names if name not in new.ids)
    yield from (f"{name!r} is new" for name in new.names if name not in old.ids)
    for name in old.names:
        if name not in new.ids:
            continue
        was, has = _before(old, name), _before(new, name)
        # That what is gone is not before it, and what is new is, goes without saying.
        if [one for one in was if one in new.ids] != [one for one in has if one in old.ids]:
            yield f"{name!r} comes after {_listed(has)}, and came after {_listed(was)}"
        undone, undo = then.undo[old.ids[name]], now.undo[new.ids[name]]
        if undone is not undo and undone is not Undo.ELSEWHERE:
            yield f"{name!r} {_UNDONE[undo]}, and it {_UNDONE[undone].replace('has', 'had')}"
    if old.names != new.names and set(old.names) == set(new.names):
        yield "the actions stand in another order"
    if old.names == new.names:
        yield from _other_choices(then.policy, now.policy, old.names)


def _before(plan: Plan, name: str) -> list[str]:
    return [plan.names[one] for one in plan.predecessors[plan.ids[name]]]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "nothing"


def _other_choices(then: Policy, now: Policy, names: Sequence[str]) -> Iterator[str]:
    for field in Policy._fields:
        was, has = getattr(then, field), getattr(now, field)
        if field == "save_points":
            was, has = dict(was), dict(has)
        if was != has:
            yield f"{_CHOICES[field]}: {_said(has, names)}, and it was {_said(was, names)}"


_CHOICES = {
    "schedule": "schedule",
    "rollback_failed": "rollback_failed",
    "on_rollback_error": "on_rollback_error",
    "rollback_order": "rollback_order",
    "otherwise": "rollback_failed of its own",
    "pivots": "pivot",
    "save_points": "save_point",
}


def _said(value: Any, names: Sequence[str]) -> str:
    if isinstance(value, frozenset):
        return _listed([names[node] for node in sorted(value)])
    if isinstance(value, dict):
        return ", ".join(f"{names[node]!r} ({times})" for node, times in sorted(value.items())) or "nothing"
    return repr(value)
