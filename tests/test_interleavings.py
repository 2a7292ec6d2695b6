"""In whatever order actions end, the run ends the same: sampled, and enumerated where it is small."""

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
from gate import Gate, Mark
from long import LONG, base
from model import Saga
from strategies import MAY_NOT_FIRE, Plot, Told, ending, random_plot

from daga_nb import FlowRun

pytestmark = MAY_NOT_FIRE

# Each in eight random orders.
FLOWS = 1_250 if LONG else 60

DIAMOND: dict[str, tuple[str, ...]] = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}
FAN: dict[str, tuple[str, ...]] = {"a": (), "b": ("a",), "c": ("a",), "d": ("a",), "e": ("a",)}


class AllOrders:
    """Chooses so that in the end every order has been chosen: a walk of the tree of choices, depth first."""

    def __init__(self) -> None:
        self._path: list[tuple[int, int]] = []  # at each choice: which, out of how many
        self._at = 0

    def __call__(self, waiting: Sequence[Mark]) -> Mark:
        if self._at == len(self._path):
            self._path.append((0, len(waiting)))
        which, of = self._path[self._at]
        assert of == len(waiting), "the same choices led elsewhere"
        self._at += 1
        return waiting[which]

    def next(self) -> bool:
        """Go on to an order that was not chosen yet; False when all have been."""
        self._at = 0
        while self._path:
            which, of = self._path.pop()
            if which + 1 < of:
                self._path.append((which + 1, of))
                return True
        return False


def conduct(plot: Plot, choose: Any) -> tuple[FlowRun, Gate]:
    """Carry the plot out in the order chosen, and judge it; at each moment what may run runs, no more."""

    async def work() -> tuple[FlowRun, Gate]:
        gate = Gate()
        told = Told(plot, pause=gate.stop)
        run = told.flow.start(7, faults=told.faults)
        before = asyncio.all_tasks()
        ended = await gate.conduct(
            ending(run), choose, lambda waiting: assert_nobody_idles(run, plot, waiting)
        )
        assert asyncio.all_tasks() == before
        told.judge(run, ended, witness=True)
        return run, gate

    return asyncio.run(work())


def assert_nobody_idles(run: FlowRun, plot: Plot, waiting: Sequence[Mark]) -> None:
    """What may run, runs, as far as `max_parallel` allows: eager, nobody waits for a straggler."""
    states = {name: str(state) for name, state in run.states.items()}
    saga, parents = plot.saga, plot.saga.parents
    if run.state == "RUNNING" and "FAILED" not in states.values():
        open_ones = {name for name, state in states.items() if state != "SUCCEEDED"}
        front = next(batch for batch in run.batches if open_ones & {*batch})
        after = parents
    elif run.state == "ROLLING_BACK" and not (saga.stop and "ROLLBACK_FAILED" in states.values()):
        owed = {"SUCCEEDED", "ROLLING_BACK"} | ({"FAILED"} if saga.rollback_failed else set())
        open_ones = {name for name, state in states.items() if state in owed}
        open_ones -= {name for name in saga.no_undo if states[name] == "FAILED"}
        front = next(batch for batch in reversed(run.batches) if open_ones & {*batch})
        after = {name: tuple(n for n in parents if name in parents[n]) for name in parents}
    else:
        return
    now = {n for n in open_ones if not open_ones & {*after[n]} and (saga.eager or n in front)}
    running = {name for _, name in waiting}
    assert running <= now
    assert len(running) == min(len(now), plot.max_parallel or len(now))


@pytest.mark.parametrize("eager", [False, True], ids=["batch", "eager"])
@pytest.mark.parametrize(
    ("saga", "orders"),
    [
        (Saga(FAN), 24),
        (Saga(FAN, fails=frozenset("c")), 24 * 24),
        (Saga(FAN, fails=frozenset("ce"), undo_fails=frozenset("b")), 24 * 24),
        (Saga(FAN, fails=frozenset("c"), undo_fails=frozenset("bd"), stop=True), 24 * 24),
        (Saga(DIAMOND, fails=frozenset("d"), undo_fails=frozenset("c")), 2 * 2),
        (Saga(DIAMOND, fails=frozenset("b"), no_undo=frozenset("c")), 2),
    ],
    ids=[
        "fan",
        "fan, one fails",
        "fan, two fail, an undo too",
        "fan, stop",
        "diamond, last",
        "diamond, kept",
    ],
)
def test_every_order_ends_the_same(saga: Saga, orders: int, eager: bool):
    saga = Saga(**{**saga.__dict__, "eager": eager})
    ends = set()
    seen = set()
    choose = AllOrders()
    while True:
        run, gate = conduct(Plot(saga), choose)
        ends.add(tuple(run.states.items()))
        assert tuple(gate.opened) not in seen
        seen.add(tuple(gate.opened))
        if not choose.next():
            break
    assert len(seen) == orders
    assert len(ends) == 1


