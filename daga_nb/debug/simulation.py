"""Monte Carlo: what becomes of many runs of a flow, in virtual time, without executing an action."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from daga_nb.core.plan import Plan
from daga_nb.core.states import RunState
from daga_nb.debug.assumptions import Assumptions
from daga_nb.debug.calendar import Part
from daga_nb.debug.chances import Chances
from daga_nb.debug.history import shape_of
from daga_nb.debug.shares import STANDS_STILL, Matter
from daga_nb.debug.simulated import Simulation
from daga_nb.debug.spans import Duration, Exponential, Lognormal, Normal, Uniform
from daga_nb.debug.story import Note, Story
from daga_nb.debug.virtual import Setup, VirtualRun
from daga_nb.engine.tags import tags_of
from daga_nb.errors import SimulationError, kind_of

if TYPE_CHECKING:
    from daga_nb.engine.run import FlowRun
    from daga_nb.flow import DagaFlow

__all__ = ["Exponential", "Lognormal", "Normal", "Uniform", "setup_of", "simulate"]

_MOST = 10_000_000
_RANK = {RunState.SUCCEEDED: 2, RunState.ROLLED_BACK: 1, RunState.ROLLBACK_INCOMPLETE: 0, STANDS_STILL: 0}


def simulate(
    flow: DagaFlow[Any, Any],
    durations: Mapping[Any, Duration] | Duration | Story | FlowRun | None = None,
    failure_rates: Mapping[Any, float] | float = 0.0,
    *,
    rollback_durations: Mapping[Any, Duration] | Duration | Story | FlowRun | None = None,
    rollback_failure_rates: Mapping[Any, float] | float = 0.0,
    default_duration: Duration = 1.0,
    n: int = 10_000,
    seed: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> Simulation:
    """Give what would become of `n` runs: how they end, how long they take, and which action matters most.

    No action is called. The runs are told in virtual time on the machine that real runs are told on, with the
    flow's schedule, retries and waits, timeouts, pivots, save points and order of the rollback.

    Parameters
    ----------
    flow
        The flow.
    durations
        Seconds that a call takes, whether it ends well or badly, by the name of the action: a number, a pair
        for anything between the two, a function of a `random.Random`, or one of the distributions of this
        module. Or one of these for all actions; or a run or a story, whose actions then take as long as they
        took there.
    failure_rates
        The share of the calls that fail, from 0 to 1, by the name of the action, or one for all. A reply that
        is lost is a failure too: a saga cannot tell the two apart. Retries are made after each, whatever
        errors they are for; a deadline that passes is a `TimeoutError`.
    rollback_durations
        The same for rollbacks; as long as their actions if not given.
    rollback_failure_rates
        The same for rollbacks.
    default_duration
        The duration of the actions that `durations` does not name.
    n
        How many runs.
    seed
        What the draws are made from; the same seed gives the same again. Each action draws from a stream of
        its own in each run, so that two simulations with one seed differ only by what is other in them.
    progress
        Called now and then with how many runs are done, and `n`.

    Raises
    ------
    SimulationError
        If a name is unknown, a duration negative, a rate not from 0 to 1; before anything is simulated.

    Examples
    --------
    >>> from daga_nb import DagaAction, DagaFlow
    >>> pay, ship = DagaAction(abs, name="pay"), DagaAction(max, name="ship")
    >>> _ = pay.on_rollback(print)
    >>> flow = DagaFlow([(pay, ship)])
    >>> simulation = simulate(flow, {"ship": (1, 3)}, {"pay": 0.1, "ship": 0.2}, n=1000, seed=7)
    >>> simulation.succeeded + simulation.rolled_back + simulation.incomplete
    1000
    >>> simulation.matters[0].action
    'ship'
    """
    _check_whole("n", n, 1, _MOST)
    _check_whole("seed", seed, None, None)
    setup = setup_of(flow)
    assumed = Assumptions(setup.plan, setup.undo)
    forward = assumed.odds(durations, failure_rates, default=default_duration)
    back = assumed.odds_back(rollback_durations, rollback_failure_rates, forward=forward, story=durations)
    chances = Chances(setup.plan.names, forward, back, seed=seed)

    def once(number: int, mended: Part | None = None) -> VirtualRun:
        chances.begin(number)
        return VirtualRun(setup, chances.draw, mended).finish()

    def tell(number: int) -> Story:
        return _story(flow.name, setup, once(number), number)

    ends, seconds, backs, turned = [], [], [], 0
    tallies: dict[Part, _Tally] = {}
    for number in range(n):
        run = once(number)
        ends.append(run.ended)
        seconds.append(run.now)
        backs.append(run.back)
        turned += run.turned
        for part in run.failed:
            tallies.setdefault(part, _Tally()).add(run, once(number, part))
        if progress is not None and (number + 1 == n or not (number + 1) % max(1, n // 100)):
            progress(number + 1, n)
    matters = [tally.row(setup.plan.names, part, n) for part, tally in tallies.items()]
    matters.sort(key=lambda row: (-row.succeeded - row.clean, -row.spoiled, row.seconds))
    return Simulation(
        flow.name, n, seed, tuple(ends), tuple(seconds), tuple(backs), turned, tuple(matters), tell
    )


def setup_of(flow: DagaFlow[Any, Any]) -> Setup:
    """Give what is simulated of a flow, as it stands now.

    >>> setup_of("book >> pay")
    Traceback (most recent call last):
    daga_nb.errors.SimulationError: simulate(flow, ...): a DagaFlow is meant, and this is a str

    Raises
    ------
    SimulationError
        If it is no flow.
    """
    if not isinstance(getattr(flow, "plan", None), Plan) or not hasattr(flow, "with_policy"):
        raise SimulationError(f"simulate(flow, ...): a DagaFlow is meant, and this is a {kind_of(flow)}")
    calls = tuple(flow.calls)
    undo = tuple(call.undo for call in calls)
    return Setup(flow.plan, undo, flow.policy, calls, flow.max_parallel, flow.rollback_timeout)


@dataclass
class _Tally:
    """What the runs in which one action, or one rollback, failed would have been without that."""

    failures: int = 0
    spoiled: int = 0
    succeeded: int = 0
    clean: int = 0
    seconds: float = 0.0

    def add(self, run: VirtualRun, mended: VirtualRun) -> None:
        was, would_be = _RANK[run.ended], _RANK[mended.ended]
        self.failures += 1
        self.spoiled += would_be > was
        self.succeeded += (would_be == 2) - (was == 2)
        self.clean += (would_be > 0) - (was > 0)
        self.seconds += mended.now - run.now

    def row(self, names: tuple[str, ...], part: Part, n: int) -> Matter:
        node, direction = part
        return Matter(
            names[node],
            "action" if direction == "forward" else "rollback",
            self.failures,
            self.spoiled,
            self.succeeded / n,
            self.clean / n,
            self.seconds / n,
        )


def _story(flow: str, setup: Setup, run: VirtualRun, number: int) -> Story:
    events = tuple(run.machine.events)
    return Story(
        flow=flow,
        run=f"simulated-{number}",
        input="",
        plan=shape_of(setup.plan),
        undo=tuple(setup.undo),
        policy=setup.policy,
        started_at=None,
        events=events,
        notes=tuple(Note(event.reason if event.state.value in _WORDS else "") for event in events),
        tags=tags_of(setup.calls, deadline=setup.patience),
    )


_WORDS = frozenset({"FAILED", "ROLLBACK_FAILED", "UNKNOWN"})


def _check_whole(what: str, value: Any, least: int | None, most: int | None) -> None:
    if type(value) is not int or not (least is None or least <= value) or not (most is None or value <= most):
        bounds = "" if least is None else f" from {least} to {most}"
        raise SimulationError(f"{what}={value!r}: it is a whole number{bounds}")
