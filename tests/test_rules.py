"""What a rollback does: the rules of the design one by one, with the undone actions in order."""

import asyncio
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import networkx as nx
import pytest
from gate import watched

import daga_nb
from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault, FlowRun
from daga_nb.action import EmptyAction
from daga_nb.engine.calls import Context
from daga_nb.errors import ActionInterrupted, CycleError, FlowDefinitionError, RollbackError, RunAborted
from daga_nb.meta import DagaMeta

EDGES = ["A B", "A C", "B D", "C D"]  # py-daga's A -> (B, C) -> D


class Boom(Exception):
    """What the actions of these tests raise."""


class Play:
    """A flow of named actions; `said` has what was called, in order: "do A", "undo A"."""

    def __init__(
        self,
        *edges: str,
        fails: str = "",
        undo_fails: str = "",
        no_undo: str = "",
        no_effect: str = "",
        faults: Iterable[Fault] = (),
        **options: Any,
    ) -> None:
        self.said: list[str] = []
        graph: nx.DiGraph[Any] = nx.DiGraph()
        self.actions: dict[str, DagaAction[Any, Any]] = {}
        for name in " ".join(edges).split():
            if name not in self.actions:
                self.actions[name] = self._action(name, name in fails.split(), name in undo_fails.split())
                self.actions[name].no_effect = name in no_effect.split()
                if name in no_undo.split() + no_effect.split():
                    self.actions[name]._wrapped_action_instance = None
                graph.add_node(self.actions[name])
        for edge in edges:
            before, *after = edge.split()
            graph.add_edges_from((self.actions[before], self.actions[one]) for one in after)
        self.flow: DagaFlow[Any, Any] = DagaFlow(graph, **options)
        self.run: FlowRun = self.flow.start(0, faults=faults)
        self.error: Any = None

    def _action(self, name: str, fails: bool, undo_fails: bool) -> DagaAction[Any, Any]:
        async def act(results: Any) -> str:
            self.said.append(f"do {name}")
            if fails:
                raise Boom(name)
            return name.lower()

        async def take_back(results: Any) -> None:
            self.said.append(f"undo {name}")
            if undo_fails:
                raise Boom(f"undo {name}")

        action: DagaAction[Any, Any] = DagaAction(act, name=name)
        action.on_rollback(take_back)
        return action

    def play(self) -> "Play":
        async def work() -> None:
            try:
                self.results = await self.run.finish()
            except DagaFlowError as error:
                self.error = error

        watched(work())
        return self

    @property
    def undone(self) -> list[str]:
        return [said.removeprefix("undo ") for said in self.said if said.startswith("undo")]

    @property
    def done(self) -> list[str]:
        return [said.removeprefix("do ") for said in self.said if said.startswith("do")]

    @property
    def states(self) -> dict[str, str]:
        return {name: state.value for name, state in self.run.states.items()}

    def ends(self, state: str, **states: str) -> None:
        assert self.run.state == state
        assert self.states == states


# ------------------------------------------------------------------------------- 1


def test_rule_1_an_action_starts_only_after_all_its_predecessors_succeeded():
    play = Play(*EDGES).play()
    assert play.said == ["do A", "do B", "do C", "do D"]
    assert play.results == ["d"]


def test_rule_1_after_the_first_failure_nothing_new_starts():
    play = Play(*EDGES, "D E", "E F", fails="B").play()
    assert play.done == ["A", "B", "C"]
    assert play.undone == ["B", "C", "A"]
    play.ends(
        "ROLLED_BACK",
        A="ROLLED_BACK",
        B="ROLLED_BACK",
        C="ROLLED_BACK",
        D="ABANDONED",
        E="ABANDONED",
        F="ABANDONED",
    )


def test_rule_1_what_had_not_started_in_the_failing_batch_does_not_start():
    play = Play("A B C D", fails="B", max_parallel=1).play()
    assert play.done == ["A", "B"]
    assert play.undone == ["B", "A"]
    play.ends("ROLLED_BACK", A="ROLLED_BACK", B="ROLLED_BACK", C="ABANDONED", D="ABANDONED")


