"""The write into the journal fails, at every one of them: nothing is called that is not written down.

For several flows, ways of failing, and every n until a run has no failure: what is running is heard out, no
task is left, the error says what to do; and when the disk is mended, the same object goes on to the same end,
or `resume` does.
"""

import asyncio
import gc
import json
import threading
from collections import Counter
from itertools import count
from time import monotonic

import networkx as nx
import pytest
from broken_disk import WAYS, Disk
from helpers import Boom, play
from long import share

from daga_nb import DagaAction, DagaFlow, DagaFlowError, list_runs
from daga_nb.core.states import NodeState
from daga_nb.errors import JournalError, RecordedError
from daga_nb.journal import file

pytestmark = pytest.mark.timeout(60)


class World:
    """What the actions of one run do, and whether it was written down before that they would."""

    def __init__(self, path):
        self.path = path
        self.begun = []
        self.ended = []
        self.unlogged = []

    def begin(self, what, name):
        """Take note that a call begins; its intent has to be the last thing that the file says of it."""
        self.begun.append(f"{what} {name}")
        journal = file._open[self.path]
        ((plan,),) = journal.read("SELECT plan FROM run")
        ((state,),) = journal.read(
            "SELECT state FROM event WHERE node = ? ORDER BY seq DESC LIMIT 1",
            (json.loads(plan)["names"].index(name),),
        )
        if state != {"do": "RUNNING", "undo": "ROLLING_BACK"}[what]:
            self.unlogged.append((what, name, state))

    def action(self, name, *, fails=0, undo_fails=0, thread=False, **options):
        """Make an action that fails so many times, and whose rollback does."""
        left = {"do": fails, "undo": undo_fails}

        def call(what, context):
            self.begin(what, name)
            if thread:
                if what == "do":
                    context.effect("thing", name)
                else:
                    context.undo_effect("thing", name)
            self.ended.append(f"{what} {name}")
            if left[what]:
                left[what] -= 1
                raise Boom(f"{what} {name}")
            return f"{name}!"

        def do(results, context):
            return call("do", context)

        def undo(results, context):
            return call("undo", context)

        made = DagaAction(do, name=name, in_thread=thread, **options)
        made.on_rollback(undo)
        return made


def graph(edges, made):
    found, made = nx.DiGraph(), list(made)
    found.add_nodes_from(made)
    by_name = {one.__name__: one for one in made}
    found.add_edges_from((by_name[one], by_name[other]) for one, other in edges)
    return found


DIAMOND = ["ab", "ac", "bd", "cd"]


def success(world, **options):
    return DagaFlow(graph(DIAMOND, map(world.action, "abcd")), **options)


def rollback(world, **options):
    return DagaFlow(graph(DIAMOND, [*map(world.action, "abc"), world.action("d", fails=1)]), **options)


def retries(world):
    again = {"retries": 2, "rollback_retries": 1}
    made = [
        world.action("a", undo_fails=1, **again),
        world.action("b", fails=2, **again),
        world.action("c", fails=3, undo_fails=1, **again),
    ]
    return DagaFlow(graph(["ab", "bc"], made), schedule="eager")


def save_point(world):
    made = [world.action("a"), world.action("b", save_point=1), world.action("c"), world.action("d", fails=1)]
    return DagaFlow(graph(["ab", "bc", "cd"], made))


def threads(world):
    made = [world.action(name, thread=True) for name in "abc"]
    return DagaFlow(graph(DIAMOND, [*made, world.action("d", thread=True, fails=1)]))


def rollback_that_fails(world):
    made = [world.action("a"), world.action("b", undo_fails=1), world.action("c", fails=1)]
    return DagaFlow(graph(["ab", "bc"], made))


async def to_the_end(run):
    try:
        await run.finish()
    except DagaFlowError as error:
        return [str(one) for one in error.exceptions]
    return run.outputs


async def in_steps(run):
    await run.step()
    while not run.state.ended:
        await run.step()
    return run.outputs


CASES = {
    "success": (success, to_the_end),
    "success, eager": (lambda world: success(world, schedule="eager", max_parallel=1), to_the_end),
    "rollback": (rollback, to_the_end),
    "rollback, stepped": (rollback, in_steps),
    "rollback that fails": (rollback_that_fails, to_the_end),
    "retries": (retries, to_the_end),
    "save point": (save_point, to_the_end),
    "effects told in threads": (threads, to_the_end),
}


def end_of(run):
    """Give what a run has come to: all that people see of it, but for the times."""
    ledger = {place for place, count in counted(run.ledger.entries).items() if count}
    return run.state, dict(run.states), run.results, sorted(map(said, run.errors.values())), ledger


def said(error):
    return error.message if isinstance(error, RecordedError) else str(error)


