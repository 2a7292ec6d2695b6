"""Actions: how they are made, called and undone by hand."""

import asyncio
import functools
import logging
import threading

import networkx as nx
import pytest
from helpers import Boom, action, play

from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault
from daga_nb.action import EmptyAction
from daga_nb.errors import FlowDefinitionError


async def pay(results):
    """Take the money."""
    return ["paid", results]


# ---------------------------------------------------------------------------- being made


@pytest.mark.parametrize(
    "make", [DagaAction, DagaAction[int, str], DagaAction.options(), DagaAction[int, str].options()]
)
def test_an_action_made_from_a_function(make):
    made = make(pay)
    assert isinstance(made, DagaAction)
    assert made.__name__ == "pay"
    assert made.__doc__ == "Take the money."
    assert made.wrapped_func is made.__wrapped__ is pay
    assert made.is_decorator_action
    assert str(made) == repr(made) == "DagaAction(pay)"
    assert play(made([1])) == ["paid", [1]]


def test_an_action_made_from_a_class():
    class Pay(DagaAction[int, str]):
        async def __call__(self, results):
            return ["class", results]

    made = Pay()
    assert not made.is_decorator_action
    assert made.wrapped_func == made.__call__
    assert repr(made) == "DagaAction(Pay)"
    assert play(made([1])) == play(made.wrapped_func([1])) == ["class", [1]]
    assert repr(Pay(name="pay twice")) == "DagaAction(pay twice)"


@pytest.mark.parametrize("thing", [3, "pay", [], object()])
def test_what_cannot_be_called_cannot_be_wrapped(thing):
    with pytest.raises(FlowDefinitionError, match=r"DagaAction wraps a function, and .* cannot be called"):
        DagaAction(thing)


def test_an_action_with_nothing_to_call_is_refused():
    class Nothing(DagaAction[int, int]):
        pass

    for make in (DagaAction, DagaAction[int, int], Nothing):
        with pytest.raises(FlowDefinitionError, match="There is nothing to call: wrap a function"):
            make()


OPTIONS = {"no_effect": True, "in_thread": False, "rollback_timeout": 3.0, "idempotent": True}


def test_options_by_call_by_decorator_and_by_class():
    class Quote(DagaAction[int, int]):
        no_effect = True
        in_thread = False
        rollback_timeout = 3.0
        idempotent = True

        async def __call__(self, results):
            return 1

    for made in (DagaAction(pay, **OPTIONS), DagaAction.options(**OPTIONS)(pay), Quote()):
        assert {name: getattr(made, name) for name in OPTIONS} == OPTIONS
    plain = DagaAction(pay)
    assert [getattr(plain, name) for name in OPTIONS] == [False, True, None, False]
    assert Quote(no_effect=False).no_effect is False


def test_an_unknown_option_is_refused():
    with pytest.raises(TypeError, match="unexpected keyword argument 'effect'"):
        DagaAction(pay, effect=False)


# ------------------------------------------------------------------------- called by hand


def test_called_by_hand_an_action_gives_what_its_function_gives():
    plain = DagaAction(lambda results: results * 2)
    assert plain([1]) == [1, 1]
    assert asyncio.iscoroutine(work := DagaAction(pay)([1]))
    assert play(work) == ["paid", [1]]


def test_called_by_hand_a_function_without_parameters_is_called_without():
    made = DagaAction(lambda: "called")
    assert made() == made([1]) == made(None) == "called"


def test_called_by_hand_without_results_a_function_gets_none():
    assert DagaAction(lambda results: [results])() == [None]


def test_what_is_handed_by_name_goes_through():
    assert DagaAction(lambda results, context: (results, context))([1], context=2) == ([1], 2)
    assert DagaAction(lambda *, context: context)(context=3) == 3


def test_the_empty_action_gives_back_what_it_gets():
    made = EmptyAction()
    assert repr(made) == "DagaAction(EmptyAction)"
    assert play(made([1, 2])) == [1, 2]
    assert play(made()) is None
    assert made.no_effect


