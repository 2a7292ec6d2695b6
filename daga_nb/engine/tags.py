"""What an action has agreed on about failures, in a few words each: for its card, and for an inspector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from daga_nb.engine.calls import ActionCall
from daga_nb.engine.retries import Retries

__all__ = ["KINDS_OF_TAGS", "Tag", "tags_of"]

KINDS_OF_TAGS = (
    "pivot", "save point", "retries", "timeout", "no effect", "rollback retries", "rollback timeout",
    "rollback failed",
)  # fmt: skip
"""What a tag may be about, the most important first."""


class Tag(NamedTuple):
    """One agreement: what it is about, and what it says.

    >>> print(Tag("retries", "3, from 0.5 s apart"))
    retries: 3, from 0.5 s apart
    """

    kind: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.value}" if self.value else self.kind


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
        found.append(Tag("save point", "" if call.save_point == 1 else f"up to {call.save_point} times"))
    if call.retries is not None and call.retries.times:
        found.append(Tag("retries", _retries(call.retries)))
    if call.timeout is not None:
        found.append(Tag("timeout", f"{call.timeout:g} s"))
    if call.no_effect:
        found.append(Tag("no effect"))
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
