"""One case of a sweep, tried in a run of its own, and what came of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from daga_nb.core.ledger import ROLLED_BACK
from daga_nb.core.moves import Ready, Undo
from daga_nb.core.states import NodeState, RunState
from daga_nb.debug.shares import STANDS_STILL, end_word, short
from daga_nb.debug.sweep_cases import Case, Shape
from daga_nb.debug.sweep_signs import Mode, Sign, effect_text, mode_of, signs_of
from daga_nb.engine.world import Observe
from daga_nb.errors import DagaFlowError, SweepError, describe

if TYPE_CHECKING:
    from daga_nb.engine.run import FlowRun
    from daga_nb.flow import DagaFlow

__all__ = ["Bench", "Outcome", "Undone", "impossible"]

_MOST_CHANGES = 8


class Undone(NamedTuple):
    """An action that was done or tried in one run, with what its rollback had to undo.

    `told` says whether the ledger knows an effect of it, `returned` whether its rollback has returned.
    """

    action: str
    mode: Mode
    told: bool
    returned: bool


@dataclass(frozen=True)
class Outcome:
    """What came of one case.

    Attributes
    ----------
    case
        What was planted.
    end
        The state of the run; ``RUNNING`` if it stands still past a pivot, None if the case cannot be.
    states
        The state of each action, in plan order; none if the case cannot be.
    leftovers
        What is left in the world, or may be, in words. Also what the planted fault accounts for.
    """

    case: Case
    end: RunState | None
    states: tuple[NodeState, ...] = ()
    leftovers: tuple[str, ...] = ()
    signs: tuple[Sign, ...] = field(default=(), repr=False)
    undone: tuple[Undone, ...] = field(default=(), repr=False)
    changes: tuple[str, ...] = field(default=(), repr=False)
    accounted: bool = field(default=True, repr=False)

    @property
    def word(self) -> str:
        """How the run ended, in words; what does not go together did not run."""
        return "not possible" if self.end is None else end_word(self.end)


def impossible(case: Case, why_not: str = "") -> Outcome:
    """Give the outcome of a case that cannot be."""
    return Outcome(replace(case, why_not=why_not or case.why_not), None)


class _ToThePivot:
    """Lets everything go but pivots, which are left to fail or are never called."""

    dwell = 0.0

    def __init__(self, held: frozenset[int]) -> None:
        self._held = held

    async def admit(self, ready: Ready) -> Sequence[int]:
        if ready.direction == "back":
            return ready.nodes
        return [node for node in ready.nodes if node not in self._held]


class Bench:
    """Where the cases of one sweep are tried, one after the other, each in a run of its own.

    Parameters
    ----------
    flow
        The flow.
    input
        What each run gets.
    shape
        The shape of the flow.
    reset
        Called before each run, plainly or async: makes the world new.
    observe
        Looks at the world before and after each run.
    """

    def __init__(
        self,
        flow: DagaFlow[Any, Any],
        input: Any,
        shape: Shape,
        reset: Callable[[], Any] | None,
        observe: Observe | None,
    ) -> None:
        self._flow = flow
        self._input = input
        self._shape = shape
        self._reset = reset
        self._observe = observe

    async def happy(self) -> Outcome:
        """Run without faults.

        Raises
        ------
        SweepError
            If that does not succeed.
        """
        case = Case()
        run = await self._run(case)
        if run.state is not RunState.SUCCEEDED:
            errors = [*run.errors.values(), *run.rollback_errors.values()]
            told = "; ".join(f"{short(name)}: {describe(error)}" for name, error in run.errors.items())
            failed = SweepError(
                f"sweep of {self._flow.name!r}: without any fault the run does not succeed, it is "
                f"{end_word(run.state)} ({told or 'no action failed'}). Mend that first; if a run needs a "
                "fresh world, give reset="
            )
            raise failed from (errors[0] if errors else None)
        return self._outcome(run, case)

    async def tried(self, case: Case) -> Outcome:
        """Try one case.

        Raises
        ------
        SweepError
            If a planted fault has not struck where it was planted.
        """
        if case.why_not:
            return impossible(case)
        run = await self._run(case)
        missed = [fault for fault in case.faults if not run.strikes(fault.at, fault.where)]
        if missed:
            told = "; ".join(f"{fault} ({why})" for fault, why in run.why_unfired())
            if not case.sure and len(missed) < len(case.faults):
                return impossible(case, f"in this run {told}")
            raise SweepError(
                f"sweep of {self._flow.name!r}, case {case}: a planted fault has not struck: {told}. The "
                f"run is {end_word(run.state)}. If it goes another way than before: reset= makes a world new"
            )
        return self._outcome(run, case)

    async def _run(self, case: Case) -> FlowRun:
        await self._make_new(case)
        run = self._flow.start(self._input, faults=case.faults, observe=self._observe)
        if not case.turned:
            await run.go()
            return run
        own = frozenset(place.node for place in case.places)
        await run.drive(_ToThePivot(self._shape.policy.pivots - own))
        if run.state in (RunState.READY, RunState.RUNNING, RunState.SUCCEEDED):
            with suppress(DagaFlowError):  # it is in the run, which is looked at as a whole
                await run.rollback()
        return run

    async def _make_new(self, case: Case) -> None:
        if self._reset is None:
            return
        try:
            made = self._reset()
            if inspect.isawaitable(made):
                await made
        except Exception as error:
            raise SweepError(
                f"sweep of {self._flow.name!r}, before the case {case}: reset failed: {describe(error)}"
            ) from error

    def _outcome(self, run: FlowRun, case: Case) -> Outcome:
        world = run.world
        if world is not None and world.error is not None:
            raise SweepError(f"sweep of {self._flow.name!r}, case {case}: {world.error}") from world.error
        changes = world.changes if world is not None and world.left else ()
        stands = run.state is RunState.RECOVERING  # a rollback has failed on the way to a save point
        return Outcome(
            case,
            STANDS_STILL if stands else run.state,
            tuple(run.node_states),
            _leftovers(run, changes),
            signs_of(run, case, self._shape),
            tuple(_undone(run, case, self._shape)),
            changes,
            _accounted(run),
        )


def _undone(run: FlowRun, case: Case, shape: Shape) -> list[Undone]:
    told = {entry.node for entry in run.effects if entry.direction == "forward"}
    found = []
    for node, name in enumerate(run.plan.names):
        state, called = run.node_states[node], shape.undo[node] is Undo.CALL
        if state not in (NodeState.ABANDONED, NodeState.PENDING):
            returned = called and state is NodeState.ROLLED_BACK
            found.append(Undone(name, mode_of(run, case, node), name in told, returned))
    return found


def _accounted(run: FlowRun) -> bool:
    """Whether it is known why the world may be other than before: something was not rolled back."""
    # What failed and is not rolled back then is a suspect like the others.
    settled = (NodeState.ROLLED_BACK, NodeState.ABANDONED, NodeState.FAILED)
    return run.state not in ROLLED_BACK or any(state not in settled for state in run.node_states)


def _leftovers(run: FlowRun, changes: Sequence[str]) -> tuple[str, ...]:
    """Give what is left in the world or wrong with it, in words: the ledger first, then the states."""
    found = [
        f"{effect_text(row.name, row.key, run.id)}: {', '.join(map(str, row.flaws))}"
        for row in run.ledger.rows
        if row.flaws
    ]
    named = {name for row in run.ledger.left for name in row.by}
    found += [f"{name}: {run.states[name].word}" for name in run.next.left if name not in named]
    found += [f"the world: {change}" for change in changes[:_MOST_CHANGES]]
    if len(changes) > _MOST_CHANGES:
        found.append(f"the world: {len(changes) - _MOST_CHANGES} more changes")
    return tuple(found)