def counted(entries):
    found = Counter()
    for entry in entries:
        found[entry.name, entry.key] += 1 if entry.kind == "done" else -1
    return found


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch)


def unhurt(case, path):
    make, drive = CASES[case]
    world = World(path)
    run = make(world).start(17, journal=path)
    play(drive(run))
    return end_of(run), world.begun


# An interrupt strikes the main thread alone.
POINTS = [(case, way) for case in CASES for way in WAYS if "threads" not in case or "interrupted" not in way]


@pytest.mark.parametrize(("case", "way"), share(POINTS, one_in=10, about="broken disk"))
def test_the_same_object_goes_on_once_the_disk_is_mended(tmp_path, disk, case, way, counts):
    wanted, calls = unhurt(case, tmp_path / "unhurt.db")
    for n in count(1):
        path = tmp_path / f"{n}.db"
        world, run = broken(case, way, n, path, disk)
        if run is None:
            break
        disk.mend()
        play(CASES[case][1](run))
        assert world.unlogged == []
        if "interrupted" not in way:
            assert end_of(run) == wanted
            assert Counter(world.begun) == Counter(calls)
        assert run.state.ended
        every_effect_is_undone_once(run, world)
        (kept,) = list_runs(path)
        assert kept.state is run.state
        assert [event._replace(at=0) for event in kept.story.events] == [
            event._replace(at=0) for event in run.events
        ]
        assert kept.story.ledger.entries == run.ledger.entries
        counts("a write fails, the object goes on", writes=1)
    assert n >= 5


@pytest.mark.parametrize(("case", "way"), share(POINTS, one_in=16, about="broken disk, resumed"))
def test_or_the_run_is_resumed(tmp_path, disk, case, way, counts):
    wanted, calls = unhurt(case, tmp_path / "unhurt.db")
    for n in count(1):
        path = tmp_path / f"{n}.db"
        world, run = broken(case, way, n, path, disk)
        if run is None:
            break
        flow, run_id = run.flow, run.id
        disk.mend()
        del run
        let_go(path)
        kept = list_runs(path)
        if not kept:
            assert n == 1
            assert world.begun == []
            with pytest.raises(JournalError, match=f"there is no run {run_id!r}"):
                flow.resume(path, run_id)
            continue
        lost = kept[0].lost
        run = flow.resume(path, run_id)
        play(CASES[case][1](run))
        assert world.unlogged == []
        assert run.state.ended
        if not lost:
            assert end_of(run) == wanted
            assert Counter(world.begun) == Counter(calls)
        elif case != "save point":
            assert run.state.word != "succeeded"
        every_effect_is_undone_once(run, world, lost)
        counts("a write fails, the run is resumed", writes=1)
    assert n >= 5


def broken(case, way, n, path, disk):
    """Give a run whose n-th write has failed, and its world; or None if it has no so many."""
    make, drive = CASES[case]
    world = World(path)
    begun_by_then = []

    def failed():
        begun_by_then.append(len(world.begun))

    run = make(world).start(17, journal=path)
    disk.fail(n, way, failed)
    try:
        if "interrupted" in way:
            asyncio.run(drive(run))  # which cancels what is left
        else:
            play(drive(run))
    except KeyboardInterrupt:
        assert "interrupted" in way
    except JournalError as error:
        told = str(error)
        assert WAYS[way][2] in told
        assert str(path) in told
    else:
        assert not begun_by_then, "and nobody was told"
        return world, None
    (then,) = begun_by_then
    if "interrupted" not in way:
        if case != "effects told in threads":  # where it may strike in one thread before another has begun
            assert len(world.begun) == then, "nothing is called after it"
        assert len(world.ended) == len(world.begun), "and what was called is heard out"
    assert world.unlogged == []
    return world, run


def let_go(path):
    """Collect the run that nobody has any more; a thread of it may have it a moment longer."""
    until = monotonic() + 10
    gc.collect()
    while path in file._open and monotonic() < until:
        for thread in threading.enumerate():
            if thread.name.startswith("daga_nb"):
                thread.join(0.01)
        gc.collect()
    assert path not in file._open, "its object is gone, and so the file is let go"


def every_effect_is_undone_once(run, world, lost=()):
    done, undone = Counter(), Counter()
    for line in world.ended:
        what, _, name = line.partition(" ")
        (done if what == "do" else undone)[name] += 1
    for name, state in run.states.items():
        if state is NodeState.SUCCEEDED:
            assert done[name] >= 1
        elif state is NodeState.ABANDONED:
            assert done[name] == 0
            assert undone[name] == 0
        elif state in (NodeState.ROLLED_BACK, NodeState.ROLLBACK_FAILED):
            assert undone[name] >= 1
