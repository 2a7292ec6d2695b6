"""The exceptions: what they say, what they carry, and that errors of others cannot break them."""

import dataclasses
import inspect

import pytest
from helpers import Boom, action, flow_of, play

from daga_nb import DagaFlow, DagaFlowError, errors
from daga_nb.errors import (
    CycleError,
    DagaError,
    FaultError,
    FlowDefinitionError,
    IllegalTransition,
    RollbackError,
    RunBusy,
    StepError,
    StoryError,
    add_note_once,
    describe,
)


@dataclasses.dataclass(frozen=True)
class FrozenError(Exception):
    """Takes neither attributes nor notes: `add_note` raises."""

    code: int = 1


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class Refusing(Exception):
    def add_note(self, note):
        raise TypeError("no notes, please")


class Odd(Exception):
    __notes__ = ("a tuple is no list",)


def test_every_error_of_our_own_has_one_base():
    classes = [
        one for _, one in inspect.getmembers(errors, inspect.isclass) if one.__module__ == errors.__name__
    ]
    assert {one.__name__ for one in classes} == set(errors.__all__)
    ours = {one for one in classes if issubclass(one, DagaError)}
    assert set(classes) - ours == {DagaFlowError, errors.FaultNotFired, errors.LayoutWarning}


@pytest.mark.parametrize(
    ("error", "also"),
    [
        (CycleError, (FlowDefinitionError, AssertionError, ValueError)),
        (FlowDefinitionError, (ValueError,)),
        (FaultError, (ValueError,)),
        (StepError, (ValueError,)),
        (StoryError, (ValueError,)),
        (RunBusy, (RuntimeError,)),
        (IllegalTransition, (RuntimeError,)),
        (DagaFlowError, (ExceptionGroup,)),
    ],
)
def test_an_error_is_also_what_people_look_for(error, also):
    assert all(issubclass(error, one) for one in also)


# --------------------------------------------------------------------------- describe


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no"), "ValueError: no"),
        (ValueError(), "ValueError"),
        (ValueError("  two\n lines\t"), "ValueError: two lines"),
        (KeyError("x"), "KeyError: 'x'"),
        (Mute(), "Mute: (its message cannot be shown: RuntimeError)"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (ValueError("x" * 300), "ValueError: " + "x" * 199 + "…"),
        (ValueError("<script>\x00\u202e"), "ValueError: <script>\x00\u202e"),
    ],
)
def test_an_error_is_described_in_one_short_line(error, text):
    assert describe(error) == text


# ------------------------------------------------------------------------------ notes


def test_a_note_is_added_once():
    error = ValueError()
    for note in ("here", "there", "here"):
        add_note_once(error, note)
    assert error.__notes__ == ["here", "there"]


@pytest.mark.parametrize("error", [FrozenError(), Refusing(), Odd()])
def test_an_error_that_takes_no_note_goes_without(error):
    add_note_once(error, "here")


@pytest.mark.parametrize("error", [FrozenError(7), Refusing("no"), Odd("no"), Mute()])
@pytest.mark.parametrize("threaded", [False, True])
def test_an_action_may_fail_with_an_odd_error_and_all_is_rolled_back(done, error, threaded):
    first = action(done, "first")

    async def odd(results):
        raise error

    def odd_too(results):
        raise error

    run = DagaFlow([(first, odd_too if threaded else odd)]).start()
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    assert failed.value.exceptions == (error,)
    assert failed.value.exceptions[0] is error
    assert done == ["do first", "undo first"]


@pytest.mark.parametrize("error", [FrozenError(7), Refusing("no"), Odd("no"), Mute()])
def test_a_rollback_may_fail_with_an_odd_error_and_the_others_are_undone(done, error):
    flow = flow_of(done, [("a", "b"), ("b", "c")], how={"b": {"undo_fails": error}, "c": {"fails": Boom()}})
    run = flow.start()
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert done == ["do a", "do b", "do c", "undo c", "undo b", "undo a"]
    assert run.rollback_errors["b"].error is error


