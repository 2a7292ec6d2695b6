"""What actions and rollbacks write into the ledger of their run, from whatever thread."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from helpers import DIAMOND, play
from story_runs import drive, failing

from daga_nb import DagaAction, DagaFlow, Fault, FlowRun
from daga_nb.core.states import RunState
from daga_nb.debug.story_file import from_json, to_json
from daga_nb.engine.calls import Context
from daga_nb.engine.effects import LONGEST_KEY, MOST_DETAILS, Effects
from daga_nb.errors import EffectError


def by_hand(outcome: str | None = None, attempt: int = 1) -> Context:
    return Context("test", "pay", attempt, "test/pay/do", {"input": 17}, outcome)


def effectful(name: str, *, plain: bool = False, rollback: str = "by key") -> DagaAction[Any, Any]:
    """Make an action with the effect of its name, whose rollback undoes it by key, by the result, or not."""

    def do(results: list[Any], context: Context) -> str:
        context.effect(name, 17, who=context.node)
        return f"{name} done"

    async def do_async(results: list[Any], context: Context) -> str:
        return do(results, context)

    async def undo(results: list[Any], context: Context, result: Any = None) -> None:
        if rollback == "by key" or (rollback == "by result" and result is not None):
            context.undo_effect(name, 17)

    made = DagaAction[Any, Any](do if plain else do_async, name=name)
    made.on_rollback(undo)
    return made


def flow(**how: str) -> DagaFlow[Any, Any]:
    acts = {name: effectful(name, rollback=how.get(name, "by key")) for name in "abcd"}
    return DagaFlow([(acts[one], acts[other]) for one, other in DIAMOND])


def told(run: FlowRun) -> list[str]:
    return [f"{entry.seq} {entry}" for entry in run.effects]


# --------------------------------------------------------------------------------- in a run


def test_a_run_that_fails_has_done_and_undone_its_effects_in_order():
    run = flow().start(faults=[failing("d", "after")])
    drive(run.go())
    assert [str(entry) for entry in run.effects] == [
        *("a 17 done by a", "b 17 done by b", "c 17 done by c", "d 17 done by d"),
        *("d 17 undone by the rollback of d", "b 17 undone by the rollback of b"),
        *("c 17 undone by the rollback of c", "a 17 undone by the rollback of a"),
    ]
    assert run.ledger.clean
    assert {str(row.verdict) for row in run.ledger.rows} == {"undone"}
    assert run.ledger.rows[0].details == (("who", "a"),)


def test_a_lost_reply_leaves_behind_what_a_rollback_undoes_only_if_it_has_the_result():
    for rollback, left in [("by result", ["d"]), ("by key", []), ("not at all", ["d"])]:
        run = flow(d=rollback).start(faults=[failing("d", "after", TimeoutError("no answer"))])
        drive(run.go())
        assert str(run.state) == "ROLLED_BACK"
        assert [row.name for row in run.ledger.left] == left
        assert run.ledger.clean is not left
        assert run.ledger.clean is (left == [])


def test_a_fault_before_the_effect_leaves_nothing_to_undo():
    run = flow().start(faults=[failing("d", "before")])
    drive(run.go())
    assert [row.name for row in run.ledger.undone_never_done] == ["d"]
    run = flow(d="by result").start(faults=[failing("d", "before")])
    drive(run.go())
    assert run.ledger.clean
    assert [row.name for row in run.ledger.rows] == ["a", "b", "c"]


def test_at_each_moment_there_is_what_had_been_told_by_then():
    run = flow().start(faults=[failing("b")])
    drive(run.go())
    story = run.story
    in_world = [
        [row.name for row in story.at(position).ledger.in_world] for position in range(len(story) + 1)
    ]
    assert in_world[0] == []
    assert in_world[-1] == []
    moment = next(event.seq for event in run.events if str(event) == "a SUCCEEDED")
    assert in_world[moment] == ["a"]
    turned = next(event.seq for event in run.events if str(event) == "run ROLLING_BACK")
    assert in_world[turned] == ["a", "c"]
    assert story.ledger == run.ledger
    assert story.at(turned).ledger.clean


def test_each_entry_knows_its_attempt_and_its_direction():
    tries: list[int] = []

    async def pay(results: list[Any], context: Context) -> None:
        tries.append(context.attempt)
        context.effect("charge", context.attempt)
        if len(tries) < 3:
            raise TimeoutError

    async def refund(results: list[Any], context: Context) -> None:
        context.undo_effect("charge", 3)

    action = DagaAction[Any, Any](pay)
    action.on_rollback(refund)
    run = DagaFlow([(action, DagaAction.options(no_effect=True)(print))]).start(on_failure="pause")

    async def main() -> None:
        await run.go()
        await run.retry()
        await run.retry()
        await run.rollback()

    asyncio.run(main())
    assert [(entry.attempt, entry.direction, entry.key) for entry in run.effects] == [
        (1, "forward", "1"),
        (2, "forward", "2"),
        (3, "forward", "3"),
        (1, "back", "3"),
    ]
    assert [row.key for row in run.ledger.left] == ["1", "2"]


def test_the_ledger_can_be_asked_by_the_rollback_itself():
    asked: list[tuple[bool, bool]] = []

    async def pay(results: list[Any], context: Context) -> None:
        context.effect("charge", ("order", 17))
        raise TimeoutError

    async def refund(results: list[Any], context: Context) -> None:
        asked.append((context.has_effect("charge", ["order", 17]), context.has_effect("charge", 18)))
        context.undo_effect("charge", ("order", 17))
        asked.append((context.has_effect("charge", ("order", 17)), context.ledger.clean))

    action = DagaAction[Any, Any](pay)
    action.on_rollback(refund)
    run = DagaFlow([(action, print)]).start()
    drive(run.go())
    assert asked == [(True, False), (False, True)]
    assert told(run) == [
        "2 charge ('order', 17) done by pay",
        "6 charge ('order', 17) undone by the rollback of pay",
    ]


def test_a_fork_that_adopts_has_the_effects_to_undo_and_another_has_none():
    run = flow().start()
    drive(run.go())
    fork = run.fork(2)
    drive(fork.go())
    drive(fork.rollback())
    assert [row.name for row in fork.ledger.rows] == ["b", "c", "d"]
    assert fork.ledger.clean
    run.release()
    fork = run.fork(2, adopt=True)
    assert [row.name for row in fork.ledger.in_world] == ["a"]
    drive(fork.go())
    drive(fork.rollback())
    assert [entry.node for entry in fork.effects if entry.kind == "undone"] == ["d", "b", "c", "a"]
    assert fork.ledger.clean
    assert from_json(to_json(fork.story)).effects == fork.story.effects


def test_two_runs_of_a_flow_have_each_their_own():
    both = flow()
    one, other = both.start(), both.start(faults=[failing("a")])
    drive(one.go())
    drive(other.go())
    assert [row.name for row in one.ledger.in_world] == ["a", "b", "c", "d"]
    assert [row.name for row in other.ledger.rows] == ["a"]


# --------------------------------------------------------------------------------- threads


def test_threads_that_write_at_once_lose_nothing_and_never_go_back_in_time():
    barrier = Barrier(4)

    def writer(number: int) -> DagaAction[Any, Any]:
        def write(results: list[Any], context: Context) -> None:
            barrier.wait(10)
            for one in range(500):
                context.effect("file", (number, one))
                context.effect("shared", 1, once=True)

        return DagaAction[Any, Any](write, name=f"writer {number}")

    run = DagaFlow(
        [(writer(number), DagaAction[Any, Any](print, name=f"p{number}")) for number in range(4)]
    ).start()
    play(run.step())
    assert len(run.effects) == 4000
    assert len(run.ledger.in_world) == 2001
    assert run.ledger.clean
    seqs = [entry.seq for entry in run.effects]
    assert seqs == sorted(seqs)
    for number in range(4):
        own = [
            entry.key for entry in run.effects if entry.node == f"writer {number}" and entry.name == "file"
        ]
        assert own == [str((number, one)) for one in range(500)]


def test_who_writes_from_a_thread_of_its_own_is_heard():
    async def act(results: list[Any], context: Context) -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda number: context.effect("row", number), range(50)))

    run = DagaFlow([(act, print)]).start()
    play(run.step())
    assert run.ledger.clean
    assert len(run.ledger.in_world) == 50


# ---------------------------------------------------------------------------------- by hand


def test_a_context_made_by_hand_has_a_ledger_of_its_own():
    one, other = by_hand(), by_hand()
    one.effect("charge", 17, once=True)
    one.effect("charge", "17", once=True)
    assert one.has_effect("charge", 17)
    assert not other.has_effect("charge", 17)
    assert one == other
    assert "effects" not in repr(one)
    (row,) = one.ledger.rows
    assert (row.in_world, row.done, row.repeats, row.by) == (1, 1, 1, ("pay",))
    back = by_hand("FAILED", attempt=2)
    back.undo_effect("charge", 17)
    (entry,) = back.ledger.entries
    assert (entry.seq, entry.direction, entry.attempt, entry.kind) == (0, "back", 2, "undone")


@pytest.mark.parametrize("name", ["", None, 7, "x" * 101, b"charge"])
def test_a_name_is_a_short_text(name):
    context = by_hand()
    for call in (context.effect, context.undo_effect, context.has_effect):
        with pytest.raises(EffectError, match=r"the name of an effect .* like 'charge'"):
            call(name, 17)
    assert context.ledger.rows == ()


@pytest.mark.parametrize(
    "key",
    ["", object(), {"id": 17}, b"17", [object()], (1, (2,)), "x" * (LONGEST_KEY + 1), (1,) * LONGEST_KEY],
)
def test_a_key_is_a_text_a_number_or_a_tuple_of_these(key):
    context = by_hand()
    for call in (context.effect, context.undo_effect, context.has_effect):
        with pytest.raises(EffectError, match=r"the key of an effect .* str\(key\)"):
            call("charge", key)
    assert context.ledger.rows == ()


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (17, "17"),
        (True, "True"),
        (None, "None"),
        (1.5, "1.5"),
        ("half \ud83d", "half \ufffd"),
        (["a", 1], "('a', 1)"),
    ],
)
def test_a_key_is_kept_as_text(key, text):
    context = by_hand()
    context.effect("charge", key)
    assert context.ledger.rows[0].key == text
    assert context.has_effect("charge", key)
    assert context.ledger.count("charge", key) in (1, 0 if "\ud83d" in str(key) else 1)


def test_details_are_kept_short_whatever_they_are():
    class Broken:
        def __repr__(self) -> str:
            raise ValueError("no words")

    context = by_hand()
    context.effect(
        "charge", 17, note="x" * 9999, broken=Broken(), **{f"d{n}": n for n in range(MOST_DETAILS)}
    )
    details = dict(context.ledger.entries[0].details)
    assert len(details) == MOST_DETAILS
    assert len(details["note"]) <= LONGEST_KEY
    assert details["broken"].startswith("<Broken instance")
    assert details["d0"] == "0"


def test_who_listens_is_told_of_each_entry_and_one_that_raises_hears_no_more(caplog):
    run = flow().start()
    heard: list[str] = []

    def broken(entry: Any) -> None:
        raise ValueError("deaf")

    run.subscribe_effects(broken)
    subscription = run.subscribe_effects(lambda entry: heard.append(str(entry)))
    with caplog.at_level(logging.ERROR):
        play(run.step())
        play(run.step())
    assert heard == ["a 17 done by a", "b 17 done by b", "c 17 done by c"]
    assert len(caplog.records) == 1
    subscription.close()
    play(run.step())
    assert len(heard) == 3
    assert run.state.word == "succeeded"


def test_a_hundred_thousand_effects_cost_little_each():
    effects = Effects()
    context = Context("test", "write", 1, "key", {}, None, effects)
    for number in range(20_000):
        context.effect("file", number)
    assert len(effects.ledger().in_world) == 20_000


def test_a_planted_failure_in_the_rollback_leaves_the_effect():
    run = flow().start(faults=[failing("d"), Fault.raising(ValueError, at="a", where="rollback")])
    drive(run.go())
    assert run.state.word == "rollback incomplete"
    assert [row.name for row in run.ledger.left] == ["a"]


def test_that_nothing_is_left_is_not_said_when_the_ledger_knows_better():
    @DagaAction
    async def charge(results, context):
        context.effect("charge", "order 17")

    @charge.on_rollback
    async def refund(results): ...

    run = DagaFlow([(charge, max)]).start(faults="charge.after: raise(TimeoutError)")
    play(run.go())
    assert run.state is RunState.ROLLED_BACK
    assert str(run.next) == "rolled back, and yet: 1 effect left behind"
    story = run.story
    assert str(story.at(len(story)).next) == str(run.next)
