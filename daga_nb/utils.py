"""The names of py-daga's utils, thin. The engine does not use them."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import networkx as nx

from daga_nb.action import DagaAction, EmptyAction

__all__ = ["ActionDescriptor", "Batch", "DagaFlowUtils", "indexx"]

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741 (py-daga's names)
O = TypeVar("O")  # noqa: E741

BatchID = int
NodeID = int


def indexx(
    iterable: Iterable[Iterable[T]],
    item: Any,
    key: Callable[[T], Any] = lambda x: x,
) -> tuple[int, int]:
    """Give the place of `item` in a nested iterable, as (outer index, inner index).

    >>> indexx([[1, 2, 3], [4, 5, 6]], 6)
    (1, 2)

    Raises
    ------
    KeyError
        If it is not there.
    """
    for outer, inner_items in enumerate(iterable):
        for inner, found in enumerate(inner_items):
            if key(found) == item:
                return outer, inner
    raise KeyError(f"Item {item} not found in iterable")


@dataclass
class ActionDescriptor(Generic[I, O]):
    """An action and its place in the batches, with room for what became of it.

    Attributes
    ----------
    action
        The action.
    batch_index, node_index
        Its place: the batch (the root's is 0), and within it.
    predecessors
        The places of its predecessors.
    result, time_started, time_ended, error
        Filled in by `DagaFlowUtils.wrap_action`; times in seconds since the epoch.
    """

    action: Any
    batch_index: BatchID
    node_index: NodeID
    predecessors: list[tuple[BatchID, NodeID]]
    result: O | None = None
    time_started: float | None = None
    time_ended: float | None = None
    error: Exception | None = None


class Batch(list[ActionDescriptor[I, O]]):
    """The actions that do not depend on each other, and may run in parallel."""

    def results(self) -> list[O | None]:
        """Give the results of the actions in this batch."""
        return [descriptor.result for descriptor in self]


class DagaFlowUtils:
    """py-daga's helpers, for code that was written against them."""

    @staticmethod
    def get_predecessors_results(
        action: ActionDescriptor[Any, Any], batches: list[Batch[Any, Any]]
    ) -> list[Any]:
        """Give the results of the predecessors of `action`, in their order."""
        return [batches[batch][node].result for batch, node in action.predecessors]

    @staticmethod
    def initialize_dag_as_flow(dag: nx.DiGraph[Any], root: DagaAction[Any, Any] | None = None) -> None:
        """Add a root before every node of `dag` that has no predecessors. This changes `dag`.

        Calling it again with a graph that has a root already adds nothing.
        """
        sources = [node for node in dag if not dag.in_degree(node)]
        if len(sources) == 1 and isinstance(sources[0], EmptyAction) and (root is None or root is sources[0]):
            return
        first = EmptyAction() if root is None else root
        dag.add_edges_from((first, node) for node in sources)

    @staticmethod
    def get_flow_batches(dag: nx.DiGraph[Any]) -> list[Batch[Any, Any]]:
        """Give the topological generations of `dag` as batches of descriptors."""
        place: dict[Any, tuple[BatchID, NodeID]] = {}
        batches: list[Batch[Any, Any]] = []
        for number, generation in enumerate(nx.topological_generations(dag)):
            batch: Batch[Any, Any] = Batch()
            for index, action in enumerate(generation):
                place[action] = (number, index)
                before = [place[one] for one in dag.predecessors(action)]
                batch.append(ActionDescriptor(action, number, index, before))
            batches.append(batch)
        return batches

    @staticmethod
    async def wrap_action(action: ActionDescriptor[Any, Any], batches: list[Batch[Any, Any]]) -> Any:
        """Call one action, note its times and its result or error, and give the result.

        Raises
        ------
        Exception
            What the action raised.
        """
        action.time_started = time.time()
        try:
            given = action.action(DagaFlowUtils.get_predecessors_results(action, batches))
            action.result = await given if inspect.isawaitable(given) else given
        except Exception as error:
            action.error = error
            raise
        finally:
            action.time_ended = time.time()
        return action.result

    @staticmethod
    async def rollback_action(action: ActionDescriptor[Any, Any], batches: list[Batch[Any, Any]]) -> Any:
        """Call the rollback of one action, and give its result; without one, a warning and None."""
        results = DagaFlowUtils.get_predecessors_results(action, batches)
        if not hasattr(action.action, "rollback"):
            DagaAction.log.warning("No rollback action for %s", action.action)
            return None
        return await action.action.rollback(results)