# ----------------------------------------------------------------------- DagaFlowError


def failed_run(done, **how):
    run = flow_of(done, how=how).start()
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    return run, failed.value


def test_the_group_is_named_as_py_daga_names_it_and_carries_the_run(done):
    error = Boom("no stock")
    run, group = failed_run(done, c={"fails": error})
    assert group.message == "DagaFlowError"
    assert group.exceptions == (error,)
    assert group.run is run
    assert done == ["do a", "do b", "do c", "undo b", "undo c", "undo a"]


def test_the_parts_of_a_group_carry_the_run_too(done):
    run, group = failed_run(done, b={"fails": Boom("b")}, c={"fails": KeyError("c")})
    match, rest = group.split(KeyError)
    assert type(match) is type(rest) is DagaFlowError
    assert match.run is rest.run is run
    assert [type(error) for error in match.exceptions] == [KeyError]
    caught = []
    try:
        raise group
    except* Boom as found:
        caught += [found.run, *found.exceptions]
    except* KeyError as found:
        caught += [found.run, *found.exceptions]
    assert caught == [run, run.errors["b"], run, run.errors["c"]]


def test_errors_stand_in_plan_order_and_then_one_for_each_failed_rollback(done):
    _run, group = failed_run(
        done,
        a={"undo_fails": OSError("a stays")},
        b={"fails": Boom("b"), "undo_fails": OSError("b stays")},
        c={"fails": Boom("c")},
    )
    assert [str(error) for error in group.exceptions] == [
        "b",
        "c",
        "the rollback of 'a' (batch 1) failed: OSError: a stays",
        "the rollback of 'b' (batch 2) failed: OSError: b stays",
    ]
    assert [type(error) for error in group.exceptions[2:]] == [RollbackError, RollbackError]
    assert [error.node for error in group.exceptions[2:]] == ["a", "b"]
    assert group.exceptions[3].error is group.exceptions[3].__cause__
    assert done == ["do a", "do b", "do c", "undo b", "undo c", "undo a"]


def test_the_traceback_survives_with_a_note_that_names_the_action(done):
    _run, group = failed_run(done, c={"fails": Boom("c"), "undo_fails": OSError()})
    error, undo = group.exceptions
    lines, frames = [], error.__traceback__
    while frames is not None:
        lines.append(frames.tb_frame.f_code.co_name)
        frames = frames.tb_next
    assert lines[-1] == "do", "the innermost frame is the action's own"
    assert error.__notes__ == ["in action 'c', batch 2, attempt 1"]
    assert undo.error.__notes__ == ["in the rollback of action 'c', batch 2, attempt 1"]


def test_the_story_of_an_illegal_move_is_cut_to_its_end():
    error = IllegalTransition("a", "KEPT", "RUNNING", [str(number) for number in range(20)])
    assert len(error.story) == 20
    assert str(error).endswith("Its story: 12; 13; 14; 15; 16; 17; 18; 19")


def test_a_failed_flow_says_where_it_failed_and_what_is_left(done):
    flow = flow_of(done, how={"a": {"undo": False}, "d": {"fails": Boom("no")}}, name="shop")
    run = flow.start()
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    assert failed.value.__notes__ == [
        f"flow 'shop', run {run.id}: failed in 'd'; rollback incomplete; left: a"
    ]
    assert done == ["do a", "do b", "do c", "do d", "undo d", "undo b", "undo c"]


def test_a_rollback_that_fails_after_a_good_end_failed_in_no_action(done):
    run = flow_of(done, how={"a": {"undo_fails": Boom("no")}}, name="shop").start()
    play(run.finish())
    with pytest.raises(DagaFlowError) as failed:
        play(run.rollback())
    assert failed.value.__notes__ == [f"flow 'shop', run {run.id}: rollback incomplete; left: a"]
