"""Threads, loops, guarded callbacks and prints."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
import threading
import types
from contextlib import redirect_stdout

import pytest
from helpers import Gate, play, turns

from daga_nb.widgets import loop as room
from daga_nb.widgets.loop import Home, Throttle, capture_prints
from daga_nb.widgets.shell import after_each_cell, name_in_notebook

SHOWN = object()


class ManualLoop:
    """An event loop whose clock the test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.closed = False
        self.timers: list[tuple[float, object]] = []

    def time(self) -> float:
        return self.now

    def is_closed(self) -> bool:
        return self.closed

    def call_at(self, when, call):
        entry = (when, call)
        self.timers.append(entry)

        class Handle:
            def cancel(_) -> None:
                self.timers.remove(entry)

        return Handle()

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while due := sorted((entry for entry in self.timers if entry[0] <= end), key=lambda entry: entry[0]):
            self.timers.remove(due[0])
            self.now = max(self.now, due[0][0])
            due[0][1]()
        self.now = end


@pytest.fixture
def clock(monkeypatch):
    loop = ManualLoop()
    monkeypatch.setattr(room, "running_loop", lambda: loop)
    return loop


def test_the_first_request_is_served_at_once_and_the_others_together(clock):
    calls = []
    throttle = Throttle(lambda: calls.append(clock.now), 1.0)
    for _ in range(1000):
        throttle.request()
    clock.advance(0)
    assert calls == [100.0]
    for _ in range(1000):
        throttle.request()
    clock.advance(0.9)
    assert calls == [100.0]
    clock.advance(5)
    assert calls == [100.0, 101.0]


def test_a_request_made_while_flushing_is_not_lost(clock):
    calls = []

    def flush() -> None:
        calls.append(clock.now)
        if len(calls) == 1:
            throttle.request()

    throttle = Throttle(flush, 1.0)
    throttle.request()
    clock.advance(3)
    assert calls == [100.0, 101.0]


def test_a_delay_gathers_what_comes_after_the_first_request(clock):
    calls = []
    throttle = Throttle(lambda: calls.append(clock.now), 2.0, delay=0.5)
    throttle.request()
    clock.advance(0.4)
    throttle.request()
    clock.advance(0.1)
    assert calls == [100.5]
    throttle.request()
    clock.advance(5)
    assert calls == [100.5, 102.5]


def test_flushing_now_serves_the_request_that_waits(clock):
    calls = []
    throttle = Throttle(lambda: calls.append(clock.now), 1.0, delay=1.0)
    throttle.request()
    throttle.flush_now()
    clock.advance(5)
    assert calls == [100.0]


def test_a_loop_that_closed_before_the_timer_does_not_silence_the_throttle(monkeypatch):
    calls = []
    throttle = Throttle(lambda: calls.append("flush"), 1.0, delay=1.0)
    first, second = ManualLoop(), ManualLoop()
    monkeypatch.setattr(room, "running_loop", lambda: first)
    throttle.request()
    first.closed = True
    monkeypatch.setattr(room, "running_loop", lambda: second)
    throttle.request()
    second.advance(2)
    assert calls == ["flush"]


def test_without_a_loop_it_flushes_at_once():
    calls = []
    Throttle(lambda: calls.append("flush"), 1.0).request()
    assert calls == ["flush"]


def test_a_command_from_any_thread_runs_on_the_home_loop():
    async def main() -> None:
        home = Home(pytest.fail)
        seen: list[threading.Thread] = []
        arrived = asyncio.Event()

        def command() -> None:
            seen.append(threading.current_thread())
            arrived.set()

        def page() -> None:
            async def on_a_loop_of_its_own() -> None:
                assert home.call(command)

            asyncio.run(on_a_loop_of_its_own())

        thread = threading.Thread(target=page)
        thread.start()
        await arrived.wait()
        thread.join()
        assert seen == [threading.main_thread()]

    play(main())


def test_without_any_loop_a_call_says_so():
    assert Home(pytest.fail).call(lambda: None) is False


def test_starting_work_without_a_loop_says_what_to_do():
    async def work() -> None: ...

    with pytest.raises(RuntimeError, match="use this in a notebook"):
        Home(pytest.fail).start(work())


