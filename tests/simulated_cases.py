"""Random sagas with policies, and a script of what each call meets with: executed, and in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

import networkx as nx
from virtual_loop import in_no_time

from daga_nb import DagaAction, DagaFlow
from daga_nb.debug.simulation import setup_of
from daga_nb.debug.virtual import VirtualRun
from daga_nb.engine.retries import Retries

DRAWN = {"Failure: as drawn", "simulated failure"}


class Failure(Exception):
    """What a call raises that is to fail."""


@dataclass(frozen=True)
class Case:
    """A saga, and the number from which every call's seconds and outcome follow."""

    parents: dict[str, tuple[str, ...]]
    actions: dict[str, dict[str, Any]]
    no_undo: frozenset[str]
    options: dict[str, Any]
    fails: float
    undo_fails: float
    seed: int


def random_case(seed: int) -> Case:
    """Make up a case of 1 to 9 actions, with every policy now and then."""
    rng = Random(seed)
    names = [f"n{number}" for number in range(rng.randint(1, 9))]
    parents: dict[str, tuple[str, ...]] = {}
    for name in names:
        known = list(parents)
        parents[name] = tuple(rng.sample(known, min(rng.choice([0, 1, 1, 2, 3]), len(known))))

    def retries() -> Any:
        return rng.choice([0, 1, Retries(rng.randint(1, 3), wait=rng.uniform(0.1, 2), factor=1.5)])

    actions: dict[str, dict[str, Any]] = {}
    no_undo = frozenset(name for name in names if rng.random() < rng.choice([0.0, 0.25]))
    for name in names:
        options: dict[str, Any] = {}
        if rng.random() < 0.3:
            options["retries"] = retries()
        if rng.random() < 0.2:
            options["timeout"] = rng.uniform(0.5, 3)
        # Each its own: of two calls that end in one moment, the loop may hear either first.
        options["rollback_timeout"] = rng.uniform(0.5, 3) if rng.random() < 0.2 else rng.uniform(5, 9)
        if rng.random() < 0.15:
            options["rollback_failed"] = rng.random() < 0.5
        if rng.random() < 0.1:
            options["pivot"] = True
        if rng.random() < 0.15:
            options["save_point"] = rng.randint(1, 3)
        if name in no_undo and rng.random() < 0.5:
            options["no_effect"] = True
        actions[name] = options
    return Case(
        parents,
        actions,
        no_undo,
        {
            "schedule": rng.choice(["batch", "eager"]),
            "rollback_order": rng.choice([None, "batches", "graph", "completion"]),
            "rollback_failed": rng.random() < 0.8,
            "on_rollback_error": rng.choice(["continue", "continue", "stop"]),
            "max_parallel": rng.choice([None, None, 1, 2]),
            "retries": rng.choice([0, 0, retries()]),
            "rollback_retries": rng.choice([0, 0, retries()]),
        },
        rng.choice([0.0, 0.1, 0.3, 0.5]),
        rng.choice([0.0, 0.0, 0.3]),
        seed,
    )


@dataclass
class Script:
    """What each call meets with: the same, whoever asks, and in whatever order."""

    case: Case
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)

    def next(self, name: str, direction: str) -> tuple[float, bool]:
        self.calls[name, direction] += 1
        rng = Random(f"{self.case.seed} {name} {direction} {self.calls[name, direction]}")
        rate = self.case.fails if direction == "forward" else self.case.undo_fails
        return rng.uniform(0.0, 4.0), rng.random() < rate


def flow_of(case: Case, script: Script) -> DagaFlow[Any, Any]:
    """Make the flow whose actions do what the script says."""

    def made(name: str) -> DagaAction[Any, Any]:
        async def act(results: Any, direction: str = "forward") -> None:
            seconds, fails = script.next(name, direction)
            await asyncio.sleep(seconds)
            if fails:
                raise Failure("as drawn")

        action: DagaAction[Any, Any] = DagaAction(act, name=name, **case.actions[name])
        if name not in case.no_undo:

            async def take_back(results: Any) -> None:
                await act(results, "back")

            action.on_rollback(take_back)
        return action

    made_of = {name: made(name) for name in case.parents}
    graph: nx.DiGraph[Any] = nx.DiGraph()
    graph.add_nodes_from(made_of.values())
    graph.add_edges_from((made_of[one], made_of[name]) for name in made_of for one in case.parents[name])
    return DagaFlow(graph, **case.options)


def executed(case: Case) -> tuple[Any, list[float]]:
    """Run the flow for real, on a clock that jumps; give the run, and when each event happened."""

    async def main() -> tuple[Any, list[float]]:
        times: list[float] = []
        run = flow_of(case, Script(case)).start()
        run.subscribe(lambda event: times.append(asyncio.get_running_loop().time()))
        await run.go()
        return run, times

    return in_no_time(main())


def simulated(case: Case) -> VirtualRun:
    """Tell the same in virtual time."""
    script = Script(case)
    flow = flow_of(case, script)
    names = flow.plan.names
    return VirtualRun(setup_of(flow), lambda node, direction: script.next(names[node], direction)).finish()
