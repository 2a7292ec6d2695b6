"""The sweep: which cases there are, that each fault strikes where it was planted, and what is shown of it."""

from __future__ import annotations

import asyncio
import time
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from helpers import flow_of, play

from daga_nb import DagaAction, DagaFlow, When, sketch, sweep
from daga_nb.core.states import RunState
from daga_nb.debug.sweep import Sweeping
from daga_nb.debug.swept import Sweep
from daga_nb.errors import DagaError, FaultError, SweepError, UnknownAction

TWELVE = "a >> (b, c) >> (d, e) >> f >> (g, h) >> (i, j) >> k >> l"


def ends(swept: Sweep) -> dict[str, str]:
    return {str(one.case).replace(": raise(TimeoutError)", ""): one.word for one in swept.outcomes}


def why(swept: Sweep) -> dict[str, str]:
    found = swept.impossible
    return {str(one.case).replace(": raise(TimeoutError)", ""): one.case.why_not for one in found}


def words(swept: Sweep, case: str) -> list[str]:
    (found,) = (one for one in swept.outcomes if str(one.case).startswith(case))
    return [state.word for state in found.states]


# ------------------------------------------------------------------------------- the cases


def test_a_fault_at_every_action_and_place():
    swept = sweep(sketch("book >> pay")).run_sync()
    assert ends(swept) == {
        "no fault": "succeeded",
        "no fault, rolled back by request": "rolled back",
        "book.before": "rolled back",
        "book.after": "rolled back",
        "book.rollback": "rollback incomplete",
        "pay.before": "rolled back",
        "pay.after": "rolled back",
        "pay.rollback": "rollback incomplete",
    }
    assert words(swept, "book.after") == ["rolled back", "abandoned"]
    assert words(swept, "pay.rollback") == ["rolled back", "rollback failed"]
    assert swept.counts == {"succeeded": 1, "rolled back": 5, "rollback incomplete": 2}
    assert swept.planned == len(swept.outcomes)


def test_some_places_and_some_actions():
    swept = sweep(
        sketch("book >> pay >> ship"), where=["after", "before"], actions=["ship", "book"]
    ).run_sync()
    assert list(ends(swept)) == ["no fault", "book.before", "book.after", "ship.before", "ship.after"]


def test_what_cannot_be_is_listed_with_the_reason():
    swept = sweep(
        sketch("look[no effect] >> book[no rollback] >> go[pivot] >> ship"), where="rollback"
    ).run_sync()
    assert why(swept) == {
        "look.rollback": "no rollback: it has nothing to undo",
        "book.rollback": "no rollback: what it does stays",
        "ship.rollback": "comes after the pivot go: it is never rolled back",
    }


@pytest.mark.parametrize("schedule", ["batch", "eager"])
@pytest.mark.parametrize("max_parallel", [None, 1])
def test_past_a_pivot_it_stands_and_before_one_it_turns_back(schedule, max_parallel):
    flow = sketch("a >> (go[pivot], b) >> c", schedule=schedule, max_parallel=max_parallel)
    swept = sweep(flow, actions=["a", "go", "c"]).run_sync()
    assert ends(swept)["c.before"] == "stands still"
    assert [one.end for one in swept.outcomes if str(one.case).startswith("c.before")] == [RunState.RUNNING]
    assert words(swept, "c.after")[-1] == "failed"
    assert words(swept, "a.rollback") == ["rollback failed", "abandoned", "rolled back", "abandoned"]
    assert list(why(swept)) == ["c.rollback"]
    # A pivot is only rolled back if it fails: a second fault is needed there, and both strike.
    (own,) = (one for one in swept.outcomes if len(one.case.faults) == 2)
    assert str(own.case) == "go.after: raise(TimeoutError); go.rollback: raise(TimeoutError)"
    assert own.word == "rollback incomplete"


def test_beside_a_pivot_an_action_is_rolled_back_too():
    swept = sweep(sketch("a >> (go[pivot], b)"), actions=["b"], where="rollback").run_sync()
    assert words(swept, "b.rollback") == ["rolled back", "abandoned", "rollback failed"]


def test_a_pivot_that_is_not_rolled_back_when_it_fails_never_is():
    swept = sweep(
        sketch("a >> go[pivot]", rollback_failed=False), actions=["go"], where="rollback"
    ).run_sync()
    assert "never rolled back once it has succeeded" in why(swept)["go.rollback"]


def test_a_failure_that_is_tried_again_may_succeed():
    flow = sketch("book >> pay", retries=1)
    assert ends(sweep(flow, where="before").run_sync())["pay.before"] == "rolled back"
    swept = sweep(flow, where="before", when=When.first(1)).run_sync()
    assert {one.word for one in swept.outcomes} == {"succeeded"}
    assert [str(one.case) for one in swept.outcomes][1] == "book.before: 1*raise(TimeoutError)->off"
    assert swept.clean


