"""Odd exceptions in an action and in its rollback, wherever it runs: a table of how each run ends."""

import asyncio
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import networkx as nx
import pytest
from gate import watched
from widget_page import Page

from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault, FlowRun, lab
from daga_nb.errors import ActionInterrupted, describe, kind_of


class Falsy(Exception):
    def __bool__(self) -> bool:
        return False

    def __len__(self) -> int:
        return 0


class Silent(Exception):
    def __str__(self) -> str:
        raise ValueError("cannot be shown")

    __repr__ = __str__


class Deadly(Exception):
    def __str__(self) -> str:
        raise SystemExit("while it was shown")

    __repr__ = __str__


class NoText(Exception):
    def __str__(self) -> Any:
        return 17


class Slots(Exception):
    __slots__ = ("code",)


class NoNotes(Exception):
    def add_note(self, note: str) -> None:
        raise TypeError("takes no notes")


class OddNotes(Exception):
    __notes__ = 17


@dataclass(frozen=True)
class Frozen(Exception):
    code: int = 17


class Equal(Exception):
    def __eq__(self, other: object) -> bool:
        raise ValueError("cannot be compared")

    __hash__ = Exception.__hash__


class NamelessKind(type):
    @property
    def __name__(cls) -> str:
        raise ValueError("no name")


class Nameless(Exception, metaclass=NamelessKind):
    pass


class Classless(Exception):
    @property
    def __class__(self) -> Any:
        raise ValueError("no class")


class FalsyInterrupt(KeyboardInterrupt):
    def __bool__(self) -> bool:
        return False


# What is raised, and what becomes of it: "as it is", "carried" by an ActionInterrupted, or that and "raised"
# again after the rollback.
KINDS: dict[str, tuple[Callable[[], BaseException], str]] = {
    "CancelledError": (asyncio.CancelledError, "carried"),
    "KeyboardInterrupt": (KeyboardInterrupt, "raised"),
    "SystemExit": (lambda: SystemExit(3), "raised"),
    "a falsy KeyboardInterrupt": (FalsyInterrupt, "raised"),
    "GeneratorExit": (GeneratorExit, "carried"),
    "BaseExceptionGroup": (lambda: BaseExceptionGroup("two", [KeyboardInterrupt(), ValueError()]), "carried"),
    "StopIteration": (lambda: StopIteration(17), "as it is"),
    "StopAsyncIteration": (StopAsyncIteration, "as it is"),
    "ExceptionGroup": (lambda: ExceptionGroup("two", [ValueError("a"), KeyError("b")]), "as it is"),
    "a flow's own error": (lambda: DagaFlowError("DagaFlowError", [ValueError("inner")]), "as it is"),
    "falsy": (Falsy, "as it is"),
    "str raises": (Silent, "as it is"),
    "str ends the process": (Deadly, "as it is"),
    "str gives no text": (NoText, "as it is"),
    "slots": (Slots, "as it is"),
    "takes no notes": (NoNotes, "as it is"),
    "odd notes": (OddNotes, "as it is"),
    "frozen": (Frozen, "as it is"),
    "cannot be compared": (Equal, "as it is"),
    "its class has no name": (Nameless, "as it is"),
    "it says nothing of its class": (Classless, "as it is"),
    "MemoryError": (MemoryError, "as it is"),
    "RecursionError": (RecursionError, "as it is"),
    "TimeoutError": (TimeoutError, "as it is"),
}

# What cannot be shown cannot be compared with its copy.
HIDDEN = ("its class has no name", "it says nothing of its class")
# Python's own traceback module cannot show them either.
NOT_FORMATTED = ("str raises", "str ends the process", "str gives no text", *HIDDEN)
NOT_COPIED = ("str raises", "str ends the process", "str gives no text", "frozen")

PLACES = ["thread", "loop", "async"]


def calling(place: str, does: Callable[[], None]) -> Callable[..., Any]:
    async def in_the_loop(results: Any) -> None:
        await asyncio.sleep(0)
        does()

    def plain(results: Any) -> None:
        does()

    return in_the_loop if place == "async" else plain


