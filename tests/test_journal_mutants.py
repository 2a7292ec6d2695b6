"""Planted bugs of the journal and of resuming: each must be caught, by random deaths or by the test named."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
import test_resume
import test_turning
from helpers import Boom, flow_of
from lives import live, random_life
from strategies import MAY_NOT_FIRE
from test_lives import at_every_point, journal

from daga_nb import DagaFlowError
from daga_nb.core.recovery import SavePoints
from daga_nb.core.states import NodeState, RunState
from daga_nb.engine.bearings import Bearings
from daga_nb.engine.driver import Driver
from daga_nb.engine.keeping import Keeping
from daga_nb.engine.log import Row
from daga_nb.engine.outcomes import Outcomes
from daga_nb.engine.recorder import Recorder
from daga_nb.errors import DagaError, JournalError
from daga_nb.journal import file, resume, run_log, runs
from daga_nb.journal.file import Journal, opened
from daga_nb.journal.reading import Kept
from daga_nb.journal.run_log import RunLog

pytestmark = MAY_NOT_FIRE

# A bug that needs more deaths than these is not caught; the rarest one needs about half of them.
PLOTS = 200

Plant = Callable[[pytest.MonkeyPatch], None]
Check = Callable[[Path], object]

# Each with the test that catches it; None: plots that die at random.
MUTANTS: dict[str, tuple[Plant, Check | None]] = {}


def mutant(check: Check | None = None) -> Callable[[Plant], Plant]:
    def take(plant: Plant) -> Plant:
        MUTANTS[plant.__name__] = plant, check
        return plant

    return take


# ------------------------------------------------------------- what other tests have not


def writes_that_fail(path: Path) -> None:
    """Whichever write fails, nothing is called that is not written down, and the run can be resumed."""
    how = {"c": {"fails": Boom("c")}}
    for broken in count(1):
        done: list[str] = []
        own = path.with_name(f"{broken}.db")
        flow = flow_of(done, [("a", "b"), ("b", "c")], how=how)
        left = broken

        def write(journal: Journal, statements: Any, right: Any = Journal.write) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                right(journal, statements)  # it was done, and nobody was told
            if left <= 0:
                raise JournalError("the disk is full")
            right(journal, statements)

        run = flow.start(journal=own)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Journal, "write", write)
            try:
                asyncio.run(run.finish())
            except JournalError:
                failed = True
            except DagaFlowError:
                failed = False
        assert failed is (left <= 0), "a write that failed was passed over"
        if not failed:
            assert broken > 6
            return
        with opened(own, create=False) as kept:
            begun = kept.read("SELECT node, state FROM event WHERE state IN ('RUNNING', 'ROLLING_BACK')")
        named = {(state, None if node is None else run.plan.names[node]) for node, state in begun}
        for call in done:
            kind, name = call.split()
            assert ("RUNNING" if kind == "do" else "ROLLING_BACK", name) in named, f"{call}: not written"
        with suppress(DagaFlowError):  # the same object goes on, now that it can write again
            asyncio.run(run.finish())
        assert done == ["do a", "do b", "do c", "undo c", "undo b", "undo a"]
        with opened(own, create=False) as kept:
            story = kept.read("SELECT seq, state FROM event ORDER BY seq")
        assert story == [(event.seq, str(event.state)) for event in run.events]


def settings_of_the_file(path: Path) -> None:
    with opened(path, create=True) as kept:
        ((synchronous,),), ((mode,),) = kept.read("PRAGMA synchronous"), kept.read("PRAGMA journal_mode")
        assert (synchronous, mode) == (2, "wal")
        other = sqlite3.connect(path, timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("SELECT count(*) FROM run")
        other.close()
        with pytest.raises(JournalError):
            kept.write([("DELETE FROM run", [()])]) if kept.read("SELECT 1 FROM run") else _refused(kept)


def _refused(kept: Journal) -> None:
    kept.write([("INSERT INTO run VALUES ('r', 'f', 0, '', '', '')", [()])])
    kept.write([("DELETE FROM run", [()])])


def dying(scene: str) -> Check:
    """Give the check that lets a run of a scene die at each of its points."""

    def check(path: Path) -> None:
        for seed in range(3):  # of what the person decides
            at_every_point(scene, seed)

    check.__name__ = f"dying, {scene}"
    return check


CHECKS: tuple[Check, ...] = (writes_that_fail, settings_of_the_file)


@pytest.mark.parametrize("check", CHECKS)
def test_without_a_bug(check: Check, tmp_path: Path):
    check(tmp_path / "runs.db")


# ------------------------------------------------------------------------- writing


def holding_back(patch: pytest.MonkeyPatch, from_where: Callable[[Sequence[Row]], int]) -> None:
    """Write the last rows of each write only with the next one."""
    right = RunLog.append
    held: dict[str, list[Row]] = {}

    def append(self: RunLog, rows: Sequence[Row], entries: Any, marks: Any) -> None:
        known = {row.event.seq for row in held.get(self.run_id, [])}
        found = held.pop(self.run_id, []) + [row for row in rows if row.event.seq not in known]
        at = from_where(found)
        held[self.run_id] = found[at:]
        right(self, found[:at], entries, marks)

    patch.setattr(RunLog, "append", append)


_CALLS = (NodeState.RUNNING, NodeState.ROLLING_BACK)


@mutant()
def an_intent_is_written_with_its_outcome(patch: pytest.MonkeyPatch) -> None:
    def where(rows: Sequence[Row]) -> int:
        at = len(rows)
        while at and rows[at - 1].event.node and rows[at - 1].event.state in _CALLS:
            at -= 1
        return at

    holding_back(patch, where)


@mutant()
def an_outcome_is_written_with_the_next_batch(patch: pytest.MonkeyPatch) -> None:
    holding_back(patch, lambda rows: 0 if all(row.outcome for row in rows) else len(rows))


@mutant()
def that_it_turns_back_is_written_after_the_first_rollback(patch: pytest.MonkeyPatch) -> None:
    def where(rows: Sequence[Row]) -> int:
        turns = [at for at, row in enumerate(rows) if row.event.state is RunState.ROLLING_BACK]
        undone = any(row.outcome == "back" for row in rows)
        return turns[0] if turns and not undone else len(rows)

    holding_back(patch, where)


@mutant()
def observers_are_told_before_it_is_written(patch: pytest.MonkeyPatch) -> None:
    right = Recorder.record

    def record(self: Recorder, *args: Any) -> None:
        right(self, *args)
        while self._untold and self.observers:
            self._tell(self._untold.popleft())

    patch.setattr(Recorder, "record", record)


@mutant()
def effects_are_not_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Keeping, "enter", lambda self, entry: None)


@mutant()
def an_effect_waits_for_the_next_write(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Keeping, "enter", lambda self, entry: self._entries.append(entry))


@mutant(writes_that_fail)
def a_write_that_failed_is_passed_over(patch: pytest.MonkeyPatch) -> None:
    right = Keeping.write

    def write(self: Keeping) -> None:
        try:
            right(self)
        except JournalError:
            if self._machine.run_state.ended:
                raise

    patch.setattr(Keeping, "write", write)


@mutant(writes_that_fail)
def what_could_not_be_written_is_dropped(patch: pytest.MonkeyPatch) -> None:
    right = Keeping.write

    def write(self: Keeping) -> None:
        try:
            right(self)
        finally:
            self._rows = []

    patch.setattr(Keeping, "write", write)


@mutant(writes_that_fail)
def what_may_have_been_written_is_written_again(patch: pytest.MonkeyPatch) -> None:
    right = RunLog.append

    def append(self: RunLog, *args: Any) -> None:
        self._unsure = False
        right(self, *args)

    patch.setattr(RunLog, "append", append)


@mutant(settings_of_the_file)
def the_disk_is_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    right = file._prepare

    def prepare(connection: sqlite3.Connection, *args: Any, **named: Any) -> None:
        right(connection, *args, **named)
        connection.execute("PRAGMA synchronous=OFF")

    patch.setattr(file, "_prepare", prepare)


@mutant(settings_of_the_file)
def others_may_have_the_file_too(patch: pytest.MonkeyPatch) -> None:
    class Sharing(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            return super().execute(sql.replace("locking_mode=EXCLUSIVE", "locking_mode=NORMAL"), *values)

    right = sqlite3.connect
    patch.setattr(sqlite3, "connect", lambda *args, **named: right(*args, **named, factory=Sharing))


@mutant(settings_of_the_file)
def what_was_written_can_be_deleted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(file, "SCHEMA", tuple(sql for sql in file.SCHEMA if "BEFORE DELETE" not in sql))


# ------------------------------------------------------------------ what is called again


def called_again(patch: pytest.MonkeyPatch, wrong: Callable[[Driver, list[int]], list[int]]) -> None:
    right = Bearings.called_again
    patch.setattr(Bearings, "called_again", lambda self: wrong(self, right(self)))


@mutant()
def what_is_not_idempotent_is_called_again(patch: pytest.MonkeyPatch) -> None:
    def wrong(driver: Driver, right: list[int]) -> list[int]:
        states = driver.machine.states
        lost = [node for node in driver.lost if states[node] is NodeState.UNKNOWN]
        return right if driver.machine.run_state.back else lost

    called_again(patch, wrong)


@mutant()
def what_is_idempotent_is_rolled_back(patch: pytest.MonkeyPatch) -> None:
    called_again(patch, lambda driver, right: right if driver.machine.run_state.back else [])


@mutant()
def what_is_idempotent_is_called_again_although_the_run_turns_back(patch: pytest.MonkeyPatch) -> None:
    def wrong(driver: Driver, right: list[int]) -> list[int]:
        states, calls = driver.machine.states, driver.performer.calls
        lost = [n for n in driver.lost if states[n] is NodeState.UNKNOWN and calls[n].idempotent]
        return right if driver.machine.run_state.back else lost

    called_again(patch, wrong)


@mutant()
def a_lost_rollback_is_not_called_again(patch: pytest.MonkeyPatch) -> None:
    called_again(patch, lambda driver, right: [] if driver.machine.run_state.back else right)


@mutant(dying("undone badly"))
def a_rollback_that_failed_is_called_again(patch: pytest.MonkeyPatch) -> None:
    def wrong(driver: Driver, right: list[int]) -> list[int]:
        states = driver.machine.states
        failed = [node for node in driver.lost if states[node] is NodeState.ROLLBACK_FAILED]
        return failed if driver.machine.run_state.back else right

    called_again(patch, wrong)


@mutant(dying("undone badly"))
def a_rollback_that_failed_is_written_as_lost_with_its_action(patch: pytest.MonkeyPatch) -> None:
    right = Outcomes.back

    def back(self: Outcomes, node: int, outcome: Any) -> Any:
        lost = node in self.broken_off
        given = right(self, node, outcome)
        if lost:
            self.broken_off.add(node)
        return given

    patch.setattr(Outcomes, "back", back)


@mutant()
def a_lost_rollback_counts_as_done(patch: pytest.MonkeyPatch) -> None:
    right = resume._lose

    def lose(driver: Driver, node: int) -> None:
        if driver.machine.states[node] is NodeState.ROLLING_BACK:
            driver.recorder.record(node, NodeState.ROLLED_BACK, resume._WHY)
        else:
            right(driver, node)

    patch.setattr(resume, "_lose", lose)


@mutant()
def a_lost_action_counts_as_failed(patch: pytest.MonkeyPatch) -> None:
    right = Outcomes.ended

    def ended(self: Outcomes, node: int) -> str:
        return right(self, node).replace("UNKNOWN", "FAILED")

    patch.setattr(Outcomes, "ended", ended)


# ----------------------------------------------------------------------- what is restored


def unmarked(patch: pytest.MonkeyPatch, kind: str) -> None:
    right = Keeping.mark

    def mark(self: Keeping, told: Any) -> None:
        if told.kind != kind:
            right(self, told)

    patch.setattr(Keeping, "mark", mark)


def restored(patch: pytest.MonkeyPatch, wrong: Callable[[Driver], object]) -> None:
    right = resume._restore

    def restore(driver: Driver, kept: Kept) -> None:
        right(driver, kept)
        wrong(driver)

    patch.setattr(resume, "_restore", restore)


@mutant()
def the_key_is_another_one_after_a_death(patch: pytest.MonkeyPatch) -> None:
    restored(patch, lambda driver: setattr(driver.performer, "run_id", f"{driver.performer.run_id}again"))


@mutant()
def going_back_to_a_save_point_is_not_counted_in_the_key(patch: pytest.MonkeyPatch) -> None:
    restored(patch, lambda driver: setattr(driver.machine, "recoveries", 0))


@mutant()
def the_tries_of_a_save_point_begin_anew(patch: pytest.MonkeyPatch) -> None:
    def wrong(driver: Driver) -> None:
        driver.machine._points = SavePoints(driver.plan, driver.machine.policy)

    restored(patch, wrong)


@mutant()
def the_attempts_begin_anew(patch: pytest.MonkeyPatch) -> None:
    restored(patch, lambda driver: driver.machine._attempts.clear())


@mutant()
def the_attempts_of_rollbacks_begin_anew(patch: pytest.MonkeyPatch) -> None:
    restored(patch, lambda driver: driver.machine._undo_attempts.clear())


@mutant(dying("saved, and retried"))
def what_an_earlier_round_has_called_counts_for_the_retries(patch: pytest.MonkeyPatch) -> None:
    restored(patch, lambda driver: driver.machine._before.clear())


@mutant()
def results_are_swapped(patch: pytest.MonkeyPatch) -> None:
    def wrong(driver: Driver) -> None:
        results = driver.outcomes.results
        if len(results) > 1:
            one, two, *_ = results
            results[one], results[two] = results[two], results[one]

    restored(patch, wrong)


@mutant()
def values_by_hand_are_lost(patch: pytest.MonkeyPatch) -> None:
    def wrong(driver: Driver) -> None:
        driver.outcomes.results.update(dict.fromkeys(driver.outcomes.skipped))

    restored(patch, wrong)


@mutant(dying("decided by the textbook"))
def what_was_skipped_counts_as_done_by_itself(patch: pytest.MonkeyPatch) -> None:
    restored(patch, lambda driver: driver.machine.skipped.clear())


@mutant()
def what_failed_is_restored_as_succeeded(patch: pytest.MonkeyPatch) -> None:
    restored(patch, lambda driver: driver.outcomes.errors.clear())


@mutant()
def the_errors_of_rollbacks_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    restored(patch, lambda driver: driver.outcomes.rollback_errors.clear())


@mutant()
def why_the_run_turned_back_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    restored(patch, lambda driver: setattr(driver.outcomes, "cause", None))


@mutant(test_turning.test_a_step_is_a_step_back)
def a_decision_to_turn_back_is_not_written(patch: pytest.MonkeyPatch) -> None:
    unmarked(patch, "turning")


@mutant(test_turning.test_a_step_is_a_step_back)
def a_decision_to_turn_back_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Kept, "turning", "")


@mutant(test_turning.test_what_came_too_late_for_a_pivot_is_not_remembered)
def a_pivot_does_not_make_a_decision_come_too_late(patch: pytest.MonkeyPatch) -> None:
    restored(patch, lambda driver: setattr(driver, "closing", "too late"))


@mutant()
def the_order_of_completion_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    restored(patch, lambda driver: driver.machine._ended.clear())


@mutant()
def a_pivot_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    restored(patch, lambda driver: setattr(driver.machine, "pivot", None))


@mutant()
def what_an_earlier_round_has_left_behind_is_restored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Outcomes, "begin_anew", lambda self: None)


@mutant()
def the_ledger_is_not_restored(patch: pytest.MonkeyPatch) -> None:
    restored(patch, lambda driver: driver.effects.entries.clear())


# ----------------------------------------------------------------- refusals, and the list


@mutant()
def a_run_that_turned_back_is_listed_as_finished(patch: pytest.MonkeyPatch) -> None:
    right = runs._condition

    def condition(state: RunState, released: bool) -> Any:
        return "finished" if state.back else right(state, released)

    patch.setattr(runs, "_condition", condition)


@mutant(test_resume.test_another_flow_is_refused_with_what_differs)
def another_flow_is_accepted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(resume, "differences", lambda then, now: "")


@mutant(test_resume.test_another_rollback_given_to_the_run_belongs_to_its_story)
def another_rollback_given_to_the_run_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(resume, "changing", lambda machine, rows, marks: rows)


@mutant(test_resume.test_a_released_run_is_refused)
def a_released_run_is_resumed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Kept, "released", False)


@mutant(test_resume.test_the_older_object_does_nothing_more)
def two_objects_go_on_with_one_run(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RunLog, "give_up", lambda self: None)


@mutant(test_resume.test_a_run_that_is_being_driven_is_not_resumed)
def a_run_is_taken_from_under_who_drives_it(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("daga_nb.engine.driver._is_busy", lambda seat, outcomes: False)


@mutant(test_resume.test_what_comes_to_nothing_five_times_is_refused)
def resumes_are_not_counted(patch: pytest.MonkeyPatch) -> None:
    unmarked(patch, "resumed")


@mutant(test_resume.test_only_looking_counts_for_nothing)
def to_look_counts_as_a_resume(patch: pytest.MonkeyPatch) -> None:
    restored(patch, lambda driver: driver.recorder.write())


@mutant(test_resume.test_what_cannot_be_kept_is_the_failure_of_its_action_and_undone_with_it)
def what_cannot_be_kept_is_kept_as_text(patch: pytest.MonkeyPatch) -> None:
    right = run_log.encode

    def encode(value: Any) -> str:
        try:
            return right(value)
        except DagaError:
            return right(repr(value))

    patch.setattr(run_log, "encode", encode)


# ------------------------------------------------------------------------------- catching


def caught() -> str:
    """Live through seeded plots until one goes wrong, and give what is said of it; empty if none does."""
    with journal() as path:
        for number in range(PLOTS):
            plot, life = random_life(Random(f"mutants {number}"))
            try:
                live(plot, life, path, f"plot {number}")
            except (Exception, asyncio.CancelledError) as error:
                said = str(error).splitlines()
                return f"plot {number}: {type(error).__name__}: {said[0] if said else ''}"
    return ""


def test_without_a_bug_nothing_is_caught():
    assert caught() == ""


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_bug_is_caught(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, counts: Callable[..., None]
):
    plant, check = MUTANTS[name]
    plant(monkeypatch)
    if check is None:
        found = caught()
    else:
        with pytest.raises((Exception, pytest.fail.Exception)) as why:
            check(tmp_path / "runs.db")
        found = f"{check.__name__}: {why.value!r}"
    print(f"{name}: caught by {found}")
    assert found, f"{name} went through {PLOTS} plots"
    counts("planted bugs of the journal", caught=1, **{"by a named test": check is not None})


def test_there_are_enough_of_them():
    assert len(MUTANTS) >= 40