def test_rule_1_what_runs_finishes():
    async def work() -> None:
        told: list[str] = []
        go_on = asyncio.Event()

        async def bad(results: Any) -> None:
            raise Boom

        async def slow(results: Any) -> None:
            await go_on.wait()
            told.append("slow is through")

        flow = undoing(told, bad, slow)
        run = flow.start()
        run.subscribe(lambda event: go_on.set() if str(event) == "bad FAILED" else None)
        with pytest.raises(DagaFlowError):
            await run.finish()
        assert told == ["slow is through", "undo bad", "undo slow"]

    watched(work())


def undoing(told: list[str], *functions: Callable[..., Any], **options: Any) -> DagaFlow[Any, Any]:
    """Give a flow of one batch whose rollbacks say so."""
    graph: nx.DiGraph[Any] = nx.DiGraph()
    for function in functions:
        action: DagaAction[Any, Any] = DagaAction(function, in_thread=False)
        action.on_rollback(partial(told.append, f"undo {action.__name__}"))
        graph.add_node(action)
    return DagaFlow(graph, **options)


# ------------------------------------------------------------------------------- 2


def test_rule_2_every_action_that_succeeded_is_undone_exactly_once_batch_by_batch_backwards():
    play = Play(*EDGES, fails="D").play()
    assert play.undone == ["D", "B", "C", "A"]
    play.ends("ROLLED_BACK", A="ROLLED_BACK", B="ROLLED_BACK", C="ROLLED_BACK", D="ROLLED_BACK")


def test_rule_2_the_py_daga_defect():
    """py-daga 0.1.2 undoes B, B, C and D here, and never A."""
    play = Play(*EDGES, fails="B").play()
    assert play.said == ["do A", "do B", "do C", "undo B", "undo C", "undo A"]
    assert play.states["D"] == "ABANDONED"


def test_rule_2_what_never_started_is_abandoned_and_never_undone():
    play = Play("A B C", "B D", "C E", fails="A").play()
    assert play.undone == ["A"]
    play.ends("ROLLED_BACK", A="ROLLED_BACK", B="ABANDONED", C="ABANDONED", D="ABANDONED", E="ABANDONED")


@pytest.mark.parametrize(
    ("schedule", "undone"), [("batch", ["F", "D", "B", "A", "C"]), ("eager", ["F", "D", "C", "B", "A"])]
)
def test_rule_2_eager_goes_back_along_the_edges(schedule: str, undone: list[str]):
    play = Play("A B", "B D", "D F", "C F", fails="F", schedule=schedule).play()
    assert play.undone == undone


def test_rule_2_the_rollbacks_of_a_batch_run_in_parallel():
    async def work() -> None:
        at_once, most = [0], [0]

        def action(name: str) -> DagaAction[Any, Any]:
            async def act(results: Any) -> None:
                if name == "bad":
                    raise Boom

            async def take_back(results: Any) -> None:
                at_once[0] += 1
                most[0] = max(most[0], at_once[0])
                for _ in range(5):
                    await asyncio.sleep(0)
                at_once[0] -= 1

            made: DagaAction[Any, Any] = DagaAction(act, name=name)
            made.on_rollback(take_back)
            return made

        graph: nx.DiGraph[Any] = nx.DiGraph()
        graph.add_nodes_from(action(name) for name in ("a", "b", "c", "bad"))
        with pytest.raises(DagaFlowError):
            await DagaFlow(graph).run()
        assert most == [4]

    watched(work())


# ------------------------------------------------------------------------------- 3


def test_rule_3_the_failed_action_is_undone_together_with_its_batch():
    play = Play("A B C", fails="B").play()
    assert play.undone == ["B", "C", "A"]
    assert [str(e) for e in play.run.events if e.seq > 9] == [
        "C ROLLING_BACK",
        "B ROLLED_BACK",
        "C ROLLED_BACK",
        "A ROLLING_BACK",
        "A ROLLED_BACK",
        "run ROLLED_BACK",
    ]


