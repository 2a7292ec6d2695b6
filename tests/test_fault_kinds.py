"""What each kind of fault does at each place, whenever its trigger says so."""

import asyncio
import contextlib
import threading

import pytest
from helpers import Boom, Skipping, flow_of, play, turns, words

from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault, When
from daga_nb.core.states import NodeState, RunState
from daga_nb.errors import ActionInterrupted, FaultError, FaultNotFired

PLACES = ("before", "after", "rollback")
ENDS = {NodeState.SUCCEEDED, NodeState.FAILED, NodeState.ROLLED_BACK, NodeState.ROLLBACK_FAILED}

UNTOUCHED = ["do a 7", "do b a", "do c b", "undo c None", "undo b b", "undo a a"]

KINDS = {
    "raise": lambda **more: Fault.raising(Boom("planted"), at="b", **more),
    "delay": lambda **more: Fault.delaying(20.0, at="b", **more),
    "hang": lambda **more: Fault.hanging(at="b", **more),
    "corrupt": lambda **more: Fault.corrupting(13, at="b", **more),
    "corrupt by a function": lambda **more: Fault.corrupting(lambda right: f"-{right}", at="b", **more),
    "repeat": lambda **more: Fault.repeating(at="b", **more),
    "cancel": lambda **more: Fault.cancelling(at="b", **more),
}

# What is done if it strikes, in order, and the reason that stands behind the event that ends the call.
STRUCK = {
    ("raise", "before"): (
        ["do a 7", "undo b None", "undo a a"],
        "Boom: planted (planted, before the effect)",
    ),
    ("raise", "after"): (
        ["do a 7", "do b a", "undo b None", "undo a a"],
        "Boom: planted (planted, after the effect)",
    ),
    ("raise", "rollback"): (
        ["do a 7", "do b a", "do c b", "undo c None", "undo a a"],
        "Boom: planted (planted, in the rollback)",
    ),
    ("delay", "before"): (UNTOUCHED, "planted: it was delayed by 20 s"),
    ("delay", "after"): (UNTOUCHED, "planted: its reply was delayed by 20 s"),
    ("delay", "rollback"): (UNTOUCHED, "planted: its rollback was delayed by 20 s"),
    ("hang", "before"): (
        ["do a 7", "undo b None", "undo a a"],
        "CancelledError: the run was cancelled (planted: it hung before the effect)",
    ),
    ("hang", "after"): (
        ["do a 7", "do b a", "undo b None", "undo a a"],
        "CancelledError: the run was cancelled (planted: it hung after the effect)",
    ),
    ("hang", "rollback"): (
        ["do a 7", "do b a", "do c b", "undo c None", "undo a a"],
        "TimeoutError: it did not end within 30 s (planted: it hung in the rollback)",
    ),
    ("corrupt", "before"): (
        ["do a 7", "do b 13", "do c b", "undo c None", "undo b b", "undo a a"],
        "planted: its inputs were corrupted",
    ),
    ("corrupt", "after"): (
        ["do a 7", "do b a", "do c 13", "undo c None", "undo b 13", "undo a a"],
        "planted: its result was corrupted",
    ),
    ("corrupt", "rollback"): (
        ["do a 7", "do b a", "do c b", "undo c None", "undo b 13", "undo a a"],
        "planted: the result that its rollback got was corrupted",
    ),
    ("repeat", "before"): (
        ["do a 7", "do b a", "do b a", "do c b", "undo c None", "undo b b", "undo a a"],
        "planted: it was called 2 times at once",
    ),
    ("repeat", "after"): (
        ["do a 7", "do b a", "do b a", "do c b", "undo c None", "undo b b", "undo a a"],
        "planted: it was called again, 2 times in all",
    ),
    ("repeat", "rollback"): (
        ["do a 7", "do b a", "do c b", "undo c None", "undo b b", "undo b b", "undo a a"],
        "planted: its rollback was called 2 times",
    ),
    ("cancel", "before"): (
        ["do a 7", "undo b None", "undo a a"],
        "CancelledError: the run was cancelled (planted: cancelled before the effect)",
    ),
    ("cancel", "after"): (
        ["do a 7", "do b a", "undo b None", "undo a a"],
        "CancelledError: the run was cancelled (planted: cancelled after the effect)",
    ),
    ("cancel", "rollback"): (UNTOUCHED, "planted: cancelled in the rollback"),
}
for place in PLACES:
    done, reason = STRUCK["corrupt", place]
    told = [line.replace("13", "-a" if place == "before" else "-b") for line in done]
    STRUCK["corrupt by a function", place] = told, reason