def test_random_orders_of_random_sagas(counts: Callable[..., None]):
    rng = Random(base()) if LONG else Random(2)
    conducted = 0
    for _ in range(FLOWS):
        plot = random_plot(rng, threads=False, faults=0.8)
        plot = Plot(
            Saga(**{**plot.saga.__dict__, "abort_before": None}),
            plot.places,
            plot.planted,
            max_parallel=plot.max_parallel,
            seed=plot.seed,
        )
        ends = set()
        for seed in range(8):
            run, _ = conduct(plot, Random(seed).choice)
            ends.add(tuple(run.states.items()))
            conducted += 1
        if not plot.saga.eager and plot.max_parallel is None:
            assert len(ends) == 1
    counts(f"random orders of random flows (seed {base()})", orders=conducted)


def test_siblings_of_a_failing_action_finish_first():
    order = [("do", n) for n in "abdce"] + [("undo", n) for n in "cedba"]

    def choose(waiting: Sequence[Mark]) -> Mark:
        return min(waiting, key=order.index)

    run, gate = conduct(Plot(Saga(FAN, fails=frozenset("b"))), choose)
    assert gate.opened == order
    assert [str(e) for e in run.events if e.seq > 7] == [
        "b FAILED",
        "d SUCCEEDED",
        "c SUCCEEDED",
        "e SUCCEEDED",
        "run ROLLING_BACK",
        *(f"{n} ROLLING_BACK" for n in run.batches[1]),
        *(f"{n} ROLLED_BACK" for n in "cedb"),
        "a ROLLING_BACK",
        "a ROLLED_BACK",
        "run ROLLED_BACK",
    ]


def test_eager_no_straggler_holds_up_the_others():
    saga = Saga({"slow": (), "a": (), "b": ("a",), "c": ("b",)}, eager=True)
    order = [("do", "a"), ("do", "b"), ("do", "c"), ("do", "slow")]
    run, gate = conduct(Plot(saga), lambda waiting: min(waiting, key=order.index))
    assert gate.opened == order
    assert run.state == "SUCCEEDED"


def test_eager_going_back_no_straggler_holds_up_the_others():
    saga = Saga({"slow": (), "a": (), "b": ("a",), "c": ("b",)}, eager=True, fails=frozenset({"c"}))
    order = [("do", n) for n in ("slow", "a", "b", "c")] + [("undo", n) for n in ("c", "b", "a", "slow")]
    run, gate = conduct(Plot(saga), lambda waiting: min(waiting, key=order.index))
    assert gate.opened == order
    assert run.state == "ROLLED_BACK"


def test_a_bound_holds_in_both_directions():
    most = {"do": 0, "undo": 0}

    def choose(waiting: Sequence[Mark]) -> Mark:
        kind = waiting[0][0]
        most[kind] = max(most[kind], len(waiting))
        return waiting[-1]

    run, gate = conduct(Plot(Saga({**FAN, "f": ("e",)}, fails=frozenset({"f"})), max_parallel=2), choose)
    assert most == {"do": 2, "undo": 2}
    undone = [n for kind, n in gate.opened if kind == "undo"]
    assert undone == ["f", "c", "d", "e", "b", "a"]
    assert run.state == "ROLLED_BACK"


def test_eager_going_back_what_needs_no_call_holds_nobody_up():
    saga = Saga(
        {"a": (), "quote": ("a",), "slow": (), "f": ("quote", "slow")},
        eager=True,
        fails=frozenset("f"),
        no_undo=frozenset({"quote"}),
        no_effect=frozenset({"quote"}),
    )
    order = [("do", n) for n in ("a", "quote", "slow", "f")] + [("undo", n) for n in ("f", "a", "slow")]
    run, gate = conduct(Plot(saga), lambda waiting: min(waiting, key=order.index))
    assert gate.opened == order
    assert run.state == "ROLLED_BACK"
