"""The sweep finds rollbacks that are wrong in a known way, and names the action and the kind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from daga_nb import DagaAction, DagaFlow, When, sweep
from daga_nb.core.states import RunState
from daga_nb.debug.sweep_signs import Wrong
from daga_nb.debug.sweep_suspects import Part, Seen, culprits
from daga_nb.debug.swept import Sweep

Undo = Callable[..., Any]


def right(effect: str) -> tuple[Callable[..., Any], Undo]:
    """Give an action with one effect, and a rollback that looks before it takes it away."""

    async def do(results: list[Any], context: Any) -> str:
        context.effect(effect, "17")
        return f"{effect} 17"

    async def undo(results: list[Any], context: Any) -> None:
        if context.has_effect(effect, "17"):
            context.undo_effect(effect, "17")

    return do, undo


def made(name: str, do: Callable[..., Any], undo: Undo | None, **options: Any) -> DagaAction[Any, Any]:
    action = DagaAction[Any, Any](do, name=name, **options)
    if undo is not None:
        action.on_rollback(undo)
    return action


def flow_with(undo: Undo | None, do: Callable[..., Any] | None = None, **options: Any) -> DagaFlow[Any, Any]:
    """Make the flow book, pay, ship in which `pay` is other than it should be."""
    book, ship = (made(name, *right(effect)) for name, effect in (("book", "room"), ("ship", "parcel")))
    pay = made("pay", do or right("charge")[0], undo, **options)
    return DagaFlow([(book, pay), (pay, ship)])


async def never(results: list[Any], context: Any) -> None:
    """Do nothing."""


async def swallows(results: list[Any], result: Any, context: Any) -> None:
    try:
        context.undo_effect("charge", result["key"])  # the result is no dictionary
    except TypeError:
        return


async def trusts(results: list[Any], result: Any, context: Any) -> None:
    if result is not None:
        context.undo_effect("charge", "17")


async def needs(results: list[Any], result: Any, context: Any) -> None:
    _effect, key = result.split()
    context.undo_effect("charge", key)


async def blind(results: list[Any], context: Any) -> None:
    context.undo_effect("charge", "17")


async def twice(results: list[Any], context: Any) -> None:
    for _ in range(2 if context.has_effect("charge", "17") else 0):
        context.undo_effect("charge", "17")


async def raises_at_nothing(results: list[Any], context: Any) -> None:
    if not context.has_effect("charge", "17"):
        raise LookupError("there is no such charge")
    context.undo_effect("charge", "17")


async def always_raises(results: list[Any], context: Any) -> None:
    raise ConnectionError("the bank is closed")


async def of_another(results: list[Any], context: Any) -> None:
    if context.has_effect("charge", "17"):
        context.undo_effect("room", "17")


async def by_another_key(results: list[Any], context: Any) -> None:
    if context.has_effect("charge", "17"):
        context.undo_effect("charge", "71")


async def again(results: list[Any], context: Any) -> None:
    if context.has_effect("charge", "17"):
        context.effect("charge", "17")


async def leaves_a_note(results: list[Any], context: Any) -> None:
    if context.has_effect("charge", "17"):
        context.undo_effect("charge", "17")
        context.effect("apology", "17")


async def charge_and_receipt(results: list[Any], context: Any) -> None:
    context.effect("charge", "17")
    context.effect("receipt", "17")


def found(swept: Sweep) -> list[tuple[str | None, str]]:
    return [(problem.action, str(problem.what)) for problem in swept.problems]


WRONG: list[tuple[Undo | None, dict[str, Any], str]] = [
    (never, {}, "never undone"),
    (swallows, {}, "never undone"),
    (trusts, {}, "not undone after a lost reply"),
    (needs, {}, "rollback needs the reply"),
    (blind, {}, "undone, never done"),
    (twice, {}, "undone twice"),
    (raises_at_nothing, {}, "rollback raises with nothing to undo"),
    (always_raises, {}, "rollback raises"),
    (of_another, {}, "undoes another's effect"),
    (by_another_key, {}, "undone by another key"),
    (again, {}, "done again instead of undone"),
    (leaves_a_note, {}, "rollback leaves something"),
    (right("charge")[1], {"do": charge_and_receipt}, "undone in part"),
    (None, {}, "no rollback"),
    (None, {"no_effect": True}, "has an effect after all"),
    (right("charge")[1], {"rollback_failed": False}, "not rolled back when it failed"),
]


@pytest.mark.parametrize(("undo", "how", "what"), WRONG, ids=[what for _, _, what in WRONG])
def test_a_wrong_rollback_is_named(undo, how, what):
    swept = sweep(flow_with(undo, **how)).run_sync()
    assert found(swept) == [("pay", what)]
    assert not swept.clean
    (problem,) = swept.problems
    assert problem.words
    assert problem.do
    assert all(outcome.leftovers for outcome in swept.outcomes if outcome.case in problem.cases)


def test_a_right_flow_has_no_problem():
    swept = sweep(
        flow_with(right("charge")[1]), where=("before", "after", "rollback", "again"), pairs=True
    ).run_sync()
    assert found(swept) == []
    assert swept.clean


def test_what_the_planted_fault_accounts_for_is_left_and_is_no_problem():
    swept = sweep(flow_with(right("charge")[1]), where="rollback", actions=["pay"]).run_sync()
    assert [(str(one.case), one.word, one.leftovers) for one in swept.outcomes] == [
        ("no fault", "succeeded", ()),
        ("no fault, rolled back by request", "rolled back", ()),
        ("pay.rollback: raise(TimeoutError)", "rollback incomplete", ("charge 17: left behind",)),
    ]
    assert swept.clean


def test_a_rollback_that_is_not_idempotent_is_found_by_calling_it_again():
    async def once(results: list[Any], context: Any) -> None:
        if context.outcome == "SUCCEEDED" or context.has_effect("charge", "17"):
            context.undo_effect("charge", "17")

    assert found(sweep(flow_with(once)).run_sync()) == []
    swept = sweep(flow_with(once), where=("before", "after", "rollback", "again")).run_sync()
    assert found(swept) == [("pay", "not undone alike when called again")]
    assert str(swept.problems[0].case) == "pay.rollback: repeat(2)"


@pytest.mark.parametrize("raises", [True, False])
def test_a_rollback_that_works_only_the_first_time(raises):
    used: list[int] = []

    async def first_time(results: list[Any], context: Any) -> None:
        if context.has_effect("charge", "17"):
            if used and raises:
                raise ConnectionError("already closed")
            if not used:
                used.append(1)
                context.undo_effect("charge", "17")

    assert found(sweep(flow_with(first_time)).run_sync()) == [("pay", "not undone alike each time")]


def test_an_undo_that_comes_after_that_of_what_it_stands_on():
    waiting: list[Any] = []

    async def later(results: list[Any], context: Any) -> None:
        if context.has_effect("charge", "17"):
            waiting.append(context)  # it says that it is done, and is not

    async def last(results: list[Any], context: Any) -> None:
        if context.has_effect("room", "17"):
            context.undo_effect("room", "17")
        while waiting:
            waiting.pop().undo_effect("charge", "17")

    book, pay = made("book", right("room")[0], last), made("pay", right("charge")[0], later)
    swept = sweep(DagaFlow([(book, pay)]), where=("before", "after")).run_sync()
    assert found(swept) == [("pay", "undone in the wrong order")]
    assert "room 17" in swept.problems[0].words


def test_an_action_that_does_it_twice_when_it_is_tried_again():
    flow = flow_with(right("charge")[1], retries=1)
    swept = sweep(flow, where="after", actions=["pay"]).run_sync()
    assert found(swept) == [("pay", "done twice")]


def recovering(undo: Undo | None) -> DagaFlow[Any, Any]:
    """Make the flow book, pay, ship that goes back to behind `book` once."""
    book, ship = (made(name, *right(effect)) for name, effect in (("book", "room"), ("ship", "parcel")))
    book.save_point = True
    pay = made("pay", right("charge")[0], undo)
    return DagaFlow([(book, pay), (pay, ship)])


@pytest.mark.parametrize(
    ("undo", "what"),
    [
        (never, "never undone"),
        (trusts, "not undone after a lost reply"),
        (blind, "undone, never done"),
    ],
)
def test_a_wrong_rollback_is_named_where_the_run_goes_forward_again(undo, what):
    swept = sweep(recovering(undo), when=When.first(1)).run_sync()
    assert found(swept) == [("pay", what)]
    assert {one.end for one in swept.outcomes if str(one.case).startswith(("pay.after", "ship.after"))} == {
        RunState.SUCCEEDED
    }


def test_a_pivot_whose_rollback_is_not_idempotent_is_told_like_any_other():
    flow = flow_with(blind, pivot=True)
    swept = sweep(flow, where=("after", "again")).run_sync()
    assert found(swept) == [("pay", "not undone alike when called again")]


def test_past_a_pivot_a_rollback_is_tried_where_the_run_goes_back_to_a_save_point():
    do = {name: made(name, *right(name)) for name in ("pay", "pack", "ship")}
    do["pay"].pivot = do["pack"].save_point = True
    swept = sweep(DagaFlow([(do["pay"], do["pack"]), (do["pack"], do["ship"])]), where="rollback").run_sync()
    told = [(str(one.case), one.word) for one in swept.outcomes if one.case.places]
    assert told[1:] == [
        ("pack.rollback: raise(TimeoutError)", "not possible"),
        ("ship.after: raise(TimeoutError); ship.rollback: raise(TimeoutError)", "stands still"),
    ]


def test_where_only_a_pivot_could_start_the_run_is_rolled_back_all_the_same():
    flow = DagaFlow([(made("pay", *right("charge"), pivot=True), made("ship", *right("parcel")))])
    swept = sweep(flow, where="rollback").run_sync()
    assert swept.outcomes[1].end is RunState.ROLLED_BACK


def test_the_rollback_of_py_daga():
    """On a >> (b, c) >> d with b failing, py-daga 0.1.2 undoes b, b, c and d, and never a."""

    async def undo_nothing(results: list[Any], context: Any) -> None:
        """As py-daga does with the batches before the one that failed."""

    async def undo_b(results: list[Any], context: Any) -> None:
        if context.has_effect("b", "17"):
            context.undo_effect("b", "17")
            context.undo_effect("b", "17")
        if not context.has_effect("d", "17"):
            context.undo_effect("d", "17")

    do = {name: right(name)[0] for name in "abcd"}
    undo = {name: right(name)[1] for name in "abcd"} | {"a": undo_nothing, "b": undo_b}
    a, b, c, d = (made(name, do[name], undo[name]) for name in "abcd")
    swept = sweep(
        DagaFlow([(a, b), (a, c), (b, d), (c, d)]), actions=["b"], where=("before", "after")
    ).run_sync()
    assert found(swept) == [
        ("a", "never undone"),
        ("b", "undone, never done"),
        ("b", "undone twice"),
    ]


# --------------------------------------------------------------------------- a world that can be read


def bank(
    undo: Callable[[dict[str, int], Any], None],
) -> tuple[DagaFlow[Any, Any], dict[str, int], Callable[[], None]]:
    """Give a flow that changes a world without telling the ledger, the world, and what makes it new."""
    world = {"room": 0, "charge": 0, "parcel": 0}

    def step(name: str, effect: str, undo: Callable[[dict[str, int], Any], None]) -> DagaAction[Any, Any]:
        async def do(results: list[Any]) -> str:
            world[effect] += 1
            return effect

        async def take_back(results: list[Any], result: Any) -> None:
            undo(world, result)

        return made(name, do, take_back)

    def clear(effect: str) -> Callable[[dict[str, int], Any], None]:
        return lambda world, result: world.update({effect: 0})

    book, pay, ship = (
        step("book", "room", clear("room")),
        step("pay", "charge", undo),
        step("ship", "parcel", clear("parcel")),
    )

    def reset() -> None:
        world.update(dict.fromkeys(world, 0))

    return DagaFlow([(book, pay), (pay, ship)]), world, reset


@pytest.mark.parametrize(
    ("undo", "first", "words"),
    [
        (lambda world, result: None, "no fault, rolled back by request", "when it had succeeded"),
        (
            lambda world, result: world.update(charge=0) if result else None,
            "pay.after: raise(TimeoutError)",
            "when its reply was lost",
        ),
        (
            lambda world, result: world.update(charge=world["charge"] - 1),
            "pay.before: raise(TimeoutError)",
            "when it failed before its effect",
        ),
    ],
)
def test_a_world_that_is_observed_names_who_left_it_so(undo, first, words):
    flow, world, reset = bank(undo)
    swept = sweep(flow, reset=reset, observe=lambda: world).run_sync()
    assert found(swept) == [("pay", "the world is not as it was")]
    assert str(swept.problems[0].case) == first or words == "when it had succeeded"
    assert words in swept.problems[0].words
    assert "charge" in swept.problems[0].words


def test_a_world_that_is_as_it_was_is_no_problem():
    flow, world, reset = bank(lambda world, result: world.update(charge=0))
    swept = sweep(flow, reset=reset, observe=lambda: world).run_sync()
    assert swept.clean
    left = [one.leftovers for one in swept.outcomes if str(one.case) == "pay.rollback: raise(TimeoutError)"]
    assert left == [("pay: rollback failed", "the world: charge: 0 → 1")]


def test_who_it_was_may_stay_open():
    flow, world, reset = bank(lambda world, result: None)
    swept = sweep(flow, reset=reset, observe=lambda: world, where="rollback", actions=["pay"]).run_sync()
    (problem,) = swept.problems
    assert (problem.action, problem.what) == (None, Wrong.WORLD)
    assert "it may be book, pay, ship" in problem.words


def test_by_elimination():
    a, b, c = (Part(name, "done") for name in "abc")
    runs = [
        Seen(frozenset({a}), False),
        Seen(frozenset({a, b}), True),
        Seen(frozenset({a, b, c}), True),
        Seen(frozenset({c}), True),
    ]
    assert culprits(runs) == [frozenset(), {b}, {b, c}, {c}]
    assert culprits([Seen(frozenset({a, b}), True)]) == [{a, b}]
    assert culprits([]) == []


def test_the_same_sweep_says_the_same():
    told = [str(sweep(flow_with(trusts), pairs=True).run_sync()) for _ in range(2)]
    assert told[0] == told[1]


def test_it_is_awaited_in_a_script_too():
    async def main() -> Sweep:
        return await sweep(flow_with(never))

    assert found(asyncio.run(main())) == [("pay", "never undone")]