YES = 4  # a seed that draws the first call of b at each of the places

# Each trigger, and whether it strikes the first call.
TRIGGERS = {
    "always": (None, True),
    "the first call": (When.call(1), True),
    "the second call": (When.call(2), False),
    "the first three": (When.first(3), True),
    "by chance, yes": (When.chance(0.5, seed=YES), True),
    "by chance, no": (When.chance(0.001, seed=YES), False),
    "a comparison that holds": ("a == 'a'".replace("'", '"'), True),
    "a comparison that does not": ('a != "a"', False),
    "a function that says yes": (lambda inputs: inputs == {"a": "a"}, True),
    "a function that says no": (lambda inputs: [], False),
    "a chance on a condition": (When.chance(1.0) & When.holds('a == "a"'), True),
}

MODES = ("async", "in a thread", "on the loop")


def three(done, mode="async"):
    """Make a flow a -> b -> c whose last action fails; b is called as `mode` says."""
    lock = threading.Lock()

    def note(line):
        with lock:
            done.append(line)

    def made(name, fails=False):
        def do(results):
            note(f"do {name} {results[0]}")
            if fails:
                raise Boom("own")
            return name

        def undo(results, result):
            note(f"undo {name} {result}")

        async def ado(results):
            return do(results)

        async def aundo(results, result):
            return undo(results, result)

        plain = name == "b" and mode != "async"
        action = DagaAction(do if plain else ado, name=name, in_thread=mode == "in a thread")
        action.on_rollback(undo if plain else aundo)
        return action

    a, b, c = made("a"), made("b"), made("c", fails=True)
    return DagaFlow([(a, b), (b, c)])


def started(flow, fault):
    # A timeout that is never reached: a hang may be planted.
    return flow.with_policy(timeout=3600.0).start(7, faults=[fault])


def ended(run, *, cancel=False):
    """Finish a run on a clock that jumps; `cancel` it once it stands still. Give what its end raised."""

    async def main():
        finishing = asyncio.ensure_future(run.finish())
        if cancel:
            await turns()
            await run.cancel()
        await asyncio.wait([finishing])
        return finishing.exception() if not finishing.cancelled() else asyncio.CancelledError()

    # A thread that works is not seen by the clock that jumps.
    with asyncio.Runner(loop_factory=None if cancel else Skipping) as runner:
        return runner.run(main())


def reason_of(run, where):
    story = [event for event in run.events if event.node == "b" and event.state in ENDS]
    return story[-1 if where == "rollback" else 0].reason


def check(done, run, kind, where, strikes):
    hangs = kind == "hang" and where != "rollback" and strikes
    with contextlib.nullcontext() if strikes else pytest.warns(FaultNotFired, match="'flow'"):
        error = ended(run, cancel=hangs)
    told, reason = STRUCK[kind, where] if strikes else (UNTOUCHED, "")
    assert done == told
    assert reason_of(run, where) == reason
    assert run.strikes("b", where) == int(strikes)
    assert (run.fired, run.unfired)[:: -1 if strikes else 1] == ((), run.faults)
    cancelled = (kind == "cancel" and strikes) or hangs
    assert type(error) is (asyncio.CancelledError if cancelled else DagaFlowError)
    failed_back = strikes and where == "rollback" and kind in ("raise", "hang")
    assert run.state is (RunState.ROLLBACK_INCOMPLETE if failed_back else RunState.ROLLED_BACK)
    assert words(run)["b"] == ("rollback failed" if failed_back else "rolled back")


