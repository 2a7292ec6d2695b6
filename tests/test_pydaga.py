"""Everything that py-daga documents works, and each of its defects is a test here, named for it.

py-daga is https://github.com/river-studio-net/py-daga (Apache-2.0), measured at version 0.1.2. Its uses
are written anew in these tests; where it goes wrong, the docstring says what it does.
"""

import asyncio
import logging
import subprocess
import sys
import types
from typing import NamedTuple
from unittest.mock import AsyncMock, MagicMock

import networkx as nx
import pytest
from helpers import Boom, Gate, action, flow_of, play, turns, words

from daga_nb import DagaAction, DagaFlow, DagaFlowError
from daga_nb.action import EmptyAction
from daga_nb.errors import ActionInterrupted, CycleError, FlowDefinitionError, RollbackError
from daga_nb.meta import DagaMeta
from daga_nb.utils import ActionDescriptor, Batch, DagaFlowUtils, indexx

# ------------------------------------------------------------------- its example, plain functions


async def start(results: list[int]) -> int:
    return sum(results) + 1


async def left(results: list[int]) -> int:
    return sum(results) + 2


async def right(results: list[int]) -> int:
    return sum(results) + 3


async def low(results: list[int]) -> int:
    return sum(results) + 4


async def high(results: list[int]) -> int:
    return sum(results) + 5


EDGES = [(start, left), (start, right), (left, low), (left, high), (right, high)]
ANSWERS = pytest.mark.parametrize(("given", "answer"), [(0, [7, 12]), (1, [8, 14]), (2, [9, 16])])


def five(edges=EDGES):
    graph = nx.DiGraph()
    graph.add_edges_from(edges)
    return graph


@ANSWERS
def test_the_example_of_five_functions(given, answer):
    assert play(DagaFlow(five()).run(given)) == answer
    assert play(DagaFlow(five()).run(input=given)) == answer


@ANSWERS
def test_the_example_wrapped_as_actions(given, answer):
    wrapped = {function: DagaAction[int, int](function) for edge in EDGES for function in edge}
    assert play(DagaFlow([(wrapped[a], wrapped[b]) for a, b in EDGES]).run(given)) == answer


@ANSWERS
def test_the_example_with_type_parameters_of_the_flow(given, answer):
    assert play(DagaFlow[int, list[int]](five()).run(given)) == answer


@ANSWERS
def test_the_example_without_await(given, answer):
    """Its README writes `results = flow.run(input=0)`, which gives a coroutine that never runs."""
    assert DagaFlow(five()).run_sync(input=given) == answer


def test_its_rollback_example_with_sets():
    """Each action adds its name to a set; its test never looks at which rollbacks ran."""
    done = []

    def adding(name, fails=False):
        @DagaAction[set[str], set[str]]
        async def adder(results):
            done.append(f"do {name}")
            if fails:
                raise RuntimeError("on purpose")
            return set().union(*results, {name})

        adder.__name__ = name

        @adder.register_function_as_rollback
        @DagaAction[set[str], set[str]]
        async def remover(results):
            done.append(f"undo {name}")
            return set().union(*results) - {name}

        return adder

    def graph(fails):
        a, b, c, d, e = (adding(name) for name in "abcde")
        if fails:
            d = adding("d", fails=True)
        return nx.DiGraph([(a, b), (a, c), (b, d), (b, e), (c, e)])

    results = play(DagaFlow(graph(fails=False)).run({"input"}))
    assert results == [{"input", "a", "b", "d"}, {"input", "a", "b", "c", "e"}]
    assert done == ["do a", "do b", "do c", "do d", "do e"]
    done.clear()
    with pytest.raises(ExceptionGroup, match="DagaFlowError") as failed:
        play(DagaFlow(graph(fails=True)).run({"input"}))
    assert [str(error) for error in failed.value.exceptions] == ["on purpose"]
    assert done == [*(f"do {name}" for name in "abcde"), *(f"undo {name}" for name in "debca")]


# ------------------------------------------------------------------------ making actions


def test_an_action_by_class():
    class Increase(DagaAction[int, int]):
        async def __call__(self, number):
            return number + 1

    assert f"{Increase()}" == "DagaAction(Increase)"
    assert play(Increase()(2)) == 3