def test_rule_3_textbook_the_failed_action_is_not_undone():
    play = Play("A B C", fails="B", rollback_failed=False).play()
    assert play.undone == ["C", "A"]
    play.ends("ROLLED_BACK", A="ROLLED_BACK", B="FAILED", C="ROLLED_BACK")


def test_rule_3_without_a_rollback_it_is_kept_and_the_run_incomplete():
    play = Play("A B", "B C", fails="C", no_undo="B").play()
    assert play.undone == ["C", "A"]
    play.ends("ROLLBACK_INCOMPLETE", A="ROLLED_BACK", B="KEPT", C="ROLLED_BACK")


def test_rule_3_without_an_effect_it_is_never_kept_and_shown_as_rolled_back():
    play = Play("A B", "B C", fails="C", no_effect="B").play()
    assert play.undone == ["C", "A"]
    play.ends("ROLLED_BACK", A="ROLLED_BACK", B="ROLLED_BACK", C="ROLLED_BACK")
    assert next(e.reason for e in play.run.events if str(e) == "B ROLLED_BACK") == "no effect"


def test_rule_3_an_empty_action_has_nothing_to_undo():
    async def work() -> None:
        async def bad(results: Any) -> None:
            raise Boom(results)

        undone: list[str] = []
        last: DagaAction[Any, Any] = DagaAction(bad)
        last.on_rollback(lambda: undone.append("bad"))
        run = DagaFlow([(EmptyAction(), last)]).start(5)
        with pytest.raises(DagaFlowError):
            await run.finish()
        assert undone == ["bad"]
        assert [str(state) for state in run.states.values()] == ["ROLLED_BACK", "ROLLED_BACK"]
        assert run.state == "ROLLED_BACK"
        assert str(run.errors["bad"]) == "[[5]]"

    watched(work())


def test_rule_3_a_failed_action_without_a_rollback_stays_failed_and_makes_the_run_incomplete():
    play = Play("A B", fails="B", no_undo="B").play()
    assert play.undone == ["A"]
    play.ends("ROLLBACK_INCOMPLETE", A="ROLLED_BACK", B="FAILED")


def test_rule_3_unless_it_has_no_effect():
    play = Play("A B", fails="B", no_effect="B").play()
    assert play.undone == ["A"]
    play.ends("ROLLED_BACK", A="ROLLED_BACK", B="FAILED")


def test_rule_3_unless_failed_actions_are_not_undone_anyway():
    play = Play("A B", fails="B", no_undo="B", rollback_failed=False).play()
    assert play.undone == ["A"]
    play.ends("ROLLED_BACK", A="ROLLED_BACK", B="FAILED")


def test_rule_3_no_effect_and_a_rollback_contradict_each_other():
    action: DagaAction[Any, Any] = DagaAction(lambda: None, name="quote", no_effect=True)
    action.on_rollback(lambda: None)
    with pytest.raises(FlowDefinitionError, match="quote says no_effect=True and has a rollback"):
        DagaFlow([(action, DagaAction(lambda: None))])


# ------------------------------------------------------------------------------- 4


def test_rule_4_a_rollback_that_fails_does_not_stop_the_others():
    play = Play(*EDGES, fails="D", undo_fails="B D").play()
    assert play.undone == ["D", "B", "C", "A"]
    play.ends(
        "ROLLBACK_INCOMPLETE", A="ROLLED_BACK", B="ROLLBACK_FAILED", C="ROLLED_BACK", D="ROLLBACK_FAILED"
    )


def test_rule_4_stop_drains_the_batch_and_leaves_the_rest():
    play = Play(*EDGES, fails="D", undo_fails="B", no_undo="A", on_rollback_error="stop").play()
    assert play.undone == ["D", "B", "C"]
    play.ends("ROLLBACK_INCOMPLETE", A="SUCCEEDED", B="ROLLBACK_FAILED", C="ROLLED_BACK", D="ROLLED_BACK")


