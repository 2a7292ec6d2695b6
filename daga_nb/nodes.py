"""What a node of a graph is to a run: how it is called, and how it is undone."""

from __future__ import annotations

from typing import Any

from daga_nb.action import action_in, registered_function, rollback_of
from daga_nb.engine.calls import ActionCall, display_name, rollback_target, target
from daga_nb.errors import FlowDefinitionError
from daga_nb.simulated import kept_in_place

__all__ = ["LONGEST", "call_of", "check_seconds", "replaced"]

# A century: longer, and no clock could wait for it.
LONGEST = 3.2e9


def call_of(node: Any) -> ActionCall:
    """Look at one node of the graph: how it is called, and how it is undone."""
    action = action_in(node)
    if action is None:
        return ActionCall(target(node))
    name, timeout = display_name(node), action.rollback_timeout
    check_seconds(f"{name}: rollback_timeout", timeout)
    called = target(registered_function(node), in_thread=action.in_thread, what=name)
    registered = rollback_of(action)
    if registered is None:
        return ActionCall(called, None, action.no_effect, timeout)
    if action.no_effect:
        raise FlowDefinitionError(f"{name} says no_effect=True and has a rollback: one of the two is wrong.")
    undoing = action_in(registered)
    undo = rollback_target(
        registered_function(registered),
        in_thread=(undoing or action).in_thread,
        what=f"the rollback of {name}",
    )
    return ActionCall(called, undo, False, timeout)


def replaced(call: ActionCall, function: Any, rollback: Any, name: str) -> ActionCall:
    """Give `call` with another action, another rollback, or both.

    What is no `DagaAction` takes over the options and the rollback of the action that it stands for; a
    simulated rollback is never taken over, as it cannot undo what is real.

    Raises
    ------
    FlowDefinitionError
        If they cannot be called as an action and a rollback are.
    """
    if function is not None:
        if not callable(function):
            raise FlowDefinitionError(f"{function!r} cannot stand for {name}: it cannot be called")
        new = call_of(function)
        kept = call.rollback if kept_in_place(call, new) else None
        if action_in(function) is None:
            new = call._replace(action=new.action._replace(in_thread=call.action.in_thread), rollback=kept)
        elif new.rollback is None and not new.no_effect:
            new = new._replace(rollback=kept)
        call = new
    if rollback is not None:
        if not callable(rollback):
            raise FlowDefinitionError(f"{rollback!r} cannot undo {name}: it cannot be called")
        undoing = action_in(rollback)
        threaded = call.action.in_thread if undoing is None else undoing.in_thread
        undo = rollback_target(
            registered_function(rollback), in_thread=threaded, what=f"the rollback of {name}"
        )
        call = call._replace(rollback=undo, no_effect=False)
    return call


def check_seconds(what: str, value: Any) -> None:
    """Refuse what is no number of seconds; None is.

    Raises
    ------
    FlowDefinitionError
        If it is none.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (number and 0 < value <= LONGEST):
        raise FlowDefinitionError(f"{what}={value!r}: it is a number of seconds above 0, at most {LONGEST:g}")