# -------------------------------------------------------------------------------- in pairs


def pairs_of(text: str, **options: Any) -> Sweep:
    return sweep(sketch(text, **options), pairs=True).run_sync()


def test_all_pairs_of_places():
    swept = pairs_of("a >> b")
    assert len(swept.outcomes) == 2 + 6 + 15
    assert why(swept) == {
        "a.before; a.after": "it is not called, so there is nothing after it",
        "a.before; b.before": "b is not called: a comes first, and fails",
        "a.before; b.after": "b is not called: a comes first, and fails",
        "a.before; b.rollback": "b is not called: a comes first, and fails",
        "a.after; b.before": "b is not called: a comes first, and fails",
        "a.after; b.after": "b is not called: a comes first, and fails",
        "a.after; b.rollback": "b is not called: a comes first, and fails",
        "b.before; b.after": "it is not called, so there is nothing after it",
    }
    assert words(swept, "a.rollback: raise(TimeoutError); b.after") == ["rollback failed", "rolled back"]
    assert words(swept, "a.rollback: raise(TimeoutError); b.rollback") == ["rollback failed"] * 2
    assert words(swept, "a.after: raise(TimeoutError); a.rollback") == ["rollback failed", "abandoned"]


def test_two_of_one_batch_fail_together():
    swept = pairs_of("a >> (b, c)")
    assert ends(swept)["b.before; c.after"] == "rolled back"
    assert words(swept, "b.before: raise(TimeoutError); c.rollback") == [
        "rolled back", "rolled back", "rollback failed",
    ]  # fmt: skip


def test_two_faults_around_a_pivot():
    found = why(pairs_of("a >> (go[pivot], b) >> c"))
    assert found["a.rollback; c.before"] == "past the pivot go there is no way back"
    assert found["go.rollback; b.before"] == "the pivot go is only rolled back if it fails itself"
    assert found["a.rollback; b.before"] == "past the pivot go there is no way back"
    assert "a.rollback; go.before" not in found


@pytest.mark.parametrize(
    "options",
    [{"schedule": "eager"}, {"max_parallel": 1}, {"on_rollback_error": "stop"}, {"rollback_failed": False}],
)
def test_pairs_hold_under_every_policy(options):
    swept = pairs_of("a >> (b, c >> d) >> e", **options)
    assert len(swept.outcomes) == swept.planned == 2 + 15 + 105
    assert {one.word for one in swept.outcomes} >= {"rolled back", "rollback incomplete", "not possible"}
    for one in swept.impossible:
        assert one.case.why_not
    if "max_parallel" in options:
        assert any(one.case.why_not.startswith("in this run ") for one in swept.impossible)


def test_where_a_failed_action_is_not_rolled_back_its_rollback_cannot_fail_too():
    found = why(pairs_of("a >> b", rollback_failed=False))
    assert found["a.after; a.rollback"] == "it is not rolled back when it has failed"


# ------------------------------------------------------------------------- what is refused


def test_the_run_without_a_fault_must_succeed(done):
    flow = flow_of(done, how={"c": {"fails": ConnectionError("no route")}})
    with pytest.raises(SweepError, match=r"without any fault .*\(c: ConnectionError: no route\)") as found:
        sweep(flow).run_sync()
    assert isinstance(found.value.__cause__, ConnectionError)
    assert done == ["do a", "do b", "do c", "undo b", "undo c", "undo a"]


def test_a_fault_that_does_not_strike_is_never_passed():
    runs: list[int] = []

    async def first(results: list[Any]) -> None:
        runs.append(1)
        if len(runs) > 1:
            raise ConnectionError("the world is used up")

    action = DagaAction[Any, Any](first, name="first")
    action.on_rollback(lambda results: None)
    sweeping = sweep(DagaFlow([(action, print)]), actions=["print"], where="before")
    with pytest.raises(
        SweepError, match=r"case print.before: .*has not struck: .*it was never called.*reset="
    ):
        sweeping.run_sync()
    assert [str(one.case) for one in sweeping.result.outcomes] == ["no fault"]
    assert isinstance(sweeping.error, SweepError)


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ({"where": "around"}, SweepError, "'around' is no place"),
        ({"where": ()}, SweepError, "nothing is no place"),
        ({"actions": ["bok"]}, UnknownAction, "Did you mean 'book'"),
        ({"actions": "book"}, SweepError, "a list of actions"),
        ({"actions": []}, SweepError, "a list of actions"),
        ({"limit": 5}, SweepError, "make 6 cases, and 5 is the limit"),
        ({"pairs": True, "limit": 20}, SweepError, "2 actions at 3 places and their pairs make 21 cases"),
        ({"reset": 1}, SweepError, "reset=1: a function"),
        ({"progress": 1}, SweepError, "progress=1: a function"),
        ({"observe": 1}, DagaError, "observe is a function"),
        ({"error": 17}, FaultError, "17"),
    ],
)
def test_what_makes_no_sweep_is_refused_at_once(how, error, words):
    with pytest.raises(error, match=words):
        sweep(sketch("book >> pay"), **how)


