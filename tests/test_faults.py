"""Failures planned in advance: checked when they are planted, fired where they are planted."""

import asyncio
import functools

import networkx as nx
import pytest
from helpers import Boom, action, flow_of, play, story, words

from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault
from daga_nb.errors import ActionInterrupted, FaultError

WHERE = pytest.mark.parametrize("where", ["before", "after", "rollback"])


# --------------------------------------------------------------------------- the value


@WHERE
def test_a_fault_prints_as_the_python_that_makes_it(where):
    fault = Fault.raising(RuntimeError("planted"), at="charge", where=where)
    assert repr(fault) == f"Fault.raising(RuntimeError('planted'), at='charge', where='{where}')"
    assert eval_free(repr(fault)) == fault


def eval_free(text):
    """Read back the one form that is printed, without eval."""
    head, at, where = text.removesuffix(")").rsplit(", ", 2)
    assert head == "Fault.raising(RuntimeError('planted')"
    return Fault.raising(RuntimeError("planted"), at.split("=")[1].strip("'"), where.split("=")[1].strip("'"))


def test_a_fault_of_a_class_and_at_an_action_prints_their_names(done):
    made = action(done, "charge")
    fault = Fault.raising(TimeoutError, at=made)
    assert repr(fault) == str(fault) == "Fault.raising(TimeoutError, at='charge', where='before')"


def test_before_is_where_a_fault_strikes_if_nothing_is_said():
    assert Fault.raising(Boom, at="a").where == "before"


@pytest.mark.parametrize("error", ["Boom", 3, None, int, object(), [Boom]])
def test_what_cannot_be_raised_is_refused(error):
    with pytest.raises(FaultError, match=r"raises an exception, and .* is none"):
        Fault.raising(error, at="a")
    with pytest.raises(FaultError, match=r"no chain of terms; write Fault.raising"):
        Fault(error, "a")


@pytest.mark.parametrize("where", ["", "during", "Before", None, 3])
def test_a_place_that_is_none_is_refused(where):
    with pytest.raises(FaultError, match="a fault is 'before' or 'after' the effect, or in the 'rollback'"):
        Fault.raising(Boom, at="a", where=where)
    with pytest.raises(FaultError):
        Fault(Fault.raising(Boom, "a").terms, "a", where)


# ------------------------------------------------------------------------- where they go


@pytest.mark.parametrize(
    ("at", "match"),
    [
        ("bb", "no action 'bb'. Did you mean 'b'"),
        ("", "no action ''. Did you mean 'a' or 'b' or 'c' or 'd'"),
        ("x" * 10_000, "Did you mean"),
        (b"a", "is no action of this flow"),
        (None, "is no action of this flow"),
        (print, "is no action of this flow"),
        ([], "is no action of this flow"),
    ],
)
def test_a_fault_at_no_action_is_refused_and_the_nearest_are_named(done, at, match):
    run = flow_of(done).start()
    with pytest.raises(FaultError, match=match):
        run.inject(Fault.raising(Boom, at=at))
    assert run.faults == ()


def test_start_refuses_it_too(done):
    with pytest.raises(FaultError, match="no action 'x'"):
        flow_of(done).start(faults=[Fault.raising(Boom, at="x")])


@pytest.mark.parametrize("thing", [Boom(), Boom, b"a", None])
def test_what_is_no_fault_is_refused(done, thing):
    with pytest.raises(FaultError, match=r"is no Fault; write Fault.raising"):
        flow_of(done).start(faults=[thing])


@pytest.mark.parametrize("options", [{"undo": False}, {"undo": False, "no_effect": True}])
def test_a_fault_in_a_rollback_that_does_not_exist_is_refused(done, options):
    run = flow_of(done, how={"b": options}).start()
    with pytest.raises(FaultError, match="'b' has no rollback, so a fault in it could never fire"):
        run.inject(Fault.raising(Boom, at="b", where="rollback"))


def test_an_action_can_be_named_by_itself(done):
    async def plain(results):
        return 1

    class Service:
        async def book(self, results):
            return 2

    service, part, made = Service(), functools.partial(plain), action(done, "made")
    graph = nx.DiGraph()
    graph.add_nodes_from([plain, service.book, part, made])
    run = DagaFlow(graph).start(faults=[Fault.raising(Boom, at=node) for node in graph])
    assert [fault.at for fault in run.faults] == ["plain", "book", "plain 2", "made"]


