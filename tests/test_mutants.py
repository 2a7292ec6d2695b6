"""Planted bugs of the engine: the check against the model must catch every one of them."""

import asyncio
from collections.abc import Callable
from itertools import chain
from random import Random
from typing import Any

import pytest
from strategies import MAY_NOT_FIRE, random_plot, tell

from daga_nb.core import fronts, recovery
from daga_nb.core import machine as machine_module
from daga_nb.core.fronts import Front
from daga_nb.core.machine import Machine
from daga_nb.core.moves import Undo
from daga_nb.core.plan import Plan
from daga_nb.core.recovery import SavePoints
from daga_nb.core.states import NodeState, RunState
from daga_nb.engine import verdict
from daga_nb.engine.calls import ActionCall
from daga_nb.engine.chronicle import Chronicle
from daga_nb.engine.driver import Driver
from daga_nb.engine.inflight import InFlight
from daga_nb.engine.outcomes import Outcomes
from daga_nb.engine.perform import Performer
from daga_nb.engine.planted import PlantedFaults
from daga_nb.errors import DagaError

pytestmark = MAY_NOT_FIRE

CASES = 400

Mutant = Callable[[pytest.MonkeyPatch], None]

MUTANTS: dict[str, Mutant] = {}


def mutant(plant: Mutant) -> Mutant:
    MUTANTS[plant.__name__] = plant
    return plant


def wrong_policy(patch: pytest.MonkeyPatch, **wrong: Any) -> None:
    init = Machine.__init__

    def make(self: Machine, plan: Plan, undo: Any, policy: Any) -> None:
        init(self, plan, undo, policy._replace(**wrong))

    patch.setattr(Machine, "__init__", make)


def owes(patch: pytest.MonkeyPatch, wrong: Callable[[Machine, int, bool], bool]) -> None:
    right = Machine._owes
    patch.setattr(Machine, "_owes", lambda self, node: wrong(self, node, right(self, node)))


@mutant
def undo_forward(patch: pytest.MonkeyPatch) -> None:
    init = fronts._InWaves.__init__
    patch.setattr(fronts._InWaves, "__init__", lambda self, waves: init(self, waves[::-1]))


@mutant
def undo_all_batches_at_once(patch: pytest.MonkeyPatch) -> None:
    init = fronts._InWaves.__init__
    patch.setattr(
        fronts._InWaves, "__init__", lambda self, waves: init(self, [[*chain(*waves)]] if waves else [])
    )


@mutant
def undo_before_the_successors_are_settled(patch: pytest.MonkeyPatch) -> None:
    def settled(self: Any, node: int) -> list[int]:
        for before in self._plan.predecessors[node]:
            self._left[before] -= 1
        return [
            one
            for one in self._plan.predecessors[node]
            if self._left[one] == len(self._plan.successors[one]) - 1
        ]

    patch.setattr(fronts._ByGraph, "_settled", settled)


@mutant
def the_first_batch_is_not_undone(patch: pytest.MonkeyPatch) -> None:
    owes(patch, lambda self, node, right: right and self.plan.batch_of[node] > 0)


@mutant
def the_siblings_of_a_failed_action_are_not_undone(patch: pytest.MonkeyPatch) -> None:
    def wrong(self: Machine, node: int, right: bool) -> bool:
        failed = {self.plan.batch_of[one] for one in self.failures}
        return right and (node in self.failures or self.plan.batch_of[node] not in failed)

    owes(patch, wrong)


@mutant
def the_failed_action_is_not_undone(patch: pytest.MonkeyPatch) -> None:
    owes(patch, lambda self, node, right: right and self.states[node] is NodeState.SUCCEEDED)


@mutant
def the_failed_action_is_undone_by_the_textbook_too(patch: pytest.MonkeyPatch) -> None:
    wrong_policy(patch, rollback_failed=True)


@mutant
def what_never_ran_is_undone(patch: pytest.MonkeyPatch) -> None:
    moves = {
        (NodeState.ABANDONED, NodeState.ROLLING_BACK),
        (NodeState.ABANDONED, NodeState.KEPT),
        (NodeState.ABANDONED, NodeState.ROLLED_BACK),
    }
    patch.setattr(machine_module, "NODE_TRANSITIONS", machine_module.NODE_TRANSITIONS | moves)
    owes(patch, lambda self, node, right: right or self.states[node] is NodeState.PENDING)


