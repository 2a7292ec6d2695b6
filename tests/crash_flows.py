"""The flows of the crash tests: what each is made of, and what is to be expected of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import networkx as nx
from crash_world import World
from helpers import Boom, turns

from daga_nb import DagaAction, DagaFlow, Retries
from daga_nb.engine.calls import Context

Fails = Callable[[Context, int], bool]
"""Whether a call fails, of its context and how often it had been made before."""


def always(context: Context, before: int) -> bool:
    return True


def at_first(context: Context, before: int) -> bool:
    return before == 0


def until_anew(context: Context, before: int) -> bool:
    """Until the run has gone back to a save point."""
    return context.key.endswith("/do")


class Plot(NamedTuple):
    """One flow, in the words of the tests.

    Attributes
    ----------
    edges
        Between the names of its actions.
    idempotent
        The actions that may be called again.
    fails, undo_fails
        What raises, and when.
    stays
        The actions without a rollback.
    saved, tries
        The actions after the save point, and how often the run may go back to it.
    pivot
        The point of no return.
    how
        Options of some of the actions.
    options
        Options of the flow.
    threads
        Whether its functions are plain ones, which run in threads.
    """

    edges: str
    idempotent: str = ""
    fails: Mapping[str, Fails] = {}
    undo_fails: Mapping[str, Fails] = {}
    stays: str = ""
    saved: str = ""
    tries: int = 0
    pivot: str = ""
    how: Mapping[str, Mapping[str, Any]] = {}
    options: Mapping[str, Any] = {}
    threads: bool = False

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [(edge[0], edge[1]) for edge in self.edges.split()]

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys("".join(self.edges.split())))

    def before(self, name: str) -> list[str]:
        """Give what an action comes after, in order."""
        return [one for one, other in self.pairs if other == name]

    @property
    def graph(self) -> nx.DiGraph[str]:
        return nx.DiGraph(self.pairs)

    def undone_before(self, name: str) -> set[str]:
        """Give all that has to be undone before `name` is."""
        later = set(nx.descendants(self.graph, name))
        if self.options.get("schedule") != "eager":
            batches = [set(batch) for batch in nx.topological_generations(self.graph)]
            place = next(number for number, batch in enumerate(batches) if name in batch)
            later |= set().union(*batches[place + 1 :])
        return later

    def result(self, name: str) -> str:
        """Give what an action returns."""
        return f"{name}({', '.join(map(self.result, self.before(name))) or 'x'})"

    def flow(self, world: World) -> DagaFlow[Any, Any]:
        """Give the flow, to act in a world."""
        made = {name: self._action(world, name) for name in self.names}
        graph: nx.DiGraph[Any] = nx.DiGraph([(made[one], made[other]) for one, other in self.pairs])
        return DagaFlow(graph, **self.options)

    def _action(self, world: World, name: str) -> DagaAction[Any, Any]:
        def do(results: list[str], context: Context) -> str:
            before = world.act(context)
            fails = self.fails.get(name)
            if fails is not None and fails(context, before):
                raise Boom(name)
            return f"{name}({', '.join(map(str, results))})"

        def undo(results: list[str], context: Context) -> str:
            before = world.take_back(context)
            fails = self.undo_fails.get(name)
            if fails is not None and fails(context, before):
                raise Boom(f"undo {name}")
            return f"undone {name}"

        def kind(function: Callable[[list[str], Context], str]) -> Callable[..., Any]:
            # Later in the alphabet, later through: each outcome has a commit of its own then.
            return function if self.threads else _coroutine(function, self.names.index(name))

        options = {
            "idempotent": name in self.idempotent,
            "pivot": name == self.pivot,
            **self.how.get(name, {}),
        }
        made = DagaAction[Any, Any](kind(do), name=name, **options)
        if name not in self.stays:
            made.on_rollback(kind(undo))
        return made


def _coroutine(function: Callable[[list[str], Context], str], place: int) -> Callable[..., Awaitable[str]]:
    async def called(results: list[str], context: Context) -> str:
        await turns(3 * place)
        try:
            return function(results, context)
        finally:
            await turns(3 * place)

    return called


PLOTS: Mapping[str, Plot] = {
    "chain, all idempotent": Plot("ab bc cd", idempotent="abcd"),
    "diamond that fails": Plot("ab ac bd cd", fails={"c": always}),
    "diamond, eager": Plot("ab ac bd cd ce", options={"schedule": "eager"}),
    "batch in threads": Plot("ab ac ad be ce de", idempotent="abde", threads=True),
    "retries": Plot(
        "ab bc",
        idempotent="abc",
        fails={"b": at_first, "c": always},
        undo_fails={"a": at_first},
        how={"b": {"retries": Retries(1, wait=0.001)}, "c": {"retries": 1}, "a": {"rollback_retries": 1}},
    ),
    "pivot, eager": Plot("ap pc ay yx", idempotent="c", pivot="p", options={"schedule": "eager"}),
    "save point": Plot(
        "ab bc bd ce de",
        idempotent="d",
        fails={"c": until_anew},
        saved="cde",
        tries=1,
        how={"b": {"save_point": 1}},
    ),
    "something stays": Plot("ab bc", stays="b", fails={"c": always}),
}
