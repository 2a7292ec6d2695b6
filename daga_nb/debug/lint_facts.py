"""What the rules of a look at a flow need to know of it, gathered once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from daga_nb.engine.calls import ActionCall

if TYPE_CHECKING:
    from daga_nb.core.moves import Policy
    from daga_nb.core.plan import Plan
    from daga_nb.designed import Designed

__all__ = ["ActionFacts", "FlowFacts", "facts_of"]


@dataclass(frozen=True)
class ActionFacts:
    """What is known of one action.

    Attributes
    ----------
    number, name
        Its place in the plan, and its display name.
    call
        How it is called, and undone.
    inputs
        The names under which ``context.inputs`` has what it gets.
    undoes_failed
        Whether it is rolled back after it has failed.
    pivot
        Whether it is a point of no return.
    save_point
        How often the run may go back to it.
    retries
        How often it is tried again.
    timeout
        Seconds that it may take; None for no bound.
    """

    number: int
    name: str
    call: ActionCall
    inputs: tuple[str, ...]
    undoes_failed: bool = True
    pivot: bool = False
    save_point: int = 0
    retries: int = 0
    timeout: float | None = None

    @property
    def has_effect(self) -> bool:
        """Whether it leaves anything behind, as far as is known."""
        return not self.call.no_effect

    @property
    def has_rollback(self) -> bool:
        """Whether something undoes it."""
        return self.call.rollback is not None


@dataclass(frozen=True)
class FlowFacts:
    """What is known of a flow.

    The batches matter where the schedule keeps to them: what is in an earlier batch is settled before a
    pivot of a later one starts, whether or not there is a path between them.
    """

    plan: Plan
    policy: Policy
    actions: tuple[ActionFacts, ...]

    @property
    def in_batches(self) -> bool:
        """Whether a batch starts when the one before it is through."""
        return self.policy.schedule == "batch"

    @cached_property
    def pivots(self) -> tuple[ActionFacts, ...]:
        """The points of no return, in plan order."""
        return tuple(one for one in self.actions if one.pivot)

    @cached_property
    def past(self) -> frozenset[int]:
        """The actions that start only when a pivot has succeeded."""
        if not self.pivots:
            return frozenset()
        if self.in_batches:
            return frozenset(node for node in range(len(self.plan)) if self._batch(node) > self._first)
        found: set[int] = set()
        for node, before in enumerate(self.plan.predecessors):
            if any(one in found or self.actions[one].pivot for one in before):
                found.add(node)
        return frozenset(found)

    @cached_property
    def beside(self) -> dict[int, int]:
        """The actions that run neither before nor past some pivot, each with that pivot."""
        found: dict[int, int | None] = {}
        if self.pivots and self.in_batches:
            here = [one.number for one in self.pivots if self._batch(one.number) == self._first]
            for node in self.plan.batches[self._first]:
                found[node] = next((one for one in here if one != node), None)
        elif self.pivots:
            for node, ahead in enumerate(self._ahead()):
                if node not in self.past:
                    found[node] = next((one for one, bit in self._bits.items() if not bit & ahead), None)
        return {node: pivot for node, pivot in found.items() if pivot is not None}

    @cached_property
    def last(self) -> int | None:
        """The action after which nothing can fail any more: all others are through before it starts."""
        only = self.plan.batches[-1] if self.in_batches else self.plan.sinks
        return only[0] if len(only) == 1 else None

    def saved_before(self, action: ActionFacts) -> ActionFacts | None:
        """Give the last save point before the batch of an action, if there is one."""
        return self._saves[self._batch(action.number)]

    def way_back(self, action: ActionFacts) -> bool:
        """Whether there is something to go back to when an action fails: the start, or a save point."""
        if action.number not in self.past:
            return True
        saved, own = self.saved_before(action), self._batch(action.number)
        if saved is None:
            return False
        low = self._batch(saved.number)
        return not any(low < self._batch(one.number) <= own and one is not action for one in self.pivots)

    @cached_property
    def _saves(self) -> list[ActionFacts | None]:
        found: list[ActionFacts | None] = [None]
        for batch in self.plan.batches:
            own = [node for node in batch if self.actions[node].save_point]
            found.append(self.actions[own[0]] if own else found[-1])
        return found

    def _batch(self, node: int) -> int:
        return self.plan.batch_of[node]

    @property
    def _first(self) -> int:
        return self._batch(self.pivots[0].number)

    @cached_property
    def _bits(self) -> dict[int, int]:
        return {one.number: 1 << place for place, one in enumerate(self.pivots)}

    def _ahead(self) -> list[int]:
        """Give for each action, as bits, the pivots that it is, or comes before."""
        ahead = [self._bits.get(node, 0) for node in range(len(self.plan))]
        for node in reversed(range(len(self.plan))):
            for after in self.plan.successors[node]:
                ahead[node] |= ahead[after]
        return ahead


def facts_of(flow: Designed) -> FlowFacts:
    """Gather what is known of a flow."""
    plan = flow.plan
    actions = []
    for number, call in enumerate(flow.calls):
        before = tuple(plan.names[one] for one in plan.predecessors[number]) or ("input",)
        actions.append(ActionFacts(number, plan.names[number], call, before, **_policies(flow, number, call)))
    return FlowFacts(plan, flow.policy, tuple(actions))


def _policies(flow: Designed, number: int, call: ActionCall) -> dict[str, Any]:
    return {
        "undoes_failed": flow.policy.undoes_failed(number),
        "pivot": call.pivot,
        "save_point": call.save_point,
        "retries": call.retries.times if call.retries is not None else 0,
        "timeout": call.timeout,
    }