@pytest.mark.parametrize("trigger", TRIGGERS)
@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_at_each_place_on_each_trigger(done, kind, where, trigger):
    when, strikes = TRIGGERS[trigger]
    fault = KINDS[kind](where=where, when=when)
    check(done, started(three(done), fault), kind, where, strikes)


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_at_each_place_of_a_plain_function(done, kind, where):
    check(done, started(three(done, "on the loop"), KINDS[kind](where=where)), kind, where, True)


# A clock that jumps does not see what a thread does: what waits is left out.
@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("delay", "hang")])
def test_each_kind_at_each_place_of_a_function_in_a_thread(done, kind, where):
    run = started(three(done, "in a thread"), KINDS[kind](where=where))
    with pytest.raises((DagaFlowError, asyncio.CancelledError)):
        play(run.finish())
    assert (done, reason_of(run, where)) == STRUCK[kind, where]
    assert run.strikes("b", where) == 1


# ------------------------------------------------------------------------------- several


def test_what_is_flaky_fails_some_times_and_then_works(done):
    run = flow_of(done, nodes="a").start(faults=[Fault.flaky(2, at="a")], on_failure="pause")

    async def main():
        for attempt in range(2):
            await (run.retry() if attempt else run.go())
            assert str(run.errors["a"]) == "planted"
        await run.retry()
        return await run.finish()

    assert play(main()) == ["a"]
    assert done == ["do a"]
    assert run.strikes("a", "before") == 2


def test_faults_before_and_after_strike_the_same_call_and_both_are_told(done):
    run = three(done).start(7, faults="b.before: corrupt(13); b.after: raise(Timeout)")
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert done == ["do a 7", "do b 13", "undo b None", "undo a a"]
    told = "TimeoutError (planted: its inputs were corrupted; raised after the effect)"
    assert reason_of(run, "after") == told
    assert [str(fault) for fault in run.fired] == ["b.before: corrupt(13)", "b.after: raise(TimeoutError)"]


def test_an_action_that_fails_by_itself_tells_what_was_planted_too(done):
    flow = flow_of(done, nodes="a", how={"a": {"fails": Boom("own")}})
    run = flow.start(faults=["a.before: repeat", "a.after: corrupt(1)"])
    with (
        pytest.raises(DagaFlowError),
        pytest.warns(FaultNotFired, match="it never came to the end of a call"),
    ):
        play(run.finish())
    assert done == ["do a", "do a", "undo a"]
    assert [event.reason for event in run.events if event.state == "FAILED"] == [
        "Boom: own (planted: it was called 2 times at once; call 2 raised Boom: own)"
    ]


# ------------------------------------------------------------------------- called again


def counting(done, mode="async", fails=()):
    """Make an action that gives how often it was called, and its rollback the same; both note their key."""
    calls = {"do": 0, "undo": 0}
    lock = threading.Lock()

    def count(what, context):
        with lock:
            calls[what] += 1
            done.append((what, context.key.split("/", 1)[1], context.attempt))
            if what == "do" and calls[what] in fails:
                raise Boom(f"call {calls[what]}")
            return calls[what]

    async def acount(results, context):
        return count("do", context)

    async def aundo(results, context):
        return count("undo", context)

    plain = mode != "async"
    action = DagaAction(
        (lambda results, context: count("do", context)) if plain else acount,
        name="a",
        in_thread=mode == "in a thread",
    )
    action.on_rollback((lambda results, context: count("undo", context)) if plain else aundo)
    return action


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("where", "result"), [("before", 1), ("after", 3)])
def test_all_calls_of_a_repeated_action_have_the_same_key(done, mode, where, result):
    flow = DagaFlow([(counting(done, mode), DagaAction(lambda results: results, name="last"))])
    run = flow.start(faults=[Fault.repeating("a", where, times=3)])
    play(run.finish())
    assert done == [("do", "a/do", 1)] * 3
    if mode == "in a thread" and where == "before":
        assert run.results["a"] in (1, 2, 3), "who is first in a thread is up to the system"
    else:
        assert run.results["a"] == result
    assert run.strikes("a", where) == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_repeated_rollback_gives_what_the_last_call_gave(done, mode):
    flow = DagaFlow([(counting(done, mode), DagaAction(lambda results: 1 / 0, name="last", no_effect=True))])
    run = flow.start(faults=["a.rollback: repeat(3)"])
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert done == [("do", "a/do", 1), *[("undo", "a/undo", 1)] * 3]
    assert run.rollback_results["a"] == 3


