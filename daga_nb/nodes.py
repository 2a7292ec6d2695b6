"""What a node of a graph is to a run: how it is called, and how it is undone."""

from __future__ import annotations

from typing import Any, NamedTuple

from daga_nb.action import DagaAction, action_in, registered_function, rollback_of
from daga_nb.core.moves import MOST_TRIES
from daga_nb.engine.calls import ActionCall, Target, display_name, rollback_target, target
from daga_nb.engine.retries import Retries, retries_of
from daga_nb.errors import FlowDefinitionError
from daga_nb.simulated import kept_in_place

__all__ = ["LONGEST", "UNSAID", "Defaults", "call_of", "check_seconds", "replaced"]

# A century: longer, and no clock could wait for it.
LONGEST = 3.2e9


class Defaults(NamedTuple):
    """What a flow says for those of its actions that do not say otherwise."""

    timeout: float | None = None
    rollback_timeout: float | None = None
    retries: Retries | None = None
    rollback_retries: Retries | None = None


UNSAID = Defaults()
"""Nothing: what an action does not say of itself stays open."""


def call_of(node: Any, defaults: Defaults = UNSAID) -> ActionCall:
    """Look at one node of the graph: how it is called, and how it is undone."""
    action = action_in(node)
    if action is None:
        return ActionCall(target(node), None, False, *defaults)
    name = display_name(node)
    called = target(registered_function(node), in_thread=action.in_thread, what=name)
    call = _with_options(ActionCall(called, None, action.no_effect), action, defaults, name)
    registered = rollback_of(action)
    if registered is None:
        return call
    if action.no_effect:
        raise FlowDefinitionError(f"{name} says no_effect=True and has a rollback: one of the two is wrong.")
    undoing = action_in(registered)
    undo = rollback_target(
        registered_function(registered),
        in_thread=(undoing or action).in_thread,
        what=f"the rollback of {name}",
    )
    return call._replace(rollback=undo)


def _with_options(
    call: ActionCall, action: DagaAction[Any, Any], defaults: Defaults, name: str
) -> ActionCall:
    for option in ("timeout", "rollback_timeout"):
        check_seconds(f"{name}: {option}", getattr(action, option))
    for option in ("no_effect", "in_thread", "pivot", "idempotent"):
        if type(getattr(action, option)) is not bool:
            raise FlowDefinitionError(f"{name}: {option}={getattr(action, option)!r}: it is True or False")
    if action.rollback_failed is not None and type(action.rollback_failed) is not bool:
        raise FlowDefinitionError(
            f"{name}: rollback_failed={action.rollback_failed!r}: it is True, False, or None for the flow's"
        )
    times = int(action.save_point) if isinstance(action.save_point, int) else -1
    if not 0 <= times <= MOST_TRIES:
        raise FlowDefinitionError(
            f"{name}: save_point={action.save_point!r}: it is True, or how often the run may come back to it"
        )
    retries, again = (
        default if value is None else retries_of(f"{name}: {option}", value)
        for option, value, default in (
            ("retries", action.retries, defaults.retries),
            ("rollback_retries", action.rollback_retries, defaults.rollback_retries),
        )
    )
    return call._replace(
        timeout=defaults.timeout if action.timeout is None else action.timeout,
        rollback_timeout=defaults.rollback_timeout
        if action.rollback_timeout is None
        else action.rollback_timeout,
        retries=retries,
        rollback_retries=again,
        rollback_failed=action.rollback_failed,
        pivot=action.pivot,
        save_point=times,
        idempotent=action.idempotent,
    )


def replaced(call: ActionCall, function: Any, rollback: Any, name: str) -> ActionCall:
    """Give `call` with another action, another rollback, or both.

    What is no `DagaAction` takes over the options and the rollback of the action that it stands for; a
    simulated rollback is never taken over, as it cannot undo what is real. Whether it is idempotent, a
    `DagaAction` says for itself.

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
            call = call._replace(action=new.action._replace(in_thread=call.action.in_thread), rollback=kept)
        else:
            call = _in_place_of(call, new, kept)
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


def _in_place_of(old: ActionCall, new: ActionCall, kept: Target | None) -> ActionCall:
    # Where the run turns back, and how far, it has agreed on before it began.
    new = new._replace(rollback_failed=old.rollback_failed, pivot=old.pivot, save_point=old.save_point)
    for option in ("timeout", "retries", "rollback_timeout", "rollback_retries"):
        if getattr(new, option) is None:
            new = new._replace(**{option: getattr(old, option)})
    return new if new.rollback is not None or new.no_effect else new._replace(rollback=kept)


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