def test_rule_4_stop_starts_no_further_rollback_of_the_batch():
    play = Play("A B C D", fails="D", undo_fails="C", on_rollback_error="stop", max_parallel=1).play()
    assert play.done == ["A", "B", "C", "D"]
    assert play.undone == ["B", "C"]
    play.ends("ROLLBACK_INCOMPLETE", A="SUCCEEDED", B="ROLLED_BACK", C="ROLLBACK_FAILED", D="FAILED")


def test_rule_4_both_errors_are_kept():
    play = Play("A B", fails="B", undo_fails="A B").play()
    assert play.undone == ["B", "A"]
    assert {name: str(error) for name, error in play.run.errors.items()} == {"B": "B"}
    assert {name: str(one.error) for name, one in play.run.rollback_errors.items()} == {
        "A": "undo A",
        "B": "undo B",
    }


# ------------------------------------------------------------------------------- 5


def test_rule_5_without_a_rollback_failure_the_exceptions_are_exactly_the_actions_errors():
    play = Play("A B C D", fails="D B").play()
    assert play.undone == ["B", "C", "D", "A"]
    assert type(play.error) is DagaFlowError
    assert isinstance(play.error, ExceptionGroup)
    assert play.error.message == "DagaFlowError"
    assert play.error.exceptions == (play.run.errors["B"], play.run.errors["D"])
    assert [(type(one), one.args) for one in play.error.exceptions] == [(Boom, ("B",)), (Boom, ("D",))]
    assert play.error.run is play.run


def test_rule_5_the_actions_errors_then_the_rollback_errors_each_in_plan_order():
    play = Play("A B C D", fails="D B", undo_fails="D A C").play()
    assert play.undone == ["B", "C", "D", "A"]
    shown = [(type(one).__name__, getattr(one, "node", str(one))) for one in play.error.exceptions]
    assert shown == [
        ("Boom", "B"),
        ("Boom", "D"),
        ("RollbackError", "A"),
        ("RollbackError", "C"),
        ("RollbackError", "D"),
    ]
    first = play.error.exceptions[2]
    assert str(first) == "the rollback of 'A' (batch 1) failed: Boom: undo A"
    assert first.__cause__ is first.error
    assert str(first.error) == "undo A"


def test_rule_5_errors_stand_in_plan_order_not_in_the_order_of_failing():
    async def work() -> None:
        told: list[str] = []
        second = asyncio.Event()

        async def slow(results: Any) -> None:
            await second.wait()
            raise Boom("slow")

        async def quick(results: Any) -> None:
            second.set()
            raise Boom("quick")

        with pytest.raises(DagaFlowError) as caught:
            await undoing(told, slow, quick).run()
        assert [str(error) for error in caught.value.exceptions] == ["slow", "quick"]
        assert told == ["undo slow", "undo quick"]

    watched(work())


def test_rule_5_tracebacks_survive_and_each_has_a_note():
    play = Play("A B", fails="B", undo_fails="B").play()
    own, late = play.error.exceptions
    assert [frame.name for frame in traceback.extract_tb(own.__traceback__)][-1] == "act"
    assert own.__notes__ == ["in action 'B', batch 2, attempt 1"]
    assert [frame.name for frame in traceback.extract_tb(late.error.__traceback__)][-1] == "take_back"
    assert late.error.__notes__ == ["in the rollback of action 'B', batch 2, attempt 1"]
    shown = "".join(traceback.format_exception(play.error))
    assert "raise Boom(name)" in shown
    assert 'raise Boom(f"undo {name}")' in shown
    assert "in action 'B', batch 2, attempt 1" in shown


def test_rule_5_the_frame_of_a_plain_function_survives_its_thread():
    async def work() -> None:
        def inner() -> None:
            raise Boom("deep")

        def plain(results: Any) -> None:
            inner()

        with pytest.raises(DagaFlowError) as caught:
            await DagaFlow([(plain, EmptyAction())]).run()
        (error,) = caught.value.exceptions
        assert [frame.name for frame in traceback.extract_tb(error.__traceback__)][-2:] == ["plain", "inner"]

    watched(work())