@pytest.mark.parametrize("mode", ["async", "on the loop"])
@pytest.mark.parametrize(
    ("where", "fails", "calls", "state"),
    [
        ("before", [1], 2, "rolled back"),
        ("before", [2], 2, "succeeded"),
        ("after", [1], 1, "rolled back"),
        ("after", [2], 2, "rolled back"),
    ],
)
def test_a_repeated_call_that_fails(done, mode, where, fails, calls, state):
    """Of calls at once the first one's reply counts; of calls one after the other, the last one's."""
    flow = DagaFlow([(counting(done, mode, fails=fails), DagaAction(lambda results: 1, name="last"))])
    run = flow.start(faults=[Fault.repeating("a", where)])
    play(run.go())
    assert [what for what, *_ in done] == ["do"] * calls + ["undo"] * (state == "rolled back")
    assert words(run)["a"] == state
    if fails == [2] and where == "before":
        assert run.events[2].reason == ("planted: it was called 2 times at once; call 2 raised Boom: call 2")


def test_calls_at_once_are_both_under_way_at_the_same_time(done):
    async def meets(results):
        done.append("in")
        if len(done) == 1:
            await turns()
        done.append("out")
        return len(done)

    flow = DagaFlow([(DagaAction(meets, name="a"), DagaAction(lambda results: 1, name="last"))])
    run = flow.start(faults=["a.before: repeat"])
    play(run.finish())
    assert done == ["in", "in", "out", "out"]
    assert run.results["a"] == 4


def test_threads_meet_too(done):
    barrier = threading.Barrier(3)

    def meets(results):
        done.append("met")
        return barrier.wait(20)

    flow = DagaFlow([(DagaAction(meets, name="a"), DagaAction(lambda results: 1, name="last"))])
    play(flow.run(faults=["a.before: repeat(3)"]))
    assert done == ["met"] * 3


def test_calls_at_once_are_cancelled_together_and_none_is_left_behind(done):
    async def stuck(results):
        done.append("in")
        try:
            await asyncio.Event().wait()
        finally:
            done.append("out")

    action = DagaAction(stuck, name="a")
    action.on_rollback(lambda results: done.append("undo a"))
    flow = DagaFlow([(action, DagaAction(lambda results: 1, name="last"))])

    async def main():
        run = flow.start(faults=["a.before: repeat(3)"])
        going = asyncio.ensure_future(run.go())
        await turns()
        await run.cancel()
        await going
        return run

    run = play(main())
    assert done == ["in"] * 3 + ["out"] * 3 + ["undo a"]
    assert words(run) == {"a": "rolled back", "last": "abandoned"}


def test_the_rollback_of_threads_that_were_given_up_waits_for_all_of_them(done):
    go_on = threading.Event()

    def slow(results):
        go_on.wait(20)
        done.append("do a")
        return "a"

    def undo(results, result):
        done.append(f"undo {result}")

    action = DagaAction(slow, name="a")
    action.on_rollback(undo)
    flow = DagaFlow([(action, DagaAction(lambda results: 1, name="last"))], rollback_timeout=20.0)

    async def main():
        run = flow.start(faults="a.before: repeat(3)")
        run.subscribe(lambda event: go_on.set() if event.state == NodeState.UNKNOWN else None)
        going = asyncio.ensure_future(run.go())
        await turns()
        run._driver.inflight._patience = 0.0  # with threads
        await run.cancel()
        await going
        return run

    run = play(main())
    assert done == ["do a", "do a", "do a", "undo a"]
    assert run.state is RunState.ROLLED_BACK


# ---------------------------------------------------------------------------- corrupting