def test_a_sweep_is_of_a_flow():
    with pytest.raises(SweepError, match="a DagaFlow is meant, and this is a str"):
        sweep("book >> pay")  # type: ignore[arg-type]


def test_ten_thousand_cases_are_the_limit_before_anything_is_made():
    with pytest.raises(SweepError, match="make 45,150 cases, and 10,000 is the limit"):
        sweep(sketch(" >> ".join(f"s{number}" for number in range(100))), pairs=True)


@pytest.mark.parametrize("is_async", [True, False])
def test_each_case_has_a_fresh_world(is_async):
    made: list[int] = []

    async def reset_later() -> None:
        made.append(1)

    swept = sweep(sketch("book >> pay"), reset=reset_later if is_async else lambda: made.append(1)).run_sync()
    assert len(made) == len(swept.outcomes) == 8


def test_a_reset_that_fails_is_told_with_the_case():
    left = [1, 1]
    with pytest.raises(SweepError, match=r"before the case no fault, rolled back.*reset failed: IndexError"):
        sweep(sketch("book >> pay"), reset=left.pop if left.pop() else None).run_sync()


# ------------------------------------------------------------------- as it is being made


def test_it_says_how_far_it_is_and_is_stopped_between_two_cases():
    told: list[tuple[int, int]] = []

    def hear(done: int, planned: int) -> None:
        told.append((done, planned))
        if done == 3:
            sweeping.stop()

    sweeping = sweep(sketch("book >> pay"), progress=hear)
    assert repr(sweeping) == "<sweep of sketch: 8 cases, not begun; await it>"
    swept = sweeping.run_sync()
    assert told == [(1, 8), (2, 8), (3, 8)]
    assert swept.stopped
    assert not swept.clean
    assert swept.summary == "3 of 8 cases: 1 succeeded, 2 rolled back; no problem"


def test_it_is_made_once_however_often_it_is_awaited():
    async def main() -> None:
        sweeping = sweep(sketch("book >> pay"))
        first = await sweeping
        assert (await sweeping) == first == sweeping.result
        assert sweeping.ended
        assert repr(sweeping) == "<sweep of sketch: 8 of 8 cases>"

    play(main())


def test_a_cancel_rolls_the_run_back_and_what_there_is_stays(done):
    async def main() -> None:
        hold = asyncio.Event()
        tries: list[int] = []

        async def before() -> None:
            tries.append(1)
            if len(tries) == 2:
                task.cancel()
                await hold.wait()

        sweeping: Sweeping = sweep(flow_of(done, [("a", "b")], how={"b": {"before": before}}), where="after")

        async def await_it() -> Sweep:
            return await sweeping

        task = asyncio.ensure_future(await_it())
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [str(one.case) for one in sweeping.result.outcomes] == [
            "no fault",
            "a.after: raise(TimeoutError)",
        ]
        assert sweeping.result.stopped
        assert sweeping.error is None
        assert done[-3:] == ["do a", "undo b", "undo a"]

    play(main())


def test_twelve_actions_at_three_places_take_well_under_two_seconds():
    sweeping = sweep(sketch(TWELVE))
    begun = time.perf_counter()
    swept = sweeping.run_sync()
    assert time.perf_counter() - begun < 2
    assert len(swept.outcomes) == 38
    assert swept.clean


# ------------------------------------------------------------------------------ how it looks


def texts(swept: Sweep) -> list[str]:
    svg = swept._repr_mimebundle_()[0]["image/svg+xml"]
    return ["".join(one.itertext()) for one in ET.fromstring(svg).iter() if one.tag.endswith("}text")]


def test_the_grid_says_everything_in_words():
    swept = sweep(sketch("look[no effect] >> book[no rollback] >> go[pivot] >> ship", name="trip")).run_sync()
    shown = texts(swept)
    assert {"sweep of trip", "fault", "end", "left behind", "look", "book", "go", "ship"} <= set(shown)
    for one in swept.outcomes:
        assert one.word in shown
        assert all(state.word in shown for state in one.states)
    assert "comes after the pivot go: it is never rolled back" in shown
    assert any(one.startswith("book: no rollback, seen at ") for one in shown)
    assert "a problem, told below" in shown
    data, sizes = swept._repr_mimebundle_()
    assert set(data) == {"image/svg+xml", "image/png", "text/plain"}
    assert sizes["image/png"]["width"] > 400
    assert data["text/plain"] == str(swept)