def test_two_actions_of_one_name_are_told_apart(done):
    first, second = action(done, "pay"), action(done, "pay")
    run = DagaFlow([(first, second)]).start(faults=[Fault.raising(Boom, at=second)])
    assert run.faults[0].at == "pay 2"
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert done == ["do pay", "undo pay", "undo pay"]
    assert list(run.errors) == ["pay 2"]


# ---------------------------------------------------------------------------- what they do


def test_before_the_action_is_not_called_and_is_rolled_back(done):
    run = flow_of(done).start(0, faults=[Fault.raising(Boom("planted"), at="b")])
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    assert [str(error) for error in failed.value.exceptions] == ["planted"]
    assert done == ["do a", "do c", "undo b", "undo c", "undo a"]
    assert [event.reason for event in run.events if str(event) == "b FAILED"] == [
        "Boom: planted (planted, before the effect)"
    ]


def test_after_the_effect_has_happened_and_failure_is_reported_all_the_same(done):
    given = []

    async def charge(results):
        done.append("do charge")
        return "charge 17"

    made = DagaAction(charge)

    @made.on_rollback
    async def refund(results, result, error):
        done.append("undo charge")
        given.append((result, error))

    error = Boom("reply lost")
    graph = nx.DiGraph()
    graph.add_node(made)
    run = DagaFlow(graph).start(faults=[Fault.raising(error, at="charge", where="after")])
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert done == ["do charge", "undo charge"]
    assert given == [(None, run.errors["charge"])]
    assert str(given[0][1]) == "reply lost"
    assert run.results == {}
    assert words(run) == {"charge": "rolled back"}


def test_in_the_rollback_it_is_not_called_and_fails(done):
    faults = [Fault.raising(Boom("b"), at="b"), Fault.raising(OSError("no undo"), at="c", where="rollback")]
    run = flow_of(done).start(faults=faults)
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    assert done == ["do a", "do c", "undo b", "undo a"]
    assert words(run) == {"a": "rolled back", "b": "rolled back", "c": "rollback failed", "d": "abandoned"}
    assert [str(error) for error in failed.value.exceptions] == [
        "b",
        "the rollback of 'c' (batch 2) failed: OSError: no undo",
    ]


def test_the_last_planted_at_a_place_stands_there_alone(done):
    run = flow_of(done, nodes="a").start()
    run.inject(Fault.raising(Boom("first"), at="a"))
    run.inject(Fault.raising(Boom("second"), at="a"))
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    assert str(failed.value.exceptions[0]) == "second"
    assert len(run.faults) == 1
    assert done == ["undo a"]


def test_one_fault_where_a_list_is_meant_is_told_so(done):
    with pytest.raises(FaultError, match=r"a list of faults is meant, \[Fault\.raising\(Boom, at='a'"):
        flow_of(done).start(faults=Fault.raising(Boom, at="a"))


@pytest.mark.parametrize("threaded", [True, False])
@WHERE
def test_a_fault_strikes_a_plain_function_too(done, where, threaded):
    def plain(results):
        done.append("do plain")

    def back(results):
        done.append("undo plain")

    made = DagaAction(plain, in_thread=threaded)
    made.on_rollback(back)
    last = action(done, "last", fails=Boom("last"), undo=False)
    run = DagaFlow([(made, last)]).start(faults=[Fault.raising(OSError, at="plain", where=where)])
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert (
        done
        == {
            "before": ["undo plain"],
            "after": ["do plain", "undo plain"],
            "rollback": ["do plain", "do last"],
        }[where]
    )


@WHERE
def test_a_fault_may_be_something_that_is_no_exception(done, where):
    run = flow_of(done, [("a", "b")], how={"b": {"fails": Boom("b")}}).start()
    run.inject(Fault.raising(asyncio.CancelledError, at="a", where=where))
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    if where == "rollback":
        assert done == ["do a", "do b", "undo b"]
        assert isinstance(run.rollback_errors["a"].error, asyncio.CancelledError)
    else:
        assert done == (["undo a"] if where == "before" else ["do a", "undo a"])
        assert isinstance(failed.value.exceptions[0], ActionInterrupted)
        assert isinstance(failed.value.exceptions[0].__cause__, asyncio.CancelledError)


def test_a_class_that_cannot_be_made_without_arguments_is_refused():
    with pytest.raises(
        FaultError, match=r"UnicodeDecodeError cannot be made without arguments .* give an instance"
    ):
        Fault.raising(UnicodeDecodeError, at="a")


def test_a_fault_belongs_to_its_run(done):
    flow = flow_of(done, nodes="a")
    fault = Fault.raising(Boom("planted"), at="a")
    broken, sound = flow.start(faults=[fault]), flow.start()
    assert play(sound.finish()) == ["a"]
    with pytest.raises(DagaFlowError):
        play(broken.finish())
    assert done == ["do a", "undo a"]
    assert sound.faults == ()


