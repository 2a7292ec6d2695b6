"""The sweep: which cases there are, that each fault strikes, how each run ends, and what is shown of it."""

from __future__ import annotations

import asyncio
from time import perf_counter

import pytest
from helpers import Boom, flow_of, play
from story_runs import CHAIN

from daga_nb import DagaAction, DagaFlow, sketch, sweep
from daga_nb.core.states import NodeState, RunState
from daga_nb.errors import SweepError, UnknownAction

TRIP = "quote[no effect] >> (flight, hotel) >> pay >> ticket[no effect]"


def ends(swept):
    """The end of each case, by its text."""
    return {str(outcome.case): outcome.word for outcome in swept.outcomes}


def swept_of(*args, **options):
    return play(whole(sweep(*args, **options)))


async def whole(sweeping):
    return await sweeping


# ------------------------------------------------------------------------------------ the cases


def test_a_fault_at_every_action_and_place_each_in_a_run_of_its_own(done):
    swept = swept_of(flow_of(done, CHAIN))
    clean = [f"{name}.{where}: raise(TimeoutError)" for name in "abc" for where in ("before", "after")]
    dirty = [f"{name}.rollback: raise(TimeoutError)" for name in "abc"]
    assert ends(swept) == {
        "no fault": "succeeded",
        "no fault, rolled back by request": "rolled back",
        **dict.fromkeys(clean, "rolled back"),
        **dict.fromkeys(dirty, "rollback incomplete"),
    }
    assert swept.planned == len(swept.outcomes) == 11
    assert swept.clean
    assert not swept.stopped
    assert done[:9] == ["do a", "do b", "do c", "do a", "do b", "do c", "undo c", "undo b", "undo a"]
    before_b = done[done.index("undo a", 9) + 1 :]
    assert before_b[:3] == ["do a", "undo a", "do a"], "before and after at a"


def test_the_states_are_those_of_the_executed_run(done):
    swept = swept_of(flow_of(done, CHAIN), where="rollback", actions=["b"])
    (case,) = [one for one in swept.outcomes if one.case.places]
    assert case.states == (NodeState.ROLLED_BACK, NodeState.ROLLBACK_FAILED, NodeState.ROLLED_BACK)
    assert case.end is RunState.ROLLBACK_INCOMPLETE
    assert case.leftovers == ("b: rollback failed",)


def test_what_a_failed_rollback_kept_from_being_undone_is_left(done):
    flow = flow_of(done, CHAIN).with_policy(on_rollback_error="stop")
    swept = swept_of(flow, where="rollback", actions=["b"])
    (case,) = [one for one in swept.outcomes if one.case.places]
    assert done[-2:] == ["do c", "undo c"], "the rollback of b is planted to fail, and a is not reached"
    assert case.leftovers == ("a: succeeded", "b: rollback failed")


def test_what_cannot_be_is_listed_with_the_reason():
    swept = swept_of(sketch(TRIP), where=("rollback",))
    why = {outcome.case.faults[0].at: outcome.case.why_not for outcome in swept.impossible}
    assert why == dict.fromkeys(("quote", "ticket"), "no rollback: it has nothing to undo")
    kept = swept_of(sketch("a[no rollback] >> b"), where=("rollback",), actions=["a"])
    assert kept.impossible[0].case.why_not == "no rollback: what it does stays"


def test_past_a_pivot_a_run_stands_and_its_rollbacks_are_never_called():
    swept = swept_of(sketch("book >> pay[pivot] >> ship"))
    found = ends(swept)
    assert (
        found["ship.before: raise(TimeoutError)"]
        == found["ship.after: raise(TimeoutError)"]
        == "stands still"
    )
    assert found["book.rollback: raise(TimeoutError)"] == "rollback incomplete"
    assert found["pay.after: raise(TimeoutError); pay.rollback: raise(TimeoutError)"] == "rollback incomplete"
    (ship,) = swept.impossible
    assert ship.case.why_not == "comes after the pivot pay: it is never rolled back"


def test_a_fault_that_is_retried_away_is_a_good_end():
    from daga_nb import When

    flow = sketch("book >> pay[retries=1] >> ship")
    swept = swept_of(flow, where=("before",), when=When.first(1))
    assert ends(swept)["pay.before: 1*raise(TimeoutError)->off"] == "succeeded"
    assert ends(swept)["ship.before: 1*raise(TimeoutError)->off"] == "rolled back"


def test_a_save_point_is_tried_from_again():
    from daga_nb import When

    swept = swept_of(sketch("book[save point] >> pay >> ship"), where=("after",), when=When.first(1))
    assert ends(swept)["ship.after: 1*raise(TimeoutError)->off"] == "succeeded"
    assert swept.clean


def test_pairs_and_those_that_cannot_be_together():
    swept = swept_of(sketch("a >> (b, c)"), where=("before", "rollback"), pairs=True)
    found = {outcome.case.places: outcome for outcome in swept.outcomes if len(outcome.case.places) == 2}
    assert len(found) == 15
    both = found[((1, "before"), (2, "before"))]
    assert both.end is RunState.ROLLED_BACK
    assert both.states == (NodeState.ROLLED_BACK,) * 3
    nothing = found[((0, "before"), (1, "before"))]
    assert nothing.end is None
    assert nothing.case.why_not == "b is not called: a comes first, and fails"
    back = found[((0, "rollback"), (1, "rollback"))]
    assert back.states == (NodeState.ROLLBACK_FAILED, NodeState.ROLLBACK_FAILED, NodeState.ROLLED_BACK)


def test_a_plain_function_and_an_eager_flow_are_swept_too(done):
    flow = flow_of(done, CHAIN, schedule="eager", max_parallel=1)
    assert set(ends(swept_of(flow)).values()) == {"succeeded", "rolled back", "rollback incomplete"}


