"""Real actions in the places of a flow, one by one; those that are still simulated."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from daga_nb.action import DagaAction, action_in, rollback_of
from daga_nb.core.plan import Plan
from daga_nb.engine.calls import ActionCall
from daga_nb.errors import FlowDefinitionError, kind_of
from daga_nb.graphs import checked_node
from daga_nb.nodes import call_of
from daga_nb.simulated import is_simulated, kept_in_place

__all__ = ["places_taken", "sketched"]

OPTIONS = tuple(
    one.name
    for one in inspect.signature(DagaAction.__init__).parameters.values()
    if one.kind is one.KEYWORD_ONLY and one.name != "name"
)
"""The options of an action."""

# An action never takes this over from its place: to call again what is not idempotent does it twice.
_OWN = "idempotent"


def sketched(plan: Plan, calls: Sequence[ActionCall]) -> tuple[str, ...]:
    """Give the names of the actions that are simulated."""
    return tuple(name for name, call in zip(plan.names, calls, strict=True) if is_simulated(call))


def places_taken(
    plan: Plan, calls: Sequence[ActionCall], actions: Any, named: Mapping[str, Callable[..., Any]]
) -> list[Any]:
    """Give the nodes of a flow with other actions in the places named. See `DagaFlow.with_actions`.

    Raises
    ------
    UnknownAction
        If there is no such place.
    FlowDefinitionError
        If one of them cannot be called.
    """
    if actions is not None and not isinstance(actions, Mapping):
        raise FlowDefinitionError(
            f"with_actions takes a mapping of names to functions, or pay=function, not {kind_of(actions)}"
        )
    nodes = list(plan.nodes)
    for name, action in {**(actions or {}), **named}.items():
        number = plan.find(name)
        nodes[number] = _in_place(name, action, nodes[number], calls[number])
    return nodes


def _in_place(name: str, action: Any, place: Any, call: ActionCall) -> DagaAction[Any, Any]:
    checked_node(action)
    own, before = action_in(action), action_in(place)
    undone = own is not None and rollback_of(own) is not None
    options = {}
    for option in OPTIONS:
        said = own is not None and (option == _OWN or getattr(own, option) != getattr(DagaAction, option))
        if before is not None and not said and not (option == "no_effect" and undone):
            options[option] = getattr(before, option)
    made: DagaAction[Any, Any] = DagaAction(action, name=name, **options)
    registered = rollback_of(before) if before is not None else None
    if registered is not None and not undone and not made.no_effect and kept_in_place(call, call_of(made)):
        made.on_rollback(registered)
    return made
