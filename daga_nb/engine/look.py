"""What can be seen of a run, live and read-only."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from daga_nb.core.entries import Entry
from daga_nb.core.events import Event
from daga_nb.core.ledger import Ledger
from daga_nb.core.moves import Policy, Undo
from daga_nb.core.next_step import NextStep, next_step
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState, RunState
from daga_nb.engine.admission import OnFailure, check_on_failure
from daga_nb.engine.calls import ActionCall
from daga_nb.engine.driver import Driver
from daga_nb.engine.fault_plan import Faults
from daga_nb.engine.faults import find_node
from daga_nb.engine.inherit import NOTHING_INHERITED, Inherited
from daga_nb.engine.log import Log
from daga_nb.engine.tags import tags_of
from daga_nb.engine.telling import RunTelling
from daga_nb.engine.views import ByName, ReadOnly, Subscription
from daga_nb.engine.world import Observe, World, check_observe
from daga_nb.errors import DagaError, RollbackError

if TYPE_CHECKING:
    from pathlib import Path

    from daga_nb.core.tags import Tag
    from daga_nb.flow import DagaFlow

__all__ = ["RunLook"]


class RunLook(RunTelling):
    """The part of a `FlowRun` that can be seen while it goes on, and changes nothing."""

    def __init__(
        self,
        flow: DagaFlow[Any, Any],
        input: Any = None,
        faults: Faults = (),
        *,
        on_failure: OnFailure = "rollback",
        inherited: Inherited = NOTHING_INHERITED,
        plan: Plan | None = None,
        calls: Sequence[ActionCall] | None = None,
        policy: Policy | None = None,
        observe: Observe | None = None,
        log: Log | None = None,
    ) -> None:
        self._flow = flow
        self._id = secrets.token_hex(6) if log is None else log.run_id
        try:
            self._observation = check_observe(observe)
            self._driver = Driver(
                flow.plan if plan is None else plan,
                flow.calls if calls is None else calls,
                flow.policy if policy is None else policy,
                run_id=self._id,
                input=input,
                faults=faults,
                max_parallel=flow.max_parallel,
                patience=flow.rollback_timeout,
                on_failure=check_on_failure(on_failure),
                inherited=inherited,
                log=log,
            )
        except BaseException:
            if log is not None:  # a notebook keeps the error, and with it all that stands here
                log.rest()
            raise

    def __repr__(self) -> str:
        return f"<FlowRun {self._id} of {self._flow.name}: {self.state}, {len(self.events)} events>"

    @property
    def id(self) -> str:
        """A name for this run that no other run has."""
        return self._id

    @property
    def journal(self) -> Path | None:
        """The file in which the run is written down; None if it is not."""
        keeping = self._driver.keeping
        return None if keeping is None else keeping.log.path

    @property
    def lost(self) -> tuple[str, ...]:
        """What ran when the process ended, in a resumed run, until it is gone on with; in plan order."""
        return tuple(self.plan.names[node] for node in sorted(self._driver.lost))

    @property
    def flow(self) -> DagaFlow[Any, Any]:
        """The flow that is executed."""
        return self._flow

    @property
    def plan(self) -> Plan:
        """The shape of the flow."""
        return self._driver.plan

    @property
    def calls(self) -> Sequence[ActionCall]:
        """How each action of this run is called, and undone, by its number in the plan."""
        return self._driver.performer.calls

    @property
    def tags(self) -> tuple[tuple[Tag, ...], ...]:
        """What each action of this run has agreed on about failures, by its number in the plan."""
        return tags_of(self.calls, deadline=self._flow.rollback_timeout)

    @property
    def undo(self) -> Sequence[Undo]:
        """What undoing each action takes in this run, by its number in the plan."""
        return ReadOnly(self._driver.machine.undo)

    @property
    def policy(self) -> Policy:
        """The choices of the flow that the run keeps to."""
        return self._driver.machine.policy

    @property
    def input(self) -> Any:
        """What the actions without predecessors get."""
        return self._driver.performer.input

    @property
    def state(self) -> RunState:
        """The state of the run."""
        return self._driver.machine.run_state

    @property
    def states(self) -> Mapping[str, NodeState]:
        """The state of each action, live, by display name."""
        return ByName(self.plan, self._driver.machine.states)

    @property
    def node_states(self) -> ReadOnly[NodeState]:
        """The state of each action, live, by its number in the plan."""
        return ReadOnly(self._driver.machine.states)

    @property
    def results(self) -> Mapping[str, Any]:
        """The results so far, live, by display name; those of undone actions stay here."""
        return ByName(self.plan, self._driver.outcomes.results)

    @property
    def errors(self) -> Mapping[str, Exception]:
        """What the failed actions raised, live, by display name."""
        return ByName(self.plan, self._driver.outcomes.errors)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The actions of which nobody has heard how they ended, also if undone since; in plan order."""
        return tuple(self.plan.names[node] for node in sorted(self._driver.outcomes.lost))

    @property
    def skipped(self) -> tuple[str, ...]:
        """The actions that failed and count as succeeded all the same, in plan order."""
        return tuple(self.plan.names[node] for node in sorted(self._driver.outcomes.skipped))

    @property
    def rollback_results(self) -> Mapping[str, Any]:
        """What the rollbacks returned, live, by display name."""
        return ByName(self.plan, self._driver.outcomes.rollback_results)

    @property
    def rollback_errors(self) -> Mapping[str, RollbackError]:
        """The rollbacks that failed, live, by display name."""
        return ByName(self.plan, self._driver.outcomes.rollback_errors)

    @property
    def outputs(self) -> dict[str, Any]:
        """The results of the actions without successors, as far as there are any, by display name."""
        results = self._driver.outcomes.results
        return {self.plan.names[sink]: results[sink] for sink in self.plan.sinks if sink in results}

    @property
    def pivot(self) -> str | None:
        """The point of no return that the run has passed: it never turns back any more. None before."""
        pivot = self._driver.machine.pivot
        return None if pivot is None else self.plan.names[pivot]

    @property
    def events(self) -> ReadOnly[Event]:
        """The story, live."""
        return ReadOnly(self._driver.machine.events)

    @property
    def effects(self) -> ReadOnly[Entry]:
        """What the actions said about their effects, live; `ledger` counts it."""
        return ReadOnly(self._driver.effects.entries)

    @property
    def ledger(self) -> Ledger:
        """What the actions said about their effects so far, counted: what is in the world, what was left."""
        return self._driver.effects.ledger(self.state)

    @property
    def world(self) -> World | None:
        """What ``observe`` saw before and after the run; None without it, or before the first look."""
        return None if self._observation is None else self._observation.world

    @property
    def batches(self) -> tuple[tuple[str, ...], ...]:
        """The display names batch by batch; ``batches[0]`` is batch 1."""
        names = self.plan.names
        return tuple(tuple(names[node] for node in batch) for batch in self.plan.batches)

    @property
    def next(self) -> NextStep:
        """What the next step would do, forward or back; as text, in words."""
        driver = self._driver
        step = next_step(driver.machine, driver.undecided(), self.effects, again=driver.called_again())
        turning = "" if step.again else driver.turning_at_rest()
        if turning:
            step = step._replace(turning=turning, direction=None, batch=None, actions=())
        if self.world is None or not self.world.left or step.state is not RunState.ROLLED_BACK:
            return step
        return step._replace(flaws=", ".join(filter(None, (step.flaws, "the world is not as it was before"))))

    @property
    def busy(self) -> bool:
        """Whether a call is driving this run now."""
        return self._driver.seat.taken

    @property
    def turning(self) -> bool:
        """Whether the run will be rolled back as soon as what runs is through."""
        return bool(self._driver.closing)

    @property
    def running(self) -> int:
        """How many actions and rollbacks are being carried out now."""
        return self._driver.machine.running

    @property
    def started_at(self) -> float | None:
        """When the run was first driven, in seconds since the epoch; None before."""
        return self._driver.recorder.started_at

    @property
    def elapsed(self) -> float:
        """Seconds of run time so far; it stands still while nobody drives, or a debugger holds the run."""
        return self._driver.recorder.now()

    def duration(self, name: str, *, rollback: bool = False) -> float | None:
        """Give how many seconds the call of an action (or of its rollback) took; None if it has not ended."""
        taken = self._driver.outcomes.rollback_durations if rollback else self._driver.outcomes.durations
        return taken.get(find_node(self.plan, name))

    def inputs_of(self, name: str) -> list[Any]:
        """Give the list that an action is called with; None stands for a result that is not there yet."""
        return list(self._driver.performer.inputs(find_node(self.plan, name)).values())

    def subscribe(self, observer: Callable[[Event], object]) -> Subscription:
        """Have `observer` called with each event from now on, on the thread of the event loop.

        An observer that raises is logged and hears no more; it never hurts the run.

        Raises
        ------
        DagaError
            If it is an async function, which nobody would await.
        """
        if not callable(observer):
            raise DagaError(f"{observer!r} cannot be told of events: it cannot be called")
        if inspect.iscoroutinefunction(observer):
            raise DagaError(f"{observer!r} is an async function, which nobody would await: give a plain one")
        return Subscription.to(self._driver.recorder.observers, observer)

    def subscribe_effects(self, observer: Callable[[Entry], object]) -> Subscription:
        """Have `observer` called with each effect from now on, on the thread that tells of it."""
        return Subscription.to(self._driver.effects.observers, observer)