def test_rule_5_except_star_finds_the_kinds():
    play = Play("A B", fails="B", undo_fails="A").play()
    found = []
    try:
        raise play.error
    except* Boom as group:
        found.append(("own", group.exceptions, type(group), group.run is play.run))  # type: ignore[attr-defined]
    except* RollbackError as group:
        found.append(("undo", group.exceptions, type(group), group.run is play.run))  # type: ignore[attr-defined]
    assert found == [
        ("own", (play.run.errors["B"],), DagaFlowError, True),
        ("undo", (play.run.rollback_errors["A"],), DagaFlowError, True),
    ]


@pytest.mark.parametrize("kind", [asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, BaseException])
def test_rule_5_what_is_no_exception_is_carried(kind: type[BaseException]):
    async def work() -> None:
        told: list[str] = []

        async def odd(results: Any) -> None:
            raise kind("odd")

        run = undoing(told, odd).start()
        await run.step()
        assert told == []
        await run.step()
        assert told == ["undo odd"]
        carried = run.errors["odd"]
        assert type(carried) is ActionInterrupted
        assert type(carried.__cause__) is kind
        assert str(carried) == f"'odd' ended with {kind.__name__}: odd"
        assert [frame.name for frame in traceback.extract_tb(carried.__traceback__)][-1] == "odd"
        assert carried.__notes__ == ["in action 'odd', batch 1, attempt 1"]

    watched(work())


def test_rule_5_a_stop_iteration_that_a_coroutine_turned_into_a_runtime_error_stays_that():
    async def work() -> None:
        told: list[str] = []

        async def stops(results: Any) -> None:
            raise StopIteration("in a coroutine")

        with pytest.raises(DagaFlowError) as caught:
            await undoing(told, stops).run()
        (error,) = caught.value.exceptions
        assert type(error) is RuntimeError
        assert type(error.__cause__) is StopIteration
        assert told == ["undo stops"]

    watched(work())


@pytest.mark.parametrize("in_thread", [True, False])
def test_rule_5_a_stop_iteration_of_a_plain_function_is_its_own(in_thread: bool):
    async def work() -> None:
        undone: list[str] = []

        def stops(results: Any) -> None:
            raise StopIteration("in a function")

        def stops_too(results: Any) -> None:
            undone.append("stops")
            raise StopIteration("in a rollback")

        action: DagaAction[Any, Any] = DagaAction(stops, in_thread=in_thread)
        action.on_rollback(stops_too)
        graph: nx.DiGraph[Any] = nx.DiGraph()
        graph.add_node(action)
        with pytest.raises(DagaFlowError) as caught:
            await DagaFlow(graph).run()
        error, late = caught.value.exceptions
        assert (type(error), str(error)) == (StopIteration, "in a function")
        assert (type(late.__cause__), str(late.__cause__)) == (StopIteration, "in a rollback")
        assert undone == ["stops"]

    watched(work())


# ------------------------------------------------------------------------------- 6
# (test_cancel.py has the rest)


def test_rule_6_cancelling_rolls_back_and_then_goes_on():
    async def work() -> None:
        play = Play("A B", "B C")
        await play.run.step()
        await play.run.step()
        await play.run.cancel()
        assert play.undone == ["B", "A"]
        play.ends("ROLLED_BACK", A="ROLLED_BACK", B="ROLLED_BACK", C="ABANDONED")
        with pytest.raises(asyncio.CancelledError):
            await play.run.finish()

    watched(work())


def test_rule_6_an_abort_rolls_back_what_is_done():
    async def work() -> None:
        play = Play("A B", "B C")
        await play.run.step()
        await play.run.step()
        await play.run.rollback()
        assert play.undone == ["B", "A"]
        play.ends("ROLLED_BACK", A="ROLLED_BACK", B="ROLLED_BACK", C="ABANDONED")
        with pytest.raises(DagaFlowError) as caught:
            await play.run.finish()
        assert [type(error) for error in caught.value.exceptions] == [RunAborted]

    watched(work())