# ------------------------------------------------------------------------- undone by hand


@pytest.mark.parametrize(
    ("returned", "result"),
    [("back", "back"), (None, True), (0, True), ("", True), ([], True), ([1], [1]), (False, True)],
)
@pytest.mark.parametrize("kind", ["async", "plain", "action", "class"])
def test_a_rollback_by_hand_gives_its_result_or_true(kind, returned, result):
    given = []

    async def later(results):
        given.append(results)
        return returned

    def plain(results):
        given.append(results)
        return returned

    class Back(DagaAction[int, int]):
        async def __call__(self, results):
            return await later(results)

    made = DagaAction(pay)
    made.register_function_as_rollback(
        {"async": later, "plain": plain, "action": DagaAction(later), "class": Back()}[kind]
    )
    assert play(made.rollback([1, 2])) == result
    assert given == [[1, 2]]


def test_without_a_rollback_there_is_a_warning_and_none(caplog):
    made = DagaAction(pay)
    with caplog.at_level(logging.WARNING, made.log.name):
        assert play(made.rollback([])) is None
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "No rollback action for DagaAction(pay)")
    ]
    assert made.log is DagaAction.log is EmptyAction.log


def test_a_rollback_by_hand_is_logged_as_information(caplog):
    made = DagaAction(pay)
    made.on_rollback(DagaAction(lambda results: 1, name="refund"))
    with caplog.at_level(logging.INFO, made.log.name):
        play(made.rollback([]))
    assert [record.getMessage() for record in caplog.records] == [
        "Rolling back DagaAction(pay) with DagaAction(refund)"
    ]


def test_a_rollback_by_hand_is_handed_what_the_caller_has():
    made = DagaAction(pay)
    made.on_rollback(lambda results, result, error, context: [results, result, error, context])
    assert play(made.rollback([1])) == [[1], None, None, None]
    error = Boom()
    assert play(made.rollback([1], result=2, error=error, context=3)) == [[1], 2, error, 3]


def test_what_a_rollback_by_hand_raises_reaches_the_caller():
    made = DagaAction(pay)

    @made.on_rollback
    async def broken(results):
        raise Boom("no refund")

    with pytest.raises(Boom, match="no refund"):
        play(made.rollback([]))


# --------------------------------------------------------------------------- registration


def test_a_function_is_given_back_as_it_is():
    made = DagaAction(pay)

    def refund(results):
        return 1

    assert made.register_function_as_rollback(refund) is refund
    assert made._wrapped_action_instance is refund
    assert made.on_rollback(refund) is refund


@pytest.mark.parametrize("thing", [None, 3, "refund"])
def test_what_cannot_be_called_cannot_undo(thing):
    made = DagaAction(pay)
    with pytest.raises(FlowDefinitionError, match=r"cannot undo DagaAction\(pay\): it cannot be called"):
        made.on_rollback(thing)
    assert made._wrapped_action_instance is None


def test_registering_a_class_gives_the_instance_that_will_undo():
    class Pay(DagaAction[int, int]):
        async def __call__(self, results):
            return 1

    class Refund(DagaAction[int, int]):
        async def __call__(self, results):
            return "refunded"

    before = Pay()
    registered = Pay.register_class_as_rollback(Refund)
    assert type(registered) is Refund
    assert Pay._wrapped_action_instance is registered
    assert play(before.rollback([])) == play(Pay().rollback([])) == "refunded"


def test_a_class_made_from_another_has_its_rollback_until_it_has_its_own():
    class Pay(DagaAction[int, int]):
        async def __call__(self, results):
            return 1

    @Pay.register_class_as_rollback
    class Refund(DagaAction[int, int]):
        async def __call__(self, results):
            return "refunded"

    class PayByCard(Pay):
        pass

    assert play(PayByCard().rollback([])) == "refunded"

    class CancelCard(DagaAction[int, int]):
        async def __call__(self, results):
            return "card cancelled"

    PayByCard.register_class_as_rollback(CancelCard)
    assert play(PayByCard().rollback([])) == "card cancelled"
    assert play(Pay().rollback([])) == "refunded"
    assert isinstance(Refund, DagaAction), "as in py-daga, the decorator leaves the instance under the name"