class Case:
    """ok and odd side by side after first, all with rollbacks; `undone` names what was undone, in order."""

    def __init__(self, error: BaseException, place: str, where: str) -> None:
        self.error, self.place = error, place
        self.undone: list[str] = []

        def odd() -> None:
            if where == "do":
                raise error
            raise ValueError("the failure")

        def take_back() -> None:
            self.undone.append("odd")
            if where == "undo":
                raise error

        first = self._action("first", "async", lambda: None, lambda: self.undone.append("first"))
        sibling = self._action("ok", "loop", lambda: None, lambda: self.undone.append("ok"))
        self.flow: DagaFlow[Any, Any] = DagaFlow(
            [(first, sibling), (first, self._action("odd", place, odd, take_back))]
        )
        self.run: FlowRun = self.flow.start()

    @staticmethod
    def _action(
        name: str, place: str, do: Callable[[], None], undo: Callable[[], None]
    ) -> DagaAction[Any, Any]:
        action: DagaAction[Any, Any] = DagaAction(calling(place, do), name=name, in_thread=place == "thread")
        action.on_rollback(calling(place, undo))
        return action

    @property
    def turned(self) -> bool:
        """Whether the coroutine turned it into a RuntimeError, as Python does with a StopIteration."""
        return self.place == "async" and issubclass(type(self.error), StopIteration)

    def is_it(self, error: BaseException | None) -> bool:
        if self.turned:
            return type(error) is RuntimeError and error.__cause__ is self.error
        return error is self.error

    def judge(self, fate: str, where: str, ended: BaseException | None) -> None:
        """Hold the run, and what its `finish` raised if that is known, against the table."""
        assert self.undone == ["ok", "odd", "first"]
        odd = "ROLLED_BACK" if where == "do" else "ROLLBACK_FAILED"
        states = {name: str(state) for name, state in self.run.states.items()}
        assert states == {"first": "ROLLED_BACK", "ok": "ROLLED_BACK", "odd": odd}
        assert self.run.state == ("ROLLED_BACK" if where == "do" else "ROLLBACK_INCOMPLETE")
        story = [str(event.state) for event in self.run.events if event.node == "odd"]
        assert story == ["RUNNING", "FAILED", "ROLLING_BACK", odd]
        own = self.run.errors["odd"]
        assert [*self.run.errors] == ["odd"]
        expected = [own]
        if where == "undo":
            assert (type(own), str(own)) == (ValueError, "the failure")
            late = self.run.rollback_errors["odd"]
            assert self.is_it(late.error)
            assert late.__cause__ is late.error
            expected.append(late)
        elif fate == "as it is":
            assert self.is_it(own)
        else:
            assert type(own) is ActionInterrupted
            assert self.is_it(own.__cause__)
        if fate == "raised":
            assert ended is None or ended is self.error
        elif ended is not None:
            assert isinstance(ended, DagaFlowError)
            assert [id(error) for error in ended.exceptions] == [id(error) for error in expected]
            assert ended.run is self.run


async def end_of(run: FlowRun) -> BaseException:
    try:
        await run.finish()
    except BaseException as error:
        return error
    raise AssertionError("it did not fail")


