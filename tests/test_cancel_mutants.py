"""Planted bugs in the handling of a cancel: the sweep over the gates must catch every one of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from cancel_cases import CASES, LATE
from clock import ClockedLoop
from cut import PATIENCE, Cut, gates, waits

from daga_nb.core.machine import Machine
from daga_nb.core.states import NodeState
from daga_nb.engine.chronicle import Chronicle
from daga_nb.engine.driver import Driver
from daga_nb.engine.inflight import InFlight
from daga_nb.engine.outcomes import Outcomes
from daga_nb.engine.perform import Performer
from daga_nb.engine.retries import Retries
from daga_nb.errors import DagaError

TRIED = {
    name: (CASES | LATE)[name]
    for name in (
        *("chain, the last fails", "uneven, eager, one at a time", "order, a pivot in the middle"),
        *("a rollback hangs", "an action does not end"),
    )
}

Mutant = Callable[[pytest.MonkeyPatch], None]

MUTANTS: dict[str, Mutant] = {}


def mutant(plant: Mutant) -> Mutant:
    MUTANTS[plant.__name__] = plant
    return plant


def calls_are_made_after_the_cancel(patch: pytest.MonkeyPatch) -> None:
    """Take out the last line of defence; alone it changes nothing."""
    right = InFlight.cancel

    def cancel(self: InFlight) -> None:
        right(self)
        self.resume()

    patch.setattr(InFlight, "cancel", cancel)


@mutant
def a_cancel_during_the_rollback_is_obeyed(patch: pytest.MonkeyPatch) -> None:
    right = Driver._turn

    async def turn(self: Driver, stepper: Any) -> bool:
        back = self.machine.run_state.back
        try:
            return await right(self, stepper)
        except asyncio.CancelledError:
            if back:
                raise DagaError("cut short") from None
            raise

    patch.setattr(Driver, "_turn", turn)


@mutant
def a_cancel_stops_rollbacks_too(patch: pytest.MonkeyPatch) -> None:
    right = InFlight.cancel

    def cancel(self: InFlight) -> None:
        self._back.clear()
        right(self)

    patch.setattr(InFlight, "cancel", cancel)


@mutant
def the_first_cancel_is_the_only_one_that_is_absorbed(patch: pytest.MonkeyPatch) -> None:
    right = Driver.cancel

    def cancel(self: Driver) -> None:
        if self.cancelled:
            raise DagaError("again")
        right(self)

    patch.setattr(Driver, "cancel", cancel)


@mutant
def a_cancel_lets_what_runs_finish(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(InFlight, "cancel", lambda self: None)


@mutant
def a_cancel_is_only_passed_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Driver, "close", lambda self, reason: None)
    patch.setattr(Driver, "cancel", lambda self: None)


@mutant
def a_cancelled_run_goes_on_forward(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Driver, "close", lambda self, reason: None)
    patch.setattr(Driver, "_may_start", lambda self: True)
    patch.setattr(Driver, "_turning", lambda self: False)
    calls_are_made_after_the_cancel(patch)


@mutant
def what_fails_after_the_cancel_is_tried_again(patch: pytest.MonkeyPatch) -> None:
    right = Chronicle.record_ended
    patch.setattr(Chronicle, "record_ended", lambda self, turning: right(self, lambda: False))
    patch.setattr(Retries, "covers", lambda self, error: True)
    calls_are_made_after_the_cancel(patch)


@mutant
def an_interrupted_action_has_succeeded(patch: pytest.MonkeyPatch) -> None:
    right = Outcomes.forward

    def forward(self: Outcomes, node: int, outcome: Any) -> Any:
        cut = isinstance(outcome.error, asyncio.CancelledError)
        return right(self, node, outcome._replace(error=None) if cut else outcome)

    patch.setattr(Outcomes, "forward", forward)


@mutant
def an_interrupted_action_is_not_undone(patch: pytest.MonkeyPatch) -> None:
    right = Machine._owes
    failed = NodeState.FAILED
    patch.setattr(Machine, "_owes", lambda self, node: right(self, node) and self.states[node] is not failed)


@mutant
def past_the_pivot_a_cancel_turns_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Machine, "pivot", property(lambda self: None, lambda self, node: None))


@mutant
def a_thread_is_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    right = InFlight.cancel

    def cancel(self: InFlight) -> None:
        right(self)
        for node, task in self.tasks.items():
            if task is not None and node not in self._back:
                task.cancel()

    patch.setattr(InFlight, "cancel", cancel)


@mutant
def a_rollback_has_no_deadline(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(InFlight, "_expire", lambda self, node, task, seconds: None)


@mutant
def what_does_not_end_is_waited_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(InFlight, "_give_up", lambda self, node, task: None)


@mutant
def a_rollback_overtakes_its_action(patch: pytest.MonkeyPatch) -> None:
    async def outlived(self: Performer, node: int) -> None:
        return

    patch.setattr(Performer, "_outlived", outlived)


@mutant
def the_error_of_a_cancelled_run_is_another(patch: pytest.MonkeyPatch) -> None:
    right = Driver.drive

    async def drive(self: Driver, *args: Any, **named: Any) -> Any:
        try:
            return await right(self, *args, **named)
        except asyncio.CancelledError:
            raise DagaError("cancelled") from None

    patch.setattr(Driver, "drive", drive)


def caught() -> str:
    """Cancel at gate after gate until something is found wrong, and give what; empty if nothing is."""
    for name, case in TRIED.items():
        options = {"rollback_timeout": PATIENCE}

        async def sweep(case: Any = case, options: Any = options) -> None:
            for gate in range(await gates(case, **options)):
                cut = Cut(case, [gate, gate + 1], **options)
                await cut.play()
                assert cut.told is None or cut.ended_at - cut.struck_at == waits(cut)

        try:
            with asyncio.Runner(loop_factory=ClockedLoop) as runner:
                runner.run(sweep())
        except (AssertionError, DagaError) as error:
            said = str(error).splitlines()
            return f"{name}: {type(error).__name__}: {said[0] if said else ''}"
    return ""


@pytest.fixture(autouse=True)
def _not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def test_without_a_bug_nothing_is_caught():
    assert caught() == ""


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_bug_is_caught(name: str, monkeypatch: pytest.MonkeyPatch, counts: Callable[..., None]):
    MUTANTS[name](monkeypatch)
    found = caught()
    print(f"{name}: caught by {found}")
    assert found, f"{name} went through"
    counts("planted bugs of cancelling", caught=1)