def test_the_context_and_the_list_of_inputs_are_corrupted_alike(done):
    async def left(results):
        return 1

    async def right(results):
        return 2

    async def both(results, context):
        done.append((results, dict(context.inputs)))
        return 0

    flow = DagaFlow([(left, both), (right, both)])
    run = flow.start(faults=[Fault.corrupting(lambda one: one * 10, "both", "before")])
    play(run.finish())
    assert done == [([10, 20], {"left": 10, "right": 20})]
    assert run.results == {"left": 1, "right": 2, "both": 0}
    assert run.inputs_of("both") == [1, 2]


def test_a_value_that_is_corrupted_is_another_copy_each_time(done):
    async def grows(results):
        results[0].append("more")
        done.append(results[0])
        return results[0]

    flow = DagaFlow([(grows, DagaAction(lambda results: 1, name="last"))])
    for _ in range(2):
        play(flow.run([0], faults=['grows.before: corrupt(["x"])']))
    assert done == [["x", "more"]] * 2


@pytest.mark.parametrize(("where", "undone"), [("before", ["undo a"]), ("after", ["do a", "undo a"])])
def test_a_function_that_cannot_corrupt_fails_the_call_and_says_so(done, where, undone):
    run = flow_of(done, nodes="a").start(faults=[Fault.corrupting(lambda right: right / 0, "a", where)])
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    (error,) = failed.value.exceptions
    assert type(error) is FaultError
    assert "the function that is to corrupt a value failed: TypeError" in str(error)
    assert done == undone


def test_a_condition_that_fails_fails_the_call_and_says_so(done):
    fault = Fault.hanging("a", "rollback", when=lambda inputs: inputs["nobody"])
    run = flow_of(done, [("a", "b")], how={"b": {"fails": Boom()}}).start(faults=[fault])
    with pytest.raises(DagaFlowError), pytest.warns(FaultNotFired):
        play(run.finish())
    assert done == ["do a", "do b", "undo b"]
    assert "the condition of Fault.hanging(at='a', where='rollback'" in str(run.rollback_errors["a"].error)


# ---------------------------------------------------------------------------- cancelling


def test_a_cancel_is_that_of_the_stop_button_the_others_are_cancelled_too(done):
    async def waits():
        await asyncio.Event().wait()

    flow = flow_of(done, how={"b": {"before": turns}, "c": {"before": waits}})
    run = flow.start(faults=["b.after: cancel"])
    with pytest.raises(asyncio.CancelledError) as stopped:
        play(run.finish())
    assert done == ["do a", "do b", "undo b", "undo c", "undo a"]
    assert words(run) == {"a": "rolled back", "b": "rolled back", "c": "rolled back", "d": "abandoned"}
    assert isinstance(run.errors["b"], ActionInterrupted)
    assert "was cancelled: rolled back" in stopped.value.__notes__[0]


def test_a_cancel_in_a_rollback_is_remembered_until_it_is_through(done):
    run = flow_of(done, [("a", "b"), ("b", "c")], how={"c": {"fails": Boom("own")}}).start(
        faults=["b.rollback: cancel"]
    )
    with pytest.raises(asyncio.CancelledError) as stopped:
        play(run.finish())
    assert done == ["do a", "do b", "do c", "undo c", "undo b", "undo a"]
    assert any("'c' had failed: Boom: own" in note for note in stopped.value.__notes__)
    assert run.state is RunState.ROLLED_BACK


@pytest.mark.parametrize("error", [StopIteration(5), StopIteration, KeyboardInterrupt])
@pytest.mark.parametrize("where", PLACES)
def test_what_a_fault_raises_goes_through_as_it_is(done, error, where):
    kind = error if isinstance(error, type) else type(error)
    run = flow_of(done, [("a", "b")], how={"b": {"fails": Boom("own")}}).start(
        faults=[Fault.raising(error, "a", where)]
    )
    with pytest.raises((DagaFlowError, KeyboardInterrupt)):
        play(run.finish())
    if where == "rollback":
        assert type(run.rollback_errors["a"].error) is kind
        assert done == ["do a", "do b", "undo b"]
    else:
        raised = run.errors["a"]
        assert kind in (type(raised), type(raised.__cause__))
        assert done == ["undo a"] if where == "before" else ["do a", "undo a"]