def test_an_action_by_class_with_a_rollback():
    class Increase(DagaAction[int, int]):
        async def __call__(self, number):
            return number + 1

    @Increase.register_class_as_rollback
    class Decrease(DagaAction[int, int]):
        async def __call__(self, number):
            return number - 1

    assert f"{Increase._wrapped_action_instance}" == f"{Decrease}" == "DagaAction(Decrease)"
    made = Increase()

    async def there_and_back():
        numbers = [1]
        for _ in range(3):
            numbers.append(await made(numbers[-1]))
        for _ in range(3):
            numbers.append(await made.rollback(numbers[-1]))
        return numbers

    assert play(there_and_back()) == [1, 2, 3, 4, 3, 2, 1]


@pytest.mark.parametrize("kind", ["async", "plain"])
@pytest.mark.parametrize("by", ["decorator", "call"])
def test_an_action_by_decorator_or_by_call(kind, by):
    if kind == "async":

        async def increase(number):
            return number + 1

    else:

        def increase(number):
            return number + 1

    made = DagaAction[int, int](increase)

    def decrease(number):
        return number - 1

    if by == "decorator":
        back = made.register_function_as_rollback(DagaAction[int, int](decrease))
    else:
        back = DagaAction[int, int](decrease)
        assert made.register_function_as_rollback(back) is back
    assert f"{made}" == "DagaAction(increase)"
    assert f"{made._wrapped_action_instance}" == f"{back}" == "DagaAction(decrease)"
    assert made.wrapped_func is increase
    assert made.is_decorator_action
    assert play(made.rollback(3)) == 2


class Given(NamedTuple):
    numbers: list
    number: int


def test_an_effect_that_happened_before_the_failure_stays_until_the_rollback_removes_it():
    class Append(DagaAction[Given, list]):
        async def __call__(self, given):
            given.numbers.append(given.number)
            raise RuntimeError("after the effect")

    @Append.register_class_as_rollback
    class Remove(DagaAction[Given, list]):
        async def __call__(self, given):
            given.numbers.remove(given.number)
            return given.numbers

    numbers, made = [], Append()
    with pytest.raises(RuntimeError, match="after the effect"):
        play(made(Given(numbers, 1)))
    assert numbers == [1]
    assert isinstance(Remove, DagaAction)
    assert play(made.rollback(Given(numbers, 1))) is True, "an empty list is falsy"
    assert numbers == []


@pytest.mark.parametrize(("returned", "result"), [("undone", "undone"), (None, True), (0, True), ([], True)])
def test_a_rollback_gives_its_result_or_true(returned, result):
    made = DagaAction(start)
    made.register_function_as_rollback(AsyncMock(return_value=returned))
    assert play(made.rollback([1])) == result
    made._wrapped_action_instance.assert_awaited_once_with([1])


def test_without_a_rollback_a_warning_on_the_log_and_none(caplog):
    made = DagaAction(start)
    assert isinstance(made.log, logging.Logger)
    with caplog.at_level(logging.WARNING, made.log.name):
        assert play(made.rollback([])) is None
    assert caplog.messages == ["No rollback action for DagaAction(start)"]


def test_the_registry_of_action_classes():
    class Increase(DagaAction[int, int]):
        async def __call__(self, number):
            return number + 1

    assert DagaMeta.REGISTERED_ACTIONS == DagaMeta.get_registered_actions() == {"Increase": Increase}
    assert not {"DagaAction", "EmptyAction", "DagaMeta"} - set(DagaMeta.RESERVED_ACTION_NAMES)
    DagaMeta.clear_registered_actions()
    assert DagaMeta.get_registered_actions() == {}
    with pytest.raises(TypeError, match="not a registered action"):

        class Mixed(dict, DagaAction):
            pass


def test_the_empty_action_returns_its_input():
    assert play(EmptyAction()([3])) == [3]
    assert play(EmptyAction[int, int]()("anything")) == "anything"


# ----------------------------------------------------------------------- the flow's shape


def test_the_dag_of_a_flow_is_our_copy_with_the_root():
    graph = five()
    flow = DagaFlow(graph)
    (root,) = (node for node in flow.dag if isinstance(node, EmptyAction))
    assert list(flow.dag.successors(root)) == [start]
    assert set(flow.dag) == {root, start, left, right, low, high}
    assert flow.dag is flow.dag
    assert set(graph) == {start, left, right, low, high}


