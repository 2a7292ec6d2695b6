"""A flow for tests of policies: its actions write down what they do, and fail as often as they are told."""

from __future__ import annotations

import itertools
from typing import Any

import networkx as nx
import pytest
from clock import now
from helpers import Boom, Gate

from daga_nb import DagaAction, DagaFlow, DagaFlowError

CHAIN = [("a", "b"), ("b", "c"), ("c", "d")]


class Scene:
    """A flow of actions that write down what they do, each failing so many times as `fails` says."""

    def __init__(self, edges: Any = CHAIN, how: Any = None, *, fails: Any = (), **options: Any) -> None:
        self.done: list[str] = []
        self.keys: list[str] = []
        self.fails = dict(fails)  # "b": how often it fails; "undo b": how often its rollback does
        self.gates: dict[str, Gate] = {}
        self.how = how or {}
        names = dict.fromkeys(end for edge in edges for end in edge)
        made = {name: self._action(name, dict(self.how.get(name, {}))) for name in names}
        graph: nx.DiGraph[Any] = nx.DiGraph()
        graph.add_nodes_from(made.values())
        graph.add_edges_from((made[one], made[other]) for one, other in edges)
        self.flow = DagaFlow(graph, **options)

    def _action(self, name: str, options: dict[str, Any]) -> DagaAction[Any, Any]:
        undo = options.pop("undo", True)

        async def call(what: str, context: Any) -> str:
            if what in self.gates:
                await self.gates[what].wait()
            self.done.append(what)
            self.keys.append(context.key.partition("/")[2])
            self.fails[what] = self.fails.get(what, 0) - 1
            if self.fails[what] >= 0:
                raise Boom(what)
            return what

        async def do(results: Any, context: Any) -> str:
            return await call(name, context)

        async def take_back(results: Any, context: Any) -> str:
            return await call(f"undo {name}", context)

        made = DagaAction[Any, Any](do, name=name, **options)
        if undo:
            made.on_rollback(take_back)
        return made

    def gate(self, what: str) -> Gate:
        """Stop a call until the test lets it go on."""
        return self.gates.setdefault(what, Gate())

    def take(self) -> list[str]:
        """Give what was done since this was last asked."""
        taken = self.done[:]
        self.done.clear()
        return taken


def run_states(run: Any) -> list[str]:
    return [f"{event.state} {event.reason}".strip() for event in run.events if event.node is None]


async def lost(run: Any) -> list[str]:
    with pytest.raises(DagaFlowError) as caught:
        await run.finish()
    return [str(error) for error in caught.value.exceptions]


def flaky(done: list[str], name: str, fails: int, *, undo_fails: int = 0, **options: Any) -> Any:
    """Make an action that fails so many times and then works, and a rollback that does."""
    left = {"do": fails, "undo": undo_fails}

    async def call(kind: str) -> str:
        done.append(f"{kind} {name} at {now():g}")
        left[kind] -= 1
        if left[kind] >= 0:
            raise Boom(f"{kind} {name}, {left[kind]} left")
        return f"{kind} {name}"

    async def do(results: Any) -> str:
        return await call("do")

    async def undo(results: Any) -> str:
        return await call("undo")

    made = DagaAction[Any, Any](do, name=name, **options)
    made.on_rollback(undo)
    return made


def chain(*actions: Any, **options: Any) -> DagaFlow[Any, Any]:
    return DagaFlow(list(itertools.pairwise(actions)), **options)


async def raised(run: Any) -> tuple[BaseException, ...]:
    with pytest.raises(DagaFlowError) as caught:
        await run.finish()
    return caught.value.exceptions


def reasons(run: Any) -> list[str]:
    return [f"{event} {event.attempt}: {event.reason}" for event in run.events if event.reason]
