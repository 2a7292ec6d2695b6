"""No rollback overtakes its own action, also if that is not waited for any more, or by another run object."""

import asyncio
import threading

import networkx as nx
import pytest
from helpers import play, turns, words

from daga_nb import DagaAction, DagaFlow, DagaFlowError
from daga_nb.errors import JournalBusy


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


class Slow:
    """An action in a thread, of which each call ends when it is told to."""

    def __init__(self, **options):
        self.log, self.may_end, self.begun, self.lock = [], [], [], threading.Lock()
        action = DagaAction(self.work, name="slow", **options)
        action.on_rollback(self.undo)
        graph = nx.DiGraph()
        graph.add_node(action)
        self.flow = DagaFlow(graph)

    def work(self, results):
        with self.lock:
            number = len(self.may_end)
            self.may_end.append(threading.Event())
        self.log.append(f"do {number}")
        for begun in self.begun:
            begun()
        assert self.may_end[number].wait(20)
        self.log.append(f"done {number}")

    async def undo(self, results):
        self.log.append("undo")


def test_a_run_whose_thread_still_runs_is_not_resumed_beside_it(path):
    slow = Slow(timeout=0.01)
    run = slow.flow.start(1, journal=path, on_failure="pause")
    play(run.go())
    assert words(run) == {"slow": "unknown"}
    with pytest.raises(JournalBusy, match="goes on in this process"):
        slow.flow.resume(path, run.id)
    slow.may_end[0].set()
    play(run.rollback())
    assert slow.log == ["do 0", "done 0", "undo"]


def test_after_its_loop_was_closed_the_rollback_waits_for_the_thread():
    slow = Slow()
    run = slow.flow.start(1)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)

    async def until():
        begun = asyncio.Event()
        slow.begun.append(lambda: loop.call_soon_threadsafe(begun.set))
        task = asyncio.ensure_future(run.go())
        await begun.wait()
        return task

    left = loop.run_until_complete(until())
    loop.close()
    slow.begun.clear()

    async def main():
        back = asyncio.Event()
        run.subscribe(lambda event: back.set() if event.state == "ROLLING_BACK" else None)
        going = asyncio.ensure_future(run.go())
        await back.wait()
        await turns()
        assert slow.log == ["do 0"]
        slow.may_end[0].set()
        await going

    play(main())
    assert slow.log == ["do 0", "done 0", "undo"]
    assert words(run) == {"slow": "rolled back"}
    del left


def test_it_waits_for_all_the_calls_that_were_given_up():
    slow = Slow(timeout=0.01)
    run = slow.flow.start(1, on_failure="pause")

    async def main():
        await run.go()
        await run.retry()
        assert slow.log == ["do 0", "do 1"]
        back = asyncio.ensure_future(run.rollback())
        slow.may_end[1].set()
        (_, second) = run._driver.outcomes.strays[0]
        await asyncio.wrap_future(second)
        await turns()
        assert "undo" not in slow.log
        slow.may_end[0].set()
        await back

    play(main())
    assert slow.log == ["do 0", "do 1", "done 1", "done 0", "undo"]


def test_it_is_resumed_when_that_has_ended(path):
    slow = Slow(timeout=0.01)
    run = slow.flow.start(1, journal=path, on_failure="pause")
    play(run.go())
    slow.may_end[0].set()
    run._driver.outcomes.strays[0][0].result(20)
    again = slow.flow.resume(path, run.id, on_failure="rollback")
    with pytest.raises(DagaFlowError):
        play(again.finish())
    assert slow.log == ["do 0", "done 0", "undo"]
