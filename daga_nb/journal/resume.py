"""Going on with a run whose process has ended: the same loop, from where its story stops."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from daga_nb.core.moves import Direction
from daga_nb.core.states import NodeState, RunState
from daga_nb.debug.history import History
from daga_nb.engine.admission import OnFailure
from daga_nb.engine.driver import Driver
from daga_nb.engine.fault_plan import Faults
from daga_nb.engine.log import Mark, Row
from daga_nb.engine.outcomes import Outcome, lost
from daga_nb.engine.run import FlowRun
from daga_nb.engine.world import Observe
from daga_nb.errors import ActionInterrupted, FlowChanged, JournalBusy, JournalError, RollbackError
from daga_nb.journal.codec import decode
from daga_nb.journal.file import Journal, opened
from daga_nb.journal.head import Shape, differences
from daga_nb.journal.reading import Kept, changing, error_in, is_lost, read
from daga_nb.journal.run_log import RunLog
from daga_nb.journal.told import notes_of

if TYPE_CHECKING:
    from daga_nb.flow import DagaFlow

__all__ = ["resume"]

_WHY = "the process ended before it did"
_WAITED = "the process ended before its retry"
_UNDECIDED = {False: (NodeState.FAILED, NodeState.UNKNOWN), True: (NodeState.ROLLBACK_FAILED,)}
"""What a call that was lost has left its action in, going forward and back."""


def resume(
    flow: DagaFlow[Any, Any],
    path: str | os.PathLike[str],
    run_id: str,
    *,
    faults: Faults,
    on_failure: OnFailure | None,
    observe: Observe | None,
    most_resumes: int,
) -> FlowRun:
    """Give the run, as it stood, ready to go on. See `DagaFlow.resume`."""
    if type(most_resumes) is not int or most_resumes < 1:
        raise JournalError(f"most_resumes={most_resumes!r}: it is a whole number from 1")
    with opened(path, create=False) as journal:
        kept = read(journal, run_id)
        _check_flow(kept, flow)
        _check_may_go_on(kept, journal, most_resumes)
        log = RunLog.resumed(journal.path, run_id, (len(kept.rows), len(kept.entries), len(kept.marks)))
        run = FlowRun(flow, decode(kept.input), faults, observe=observe, log=log)
        _restore(run._driver, kept)
        run.on_failure = kept.on_failure if on_failure is None else on_failure
        run._history = History(run, notes_of(kept))
        log.take_over(journal)
        if run.state.ended:
            log.rest()
        return run


def _check_flow(kept: Kept, flow: DagaFlow[Any, Any]) -> None:
    then = Shape(kept.shape.plan, kept.undo, kept.shape.policy)
    now = Shape(flow.plan, tuple(call.undo for call in flow.calls), flow.policy)
    told = differences(then, now)
    if told:
        raise FlowChanged(
            f"run {kept.run_id} of {kept.flow!r} was begun with another flow than {flow.name!r} is: {told}. "
            "Resume it with the flow that it was begun with; what its functions do may be mended"
        )


def _check_may_go_on(kept: Kept, journal: Journal, most: int) -> None:
    held = journal.holders.get(kept.run_id)
    if held is not None and held.busy():
        raise JournalBusy(f"run {kept.run_id} goes on in this process: let that end, or cancel it, first")
    if kept.released:
        raise JournalError(
            f"run {kept.run_id} was released: it never goes on, nor back; a fork may have adopted what it did"
        )
    if kept.resumed >= most and not kept.machine.run_state.ended:
        raise JournalError(
            f"run {kept.run_id} was resumed {kept.resumed} times, and each time its process ended before any "
            f"call did. Look at what kills it; most_resumes={kept.resumed + 1} tries once more"
        )


def _restore(driver: Driver, kept: Kept) -> None:
    """Bring a fresh run to where the journal's story stops, and mark what was lost there."""
    machine, outcomes, keeping = driver.machine, driver.outcomes, driver.keeping
    assert keeping is not None
    keeping.on_failure = kept.on_failure
    machine.undo[:] = kept.shape.undo
    for row in changing(machine, kept.rows, kept.marks):
        _replay(driver, row)
    driver.effects.restore(kept.entries)
    outcomes.find_cause(machine.failures)
    driver.recorder.go_on_from(kept.created_at, kept.rows[-1].event.at if kept.rows else 0.0)
    if machine.run_state.ended:
        return
    keeping.mark(Mark(len(kept.rows), "resumed"))
    driver.closing = kept.turning
    last = {row.node: row for row in kept.rows}
    waiting = kept.waiting
    undecided = _UNDECIDED[machine.run_state.back]  # what was lost before the run turned back is decided
    found = []
    for node, state in enumerate(machine.states):
        if state is NodeState.RUNNING or state is NodeState.ROLLING_BACK:
            _lose(driver, node, waited=node in waiting)
            found.append(node)
        elif state in undecided and is_lost(last[node]):
            found.append(node)  # by an earlier process, which ended before it called it again
            if last[node].event.reason == _WAITED:
                outcomes.waited.add(node)
    driver.lost = tuple(found)
    outcomes.broken_off.update(found)
    driver.recorder.tell_nobody()


