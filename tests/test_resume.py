"""flow.resume: a run whose process has ended goes on where its story stops."""

import asyncio

import pytest
from crashed import CHAIN, crashed, die_after, die_in, gated
from helpers import Boom, Gate, action, flow_of, play, told, words
from journals import everything

from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault, Retries, Story, list_runs
from daga_nb.core.entries import Entry
from daga_nb.errors import (
    FlowChanged,
    JournalBusy,
    JournalError,
    JournalValueError,
    RecordedError,
    RunAborted,
)
from daga_nb.journal.file import Journal


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


def test_it_goes_on_where_it_stood(path):
    done = []
    flow = flow_of(done, CHAIN)
    run = flow.start(17, journal=path)
    play(run.step())
    assert done == ["do a"]
    again = flow_of(done, CHAIN).resume(path, run.id)
    assert (again.id, again.input, words(again)) == (
        run.id,
        17,
        {"a": "succeeded", "b": "pending", "c": "pending"},
    )
    assert str(again.next) == "next: batch 2, 1 action: b"
    assert again.lost == ()
    assert again.journal == path
    assert play(again.finish()) == ["c"]
    assert done == ["do a", "do b", "do c"]
    assert again.results == {"a": "a", "b": "b", "c": "c"}


def test_what_was_lost_is_unknown_and_nothing_is_called_or_written_yet(path):
    done = []
    run_id = crashed(done, path, ["b"])
    before = list_runs(path)[0]
    run = flow_of(done, CHAIN).resume(path, run_id)
    assert words(run) == {"a": "succeeded", "b": "unknown", "c": "pending"}
    assert run.lost == ("b",)
    assert str(run.next) == "next: the rollback (b unknown)"
    assert done == ["do a"]
    assert list_runs(path)[0] == before


def test_what_was_lost_and_is_not_idempotent_is_rolled_back(path):
    done, outcomes = [], []
    how = {}
    run_id = crashed(done, path, ["b"], how=how)

    async def look(results, result, error, context):
        outcomes.append((results, result, str(error), context.outcome, context.attempt))
        done.append("undo b")

    one, two, three = (action(done, name) for name in "abc")
    two.on_rollback(look)
    run = DagaFlow([(one, two), (two, three)]).resume(path, run_id)
    with pytest.raises(DagaFlowError) as caught:
        play(run.finish())
    assert done == ["do a", "undo b", "undo a"]
    assert outcomes == [(["a"], None, "'b': the process ended before it did", "UNKNOWN", 1)]
    assert words(run) == {"a": "rolled back", "b": "rolled back", "c": "abandoned"}
    assert run.unknown == ("b",)
    assert "had failed" not in str(run.picture())
    assert [str(error) for error in caught.value.exceptions] == ["'b': the process ended before it did"]
    assert told(run.events)[-8:] == [
        "b UNKNOWN",
        "run ROLLING_BACK",
        "c ABANDONED",
        "b ROLLING_BACK",
        "b ROLLED_BACK",
        "a ROLLING_BACK",
        "a ROLLED_BACK",
        "run ROLLED_BACK",
    ]


def test_what_was_lost_and_is_idempotent_is_called_again_with_the_same_key(path):
    done, keys = [], []
    gate = Gate()

    def flow():
        async def pay(results, context):
            keys.append((context.key.partition("/")[2], context.attempt))
            await gate.wait()
            done.append("do b")
            return "paid"

        b = DagaAction(pay, name="b", idempotent=True)
        return DagaFlow([(action(done, "a"), b), (b, action(done, "c"))])

    run = flow().start(journal=path)
    die_in(run, gate)
    gate = Gate()
    gate.open()
    again = flow().resume(path, run.id)
    assert str(again.next) == "next: b once more, as the process ended before it did"
    assert play(again.finish()) == ["c"]
    assert keys == [("b/do", 1), ("b/do", 2)]
    assert done == ["do a", "do b", "do c"]
    assert told(again.events)[3:8] == [
        "b RUNNING",
        "b UNKNOWN",
        "b RUNNING",
        "b SUCCEEDED",
        "c RUNNING",
    ]
    assert again.events[5].reason == "called again: its outcome was lost"


def test_one_that_is_not_idempotent_turns_all_back_that_was_lost(path):
    done = []
    edges = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]
    run_id = crashed(done, path, ["b", "c"], edges=edges, how={"b": {"idempotent": True}})
    run = flow_of(done, edges, how={"b": {"idempotent": True}}).resume(path, run_id)
    assert run.lost == ("b", "c")
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert done[:1] + sorted(done[1:3]) + done[3:] == ["do a", "undo b", "undo c", "undo a"]