# ----------------------------------------------------------------------------------- the worlds


@pytest.mark.parametrize("is_async", [False, True])
def test_each_run_has_a_fresh_world(is_async):
    world, fresh = [], []

    async def buy(results):
        assert world == [], "a world that was used"
        world.append("seat")

    action = DagaAction(buy, name="buy")

    @action.on_rollback
    async def give_back(results):
        world.clear()

    def reset():
        fresh.append(len(world))
        world.clear()

    async def reset_later():
        reset()

    async def last(results): ...

    flow = DagaFlow([(action, DagaAction(last, no_effect=True))])
    swept = swept_of(flow, reset=reset_later if is_async else reset, observe=lambda: list(world))
    ran = len(swept.outcomes) - len(swept.impossible)
    assert len(fresh) == ran
    assert swept.clean


def test_a_reset_that_fails_and_a_flow_that_does_not_succeed_are_told(done):
    def reset():
        raise OSError("no space")

    with pytest.raises(SweepError, match="before the case no fault: reset failed: OSError: no space"):
        swept_of(flow_of(done, CHAIN), reset=reset)
    failing = flow_of(done, CHAIN, how={"b": {"fails": Boom("no")}})
    with pytest.raises(SweepError, match=r"without any fault the run does not succeed.*b: Boom: no") as told:
        swept_of(failing)
    assert isinstance(told.value.__cause__, Boom)


def test_a_fault_that_has_not_struck_is_an_error_of_the_sweep():
    """The flow goes another way from its second run on: what is planted at the last action is not reached."""
    calls = []

    async def first(results):
        calls.append(1)
        if len(calls) > 1:
            raise Boom("another way")

    async def last(results): ...

    flow = DagaFlow([(DagaAction(first, no_effect=True), DagaAction(last, no_effect=True))])
    with pytest.raises(SweepError, match=r"case last.before: .* a planted fault has not struck"):
        swept_of(flow, where="before", actions=["last"])


# ------------------------------------------------------------------------------------ its course


def test_it_tells_how_far_it_is_and_can_be_stopped():
    told = []

    async def main():
        sweeping = sweep(sketch(TRIP), progress=lambda done, planned: told.append((done, planned)))
        sweeping.observers.append(lambda: sweeping.stop() if sweeping.done == 4 else None)
        assert repr(sweeping) == "<sweep of sketch: 17 cases, not begun; await it>"
        return await sweeping

    swept = play(main())
    assert told == [(done, 17) for done in range(1, 5)]
    assert swept.stopped
    assert not swept.clean
    assert "4 of 17 cases" in swept.summary


def test_it_goes_on_in_the_background_and_is_awaited_later():
    async def main():
        sweeping = sweep(sketch(TRIP))
        sweeping.start()
        begun = asyncio.Event()
        sweeping.observers.append(begun.set)
        await begun.wait()
        assert sweeping.result.stopped, "cases are missing"
        assert not sweeping.ended
        one, other = await asyncio.gather(whole(sweeping), whole(sweeping))
        assert one.outcomes == other.outcomes == sweeping.result.outcomes
        assert sweeping.ended

    play(main())


def test_from_plain_code():
    assert sweep(sketch("a >> b")).run_sync().clean


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"where": ("before", "during")}, "where: 'during' is no place"),
        ({"where": ()}, "where: nothing is no place"),
        ({"actions": "pay"}, "a list of actions is meant"),
        ({"actions": []}, "a list of actions is meant"),
        ({"reset": 3}, "reset=3: a function is meant"),
        ({"progress": 3}, "progress=3: a function is meant"),
        (
            {"pairs": True, "limit": 20},
            "5 actions at 3 places and their pairs make 120 cases, and 20 is the limit",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(options, says):
    with pytest.raises(SweepError, match=says):
        sweep(sketch(TRIP), **options)


def test_an_unknown_action_and_what_is_no_flow_are_refused():
    with pytest.raises(UnknownAction, match="Did you mean 'flight'"):
        sweep(sketch(TRIP), actions=["fligt"])
    with pytest.raises(SweepError, match="a DagaFlow is meant, and this is a str"):
        sweep("a >> b")


def test_twelve_actions_at_three_places_take_less_than_two_seconds():
    flow = sketch(" >> ".join(f"n{number}" for number in range(12)))
    begun = perf_counter()
    swept = swept_of(flow)
    assert perf_counter() - begun < 2.0
    assert len(swept.outcomes) == 38
    assert swept.clean


# ------------------------------------------------------------------------------- how it is shown


def test_as_text_it_is_a_table_with_a_row_for_each_case():
    lines = str(swept_of(sketch("book >> pay[no rollback]"))).splitlines()
    text = "\n".join(lines)
    assert "book.before: raise(TimeoutError)" in text
    assert "pay.rollback: raise(TimeoutError)" in text
    assert "no rollback: what it does stays" in text
    assert "pay: no rollback" in text


def test_as_a_picture_it_has_every_fault_and_every_action_as_text_and_no_markup():
    swept = swept_of(sketch("'<b>book</b>' >> 'pay $x$'"))
    bundle, _ = swept._repr_mimebundle_()
    assert set(bundle) == {"image/svg+xml", "image/png", "text/plain"}
    assert "<b>book" not in bundle["image/svg+xml"]
    assert bundle["text/plain"] == str(swept)


def test_a_large_grid_is_drawn_too():
    flow = sketch(" >> ".join(f"n{number}" for number in range(40)))
    swept = swept_of(flow, where=("before",))
    assert len(swept._repr_mimebundle_()[0]["image/svg+xml"]) > 1000