def _lose(driver: Driver, node: int, *, waited: bool) -> None:
    outcomes = driver.outcomes
    direction = _direction(driver.machine.states[node])
    outcomes.calls_lost[node, direction] += 1
    if waited:  # it was not called: what the call before raised is still the truth
        outcomes.recall(node, direction)
        outcomes.waited.add(node)
        ended = NodeState.FAILED if direction == "forward" else NodeState.ROLLBACK_FAILED
        reason = _WAITED
    elif direction == "forward":
        ended, reason = outcomes.forward(node, lost(_WHY))
    else:
        name = driver.plan.names[node]
        error = ActionInterrupted(f"the rollback of {name!r}: {_WHY}")
        ended, _ = outcomes.back(node, Outcome(None, error, None, None))
        reason = _WHY
    outcomes.broken_off.add(node)
    driver.recorder.record(node, ended, reason)


def _direction(state: NodeState) -> Direction:
    return "forward" if state is NodeState.RUNNING else "back"


def _replay(driver: Driver, row: Row) -> None:
    """Take in one event of a process that has ended, with what its calls gave and raised."""
    machine, outcomes, event, node = driver.machine, driver.outcomes, row.event, row.node
    if node is None:
        anew = machine.run_state is RunState.RECOVERING and event.state is RunState.RUNNING
        machine.apply(event)
        if anew:
            outcomes.begin_anew()
        return
    before, state = machine.states[node], event.state
    machine.apply(event)
    if state is NodeState.RUNNING and before in (NodeState.FAILED, NodeState.UNKNOWN):
        outcomes.forget(node, "forward")
    elif state is NodeState.ROLLING_BACK and before is NodeState.ROLLBACK_FAILED:
        outcomes.forget(node, "back")
    elif state is NodeState.SUCCEEDED:
        value = decode(_there(row.value, row))
        if before in (NodeState.FAILED, NodeState.UNKNOWN):
            outcomes.skip(node, value)
        else:
            outcomes.results[node] = value
    elif state is NodeState.FAILED or state is NodeState.UNKNOWN:
        outcomes.errors[node] = _error(driver, node, row, "in action")
        if state is NodeState.UNKNOWN:
            outcomes.lost.add(node)
    elif state is NodeState.ROLLBACK_FAILED:
        error = _error(driver, node, row, "in the rollback of action")
        batch = driver.plan.batch_of[node] + 1
        outcomes.rollback_errors[node] = RollbackError(driver.plan.names[node], batch, error)
    elif row.outcome == "back":
        outcomes.rollback_results[node] = None if row.value is None else decode(row.value)
    if is_lost(row):
        outcomes.calls_lost[node, _direction(before)] += 1
    if row.seconds is not None:
        taken = outcomes.rollback_durations if row.outcome == "back" else outcomes.durations
        taken[node] = row.seconds


def _there(text: str | None, row: Row) -> str:
    if text is None:
        raise JournalError(f"event {row.event.seq}: {row.event} has nothing that belongs to it")
    return text


def _error(driver: Driver, node: int, row: Row, where: str) -> Exception:
    error = error_in(_there(row.error, row))
    batch = driver.plan.batch_of[node] + 1
    place = f"{where} {row.event.node!r}, batch {batch}, attempt {row.event.attempt}"
    error.add_note(f"{place}, in a process that has ended")
    if error.traceback:
        error.add_note(error.traceback)
    return error