def test_a_failure_beside_it_turns_back_what_is_idempotent_too(path):
    done = []
    edges = [("a", "b"), ("a", "c")]
    how = {"b": {"idempotent": True}, "c": {"fails": Boom("c")}}
    run_id = crashed(done, path, ["b"], edges=edges, how=how)
    run = flow_of(done, edges, how=how).resume(path, run_id)
    with pytest.raises(DagaFlowError) as caught:
        play(run.finish())
    assert done == ["do a", "do c", "undo b", "undo c", "undo a"]
    lost, boom = caught.value.exceptions
    assert str(lost) == "'b': the process ended before it did"
    assert isinstance(boom, RecordedError)
    assert (boom.kind, boom.message) == ("Boom", "c")
    assert boom.__notes__[0] == "in action 'c', batch 2, attempt 1, in a process that has ended"


def test_a_rollback_that_was_lost_is_called_again(path):
    done = []
    how = {"c": {"fails": Boom("c")}}
    run_id = crashed(done, path, ["undo b"], how=how)
    assert done == ["do a", "do b", "do c", "undo c"]
    run = flow_of(done, CHAIN, how=how).resume(path, run_id)
    assert words(run) == {"a": "succeeded", "b": "rollback failed", "c": "rolled back"}
    assert str(run.next) == "next: the rollback of b once more, as the process ended before it did"
    with pytest.raises(DagaFlowError) as caught:
        play(run.finish())
    assert [str(error) for error in caught.value.exceptions] == ["Boom: c"]
    assert done[4:] == ["undo b", "undo a"]
    assert run.state.word == "rolled back"


@pytest.mark.parametrize("how_on", ["rollback", "pause"])
def test_a_rollback_that_was_lost_is_called_again_where_a_failed_one_stops_the_others(path, how_on):
    done = []
    how = {"c": {"fails": Boom("c")}}
    run_id = crashed(done, path, ["undo b"], how=how, on_rollback_error="stop")
    run = flow_of(done, CHAIN, how=how, on_rollback_error="stop").resume(path, run_id, on_failure=how_on)
    play(run.go())
    assert done[4:] == ["undo b", "undo a"]
    assert run.state.word == "rolled back"


def test_a_rollback_that_had_failed_is_not_called_again(path):
    done = []
    how = {"c": {"fails": Boom("c"), "undo_fails": Boom("undo c")}}
    run_id = crashed(done, path, ["undo b"], how=how)
    run = flow_of(done, CHAIN, how=how).resume(path, run_id)
    with pytest.raises(DagaFlowError) as caught:
        play(run.finish())
    assert done[4:] == ["undo b", "undo a"]
    assert run.state.word == "rollback incomplete"
    assert [str(error) for error in caught.value.exceptions] == [
        "Boom: c",
        "the rollback of 'c' (batch 3) failed: RecordedError: Boom: undo c",
    ]


def test_a_step_calls_again_what_was_lost_and_nothing_else(path):
    done = []
    how = {"b": {"idempotent": True}}
    run_id = crashed(done, path, ["b"], how=how)
    run = flow_of(done, CHAIN, how=how).resume(path, run_id)
    assert told(play(run.step())) == ["b RUNNING", "b SUCCEEDED"]
    assert str(run.next) == "next: batch 3, 1 action: c"
    assert play(run.finish()) == ["c"]


def test_a_person_rolls_back_instead(path):
    done = []
    how = {"b": {"idempotent": True}}
    run_id = crashed(done, path, ["b"], how=how)
    run = flow_of(done, CHAIN, how=how).resume(path, run_id)
    play(run.rollback())
    assert done == ["do a", "undo b", "undo a"]
    assert run.state.word == "rolled back"


def test_a_person_decides_where_failures_pause(path):
    done = []
    run_id = crashed(done, path, ["b"])
    run = flow_of(done, CHAIN).resume(path, run_id, on_failure="pause")
    assert str(run.next) == "paused: nobody knows whether b happened; retry, skip with a value, or roll back"
    assert play(run.go()) == ()
    run.skip("b", "by hand")
    assert play(run.finish()) == ["c"]
    assert done == ["do a", "do c"]
    assert run.results["b"] == "by hand"


def test_it_may_be_tried_again_by_hand(path):
    done = []
    run_id = crashed(done, path, ["b"])
    run = flow_of(done, CHAIN).resume(path, run_id, on_failure="pause")
    assert told(play(run.retry("b"))) == ["b RUNNING", "b SUCCEEDED"]
    assert play(run.finish()) == ["c"]


def test_what_was_paused_before_is_paused_again(path):
    done = []
    how = {"b": {"fails": Boom("b")}}
    run = flow_of(done, CHAIN, how=how).start(journal=path, on_failure="pause")
    play(run.go())
    again = flow_of(done, CHAIN).resume(path, run.id, on_failure="pause")
    assert again.undecided == ("b",)
    assert again.lost == ()
    assert told(play(again.retry())) == ["b RUNNING", "b SUCCEEDED"]
    assert play(again.finish()) == ["c"]


