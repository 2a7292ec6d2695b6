"""The front door: a checked, immutable workflow that can be run as often as you like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import Any, Generic, Literal, Self, TypeVar

import networkx as nx

from daga_nb.action import EmptyAction, action_in, rollback_of
from daga_nb.core.moves import Policy, RollbackOrder
from daga_nb.core.plan import Plan
from daga_nb.designed import Designed
from daga_nb.engine.calls import ActionCall
from daga_nb.engine.retries import NEVER, Retries
from daga_nb.errors import FlowDefinitionError
from daga_nb.graphs import checked, name_of
from daga_nb.nodes import call_of
from daga_nb.options import Options
from daga_nb.running import Running
from daga_nb.utils import Batch, DagaFlowUtils

__all__ = ["DagaFlow"]

I = TypeVar("I")  # noqa: E741 (py-daga's names)
O = TypeVar("O")  # noqa: E741

Node = Callable[..., Any]


class DagaFlow(Designed, Running[I], Generic[I, O]):
    """A workflow: a directed acyclic graph of actions, run as a saga.

    The graph is checked and copied at construction, and never changed. The flow holds no state of any
    execution; several runs of it at the same time do not touch each other.

    Parameters
    ----------
    graph
        A `networkx.DiGraph`, or a list of edges. Its nodes are functions (async or plain),
        `functools.partial`s and `DagaAction`s, mixed as you like.
    name
        The name to show; the graph's own name if not given.
    max_parallel
        How many actions of one run may go at once; no bound if not given.
    schedule
        ``"batch"``: a batch starts when the one before it is through. ``"eager"``: an action starts as soon
        as its own predecessors are through. Same events, same rollback.
    timeout
        Seconds that one call of an action may take, unless it says otherwise; no bound if not given.
    retries
        How often an action is called again after it has failed, unless it says otherwise: a number, or
        `Retries`.
    rollback_failed
        Whether a failed action is rolled back too (it may have half happened), unless it says otherwise.
    on_rollback_error
        After a rollback has failed, ``"continue"`` with the others, or ``"stop"``.
    rollback_order
        ``"batches"``: batch by batch backwards, the actions of one in parallel. ``"graph"``: an action as
        soon as what comes after it is settled. ``"completion"``: one at a time, what ended last first. If not
        given, that of the schedule: ``"batches"``, and for ``"eager"`` ``"graph"``.
    rollback_timeout
        Seconds that one call of a rollback may take, unless its action says otherwise.
    rollback_retries
        How often a rollback is called again after it has failed, unless its action says otherwise.

    Raises
    ------
    FlowDefinitionError
        If it cannot be run as a flow; the message says what to do. For a cycle, its subclass `CycleError`.

    Examples
    --------
    >>> import asyncio
    >>> async def root(results): return sum(results) + 1
    >>> async def left(results): return sum(results) + 2
    >>> def right(results): return sum(results) + 3
    >>> flow = DagaFlow([(root, left), (root, right)])
    >>> asyncio.run(flow.run(0))
    [3, 4]
    """

    def __init__(
        self,
        graph: nx.DiGraph[Any] | Iterable[tuple[Node, Node]],
        *,
        name: str | None = None,
        max_parallel: int | None = None,
        schedule: Literal["batch", "eager"] = "batch",
        timeout: float | None = None,
        retries: int | Retries = NEVER,
        rollback_failed: bool = True,
        on_rollback_error: Literal["continue", "stop"] = "continue",
        rollback_order: RollbackOrder | None = None,
        rollback_timeout: float = 30.0,
        rollback_retries: int | Retries = NEVER,
    ) -> None:
        self.options = Options(
            max_parallel,
            schedule,
            timeout,
            retries,
            rollback_failed,
            on_rollback_error,
            rollback_order,
            rollback_timeout,
            rollback_retries,
        ).checked()
        if name is not None and not isinstance(name, str):
            raise FlowDefinitionError(f"name={name!r}: it is a text to show")
        found = checked(graph)
        self.plan = Plan.compile(found, name_of)
        self.name: str = name or str(found.graph.get("name") or "flow")
        self.max_parallel = max_parallel
        self.rollback_timeout = rollback_timeout
        self._attributes = (
            {**found.graph, "name": self.name},
            {node: dict(data) for node, data in found.nodes.items() if data},
            {
                (node, other): dict(data)
                for node, after in found.adjacency()
                for other, data in after.items()
                if data
            },
        )
        self._look_at_nodes()

    def _look_at_nodes(self) -> None:
        defaults = self.options.defaults
        self._calls = [call_of(node, defaults) for node in self.plan.nodes]
        self.policy: Policy = self.options.policy(self._calls)
        self._actions = [action for action in map(action_in, self.plan.nodes) if action is not None]
        self._registered = self._rollbacks()

    def __repr__(self) -> str:
        return f"DagaFlow({self.name}: {len(self.plan)} actions in {len(self.plan.batches)} batches)"

    @cached_property
    def dag(self) -> nx.DiGraph[Any]:
        """The flow's own copy of the graph, with the root before the actions that have no predecessors."""
        of_graph, of_node, of_edge = self._attributes
        dag: nx.DiGraph[Any] = nx.DiGraph()
        dag.graph.update(of_graph)
        nodes = self.plan.nodes
        dag.add_nodes_from((node, of_node.get(node, {})) for node in nodes)
        for number, before in enumerate(self.plan.predecessors):
            edges = [(nodes[one], nodes[number]) for one in before]
            dag.add_edges_from((*edge, of_edge.get(edge, {})) for edge in edges)
        DagaFlowUtils.initialize_dag_as_flow(dag, EmptyAction())
        return dag

    def _with_nodes(self, nodes: Sequence[Node]) -> Self:
        made = copy(self)
        made.__dict__.pop("dag", None)
        made.plan = replace(self.plan, nodes=tuple(nodes))
        new = dict(zip(self.plan.nodes, nodes, strict=True))
        of_graph, of_node, of_edge = self._attributes
        made._attributes = (
            of_graph,
            {new[node]: data for node, data in of_node.items()},
            {(new[node], new[other]): data for (node, other), data in of_edge.items()},
        )
        made._look_at_nodes()
        return made

    @property
    def action_matrix(self) -> list[Batch[Any, Any]]:
        """A fresh view of the batches as descriptors, the root's first, without results."""
        return DagaFlowUtils.get_flow_batches(self.dag)

    @property
    def calls(self) -> list[ActionCall]:
        """How each action is called, with the rollbacks registered by now."""
        registered = self._rollbacks()
        if any(now is not then for now, then in zip(registered, self._registered, strict=True)):
            self._look_at_nodes()
        return self._calls

    def _rollbacks(self) -> list[Any]:
        return [rollback_of(action) for action in self._actions]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        from daga_nb.render.picture import picture_of_flow

        return picture_of_flow(self)._repr_mimebundle_(include, exclude)