def test_rule_6_an_abort_also_works_on_a_run_that_succeeded():
    async def work() -> None:
        play = Play(*EDGES, undo_fails="C")
        assert await play.run.finish() == ["d"]
        with pytest.raises(DagaFlowError) as caught:
            await play.run.rollback()
        assert [(type(one), one.node) for one in caught.value.exceptions] == [(RollbackError, "C")]
        assert play.undone == ["D", "B", "C", "A"]
        assert dict(play.run.results) == {"A": "a", "B": "b", "C": "c", "D": "d"}

    watched(work())


def test_rule_6_a_cancelled_error_of_the_actions_own_is_a_failure():
    async def work() -> None:
        told: list[str] = []

        async def odd(results: Any) -> None:
            raise asyncio.CancelledError

        with pytest.raises(DagaFlowError) as caught:
            await undoing(told, odd).run()
        assert [type(error) for error in caught.value.exceptions] == [ActionInterrupted]
        assert told == ["undo odd"]

    watched(work())


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_rule_6_what_ends_the_process_is_raised_after_the_rollback(kind: type[BaseException]):
    async def work() -> None:
        told: list[str] = []

        async def ends(results: Any) -> None:
            raise kind("now")

        with pytest.raises(kind, match="now"):
            await undoing(told, ends).run()
        assert told == ["undo ends"]

    watched(work())


# ------------------------------------------------------------------------------- 7


def undo_of(take_back: Callable[..., Any], act: Callable[..., Any] | None = None, **where: Any) -> FlowRun:
    """Play first -> act -> bad, and give the run; `take_back` undoes `act`."""

    async def first(results: Any) -> str:
        return "first"

    async def usual(results: Any) -> str:
        return "act"

    async def bad(results: Any) -> None:
        raise Boom("bad")

    action: DagaAction[Any, Any] = DagaAction(act or usual, name="act", in_thread=False)
    action.on_rollback(take_back)
    run = DagaFlow([(first, action), (action, bad)]).start("in", **where)

    async def work() -> None:
        with pytest.raises(DagaFlowError):
            await run.finish()

    watched(work())
    return run


def test_rule_7_a_rollback_is_called_with_the_list_of_the_predecessors_results():
    handed: list[Any] = []

    async def take_back(results: Any) -> str:
        handed.append(results)
        return "refunded"

    run = undo_of(take_back)
    assert handed == [["first"]]
    assert dict(run.rollback_results) == {"act": "refunded"}


def test_rule_7_result_error_and_context_by_name():
    handed: list[Any] = []
    run = undo_of(lambda results, result, error, context: handed.append((results, result, error, context)))
    ((results, result, error, context),) = handed
    assert (results, result) == (["first"], "act")
    assert error is run.errors["bad"]  # what made the run turn back
    keys = (f"{run.id}/act/undo", f"{run.id}/act/do")
    assert context == Context(run.id, "act", 1, keys[0], {"first": "first"}, "SUCCEEDED", action_key=keys[1])


def test_rule_7_a_failed_action_is_handed_its_own_error():
    handed: list[Any] = []

    async def fails(results: Any) -> None:
        raise Boom("own")

    run = undo_of(
        lambda results, result, error, context: handed.append((result, error, context.outcome)), fails
    )
    assert handed == [(None, run.errors["act"], "FAILED")]
    assert str(run.errors["act"]) == "own"


@pytest.mark.parametrize("name", ["result", "error", "context"])
def test_rule_7_the_first_parameter_always_gets_the_list_whatever_its_name(name: str):
    handed: list[Any] = []
    first: dict[str, Callable[..., Any]] = {
        "result": lambda result: handed.append(result),
        "error": lambda error: handed.append(error),
        "context": lambda context: handed.append(context),
    }
    undo_of(first[name])
    assert handed == [["first"]]