def test_a_value_given_by_hand_survives(path):
    done = []
    how = {"b": {"fails": Boom("b")}}
    run = flow_of(done, CHAIN, how=how).start(journal=path, on_failure="pause")
    play(run.go())
    run.skip("b", {"by": "hand"})
    again = flow_of(done, CHAIN).resume(path, run.id)
    assert again.skipped == ("b",)
    assert play(again.finish()) == ["c"]
    assert again.results["b"] == {"by": "hand"}


def test_past_a_pivot_what_was_lost_stands_until_somebody_decides(path):
    done = []
    how = {"a": {"pivot": True}}
    run_id = crashed(done, path, ["b"], how=how)
    run = flow_of(done, CHAIN, how=how).resume(path, run_id)
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert done == ["do a"]
    assert str(run.next) == (
        "paused: nobody knows whether b happened, and past the pivot a there is no way back; "
        "retry, or skip with a value"
    )
    play(run.retry())
    assert play(run.finish()) == ["c"]


def test_past_a_pivot_what_is_idempotent_is_called_again(path):
    done = []
    how = {"a": {"pivot": True}, "b": {"idempotent": True}}
    run_id = crashed(done, path, ["b"], how=how)
    run = flow_of(done, CHAIN, how=how).resume(path, run_id)
    assert str(run.next) == "next: b once more, as the process ended before it did"
    assert play(run.finish()) == ["c"]


def test_past_a_pivot_that_is_so_although_something_else_has_failed(path):
    done = []
    edges = [("a", "b"), ("a", "c")]
    how = {"a": {"pivot": True}, "b": {"idempotent": True}, "c": {"fails": Boom("c")}}
    run_id = crashed(done, path, ["b"], edges=edges, how=how)
    run = flow_of(done, edges, how=how).resume(path, run_id)
    play(run.go())
    assert done == ["do a", "do c", "do b"]
    assert words(run) == {"a": "succeeded", "b": "succeeded", "c": "failed"}
    assert run.undecided == ("c",)


def test_a_run_that_goes_back_to_a_save_point_goes_on_doing_so(path):
    done, fails = [], [Boom("c")]
    gates = {"undo b": Gate()}

    def flow(gates):
        async def third(results):
            done.append("do c")
            if fails:
                raise fails.pop()
            return "c"

        c = DagaAction(third, name="c", no_effect=True)
        b = action(done, "b", before_undo=gates["undo b"].wait if gates else None)
        return DagaFlow([(action(done, "a", save_point=True), b), (b, c)])

    run = flow(gates).start(journal=path)
    die_in(run, *gates.values())
    again = flow(None).resume(path, run.id)
    assert again.state.word == "recovering"
    assert play(again.finish()) == ["c"]
    assert done == ["do a", "do b", "do c", "undo b", "do b", "do c"]
    once_more = flow(None).resume(path, run.id)
    assert once_more.results == {"a": "a", "b": "b", "c": "c"}
    assert once_more.errors == {}


def test_a_finished_run_is_given_as_it_ended_and_nothing_is_done(path):
    done = []
    run = flow_of(done, CHAIN).start(3, journal=path)
    assert play(run.finish()) == ["c"]
    listed = list_runs(path)[0]
    again = flow_of([], CHAIN).resume(path, run.id)
    assert play(again.finish()) == ["c"]
    assert again.outputs == {"c": "c"}
    assert list_runs(path)[0] == listed


def test_a_run_that_was_rolled_back_says_so_again(path):
    how = {"c": {"fails": Boom("c"), "undo_fails": Boom("undo")}}
    run = flow_of([], CHAIN, how=how).start(journal=path)
    with pytest.raises(DagaFlowError):
        play(run.finish())
    again = flow_of([], CHAIN).resume(path, run.id)
    with pytest.raises(DagaFlowError) as caught:
        play(again.finish())
    assert [str(error) for error in caught.value.exceptions] == [
        "Boom: c",
        "the rollback of 'c' (batch 3) failed: RecordedError: Boom: undo",
    ]
    assert caught.value.run is again


def test_a_run_rolled_back_by_request_says_so_again(path):
    run = flow_of([], CHAIN).start(journal=path)
    play(run.step())
    play(run.rollback())
    again = flow_of([], CHAIN).resume(path, run.id)
    with pytest.raises(DagaFlowError) as caught:
        play(again.finish())
    assert [type(error) for error in caught.value.exceptions] == [RunAborted]


def test_a_succeeded_run_can_still_be_rolled_back_in_another_process(path):
    done = []
    run = flow_of(done, CHAIN).start(journal=path)
    play(run.finish())
    again = flow_of(done, CHAIN).resume(path, run.id)
    play(again.rollback())
    assert done[3:] == ["undo c", "undo b", "undo a"]
    assert list_runs(path)[0].state.word == "rolled back"


