"""The graphs that are timed: chain, wide and layered, each of about n nodes."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import networkx as nx

from daga_nb import DagaAction


def make_function() -> Callable[..., Any]:
    async def work(results: list[Any]) -> int:
        return 1

    return work


def make_action() -> DagaAction[Any, Any]:
    """An action with a rollback, as a saga has it."""
    action: DagaAction[Any, Any] = DagaAction(make_function())
    action.register_function_as_rollback(make_function())
    return action


def chain(nodes: list[Any]) -> nx.DiGraph:
    return nx.DiGraph(list(itertools.pairwise(nodes)))


def wide(nodes: list[Any]) -> nx.DiGraph:
    return nx.DiGraph([(nodes[0], node) for node in nodes[1:]])


def layered(nodes: list[Any], width: int = 33, parents: int = 2) -> nx.DiGraph:
    """Layers of `width` nodes, each with `parents` predecessors in the layer before."""
    rng = random.Random(7)
    graph = nx.DiGraph()
    graph.add_nodes_from(nodes)
    for place in range(width, len(nodes)):
        start = (place // width - 1) * width
        for before in rng.sample(range(start, start + width), parents):
            graph.add_edge(nodes[before], nodes[place])
    return graph


SHAPES: dict[str, Callable[[list[Any]], nx.DiGraph]] = {"chain": chain, "wide": wide, "layered": layered}
