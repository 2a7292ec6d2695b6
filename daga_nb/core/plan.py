"""A graph of actions, compiled to integers: checked once, then cheap to walk in both directions."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import networkx as nx

from daga_nb.errors import CycleError, unknown_action

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """The shape of a flow.

    Nodes are numbered in plan order: batch by batch, and within a batch as in the graph.

    Attributes
    ----------
    names
        The display name of each node; all different.
    predecessors
        For each node, its predecessors in the order of the user's graph.
    successors
        For each node, its successors.
    batches
        The topological generations. ``batches[0]`` is what people see as batch 1.
    batch_of
        For each node, the index of its batch.
    nodes
        The nodes of the user's graph, in plan order. The machine never looks at them.

    Examples
    --------
    >>> plan = Plan.compile(nx.DiGraph([("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]), str)
    >>> plan.batches
    ((0,), (1, 2), (3,))
    >>> plan.names[3], plan.predecessors[3]
    ('d', (1, 2))
    """

    names: tuple[str, ...]
    predecessors: tuple[tuple[int, ...], ...]
    successors: tuple[tuple[int, ...], ...]
    batches: tuple[tuple[int, ...], ...]
    batch_of: tuple[int, ...]
    nodes: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"Plan({len(self)} nodes, {len(self.batches)} batches)"

    @cached_property
    def ids(self) -> dict[str, int]:
        """The number of each display name."""
        return {name: number for number, name in enumerate(self.names)}

    @cached_property
    def sinks(self) -> tuple[int, ...]:
        """The nodes without successors."""
        return tuple(number for number, after in enumerate(self.successors) if not after)

    def find(self, name: str) -> int:
        """Give the number of the action with this display name.

        Raises
        ------
        UnknownAction
            If there is none; the message names the nearest ones.
        """
        found = self.ids.get(name)
        if found is None:
            raise unknown_action(name, self.names)
        return found

    @classmethod
    def compile(cls, graph: Any, name_of: Any) -> Plan:
        """Compile a directed graph; `name_of` gives the wished display name of a node.

        The order of predecessors is taken from `graph` itself: copying a graph changes it. Batches come out
        as those of `networkx.topological_generations`, in linear time.

        Raises
        ------
        CycleError
            If the graph has a cycle; the error names it.
        """
        adjacency: dict[Hashable, Iterable[Hashable]] = dict(graph.adjacency())
        before = {node: tuple(graph.predecessors(node)) for node in adjacency}
        waiting = {node: len(found) for node, found in before.items()}
        generation = [node for node, count in waiting.items() if not count]
        number: dict[Hashable, int] = {}
        batches: list[tuple[int, ...]] = []
        batch_of: list[int] = []
        while generation:
            start = len(number)
            following: list[Hashable] = []
            for node in generation:
                number[node] = len(number)
                for successor in adjacency[node]:
                    waiting[successor] -= 1
                    if not waiting[successor]:
                        following.append(successor)
            batch_of += [len(batches)] * len(generation)
            batches.append(tuple(range(start, len(number))))
            generation = following
        if len(number) < len(adjacency):
            cycle = [name_of(edge[0]) for edge in nx.find_cycle(graph)]
            raise CycleError([*cycle, cycle[0]])
        wished = {node: name_of(node) for node in adjacency}
        names = _unique(wished)
        return cls(
            names=tuple([names[node] for node in number]),
            predecessors=tuple([tuple([number[one] for one in before[node]]) for node in number]),
            successors=tuple([tuple([number[one] for one in adjacency[node]]) for node in number]),
            batches=tuple(batches),
            batch_of=tuple(batch_of),
            nodes=tuple(number),
        )


def _unique(wished: dict[Hashable, str]) -> dict[Hashable, str]:
    """Make display names different: the second ``pay`` in the graph becomes ``pay 2``."""
    taken = set(wished.values())
    if len(taken) == len(wished):
        return wished
    seen: set[str] = set()
    count: dict[str, int] = {}
    names: dict[Hashable, str] = {}
    for node, name in wished.items():
        unique = name
        while unique in seen or (unique != name and unique in taken):
            count[name] = count.get(name, 1) + 1
            unique = f"{name} {count[name]}"
        seen.add(unique)
        names[node] = unique
    return names
