"""Processes that die: a random plot is carried out with a journal, and again and again nothing goes on.

The world outlives them: it knows of every call when it began, how it ended, and with which key it was made.
A process dies at a point, which is before or after a write into the journal, or at the beginning or the end
of a call. From then on nothing of it reaches the journal or the world.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

import networkx as nx
import pytest
from rounds import EVER
from strategies import Failure, Plot, ending

from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault, FlowRun
from daga_nb.journal.file import Journal

Person = Literal["nobody", "aborts", "cancels", "decides"]


@dataclass(frozen=True)
class Life:
    """What happens to a plot from outside: how its processes end, and what a person does."""

    dies_at: tuple[int, ...] = ()  # at which of its points each process dies; the one after them lives
    person: Person = "nobody"
    when: int = 1  # before which step, or in which call, the person aborts or cancels
    tells: bool = False  # whether the actions tell the ledger
    seed: int = 0  # of what a person decides
    narrow: bool = False  # whether the later processes call one at a time


class Killed(BaseException):
    """The process has ended."""


class Process:
    """Counts its points, and dies at one of them."""

    def __init__(self, dies_at: int | None = None) -> None:
        self.dies_at = dies_at
        self.points: list[str] = []
        self.dead = False

    def point(self, where: str) -> None:
        if not self.dead:
            self.points.append(where)
            self.dead = len(self.points) == self.dies_at
        if self.dead:
            raise Killed(where)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let its journal's writes be such points."""
        right = Journal.write

        def write(journal: Journal, statements: Any) -> None:
            self.point("before a write")
            right(journal, statements)
            self.point("after a write")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Journal, "write", write)
            yield

    def play(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Carry work out until it ends, or this process does."""
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda loop, context: None)  # nobody is there to hear of it
        hangs = loop.call_later(20, loop.stop)
        try:
            return loop.run_until_complete(work)
        except Killed:
            assert self.dead
            return None
        finally:
            hangs.cancel()
            left = asyncio.all_tasks(loop)
            while left:
                for task in left:
                    task.cancel()
                loop.run_until_complete(asyncio.wait(left))
                left = asyncio.all_tasks(loop)
            loop.close()


@dataclass
class Call:
    """One call, as the world has seen it."""

    kind: str
    name: str
    attempt: int
    key: str
    handed: tuple[Any, ...]
    process: int
    ended: str = ""  # "returned" or "raised"; empty while nobody knows

    @property
    def told(self) -> tuple[str, str, int]:
        return self.kind, self.name, self.attempt


@dataclass
class World:
    """What outlives a process."""

    calls: list[Call] = field(default_factory=list)
    marks: list[tuple[str, str, int]] = field(default_factory=list)
    effects: list[tuple[str, str]] = field(default_factory=list)  # told, and heard by the ledger
    processes: int = 0


class Mortal:
    """A plot in one process: fresh objects, and the world as it is."""

    def __init__(self, plot: Plot, life: Life, world: World, process: Process, name: str = "") -> None:
        self.plot, self.life, self.world, self.process = plot, life, world, process
        self.during: Callable[[str], None] = lambda kind: None
        self._rng = Random(plot.seed + 1000 * world.processes)
        self._number = world.processes
        world.processes += 1
        saga = plot.saga
        self.faults = [
            Fault.raising(Failure(f"do {node}"), at=node, where=where)  # type: ignore[arg-type]
            for node, where in plot.places.items()
            if where != "own"
        ]
        self.faults += [
            Fault.raising(Failure(f"undo {node}"), at=node, where="rollback") for node in plot.planted
        ]
        order = list(saga.parents)
        if plot.seed:
            Random(plot.seed).shuffle(order)
        actions = {node: self._action(node) for node in order}
        graph: nx.DiGraph[Any] = nx.DiGraph()
        graph.add_nodes_from(actions.values())
        graph.add_edges_from((actions[one], actions[node]) for node in order for one in saga.parents[node])
        self.flow: DagaFlow[Any, Any] = DagaFlow(
            graph,
            name=name or None,
            max_parallel=plot.max_parallel,
            schedule="eager" if saga.eager else "batch",
            rollback_failed=saga.rollback_failed,
            on_rollback_error="stop" if saga.stop else "continue",
            rollback_order=plot.policies.order,
        )

    def _action(self, name: str) -> DagaAction[Any, Any]:
        saga, policies = self.plot.saga, self.plot.policies
        own = name in saga.fails and self.plot.places.get(name, "own") == "own"
        failing = EVER if own else policies.flaky.get(name, 0)
        undo_failing = EVER if name in saga.undo_fails else policies.undo_flaky.get(name, 0)

        if name in self.plot.plain:

            def act(results: Any, context: Any) -> str:
                call = self._begin("do", name, context, results)
                return self._end(call, context, failing)

            def take_back(results: Any, result: Any, error: Any, context: Any) -> str:
                call = self._begin("undo", name, context, results, result, error, context.outcome)
                return self._end(call, context, undo_failing)
        else:

            async def act(results: Any, context: Any) -> str:
                call = self._begin("do", name, context, results)
                await self._pause()
                return self._end(call, context, failing)

            async def take_back(results: Any, result: Any, error: Any, context: Any) -> str:
                call = self._begin("undo", name, context, results, result, error, context.outcome)
                await self._pause()
                return self._end(call, context, undo_failing)

        action: DagaAction[Any, Any] = DagaAction(
            act,
            name=name,
            no_effect=name in saga.no_effect,
            in_thread=False,  # so that the same plot always goes the same way
            retries=policies.retries.get(name),
            rollback_retries=policies.undo_retries.get(name),
            rollback_failed=not saga.rollback_failed if name in policies.otherwise else None,
            pivot=name in policies.pivots,
            save_point=policies.save_points.get(name),
            idempotent=name in policies.idempotent,
        )
        if name not in saga.no_undo:
            action.on_rollback(take_back)
        return action

    async def _pause(self) -> None:
        for _ in range(self._rng.choice([0, 0, 1, 1, 2, 5])):
            await asyncio.sleep(0)

    def _begin(self, kind: str, name: str, context: Any, *handed: Any) -> Call:
        self.process.point(f"before {kind}")
        call = Call(kind, name, context.attempt, context.key, handed, self._number)
        self.world.calls.append(call)
        self.world.marks.append((f"{kind}+", name, context.attempt))
        if self.life.tells:
            (context.effect if kind == "do" else context.undo_effect)("row", name)
            self.world.effects.append((kind, name))
        self.during(kind)
        return call

    def _end(self, call: Call, context: Any, failing: int) -> str:
        self.process.point(f"in {call.kind}")
        fails = call.attempt <= failing
        call.ended = "raised" if fails else "returned"
        self.world.marks.append((f"{call.kind}-", call.name, call.attempt))
        self.process.point(f"after {call.kind}")
        if fails:
            raise Failure(f"{call.kind} {call.name}")
        return f"{call.kind} {call.name}"

    # ------------------------------------------------------------ what a person does

    async def drive(self, run: FlowRun) -> Any:
        """Go on to the end, as the person wants it."""
        if self.life.person == "decides":
            await self._decide(run)
        elif self.life.person == "aborts" and not run.state.back:
            for _ in range(self.life.when):
                await run.step()
            if str(run.state) != "RECOVERING" and run.pivot is None and not run.undecided:
                return await self._rolled_back(run)
        elif self.life.person == "cancels":
            main, left = asyncio.current_task(), self.life.when

            def strike(kind: str) -> None:
                nonlocal left
                left -= kind == "do" and str(run.state) == "RUNNING"
                if not left:
                    left -= 1
                    assert main is not None
                    main.cancel()

            self.during = strike
        try:
            return await ending(run)
        except asyncio.CancelledError:
            return None

    async def _rolled_back(self, run: FlowRun) -> Any:
        with suppress(DagaFlowError):
            await run.rollback()
        return await ending(run)

    async def _decide(self, run: FlowRun) -> None:
        rng = Random(f"{self.life.seed} {self._number}")
        while not run.state.back and not run.state.ended:
            await run.go()
            undecided = run.undecided
            if run.state.back or run.state.ended or not undecided:
                continue
            what = rng.choice(["retry one", "retry all", "skip", "skip", "roll back"])
            if what == "skip":
                run.skip(rng.choice(undecided), "by hand")
            elif what == "retry one":
                await run.retry(rng.choice(undecided))
            elif what == "retry all":
                await run.retry()
            elif run.pivot is None:
                run.on_failure = "rollback"
                await self._rolled_back(run)
