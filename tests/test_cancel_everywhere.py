"""A cancel at every gate of twenty flows, also once more at every gate of the rollback that follows.

Enumerated: a call stops before its effect and after it, and at each moment at which all stand still the run
is cancelled. A model that shares no code with the engine says how it must end.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from cancel_model import Case, Seen, after_cancel
from gate import watched
from gated import Failure, Gated
from long import share

from daga_nb.errors import ActionInterrupted, RollbackError


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


CHAIN = {"a": (), "b": ("a",), "c": ("b",), "d": ("c",)}
DIAMOND = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}
WIDE = {"a": (), **dict.fromkeys("bcdef", ("a",))}
LAYERED = {"a": (), "b": (), "c": ("a", "b"), "d": ("a",), "e": ("b",), "f": ("c", "d"), "g": ("d", "e")}
UNEVEN = {"a": (), "b": ("a",), "c": ("b",), "d": ("c",), "e": (), "f": ("e", "d")}
ISLANDS = {"a": (), "b": ("a",), "c": (), "d": ("c",), "e": ()}
TRIP = {
    "quote": (),
    "flight": ("quote",),
    "hotel": ("quote",),
    "car": ("quote",),
    "pay": ("flight", "hotel", "car"),
}
ORDER = {
    "check": (),
    "reserve": ("check",),
    "charge": ("check",),
    "label": ("reserve",),
    "ship": ("charge", "label"),
    "mail": ("ship",),
}

CASES: dict[str, Case] = {
    "one action": Case({"a": ()}),
    "chain": Case(CHAIN),
    "chain, the last fails": Case(CHAIN, fails=names("d")),
    "chain, eager, undos fail": Case(CHAIN, fails=names("d"), undo_fails=names("b d"), eager=True),
    "diamond": Case(DIAMOND),
    "diamond, undone along the graph": Case(DIAMOND, fails=names("d"), order="graph"),
    "diamond, in threads": Case(DIAMOND, fails=names("d"), threads=names("b d")),
    "diamond, a failed one is left": Case(DIAMOND, fails=names("b"), rollback_failed=False),
    "wide": Case(WIDE, fails=names("c")),
    "wide, two at a time": Case(WIDE, fails=names("f"), max_parallel=2),
    "wide, a rollback stops the others": Case(WIDE, fails=names("e"), undo_fails=names("c"), stop=True),
    "layered": Case(LAYERED, fails=names("g")),
    "layered, eager": Case(LAYERED, fails=names("f g"), eager=True),
    "layered, some without a rollback": Case(
        LAYERED, fails=names("f"), no_undo=names("a d f"), no_effect=names("a")
    ),
    "uneven, eager, one at a time": Case(UNEVEN, fails=names("f"), eager=True, max_parallel=1),
    "uneven, what ended last first": Case(UNEVEN, fails=names("f"), eager=True, order="completion"),
    "islands, retries": Case(
        ISLANDS,
        fails=names("d"),
        flaky={"b": 1, "c": 2},
        retries={"b": 1, "c": 2, "d": 1},
        undo_flaky={"a": 1, "e": 1},
        undo_retries={"a": 1},
    ),
    "trip, from a save point": Case(TRIP, fails=names("pay"), save_points={"quote": 1}),
    "trip, past a pivot": Case(TRIP, pivots=names("quote"), threads=names("car")),
    "order, a pivot in the middle": Case(
        ORDER, flaky={"ship": 1, "charge": 1}, retries={"ship": 1, "charge": 1}, pivots=names("charge")
    ),
}
assert len(CASES) == 20


class Cut:
    """A case that is cancelled at the given gates, counted in calls let through; judged when it has ended."""

    def __init__(self, case: Case, at: Sequence[int], way: str = "task", times: int = 1) -> None:
        self.case, self.at, self.way, self.times = case, [*at], way, times
        self.gated = Gated(case)
        self.run = self.gated.run
        self.told: int | None = None  # how long the log was at the first cancel
        self._asked: list[asyncio.Task[Any]] = []

    async def play(self) -> int:
        """Give how many calls were let through in all."""
        before = asyncio.all_tasks()
        started = asyncio.Event()
        task = asyncio.ensure_future(WAYS[self.way](self, started))
        await started.wait()
        await self.gated.conduct(task.done, lambda gate: self._strike(gate, task))
        ended = await result_of(task)
        await asyncio.gather(*self._asked)
        assert asyncio.all_tasks() == before, "a task is left behind"
        if self.told is not None:
            self.judge(ended)
        return len(self.gated.gate.opened)

    def _strike(self, gate: int, task: asyncio.Task[Any]) -> None:
        if self.at and gate == self.at[0]:
            del self.at[0]
            if self.told is None:
                self.told = len(self.gated.log)
            for _ in range(self.times):
                self.strike(task)

    # --------------------------------------------------------------------- ways to cancel

    async def by_task(self, started: asyncio.Event) -> Any:
        self.strike = lambda task: task.cancel()
        started.set()
        return await self.run.finish()

    async def by_run(self, started: asyncio.Event) -> Any:
        self.strike = lambda task: self._asked.append(asyncio.ensure_future(self.run.cancel()))
        started.set()
        return await self.run.finish()

    async def by_timeout(self, started: asyncio.Event) -> Any:
        async with asyncio.timeout(None) as limit:
            self.strike = lambda task: limit.reschedule(0)
            started.set()
            return await self.run.finish()

    async def by_sibling(self, started: asyncio.Event) -> None:
        struck = asyncio.Event()
        self.strike = lambda task: struck.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.run.finish())
            started.set()
            await struck.wait()
            raise Failure("the sibling")

    async def by_stop_button(self, started: asyncio.Event) -> Any:
        """Do as ipykernel does with a cell that awaits: a signal ends a future, and that cancels it, once."""
        loop, pressed = asyncio.get_running_loop(), asyncio.Event()
        cell = asyncio.ensure_future(self.run.finish())

        async def watch() -> None:
            await pressed.wait()
            cell.cancel()

        watching = asyncio.ensure_future(watch())
        old = signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(pressed.set))
        self.strike = lambda task: signal.raise_signal(signal.SIGINT)
        started.set()
        try:
            return await cell
        finally:
            signal.signal(signal.SIGINT, old)
            watching.cancel()
            await asyncio.wait([watching])

    strike: Callable[[asyncio.Task[Any]], object]

    # ---------------------------------------------------------------------------- judging

    def judge(self, ended: Any) -> None:
        case, run, log = self.case, self.run, self.gated.log
        before, after = log[: self.told], log[self.told :]
        want = after_cancel(case, before)
        states = {name: str(state) for name, state in run.states.items()}
        assert states == want.states
        assert str(run.state) == want.run
        assert type(ended) is ENDS[self.way], repr(ended)
        if self.way in ("task", "run", "stop button"):
            assert "was cancelled: " in ended.__notes__[0]
        begun = Counter(entry for entry in after if entry[0] in ("do", "undo"))
        assert begun == Counter({("undo", name): count for name, count in want.undos.items()})
        seen = Seen(case, log)  # holds the order, too
        self._judge_errors(seen, states)
        self._judge_world(seen, want.run)

    def _judge_errors(self, seen: Seen, states: dict[str, str]) -> None:
        cut = {name for what, name in self.gated.log[self.told :] if what == "do cut"}
        for name, error in self.run.errors.items():
            if name in cut:
                assert type(error) is ActionInterrupted
                assert type(error.__cause__) is asyncio.CancelledError
            elif name not in self.case.deaf:
                assert (type(error), str(error)) == (Failure, f"do {name}")
        assert cut <= self.run.errors.keys() <= cut | {*self.case.fails, *self.case.flaky} | self.case.deaf
        late = self.run.rollback_errors
        assert {*late} == {name for name, state in states.items() if state == "ROLLBACK_FAILED"}
        assert all(type(error) is RollbackError for error in late.values())

    def _judge_world(self, seen: Seen, ended: str) -> None:
        case = self.case
        left = {name for name, count in self.gated.world.items() if count}
        assert left == seen.effects - case.no_effect - case.deaf
        whole = case.rollback_failed and not (
            case.stop or case.undo_fails or case.undo_flaky or case.undo_hangs
        )
        if whole and ended != "RUNNING":
            assert left <= case.no_undo
        if ended == "ROLLED_BACK" and case.rollback_failed:
            assert not left


async def result_of(task: asyncio.Future[Any]) -> Any:
    try:
        return await task
    except BaseException as error:
        return error


WAYS: dict[str, Callable[[Cut, asyncio.Event], Awaitable[Any]]] = {
    "task": Cut.by_task,
    "run": Cut.by_run,
    "timeout": Cut.by_timeout,
    "sibling": Cut.by_sibling,
    "stop button": Cut.by_stop_button,
}
ENDS: dict[str, type[BaseException]] = {
    "task": asyncio.CancelledError,
    "run": asyncio.CancelledError,
    "timeout": TimeoutError,
    "sibling": ExceptionGroup,
    "stop button": asyncio.CancelledError,
}

KNOWN = pytest.mark.parametrize("name", CASES)


async def gates(case: Case) -> int:
    """Give how many gates a run has that nobody cancels."""
    cut = Cut(case, [])
    through = await cut.play()
    assert str(cut.run.state) in ("SUCCEEDED", "ROLLED_BACK", "ROLLBACK_INCOMPLETE")
    return through


@KNOWN
def test_at_every_gate_in_every_way(name: str, counts: Callable[..., None]):
    case = CASES[name]

    async def sweep() -> int:
        points = [(way, times, gate) for way in WAYS for times in (1, 2) for gate in range(await gates(case))]
        chosen = share(points, about=name)
        for way, times, gate in chosen:
            await Cut(case, [gate], way, times).play()
        return len(chosen)

    tried = watched(sweep())
    counts("cancel at every gate", points=tried, graphs=1)


@KNOWN
def test_and_once_more_at_every_gate_of_what_follows(name: str, counts: Callable[..., None]):
    case = CASES[name]

    async def sweep() -> int:
        tried = 0
        for gate in share(range(await gates(case)), one_in=4, about=name):
            through = await Cut(case, [gate]).play()
            for other in share(range(gate + 1, through), one_in=4, about=f"{name} {gate}"):
                await Cut(case, [gate, other]).play()
                tried += 1
        return tried

    counts("cancel again at every gate of the rollback", points=watched(sweep()), graphs=1)