class Coded(Exception):
    """Its arguments are not those that it is made with, so that a copy would say something else."""

    def __init__(self, code):
        super().__init__(f"code {code}")


class Detailed(Exception):
    def __init__(self, text, *, detail=None):
        super().__init__(text)
        self.detail = detail


@pytest.mark.parametrize(
    "error",
    [
        Boom("planted"),
        Detailed("planted", detail={"key": 1}),
        OSError(2, "no such file", "name"),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "why"),
    ],
)
def test_an_error_planted_in_several_runs_is_another_one_in_each(done, error):
    error.add_note("of the user")
    flow = flow_of(done, nodes="a")
    fault = Fault.raising(error, at="a")
    raised = []
    for _ in range(2):
        with pytest.raises(DagaFlowError) as failed:
            play(flow.run(faults=[fault]))
        raised += failed.value.exceptions
    assert done == ["undo a"] * 2
    assert len({id(one) for one in (error, *raised)}) == 3
    for one in raised:
        assert (type(one), str(one), one.args) == (type(error), str(error), error.args)
        assert getattr(one, "detail", None) == getattr(error, "detail", None)
        assert one.__notes__ == ["of the user", "in action 'a', batch 1, attempt 1"]
        assert one.__traceback__ is not None
    assert error.__notes__ == ["of the user"]
    assert error.__traceback__ is None


def test_an_error_that_would_not_be_the_same_when_copied_is_raised_itself(done):
    flow = flow_of(done, nodes="a")
    error = Coded(7)
    depths = []
    for _ in range(3):
        with pytest.raises(DagaFlowError) as failed:
            play(flow.run(faults=[Fault.raising(error, at="a")]))
        assert failed.value.exceptions[0] is error
        depth, frame = 0, error.__traceback__
        while frame is not None:
            depth, frame = depth + 1, frame.tb_next
        depths.append(depth)
    assert str(error) == "code 7"
    assert depths[0] == depths[1] == depths[2]
    assert error.__notes__ == ["in action 'a', batch 1, attempt 1"]
    assert done == ["undo a"] * 3


def test_a_fault_planted_in_the_middle_of_a_run_strikes_what_is_still_to_come(done):
    async def main():
        run = flow_of(done).start()
        await run.step()
        fault = Fault.raising(Boom("planted"), at="d")
        assert run.inject(fault) is fault
        with pytest.raises(DagaFlowError):
            await run.finish()
        return run

    run = play(main())
    assert done == ["do a", "do b", "do c", "undo d", "undo b", "undo c", "undo a"]
    assert "d FAILED" in story(run)


# ------------------------------------------------------------------------ taking them out


def planted(done):
    return flow_of(done).start(
        faults=[
            Fault.raising(Boom, at="c", where="after"),
            Fault.raising(Boom, at="a"),
            Fault.raising(Boom, at="a", where="rollback"),
        ]
    )


def places(faults):
    return [(fault.at, fault.where) for fault in faults]


def test_faults_are_listed_in_plan_order(done):
    assert places(planted(done).faults) == [("a", "before"), ("a", "rollback"), ("c", "after")]


@pytest.mark.parametrize(
    ("arguments", "removed", "left"),
    [
        ({}, 3, []),
        ({"at": "a"}, 2, [("c", "after")]),
        ({"at": "a", "where": "before"}, 1, [("a", "rollback"), ("c", "after")]),
        ({"at": "a", "where": "after"}, 0, [("a", "before"), ("a", "rollback"), ("c", "after")]),
        ({"where": "after"}, 1, [("a", "before"), ("a", "rollback")]),
        ({"at": "d"}, 0, [("a", "before"), ("a", "rollback"), ("c", "after")]),
    ],
)
def test_faults_are_taken_out_by_action_and_place(done, arguments, removed, left):
    run = planted(done)
    gone = run.clear_faults(**arguments)
    assert len(gone) == removed
    assert places(run.faults) == left
    assert set(places(gone)).isdisjoint(left)


def test_taking_out_at_no_action_is_refused(done):
    run = planted(done)
    with pytest.raises(FaultError, match="Did you mean"):
        run.clear_faults("x")
    assert len(run.faults) == 3


def test_without_its_faults_a_run_goes_well(done):
    run = planted(done)
    run.clear_faults()
    assert play(run.finish()) == ["d"]
    assert done == ["do a", "do b", "do c", "do d"]