def test_a_grid_without_a_problem_says_so():
    assert "no problem: each rollback put right what it should" in texts(sweep(sketch("a >> b")).run_sync())


def test_the_problems_beyond_the_first_twelve_are_counted_where_they_can_be_seen():
    flow = sketch(" >> ".join(f"n{number}[no rollback]" for number in range(13)))
    swept = sweep(flow, where="after").run_sync()
    assert len(swept.problems) == 13
    root = ET.fromstring(swept.picture().svg)
    (last,) = (one for one in root.iter() if "more problem" in "".join(one.itertext()) and one.get("y"))
    assert "".join(last.itertext()) == "and 1 more problem"
    assert float(last.get("y", "nan")) < float(root.get("viewBox", "").split()[3]) - 5


def test_text_of_others_stays_text():
    async def act(results: list[Any], context: Any) -> None:
        context.effect("<b>$x^2$</b>", "<script>")

    action = DagaAction[Any, Any](act, name="<i>$pay$</i>\u202e")
    swept = sweep(DagaFlow([(action, print)], name="<u>&")).run_sync()
    shown = texts(swept)
    assert "<i>$pay$</i>\ufffd" in shown
    assert any("<b>$x^2$</b> <script>: left behind" in one for one in shown)
    assert "<script>" not in swept._repr_mimebundle_()[0]["image/svg+xml"]
    assert "\u202e" not in str(swept)


def test_many_cases_are_drawn_as_far_as_there_is_room():
    swept = sweep(
        sketch("a >> (b, c) >> (d, e) >> f"), pairs=True, where=("before", "after", "rollback", "again")
    )
    found = swept.run_sync()
    assert len(found.outcomes) > 240
    assert any(one.startswith("and ") and "more cases" in one for one in texts(found))


def test_as_text_it_is_a_table_with_a_key():
    assert str(sweep(sketch("book >> pay", name="trip"), where="after").run_sync()).splitlines() == [
        "sweep of trip: 3 cases: 1 succeeded, 2 rolled back; no problem",
        "fault                            1 2  end            left behind",
        "no fault                         ✓ ✓  ✓ succeeded",
        "book.after: raise(TimeoutError)  ↩ ⊘  ↩ rolled back",
        "pay.after: raise(TimeoutError)   ↩ ↩  ↩ rolled back",
        "1 book, 2 pay",
        "✓ succeeded, ↩ rolled back, ⊘ abandoned",
    ]


def test_a_frame_has_a_row_for_each_case():
    import pandas

    frame = sweep(sketch("book >> end"), where="rollback").run_sync().to_frame()
    assert list(frame.columns) == ["book", "end", "end", "left behind", "why not"]
    assert list(frame.index)[2] == "book.rollback: raise(TimeoutError)"
    assert list(frame.iloc[2])[:3] == ["rollback failed", "rolled back", "rollback incomplete"]
    assert isinstance(frame, pandas.DataFrame)


def test_without_pandas_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(DagaError, match="pip install pandas"):
        sweep(sketch("a >> b")).run_sync().to_frame()


# -------------------------------------------------------------------------------- in a cell


def test_the_bar_shows_how_far_it_is_and_its_button_stops_it(capsys):
    from daga_nb.widgets.sweep_bar import SweepBar

    async def main() -> None:
        hold, held, drawn, calls = asyncio.Event(), asyncio.Event(), [], []

        async def act(results: list[Any]) -> None:
            print("charging")
            calls.append(1)
            if len(calls) == 3:
                held.set()
                await hold.wait()

        action = DagaAction[Any, Any](act, name="act", no_effect=True)
        sweeping = sweep(DagaFlow([(action, DagaAction[Any, Any](len, name="size", no_effect=True))]))
        bar = SweepBar(sweeping, drawn.append)
        progress, button, words = bar.box.children
        bar.begin()
        await held.wait()
        button.click()
        assert button.disabled
        hold.set()
        swept = await sweeping
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert swept.stopped
        assert (progress.value, progress.max) == (len(swept.outcomes), sweeping.planned)
        assert words.value == f"{len(swept.outcomes)} of {sweeping.planned} cases, stopped"
        assert drawn[-1] == swept

    play(main())
    assert capsys.readouterr().out == ""


def test_the_bar_tells_of_an_error(done):
    from daga_nb.widgets.sweep_bar import SweepBar

    async def main() -> None:
        sweeping = sweep(flow_of(done, how={"c": {"fails": ConnectionError("no route")}}))
        bar = SweepBar(sweeping, lambda swept: None)
        bar.begin()
        with pytest.raises(SweepError):
            await sweeping
        for _ in range(3):
            await asyncio.sleep(0)
        assert "no route" in bar.box.children[2].value

    play(main())
