"""The tags of actions: what each has agreed on, for its card and for an inspector."""

from __future__ import annotations

from collections.abc import Sequence

from daga_nb.core.tags import Tag
from daga_nb.engine.calls import ActionCall
from daga_nb.engine.retries import Retries

__all__ = ["tags_of"]


def tags_of(calls: Sequence[ActionCall], *, deadline: float) -> tuple[tuple[Tag, ...], ...]:
    """Give the tags of each action; `deadline` is that of the flow's rollbacks, which is worth no tag.

    >>> from daga_nb import DagaAction, DagaFlow
    >>> async def pay(results): ...
    >>> flow = DagaFlow([(abs, DagaAction(pay, pivot=True, retries=3))])
    >>> [[str(tag) for tag in tags] for tags in tags_of(flow.calls, deadline=30)]
    [[], ['pivot', 'retries: 3']]
    """
    return tuple(tuple(_tags(call, deadline)) for call in calls)


def _tags(call: ActionCall, deadline: float) -> list[Tag]:
    found: list[Tag] = []
    if call.pivot:
        found.append(Tag("pivot"))
    if call.save_point:
        times = call.save_point
        found.append(
            Tag("save point") if times == 1 else Tag("save point", f"up to {times} times", str(times))
        )
    if call.retries is not None and call.retries.times:
        found.append(Tag("retries", _retries(call.retries), str(call.retries.times)))
    if call.timeout is not None:
        seconds = f"{call.timeout:g} s"
        found.append(Tag("timeout", seconds, seconds))
    if call.no_effect:
        found.append(Tag("no effect"))
    if call.idempotent:
        found.append(Tag("idempotent"))
    if call.rollback is not None:
        if call.rollback_retries is not None and call.rollback_retries.times:
            found.append(Tag("rollback retries", _retries(call.rollback_retries)))
        if call.rollback_timeout is not None and call.rollback_timeout != deadline:
            found.append(Tag("rollback timeout", f"{call.rollback_timeout:g} s"))
    if call.rollback_failed is not None:
        found.append(Tag("rollback failed", "yes" if call.rollback_failed else "no"))
    return found


def _retries(retries: Retries) -> str:
    if not retries.wait or not retries.times:
        return str(retries.times)
    return f"{retries.times}, from {retries.wait:g} s apart"
