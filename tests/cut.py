"""A case that is cancelled at chosen gates, in any of the ways there are, and judged when it has ended."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from cancel_model import Case, Seen, after_cancel
from clock import now
from gated import Failure, Gated

from daga_nb.errors import ActionInterrupted, RollbackError

PATIENCE, GRACE = 5.0, 1.0  # seconds, of a clock that leaps


class Cut:
    """A case that is cancelled at the given gates, counted in calls let through; judged when it has ended."""

    def __init__(
        self, case: Case, at: Sequence[int], way: str = "task", times: int = 1, **options: Any
    ) -> None:
        self.case, self.at, self.way, self.times = case, [*at], way, times
        self.gated = Gated(case, **options)
        self.run = self.gated.run
        self.told: int | None = None  # how long the log was at the first cancel
        self._asked: list[asyncio.Task[Any]] = []

    async def play(self) -> int:
        """Give how many calls were let through in all."""
        before = asyncio.all_tasks()
        started = asyncio.Event()
        task = asyncio.ensure_future(WAYS[self.way](self, started))
        try:
            task.add_done_callback(lambda _: setattr(self, "ended_at", now()))
            await started.wait()
            await self.gated.conduct(task.done, lambda gate: self.strike_at(gate, task))
            ended = await result_of(task)
            await asyncio.gather(*self._asked)
            through = len(self.gated.gate.opened)
            given_up = [str(event) for event in self.run.events if str(event.state) == "UNKNOWN"]
            assert len(asyncio.all_tasks() - before) == len(given_up), "a task is left behind"
            if self.told is not None:
                self.judge(ended)
                if not self.run.state.ended:
                    await self.go_on()
        finally:
            self.gated.released.set()
            self.gated.gate.open_wide()
        await self.gated.settle()
        assert asyncio.all_tasks() == before, "a task is left behind"
        return through

    def strike_at(self, gate: int, task: asyncio.Future[Any]) -> None:
        if self.at and gate == self.at[0]:
            del self.at[0]
            if self.told is None:
                self.told, self.struck_at = len(self.gated.log), now()
            for _ in range(self.times):
                self.strike(task)

    async def go_on(self) -> None:
        """See that a run which was cancelled past its pivot stands, and goes on to its end."""
        self.gated.gate.open_wide()
        if self.run.undecided:
            await self.run.retry()
        await self.run.finish()
        assert str(self.run.state) == "SUCCEEDED"
        assert {*Seen(self.case, self.gated.log).now.values()} == {"done"}
        assert self.gated.world == dict.fromkeys(self.case.parents, 1)

    # --------------------------------------------------------------------- ways to cancel

    async def by_task(self, started: asyncio.Event) -> Any:
        self.strike = lambda task: task.cancel()
        started.set()
        return await self.run.finish()

    async def by_task_that_steps(self, started: asyncio.Event) -> Any:
        self.strike = lambda task: task.cancel()
        started.set()
        while self.run.next.direction:
            await self.run.step()
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

    strike: Callable[[asyncio.Future[Any]], object]
    struck_at = ended_at = 0.0

    # ---------------------------------------------------------------------------- judging

    def judge(self, ended: Any) -> None:
        case, run, log = self.case, self.run, self.gated.log
        before, after = log[: self.told], log[self.told :]
        want = after_cancel(case, before)
        states = {name: str(state) for name, state in run.states.items()}
        assert states == want.states, f"states: {states}, and the model says {want.states}"
        assert str(run.state) == want.run, f"the run: {run.state}, and the model says {want.run}"
        assert type(ended) is ENDS[self.way], repr(ended)
        if self.way in ("task", "run", "stop button"):
            assert "was cancelled: " in ended.__notes__[0]
        self.wanted = want
        begun = Counter(entry for entry in after if entry[0] in ("do", "undo"))
        undos = Counter({("undo", name): count for name, count in want.undos.items()})
        assert begun == undos, f"called: {begun}, and the model says {undos}"
        seen = Seen(case, log)  # holds the order, too
        doing = {name for name, state in Seen(case, before).now.items() if state == "doing"}
        self._judge_errors(doing - case.threads - case.stubborn - case.deaf, states)
        self._judge_world(seen, want.run)

    def _judge_errors(self, cut: set[str], states: dict[str, str]) -> None:
        struck = {name for what, name in self.gated.log[self.told :] if what == "do cut"}
        assert struck == cut, f"interrupted: {struck}, and the model says {cut}"
        for name, error in self.run.errors.items():
            if name in cut:
                assert type(error) is ActionInterrupted
                assert type(error.__cause__) is asyncio.CancelledError
            elif name not in self.case.deaf:
                assert (type(error), str(error)) == (Failure, f"do {name}")
        undone = {name for name, state in states.items() if state == "ROLLED_BACK"}
        told = cut if self.run.state.ended else cut - undone  # what is to be done anew is forgotten
        assert told <= self.run.errors.keys() <= cut | {*self.case.fails, *self.case.flaky} | self.case.deaf
        late = self.run.rollback_errors
        assert {*late} == {name for name, state in states.items() if state == "ROLLBACK_FAILED"}
        assert all(type(error) is RollbackError for error in late.values())

    def _judge_world(self, seen: Seen, ended: str) -> None:
        case = self.case
        left = {name for name, count in self.gated.world.items() if count}
        assert left == seen.effects - case.no_effect
        whole = case.rollback_failed and not (
            case.stop or case.undo_fails or case.undo_flaky or case.undo_hangs
        )
        if whole and ended != "RUNNING":
            assert left <= case.no_undo | case.deaf
        if ended == "ROLLED_BACK" and case.rollback_failed:
            assert not left


async def result_of(task: asyncio.Future[Any]) -> Any:
    try:
        return await task
    except BaseException as error:
        return error


WAYS: dict[str, Callable[[Cut, asyncio.Event], Awaitable[Any]]] = {
    "task": Cut.by_task,
    "task that steps": Cut.by_task_that_steps,
    "run": Cut.by_run,
    "timeout": Cut.by_timeout,
    "sibling": Cut.by_sibling,
    "stop button": Cut.by_stop_button,
}
ENDS: dict[str, type[BaseException]] = {
    "task": asyncio.CancelledError,
    "task that steps": asyncio.CancelledError,
    "run": asyncio.CancelledError,
    "timeout": TimeoutError,
    "sibling": ExceptionGroup,
    "stop button": asyncio.CancelledError,
}

# Each way, and how often at once.
COMMANDS = [*((way, 1) for way in WAYS), ("task", 2), ("run", 2), ("stop button", 2)]


async def gates(case: Case, **options: Any) -> int:
    """Give how many gates a run has that nobody cancels."""
    cut = Cut(case, [], **options)
    through = await cut.play()
    assert str(cut.run.state) in ("SUCCEEDED", "ROLLED_BACK", "ROLLBACK_INCOMPLETE")
    return through


def waits(cut: Cut) -> float:
    """Give how long a cancelled run takes in which nothing takes time but what does not end."""
    case, log = cut.case, cut.gated.log
    then, seen = Seen(case, log[: cut.told]), Seen(case, log)
    lost = {name for name in case.deaf if then.now.get(name) == "doing"}
    called = {name for name in then.now if then.now[name] == "undoing"} | {*cut.wanted.undos} | lost

    def ends(node: str) -> float:
        begins = max((ends(one) for one in called if seen.is_undone_first(one, node)), default=0.0)
        calls = 1 if node in lost else 0
        if node in case.undo_hangs:
            calls = cut.wanted.undos[node] + (then.now[node] == "undoing")
        return begins + PATIENCE * calls

    return (PATIENCE + GRACE if lost else 0.0) + max(map(ends, called), default=0.0)