def test_a_home_made_in_a_script_adopts_the_loop_that_runs_later():
    home = Home(pytest.fail)
    done: list[str] = []

    async def main(word: str) -> None:
        home.call(done.append, word)
        await turns()

    play(main("one"))
    play(main("two"))
    assert done == ["one", "two"]


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt(), SystemExit(3)])
def test_what_a_task_raises_is_complained_about_and_never_reaches_the_loop(error):
    complaints: list[BaseException] = []

    async def work() -> None:
        raise error

    async def main() -> None:
        await Home(complaints.append).start(work())

    play(main())
    assert complaints == [error]


def test_what_a_callback_raises_is_complained_about():
    complaints: list[BaseException] = []

    async def main() -> None:
        Home(complaints.append).call(lambda: 1 / 0)
        await turns()

    play(main())
    assert [type(one) for one in complaints] == [ZeroDivisionError]


def test_a_task_is_held_until_it_ends():
    async def main() -> None:
        home = Home(pytest.fail)
        gate = Gate()
        home.start(gate.wait())
        await gate.reached.wait()
        assert len(home._tasks) == 1
        gate.open()
        await turns()
        assert not home._tasks

    play(main())


def test_print_and_logging_of_a_task_and_its_thread_are_captured(capsys):
    handler = logging.StreamHandler(sys.stderr)
    log = logging.getLogger("test_loop")
    log.addHandler(handler)

    def in_a_thread() -> None:
        print("from a thread")

    async def task(heard: list[str]) -> None:
        with capture_prints(heard.append):
            print("printed")
            print("to stderr", file=sys.stderr)
            log.warning("logged")
            await asyncio.to_thread(in_a_thread)

    async def main() -> list[str]:
        heard: list[str] = []
        await asyncio.create_task(task(heard))
        return heard

    try:
        heard = "".join(play(main()))
    finally:
        log.removeHandler(handler)
    for part in ("printed\n", "to stderr\n", "logged\n", "from a thread\n"):
        assert part in heard
    assert capsys.readouterr() == ("", "")


def test_what_others_print_meanwhile_goes_where_it_went(capsys):
    async def main() -> list[str]:
        heard: list[str] = []
        gate = Gate()

        async def captured() -> None:
            with capture_prints(heard.append):
                await gate.wait()
                print("mine")

        task = asyncio.create_task(captured())
        await gate.reached.wait()
        print("theirs")
        gate.open()
        await task
        return heard

    assert "".join(play(main())) == "mine\n"
    assert capsys.readouterr().out == "theirs\n"


def test_the_streams_are_put_back_after_the_last_capture():
    before = sys.stdout, sys.stderr
    handler = logging.StreamHandler(sys.stderr)
    logging.root.addHandler(handler)
    try:
        with capture_prints(lambda text: None), capture_prints(lambda text: None):
            assert sys.stdout is not before[0]
            assert handler.stream is sys.stderr
        assert (sys.stdout, sys.stderr) == before
        assert handler.stream is before[1]
    finally:
        logging.root.removeHandler(handler)


def test_a_stream_that_someone_put_in_between_is_left_alone():
    mine = io.StringIO()
    with capture_prints(lambda text: None), redirect_stdout(mine):
        print("to me")
        inner = sys.stdout
    assert inner is mine
    assert mine.getvalue() == "to me\n"


def test_a_tap_is_otherwise_the_stream_itself():
    with capture_prints(lambda text: None):
        assert sys.stdout.encoding == sys.__stdout__.encoding or sys.stdout.encoding
        sys.stdout.writelines(["a", "b"])
        sys.stdout.flush()


def test_without_ipython_no_cell_is_waited_for():
    class Someone:
        def touch(self) -> None: ...

    after_each_cell(Someone().touch)()


def test_a_value_has_the_name_that_the_notebook_gives_it(monkeypatch):
    shell = types.SimpleNamespace(user_ns={"_": 7, "_12": SHOWN, "bench": SHOWN, "other": object()})
    ipython = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert name_in_notebook(SHOWN) == "bench"
    assert name_in_notebook(object()) == ""


def test_where_there_is_no_notebook_nothing_has_a_name(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert name_in_notebook(SHOWN) is None
