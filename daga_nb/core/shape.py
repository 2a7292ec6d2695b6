"""The shape of a flow as JSON values: what a story and a journal say of the flow whose run they tell of.

What is read is data of others: every field is checked.
"""

from __future__ import annotations

from typing import Any, get_args

from daga_nb.core.moves import MOST_TRIES, Policy, RollbackOrder, Undo
from daga_nb.core.plan import Plan
from daga_nb.errors import StoryError

__all__ = ["MOST_NODES", "MOST_PARTS", "check_parts", "plan_of", "policy_of", "policy_to_json", "undo_of"]

MOST_NODES = 100_000

MOST_PARTS = 2_000_000
"""Values in the longest text that is read; each takes some sixty bytes then, however short it is."""

_OLD_POLICY = ("schedule", "rollback_failed", "on_rollback_error")
_UNDO = {undo.value: undo for undo in Undo}


def _check(right: object, place: str) -> None:
    if not right:
        raise StoryError(f"{place} is not what it should be")


def check_parts(text: str) -> None:
    """Refuse JSON of so many values that reading it would take the memory of others.

    Raises
    ------
    StoryError
        If there are more than `MOST_PARTS`, at a guess: there is a comma between any two.
    """
    if text.count(",") > MOST_PARTS:
        raise StoryError(f"it has more than {MOST_PARTS} values")


def plan_of(names: Any, predecessors: Any) -> Plan:
    """Give the plan with these names and predecessors; its nodes are the names.

    >>> plan_of(["a", "b"], [[], [0]]).batches
    ((0,), (1,))

    Raises
    ------
    StoryError
        If no plan looks like this.
    """
    _check(isinstance(names, list) and 0 < len(names) <= MOST_NODES, "names")
    _check(all(isinstance(name, str) for name in names), "names")
    _check(len(set(names)) == len(names), "names")
    _check(isinstance(predecessors, list) and len(predecessors) == len(names), "predecessors")
    batch_of: list[int] = []
    successors: list[list[int]] = [[] for _ in names]
    for node, before in enumerate(predecessors):
        place = f"predecessors[{node}]"
        _check(
            isinstance(before, list) and all(type(one) is int and 0 <= one < node for one in before), place
        )
        _check(len(set(before)) == len(before), place)
        batch_of.append(1 + max((batch_of[one] for one in before), default=-1))
        # Nodes are numbered batch by batch.
        _check(node == 0 or batch_of[node - 1] <= batch_of[node], place)
        for one in before:
            successors[one].append(node)
    batches: list[list[int]] = [[] for _ in range(batch_of[-1] + 1)]
    for node, batch in enumerate(batch_of):
        batches[batch].append(node)
    return Plan(
        names=tuple(names),
        predecessors=tuple(map(tuple, predecessors)),
        successors=tuple(map(tuple, successors)),
        batches=tuple(map(tuple, batches)),
        batch_of=tuple(batch_of),
        nodes=tuple(names),
    )


def undo_of(data: Any, nodes: int) -> tuple[Undo, ...]:
    """Give what undoing each action takes.

    Raises
    ------
    StoryError
        If the JSON values do not tell that of so many `nodes`.
    """
    known = isinstance(data, list) and all(isinstance(one, str) and one in _UNDO for one in data)
    _check(known and len(data) == nodes, "undo")
    return tuple(_UNDO[one] for one in data)


def policy_to_json(policy: Policy) -> dict[str, Any]:
    """Give the choices of a flow as JSON values."""
    data = policy._asdict()
    points = [list(point) for point in policy.save_points]
    return {
        **data,
        "otherwise": sorted(policy.otherwise),
        "pivots": sorted(policy.pivots),
        "save_points": points,
    }


def policy_of(data: Any, nodes: int) -> Policy:
    """Give the choices of a flow of so many `nodes`.

    >>> policy_of(policy_to_json(Policy("eager")), 3) == Policy("eager")
    True

    Raises
    ------
    StoryError
        If the JSON values are none.
    """
    # The first files had only the first three fields.
    _check(isinstance(data, dict) and {*_OLD_POLICY} <= set(data) <= set(Policy._fields), "policy")
    schedules, answers = ("batch", "eager"), ("continue", "stop")
    _check(data["schedule"] in schedules and type(data["rollback_failed"]) is bool, "policy")
    _check(data["on_rollback_error"] in answers, "policy")
    order = data.get("rollback_order")
    _check(order is None or (isinstance(order, str) and order in get_args(RollbackOrder)), "policy")
    points = data.get("save_points", [])
    _check(isinstance(points, list), "policy")
    for point in points:
        _check(isinstance(point, list) and len(point) == 2 and _is_node(point[0], nodes), "policy")
        _check(type(point[1]) is int and 0 < point[1] <= MOST_TRIES, "policy")
    for some in (data.get("otherwise", []), data.get("pivots", [])):
        _check(isinstance(some, list) and all(_is_node(one, nodes) for one in some), "policy")
    return Policy(
        schedule=data["schedule"],
        rollback_failed=data["rollback_failed"],
        on_rollback_error=data["on_rollback_error"],
        rollback_order=order,
        otherwise=frozenset(data.get("otherwise", [])),
        pivots=frozenset(data.get("pivots", [])),
        save_points=tuple((node, times) for node, times in points),
    )


def _is_node(value: Any, nodes: int) -> bool:
    return type(value) is int and 0 <= value < nodes
