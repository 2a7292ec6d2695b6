"""A flow or a run as a static picture: SVG, PNG and text, the same in all three."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from typing import Any

from matplotlib.figure import Figure

from daga_nb.core.moves import Policy
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState, RunState
from daga_nb.core.tags import Tag
from daga_nb.core.tries import Tries
from daga_nb.render.agreed import POLICY_GLYPH, choices_of, room_beside
from daga_nb.render.dot import Direction, Layout, layout
from daga_nb.render.drawn import Drawn
from daga_nb.render.ink import salt_of
from daga_nb.render.paint import Scene, paint
from daga_nb.render.text import elide, seconds
from daga_nb.render.theme import FAULT_GLYPH, LOOKS, RUN_LOOKS

__all__ = ["QUIET", "UNDONE", "Picture", "picture_of_flow", "picture_of_run"]

QUIET = (NodeState.PENDING, NodeState.RUNNING, NodeState.ROLLING_BACK, NodeState.ABANDONED)
"""The states of which no duration is told."""

UNDONE = (NodeState.ROLLED_BACK, NodeState.ROLLBACK_FAILED)
"""The states of which the rollback's duration is told."""


class Picture(Drawn):
    """A picture of a plan, with or without the states of a run. It never changes after it was made.

    Parameters
    ----------
    plan
        What is drawn.
    states
        The state of each node; None for a flow that is not a run.
    direction
        ``"LR"`` or ``"TB"``, if no `layout` is given.
    layout
        Where things stand; Graphviz is asked if it is None.
    details
        What follows the state's word in each node, such as a duration.
    failed
        The nodes that failed, also if they were rolled back since.
    faults
        The nodes in which a fault is planted.
    title, text, run_state
        The line above the graph.
    tags
        What each action has agreed on.
    policy
        What the flow has chosen for its runs.

    Examples
    --------
    >>> import networkx as nx
    >>> plan = Plan.compile(nx.DiGraph([("quote", "pay")]), str)
    >>> print(Picture(plan, [NodeState.SUCCEEDED, NodeState.RUNNING]).text)
    batch 1: ✓ quote (succeeded)
    batch 2: ◐ pay (running)
    """

    def __init__(
        self,
        plan: Plan,
        states: Iterable[NodeState] | None = None,
        *,
        direction: Direction = "LR",
        layout: Layout | None = None,
        details: Sequence[str] | None = None,
        failed: Collection[int] = (),
        faults: Collection[int] = (),
        title: str = "",
        text: str = "",
        run_state: RunState | None = None,
        tags: Sequence[Sequence[Tag]] = (),
        policy: Policy = Policy(),  # noqa: B008
    ) -> None:
        self.plan = plan
        self.states = None if states is None else tuple(states)
        self.details = tuple(details or ())
        self.tags = tuple(map(tuple, tags))
        self.policy = policy
        for given in (self.states, self.details or None, self.tags or None):
            if given is not None and len(given) != len(plan):
                raise ValueError(f"the plan has {len(plan)} nodes, but {len(given)} values were given")
        self.failed = frozenset(failed)
        self.faults = frozenset(faults)
        self.title = title
        self.caption = text
        self.run_state = run_state
        self._direction = direction
        self._layout = layout

    @cached_property
    def layout(self) -> Layout:
        """Where things stand."""
        return self._layout or layout(self.plan, self._direction, room_beside(self.tags))

    @cached_property
    def text(self) -> str:
        """The picture as plain text: a line for each batch."""
        first = [elide(self.title, 60)] if self.title else []
        if self.run_state is not None:
            first.append(f"{RUN_LOOKS[self.run_state].glyph} {self.run_state.word}")
        if self.caption:
            first.append(elide(self.caption, 100))
        lines = [" · ".join(first)] if first else []
        for number, batch in enumerate(self.plan.batches, start=1):
            lines.append(f"batch {number}: " + ", ".join(map(self._node_text, batch)))
        if choices := choices_of(self.policy):
            lines.append(f"{POLICY_GLYPH} {choices}")
        return "\n".join(lines)

    def _node_text(self, node: int) -> str:
        name = elide(self.plan.names[node], 40)
        said = []
        if self.states is not None:
            look = LOOKS[self.states[node]]
            name = f"{look.glyph} {name}"
            said.append(look.word)
            if node in self.failed and self.states[node] is not NodeState.FAILED:
                said.append("had failed")
        if self.details and self.details[node]:
            said.append(elide(self.details[node], 24))
        if node in self.faults:
            said.append(f"{FAULT_GLYPH} fault planted")
        if self.tags:
            said += [elide(str(tag), 60) for tag in self.tags[node]]
        return f"{name} ({', '.join(said)})" if said else name

    @cached_property
    def _title(self) -> str:
        return elide(self.title, 60) or f"a flow of {len(self.plan)} actions"

    @cached_property
    def _salt(self) -> str:
        places = self.layout.to_json()
        return salt_of(self.text, places["boxes"], places["edges"])

    @cached_property
    def scene(self) -> Scene:
        """All that is to be drawn."""
        return Scene(
            plan=self.plan,
            layout=self.layout,
            states=self.states,
            details=self.details,
            failed=self.failed,
            faults=self.faults,
            title=self.title,
            text=self.caption,
            run_state=self.run_state,
            tags=self.tags,
            policy=self.policy,
        )

    @cached_property
    def _figure(self) -> Figure:
        return paint(self.scene)


def picture_of_flow(flow: Any, direction: Direction = "LR") -> Picture:
    """Give the graph of a flow as a picture, without states."""
    return Picture(
        flow.plan,
        direction=direction,
        title=flow.name,
        text=_counts(flow.plan),
        tags=flow.tags,
        policy=flow.policy,
    )


def picture_of_run(run: Any, direction: Direction = "LR") -> Picture:
    """Give the present state of a run as a picture."""
    plan: Plan = run.plan
    states = tuple(run.node_states)
    failed = {plan.ids[name] for name in run.errors if name not in run.unknown}
    planted = {plan.ids[fault.at] for fault in run.faults if fault.at in plan.ids}
    tries = Tries(run.events)
    details = [
        tries.of(name) or ("" if state in QUIET else seconds(run.duration(name, rollback=state in UNDONE)))
        for name, state in zip(plan.names, states, strict=True)
    ]
    return Picture(
        plan,
        states,
        direction=direction,
        details=details,
        failed=failed,
        faults=planted,
        title=run.flow.name,
        text=run.next.what_is_left if run.state.ended else str(run.next),
        run_state=run.state,
        tags=run.tags,
        policy=run.policy,
    )


def _counts(plan: Plan) -> str:
    actions, batches = len(plan), len(plan.batches)
    return f"{actions} action{'s' * (actions != 1)} in {batches} batch{'es' * (batches != 1)}"
