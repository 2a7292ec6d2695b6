"""What cannot be resumed is refused before anything is written, called or taken away."""

import gc
from dataclasses import dataclass

import pytest
from helpers import flow_of, play
from journals import everything, files_of

from daga_nb import Fault, journaled
from daga_nb.errors import DagaError, FaultError, FlowChanged, JournalError, JournalValueError
from daga_nb.journal import kinds

CHAIN = [("a", "b"), ("b", "c")]


@dataclass
class Ticket:
    number: int


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


@pytest.fixture
def run_id(path):
    """Give the id of a run that stands after its first batch, and is in nobody's hands."""
    flow = flow_of([], CHAIN, how={"a": {"result": journaled(name="ticket")(Ticket)(17)}})
    run = flow.start(17, journal=path)
    play(run.step())
    run_id = run.id
    del run, flow
    gc.collect()
    return run_id


def changed(edges=CHAIN, **how):
    return lambda done, path, run_id: flow_of(done, edges, how=how).resume(path, run_id)


def of_another_class(done, path, run_id):
    kinds._BY_NAME.clear()  # the fixture of all tests gives them back
    return flow_of(done, CHAIN).resume(path, run_id)


def with_a_fault_that_is_never_seen(done, path, run_id):
    return flow_of(done, CHAIN).resume(path, run_id, faults=[Fault.raising(ValueError(), at="nobody")])


REFUSALS = {
    "an id of nobody": (
        lambda done, path, run_id: flow_of(done, CHAIN).resume(path, "nobody"),
        JournalError,
        r"there is no run 'nobody' in .*runs\.db: list_runs\(\.\.\.\) shows what there is",
    ),
    "an action less": (changed([("a", "b")]), FlowChanged, "'c' is gone"),
    "an action more": (changed([*CHAIN, ("c", "d")]), FlowChanged, "'d' is new"),
    "another order": (
        changed([("a", "b"), ("a", "c")]),
        FlowChanged,
        "'c' comes after 'a', and came after 'b'",
    ),
    "a rollback less": (
        changed(b={"undo": False}),
        FlowChanged,
        "'b' has no rollback, and it had a rollback",
    ),
    "a pivot": (changed(b={"pivot": True}), FlowChanged, "pivot: 'b', and it was nothing"),
    "a class that is not there": (
        of_another_class,
        JournalValueError,
        "of the class 'ticket', which is not defined here: run the cell",
    ),
    "a fault at nobody": (with_a_fault_that_is_never_seen, FaultError, "the flow has no action 'nobody'"),
}


@pytest.mark.parametrize(("resume", "kind", "says"), REFUSALS.values(), ids=REFUSALS.keys())
def test_it_is_refused_and_nothing_has_changed(path, run_id, done, resume, kind, says):
    before = files_of(path)
    with pytest.raises(kind, match=says) as refused:
        resume(done, path, run_id)
    assert isinstance(refused.value, DagaError)
    assert files_of(path) == before
    assert done == []


def test_then_the_right_flow_goes_on(path, run_id, done):
    for resume, kind, _ in REFUSALS.values():
        if resume is not of_another_class:
            with pytest.raises(kind):
                resume(done, path, run_id)
    assert play(flow_of(done, CHAIN).resume(path, run_id).finish()) == ["c"]
    assert done == ["do b", "do c"]


def test_what_was_released(path, run_id, done):
    flow = flow_of(done, CHAIN)
    flow.resume(path, run_id).release()
    gc.collect()
    before = everything(path)
    with pytest.raises(JournalError, match="was released: it never goes on, nor back"):
        flow.resume(path, run_id)
    assert everything(path) == before
    assert done == []