@pytest.mark.parametrize("where", ["do", "undo"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_raised_by_an_action_or_its_rollback(kind: str, place: str, where: str, counts: Callable[..., None]):
    make, fate = KINDS[kind]

    async def work() -> None:
        case = Case(make(), place, where)
        error = await end_of(case.run)
        case.judge(fate, where, error)
        if fate != "raised" and kind not in NOT_FORMATTED:
            assert "Traceback" in "".join(traceback.format_exception(error))

    watched(work())
    counts("odd exceptions, awaited", raised=1)


@pytest.mark.parametrize("where", ["before", "after", "rollback"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "it says nothing of its class"])
def test_planted(kind: str, where: str):
    make, fate = KINDS[kind]

    async def work() -> None:
        case = Case(ValueError("the failure"), "async", "do" if where == "rollback" else "nowhere")
        if where != "rollback":
            case = Harmless()  # type: ignore[assignment]
        error = make()
        run = case.flow.start(faults=[Fault.raising(error, at="odd", where=where)])  # type: ignore[arg-type]
        ended = await end_of(run)
        assert case.undone == (["ok", "first"] if where == "rollback" else ["ok", "odd", "first"])
        planted = next(e.reason for e in run.events if e.node == "odd" and "planted" in e.reason)
        assert planted.startswith(kind_of(error))
        if where == "rollback":
            raised = run.rollback_errors["odd"].error
        else:
            raised = run.errors["odd"] if fate == "as it is" else run.errors["odd"].__cause__  # type: ignore[assignment]
        assert type(raised) is type(error)
        assert (raised is error) == (kind in NOT_COPIED)
        assert (ended is raised) == (fate == "raised")

    watched(work())


class Harmless(Case):
    """The same flow, in which nothing fails by itself."""

    def __init__(self) -> None:
        self.undone = []
        names = ("first", "ok", "odd")
        first, sibling, odd = (
            self._action(name, "async", lambda: None, lambda name=name: self.undone.append(name))  # type: ignore[misc]
            for name in names
        )
        self.flow = DagaFlow([(first, sibling), (first, odd)])


@pytest.mark.parametrize("where", ["do", "undo"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_step_raises_it_and_the_end_says_it(kind: str, where: str):
    make, fate = KINDS[kind]

    async def work() -> None:
        case = Case(make(), "async", where)
        while case.run.next.direction:
            await case.run.step()
        case.judge(fate, where, await end_of(case.run))

    watched(work())


@pytest.mark.parametrize("place", ["thread", "async"])
@pytest.mark.parametrize("where", ["do", "undo"])
def test_a_run_of_the_lab_shows_it_and_the_loop_goes_on(where: str, place: str, counts: Callable[..., None]):
    """Out of the lab's task a KeyboardInterrupt would stop the kernel."""

    async def in_a_lab(kind: str) -> None:
        make, fate = KINDS[kind]
        case = Case(make(), place, where)
        page = Page(lab(case.flow, speed=1.0))
        await page.open()
        await page.click(cmd="run")
        case.run = page.widget.run
        case.judge(fate, where, None)
        odd = "rolled back" if where == "do" else "rollback failed"
        assert page.states() == ["rolled back", "rolled back", odd], kind
        shown = "RuntimeError" if case.turned else kind_of(case.error)
        assert any(shown in line for line in page.words()), kind

    async def work() -> None:
        async with asyncio.TaskGroup() as all_at_once:
            for kind in KINDS:
                all_at_once.create_task(in_a_lab(kind), name=kind)

    watched(work())
    counts("odd exceptions, in the lab", raised=len(KINDS))


def test_one_exception_object_raised_by_two_actions():
    async def work() -> None:
        shared = ValueError("shared")

        async def one(results: Any) -> None:
            raise shared

        async def two(results: Any) -> None:
            raise shared

        graph: nx.DiGraph[Any] = nx.DiGraph()
        graph.add_nodes_from([one, two])
        for _ in range(2):
            error = await end_of(DagaFlow(graph).start())
            assert isinstance(error, DagaFlowError)
            assert error.exceptions == (shared, shared)
        assert shared.__notes__ == [
            "in action 'one', batch 1, attempt 1",
            "in action 'two', batch 1, attempt 1",
        ]

    watched(work())


def test_a_real_recursion_is_an_error_like_any_other():
    async def work() -> None:
        def deep(results: Any) -> Any:
            return deep(results)

        error = await end_of(DagaFlow([(deep, deep_after)]).start())
        assert isinstance(error, DagaFlowError)
        assert type(error.exceptions[0]) is RecursionError

    async def deep_after(results: Any) -> None: ...

    watched(work())


def test_a_flow_within_an_action_hands_its_error_out_as_one():
    async def work() -> None:
        async def inner(results: Any) -> None:
            raise ValueError("inner")

        async def outer(results: Any) -> Any:
            return await DagaFlow([(inner, inner_after)]).run()

        async def inner_after(results: Any) -> None: ...

        error = await end_of(DagaFlow([(outer, inner_after)]).start())
        assert isinstance(error, DagaFlowError)
        (nested,) = error.exceptions
        assert type(nested) is DagaFlowError
        assert [str(one) for one in nested.exceptions] == ["inner"]

    watched(work())


def test_the_words_for_what_cannot_be_shown():
    assert describe(Silent()) == "Silent: (its message cannot be shown: ValueError)"
    assert describe(NoText()) == "NoText: (its message cannot be shown: TypeError)"
    assert describe(Falsy()) == "Falsy"
