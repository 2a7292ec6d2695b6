"""Whether a call that was lost has happened is not known, until a later one of that action works."""

import asyncio

import pytest
from crashed import die_in
from helpers import Boom, Gate, play, told, words

from daga_nb import DagaAction, DagaFlow


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


def bank(world, *, fails=0, reached=None, **options):
    """Give a flow that pays, by a key that the world heeds; the first calls here fail before they do."""
    calls = []

    async def pay(results, context):
        calls.append(context.attempt)
        if len(calls) <= fails:
            raise Boom("no answer")
        world.add(context.key)
        if reached is not None:
            await reached.wait()
        return "paid"

    async def give_back(results, context):
        outcomes.append(context.outcome)
        world.discard(context.action_key)

    outcomes = []
    action = DagaAction(pay, name="pay", idempotent=True)
    action.on_rollback(give_back)
    first = DagaAction(lambda results: 1, name="first", **options)
    first.on_rollback(lambda results: None)
    flow = DagaFlow([(first, action)], rollback_failed=False)
    return flow, outcomes


def died(path, world, **options):
    """Give the id of a run that died after it had paid, and before that was known."""
    gate = Gate()
    run = bank(world, reached=gate, **options)[0].start(1, journal=path)
    die_in(run, gate)
    return run.id


def test_what_was_lost_and_then_failed_is_undone_although_failures_are_not(path):
    world = set()
    run_id = died(path, world)
    flow, outcomes = bank(world, fails=1)
    run = flow.resume(path, run_id)
    play(run.go())
    assert told(run.events)[-9:] == [
        "pay UNKNOWN",
        "pay RUNNING",
        "pay FAILED",
        "run ROLLING_BACK",
        "pay ROLLING_BACK",
        "pay ROLLED_BACK",
        "first ROLLING_BACK",
        "first ROLLED_BACK",
        "run ROLLED_BACK",
    ]
    assert (world, outcomes) == (set(), ["UNKNOWN"])


def test_before_it_is_done_anew_from_a_save_point_too(path):
    world = set()
    run_id = died(path, world, save_point=True)
    flow, outcomes = bank(world, fails=1, save_point=True)
    run = flow.resume(path, run_id)
    assert play(run.finish()) == ["paid"]
    assert (world, outcomes) == ({f"{run_id}/pay/do/2"}, ["UNKNOWN"])


def test_what_a_cancel_kept_from_being_called_again_is_undone(path):
    world = set()
    run_id = died(path, world)
    flow, outcomes = bank(world)
    run = flow.resume(path, run_id)

    async def main():
        going = asyncio.ensure_future(run.go())
        await asyncio.sleep(0)
        await run.cancel()
        await asyncio.gather(going, return_exceptions=True)

    play(main())
    assert words(run) == {"first": "rolled back", "pay": "rolled back"}
    assert (world, outcomes) == (set(), ["UNKNOWN"])


def test_what_was_skipped_meanwhile_is_undone(path):
    world = set()
    run_id = died(path, world)
    flow, outcomes = bank(world)
    run = flow.resume(path, run_id, on_failure="pause")
    run._driver.lost = ()  # nobody calls it again of himself
    run.skip("pay", "by hand")
    play(run.rollback())
    assert (world, outcomes) == (set(), ["UNKNOWN"])


def test_what_has_worked_since_is_in_doubt_no_more(path):
    world = set()
    run_id = died(path, world)
    flow, outcomes = bank(world)
    run = flow.resume(path, run_id)
    assert play(run.finish()) == ["paid"]
    play(run.rollback())
    assert (world, outcomes) == (set(), ["SUCCEEDED"])


def test_what_only_failed_is_not_undone_by_the_textbook(path):
    world = set()
    flow, outcomes = bank(world, fails=1)
    run = flow.start(1, journal=path)
    play(run.go())
    assert words(run) == {"first": "rolled back", "pay": "failed"}
    assert outcomes == []
