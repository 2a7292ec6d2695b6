"""The rules about what a failure leaves behind: missing rollbacks, pivots, save points, retries, timeouts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from daga_nb.debug.finding import Severity
from daga_nb.debug.lint_facts import ActionFacts, FlowFacts

__all__ = [
    "Doubt",
    "beside_pivot",
    "failure_not_undone",
    "kept_after_save_point",
    "no_retry_past_pivot",
    "no_rollback",
    "not_idempotent",
    "rollback_never_called",
    "save_point_at_the_end",
    "stop_leaves_rest",
    "thread_timeout",
    "two_pivots",
]


class Doubt(NamedTuple):
    """What a rule has found: at which action (None: the flow), how bad, why, and what to do."""

    action: ActionFacts | None
    severity: Severity
    why: str
    do: str


_UNDO_IT = "Give it a rollback, or no_effect=True if there is nothing to undo."


def _undone_only_when_failed(flow: FlowFacts, one: ActionFacts) -> bool:
    """Whether an action that has succeeded is never undone: nothing can make the run turn back any more."""
    return one.pivot or one.number == flow.last


def _shown(one: ActionFacts) -> str:
    return repr(one.name if len(one.name) <= 60 else f"{one.name[:59]}…")


def no_rollback(flow: FlowFacts) -> Iterator[Doubt]:
    """Find actions whose effect nothing undoes."""
    for one in flow.actions:
        if one.has_rollback or not one.has_effect or one.number in flow.past:
            continue
        if not _undone_only_when_failed(flow, one):
            why = "It has an effect and no rollback: when the run turns back, its effect is kept."
            yield Doubt(one, "warning", why, _UNDO_IT)
        elif one.undoes_failed:
            why = (
                "It has an effect and no rollback: when it fails it may have half happened, and that stays. "
                "(Once it has succeeded, nothing undoes it anyway.)"
            )
            do = f"{_UNDO_IT} If it leaves nothing when it fails: rollback_failed=False."
            yield Doubt(one, "note", why, do)


def no_retry_past_pivot(flow: FlowFacts) -> Iterator[Doubt]:
    """Find actions past the pivot that nothing tries again."""
    for one in flow.actions:
        if one.number in flow.past and not one.retries and not flow.way_back(one):
            why = (
                "It comes past the pivot, from where there is no way back, and is not retried: when it "
                "fails, the run stands still until somebody decides."
            )
            yield Doubt(one, "warning", why, "Give it retries, or a save point at the pivot or past it.")


def rollback_never_called(flow: FlowFacts) -> Iterator[Doubt]:
    """Find rollbacks that no run ever calls."""
    for one in flow.actions:
        if not one.has_rollback:
            continue
        if one.number in flow.past and not flow.way_back(one):
            why = (
                "It comes past the pivot, from where the run never turns back: its rollback is never called."
            )
            yield Doubt(one, "note", why, "Leave the rollback out, or move the pivot behind it.")
        elif one.pivot and not one.undoes_failed:
            why = (
                "It is a pivot, never undone once it has succeeded, and rollback_failed=False says that it "
                "is not undone when it fails: its rollback is never called."
            )
            yield Doubt(one, "note", why, "Leave the rollback out, or rollback_failed=True at this action.")


def beside_pivot(flow: FlowFacts) -> Iterator[Doubt]:
    """Find actions that run at the same time as the pivot."""
    for node, pivot in flow.beside.items():
        one, other = flow.actions[node], _shown(flow.actions[pivot])
        if not one.pivot:
            why = (
                f"It may run at the same time as the pivot {other}: if that succeeds and this fails, there "
                "is no way back, and no way on without it."
            )
            do = f"Put it before {other} or past it, by an edge."
            yield Doubt(one, "warning", why, do)


def two_pivots(flow: FlowFacts) -> Iterator[Doubt]:
    """Find pivots that run at the same time."""
    for node, pivot in flow.beside.items():
        one, other = flow.actions[node], _shown(flow.actions[pivot])
        if one.pivot:
            why = (
                f"It may run at the same time as another pivot, {other}: if one succeeds and the other "
                "fails, the run can neither go back nor on."
            )
            do = "Let one of them come after the other, or have one pivot only."
            yield Doubt(one, "warning", why, do)


def failure_not_undone(flow: FlowFacts) -> Iterator[Doubt]:
    """Find actions that are not rolled back when they themselves have failed."""
    for one in flow.actions:
        if one.has_rollback and not one.undoes_failed and not one.pivot and flow.way_back(one):
            why = (
                "rollback_failed=False: when it has failed half way, or is done and its reply is lost, its "
                "rollback is not called, and what it did stays."
            )
            do = "Make sure that it leaves nothing when it fails, or say rollback_failed=True."
            yield Doubt(one, "note", why, do)


def stop_leaves_rest(flow: FlowFacts) -> Iterator[Doubt]:
    """Find a flow in which one failed rollback keeps the others from being called."""
    count = sum(one.has_rollback for one in flow.actions)
    if flow.policy.on_rollback_error == "stop" and count > 1:
        why = (
            f"on_rollback_error='stop': the first of its {count} rollbacks that fails leaves everything "
            "before it as it is."
        )
        do = "Say on_rollback_error='continue', unless the rollbacks depend on each other."
        yield Doubt(None, "warning", why, do)


def thread_timeout(flow: FlowFacts) -> Iterator[Doubt]:
    """Find timeouts of what cannot be stopped."""
    for one in flow.actions:
        if one.timeout is not None and not one.call.action.is_async:
            why = (
                f"It has a timeout of {one.timeout:g} s and is a plain function, which cannot be stopped: it "
                "goes on after its time is up, and its effect may come late."
            )
            do = "Make it an async function, or give its own client a timeout that is shorter."
            yield Doubt(one, "warning", why, do)


def not_idempotent(flow: FlowFacts) -> Iterator[Doubt]:
    """Find actions that are tried again and have no key to tell by that it is the same once more."""
    for one in flow.actions:
        if not one.retries or not one.has_effect or one.call.idempotent:
            continue
        if "context" not in one.call.action.extras:
            why = (
                "It is retried, and takes no context, so it has no idempotency key to hand on: if it was "
                "done and only its reply was lost, it is done twice."
            )
            do = (
                "Take context, and hand context.key to the service that has the effect; or say "
                "idempotent=True, if called again it does nothing more anyway."
            )
            yield Doubt(one, "note", why, do)


def save_point_at_the_end(flow: FlowFacts) -> Iterator[Doubt]:
    """Find save points with nothing after them."""
    for node in flow.plan.batches[-1]:
        if flow.actions[node].save_point:
            why = "Nothing comes after its batch, so the run never goes back to this save point."
            yield Doubt(flow.actions[node], "note", why, "Put the save point earlier, or leave it out.")


def kept_after_save_point(flow: FlowFacts) -> Iterator[Doubt]:
    """Find actions after a save point that bar the way back to it."""
    for one in flow.actions:
        saved = flow.saved_before(one)
        if saved is None or one.has_rollback or not one.has_effect or not flow.way_back(one):
            continue
        if one.undoes_failed or not _undone_only_when_failed(flow, one):
            why = (
                f"It has an effect and no rollback, and comes after the save point {_shown(saved)}: once it "
                "was called, the run cannot go back to there cleanly."
            )
            yield Doubt(one, "warning", why, _UNDO_IT)