def test_retries_are_counted_on_and_a_lost_call_is_none(path):
    tries, gate = [], Gate()

    def flow():
        async def flaky(results, context):
            tries.append(context.attempt)
            if len(tries) == 2:
                await gate.wait()
            raise Boom("again")

        return DagaFlow([(DagaAction(flaky, name="b", retries=2, idempotent=True), action([], "c"))])

    run = flow().start(journal=path)
    die_in(run, gate)
    again = flow().resume(path, run.id)
    with pytest.raises(DagaFlowError):
        play(again.finish())
    assert tries == [1, 2, 3, 4]
    assert [event.reason for event in again.events if event.reason.startswith(("retry", "called again"))] == [
        "retry 1 of 2",
        "called again: its outcome was lost",
        "retry 2 of 2",
    ]


def test_the_retry_of_a_rollback_is_not_used_up_by_a_lost_call(path):
    tries, gate = [], Gate()

    def flow():
        async def do(results):
            return "done"

        async def undo(results, context):
            tries.append(context.attempt)
            if len(tries) == 1:
                await gate.wait()
            if len(tries) == 2:
                raise Boom("again")

        made = DagaAction(do, name="a", rollback_retries=1)
        made.on_rollback(undo)
        return DagaFlow([(made, action([], "b", fails=Boom("b")))])

    run = flow().start(journal=path)
    die_in(run, gate)
    again = flow().resume(path, run.id)
    play(again.go())
    assert (tries, again.state.word) == ([1, 2, 3], "rolled back")


def test_the_ledger_survives(path):
    gate = Gate()

    def flow(gate):
        async def pay(results, context):
            context.effect("charge", "17", euro=5)

        async def refund(results, context):
            if context.has_effect("charge", "17"):
                context.undo_effect("charge", "17")

        async def ship(results):
            if gate is not None:
                await gate.wait()
            raise Boom("no van")

        a = DagaAction(pay, name="a")
        a.on_rollback(refund)
        return DagaFlow([(a, DagaAction(ship, name="b", no_effect=True))])

    run = flow(gate).start(journal=path)
    die_in(run, gate)
    again = flow(None).resume(path, run.id)
    assert [str(entry) for entry in again.effects] == ["charge 17 done by a"]
    with pytest.raises(DagaFlowError):
        play(again.finish())
    assert not again.ledger.flaws
    assert again.ledger.rows[0].in_world == 0


def test_effects_that_overtook_each_other_or_the_events_stand_in_order(path, tmp_path):
    run = flow_of([], CHAIN).start(journal=path)
    play(run.step())
    keeping, events = run._driver.keeping, len(run.events)
    for seq, key in ((events, "second"), (events - 1, "first"), (events + 3, "last")):
        keeping.enter(Entry(seq, 0.0, "a", 1, "forward", "done", "charge", key, False, ()))
    story = list_runs(path)[0].story
    assert [(one.key, one.seq) for one in story.effects] == [
        ("first", events - 1),
        ("second", events),
        ("last", events),
    ]
    assert Story.load(story.save(tmp_path / "story.json")).effects == story.effects


def test_run_time_goes_on(path):
    run = flow_of([], CHAIN).start(journal=path)
    play(run.step())
    again = flow_of([], CHAIN).resume(path, run.id)
    assert again.elapsed == again.events[-1].at
    play(again.step())
    times = [event.at for event in again.events]
    assert times == sorted(times)
    assert again.duration("a") == run.duration("a")


# ------------------------------------------------------------------------ notes


def test_the_notes_of_both_processes_fit_the_events(path):
    done = []
    how = {"b": {"idempotent": True}}
    run_id = crashed(done, path, ["b"], how=how)
    run = flow_of(done, CHAIN, how=how).resume(path, run_id)
    history = run.take_notes()
    play(run.finish())
    assert len(history.notes) == len(run.events)
    texts = [f"{event}: {note.text}" for event, note in zip(run.events, history.notes, strict=True)]
    assert texts[2] == "a SUCCEEDED: 'a'"
    assert texts[6] == "b SUCCEEDED: 'b'"


def test_a_retry_is_noted_with_the_error_that_it_follows(path):
    tries = []

    async def flaky(results):
        tries.append(len(tries))
        if len(tries) == 1:
            raise Boom("first")
        return "well"

    run = DagaFlow([(DagaAction(flaky, name="a", retries=1), action([], "b"))]).start(journal=path)
    history = run.take_notes()
    play(run.finish())
    found = {str(event): note.text for event, note in zip(run.events, history.notes, strict=True)}
    assert found["a FAILED"].startswith("Boom: first")


def test_a_kept_run_tells_its_story(path):
    how = {"c": {"fails": Boom("c")}}
    run = flow_of([], CHAIN, how=how).start(17, journal=path)
    with pytest.raises(DagaFlowError):
        play(run.finish())
    story = list_runs(path)[0].story
    assert story.events == tuple(run.events)
    assert [note.text.splitlines()[:1] for note in story.notes] == [
        note.text.splitlines()[:1] for note in run.story.notes
    ]
    assert story.at(len(story)).state is run.state


# --------------------------------------------------------------------- refusals