def test_rule_7_without_parameters_it_is_called_without():
    said: list[str] = []
    undo_of(lambda: said.append("undone"), lambda: said.append("done"))
    assert said == ["done", "undone"]


def test_rule_7_keyword_only():
    handed: list[Any] = []

    async def take_back(*, result: Any, context: Any) -> None:
        handed.append((result, context.node))

    async def act(*, context: Any) -> str:
        return f"act of {context.node}"

    undo_of(take_back, act)
    assert handed == [("act of act", "act")]


def test_rule_7_other_parameters_keep_their_defaults():
    handed: list[Any] = []
    undo_of(
        lambda results, tries=3, *more, result, **rest: handed.append((results, tries, more, result, rest))
    )
    assert handed == [(["first"], 3, (), "act", {})]


@pytest.mark.parametrize("where", ["action", "rollback"])
def test_rule_7_a_parameter_nobody_knows_is_refused_when_the_flow_is_made(where: str):
    def odd(results: Any, customer: Any) -> None: ...

    action: DagaAction[Any, Any] = DagaAction(odd if where == "action" else print, name="act")
    if where == "rollback":
        action.on_rollback(odd)
    with pytest.raises(FlowDefinitionError, match="'customer'"):
        DagaFlow([(action, print)])


def test_rule_7_an_action_may_take_context_too():
    seen: list[Context] = []

    async def first(results: Any, context: Context) -> str:
        seen.append(context)
        return "f"

    def second(results: Any, *, context: Context) -> str:
        seen.append(context)
        return "s"

    async def work() -> FlowRun:
        run = DagaFlow([(first, second)]).start(7)
        await run.finish()
        return run

    run = watched(work())
    assert seen == [
        Context(run.id, "first", 1, f"{run.id}/first/do", {"input": 7}),
        Context(run.id, "second", 1, f"{run.id}/second/do", {"first": "f"}),
    ]
    assert seen[0].outcome is None


def test_rule_7_after_a_fault_after_the_result_is_none():
    handed: list[Any] = []
    said: list[str] = []

    async def act(results: Any) -> str:
        said.append("the effect has happened")
        return "act"

    fault = Fault.raising(Boom("lost"), at="act", where="after")
    run = undo_of(lambda results, result, error: handed.append((results, result, error)), act, faults=[fault])
    assert said == ["the effect has happened"]
    assert handed == [(["first"], None, run.errors["act"])]
    assert (type(run.errors["act"]), str(run.errors["act"])) == (Boom, "lost")
    assert "act" not in run.results
    assert run.state == "ROLLBACK_INCOMPLETE"  # `first` has no rollback
    assert run.states["first"] == "KEPT"


def test_rule_7_before_the_effect_it_is_not_called_and_undone_all_the_same():
    play = Play("A B", faults=[Fault.raising(Boom("planted"), at="B", where="before")]).play()
    assert play.said == ["do A", "undo B", "undo A"]


def test_rule_7_in_the_rollback_it_fails_without_being_called():
    fault = Fault.raising(Boom("planted"), at="A", where="rollback")
    play = Play("A B", fails="B", faults=[fault]).play()
    assert play.undone == ["B"]
    play.ends("ROLLBACK_INCOMPLETE", A="ROLLBACK_FAILED", B="ROLLED_BACK")
    planted = play.error.exceptions[1].error
    assert (type(planted), str(planted)) == (Boom, "planted")


# ------------------------------------------------------------------------------- 8


def test_rule_8_the_order_of_the_results_is_that_of_the_edges_as_they_were_added():
    async def work() -> None:
        async def a(results: Any) -> str:
            return "a"

        async def b(results: Any) -> str:
            return "b"

        async def c(results: Any) -> str:
            return "c"

        handed: list[Any] = []

        async def last(results: Any) -> None:
            handed.append(results)
            raise Boom

        action: DagaAction[Any, Any] = DagaAction(last)
        action.on_rollback(handed.append)
        graph: nx.DiGraph[Any] = nx.DiGraph()
        graph.add_nodes_from([a, b, c])
        graph.add_edges_from([(c, action), (a, action), (b, action)])
        assert list(graph.copy().predecessors(action)) == [a, b, c]  # which is why a copy will not do
        flow: DagaFlow[Any, Any] = DagaFlow(graph)
        with pytest.raises(DagaFlowError):
            await flow.run()
        assert handed == [["c", "a", "b"]] * 2
        assert list(flow.dag.predecessors(action)) == [c, a, b]

    watched(work())