@mutant
def every_rollback_is_called_twice(patch: pytest.MonkeyPatch) -> None:
    right = Performer.undo

    async def undo(self: Performer, node: int) -> Any:
        await right(self, node)
        return await right(self, node)

    patch.setattr(Performer, "undo", undo)


@mutant
def a_rollback_that_fails_stops_the_others(patch: pytest.MonkeyPatch) -> None:
    wrong_policy(patch, on_rollback_error="stop")


@mutant
def a_rollback_that_fails_does_not_stop_where_it_should(patch: pytest.MonkeyPatch) -> None:
    wrong_policy(patch, on_rollback_error="continue")


@mutant
def a_rollback_that_fails_counts_as_done(patch: pytest.MonkeyPatch) -> None:
    right = Outcomes.back

    def back(self: Outcomes, *args: Any) -> Any:
        right(self, *args)
        return NodeState.ROLLED_BACK, ""

    patch.setattr(Outcomes, "back", back)


@mutant
def kept_counts_as_clean(patch: pytest.MonkeyPatch) -> None:
    right = Machine._clean

    def clean(self: Machine) -> bool:
        states = self.states
        self.states = [NodeState.ROLLED_BACK if state is NodeState.KEPT else state for state in states]
        found = right(self)
        self.states = states
        return found

    patch.setattr(Machine, "_clean", clean)


@mutant
def a_failed_action_without_rollback_counts_as_clean(patch: pytest.MonkeyPatch) -> None:
    dirty = {NodeState.KEPT, NodeState.ROLLBACK_FAILED, NodeState.SUCCEEDED}
    patch.setattr(Machine, "_clean", lambda self: not dirty & set(self.states))


@mutant
def what_has_no_effect_is_kept(patch: pytest.MonkeyPatch) -> None:
    def undo(self: ActionCall) -> Undo:
        return Undo.MISSING if self.rollback is None else Undo.CALL

    patch.setattr(ActionCall, "undo", property(undo))


@mutant
def others_start_after_a_failure(patch: pytest.MonkeyPatch) -> None:
    class Unheeded(list[int]):
        """Failures that nobody heeds while something could still start."""

        machine: Machine

        def __bool__(self) -> bool:
            return len(self) > 0 and not (
                self.machine._front.startable and self.machine.run_state is RunState.RUNNING
            )

    init = Machine.__init__

    def make(self: Machine, *args: Any) -> None:
        init(self, *args)
        self.failures = Unheeded()
        self.failures.machine = self

    patch.setattr(Machine, "__init__", make)
    patch.setattr(Front, "take_back", lambda self, node: None)  # else it would be started again for ever


@mutant
def an_action_does_not_wait_for_all_its_predecessors(patch: pytest.MonkeyPatch) -> None:
    init = Front.__init__

    def make(self: Front, *args: Any) -> None:
        init(self, *args)
        self._waiting = [min(1, before) for before in self._waiting]

    patch.setattr(Front, "__init__", make)
    patch.setattr(Outcomes, "__init__", _results_that_may_be_missing(Outcomes.__init__))


def _results_that_may_be_missing(init: Callable[..., None]) -> Callable[..., None]:
    class Missing(dict[int, Any]):
        def __missing__(self, node: int) -> None:
            return None

    def make(self: Outcomes, plan: Plan) -> None:
        init(self, plan)
        self.results = Missing()

    return make


@mutant
def a_batch_does_not_wait_for_the_one_before(patch: pytest.MonkeyPatch) -> None:
    wrong_policy(patch, schedule="eager")


@mutant
def a_failure_takes_its_siblings_along(patch: pytest.MonkeyPatch) -> None:
    right = InFlight._enter

    def enter(self: InFlight, node: int, outcome: Any) -> None:
        right(self, node, outcome)
        if outcome.error is not None:
            for task in filter(None, self.tasks.values()):
                task.cancel()

    patch.setattr(InFlight, "_enter", enter)


