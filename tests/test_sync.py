"""`run_sync`: from plain code, from a thread, and inside a running loop.

Inside a running loop, nest-asyncio2 changes the loop for good: those tests run in a process of their own.
"""

import asyncio
import subprocess
import sys
import textwrap
import threading

import pytest
from helpers import Boom, flow_of

from daga_nb import DagaFlow, DagaFlowError
from daga_nb.engine.sync import run_to_end
from daga_nb.errors import DagaError

HEAD = """
import asyncio, sys
from daga_nb import DagaAction, DagaFlow, DagaFlowError

done = []

@DagaAction
async def book(results):
    await asyncio.sleep(0)
    done.append("do book")
    return results[0] + 1

@book.on_rollback
async def cancel(results, result):
    done.append(f"undo book {result}")

async def fail(results):
    raise ValueError("no")

async def double(results):
    return results[0] * 2

good, bad = DagaFlow([(book, double)]), DagaFlow([(book, fail)])
"""


def in_a_process(body):
    code = HEAD + textwrap.dedent(body)
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=50, check=False
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.split("\n")[:-1]


# -------------------------------------------------------------------------- from plain code


def test_from_plain_code(done):
    assert flow_of(done).run_sync() == ["d"]
    assert done == ["do a", "do b", "do c", "do d"]


def test_a_failure_reaches_plain_code_after_the_rollback(done):
    flow = flow_of(done, how={"d": {"fails": Boom("no")}})
    with pytest.raises(DagaFlowError) as failed:
        flow.run_sync()
    assert [str(error) for error in failed.value.exceptions] == ["no"]
    assert done == ["do a", "do b", "do c", "do d", "undo d", "undo b", "undo c", "undo a"]


def test_a_failure_does_not_seem_to_come_of_there_being_no_loop(done):
    with pytest.raises(DagaFlowError) as caught:
        flow_of(done, how={"d": {"fails": Boom("no")}}).run_sync()
    assert caught.value.__context__ is None
    assert caught.value.exceptions[0].__context__ is None


def test_from_a_thread_while_a_loop_runs_in_another(done):
    flow = flow_of(done)

    async def main():
        return await asyncio.to_thread(flow.run_sync)

    assert asyncio.run(main()) == ["d"]


def test_from_a_plain_action_which_has_a_thread_of_its_own(done):
    inner = flow_of(done)
    threads = []

    def call_inner(results):
        threads.append(threading.current_thread() is threading.main_thread())
        return inner.run_sync()[0]

    async def end(results):
        return results[0] + "!"

    assert DagaFlow([(call_inner, end)]).run_sync() == ["d!"]
    assert threads == [False]


# -------------------------------------------------------------------- inside a running loop


def test_inside_a_running_loop():
    assert in_a_process("""
        async def main():
            print(good.run_sync(1), good.run_sync(2), await good.run(3))
        asyncio.run(main())
        print(done)
    """) == ["[4] [6] [8]", "['do book', 'do book', 'do book']"]


def test_inside_a_running_loop_a_failure_is_rolled_back_and_raised():
    assert in_a_process("""
        async def main():
            try:
                bad.run_sync(1)
            except DagaFlowError as failed:
                print(repr(failed.exceptions))
        asyncio.run(main())
        print(done)
    """) == ["(ValueError('no'),)", "['do book', 'undo book 2']"]


def test_nested_in_an_action_on_the_loop():
    assert in_a_process("""
        async def inner(results):
            return good.run_sync(results[0])[0]
        flow = DagaFlow([(inner, double)])
        async def main():
            print(flow.run_sync(1), await flow.run(2))
        asyncio.run(main())
    """) == ["[8] [12]"]


def test_an_observer_may_run_another_flow_to_its_end_and_hurts_nothing():
    lines = in_a_process("""
        async def main():
            run = good.start(1)
            def observer(event):
                if str(event) == "double RUNNING":
                    print("inner", good.run_sync(5))
            run.subscribe(observer)
            print("outer", await run.finish())
            print(*(str(event) for event in run.events), sep=", ")
        asyncio.run(main())
    """)
    assert sorted(lines) == [
        "inner [12]",
        "outer [4]",
        "run RUNNING, book RUNNING, book SUCCEEDED, double RUNNING, double SUCCEEDED, run SUCCEEDED",
    ]


def test_other_tasks_of_the_loop_go_on_meanwhile():
    assert in_a_process("""
        async def other():
            for number in range(3):
                done.append(number)
                await asyncio.sleep(0)
        async def main():
            task = asyncio.ensure_future(other())
            good.run_sync(1)
            await task
            print(sorted(done, key=str))
        asyncio.run(main())
    """) == ["[0, 1, 2, 'do book']"]


def test_no_task_is_left_inside_the_loop():
    assert in_a_process("""
        async def main():
            good.run_sync(1)
            try:
                bad.run_sync(1)
            except DagaFlowError:
                pass
            print(len(asyncio.all_tasks()))
        asyncio.run(main())
    """) == ["1"]


def test_plain_code_never_loads_what_makes_a_loop_re_entrant():
    assert in_a_process("""
        print(good.run_sync(1))
        print("nest_asyncio2" in sys.modules)
    """) == ["[4]", "False"]


def test_the_stop_button_inside_a_running_loop_rolls_back_and_goes_on():
    """A KeyboardInterrupt that strikes the loop while `run_sync` waits in it."""
    assert in_a_process("""
        async def main():
            loop = asyncio.get_running_loop()
            async def wait(results):
                def strike():
                    raise KeyboardInterrupt
                loop.call_soon(strike)
                await loop.create_future()
            flow = DagaFlow([(book, wait)])
            try:
                flow.run_sync(1)
            except KeyboardInterrupt:
                print("stopped", done)
        asyncio.run(main())
    """) == ["stopped ['do book', 'undo book 2']"]


def test_the_stop_button_pressed_three_times_rolls_back_once_and_is_raised_then():
    """A real SIGINT, wherever it finds the loop; what comes after the first is remembered, not obeyed."""
    assert in_a_process("""
        import signal
        signal.signal(signal.SIGINT, signal.default_int_handler)
        async def main():
            async def wait(results):
                for _ in range(3):
                    signal.raise_signal(signal.SIGINT)
                await asyncio.Event().wait()
            # asyncio.run has a handler of its own; a notebook's kernel has this one while a cell runs.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                DagaFlow([(book, wait)]).run_sync(1)
            except KeyboardInterrupt:
                print("stopped", done)
            print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
        asyncio.run(main())
    """) == ["stopped ['do book', 'undo book 2']", "True"]


def test_a_loop_that_cannot_be_made_re_entrant_is_named(done, monkeypatch):
    import nest_asyncio2

    def apply(loop):
        raise ValueError("Can't patch loop of type <class 'uvloop.Loop'>")

    monkeypatch.setattr(nest_asyncio2, "apply", apply)

    async def main():
        flow_of(done).run_sync()

    with pytest.raises(
        DagaError, match=r"cannot run inside this event loop .*uvloop.*: use `await flow\.run\(\)`"
    ):
        asyncio.run(main())
    assert done == []


def test_what_is_run_to_its_end_gives_what_it_returns():
    async def work():
        return 3

    assert run_to_end(work()) == 3