def test_an_instance_may_have_a_rollback_of_its_own():
    class Pay(DagaAction[int, int]):
        async def __call__(self, results):
            return 1

    first, second = Pay(), Pay()
    first.on_rollback(lambda results: "mine")
    assert play(first.rollback([])) == "mine"
    assert second._wrapped_action_instance is None


@pytest.mark.parametrize("base", [DagaAction, EmptyAction, DagaAction[int, int]])
def test_a_rollback_for_all_actions_at_once_is_refused(base):
    class Undo(DagaAction[int, int]):
        async def __call__(self, results):
            return 1

    with pytest.raises(FlowDefinitionError, match="register on a class of your own"):
        base.register_class_as_rollback(Undo)
    assert DagaAction._wrapped_action_instance is None


def test_the_decorators_are_also_in_the_order_of_the_readme():
    done = []

    @DagaAction[int, int]
    async def book(results):
        done.append("do book")

    @book.register_function_as_rollback
    @DagaAction[int, int]
    async def cancel(results):
        done.append("undo book")

    async def fail(results):
        raise Boom

    with pytest.raises(DagaFlowError):
        play(DagaFlow([(book, fail)]).run())
    assert done == ["do book", "undo book"]
    assert isinstance(cancel, DagaAction)


def test_two_actions_of_one_function_are_two(done):
    first, second = DagaAction(pay), DagaAction(pay)
    assert first != second
    assert len({first, second}) == 2
    assert DagaFlow([(first, second)]).plan.names == ("pay", "pay 2")


@pytest.mark.parametrize("registered", ["before", "after"])
@pytest.mark.parametrize(
    "another",
    [
        lambda action: DagaAction(action),
        lambda action: DagaAction(DagaAction(action, name="again")),
        lambda action: functools.partial(action),
        lambda action: DagaAction(functools.partial(action)),
        lambda action: functools.partial(functools.partial(action)),
    ],
)
def test_what_is_made_of_an_action_has_its_rollback_and_its_options(done, another, registered):
    def book(results):
        done.append(f"do {threading.current_thread() is threading.main_thread()}")

    made = DagaAction(book, in_thread=False)
    node = another(made) if registered == "after" else None
    made.on_rollback(lambda results: done.append("undo"))
    run = DagaFlow([(node or another(made), action(done, "pay", fails=Boom("no")))]).start()
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert done == ["do True", "do pay", "undo pay", "undo"]
    assert run.state == "ROLLED_BACK"


def test_arguments_bound_to_an_action_are_its_own_and_not_its_rollbacks(done):
    @DagaAction
    def book(results, seats):
        return f"{seats} seats"

    @book.on_rollback
    def cancel(results, result):
        done.append(f"undo {result}")

    graph = nx.DiGraph([(functools.partial(book, seats=2), functools.partial(book, seats=3))])
    run = DagaFlow(graph).start(faults=[Fault.raising(Boom("no"), at="book 2", where="after")])
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert done == ["undo None", "undo 2 seats"]


def test_an_action_of_an_action_may_have_a_rollback_and_options_of_its_own(done):
    made = DagaAction(pay, rollback_timeout=3)
    made.on_rollback(lambda results: done.append("first"))
    own = DagaAction(made, name="own", rollback_timeout=4)
    own.on_rollback(lambda results: done.append("own"))
    assert (own.rollback_timeout, DagaAction(made).rollback_timeout) == (4, 3)
    run = DagaFlow([(made, own)]).start()
    play(run.finish())
    play(run.rollback())
    assert done == ["own", "first"]
    play(own.rollback([]))
    play(DagaAction(made).rollback([]))
    assert done == ["own", "first", "own", "first"]


def test_options_written_the_natural_way_are_answered_with_the_right_one():
    with pytest.raises(FlowDefinitionError, match=r"@DagaAction\.options\(no_effect=True\) stands above one"):
        DagaAction(no_effect=True)
