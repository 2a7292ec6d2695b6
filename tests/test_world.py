"""Looking at the world before a run and after it: what is other, and what goes wrong in looking."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from helpers import Boom, Gate, flow_of, play, turns
from story_runs import CHAIN, drive, failing

from daga_nb import DagaAction, DagaFlow, DagaFlowError
from daga_nb.engine.changes import MOST_CHANGES, changes_between
from daga_nb.engine.world import World
from daga_nb.errors import DagaError, ObserveError, RunBusy, StepError


class Bank:
    """Two accounts that are changed in place, and how often somebody looked."""

    def __init__(self) -> None:
        self.accounts = {"ann": 100, "bob": 0}
        self.looks = 0
        self.refuses: set[int] = set()

    def look(self) -> dict[str, int]:
        self.looks += 1
        if self.looks in self.refuses:
            raise OSError("the bank is closed")
        return self.accounts

    async def look_async(self) -> dict[str, int]:
        await asyncio.sleep(0)
        return self.look()

    def flow(self, *, undo: bool = True) -> DagaFlow[Any, Any]:
        async def pay(results: list[Any]) -> None:
            self.accounts["ann"] -= 42
            self.accounts["bob"] += 42

        async def refund(results: list[Any]) -> None:
            if undo:
                self.accounts["ann"] += 42
            self.accounts["bob"] -= 42

        async def ship(results: list[Any]) -> str:
            return "shipped"

        action = DagaAction[Any, Any](pay)
        action.on_rollback(refund)
        return DagaFlow([(action, DagaAction[Any, Any](ship, no_effect=True))])


CHANGED = ("ann: 100 → 58", "bob: 0 → 42")
LOOKS: list[Callable[[Bank], Any]] = [lambda bank: bank.look, lambda bank: bank.look_async]
EACH = pytest.mark.parametrize("look", LOOKS, ids=["plain", "async"])


@EACH
def test_a_run_that_succeeds_has_changed_the_world(look):
    bank = Bank()
    run = bank.flow().start(observe=look(bank))
    assert (run.world, bank.looks) == (None, 0)
    play(run.step())
    assert bank.looks == 1
    assert run.world is not None
    assert (run.world.before, run.world.ended, run.world.same) == ({"ann": 100, "bob": 0}, False, False)
    assert play(run.finish()) == ["shipped"]
    assert run.world == World({"ann": 100, "bob": 0}, {"ann": 58, "bob": 42}, CHANGED, True)
    assert not run.world.left
    assert str(run.world).splitlines() == [
        "the run has changed the world:",
        "  ann: 100 → 58",
        "  bob: 0 → 42",
    ]
    assert bank.looks == 2


@EACH
def test_a_run_that_was_rolled_back_has_left_the_world_as_it_was_or_not(look):
    for undo, changes in (True, ()), (False, ("ann: 100 → 58",)):
        bank = Bank()
        run = bank.flow(undo=undo).start(observe=look(bank), faults=[failing("ship")])
        drive(run.finish())
        assert run.world is not None
        assert run.world.changes == changes
        assert (run.world.same, run.world.left) == (undo, not undo)
        assert ("⚑" in run.world._repr_html_()) is not undo
    assert str(run.world).startswith("the world is not as it was before, although the run was rolled back:")


def test_that_nothing_is_left_is_not_said_of_a_world_that_is_not_as_it_was():
    bank = Bank()
    run = bank.flow(undo=False).start(faults=[failing("ship")], observe=bank.look)
    play(run.go())
    assert run.world is not None
    assert run.world.left
    assert str(run.next) == "rolled back, and yet: the world is not as it was before"


def test_it_is_looked_at_again_after_a_later_rollback_and_only_then():
    bank = Bank()
    run = bank.flow().start(observe=bank.look)
    play(run.go())
    play(run.finish())
    play(run.step())
    assert bank.looks == 2
    play(run.rollback())
    assert bank.looks == 3
    assert run.world is not None
    assert run.world.same
    assert run.world.rolled_back


def test_run_and_run_sync_look_too(done):
    seen: list[str] = []
    flow = flow_of(done, CHAIN)
    look = lambda: seen.append("look") or list(done)  # noqa: E731
    play(flow.run(observe=look))
    flow.run_sync(observe=look)
    assert seen == ["look"] * 4
    with pytest.raises(DagaFlowError) as failed:
        flow.run_sync(observe=look, faults=[failing("c")])
    assert failed.value.run is not None
    assert failed.value.run.world.left
    assert failed.value.run.world.changes[0] == "added 'do a'"


def test_what_ends_without_a_drive_is_looked_at_by_finish(done):
    run = flow_of(done, CHAIN).start(observe=lambda: list(done), on_failure="pause", faults=[failing("c")])
    play(run.go())
    run.skip("c", "by hand")
    assert run.state.word == "succeeded"
    assert run.world is not None
    assert not run.world.ended
    assert play(run.finish()) == ["by hand"]
    assert run.world.changes == ("added 'do a'", "added 'do b'")


def test_if_it_cannot_be_seen_before_nothing_is_started(done):
    def look() -> Any:
        raise OSError("the bank is closed")

    run = flow_of(done, CHAIN).start(observe=look)
    for work in (run.go, run.step, run.finish):
        with pytest.raises(
            ObserveError, match="before the run; nothing was started: OSError: the bank"
        ) as failed:
            play(work())
        assert isinstance(failed.value.__cause__, OSError)
    assert done == []
    assert list(run.events) == []
    assert run.world is None


@EACH
def test_if_it_cannot_be_seen_at_the_end_the_outcome_goes_first(look):
    bank = Bank()
    bank.refuses = {2}
    run = bank.flow().start(observe=look(bank))
    assert play(run.finish()) == ["shipped"]
    assert run.world is not None
    assert isinstance(run.world.error, DagaError)
    assert str(run.world) == "observe failed at the end of the run: OSError: the bank is closed"
    assert not run.world.same
    assert not run.world.left

    bank.refuses = {4}
    run = bank.flow().start(observe=look(bank), faults=[failing("ship")])
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    assert [type(error) for error in failed.value.exceptions] == [Boom]
    assert run.world is not None
    assert "the bank is closed" in str(run.world.error)


def test_what_cannot_be_copied_or_compared_is_an_error_of_observe():
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise ValueError("ambiguous")

        __hash__ = None  # type: ignore[assignment]

    bank = Bank()
    run = bank.flow().start(observe=lambda: Odd())
    play(run.finish())
    assert run.world is not None
    assert "what observe gave cannot be compared: ValueError: ambiguous" in str(run.world)
    gate = Gate()
    run = bank.flow().start(observe=lambda: (one for one in [gate]))
    with pytest.raises(ObserveError, match="cannot pickle"):
        play(run.finish())


def test_while_it_is_looked_at_the_run_is_busy_and_a_second_one_waits(done):
    gate = Gate()

    async def look() -> list[str]:
        await gate.wait()
        return list(done)

    run = flow_of(done, CHAIN).start(observe=look)

    async def main() -> None:
        first = asyncio.ensure_future(run.finish())
        await gate.reached.wait()
        assert run.busy
        with pytest.raises(RunBusy):
            await run.step()
        second = asyncio.ensure_future(run.finish())
        await turns()
        assert done == []
        gate.open()
        assert await first == await second == ["c"]

    play(main())
    assert done == ["do a", "do b", "do c"]


def test_cancelled_in_the_first_look_it_has_not_begun_and_in_the_last_it_has_ended(done):
    gates = [Gate(), Gate()]
    waiting = list(gates)

    async def look() -> list[str]:
        await waiting.pop(0).wait()
        return list(done)

    run = flow_of(done, CHAIN).start(observe=look)

    async def cancelled(gate: Gate) -> None:
        task = asyncio.ensure_future(run.finish())
        await gate.reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    play(cancelled(gates[0]))
    assert (run.state.word, done) == ("ready", [])
    waiting[:] = [Gate(), gates[1]]
    waiting[0].open()
    play(cancelled(gates[1]))
    assert run.state.word == "succeeded"
    waiting[:] = [Gate()]
    waiting[0].open()
    assert play(run.finish()) == ["c"]
    assert run.world is not None
    assert run.world.changes == ("added 'do a'", "added 'do b'", "added 'do c'")


def test_a_run_that_is_cancelled_is_looked_at_after_its_rollback(done):
    gate = Gate()
    flow = flow_of(done, CHAIN, how={"b": {"before": gate.wait}})
    run = flow.start(observe=lambda: len(done))

    async def main() -> None:
        task = asyncio.ensure_future(run.finish())
        await gate.reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    play(main())
    assert done == ["do a", "undo b", "undo a"]
    assert run.world is not None
    assert (run.world.rolled_back, run.world.changes) == (True, ("0 → 3",))


def test_a_fork_looks_at_the_same_world(done):
    run = flow_of(done, CHAIN).start(observe=lambda: list(done))
    play(run.go())
    fork = run.fork(3)
    assert fork.observe is run.observe
    play(fork.finish())
    assert fork.world is not None
    assert fork.world.changes == ("added 'do c'",)
    assert flow_of(done).start().observe is None


def test_who_observes_is_set_before_the_run_begins(done):
    run = flow_of(done, CHAIN).start()
    run.observe = lambda: list(done)
    play(run.step())
    assert run.world is not None
    with pytest.raises(StepError, match="the run has begun"):
        run.observe = None


@pytest.mark.parametrize("wrong", [17, "accounts", {"ann": 100}])
def test_observe_is_a_function(done, wrong):
    with pytest.raises(DagaError, match="observe is a function that gives what the world is like, not"):
        flow_of(done).start(observe=wrong)


# --------------------------------------------------------------------------------- the changes


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({}, {}, ()),
        (1, 2, ("1 → 2",)),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [2, 3]}}, ("a.b: removed 1", "a.b: added 3")),
        ({"a": 1}, {"b": 1}, ("removed a: 1", "added b: 1")),
        ({(1, 2): "x"}, {(1, 2): "y"}, ("(1, 2): 'x' → 'y'",)),
        ({1, 2}, {2, 3}, ("removed 1", "added 3")),
        ([1, 1, 2], [1, 2, 2], ("removed 1", "added 2")),
        ([1, 2], [2, 1], ("the same in another order",)),
        ([("ann", 100)], [("ann", 58)], ("removed ('ann', 100)", "added ('ann', 58)")),
        ([{"a": 1}], [{"a": 2}, {"b": 1}], ("[0].a: 1 → 2", "added [1]: {'b': 1}")),
        ([{"a": 1}, {}], [{"a": 1}], ("removed [1]: {}",)),
        ({"rows": [[1], [2]]}, {"rows": [[1], [3]]}, ("rows[1]: removed 2", "rows[1]: added 3")),
        ({"a": 1}, [1], ("{'a': 1} → [1]",)),
        (None, {"a": 1}, ("None → {'a': 1}",)),
    ],
)
def test_what_is_other_is_said_with_its_place(before, after, changes):
    assert changes_between(before, after) == changes


def test_half_a_character_in_a_key_can_be_shown():
    assert changes_between({}, {"\ud83d": 1}) == ("added �: 1",)


def test_what_is_no_number_both_times_is_no_change():
    def rows() -> dict[str, Any]:
        return {"a": float("nan"), "rows": [(1, float("nan"))], "set": {float("nan")}, "b": [[float("nan")]]}

    assert changes_between(rows(), rows()) == ()
    assert changes_between(float("nan"), float("nan")) == ()
    assert changes_between({"a": float("nan")}, {"a": 1.5}) == ("a: nan → 1.5",)


def test_many_changes_and_long_ones_are_cut():
    found = changes_between({}, dict.fromkeys(range(MOST_CHANGES + 5), "x" * 10000))
    assert len(found) == MOST_CHANGES + 1
    assert found[-1] == "and 5 more"
    assert max(map(len, found)) < 300


def test_what_is_nested_without_end_is_compared_to_a_depth():
    def nested(bottom: int) -> Any:
        value: Any = bottom
        for _ in range(100):
            value = {"in": value}
        return value

    (change,) = changes_between(nested(1), nested(2))
    assert change.startswith("in.in.in.in.in.in.in.in: {'in'")


def test_texts_of_the_world_are_escaped():
    html = World(1, 2, ("<script>",), True, True)._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