def test_another_flow_is_refused_with_what_differs(path):
    run_id = crashed([], path, ["b"])
    listed = list_runs(path)
    for flow, words_ in (
        (flow_of([], [("a", "b"), ("b", "d")]), "'c' is gone; 'd' is new"),
        (flow_of([], [("a", "b"), ("a", "c")]), "'c' comes after 'a', and came after 'b'"),
        (flow_of([], CHAIN, how={"b": {"undo": False}}), "'b' has no rollback, and it had a rollback"),
        (flow_of([], CHAIN, schedule="eager"), "schedule: 'eager', and it was 'batch'"),
        (flow_of([], CHAIN, how={"b": {"pivot": True}}), "pivot: 'b', and it was nothing"),
    ):
        with pytest.raises(FlowChanged) as caught:
            flow.resume(path, run_id)
        assert words_ in str(caught.value)
    assert list_runs(path)[:] == listed[:] or list(list_runs(path)) == list(listed)


def test_a_run_that_is_not_there(path):
    crashed([], path, ["b"])
    with pytest.raises(JournalError, match="there is no run 'nothing'"):
        flow_of([], CHAIN).resume(path, "nothing")
    with pytest.raises(JournalError, match="there is no journal"):
        flow_of([], CHAIN).resume(path.with_name("other.db"), "nothing")


def test_a_released_run_is_refused(path):
    run = flow_of([], CHAIN).start(journal=path)
    play(run.step())
    run.release()
    with pytest.raises(JournalError, match="was released"):
        flow_of([], CHAIN).resume(path, run.id)
    assert [kept.condition for kept in list_runs(path)] == ["released"]


def test_a_release_that_could_not_be_written_keeps_nobody_from_undoing(path, monkeypatch):
    done = []
    run = flow_of(done, CHAIN).start(journal=path)
    play(run.step())

    def full(journal, statements):
        raise JournalError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", full)
        with pytest.raises(JournalError, match="the disk is full"):
            run.release()
    assert not run.released
    play(run.step())
    assert [kept.condition for kept in list_runs(path)] == ["open"]
    play(flow_of(done, CHAIN).resume(path, run.id).rollback())
    assert done == ["do a", "do b", "undo b", "undo a"]


def test_who_only_looks_at_what_is_to_be_decided_may_come_back_as_often_as_he_likes(path):
    done, fails = [], {"b": {"fails": ValueError("no")}}
    run = flow_of(done, CHAIN, how=fails).start(journal=path, on_failure="pause")
    play(run.go())
    for _ in range(7):
        again = flow_of(done, CHAIN).resume(path, run.id, on_failure="pause")
        play(again.go())
        assert str(again.next) == "paused: b failed; retry, skip with a value, or roll back"
    play(again.retry())
    assert play(again.finish()) == ["c"]
    assert done == ["do a", "do b", "do b", "do c"]


def test_what_comes_to_nothing_five_times_is_refused(path):
    done = []
    run_id = crashed(done, path, ["b"], how={"b": {"idempotent": True}})
    for _ in range(5):
        gates = {"b": Gate()}
        run = gated(done, gates, how={"b": {"idempotent": True}}).resume(path, run_id)
        die_in(run, *gates.values())
    flow = flow_of(done, CHAIN, how={"b": {"idempotent": True}})
    with pytest.raises(JournalError, match=r"resumed 5 times.*most_resumes=6 tries once more"):
        flow.resume(path, run_id)
    assert play(flow.resume(path, run_id, most_resumes=6).finish()) == ["c"]


@pytest.mark.parametrize("most", [None, "5", 2.0, True, 0])
def test_how_often_it_may_be_resumed_is_a_whole_number(path, most):
    run_id = crashed([], path, ["b"])
    with pytest.raises(JournalError, match="it is a whole number from 1"):
        flow_of([], CHAIN).resume(path, run_id, most_resumes=most)


def test_only_looking_counts_for_nothing(path):
    done = []
    run_id = crashed(done, path, ["b"], how={"b": {"idempotent": True}})
    for _ in range(9):
        run = flow_of(done, CHAIN, how={"b": {"idempotent": True}}).resume(path, run_id)
    assert play(run.finish()) == ["c"]


def test_the_older_object_does_nothing_more(path):
    done = []
    run = flow_of(done, CHAIN).start(journal=path)
    play(run.step())
    again = flow_of(done, CHAIN).resume(path, run.id)
    for call in (run.step, run.go, run.finish, run.rollback):
        with pytest.raises(JournalBusy, match="was resumed since"):
            play(call())
    assert done == ["do a"]
    assert play(again.finish()) == ["c"]


def test_a_run_that_is_being_driven_is_not_resumed(path):
    done, gate = [], Gate()
    run = gated(done, {"b": gate}).start(journal=path)

    async def main():
        task = asyncio.ensure_future(run.finish())
        await gate.reached.wait()
        with pytest.raises(JournalBusy, match="goes on in this process"):
            flow_of(done, CHAIN).resume(path, run.id)
        gate.open()
        return await task

    assert play(main()) == ["c"]


