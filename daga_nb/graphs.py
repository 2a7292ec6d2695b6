"""The graph that a flow is made from: checked before anything else, with errors that say what to do."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Set
from typing import Any

import networkx as nx

from daga_nb.engine.calls import display_name
from daga_nb.errors import FlowDefinitionError
from daga_nb.meta import DagaMeta

__all__ = ["checked", "checked_node", "name_of"]

_ALONE = "Actions without edges: graph = nx.DiGraph(), and graph.add_node(action) for each."


def checked(graph: Any) -> nx.DiGraph[Any]:
    """Give the graph as a `DiGraph`, once it is found to be one that can be run."""
    if graph is None:
        raise FlowDefinitionError(
            "The graph is None. `DiGraph().add_edges_from(...)` returns None: make the graph first "
            "(`graph = nx.DiGraph()`), add the edges, then DagaFlow(graph); or hand DagaFlow a list of edges."
        )
    if not isinstance(graph, nx.Graph):
        graph = _from_edges(graph)
    if graph.is_multigraph():
        raise FlowDefinitionError(
            "A multigraph cannot be run: between two actions there is one edge. Use nx.DiGraph."
        )
    if not graph.is_directed():
        raise FlowDefinitionError(
            "An undirected graph cannot be run: its edges do not say what comes first. Use nx.DiGraph."
        )
    if not len(graph):
        raise FlowDefinitionError("The graph is empty: there is nothing to run. Add at least one action.")
    for node in graph:
        checked_node(node)
    return graph


def checked_node(node: Any) -> None:
    """Refuse what cannot be a node of a flow.

    Raises
    ------
    FlowDefinitionError
        If it cannot be called, or was called already.
    """
    if inspect.iscoroutine(node):
        node.close()
        raise FlowDefinitionError(
            f"{node.__name__} was called already, and what it gave can run only once: put the function "
            f"itself in the graph, {node.__name__}."
        )
    if isinstance(node, DagaMeta):
        raise FlowDefinitionError(
            f"{node.__name__} is a class of actions: put an instance in the graph, {node.__name__}()."
        )
    if not callable(node):
        raise FlowDefinitionError(
            f"The node {_short(node)} cannot be called. The nodes of a flow are functions, "
            "functools.partials or DagaActions."
        )


def _from_edges(edges: Any) -> nx.DiGraph[Any]:
    pairs = isinstance(edges, Iterable) and not isinstance(edges, str | bytes)
    if not pairs or (isinstance(edges, Mapping) and not isinstance(edges, Set)):  # graph.edges is both
        raise FlowDefinitionError(
            f"A flow is made from a networkx.DiGraph or a list of edges, not from {_short(edges)}. {_ALONE}"
        )
    graph: nx.DiGraph[Any] = nx.DiGraph()
    for edge in edges:
        if not isinstance(edge, tuple | list) or len(edge) != 2:
            raise FlowDefinitionError(
                f"{_short(edge)} is no edge: each is a pair, as in [(before, after)]. {_ALONE}"
            )
        try:
            graph.add_edge(*edge)
        except (TypeError, ValueError) as error:
            raise FlowDefinitionError(
                f"The edge {_short(edge)} has a node that cannot stand in a graph: {error}."
            ) from None
    return graph


def _short(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_short, value[:3]))})"
    text = display_name(value) if inspect.isroutine(value) else repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


def name_of(node: Any) -> str:
    """Give the name that a node wishes to have."""
    return display_name(node) or "action"