def test_the_action_matrix_is_a_fresh_view_without_results():
    flow = DagaFlow(five())
    play(flow.run(0))
    first, second = flow.action_matrix, flow.action_matrix
    assert [[one.action for one in batch] for batch in first][1:] == [[start], [left, right], [low, high]]
    assert isinstance(first[0][0].action, EmptyAction)
    assert all(isinstance(batch, Batch) for batch in first)
    assert [(one.batch_index, one.node_index, one.predecessors) for one in first[3]] == [
        (3, 0, [(2, 0)]),
        (3, 1, [(2, 0), (2, 1)]),
    ]
    for batch in first:
        for one in batch:
            assert one.result is one.error is one.time_started is one.time_ended is None
            one.result = "changed"
    assert second[1].results() == [None]
    assert flow.action_matrix[1].results() == [None]


@pytest.mark.parametrize("given", [0, 1, 2])
def test_its_helpers_can_still_run_a_flow_by_hand(given):
    """Code that was written against `DagaFlowUtils` goes through the batches itself."""
    graph = five()
    DagaFlowUtils.initialize_dag_as_flow(graph)
    batches = DagaFlowUtils.get_flow_batches(graph)
    batches[0][0].result = given

    async def main():
        for batch in batches[1:]:
            await asyncio.gather(*(DagaFlowUtils.wrap_action(one, batches) for one in batch))
        return batches[-1].results()

    assert play(main()) == play(DagaFlow(five()).run(given))
    assert indexx(batches, high, key=lambda one: one.action) == (3, 1)
    assert all(one.time_ended >= one.time_started for batch in batches[1:] for one in batch)


def test_mocks_may_stand_for_actions():
    """`AsyncMock` and `MagicMock` as nodes: called with the list of the predecessors' results."""
    first, second = AsyncMock(return_value=1), MagicMock(return_value=2)
    assert play(DagaFlow([(first, second)]).run(5)) == [2]
    first.assert_awaited_once_with([5])
    second.assert_called_once_with([1])


def test_a_mock_in_the_place_of_a_function_inside_an_action():
    do, undo = AsyncMock(return_value=1, __name__="do"), AsyncMock(__name__="undo")
    made = DagaAction(do)
    made.register_function_as_rollback(undo)
    with pytest.raises(DagaFlowError):
        play(DagaFlow([(made, AsyncMock(side_effect=Boom("no")))]).run(5))
    do.assert_awaited_once_with([5])
    undo.assert_awaited_once_with([5])


def test_rolling_back_a_descriptor():
    made = DagaAction(start)
    made.register_function_as_rollback(AsyncMock(return_value="undone"))
    batches = [Batch([ActionDescriptor(EmptyAction(), 0, 0, [], result=7)])]
    assert play(DagaFlowUtils.rollback_action(ActionDescriptor(made, 1, 0, [(0, 0)]), batches)) == "undone"
    made._wrapped_action_instance.assert_awaited_once_with([7])


@pytest.mark.parametrize("wrap", [lambda function: function, DagaAction[int, int]])
def test_a_cycle_is_an_assertion_error(wrap):
    a, b, c = (wrap(function) for function in (start, left, low))
    with pytest.raises(AssertionError, match="DAG must be a directed acyclic graph"):
        DagaFlow(nx.DiGraph([(a, b), (b, c), (c, b)]))


# ============================================================================ its defects


def test_defect_the_rollback_undoes_the_wrong_actions(done):
    """It prints `undo B, undo B, undo C, undo D`: A never, B twice, and D although it never ran."""
    run = flow_of(done, how={"b": {"fails": Boom("b")}}).start()
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert done == ["do a", "do b", "do c", "undo b", "undo c", "undo a"]
    assert done.count("undo b") == 1
    assert "undo d" not in done
    assert words(run)["d"] == "abandoned"


def test_defect_a_chain_with_a_failing_branch(done):
    """a, b, then {c fails, d}, c before e: it undoes c, c again, d, e, and neither b nor a."""
    edges = [("a", "b"), ("b", "c"), ("b", "d"), ("c", "e")]
    with pytest.raises(DagaFlowError):
        play(flow_of(done, edges, how={"c": {"fails": Boom()}}).run())
    assert done == ["do a", "do b", "do c", "do d", "undo c", "undo d", "undo b", "undo a"]