def test_rule_8_the_users_graph_is_copied_and_never_changed():
    async def a(results: Any) -> str:
        return "a"

    async def b(results: Any) -> str:
        return "b"

    graph: nx.DiGraph[Any] = nx.DiGraph([(a, b)])
    flow: DagaFlow[Any, Any] = DagaFlow(graph)
    assert flow.run_sync() == ["b"]
    assert flow.dag is not graph
    assert list(graph.edges) == [(a, b)]
    graph.remove_node(b)
    assert flow.run_sync() == ["b"]
    with pytest.raises(CycleError):
        DagaFlow([(a, b), (b, a)])


def test_rule_8_a_root_is_added_in_the_copy_and_batches_are_numbered_after_it():
    play = Play("A B", "C D").play()
    roots = [node for node in play.flow.dag if not play.flow.dag.in_degree(node)]
    assert [type(node) for node in roots] == [EmptyAction]
    assert set(play.flow.dag.successors(roots[0])) == {play.actions["A"], play.actions["C"]}
    assert [one.action for one in play.flow.action_matrix[0]] == roots
    assert play.run.batches == (("A", "C"), ("B", "D"))
    assert list(play.run.states) == ["A", "C", "B", "D"]
    assert str(play.flow.start().next) == "next: batch 1, 2 actions: A, C"


# ------------------------------------------------------------------------------- 9


@pytest.fixture
def registry():
    before = DagaMeta.REGISTERED_ACTIONS
    DagaMeta.REGISTERED_ACTIONS = dict(before)
    yield
    DagaMeta.REGISTERED_ACTIONS = before


@pytest.mark.usefixtures("registry")
def test_rule_9_only_classes_are_registered_and_again_replaces():
    def cell() -> type:
        class Increase(DagaAction[int, int]):
            async def __call__(self, results: Any) -> Any:
                return results[0] + 1

        return Increase

    @DagaAction
    async def decorated(results: Any) -> None: ...

    first, second = cell(), cell()
    assert first is not second
    assert DagaMeta.get_registered_actions()["Increase"] is second
    assert "decorated" not in DagaMeta.get_registered_actions()


@pytest.mark.usefixtures("registry")
def test_rule_9_another_module_that_claims_the_name_is_refused():
    body = {"__call__": lambda self, results: None, "__module__": "one"}
    DagaMeta("Claimed", (DagaAction,), body)
    with pytest.raises(TypeError, match="already registered"):
        DagaMeta("Claimed", (DagaAction,), {**body, "__module__": "another"})


# ------------------------------------------------------------------------------ 10


def test_rule_10_run_gives_the_last_batch_outputs_every_sink_results_every_node():
    play = Play("A B C", "C D", "E").play()
    assert play.run.batches == (("A", "E"), ("B", "C"), ("D",))
    assert play.results == ["d"]
    assert play.run.outputs == {"E": "e", "B": "b", "D": "d"}
    assert dict(play.run.results) == {"A": "a", "E": "e", "B": "b", "C": "c", "D": "d"}


def test_rule_10_of_an_undone_run_the_results_stay_to_be_looked_at():
    play = Play("A B", fails="B").play()
    assert play.undone == ["B", "A"]
    assert dict(play.run.results) == {"A": "a"}
    assert play.run.outputs == {}
    assert play.error.run.results["A"] == "a"


def test_the_front_door_has_what_these_rules_speak_of():
    assert {"DagaAction", "DagaFlow", "FlowRun", "Fault", "DagaFlowError"} <= set(daga_nb.__all__)