# ------------------------------------------------------------------------ values


def test_what_cannot_be_kept_is_the_failure_of_its_action_and_undone_with_it(path):
    seen = []

    async def pay(results):
        return {"receipt": object()}

    async def refund(results, result, context):
        seen.append((type(result["receipt"]), context.outcome))

    b = DagaAction(pay, name="b")
    b.on_rollback(refund)
    run = DagaFlow([(action([], "a"), b)]).start(journal=path)
    with pytest.raises(DagaFlowError) as caught:
        play(run.finish())
    (error,) = caught.value.exceptions
    assert isinstance(error, JournalValueError)
    assert "the result of 'b' (batch 2) cannot be kept in the journal: ['receipt']" in str(error)
    assert seen == [(object, "FAILED")]
    assert words(run) == {"a": "rolled back", "b": "rolled back"}


def test_an_input_that_cannot_be_kept_is_refused_at_once(path):
    with pytest.raises(JournalValueError, match="the input cannot be kept in the journal"):
        flow_of([], CHAIN).start(object(), journal=path)


def test_a_value_by_hand_that_cannot_be_kept_is_refused_and_nothing_changed(path):
    run = flow_of([], CHAIN, how={"b": {"fails": Boom("b")}}).start(journal=path, on_failure="pause")
    play(run.go())
    with pytest.raises(JournalValueError):
        run.skip("b", object())
    assert run.undecided == ("b",)


def test_what_a_rollback_gives_need_not_be_kept(path):
    async def strange(results):
        return object()

    b = action([], "b", fails=Boom("b"))
    b.on_rollback(strange)
    run = DagaFlow([(action([], "a"), b)]).start(journal=path)
    with pytest.raises(DagaFlowError) as caught:
        play(run.finish())
    assert [str(error) for error in caught.value.exceptions] == ["b"]
    again = DagaFlow([(action([], "a"), action([], "b"))]).resume(path, run.id)
    assert again.rollback_results == {"a": "undone a", "b": None}


# ----------------------------------------------------------------- what was mended


def test_another_rollback_given_to_the_run_belongs_to_its_story(path):
    done = []
    run = flow_of(done, CHAIN, how={"b": {"undo": False}}).start(journal=path)
    play(run.step())
    play(run.step())

    async def late(results):
        done.append("late undo b")

    run.replace("b", rollback=late)
    play(run.step())
    with pytest.raises(FlowChanged, match="'b' has no rollback, and it had a rollback"):
        flow_of(done, CHAIN, how={"b": {"undo": False}}).resume(path, run.id)
    again = flow_of(done, CHAIN).resume(path, run.id)
    play(again.rollback())
    assert done == ["do a", "do b", "do c", "undo c", "undo b", "undo a"]


def test_planted_faults_are_those_of_the_new_process(path):
    done = []
    run = flow_of(done, CHAIN).start(journal=path, faults=[Fault.raising(Boom("c"), at="c")])
    play(run.step())
    again = flow_of(done, CHAIN).resume(path, run.id, faults=[Fault.raising(Boom("b"), at="b")])
    with pytest.raises(DagaFlowError):
        play(again.finish())
    assert done == ["do a", "undo b", "undo a"]


# ----------------------------------------------------- retries whose time had not come


def waiting(done, fails, delay=60.0):
    async def flaky(results, context):
        done.append(f"do b {context.attempt}")
        if len(done) <= fails:
            raise Boom("not yet")
        return "b"

    b = DagaAction(flaky, name="b", retries=Retries(3, wait=delay))
    b.on_rollback(lambda results: done.append("undo b"))
    return DagaFlow([(action([], "a"), b), (b, action([], "c"))])


def test_a_retry_that_was_still_to_come_is_made_by_the_next_process(path):
    done = []
    run = waiting(done, 1).start(journal=path)
    failed = Gate()
    run.subscribe(lambda event: failed.reached.set() if str(event) == "b FAILED" else None)
    die_in(run, failed)
    assert done == ["do b 1"]
    again = waiting(done, 1).resume(path, run.id)
    assert words(again)["b"] == "failed"
    assert str(again.errors["b"]) == "Boom: not yet"
    assert str(again.next) == "next: b once more, as the process ended before it did"
    assert play(again.finish()) == ["c"]
    assert done == ["do b 1", "do b 3"]
    assert [event.reason for event in again.events if event.node == "b"][3:5] == [
        "the process ended before its retry",
        "tried again",
    ]


def test_a_retry_whose_time_had_come_is_lost_like_any_call(path):
    done, gate = [], Gate()

    def flow(delay):
        async def flaky(results, context):
            done.append(context.attempt)
            if context.attempt == 2:
                await gate.wait()
            raise Boom("not yet")

        b = DagaAction(flaky, name="b", retries=Retries(3, wait=delay))
        b.on_rollback(lambda results, context: done.append(f"undo b {context.outcome}"))
        return DagaFlow([(action([], "a"), b)])

    run = flow(0.001).start(journal=path)
    die_in(run, gate)
    again = flow(60.0).resume(path, run.id)
    assert words(again)["b"] == "unknown"
    with pytest.raises(DagaFlowError):
        play(again.finish())
    assert done == [1, 2, "undo b UNKNOWN"]


