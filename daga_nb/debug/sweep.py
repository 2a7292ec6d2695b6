"""A fault at every action in turn: before the effect, after it, in the rollback, each in a fresh world."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Generator, Sequence
from logging import getLogger
from typing import TYPE_CHECKING, Any

from daga_nb.core.plan import Plan
from daga_nb.debug.sweep_cases import PLACES, Case, Shape, SweepPlace, cases_of, count_of
from daga_nb.debug.sweep_trial import Bench, Outcome
from daga_nb.debug.swept import Sweep
from daga_nb.engine.faults import Error, Fault, Moment, find_node
from daga_nb.engine.sync import run_to_end
from daga_nb.engine.world import Observe, check_observe
from daga_nb.errors import SweepError, kind_of

if TYPE_CHECKING:
    from daga_nb.flow import DagaFlow

__all__ = ["MOST_CASES", "Sweeping", "sweep"]

log = getLogger(__name__)

MOST_CASES = 10_000
"""Cases of the largest sweep, unless `limit` says otherwise."""

Progress = Callable[[int, int], object]


def sweep(
    flow: DagaFlow[Any, Any],
    input: Any = None,
    *,
    where: Sequence[SweepPlace] = ("before", "after", "rollback"),
    pairs: bool = False,
    error: Error = TimeoutError,
    when: Moment = None,
    actions: Collection[Any] | None = None,
    reset: Callable[[], Any] | None = None,
    observe: Observe | None = None,
    progress: Progress | None = None,
    limit: int = MOST_CASES,
) -> Sweeping:
    """Give a sweep that is yet to be made: ``await`` it, or show it in a cell, with a bar and a stop button.

    A fault is planted at every action and place, each in a run of its own; first comes the run without one,
    which must succeed. That each fault has struck where it was planted is checked. What is left in the world
    is told by the ledger of each run (`Context.effect`), by `observe`, and by the states of the actions.

    What is planted in a rollback needs a run that turns back: it is rolled back by request from its end, or,
    if the flow has pivots, from where only pivots are left to start.

    Parameters
    ----------
    flow
        The flow.
    input
        What each run gets.
    where
        ``"before"`` or ``"after"`` the effect, in the ``"rollback"``; ``"again"``: nothing fails, and the
        rollback is called twice, as after a reply that was lost.
    pairs
        Whether two faults at once are tried as well, in all pairs of places.
    error
        What is raised, an exception or its class.
    when
        In which calls, as for `Fault.raising`; in each if not given. So a failure can be retried away.
    actions
        The actions at which faults are planted, by name; all if not given.
    reset
        Makes a fresh world, plainly or async; called before each run. The ledger is fresh by itself.
    observe
        Looks at a world that can be read, before and after each run.
    progress
        Called after each case with how many are done, and how many there are.
    limit
        How many cases there may be at most.

    Raises
    ------
    SweepError
        If a place is unknown, or there are too many cases; when it is made, if the run without a fault does
        not succeed, a fault has not struck, or `reset` fails.
    UnknownAction
        If there is no such action.

    Examples
    --------
    >>> from daga_nb import DagaAction, DagaFlow
    >>> @DagaAction
    ... async def charge(results, context):
    ...     context.effect("charge", "order 17")
    ...     return "paid"
    >>> @charge.on_rollback
    ... async def refund(results, result, context):
    ...     if result is not None:
    ...         context.undo_effect("charge", "order 17")
    >>> @DagaAction.options(no_effect=True)
    ... async def show(results): ...
    >>> swept = sweep(DagaFlow([(charge, show)])).run_sync()
    >>> [(problem.action, str(problem.what)) for problem in swept.problems]
    [('charge', 'not undone after a lost reply')]
    """
    if not isinstance(getattr(flow, "plan", None), Plan) or not hasattr(flow, "start"):
        raise SweepError(f"sweep(flow, ...): a DagaFlow is meant, and this is a {kind_of(flow)}")
    places = _checked_places(where)
    nodes = _nodes(flow, actions)
    check_observe(observe)
    for name, value in (("reset", reset), ("progress", progress)):
        if value is not None and not callable(value):
            raise SweepError(f"{name}={value!r}: a function is meant")
    count = count_of(len(nodes), len(places), pairs)
    if count > limit:
        raise SweepError(
            f"{len(nodes)} actions at {len(places)} places{' and their pairs' * pairs} make {count:,} cases, "
            f"and {limit:,} is the limit: choose actions=[...] or where=(...), or say limit={count}"
        )

    def planted(name: str, place: SweepPlace) -> Fault:
        if place == "again":
            return Fault.repeating(name, "rollback")
        return Fault.raising(error, name, place, when=when)

    calls = flow.calls
    loose = flow.max_parallel is not None or when is not None
    shape = Shape(flow.plan, flow.policy, tuple(call.undo for call in calls), loose)
    cases = cases_of(shape, nodes, places, pairs, planted)
    undone = [Case(turned=True)] if set(places) & {"rollback", "again"} else []
    return Sweeping(
        flow.name, flow.plan.names, [*undone, *cases], Bench(flow, input, shape, reset, observe), progress
    )


class Sweeping:
    """A sweep that is being made. `sweep` gives it; nothing has run yet.

    ``await`` it for the `Sweep`; from plain code `run_sync` gives it. As the last expression of a cell, it
    starts by itself and is shown with a bar and a stop button, while the cell ends at once; `result` is what
    there is by now, and awaiting it in a later cell waits for the end.

    Attributes
    ----------
    planned
        How many cases there are, with the run without a fault.
    """

    def __init__(
        self,
        flow: str,
        nodes: tuple[str, ...],
        cases: Sequence[Case],
        bench: Bench,
        progress: Progress | None = None,
    ) -> None:
        self.planned = len(cases) + 1
        self.observers: list[Callable[[], object]] = []
        self._flow = flow
        self._nodes = nodes
        self._cases = cases
        self._bench = bench
        self._progress = progress
        self._outcomes: list[Outcome] = []
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        if self._task is None:
            return f"<sweep of {self._flow}: {self.planned} cases, not begun; await it>"
        return f"<sweep of {self._flow}: {self.done} of {self.planned} cases>"

    @property
    def done(self) -> int:
        """How many cases have been tried by now."""
        return len(self._outcomes)

    @property
    def ended(self) -> bool:
        """Whether no more cases will be tried."""
        return self._task is not None and self._task.done()

    @property
    def result(self) -> Sweep:
        """What there is by now; marked as stopped as long as cases are missing."""
        found = tuple(self._outcomes)
        return Sweep(self._flow, self._nodes, found, self.planned, stopped=len(found) < self.planned)

    def stop(self) -> None:
        """Try no more cases; the run that is under way is let come to its end. Any thread may."""
        self._stopping = True

    def start(self) -> None:
        """Begin in the background, unless it has begun; needs a running event loop."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._try_all())
            self._task.add_done_callback(self._tell_of_end)

    def run_sync(self) -> Sweep:
        """Make it, from plain code or inside a running loop."""
        return run_to_end(self._whole())

    def __await__(self) -> Generator[Any, None, Sweep]:
        return self._whole().__await__()

    async def _whole(self) -> Sweep:
        self.start()
        assert self._task is not None
        await self._task
        return self.result

    async def _try_all(self) -> None:
        self._note(await self._bench.happy())
        for case in self._cases:
            if self._stopping:
                return
            await asyncio.sleep(0)  # runs that never wait would keep the stop button from being heard
            self._note(await self._bench.tried(case))

    def _note(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        if self._progress is not None:
            self._progress(self.done, self.planned)
        self._tell()

    def _tell_of_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # told to whoever awaits it, or by the observer
        self._tell()

    def _tell(self) -> None:
        for observer in tuple(self.observers):
            try:
                observer()
            except Exception:  # it is not the sweep's fault
                log.exception("an observer of a sweep failed and hears no more: %r", observer)
                self.observers.remove(observer)

    @property
    def error(self) -> BaseException | None:
        """What has ended it early; None if nothing has."""
        if self._task is None or not self._task.done() or self._task.cancelled():
            return None
        return self._task.exception()


def _checked_places(where: Any) -> list[SweepPlace]:
    given = [where] if isinstance(where, str) else list(where)
    unknown = [place for place in given if place not in PLACES]
    if unknown or not given:
        told = repr(unknown[0]) if unknown else "nothing"
        raise SweepError(f"where: {told} is no place for a fault; there are {', '.join(map(repr, PLACES))}")
    return [place for place in PLACES if place in given]


def _nodes(flow: DagaFlow[Any, Any], actions: Collection[Any] | None) -> list[int]:
    if actions is None:
        return list(range(len(flow.plan)))
    if isinstance(actions, str) or not isinstance(actions, Collection) or not actions:
        raise SweepError(f"actions={actions!r}: a list of actions is meant, like ['charge', 'ship']")
    return sorted({find_node(flow.plan, one) for one in actions})
