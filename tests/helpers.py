"""What many tests share: actions that write down what they do, and a loop that leaves no task behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

import networkx as nx

from daga_nb import DagaAction, DagaFlow, FlowRun
from daga_nb.core.events import Event
from daga_nb.core.machine import Machine
from daga_nb.core.moves import Due, Policy, Undo
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState, RunState

T = TypeVar("T")

DIAMOND = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]


class Boom(Exception):
    """What the actions of the tests fail with."""


def play(work: Coroutine[Any, Any, T], *, debug: bool = False, eager: bool = False) -> T:
    """Run a coroutine in a loop of its own; no task may be left when it ends, well or badly."""

    async def main() -> T:
        if eager:
            asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
        try:
            return await work
        finally:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"tasks left behind: {left}"

    return asyncio.run(main(), debug=debug)


class Skipping(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer when nothing else is to be done: no test waits for time."""

    _ahead = 0.0

    def time(self) -> float:
        return super().time() + self._ahead

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self._ahead += max(0.0, self._scheduled[0].when() - self.time())  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


async def turns(count: int = 25) -> None:
    """Let the event loop make some turns, so that everything that can go on has gone on."""
    for _ in range(count):
        await asyncio.sleep(0)


def story(run: FlowRun) -> list[str]:
    """Give the story of a run as short lines: what, and the state entered."""
    return [str(event) for event in run.events]


def told(events: Any) -> list[str]:
    """Give events as short lines."""
    return [str(event) for event in events]


def words(run: FlowRun) -> dict[str, str]:
    """Give the state of each action, in words."""
    return {name: state.word for name, state in run.states.items()}


def action(
    done: list[str],
    name: str,
    *,
    fails: BaseException | None = None,
    undo: bool = True,
    undo_fails: BaseException | None = None,
    result: Any = None,
    before: Callable[[], Awaitable[object]] | None = None,
    before_undo: Callable[[], Awaitable[object]] | None = None,
    **options: Any,
) -> DagaAction[Any, Any]:
    """Make an action that appends "do name", and whose rollback appends "undo name", to `done`."""

    async def do(results: list[Any]) -> Any:
        if before is not None:
            await before()
        done.append(f"do {name}")
        if fails is not None:
            raise fails
        return name if result is None else result

    async def take_back(results: list[Any]) -> str:
        if before_undo is not None:
            await before_undo()
        done.append(f"undo {name}")
        if undo_fails is not None:
            raise undo_fails
        return f"undone {name}"

    made = DagaAction[Any, Any](do, name=name, **options)
    if undo:
        made.on_rollback(take_back)
    return made


def flow_of(
    done: list[str],
    edges: list[tuple[str, str]] | None = None,
    *,
    nodes: str = "",
    how: Mapping[str, Mapping[str, Any]] | None = None,
    **options: Any,
) -> DagaFlow[Any, Any]:
    """Make a flow of such actions from edges between names (by default the diamond a, b c, d).

    `how` gives more arguments of `action` for some of the names.
    """
    edges = DIAMOND if edges is None and not nodes else edges or []
    names = dict.fromkeys([*nodes, *(end for edge in edges for end in edge)])
    made = {name: action(done, name, **(how or {}).get(name, {})) for name in names}
    graph: nx.DiGraph[Any] = nx.DiGraph()
    graph.add_nodes_from(made.values())
    graph.add_edges_from((made[one], made[other]) for one, other in edges)
    return DagaFlow(graph, **options)


class Gate:
    """A place where an action stops until the test lets it go on.

    >>> gate = Gate()
    >>> made = action([], "a", before=gate.wait)
    """

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._open = asyncio.Event()

    async def wait(self) -> None:
        """Stop here."""
        self.reached.set()
        await self._open.wait()

    def open(self) -> None:
        """Let go whoever stops here, now and later."""
        self._open.set()


# -------------------------------------------------------------------- the machine, by itself


def machine_of(
    edges: list[tuple[str, str]] | None = None,
    *,
    nodes: str = "",
    undo: Mapping[str, Undo] | None = None,
    **policy: Any,
) -> Machine:
    """Make a machine over a graph of names; an action has a rollback unless `undo` says otherwise."""
    graph: nx.DiGraph[Any] = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(DIAMOND if edges is None and not nodes else edges or [])
    plan = Plan.compile(graph, str)
    return Machine(plan, [(undo or {}).get(name, Undo.CALL) for name in plan.names], Policy(**policy))


def tell(machine: Machine, *lines: str) -> Machine:
    """Apply events written as "a RUNNING" or "run ROLLING_BACK"."""
    for line in lines:
        who, _, what = line.rpartition(" ")
        state = RunState(what) if who == "run" else NodeState(what)
        name = None if who == "run" else who
        attempt = machine.attempt(None if name is None else machine.plan.ids.get(name), state)
        machine.apply(Event(len(machine.events) + 1, 0.0, name, state, attempt))
    return machine


def settle(machine: Machine, closing: str = "") -> list[str]:
    """Apply what is due, and give it as lines."""
    lines = due(machine, closing)
    tell(machine, *lines)
    return lines


def due(machine: Machine, closing: str = "") -> list[str]:
    """Give what is due, as lines."""
    return [_line(machine, change) for change in machine.due(closing)]


def _line(machine: Machine, change: Due) -> str:
    who = "run" if change.node is None else machine.plan.names[change.node]
    return f"{who} {change.state.value}"


def ready(machine: Machine, limit: int | None = None) -> list[str]:
    """Give the names of what may start next."""
    return [machine.plan.names[node] for node in machine.ready(limit).nodes]