def test_the_rollback_is_told_the_key_that_its_action_had(path):
    keys, fails = {}, [Boom("c")]

    def noted(name, undo=True):
        async def do(results, context):
            keys[f"do {name}"] = context.key.partition("/")[2]
            if name == "c" and fails:
                raise fails.pop()

        async def take_back(results, context):
            keys[f"undo {name}"] = context.action_key.partition("/")[2]

        made = DagaAction(do, name=name, save_point=name == "a")
        made.on_rollback(take_back)
        return made

    a, b, c = map(noted, "abc")
    run = DagaFlow([(a, b), (b, c)]).start(journal=path)
    play(run.finish())
    assert run.events[-1].state.word == "succeeded"
    again = DagaFlow([(a, b), (b, c)]).resume(path, run.id)
    play(again.rollback())
    assert keys == {
        "do a": "a/do",
        "do b": "b/do/2",
        "do c": "c/do/2",
        "undo a": "a/do",
        "undo b": "b/do/2",
        "undo c": "c/do/2",
    }


# ------------------------------------------------------ found by plots that died at random


def test_a_rollback_that_failed_is_not_called_again_though_its_action_was_lost(path):
    done = []
    how = {"b": {"undo_fails": Boom("undo b")}}
    run_id = crashed(done, path, ["b"], how=how)
    gates = {"undo a": Gate()}
    run = gated(done, gates, how=how).resume(path, run_id)
    die_in(run, *gates.values())
    assert done == ["do a", "undo b"]
    again = flow_of(done, CHAIN, how=how).resume(path, run_id)
    assert again.lost == ("a",)
    play(again.go())
    assert done == ["do a", "undo b", "undo a"]
    assert words(again) == {"a": "rolled back", "b": "rollback failed", "c": "abandoned"}


def test_what_was_lost_before_the_run_turned_back_is_lost_no_more(path):
    done = []
    run_id = crashed(done, path, ["b"])
    gates = {"undo b": Gate()}
    run = gated(done, gates).resume(path, run_id)
    die_in(run, *gates.values())
    again = flow_of(done, CHAIN).resume(path, run_id)
    assert again.lost == ("b",)
    assert words(again)["b"] == "rollback failed"
    play(again.step())
    once_more = flow_of(done, CHAIN).resume(path, run_id)
    assert once_more.lost == ()
    play(once_more.go())
    assert done == ["do a", "undo b", "undo a"]


def test_nor_in_the_process_in_which_it_failed(path):
    done = []
    how = {"b": {"undo_fails": Boom("undo b")}}
    run_id = crashed(done, path, ["b"], how=how)
    run = flow_of(done, CHAIN, how=how).resume(path, run_id)
    play(run.step())
    assert done == ["do a", "undo b"]
    assert str(run.next) == "next: rolling back batch 1 of 3: a"
    play(run.step())
    assert done == ["do a", "undo b", "undo a"]


def test_what_was_lost_and_has_no_effect_is_begun_anew_from_a_save_point(path):
    done = []
    how = {"a": {"save_point": True}, "c": {"no_effect": True, "undo": False}}
    run_id = crashed(done, path, ["c"], how=how)
    run = flow_of(done, CHAIN, how=how).resume(path, run_id)
    play(run.step())
    assert done == ["do a", "do b", "undo b"]
    play(run.step())
    assert done == ["do a", "do b", "undo b", "do b"]
    assert words(run) == {"a": "succeeded", "b": "succeeded", "c": "unknown"}
    assert play(run.finish()) == ["c"]
    assert done == ["do a", "do b", "undo b", "do b", "do c"]


@pytest.mark.parametrize("dies_again", [False, True])
def test_the_rollback_of_what_was_lost_and_skipped_is_told_that_nobody_knows(path, dies_again):
    told_of, done = [], []
    run_id = crashed(done, path, ["b"])

    async def look(results, result, error, context):
        told_of.append((context.outcome, result, str(error).removeprefix("ActionInterrupted: ")))

    def flow():
        one, two, three = (action(done, name) for name in "abc")
        two.on_rollback(look)
        return DagaFlow([(one, two), (two, three)])

    run = flow().resume(path, run_id, on_failure="pause")
    run.skip("b", "by hand")
    if dies_again:
        run = flow().resume(path, run_id)
    play(run.step())
    play(run.rollback())
    assert told_of == [("UNKNOWN", None, "'b': the process ended before it did")]
    assert done == ["do a", "do c", "undo c", "undo a"]


