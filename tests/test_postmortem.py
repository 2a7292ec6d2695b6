"""A failed flow in a notebook: what is shown, and where the debugger lands."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import types

import nbformat
import pytest
from helpers import action, play
from nbclient import NotebookClient

import daga_nb
from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault
from daga_nb.errors import DagaError
from daga_nb.widgets import postmortem
from daga_nb.widgets.failures import failed_in, landing_of, told
from daga_nb.widgets.frames import clean, own_frames
from daga_nb.widgets.postmortem import full_traceback, install, remember

# A real shell in a process of its own. It shows tracebacks as a kernel does, and tells what each cell gave.
SHELL = """
import contextlib, io, json, sys
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

config = Config()
config.HistoryManager.enabled = False
config.InteractiveShell.colors = "nocolor"
shell, told, shown = InteractiveShell.instance(config=config), [], []
shell._showtraceback = lambda kind, error, lines: shown.append([kind.__name__, "\\n".join(lines)])

def stack(tb=None):
    names, tb = [], tb or sys.last_traceback
    while tb is not None:
        names.append(tb.tb_frame.f_code.co_name)
        tb = tb.tb_next
    return names

shell.push({"stack": stack, "sys": sys})
for cell in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        done = shell.run_cell(cell, store_history=True)
    told.append([done.success, [*shown], out.getvalue(), err.getvalue()])
    shown.clear()
json.dump(told, sys.stdout)
"""

FLOW = """
from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault

@DagaAction
async def hotel(results):
    return "room 17"

@hotel.on_rollback
async def cancel_hotel(results, result):
    print("cancel", result)

@DagaAction.options(no_effect=True)
async def card(results):
    room = results[0]
    raise TimeoutError("no answer")