@mutant
def max_parallel_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    init = Driver.__init__

    def make(self: Driver, *args: Any, **options: Any) -> None:
        init(self, *args, **options)
        self._max_parallel = None

    patch.setattr(Driver, "__init__", make)


@mutant
def an_abort_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Driver, "close", lambda self, reason: None)


@mutant
def the_results_come_in_another_order(patch: pytest.MonkeyPatch) -> None:
    right = Plan.compile.__func__  # type: ignore[attr-defined]

    def compile(cls: type[Plan], graph: Any, name_of: Any) -> Plan:
        plan = right(cls, graph, name_of)
        before = tuple(tuple(sorted(some)) for some in plan.predecessors)
        return Plan(plan.names, before, plan.successors, plan.batches, plan.batch_of, plan.nodes)

    patch.setattr(Plan, "compile", classmethod(compile))


@mutant
def a_rollback_is_handed_the_result_of_another(patch: pytest.MonkeyPatch) -> None:
    right = Performer._extra

    def extra(self: Performer, node: int, name: str, *more: Any) -> Any:
        return right(self, min(node, 1) if name == "result" else node, name, *more)

    patch.setattr(Performer, "_extra", extra)


@mutant
def a_rollback_is_handed_the_last_error_instead_of_the_first(patch: pytest.MonkeyPatch) -> None:
    right = Outcomes.find_cause
    patch.setattr(Outcomes, "find_cause", lambda self, failures: right(self, [*failures][::-1]))


@mutant
def a_fault_before_the_effect_strikes_after_it(patch: pytest.MonkeyPatch) -> None:
    right = PlantedFaults.strike

    def strike(self: PlantedFaults, node: int, where: Any, inputs: Any) -> Any:
        if where == "before":
            return None
        early = right(self, node, "before", inputs) if where == "after" else None
        return early or right(self, node, where, inputs)

    patch.setattr(PlantedFaults, "strike", strike)


@mutant
def errors_stand_in_the_order_of_failing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(verdict, "sorted", list, raising=False)


@mutant
def an_event_is_written_twice(patch: pytest.MonkeyPatch) -> None:
    right = Machine.apply

    def apply(self: Machine, event: Any) -> None:
        right(self, event)
        if event.state is NodeState.ROLLED_BACK:
            self.events.append(event._replace(seq=event.seq + 1))

    patch.setattr(Machine, "apply", apply)


# ------------------------------------------------------- retries, pivots, save points, orders


@mutant
def an_action_is_tried_once_too_often(patch: pytest.MonkeyPatch) -> None:
    right = Machine.calls
    patch.setattr(Machine, "calls", lambda self, node, way: right(self, node, way) - (way == "forward"))


@mutant
def a_rollback_is_tried_once_too_often(patch: pytest.MonkeyPatch) -> None:
    right = Machine.calls
    patch.setattr(Machine, "calls", lambda self, node, way: right(self, node, way) - (way == "back"))


@mutant
def the_budget_of_retries_does_not_begin_anew(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Machine, "calls", Machine.attempts)


@mutant
def what_fails_while_the_run_turns_back_is_tried_again(patch: pytest.MonkeyPatch) -> None:
    right = Chronicle.record_ended
    patch.setattr(Chronicle, "record_ended", lambda self, turning: right(self, lambda: False))


@mutant
def a_pivot_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    wrong_policy(patch, pivots=frozenset())


@mutant
def a_pivot_counts_as_soon_as_it_has_started(patch: pytest.MonkeyPatch) -> None:
    right = Machine._start

    def start(self: Machine, event: Any, node: int) -> None:
        right(self, event, node)
        if node in self.policy.pivots:
            self.pivot = node

    patch.setattr(Machine, "_start", start)


@mutant
def a_save_point_before_the_pivot_is_gone_back_to(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Machine, "_no_pivot_since", lambda self, batch: True)


@mutant
def save_points_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    wrong_policy(patch, save_points=())


@mutant
def a_save_point_undoes_its_own_batch_too(patch: pytest.MonkeyPatch) -> None:
    def since(self: Machine, saved: int | None) -> range:
        return range(0 if saved is None else self.plan.batches[saved][0], len(self.plan))

    patch.setattr(Machine, "_since", since)