def test_a_retry_that_could_not_be_written_is_no_longer_waiting_once_it_is_called(path, monkeypatch):
    done, gate = [], Gate()

    def flow(wait):
        async def pay(results, context):
            done.append(f"pay {context.attempt}")
            if context.attempt == 1:
                raise Boom("no answer")
            await gate.wait()

        paid = DagaAction(pay, name="b", retries=Retries(1, wait=wait))
        paid.on_rollback(lambda results, context: done.append(f"refund, {context.outcome}"))
        return DagaFlow([(action([], "a"), paid)])

    run = flow(0.001).start(journal=path)
    writes, right = [], Journal.write

    def write(journal, statements):
        writes.append(statements)
        if len(writes) == 3:
            raise JournalError("the disk is full")
        right(journal, statements)

    monkeypatch.setattr(Journal, "write", write)
    with pytest.raises(JournalError, match="the disk is full"):
        play(run.go())
    assert done == ["pay 1"]
    die_in(run, gate)
    again = flow(0.001).resume(path, run.id)
    assert words(again)["b"] == "unknown"
    play(again.go())
    assert done == ["pay 1", "pay 2", "refund, UNKNOWN"], "it is not paid twice"


def test_a_rollback_that_waits_for_its_retry_was_not_called(path):
    done = []

    def flow(fails, wait):
        async def undo(results):
            done.append("undo a")
            if fails:
                raise Boom("still closed")

        a = DagaAction(lambda results: 1, name="a", rollback_retries=Retries(3, wait=wait))
        a.on_rollback(undo)
        return DagaFlow([(a, action([], "b"))])

    run = flow(True, 60.0).start(journal=path)
    play(run.step())
    failed = Gate()
    run.subscribe(lambda event: failed.reached.set() if str(event) == "a ROLLBACK_FAILED" else None)

    async def until():
        going = asyncio.ensure_future(run.rollback())
        await failed.reached.wait()
        return going

    die_after(until())
    again = flow(False, 60.0).resume(path, run.id)
    assert "still closed" in str(again.rollback_errors["a"].__cause__ or again.rollback_errors["a"])
    play(again.go())
    assert done == ["undo a", "undo a"]
    assert [event.reason for event in again.events if event.node == "a"][-3:] == [
        "the process ended before its retry",
        "tried again",
        "",
    ]


def test_how_long_a_lost_call_took_is_not_known(path):
    done, gate = [], Gate()

    def flow(fails):
        async def b(results):
            done.append("do b")
            if fails:
                raise fails.pop()
            await gate.wait()

        return DagaFlow([(action([], "a"), DagaAction(b, name="b", retries=1, no_effect=True))])

    run = flow([Boom("no")]).start(journal=path)
    die_in(run, gate)
    assert done == ["do b", "do b"]
    again = flow([]).resume(path, run.id)
    assert words(again)["b"] == "unknown"
    assert again.duration("b") is None
    play(again.rollback())
    (lost,) = [event for event in everything(path)["event"] if event[4] == "UNKNOWN"]
    assert lost[8] is None


# ------------------------------------------------------------------- what a failure does


def test_a_run_that_was_paused_at_a_failure_is_paused_again(path):
    done = []
    how = {"b": {"fails": Boom("no")}}
    run = flow_of(done, CHAIN, how=how).start(17, journal=path, on_failure="pause")
    play(run.go())
    paused = "paused: b failed; retry, skip with a value, or roll back"
    assert str(run.next) == paused
    again = flow_of(done, CHAIN).resume(path, run.id)
    assert (again.on_failure, str(again.next)) == ("pause", paused)
    assert play(again.go()) == ()
    play(again.retry())
    assert play(again.finish()) == ["c"]
    assert done == ["do a", "do b", "do b", "do c"]


@pytest.mark.parametrize("how_set", ["on the run", "as it was resumed"])
def test_what_was_said_of_failures_last_holds(path, how_set):
    flow = flow_of([], CHAIN)
    run = flow.start(17, journal=path)
    play(run.step())
    if how_set == "on the run":
        run.on_failure = "pause"
    else:
        run = flow.resume(path, run.id, on_failure="pause")
    play(run.step())
    assert flow.resume(path, run.id).on_failure == "pause"
    again = flow.resume(path, run.id, on_failure="rollback")
    play(again.step())
    assert flow.resume(path, run.id).on_failure == "rollback"


def test_who_lets_a_paused_run_roll_back_is_told_so(path):
    run = flow_of([], CHAIN, how={"b": {"fails": Boom("no")}}).start(17, journal=path, on_failure="pause")
    play(run.go())
    run.on_failure = "rollback"
    assert str(run.next) == "next: the rollback (b failed)"
    again = flow_of([], CHAIN).resume(path, run.id, on_failure="rollback")
    assert str(again.next) == "next: the rollback (b failed)"


def test_where_nothing_was_written_there_is_nothing_to_resume(path):
    path.touch()
    assert list(list_runs(path)) == []
    with pytest.raises(JournalError, match="is empty: no run was ever written there"):
        flow_of([], CHAIN).resume(path, "nobody")
    assert path.stat().st_size == 0