flow = DagaFlow([(hotel, card)], name="trip")
"""

ENGINE = ("daga_nb/", "perform.py", "engine", "interactiveshell", "asyncio")


class Cell:
    """What one cell gave."""

    def __init__(self, success, shown, out, err) -> None:
        self.success, self.out, self.err = success, out, err
        self.kinds = [kind for kind, _ in shown]
        self.text = "\n".join(text for _, text in shown)

    @property
    def lines(self):
        return self.text.splitlines()


def cells(tmp_path, *sources):
    """Run cells in a fresh shell, and give what each gave."""
    done = subprocess.run(
        [sys.executable, "-c", SHELL],
        input=json.dumps(sources),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    return [Cell(*one) for one in json.loads(done.stdout)]


def failure(flow, *args, **more):
    """Run a flow that fails, and give its error."""
    with pytest.raises(DagaFlowError) as caught:
        play(flow.run(*args, **more))
    return caught.value


LAST = ("last_type", "last_value", "last_traceback", "last_exc")


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    """Keep what a test remembers from the others."""
    monkeypatch.setattr(postmortem, "_last", None)
    monkeypatch.setattr(postmortem, "_trimmed", None)
    before = {name: getattr(sys, name) for name in LAST if hasattr(sys, name)}
    for name in before:
        delattr(sys, name)
    yield
    for name in LAST:
        if name in before:
            setattr(sys, name, before[name])
        elif hasattr(sys, name):
            delattr(sys, name)


# ----------------------------------------------------------------------------- in a real shell

WAYS = ["await flow.run()", "flow.run_sync()", "run = flow.start()\nawait run.finish()"]


@pytest.mark.parametrize("way", WAYS)
def test_a_failed_cell_shows_the_frames_of_the_action_and_the_debugger_lands_there(tmp_path, way):
    _, failed, last = cells(
        tmp_path,
        FLOW,
        way,
        "tb = get_ipython().InteractiveTB.tb\n"
        "print(stack(), tb is sys.last_traceback is sys.last_value.__traceback__, repr(sys.last_value))\n"
        "print(sys.last_traceback.tb_frame.f_locals['room'])",
    )
    assert not failed.success
    assert failed.kinds == ["DagaFlowError"]
    assert re.sub(r"run \w{12}", "run ID", failed.text).splitlines() == [
        "DagaFlowError: flow 'trip', run ID: 1 action failed",
        f"  Cell In[2], line {len(way.splitlines())}, in <module>",
        f"    {way.splitlines()[-1]}",
        "",
        "card (batch 2, attempt 1) failed: TimeoutError: no answer",
        "  Cell In[1], line 14, in card",
        '    raise TimeoutError("no answer")',
        "",
        "rolled back: nothing is left",
        "the full traceback: daga_nb.full_traceback()  ·  %debug: in the frame of card",
    ]
    assert (failed.out, failed.err) == ("cancel room 17\n", "")
    assert last.out == "['card'] True TimeoutError('no answer')\nroom 17\n"


def test_a_failed_rollback_is_shown_and_debugged_likewise(tmp_path):
    _, failed, last = cells(
        tmp_path,
        FLOW,
        "@hotel.on_rollback\ndef refuse(results):\n    raise OSError('full') from KeyError('seat')",
        "run = flow.start()\nawait run.step()\nawait run.rollback()",
        "print(stack(), repr(sys.last_value))",
    )[1:]
    assert failed.lines[0].endswith(": 1 rollback failed")
    assert failed.lines[4:8] == [
        "the rollback of hotel (batch 1, attempt 1) failed: OSError: full",
        "  Cell In[2], line 3, in refuse",
        "    raise OSError('full') from KeyError('seat')",
        "  caused by KeyError: 'seat'",
    ]
    assert failed.lines[-2] == "rollback incomplete; left: hotel"
    assert failed.lines[-1].endswith("%debug: in the frame of the rollback of hotel")
    assert last.out == "['refuse'] OSError('full')\n"


def test_the_full_traceback_is_one_call_away(tmp_path):
    _, before, _, full, other, again, raised, restored = cells(
        tmp_path,
        FLOW,
        "import daga_nb\ndaga_nb.full_traceback()",
        "try:\n    await flow.run()\nexcept DagaFlowError as error:\n    kept = error\n    raise",
        "daga_nb.full_traceback()",
        "1 / 0",
        "daga_nb.full_traceback(kept)",
        "raise kept",
        "daga_nb.full_traceback()",
    )
    assert before.kinds == ["DagaError"]
    assert "no flow has failed" in before.text
    assert 'engine/perform.py", line' in full.out
    assert ", in card" in full.out
    assert "run_code" in full.out
    assert other.kinds == ["ZeroDivisionError"]
    assert again.out == full.out
    assert raised.lines[3:] == [
        "",
        "card (batch 2, attempt 1) failed: TimeoutError: no answer",
        "  Cell In[1], line 14, in card",
        '    raise TimeoutError("no answer")',
        "",
        "rolled back: nothing is left",
        "the full traceback: daga_nb.full_traceback()  ·  %debug: in the frame of card",
    ]
    assert restored.out.count("perform.py") == full.out.count("perform.py") == 1


def test_the_tb_magic_shows_the_action(tmp_path):
    *_, shown = cells(tmp_path, FLOW, "await flow.run()", "%tb")
    assert shown.kinds == ["TimeoutError"]
    assert "Cell In[1], line 14" in shown.text
    assert not any(word in shown.text for word in ENGINE)


def test_a_planted_failure_has_no_frame_and_says_so(tmp_path):
    _, failed, last = cells(
        tmp_path,
        FLOW,
        "await flow.run(faults=[Fault.raising(ValueError('no'), at='card', where='after'),\n"
        "    Fault.raising(ValueError('no'), at='hotel')])",
        "print(stack(), type(sys.last_value).__name__)\n%tb",
    )
    assert failed.lines[4:] == [
        "hotel (batch 1, attempt 1) failed: ValueError: no",
        "  planted, before the effect: no frame of its own",
        "",
        "rolled back: nothing is left",
        "the full traceback: daga_nb.full_traceback()  ·  "
        "%debug: where the flow was run, for no action has a frame of its own",
    ]
    assert last.out.splitlines()[0] == "['<module>'] DagaFlowError"


MINE = """
class Mine(Exception): pass
def handler(shell, kind, error, tb, tb_offset=None):
    print("mine:", kind.__name__)