def test_defect_two_failures_in_a_batch(done):
    """a, b, then {x fails, y fails, z}, then d, e: it undoes x, y, x, y, z, d, e."""
    edges = [("a", "b"), ("b", "x"), ("b", "y"), ("b", "z"), *((one, "d") for one in "xyz"), ("d", "e")]
    how = {"x": {"fails": Boom("x")}, "y": {"fails": Boom("y")}}
    with pytest.raises(DagaFlowError) as failed:
        play(flow_of(done, edges, how=how).run())
    assert [str(error) for error in failed.value.exceptions] == ["x", "y"]
    assert done[:5] == ["do a", "do b", "do x", "do y", "do z"]
    assert done[5:] == ["undo x", "undo y", "undo z", "undo b", "undo a"]


@pytest.mark.parametrize("failing", [999, 500])
def test_defect_most_of_what_was_done_was_never_undone(failing):
    """Of 1,000 actions in layers it left 968 (of 999) and 488 (of 519) undone."""
    done, undone = [], []
    size, width = 1000, 32

    def numbered(number):
        async def do(results):
            done.append(number)
            if number == failing:
                raise Boom(str(number))

        made = DagaAction(do)

        @made.on_rollback
        async def undo(results):
            undone.append(number)

        return made

    nodes = [numbered(number) for number in range(size)]
    edges = [
        (nodes[before], nodes[number])
        for number in range(width, size)
        for before in {number - width, (number // width - 1) * width + number * 7 % width}
    ]
    run = DagaFlow(edges).start()
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert len(undone) == len(set(undone))
    assert set(undone) == set(done), "each that ran once, the failed one too, and no other"
    layers = [number // width for number in undone]
    assert layers == sorted(layers, reverse=True)


def test_defect_a_rollback_that_raises_replaced_the_error(done):
    """It raised `ValueError('rollback broke')`; the first error was gone, and the other undos too."""
    error, broken = Boom("first"), ValueError("rollback broke")
    run = flow_of(done, how={"b": {"undo_fails": broken}, "c": {"fails": error}}).start()
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    first, second = failed.value.exceptions
    assert first is error
    assert isinstance(second, RollbackError)
    assert second.__cause__ is broken
    assert done == ["do a", "do b", "do c", "undo b", "undo c", "undo a"]


def test_defect_plain_async_functions_hid_the_real_error(done):
    """It raised `AttributeError: 'function' object has no attribute 'rollback'`."""

    async def fails(results):
        raise Boom("the real one")

    async def between(results):
        return results

    with pytest.raises(DagaFlowError) as failed:
        play(DagaFlow([(action(done, "a"), between), (between, fails)]).run())
    assert [str(error) for error in failed.value.exceptions] == ["the real one"]
    assert done == ["do a", "undo a"]


def test_defect_running_a_cell_again():
    """`TypeError: Action Pay already registered`."""
    cell = (
        "from daga_nb import DagaAction\n"
        "class Pay(DagaAction[int, int]):\n"
        "    async def __call__(self, results):\n"
        "        return 1\n"
        "@DagaAction[int, int]\n"
        "async def ship(results):\n"
        "    return 2\n"
    )
    notebook = types.ModuleType("__main__")
    for _ in range(3):
        exec(compile(cell, "<cell>", "exec"), vars(notebook))
    assert DagaMeta.get_registered_actions() == {"Pay": notebook.Pay}
    assert play(DagaFlow([(notebook.Pay(), notebook.ship)]).run()) == [2]


def test_defect_a_second_flow_from_one_graph():
    """The second: `NetworkXUnfeasible`; the third: a loop on the root; the fourth: an AssertionError."""
    graph = five()
    before = (list(graph.nodes), list(graph.edges))
    flows = [DagaFlow(graph) for _ in range(4)]
    assert [play(flow.run(1)) for flow in flows] == [[8, 14]] * 4
    assert (list(graph.nodes), list(graph.edges)) == before


def test_defect_a_sink_in_an_early_batch_was_lost(done):
    """Only the last batch is returned, as documented; `outputs` has every sink."""
    run = flow_of(done, [("a", "early"), ("a", "mid"), ("mid", "late")]).start()
    assert play(run.finish()) == ["late"]
    assert run.outputs == {"early": "early", "late": "late"}


def test_defect_a_rollback_could_not_know_its_own_result(done):
    """A refund cannot know the charge's id. It still gets the predecessors' results; others by name."""
    made = DagaAction(AsyncMock(return_value="charge 17", __name__="charge"))

    @made.register_function_as_rollback
    async def refund(results, result):
        done.append((results, result))

    with pytest.raises(DagaFlowError):
        play(DagaFlow([(made, AsyncMock(side_effect=Boom()))]).run(40))
    assert done == [([40], "charge 17")]


@pytest.mark.parametrize("entry", ["", "(first, a),"])
def test_defect_a_cycle_under_optimization(entry):
    """Under `python -O` the assertion was gone, and `NetworkXUnfeasible` came instead."""
    code = f"""
import networkx as nx
from daga_nb import DagaFlow
async def first(r): pass
async def a(r): pass
async def b(r): pass
assert False, "assertions are off"
try:
    DagaFlow(nx.DiGraph([{entry} (a, b), (b, a)]))
except AssertionError as error:
    print(type(error).__name__, error.cycle)
"""
    found = subprocess.run([sys.executable, "-O", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "CycleError ['a', 'b', 'a']"
    assert issubclass(CycleError, AssertionError)


def test_defect_the_second_run_saw_the_first(done):
    """Results and errors stood on the flow: the second, good run raised the first one's error."""
    failing = [True]

    async def sometimes(results):
        if failing.pop():
            raise Boom("first run only")
        return results

    flow = DagaFlow([(action(done, "a"), sometimes)])
    with pytest.raises(DagaFlowError, match="DagaFlowError"):
        play(flow.run())
    failing[:] = [False]
    assert play(flow.run()) == [["a"]]
    assert done == ["do a", "undo a", "do a"]


def test_defect_two_concurrent_runs_shared_their_results():
    """Inputs 3 and 1 gave [1] and [1]."""

    async def wait(results):
        await turns(results[0])
        return results[0]

    async def main():
        flow = DagaFlow([(wait, EmptyAction())])
        return await asyncio.gather(flow.run(3), flow.run(1), flow.run(7))

    assert play(main()) == [[[3]], [[1]], [[7]]]


def test_defect_an_action_that_ends_cancelled_counted_as_success(done):
    """It returned [None], and undid nothing."""
    run = flow_of(done, [("a", "b")], how={"b": {"fails": asyncio.CancelledError("of its own")}}).start()
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    assert isinstance(failed.value.exceptions[0], ActionInterrupted)
    assert isinstance(failed.value.exceptions[0].__cause__, asyncio.CancelledError)
    assert done == ["do a", "do b", "undo b", "undo a"]


def test_defect_cancelling_undid_nothing(done):
    """`CancelledError`, and an empty log."""

    async def main():
        gate = Gate()
        running = asyncio.create_task(flow_of(done, [("a", "b")], how={"b": {"before": gate.wait}}).run())
        await gate.reached.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    play(main())
    assert done == ["do a", "undo b", "undo a"]


def test_defect_a_timeout_around_run_undid_nothing(done):
    """`asyncio.timeout`: TimeoutError, rollbacks []."""

    async def main():
        async with asyncio.timeout(None) as limit:

            async def expire():
                limit.reschedule(asyncio.get_running_loop().time())
                await asyncio.get_running_loop().create_future()

            await flow_of(done, [("a", "b")], how={"b": {"before": expire}}).run()

    with pytest.raises(TimeoutError):
        play(main())
    assert done == ["do a", "undo b", "undo a"]


class Falsy(Exception):
    def __bool__(self):
        return False

    def __len__(self):
        return 0


def test_defect_an_exception_that_is_falsy_counted_as_success(done):
    """It returned [None], and undid nothing."""
    error = Falsy("but real")
    with pytest.raises(DagaFlowError) as failed:
        play(flow_of(done, [("a", "b")], how={"b": {"fails": error}}).run())
    assert failed.value.exceptions[0] is error
    assert done == ["do a", "do b", "undo b", "undo a"]


def test_defect_a_falsy_exception_of_a_rollback_counted_as_success(done):
    how = {"a": {"undo_fails": Falsy("no undo")}, "b": {"fails": Boom()}}
    run = flow_of(done, [("a", "b")], how=how).start()
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    assert len(failed.value.exceptions) == 2
    assert words(run) == {"a": "rollback failed", "b": "rolled back"}
    assert done == ["do a", "do b", "undo b", "undo a"]


def test_defect_the_graph_of_its_readme_is_none():
    """Its README writes `DagaFlow(nx.DiGraph().add_edges_from([...]))`, which hands over None."""
    with pytest.raises(FlowDefinitionError, match="returns None: make the graph first"):
        DagaFlow(nx.DiGraph().add_edges_from([(start, left)]))


def test_defect_run_without_an_input():
    """Its README writes `flow.run()`: `missing 1 required positional argument`."""
    given = []

    async def take(results):
        given.append(results)

    async def end(results):
        given.append(results)

    play(DagaFlow([(take, end)]).run())
    assert given == [[None], [None]]


def test_defect_a_frozen_graph():
    """`NetworkXError: Frozen graph can't be modified`."""
    assert play(DagaFlow(nx.freeze(five())).run(0)) == [7, 12]


def test_defect_actions_of_one_name_were_mixed_up():
    """Three actions of one name gave one result."""

    def twice(name):
        async def pay(results):
            return [*results, name]

        return DagaAction[int, int](pay)

    first, second, third = twice("x"), twice("y"), twice("z")
    run = DagaFlow([(first, second), (first, third)]).start("in")
    assert play(run.finish()) == [[["in", "x"], "y"], [["in", "x"], "z"]]
    assert list(run.results) == ["pay", "pay 2", "pay 3"]


@pytest.mark.parametrize("error", [GeneratorExit(), type("Other", (BaseException,), {})("of its own")])
def test_defect_an_exception_that_is_none_counted_as_success(done, error):
    """A BaseException in an action returned [None]."""
    with pytest.raises(DagaFlowError) as failed:
        play(flow_of(done, [("a", "b")], how={"b": {"fails": error}}).run())
    (carrier,) = failed.value.exceptions
    assert isinstance(carrier, ActionInterrupted)
    assert carrier.__cause__ is error
    assert done == ["do a", "do b", "undo b", "undo a"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_defect_an_interrupt_in_an_action_undid_nothing(done, error):
    """KeyboardInterrupt: raised, rollbacks []. Here it is raised after the rollback."""
    run = flow_of(done, [("a", "b")], how={"b": {"fails": error()}}).start()
    with pytest.raises(error):
        play(run.finish())
    assert done == ["do a", "do b", "undo b", "undo a"]


@pytest.mark.parametrize("wrap", [lambda function: function, DagaAction[int, int]])
def test_defect_plain_functions_could_not_be_nodes(done, wrap):
    """A plain `def` as node: AttributeError; in a DagaAction: `object int can't be used in 'await'`."""

    def plain(results):
        return results[0] + 1

    def fails(results):
        raise Boom("plain")

    assert play(DagaFlow([(wrap(plain), start)]).run(1)) == [3]
    with pytest.raises(DagaFlowError) as failed:
        play(DagaFlow([(action(done, "a"), wrap(fails))]).run(1))
    assert str(failed.value.exceptions[0]) == "plain"
    assert done == ["do a", "undo a"]


def test_defect_an_empty_graph():
    """`IndexError: list index out of range`, and only when it was run."""
    with pytest.raises(FlowDefinitionError, match="The graph is empty"):
        DagaFlow(nx.DiGraph())


def test_defect_the_order_of_predecessors_is_that_of_the_edges():
    """It is; and it must stay so, although `graph.copy()` changes it."""

    async def u(results):
        return "u"

    async def v(results):
        return "v"

    async def w(results):
        return results

    graph = nx.DiGraph()
    graph.add_nodes_from([u, v, w])
    graph.add_edges_from([(v, w), (u, w)])
    assert play(DagaFlow(graph).run()) == [["v", "u"]]


def test_defect_an_action_that_returns_none():
    async def nothing(results):
        return None

    async def show(results):
        return results

    assert play(DagaFlow([(nothing, show)]).run()) == [[None]]


def test_defect_the_failing_batch_is_drained_and_not_cancelled(done):
    """It waits for the whole batch, and so do we: what runs, finishes, and is then undone."""

    async def main():
        gate = Gate()
        how = {"b": {"fails": Boom()}, "c": {"before": gate.wait}}
        running = asyncio.create_task(flow_of(done, how=how).run())
        await gate.reached.wait()
        await turns()
        assert done == ["do a", "do b"]
        gate.open()
        with pytest.raises(DagaFlowError):
            await running

    play(main())
    assert done == ["do a", "do b", "do c", "undo b", "undo c", "undo a"]


def test_defect_the_package_cannot_be_imported():
    """`from py_daga import DagaFlow` after installing it: ModuleNotFoundError."""
    code = (
        "from daga_nb import DagaAction, DagaFlow, DagaFlowError\n"
        "from daga_nb.action import DagaAction, EmptyAction\n"
        "from daga_nb.flow import DagaFlow\n"
        "from daga_nb.meta import DagaMeta\n"
        "from daga_nb.utils import ActionDescriptor, Batch, DagaFlowUtils, indexx\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