@mutant
def a_save_point_leaves_the_batch_after_it(patch: pytest.MonkeyPatch) -> None:
    def since(self: Machine, saved: int | None) -> range:
        batches = self.plan.batches
        first = 0 if saved is None else batches[min(saved + 1, len(batches) - 1)][-1] + 1
        return range(first, len(self.plan))

    patch.setattr(Machine, "_since", since)


@mutant
def a_save_point_holds_before_its_batch_is_through(patch: pytest.MonkeyPatch) -> None:
    right = SavePoints._saved
    patch.setattr(SavePoints, "_saved", lambda self, states: right(self, states) + 1)


@mutant
def a_save_point_is_gone_back_to_without_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SavePoints, "use", lambda self, batch: None)


@mutant
def the_first_save_point_is_gone_back_to_instead_of_the_last(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(recovery, "sorted", lambda batches, reverse: sorted(batches), raising=False)


@mutant
def what_is_kept_does_not_rule_a_save_point_out(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Machine, "_save_point", lambda self: self._points.last(self.states, self._no_pivot_since))


@mutant
def what_could_not_be_undone_does_not_keep_the_run_from_going_forward(patch: pytest.MonkeyPatch) -> None:
    right = Machine._due_recovering

    def due(self: Machine, closing: str) -> Any:
        states, undone = self.states, NodeState.ROLLED_BACK
        self.states = [undone if state is NodeState.ROLLBACK_FAILED else state for state in states]
        found = right(self, closing)
        self.states = states
        return found

    patch.setattr(Machine, "_due_recovering", due)


@mutant
def what_is_done_again_has_the_same_key(patch: pytest.MonkeyPatch) -> None:
    right = Machine._go_forward_again

    def go(self: Machine) -> None:
        right(self)
        self.recoveries -= 1

    patch.setattr(Machine, "_go_forward_again", go)


@mutant
def the_error_of_an_earlier_round_is_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Outcomes, "begin_anew", lambda self: None)


@mutant
def in_the_order_of_completion_the_first_is_undone_first(patch: pytest.MonkeyPatch) -> None:
    right = machine_module.back_front

    def front(plan: Plan, order: Any, owing: Any, ended: Any = ()) -> Any:
        return right(plan, order, owing, [*ended][::-1])

    patch.setattr(machine_module, "back_front", front)


@mutant
def in_the_order_of_completion_a_retry_keeps_its_first_place(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Machine, "_end", lambda self, node: self._ended.setdefault(node, None))


@mutant
def an_own_order_of_the_rollback_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    wrong_policy(patch, rollback_order=None)


@mutant
def what_an_action_says_of_itself_is_not_heard(patch: pytest.MonkeyPatch) -> None:
    wrong_policy(patch, otherwise=frozenset())


@mutant
def the_rollback_goes_on_while_one_is_made_again(patch: pytest.MonkeyPatch) -> None:
    right = Chronicle._call_again

    def later(self: Chronicle, node: int, again: Any) -> None:
        if again.direction == "back" and self._machine.ready(1).nodes:
            self._inflight.begin(self.show(self._machine.ready(1).nodes), "back")
        right(self, node, again)

    patch.setattr(Chronicle, "_call_again", later)


def caught() -> str:
    """Play seeded plots until the check finds one wrong, and give what it says; empty if it finds none."""

    async def wrong(number: int) -> str:
        try:
            async with asyncio.timeout(3):
                await tell(random_plot(Random(number), threads=False, faults=0.8, policies=0.6))
        except (AssertionError, DagaError, TimeoutError) as error:
            said = str(error).splitlines()
            return f"plot {number}: {type(error).__name__}: {said[0] if said else ''}"
        return ""

    return next(filter(None, (asyncio.run(wrong(number)) for number in range(CASES))), "")


def test_without_a_bug_nothing_is_caught():
    assert caught() == ""


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_bug_is_caught(name: str, monkeypatch: pytest.MonkeyPatch):
    MUTANTS[name](monkeypatch)
    found = caught()
    print(f"{name}: caught by {found}")
    assert found, f"{name} went through {CASES} plots"


def test_there_are_enough_of_them():
    assert len(MUTANTS) >= 45
