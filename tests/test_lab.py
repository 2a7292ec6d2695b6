"""The lab: what each command does, when it is possible, and that nothing of it is lost."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest
from helpers import Boom, Gate, flow_of, play, told, turns
from widget_page import Page, failing, lab_of, raising

from daga_nb import DagaFlowError, Fault, canvas, lab
from daga_nb.core.states import NodeState, RunState
from daga_nb.engine.faults import Fault as FaultClass
from daga_nb.errors import RunBusy

# ------------------------------------------------------------------ the buttons


def test_run_goes_to_the_end(done):
    async def main() -> None:
        page = lab_of(done)
        await page.open()
        await page.click(cmd="run")
        assert done == ["do a", "do b", "do c", "do d"]
        assert page.states() == ["succeeded"] * 4
        assert set(page.facts["can"]) == {"rollback", "reset", "rerun"}

    play(main())


def test_step_batch_runs_one_batch_and_colours_exactly_its_nodes(done):
    async def main() -> None:
        page = lab_of(done)
        await page.open()
        await page.click(cmd="step")
        await page.click(cmd="step")
        assert page.states() == ["succeeded", "succeeded", "succeeded", "pending"]
        assert page.facts["next"] == "next: batch 3, 1 action: d"

    play(main())


def test_step_action_runs_the_next_in_plan_order(done):
    async def main() -> None:
        page = lab_of(done)
        await page.open()
        for _ in range(2):
            await page.click(cmd="action")
        assert done == ["do a", "do b"]
        assert page.python == ["await bench.run.step_action('a')", "await bench.run.step_action('b')"]

    play(main())


def test_a_failure_rolls_back_in_reverse_order_and_the_page_sees_each_state(done):
    async def main() -> None:
        page = lab_of(done, [("a", "b"), ("b", "c"), ("c", "d")], faults=[failing("c", "after")])
        await page.open()
        await page.click(cmd="run")
        assert done == ["do a", "do b", "do c", "undo c", "undo b", "undo a"]
        assert page.states() == ["rolled back", "rolled back", "rolled back", "abandoned"]
        assert page.facts["can"] == ["rerun", "reset"]

    play(main())


def test_roll_back_undoes_what_is_done_also_after_the_end(done):
    async def main() -> None:
        page = lab_of(done)
        await page.open()
        await page.click(cmd="run")
        await page.click(cmd="rollback")
        assert sorted(done[4:]) == ["undo a", "undo b", "undo c", "undo d"]
        assert (done[4], done[7]) == ("undo d", "undo a")
        assert "await bench.run.rollback()" in page.python

    play(main())


def test_roll_back_in_the_middle_of_a_run_lets_what_runs_finish(done):
    async def main() -> None:
        gate = Gate()
        page = lab_of(done, how={"b": {"before": gate.wait}})
        await page.open()
        page.ask(cmd="run")
        await gate.reached.wait()
        page.ask(cmd="rollback")
        await turns()
        gate.open()
        await page.rest()
        assert done[:3] == ["do a", "do c", "do b"]
        assert done[-1] == "undo a"
        assert page.states() == ["rolled back", "rolled back", "rolled back", "abandoned"]

    play(main())


def test_pause_starts_nothing_more_and_run_goes_on(done):
    async def main() -> None:
        gate = Gate()
        page = lab_of(done, how={"a": {"before": gate.wait}})
        await page.open()
        page.ask(cmd="run")
        await gate.reached.wait()
        page.ask(cmd="pause")
        await turns()
        gate.open()
        await page.rest()
        assert done == ["do a"]
        assert page.facts["held"] is True
        assert set(page.facts["can"]) == {"run", "step", "action", "rollback", "reset", "rerun"}
        await page.click(cmd="run")
        assert page.states() == ["succeeded"] * 4

    play(main())


def test_pausing_and_running_again_before_it_came_to_rest_goes_on(done):
    async def main() -> None:
        gate = Gate()
        page = lab_of(done, how={"a": {"before": gate.wait}})
        await page.open()
        page.ask(cmd="run")
        await gate.reached.wait()
        page.ask(cmd="pause")
        page.ask(cmd="run")
        await turns()
        gate.open()
        await page.rest()
        assert page.states() == ["succeeded"] * 4

    play(main())


def test_reset_begins_a_new_run_with_the_same_input_and_faults_and_leaves_the_old_one(done):
    async def main() -> None:
        page = lab_of(done, input="order 1042", faults=[failing("d")])
        await page.open()
        await page.click(cmd="step")
        old = page.widget.run
        await page.click(cmd="reset")
        new = page.widget.run
        assert new is not old
        assert (new.input, new.faults) == ("order 1042", old.faults)
        assert page.states() == ["pending"] * 4
        assert page.facts["run"] == 2
        assert "undo a" not in done
        assert "run 1 is left without rollback; still done: 1" in page.words()
        await page.click(cmd="run")
        assert page.states()[0] == "rolled back"
        assert old.states["a"] is NodeState.SUCCEEDED

    play(main())


def test_events_of_the_old_run_are_not_taken_for_those_of_the_new_one(done):
    async def main() -> None:
        page = lab_of(done)
        await page.open()
        await page.click(cmd="step")
        old = page.widget.run
        await page.click(cmd="reset")
        await old.finish()
        await page.rest()
        assert page.states() == ["pending"] * 4

    play(main())


def test_what_is_possible_is_said_at_every_moment(done):
    async def main() -> None:
        gate = Gate()
        page = lab_of(done, how={"b": {"before": gate.wait}})
        await page.open()
        assert set(page.facts["can"]) == {"run", "step", "action"}
        page.ask(cmd="run")
        await gate.reached.wait()
        page.widget._feed.flush()
        assert set(page.facts["can"]) == {"pause", "rollback"}
        gate.open()
        await page.rest()
        assert set(page.facts["can"]) == {"rollback", "reset", "rerun"}

    play(main())


def test_while_a_cell_drives_the_run_the_buttons_wait(done):
    async def main() -> None:
        gate = Gate()
        page = lab_of(done, how={"a": {"before": gate.wait}})
        await page.open()
        cell = asyncio.create_task(page.widget.run.finish())
        await gate.reached.wait()
        assert not page.widget.possible
        await page.click(cmd="run")
        gate.open()
        await cell
        page.widget._feed.touch()
        await page.rest()
        assert set(page.facts["can"]) == {"rollback", "reset", "rerun"}

    play(main())


def test_a_command_that_is_not_possible_now_does_nothing(done):
    async def main() -> None:
        page = lab_of(done)
        await page.open()
        for name in ("pause", "rollback", "reset"):
            await page.click(cmd=name)
        assert page.widget.run.state is RunState.READY
        assert page.python == []
        await page.click(cmd="run")
        for name in ("run", "step", "action", "pause"):
            await page.click(cmd=name)
        assert page.python == ["bench.play()"]

    play(main())


def test_two_clicks_at_once_are_one_step(done):
    async def main() -> None:
        page = lab_of(done)
        await page.open()
        page.ask(cmd="step")
        page.ask(cmd="step")
        await page.click(cmd="step")
        assert done == ["do a"]

    play(main())


def test_a_click_may_arrive_on_another_thread_with_another_loop(done):
    async def main() -> None:
        page = lab_of(done)
        await page.open()

        def page_thread() -> None:
            async def on_its_own_loop() -> None:
                page.ask(cmd="step")

            asyncio.run(on_its_own_loop())

        thread = threading.Thread(target=page_thread)
        thread.start()
        thread.join()
        await turns()
        await page.rest()
        assert done == ["do a"]

    play(main())


# ----------------------------------------------------------------- in Python


def test_the_same_in_python(done):
    async def main() -> None:
        bench = lab(flow_of(done), speed=1.0)
        page = Page(bench)
        await page.open()
        bench.step()
        await page.rest()
        bench.step_action("c")
        await page.rest()
        assert done == ["do a", "do c"]
        bench.plant("b", "after", TimeoutError("no answer"))
        bench.play()
        await page.rest()
        assert bench.run.errors["b"].args == ("no answer",)
        bench.reset()
        bench.unplant("b")
        bench.play()
        await page.rest()
        assert bench.run.state is RunState.SUCCEEDED

    play(main())


def test_a_step_that_is_not_possible_is_shown_in_the_log(done):
    async def main() -> None:
        page = lab_of(done)
        await page.open()
        page.widget.step_action("d")
        await page.rest()
        assert any(line[0] == "error" and "it is not its turn" in line[4] for line in page.log)

    play(main())


def test_resetting_a_run_that_goes_on_is_refused(done):
    async def main() -> None:
        gate = Gate()
        page = lab_of(done, how={"a": {"before": gate.wait}})
        page.widget.play()
        await gate.reached.wait()
        with pytest.raises(RunBusy, match="pause it"):
            page.widget.reset()
        gate.open()
        await page.rest()

    play(main())


def test_without_a_loop_a_button_says_what_to_do(done):
    with pytest.raises(RuntimeError, match="use this in a notebook"):
        lab(flow_of(done)).play()


def test_closing_it_lets_nothing_more_start(done):
    async def main() -> None:
        gate = Gate()
        page = lab_of(done, how={"a": {"before": gate.wait}})
        page.widget.play()
        await gate.reached.wait()
        page.widget.close()
        sent = len(page.sent)
        gate.open()
        await page.rest()
        assert done == ["do a"]
        assert len(page.sent) == sent

    play(main())


def test_the_speed_may_change_while_it_runs_and_every_view_is_told(done):
    async def main() -> None:
        page = lab_of(done)
        assert page.widget._pacer.delay == 0
        await page.click(cmd="speed", to=0)
        assert page.widget._pacer.delay == pytest.approx(2.5)
        assert page.widget.get_state("speed")["speed"] == 0
        page.widget.speed = 0.5
        assert page.widget._pacer.delay == pytest.approx(0.625)
        with pytest.raises(Exception, match="speed"):
            page.widget.speed = 2

    play(main())


# ------------------------------------------------------------ planted failures


def test_a_click_plants_a_failure_and_shows_the_line_of_python(done):
    async def main() -> None:
        page = lab_of(done)
        await page.open()
        await page.click(cmd="plant", node=3, where="after", to=raising("TimeoutError"))
        assert page.python == [
            "from daga_nb import Fault",
            "bench.run.inject(Fault.raising(TimeoutError('planted'), at='d', where='after'))",
        ]
        assert page.badges() == ["", "", "", "after"]
        again = eval(
            page.python[1].removeprefix("bench.run.inject(").removesuffix(")"), {"Fault": FaultClass}
        )
        assert (again.at, again.where, type(again.tasks[0].error)) == ("d", "after", TimeoutError)
        await page.click(cmd="run")
        assert page.states() == ["rolled back"] * 4
        assert "✗" not in page.words()[0]
        planted = [line for line in page.words() if "(planted, after the effect)" in line]
        assert planted == ["d failed TimeoutError: planted (planted, after the effect)"]

    play(main())


def test_the_lab_takes_and_tells_faults_of_every_kind(done):
    faults = (
        "a.before: 20%3*delay(0.5)->off if input > 5; a.after: repeat; b.before: corrupt(1); "
        "b.rollback: hang; c.after: cancel; d.before: 2*off->raise(Value)"
    )

    async def main() -> None:
        page = Page(lab(flow_of(done), 3, faults=faults, speed=1.0))
        await page.open()
        assert page.badges() == ["0.5\xa0s 20%, again", "wrong, hang", "cancel", "call\xa03"]
        await page.click(cmd="look", node=1)
        told = page.looks[-1]["faults"]
        assert [one["text"] for one in told] == ["b.before: corrupt(1)", "", "b.rollback: hang"]
        page.widget.run.clear_faults("b", "rollback")
        await page.click(cmd="run")
        assert page.states() == ["rolled back"] * 3 + ["abandoned"]
        lines = page.words()
        assert any("a succeeded → 'a' (planted: it was called again, 2 times in all)" in one for one in lines)
        assert [line for line in lines if "never struck" in line] == [
            "⚡ never struck: a.before: 20%3*delay(0.5)->off if input > 5 "
            "its condition, input > 5, never held in 1 call",
            "⚡ never struck: d.before: 2*off->raise(ValueError) it was never called",
        ]
        assert page.widget.run.strikes("c", "after") == 1

    play(main())
    assert done == ["do a", "do a", "do b", "do c", "undo b", "undo c", "undo a"]


def test_a_click_removes_it_again(done):
    async def main() -> None:
        page = lab_of(done)
        await page.open()
        await page.click(cmd="plant", node=1, where="before", to=raising("ValueError"))
        await page.click(cmd="clear", node=1, where="before")
        assert page.widget.run.faults == ()
        assert page.python[-1] == "bench.run.clear_faults(at='b', where='before')"
        assert page.badges() == [""] * 4

    play(main())


def test_planting_at_the_same_place_twice_replaces_it(done):
    async def main() -> None:
        page = lab_of(done)
        await page.click(cmd="plant", node=1, where="before", to=raising("ValueError"))
        await page.click(cmd="plant", node=1, where="before", to=raising("TimeoutError"))
        assert [type(fault.tasks[0].error) for fault in page.widget.run.faults] == [TimeoutError]

    play(main())


def test_the_key_moves_the_failure_on_before_after_rollback_none(done):
    async def main() -> None:
        page = lab_of(done, how={"b": {"undo": False}})
        await page.open()
        seen = []
        for node in (0, 0, 0, 0, 1, 1, 1):
            await page.click(cmd="cycle", node=node)
            seen.append(page.badges()[node])
        assert seen == ["before", "after", "rollback", "", "before", "after", ""]

    play(main())


def test_a_failure_in_a_rollback_that_does_not_exist_is_refused_at_the_field(done):
    async def main() -> None:
        page = lab_of(done, how={"b": {"undo": False}})
        await page.open()
        await page.click(cmd="plant", node=1, where="rollback", to=raising("ValueError"))
        assert page.widget.run.faults == ()
        assert page.drafts[-1]["field"] == "kind"
        assert "has no rollback" in page.drafts[-1]["why"]
        assert page.log == []
        await page.click(cmd="look", node=1)
        assert [fault["possible"] for fault in page.looks[-1]["faults"]] == [True, True, False]

    play(main())


# ---------------------------------------------------------------- many of them


def test_two_views_of_a_lab_agree_whenever_they_open(done):
    async def main() -> None:
        page = lab_of(done)
        await page.open()
        await page.click(cmd="step")
        first = (page.nodes, page.log, page.python, page.facts)
        await page.open()
        assert (page.nodes, page.log, page.python, page.facts) == first

    play(main())


def test_a_fresh_lab_does_not_touch_the_old_one(done):
    async def main() -> None:
        flow = flow_of(done)
        old, new = Page(lab(flow, speed=1.0)), Page(lab(flow, speed=1.0))
        await old.open()
        await new.open()
        said = len(old.sent)
        await new.click(cmd="run")
        assert len(old.sent) == said
        assert old.states() == ["pending"] * 4

    play(main())


def test_a_lab_is_shown_by_its_widget_and_by_pictures(done):
    data, _ = lab(flow_of(done))._repr_mimebundle_()
    assert set(data) == {
        "application/vnd.jupyter.widget-view+json",
        "image/svg+xml",
        "image/png",
        "text/plain",
    }


def test_a_run_that_a_cell_finishes_raises_there_and_is_seen_in_the_lab(done):
    async def main() -> None:
        page = lab_of(done, faults=[failing("b")])
        await page.open()
        with pytest.raises(DagaFlowError):
            await page.widget.run.finish()
        await page.rest()
        assert page.facts["next"] == "rolled back: nothing is left"
        assert told(page.widget.run.events)[-1] == "run ROLLED_BACK"

    play(main())


# ------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"faults": [Fault.raising(Boom, at="bb")]}, "has no action 'bb'"),
        ({"faults": [3]}, "3 is no Fault"),
        ({"direction": "x"}, "direction='x'"),
        ({"height": -5}, "height=-5"),
        ({"height": "tall"}, "height='tall'"),
        ({"speed": 7}, "speed"),
    ],
)
def test_a_mistake_is_told_once_and_nothing_is_left_half_made(done, options, says):
    """What could not be made is closed too, when it is thrown away: a second traceback would be its."""
    with pytest.raises(ValueError, match=says):
        lab(flow_of(done), **options)
    gc.collect()
    if "direction" in options or "height" in options:
        with pytest.raises(ValueError, match=says):
            canvas(flow_of(done).start(), **options)
    gc.collect()


# ------------------------------------------------------------ up to one action


def test_run_to_an_action_stops_before_it_and_going_back_before_its_rollback(done):
    async def main() -> None:
        page = lab_of(done, [("a", "b"), ("b", "c"), ("c", "d")], faults=[failing("d", "after")])
        await page.open()
        await page.click(cmd="until", node=2)
        assert done == ["do a", "do b"]
        assert page.python == ["await bench.run.until('c')"]
        await page.click(cmd="step")
        await page.click(cmd="step")
        await page.click(cmd="until", node=1)
        assert done[4:] == ["undo d", "undo c"]
        assert page.python[-1] == "await bench.run.until('b', 'rollback')"

    play(main())


def test_run_to_an_action_is_ignored_when_nothing_can_run(done):
    async def main() -> None:
        page = lab_of(done)
        await page.open()
        await page.click(cmd="run")
        await page.click(cmd="until", node=0)
        assert len(done) == 4
        assert page.python == ["bench.play()"]

    play(main())


# ------------------------------------------------------------ a cell after a button


def test_a_cell_can_wait_for_what_a_button_has_started(done):
    async def main() -> None:
        bench = lab_of(done, faults=[failing("d")]).widget
        await bench.rest()
        assert done == []
        bench.on_failure = "pause"
        bench.play()
        await bench.rest()
        assert bench.run.undecided == ("d",)
        bench.run.clear_faults()
        bench.fix()
        await bench.rest()
        assert bench.run.state == "SUCCEEDED"
        assert bench.possible >= {"reset"}

    play(main())


def test_the_score_of_a_quiz_is_told_in_words(done):
    async def main() -> None:
        bench = lab(flow_of(done), faults=[failing("d")], quiz=True, speed=1.0)
        bench.play()
        await bench.rest()
        assert (bench.score, bench.run.state) == ("0 of 0 right", "ROLLING_BACK")
        for guess in ("d", "b"):  # c is forgotten
            bench.predict(guess)
            bench.step()
            await bench.rest()
        assert bench.score == "1 of 2 right"
        assert [one for one in done if one.startswith("undo")] == ["undo d", "undo b", "undo c"]

    play(main())


def test_a_lab_without_a_quiz_has_no_score(done):
    assert lab(flow_of(done)).score == ""


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="this Python has no eager tasks")
def test_what_ends_at_once_in_a_loop_of_eager_tasks_is_at_work_no_more(done):
    async def main() -> None:
        page = lab_of(done)
        await page.open()
        page.widget.until("nobody")
        await page.click(cmd="run")
        await page.click(cmd="rollback")
        assert not page.widget._working
        assert page.widget.possible == {"reset", "rerun"}

    play(main(), eager=True)
    assert done == ["do a", "do b", "do c", "do d", "undo d", "undo b", "undo c", "undo a"]