get_ipython().set_custom_exc(({},), handler)
"""


def test_what_the_user_set_before_goes_on(tmp_path):
    _, _, mine, failed, other = cells(
        tmp_path, MINE.format("Mine"), FLOW, "raise Mine", "await flow.run()", "1 / 0"
    )
    assert (mine.out, mine.kinds, mine.success) == ("mine: Mine\n", [], False)
    assert failed.kinds == ["DagaFlowError"]
    assert "TimeoutError: no answer" in failed.text
    assert other.kinds == ["ZeroDivisionError"]


def test_who_shows_all_exceptions_shows_this_one_too_and_the_debugger_still_lands(tmp_path):
    *_, failed, last = cells(tmp_path, MINE.format("Exception"), FLOW, "await flow.run()", "print(stack())")
    assert (failed.out.splitlines()[-1], failed.kinds) == ("mine: DagaFlowError", [])
    assert last.out == "['card']\n"


def test_what_the_user_sets_later_holds_and_may_be_joined_again(tmp_path):
    _, _, mine, failed, _, both, again = cells(
        tmp_path,
        FLOW,
        MINE.format("Mine"),
        "raise Mine",
        "await flow.run()",
        "from daga_nb.widgets.postmortem import install\ninstall()",
        "await flow.run()",
        "raise Mine",
    )
    assert mine.out == again.out == "mine: Mine\n"
    assert failed.kinds == []
    assert "TimeoutError: no answer" in failed.err
    assert both.kinds == ["DagaFlowError"]


def test_a_handler_of_the_user_that_fails_takes_only_itself_along(tmp_path):
    broken = MINE.format("Mine").replace('print("mine:", kind.__name__)', "1 / 0")
    _, _, mine, failed = cells(tmp_path, broken, FLOW, "raise Mine", "await flow.run()")
    assert "ZeroDivisionError" in mine.out
    assert failed.kinds == ["DagaFlowError"]


def test_importing_again_changes_nothing(tmp_path):
    _, _, failed, same = cells(
        tmp_path,
        FLOW,
        "import importlib, daga_nb\nbefore = get_ipython().CustomTB\n"
        "importlib.reload(daga_nb)\nimportlib.reload(daga_nb.widgets.postmortem).install()",
        "await flow.run()",
        "print(get_ipython().CustomTB is before, get_ipython().custom_exceptions == (DagaFlowError,))",
    )
    assert failed.kinds == ["DagaFlowError"]
    assert same.out == "True True\n"


def test_an_import_into_a_shell_loads_no_widgets(tmp_path):
    *_, told_ = cells(
        tmp_path,
        "import daga_nb",
        "print([name for name in ('ipywidgets', 'anywidget', 'matplotlib') if name in sys.modules])",
    )
    assert told_.out == "[]\n"


def test_what_goes_wrong_in_here_never_hides_the_error(tmp_path):
    _, failed, last = cells(
        tmp_path,
        FLOW + "from daga_nb.widgets import postmortem\n"
        "def broken(*args): raise SystemExit('broken')\npostmortem.told = broken",
        "await flow.run()",
        "print(len(get_ipython().custom_exceptions))",
    )
    assert not failed.success
    assert "could not be shown in short: SystemExit: broken" in failed.err
    assert "Exception Group Traceback" in failed.err
    assert "TimeoutError: no answer" in failed.err
    assert last.out == "1\n"


def test_other_errors_are_left_to_the_shell(tmp_path):
    _, failed, wrapped = cells(
        tmp_path,
        FLOW,
        "raise KeyError('x')",
        "try:\n    await flow.run()\nexcept DagaFlowError as error:\n    raise KeyError('y') from error",
    )
    assert "KeyError: 'x'" in failed.text
    assert "KeyError: 'y'" in wrapped.err  # IPython's way with a group in the chain
    assert "DagaFlowError" in wrapped.err


def test_with_the_pdb_magic_the_debugger_comes_up_by_itself(tmp_path):
    *_, last = cells(
        tmp_path,
        FLOW,
        "shell = get_ipython()\nshell.call_pdb = True\n"
        "shell.debugger = lambda force=False: print('debugger', stack())",
        "await flow.run()",
    )
    assert last.out.splitlines()[-1] == "debugger ['card']"


@pytest.mark.notebook
def test_in_a_real_kernel_the_cell_fails_and_the_debugger_lands_in_the_action():
    sources = [
        FLOW,
        "await flow.run()",
        "asked = ['p room', 'w', 'u', 'q']\n"
        "get_ipython().kernel.raw_input = lambda prompt='': print(prompt + asked[0]) or asked.pop(0)\n"
        "import builtins\nbuiltins.input = get_ipython().kernel.raw_input",
        "%debug",
        "asked[:] = ['p room', 'q']\nimport pdb\npdb.pm()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in sources])
    NotebookClient(
        notebook, timeout=60, kernel_name="python3", allow_errors=True, coalesce_streams=True
    ).execute()
    _, failed, _, debugged, pm = [cell.outputs for cell in notebook.cells]
    (error,) = [one for one in failed if one.output_type == "error"]
    assert error.ename == "DagaFlowError"
    text = "\n".join(error.traceback)
    assert "  Cell In[1], line 14, in card\n" in text
    assert text.endswith("%debug: in the frame of card")
    assert not any(word in text for word in ENGINE)
    said = re.sub(r"\x1b\[[\d;]*m", "", "".join(one.text for one in debugged))
    assert re.search(r"\(14\)card\(\)", said.splitlines()[0])
    assert "'room 17'" in said
    assert "*** Oldest frame" in said
    assert not any(word in said for word in ENGINE)
    assert "'room 17'" in pm[0].text


# ----------------------------------------------------------------------------- the words


def names_of(landing):
    return [frame.tb_frame.f_code.co_name for frame in own_frames(landing.short)]


def test_many_failures_are_counted_and_named(done):
    made = [action(done, f"a{number}", fails=KeyError(number)) for number in range(300)]
    root = action(done, "root")
    error = failure(DagaFlow([(root, one) for one in made]))
    lines = told(error, landing_of(error))
    assert [line for line in lines if "failed" in line][1:] == [
        *(f"a{number} (batch 2, attempt 1) failed: KeyError: {number}" for number in range(5)),
        f"295 more failed: {', '.join(f'a{number}' for number in range(5, 45))}, … and 255 more",
    ]
    assert len(lines) < 50


def test_a_flow_in_an_action_is_shown_inside_it_and_the_debugger_lands_in_the_innermost(done):
    async def deep(results):
        raise LookupError("nothing there")

    inner = DagaFlow([(action(done, "first"), deep)], name="inner")

    async def middle(results):
        return await inner.run()

    def outer(results):
        return DagaFlow([(action(done, "second"), middle)], name="middling").run_sync()

    error = failure(DagaFlow([(action(done, "third"), outer)], name="outermost"))
    landing = landing_of(error)
    assert names_of(landing) == ["outer", "middle", "deep"]
    assert landing.words == "in the frame of deep, in middle, in outer"
    heads = [line.partition(": ") for line in told(error) if "failed:" in line]
    assert [head for head, *_ in heads] == [
        "outer (batch 2, attempt 1) failed",
        "  middle (batch 2, attempt 1) failed",
        "    deep (batch 2, attempt 1) failed",
    ]
    assert heads[-1][2] == "LookupError: nothing there"


def test_flows_in_flows_without_end_are_told_to_a_bound(done):
    async def bottom(results):
        raise LookupError

    def around(function):
        flow = DagaFlow([(action(done, "one"), function)])

        async def above(results):
            return await flow.run()

        return above

    function = bottom
    for _ in range(12):
        function = around(function)
    error = failure(DagaFlow([(action(done, "one"), function)]))
    assert any("what failed in there" in line for line in told(error))
    assert names_of(landing_of(error)) == ["above"] * 5


def test_a_nested_flow_that_failed_without_a_frame_leads_to_who_ran_it(done):
    inner = DagaFlow([(action(done, "first"), action(done, "last"))])

    async def outer(results):
        return await inner.run(faults=[Fault.raising(ValueError("no"), at="last")])

    error = failure(DagaFlow([(action(done, "third"), outer)]))
    landing = landing_of(error)
    assert names_of(landing) == ["outer"]
    assert landing.error is error.exceptions[0]
    assert any("planted, before the effect" in line for line in told(error))


def test_tasks_of_an_action_are_shown_too(done):
    async def task():
        raise LookupError("in a task")

    async def outer(results):
        async with asyncio.TaskGroup() as group:
            group.create_task(task())

    error = failure(DagaFlow([(action(done, "first"), outer)]))
    assert names_of(landing_of(error)) == ["outer", "task"]
    assert "  LookupError: in a task" in told(error)


def test_what_was_called_in_a_library_is_counted_and_stays_for_the_debugger(done):
    def read(results):
        return json.loads("{")

    error = failure(DagaFlow([(action(done, "first"), read)]))
    assert '    return json.loads("{")' in told(error)
    assert "  … 3 frames in json" in told(error)
    landing = landing_of(error)
    assert names_of(landing) == ["read", "loads", "decode", "raw_decode"]
    assert landing.words == "below the frame of read"


def test_frames_of_the_engine_below_an_action_are_cut_off(done):
    def wrong(results):
        return DagaFlow([])

    assert names_of(landing_of(failure(DagaFlow([(action(done, "first"), wrong)])))) == ["wrong"]


def test_a_recursion_is_short(done):
    def again(results):
        return again(results)

    error = failure(DagaFlow([(action(done, "first"), again)]))
    assert len(told(error)) < 40
    assert any(re.fullmatch(r"  … \d{3} frames like these", line) for line in told(error))
    assert names_of(landing_of(error))[-1] == "again"


def test_an_interrupted_action_is_told_as_what_interrupted_it(done):
    async def gone(results):
        raise asyncio.CancelledError("of its own")

    error = failure(DagaFlow([(action(done, "first"), gone)]))
    assert "gone (batch 2, attempt 1) failed: CancelledError: of its own" in told(error)
    assert isinstance(landing_of(error).error, asyncio.CancelledError)


def test_actions_that_raise_the_same_error_keep_their_names(done):
    shared, root = ValueError("shared"), action(done, "root")
    lines = told(failure(DagaFlow([(root, action(done, name, fails=shared)) for name in "ab"])))
    assert [line for line in lines if "attempt" in line] == [
        "a (batch 2, attempt 1) failed: ValueError: shared",
        "b (batch 2, attempt 1) failed: ValueError: shared",
    ]


def test_a_run_rolled_back_by_request_says_so(done):
    run = DagaFlow([(action(done, "a"), action(done, "b"))]).start()

    async def main():
        await run.step()
        await run.rollback()
        await run.finish()

    with pytest.raises(DagaFlowError) as caught:
        play(main())
    lines = told(caught.value, landing_of(caught.value))
    assert lines[0].endswith("rolled back by request")
    assert lines[-1].endswith("where the flow was run, for no action has a frame of its own")


def test_an_error_without_a_run_is_told_by_its_notes():
    error = ValueError("no")
    error.add_note("in action 'pay', batch 2, attempt 3")
    error.add_note("ask the bank")
    lines = told(DagaFlowError("it", [error]))
    assert "pay (batch 2, attempt 3) failed: ValueError: no" in lines
    assert "  ask the bank" in lines


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("cannot say")


HOSTILE = {
    "colours": "\x1b[31mred\x1b[0m",
    "a title": "\x1b]0;owned\x07text",
    "an open title": "\x1b]0;owned",
    "one byte": "\x9b31mred",
    "bells": "\x07\x08\x00\r\nnext",
    "right to left": "abc\u202edef",
    "a lone surrogate": "half \ud83d",
    "long": "\x1b[2J" + "x" * 200_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_text_of_others_is_obeyed_by_a_terminal(done, text, capsys):
    error = ValueError(text)
    error.add_note(text)
    error.__cause__ = KeyError(text)
    bad = action(done, text, fails=error, undo_fails=OSError(text))
    failed = failure(DagaFlow([(action(done, "first"), bad)], name=text))
    lines = told(failed, landing_of(failed))
    full_traceback(failed)
    shown = [*lines, *capsys.readouterr().out.splitlines()]
    assert [line for line in shown if re.search(r"[\x00-\x1f\x7f-\x9f\u202e\ud800-\udfff]", line)] == []
    assert max(map(len, lines)) < 1200
    "\n".join(shown).encode()


def test_a_message_that_cannot_be_shown_breaks_nothing(done):
    error = failure(DagaFlow([(action(done, "a"), action(done, "b", fails=Mute()))]))
    assert "b (batch 2, attempt 1) failed: Mute: (its message cannot be shown: RuntimeError)" in told(error)


class Falsy(Exception):
    def __bool__(self):
        return False

    def __eq__(self, other):
        raise RuntimeError("not to be compared")

    __hash__ = None


def test_an_error_that_is_falsy_and_cannot_be_compared_is_told_like_others(done):
    error = failure(DagaFlow([(action(done, "a"), action(done, "b", fails=Falsy("no")))]))
    assert "b (batch 2, attempt 1) failed: Falsy: no" in told(error)
    assert landing_of(error).error is error.exceptions[0]


def test_causes_in_a_circle_end(done):
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    lines = told(DagaFlowError("it", [one]))
    assert lines.count("  caused by ValueError: other") == 1
    assert len(lines) < 10


def test_a_text_is_cut_in_its_middle():
    assert clean("ab" * 10_000, 9) == "abab…abab"
    assert clean("a\tb") == "a   b"


# ----------------------------------------------------------------------------- remembering


def test_what_a_button_ran_is_remembered_for_the_debugger(done, monkeypatch):
    shell = types.SimpleNamespace(InteractiveTB=types.SimpleNamespace(tb=None))
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    run = DagaFlow([(action(done, "a"), action(done, "b", fails=LookupError("no")))]).start()
    play(run.go())
    assert remember(run)
    assert sys.last_value is run.errors["b"]
    assert sys.last_type is LookupError
    assert shell.InteractiveTB.tb is sys.last_traceback is sys.last_value.__traceback__
    assert sys.last_traceback.tb_frame.f_code.co_name == "do"
    assert sys.last_traceback.tb_frame.f_globals["__name__"].endswith("helpers")
    assert sys.last_traceback.tb_next is None


def test_the_full_traceback_of_what_is_remembered_is_whole(done, capsys):
    run = DagaFlow([(action(done, "a"), action(done, "b", fails=LookupError("no")))]).start()
    play(run.go())
    whole = run.errors["b"].__traceback__
    remember(run)
    full_traceback()
    assert "perform.py" in capsys.readouterr().out
    assert run.errors["b"].__traceback__ is sys.last_traceback is not whole
    other = DagaFlow([(action(done, "a"), action(done, "c", fails=LookupError("no")))]).start()
    play(other.go())
    remember(other)
    assert run.errors["b"].__traceback__ is whole


def test_nothing_is_remembered_of_a_run_that_did_not_fail(done):
    run = DagaFlow([(action(done, "a"), action(done, "b"))]).start()
    play(run.go())
    assert not remember(run)
    assert not hasattr(sys, "last_value")


def test_a_planted_failure_of_a_button_leads_to_where_it_was_raised(done):
    run = DagaFlow([(action(done, "a"), action(done, "b"))]).start(
        faults=[Fault.raising(ValueError("no"), at="b")]
    )
    play(run.go())
    assert remember(run)
    assert sys.last_value is run.errors["b"]
    assert sys.last_traceback.tb_frame.f_code.co_name == "do"


def test_a_full_traceback_of_nothing_is_a_clear_error():
    with pytest.raises(DagaError, match="no flow has failed"):
        daga_nb.full_traceback()
    with pytest.raises(DagaError, match="not str"):
        full_traceback("wrong")


def test_a_full_traceback_leaves_out_nothing(done, capsys):
    made = [action(done, f"a{number}", fails=KeyError(number)) for number in range(40)]
    root = action(done, "root")
    full_traceback(failure(DagaFlow([(root, one) for one in made])))
    found = re.findall(r"\| KeyError: (\d+)\n", capsys.readouterr().out)
    assert found == [str(number) for number in range(40)]


def test_outside_of_a_shell_nothing_is_installed(monkeypatch):
    assert not install()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=object))
    assert not install()


def test_in_a_script_the_traceback_is_pythons_own():
    code = FLOW + "import asyncio\nasyncio.run(flow.run())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Exception Group Traceback" in done.stderr
    assert "perform.py" in done.stderr


def test_a_rollback_is_found_by_its_place(done):
    bad = DagaAction(lambda results: 1, name="it's")
    bad.on_rollback(lambda results: 1 / 0)
    run = DagaFlow([(action(done, "a"), bad)]).start()

    async def main():
        await run.go()
        await run.rollback()

    with pytest.raises(DagaFlowError) as caught:
        play(main())
    (found,) = failed_in(caught.value)
    assert (found.name, found.place, found.rollback) == ("it's", "batch 2, attempt 1", True)
