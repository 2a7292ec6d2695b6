"""Scenarios: what is planted in a run, saved as JSON, loaded, replayed; and files that are none."""

import builtins
import json
import math
import os
import stat
import string
from collections import OrderedDict
from decimal import Decimal
from enum import IntEnum
from pathlib import Path

import pytest
from helpers import Boom, flow_of, play, words
from hypothesis import example, given
from hypothesis import strategies as st

from daga_nb import Fault, Scenario
from daga_nb.core.states import RunState
from daga_nb.debug.breakpoints import Breakpoint
from daga_nb.debug.scenario import scenario_files
from daga_nb.debug.scenario_file import check_name, file_name
from daga_nb.engine.exact import MAX_BYTES, MAX_DEPTH
from daga_nb.engine.fault_errors import BUILTIN
from daga_nb.errors import FaultError, ScenarioError, StepError

CHAIN = [("a", "b"), ("b", "c"), ("c", "d")]
DECLINED = Fault.raising(TimeoutError("no answer"), at="c", where="after")


def data_of(**changed):
    """Give a sound scenario as JSON values, with some fields changed (those that are ... are left out)."""
    made = Scenario("card declined", 3, (DECLINED,), (Breakpoint("b"),), "pause", "shop").to_json()
    return {name: value for name, value in {**made, **changed}.items() if value is not ...}


def text_of(scenario):
    return json.dumps(scenario.to_json())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Give an empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ---------------------------------------------------------------------------------- replay


def test_what_is_planted_in_a_run_is_replayed_from_its_file(done, folder):
    flow = flow_of(done, CHAIN, name="shop")
    run = flow.start({"items": [1, 2]}, faults=[DECLINED, Fault.raising(ValueError, "a", "rollback")])
    run.break_at("c")
    run.break_at("b", "rollback")
    path = Scenario.of(run, "Card declined").save()
    assert path == Path("card-declined.scenario.json")

    again = Scenario.load(path).start(flow)
    assert again.id != run.id
    assert again.input == {"items": [1, 2]}
    assert list(map(str, again.faults)) == list(map(str, run.faults))
    assert again.breakpoints == run.breakpoints
    stories = []
    for one in (run, again):
        done.clear()
        play(one.go())
        assert done == ["do a", "do b"]
        play(one.go())
        assert done == ["do a", "do b", "do c", "undo c"]
        play(one.go())
        assert done == ["do a", "do b", "do c", "undo c", "undo b"]
        assert words(one) == {
            "a": "rollback failed",
            "b": "rolled back",
            "c": "rolled back",
            "d": "abandoned",
        }
        assert repr(one.errors["c"]) == "TimeoutError('no answer')"
        assert type(one.rollback_errors["a"].error) is ValueError
        stories.append([str(event) for event in one.events])
    assert stories[0] == stories[1]


def test_it_pauses_at_the_failure_if_the_run_did(done):
    run = flow_of(done, CHAIN).start(faults=[DECLINED], on_failure="pause")
    again = Scenario.of(run, "wait").start(flow_of(done, CHAIN))
    play(again.go())
    assert again.undecided == ("c",)
    assert done == ["do a", "do b", "do c"]
    play(again.rollback())
    assert done[3:] == ["undo c", "undo b", "undo a"]


def test_each_replay_has_an_input_and_an_error_of_its_own(done):
    given_input = {"items": [1]}
    flow = flow_of(done, CHAIN)
    run = flow.start(given_input, faults=[Fault.raising(RuntimeError("no"), at="b")])
    scenario = Scenario.of(run, "twice")
    given_input["items"].append(2)
    runs = [scenario.start(flow) for _ in range(2)]
    runs[0].input["items"].append(3)
    assert runs[1].input == scenario.input == {"items": [1]}
    for one in runs:
        play(one.go())
    assert runs[0].errors["b"] is not runs[1].errors["b"]
    assert text_of(scenario) == text_of(Scenario.of(flow.start({"items": [1]}, faults=run.faults), "twice"))


def test_without_anything_in_it_it_is_a_free_run(done):
    run = Scenario("none").start(flow_of(done, CHAIN))
    assert play(run.finish()) == ["d"]
    assert run.state is RunState.SUCCEEDED


def test_another_flow_with_such_actions_will_do(done):
    scenario = Scenario("x", faults=(DECLINED,), flow="shop")
    run = scenario.start(flow_of(done, [("c", "z")], name="other"))
    play(run.go())
    assert done == ["do c", "undo c"]


@pytest.mark.parametrize(
    ("made", "says", "cause"),
    [
        ({"faults": [Fault.raising(OSError, at="e")]}, "has no action 'e'", FaultError),
        ({"breakpoints": [Breakpoint("e")]}, "has no action 'e'", StepError),
        (
            {"faults": [Fault.raising(OSError, at="b", where="rollback")]},
            "'b' has no rollback, so a fault in it could never fire",
            FaultError,
        ),
        ({"breakpoints": [Breakpoint("b", "rollback")]}, "'b' has no rollback to stop before", StepError),
    ],
)
def test_what_could_never_come_up_in_the_flow_is_refused_by_name(done, made, says, cause):
    flow = flow_of(done, how={"b": {"undo": False}}, name="diamond")
    with pytest.raises(ScenarioError, match=says) as refused:
        Scenario("lost bag", flow="trip", **made).start(flow)
    assert str(refused.value).startswith(
        "the scenario 'lost bag', made for 'trip', does not fit the flow 'diamond': "
    )
    assert isinstance(refused.value.__cause__, cause)
    with pytest.raises(ScenarioError, match="the scenario 'lost bag' does not fit the flow 'diamond': "):
        Scenario("lost bag", flow="diamond", **made).start(flow)


def test_a_run_and_a_flow_are_not_taken_for_each_other(done):
    flow = flow_of(done)
    with pytest.raises(ScenarioError, match="is no run: give one"):
        Scenario.of(flow, "x")
    with pytest.raises(ScenarioError, match=r"give the flow, run\.flow"):
        Scenario("x").start(flow.start())


# ----------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("scenario", "told"),
    [
        (Scenario("happy path"), "happy path: no input, no failures"),
        (Scenario("zero", 0), "zero: input 0, no failures"),
        (
            Scenario(
                "card declined",
                3,
                (DECLINED, Fault.raising(OSError, "a")),
                (Breakpoint("b"),),
            ),
            "card declined: input 3, 2 failures, 1 breakpoint",
        ),
        (
            Scenario("x", "a\nb", [DECLINED], on_failure="pause"),
            "x: input 'a\\nb', 1 failure, pausing at a failure",
        ),
        (Scenario("x", ["y" * 500]), f"x: input ['{'y' * 57}…, no failures"),
    ],
)
def test_it_is_told_in_one_line(scenario, told):
    assert str(scenario) == told
    assert repr(scenario) == f"<Scenario {told}>"


def test_the_file_is_plain_to_read(folder):
    made = Scenario("é", [1.5], (DECLINED,), (Breakpoint("b", "rollback"),), flow="shop")
    assert json.loads(made.save("x.json").read_bytes()) == {
        "format": "daga-nb scenario",
        "version": 1,
        "name": "é",
        "flow": "shop",
        "on_failure": "rollback",
        "input": [1.5],
        "faults": [{"at": "c", "where": "after", "error": "TimeoutError", "args": ["no answer"]}],
        "breakpoints": [{"at": "b", "phase": "rollback"}],
    }
    assert '"name": "é"'.encode() in Path("x.json").read_bytes()


def test_two_are_equal_if_their_files_are():
    one = Scenario("x", 1, (DECLINED,))
    same = Scenario("x", 1, [Fault.raising(TimeoutError("no answer"), "c", "after")])
    assert one == same
    assert hash(one) == hash(same)
    for other in (True, 1.0, None):
        assert one != Scenario("x", other, (DECLINED,))
    assert one != Scenario("x", 1, (Fault.raising(TimeoutError("none"), "c", "after"),))
    assert one != "x"


# -------------------------------------------------------------------- exact, or refused


class Colour(IntEnum):
    RED = 1


class Text(str):
    pass


SELF = []
SELF.append(SELF)
WIDE = []
for _ in range(30):
    WIDE = [WIDE, WIDE]
DEEP = 1
for _ in range(MAX_DEPTH + 1):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"items": [1, 2, {3}]}, "input['items'][2] is a set, which JSON does not have: give None, True"),
        ((1, 2), "input is a tuple, which JSON does not have: make it a list"),
        ({"a": {1: 2}}, "input['a'] has the key 1, an int: in JSON, keys are texts"),
        ({None: 2}, "input has the key None, a NoneType: in JSON, keys are texts"),
        ([object()], "input[0] is an object"),
        ([math.nan], "input[0] is nan, which JSON does not have"),
        ([0.5, -math.inf], "input[1] is -inf, which JSON does not have"),
        (b"x", "input is a bytes"),
        (Decimal("0.1"), "input is a decimal.Decimal"),
        (Colour.RED, "input is a test_scenario.Colour"),
        ([Text("x")], "input[0] is a test_scenario.Text"),
        (OrderedDict(a=1), "input is a collections.OrderedDict"),
        ({Text("x"): 1}, "input has the key 'x', a test_scenario.Text: in JSON, keys are texts"),
        (["\ud83d\ude00"], "input[0] has half a character (a surrogate) in it"),
        ({"\ud800": 1}, "input has the key '\\ud800', with half a character"),
        ([10**640], "input[0] is a number of more than 640 digits"),
        ([-(10**5000)], "input[0] is a number of more than 640 digits"),
        (SELF, "input goes deeper than 100 levels, or stands in itself"),
        (WIDE, "input is too large: a file of it has at most 1,000,000 bytes"),
        (DEEP, "input goes deeper than 100 levels, or stands in itself"),
        ([[[[[[[[[[{"k" * 90: {1}}]]]]]]]]]], "][…][0][0][0]['kkk"),
    ],
)
def test_an_input_that_json_would_not_give_back_is_refused(value, says):
    with pytest.raises(ScenarioError) as refused:
        Scenario("x", value)
    assert says.replace("test_scenario.", f"{__name__}.") in str(refused.value)
    assert len(str(refused.value)) < 400


def test_an_input_changed_afterwards_is_looked_at_again(folder):
    scenario = Scenario("x", [1])
    scenario.input.append({2})
    with pytest.raises(ScenarioError, match=r"input\[1\] is a set"):
        scenario.save()
    assert list(folder.iterdir()) == []


def noted():
    error = ValueError("no")
    error.add_note("seen before")
    return error


def changed(error, **values):
    for name, value in values.items():
        setattr(error, name, value)
    return error


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (Boom("no"), ".Boom: builtin exceptions can be saved (RuntimeError, TimeoutError, ...)"),
        (Boom, ".Boom: builtin exceptions can be saved"),
        (type("OSError", (OSError,), {}), ".OSError: builtin exceptions can be saved"),
        (KeyboardInterrupt(), "builtins.KeyboardInterrupt: builtin exceptions can be saved"),
        (SystemExit, "builtins.SystemExit: "),
        (
            ExceptionGroup("two", [OSError()]),
            "argument 2 of what faults[0] raises at 'c', a ExceptionGroup, is",
        ),
        (KeyError(("a", 1)), "is a tuple: texts, numbers, True, False and None can be saved"),
        (ValueError({1}), "argument 1 of what faults[0] raises at 'c', a ValueError, is a set"),
        (ValueError(math.nan), "is nan, which JSON does not have"),
        (ValueError(Colour.RED), "Colour, which JSON does not have"),
        (UnicodeDecodeError("ascii", b"x", 0, 1, "no"), "is a bytes"),
        (noted(), "carries '__notes__', which a file does not: give a fresh ValueError"),
        (changed(ValueError(), code=7), "carries 'code', which a file does not"),
        (OSError(2, "no", "x.txt"), "has a 'filename' that is not among its arguments"),
        (OSError(1, "no", "a", None, "b"), "has a 'filename"),
        (ImportError("no", name="x"), "has a 'name' that is not among its arguments"),
        (AttributeError("no", name="x", obj=3), "that is not among its arguments"),
        (NameError("no", name="x"), "has a 'name' that is not among its arguments"),
        (changed(OSError(2, "no"), errno=3), "has a 'errno' that is not among its arguments"),
        (changed(StopIteration(1), value=True), "has a 'value' that is not among its arguments"),
        (changed(UnicodeEncodeError("ascii", "é", 0, 1, "no"), args=("x",)), "takes no such arguments"),
        (UnicodeEncodeError("ascii", "é", 0, 999, "no"), "is not in its text"),
        (UnicodeTranslateError("", 1, 2, "no"), "is not in its text"),
    ],
)
def test_an_error_that_could_not_be_made_again_is_refused(error, says):
    with pytest.raises(ScenarioError) as refused:
        Scenario("x", faults=[Fault.raising(error, "c", "after")])
    assert says in str(refused.value)


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError("no answer"),
        TimeoutError,
        FileNotFoundError(2, "gone"),
        OSError(2, "gone"),  # it is a FileNotFoundError
        KeyError("x"),
        KeyError(3, 2.5, None, True),
        Exception(),
        UnicodeEncodeError("ascii", "é", 0, 1, "no"),
        StopIteration(5),
        SyntaxError("what"),
        ImportError("no"),
        ExceptionGroup.__mro__[2],
        IOError,
        UserWarning("old"),
    ],
    ids=repr,
)
def test_everyday_errors_come_back(error, folder):
    made = Scenario("x", faults=[Fault.raising(error, "c")])
    loaded = Scenario.load(made.save("x.json"))
    assert loaded == made
    (fault,) = loaded.faults
    (raises,), (meant_to,) = fault.tasks, made.faults[0].tasks
    fired, meant = raises.fresh(), meant_to.fresh()
    assert (type(fired), fired.args, str(fired)) == (type(meant), meant.args, str(meant))
    assert isinstance(raises.error, type) is isinstance(error, type)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ({"breakpoints": [Breakpoint("b", when=len)]}, "'before b, if len': a condition is a function"),
        (
            {"breakpoints": [Breakpoint("b", "back")]},
            "the 'phase' of breakpoints[0] is 'back': it is 'forward'",
        ),
        (
            {"breakpoints": [Breakpoint(7)]},
            "the 'at' of breakpoints[0], the display name of an action, is an int",
        ),
        (
            {"breakpoints": [Breakpoint("b"), Breakpoint("c"), Breakpoint("b")]},
            "breakpoints[0] and breakpoints[2]",
        ),
        ({"breakpoints": ["b"]}, "breakpoints[0] is 'b': a Breakpoint is meant"),
        ({"breakpoints": Breakpoint("b")}, "a list of Breakpoints is meant"),
        ({"faults": DECLINED}, "a list of Faults is meant"),
        ({"faults": "ab"}, "faults='ab': a list of Faults is meant"),
        ({"faults": [Breakpoint("b")]}, "a Fault is meant"),
        (
            {"faults": [Fault.raising(OSError, at=len)]},
            "the display name of an action, is a builtin_function",
        ),
        ({"faults": [DECLINED, DECLINED]}, "faults[0] and faults[1] stand at the same place ('c', after)"),
        ({"on_failure": "stop"}, "on_failure is 'stop': it is 'rollback' or 'pause'"),
        ({"on_failure": ["pause"]}, "on_failure is ['pause']"),
        ({"flow": None}, "the name of the flow is a NoneType, None: a text is meant"),
        ({"name": ""}, "a scenario has a name, a text that is not empty; '' is none"),
        ({"name": " \t"}, "is not empty"),
        ({"name": 5}, "5 is none"),
        ({"name": "x" * 81}, "has 81 characters: at most 80 are good"),
        ({"name": "a\nb"}, "is not one line of text"),
        ({"name": "a\x00"}, "is not one line of text"),
        ({"name": "a\ud800"}, "is not one line of text"),
        ({"name": 10**5000}, "an int that cannot be shown (ValueError) is none"),
    ],
)
def test_what_a_file_cannot_carry_is_refused(made, says):
    with pytest.raises(ScenarioError) as refused:
        Scenario(**{"name": "x", **made})
    assert says in str(refused.value)


# ------------------------------------------------------------------------------- properties

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
VALUES = st.recursive(SCALARS, lambda some: st.lists(some) | st.dictionaries(st.text(), some), max_leaves=12)
NAMES = st.text(min_size=1, max_size=80).filter(lambda name: name.strip() and name.isprintable())
PLACES = st.tuples(st.sampled_from(["a", "b", "é 2", ""]), st.sampled_from(["before", "after", "rollback"]))
BREAKS = st.builds(Breakpoint, st.text(), st.sampled_from(["forward", "rollback"]))


@st.composite
def faults(draw):
    kind = draw(st.sampled_from([RuntimeError, TimeoutError, KeyError, Exception, OSError, UnicodeWarning]))
    args = draw(st.lists(SCALARS, max_size=1 if issubclass(kind, OSError) else 4))
    error = kind if draw(st.booleans()) else kind(*args)
    return Fault.raising(error, *draw(PLACES))


SCENARIOS = st.builds(
    Scenario,
    NAMES,
    VALUES,
    st.lists(faults(), max_size=4, unique_by=lambda fault: (fault.at, fault.where)),
    st.lists(BREAKS, max_size=4, unique_by=lambda one: (one.at, one.phase)),
    st.sampled_from(["rollback", "pause"]),
    st.text(),
)


@given(SCENARIOS)
def test_what_is_saved_is_what_is_loaded(tmp_path_factory, scenario):
    path = tmp_path_factory.mktemp("saved") / "x.json"
    loaded = Scenario.load(scenario.save(path))
    assert loaded == scenario
    assert text_of(loaded) == text_of(scenario)
    assert repr(loaded.input) == repr(scenario.input)  # 1, 1.0 and True; 0.0 and -0.0
    assert repr((loaded.faults, loaded.breakpoints)) == repr((scenario.faults, scenario.breakpoints))
    assert "\n" not in str(loaded)


@given(st.sampled_from(sorted(BUILTIN)), st.lists(SCALARS, max_size=5))
@example("UnicodeEncodeError", ["ascii", "", 1, 2, "no"])
@example("OSError", [2, "no", "file"])
def test_every_builtin_error_comes_back_or_is_refused(name, args):
    data = data_of(faults=[{"at": "a", "where": "before", "error": name, "args": args}])
    try:
        made = Scenario.from_json(data)
    except ScenarioError:
        return
    assert json.dumps(made.to_json()) == json.dumps(data)
    fired = made.faults[0].tasks[0].fresh()
    assert (type(fired).__name__, list(fired.args)) == (name, args)
    assert isinstance(str(fired), str)


@given(VALUES, st.sampled_from([*data_of(), "faults[0]", "breakpoints[0]"]), st.data())
def test_a_file_with_something_else_in_a_field_is_refused_or_means_just_that(value, field, draw):
    data = data_of()
    if field.endswith("[0]"):
        part = data[field.removesuffix("[0]")][0]
        part[draw.draw(st.sampled_from([*part, "more"]))] = value
    else:
        data[field] = value
    try:
        made = Scenario.from_json(data)
    except ScenarioError:
        return
    assert json.dumps(made.to_json()) == json.dumps(data)


@given(st.binary() | st.text().map(str.encode) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_refused_in_words(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "x.json"
    path.write_bytes(content)
    with pytest.raises(ScenarioError) as refused:
        Scenario.load(path)
    assert str(refused.value).startswith(str(path))


@given(st.text(min_size=1, max_size=80))
@example("../../etc/passwd")
@example(".hidden")
@example("CON")
@example("com¹")
@example("☃")
@example("ﷺ" * 80)
@example("㏂" * 80)
def test_the_name_of_the_file_is_safe_everywhere(name):
    try:
        check_name(name)
    except ScenarioError:
        return
    stem = file_name(name).removesuffix(".scenario.json")
    assert stem
    assert set(stem) <= set(string.ascii_lowercase + string.digits + "-")
    assert stem[0] != "-"
    assert len(stem) <= 100
    assert stem not in {"con", "prn", "aux", "nul", "com1", "lpt9"}


# ------------------------------------------------------------------------------ hostile files


def fault_of(**changed):
    return {"at": "c", "where": "after", "error": "TimeoutError", "args": [], **changed}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": "daga-nb journal"}, "this is no scenario: one has the field 'format'"),
        ({"format": ...}, "this is no scenario"),
        ({"version": 3}, "it is a scenario of version 3, and this daga-nb reads versions 1 and 2"),
        ({"version": True}, "of version True"),
        ({"version": 1.0}, "of version 1.0"),
        ({"version": ...}, "of version None"),
        ({"input": ...}, "and 'input' is missing"),
        ({"code": "import os"}, "and nothing knows the field 'code'"),
        ({"name": ["x"]}, "a scenario has a name"),
        ({"name": "../x\n"}, "is not one line"),
        ({"flow": 1}, "the name of the flow is an int, 1"),
        ({"on_failure": {}}, "on_failure is {}"),
        ({"faults": {}}, "'faults' is {}: a list is meant"),
        ({"faults": [3]}, "faults[0] is an object with the fields at, where, error, args, and not an int"),
        ({"faults": [fault_of(times=3)]}, "nothing knows the field 'times'"),
        ({"faults": [{"at": "c"}]}, "and 'where', 'error', 'args' is missing"),
        ({"faults": [fault_of(at=3)]}, "the 'at' of faults[0] is an int"),
        ({"faults": [fault_of(where="during")]}, "is 'during': it is 'before' or 'after' or 'rollback'"),
        ({"faults": [fault_of(where=[])]}, "the 'where' of faults[0] is []"),
        ({"faults": [fault_of(error="SystemExit")]}, "and this Python has no such builtin exception"),
        ({"faults": [fault_of(error="IOError")]}, "no such builtin exception"),
        ({"faults": [fault_of(error="eval")]}, "is 'eval', and this Python has no such builtin"),
        ({"faults": [fault_of(error="os.system")]}, "no such builtin exception"),
        ({"faults": [fault_of(error="__import__")]}, "no such builtin exception"),
        ({"faults": [fault_of(error=["OSError"])]}, "no such builtin exception"),
        ({"faults": [fault_of(args="no")]}, "are a str: a list is meant, or null for the class"),
        ({"faults": [fault_of(args=[["no"]])]}, "is a list: texts, numbers, True, False and None can be"),
        ({"faults": [fault_of(error="OSError", args=[2, "no"])]}, "becomes a FileNotFoundError: name that"),
        ({"faults": [fault_of(args=[2, "no", "f"])]}, "does not keep all of these arguments"),
        ({"faults": [fault_of(error="UnicodeDecodeError", args=None)]}, "cannot be made without arguments"),
        ({"faults": [fault_of(error="UnicodeEncodeError", args=["a", "", 1, 10**30, ""])]}, "takes no such"),
        ({"faults": [fault_of(), fault_of(args=None)]}, "faults[0] and faults[1] stand at the same place"),
        ({"breakpoints": [{"at": "b", "phase": []}]}, "the 'phase' of breakpoints[0] is []"),
        ({"breakpoints": [{"at": "b", "phase": "forward", "when": "x > 1"}]}, "knows the field 'when'"),
        ({"breakpoints": [{"at": "b", "phase": "forward"}] * 2}, "stand at the same place ('b', forward)"),
        ({"breakpoints": None}, "'breakpoints' is None"),
    ],
)
def test_a_file_with_a_wrong_field_is_refused(folder, changes, says):
    Path("x.json").write_text(json.dumps(data_of(**changes)), encoding="utf-8")
    with pytest.raises(ScenarioError) as refused:
        Scenario.load("x.json")
    assert str(refused.value).startswith("x.json: ")
    assert says in str(refused.value)


def changed_text(old, new):
    text = json.dumps(data_of())
    assert old in text
    return text.replace(old, new).encode()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "x.json, line 1, column 1: it is not JSON (expecting value)"),
        (b'{\n"format": "daga-nb scenario",\n oops}', "x.json, line 3, column 2: it is not JSON ("),
        (b'{\n"name": "\xff"}', "x.json, line 2: it is not UTF-8 text (byte 11)"),
        ("{}".encode("utf-16"), "x.json, line 1: it is not UTF-8 text"),
        (b"[" * 200_000, "x.json is nested too deeply to be a scenario"),
        (b'{"a":' * 150_000, "x.json is nested too deeply to be a scenario"),
        (b" " * (MAX_BYTES + 1), "x.json is larger than 1,000,000 bytes"),
        (changed_text('"input": 3', '"input": NaN'), "x.json: NaN is no number of JSON"),
        (changed_text('"input": 3', '"input": -Infinity'), "x.json: -Infinity is no number of JSON"),
        (changed_text('"input": 3', '"input": 1e999'), "x.json: input is inf, which JSON does not have"),
        (
            changed_text('"input": 3', f'"input": {"9" * 9999}'),
            "x.json: the number 99999999999999999999… has",
        ),
        (changed_text('"input": 3', f'"input": {"[" * 101}{"]" * 101}'), "input goes deeper than 100"),
        (changed_text('"input": 3', '"input": "\\ud800"'), "x.json: input has half a character"),
        (changed_text('"at": "b"', '"at": "\\udc80"'), "the 'at' of breakpoints[0] has half a character"),
        (changed_text('"input": 3', '"input": 3, "input": 4'), "x.json: the field 'input' stands twice"),
        (changed_text('"input": 3', '"input": {"a": 1, "a": 1}'), "x.json: the field 'a' stands twice"),
        (json.dumps([data_of()]).encode(), "x.json: this is no scenario"),
        (b"null", "x.json: this is no scenario"),
        (b"\x80\x04K\x03.", "x.json, line 1: it is not UTF-8 text"),  # a pickle
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_file_that_is_none_is_refused(folder, content, says):
    Path("x.json").write_bytes(content)
    with pytest.raises(ScenarioError) as refused:
        Scenario.load("x.json")
    assert says in str(refused.value)
    assert len(str(refused.value)) < 300


def test_what_an_editor_does_to_a_file_is_no_harm(folder):
    made = Scenario("é", "two\nlines", (DECLINED,))
    text = made.save("x.json").read_text(encoding="utf-8")
    Path("x.json").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert Scenario.load("x.json") == made


def test_a_hundred_levels_come_back(folder):
    nested = json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert Scenario.load(Scenario("deep", nested).save()).input == nested


@pytest.mark.parametrize("number", ["9" * 640, f"-{'9' * 640}"])
def test_a_long_number_comes_back(folder, number):
    scenario = Scenario("long", int(number))
    assert Scenario.load(scenario.save()).input == int(number)


def test_no_class_that_somebody_put_among_the_builtins_is_taken_for_one(monkeypatch):
    monkeypatch.setattr(builtins, "Boom", Boom, raising=False)
    with pytest.raises(ScenarioError, match="no such builtin exception"):
        Scenario.from_json(data_of(faults=[fault_of(error="Boom")]))
    assert all(issubclass(kind, Exception) and vars(builtins)[name] is kind for name, kind in BUILTIN.items())
    assert {"IOError", "EnvironmentError", "SystemExit", "BaseException"}.isdisjoint(BUILTIN)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_not_waited_for(folder):
    os.mkfifo("x.json")
    with pytest.raises(ScenarioError, match=r"x\.json is no regular file"):
        Scenario.load("x.json")


@pytest.mark.parametrize("path", ["none.json", "none/x.json", ".", "a\x00b", ""])
def test_a_path_that_leads_nowhere(folder, path):
    with pytest.raises(ScenarioError):
        Scenario.load(path)
    with pytest.raises(ScenarioError, match="cannot be written"):
        Scenario("x").save(path if path != "none.json" else "none/x.json")
    assert list(folder.iterdir()) == []


# --------------------------------------------------------------------------------- the files


def test_saving_again_replaces_the_file_whole_or_not_at_all(folder, monkeypatch):
    path = Scenario("x", 1).save()
    Scenario("x", 2).save()
    assert Scenario.load(path).input == 2
    for wrong in (OSError(28, "No space left on device"), KeyboardInterrupt()):

        def fail(*_, wrong=wrong):
            raise wrong

        with monkeypatch.context() as broken:
            broken.setattr(os, "fsync", fail)
            with pytest.raises((ScenarioError, KeyboardInterrupt)):
                Scenario("x", 3).save()
        assert Scenario.load(path).input == 2
        assert list(folder.iterdir()) == [folder / path]
    with pytest.raises(ScenarioError, match=r"has 1,000,1.. bytes, and a file of one has at most 1,000,000"):
        Scenario("x", "y" * MAX_BYTES).save()
    assert Scenario.load(path).input == 2


@pytest.mark.skipif(os.name != "posix", reason="permissions of another kind")
def test_others_may_read_it_as_they_may_any_file(folder):
    Path("any").touch()
    made = Scenario("x").save()
    assert stat.S_IMODE(made.stat().st_mode) == stat.S_IMODE(Path("any").stat().st_mode)


def test_a_folder_is_not_overwritten(folder):
    (folder / "x.json").mkdir()
    with pytest.raises(ScenarioError, match=r"x\.json cannot be written"):
        Scenario("x").save("x.json")
    assert [path.name for path in folder.iterdir()] == ["x.json"]


def test_another_scenario_of_the_same_file_name_is_not_overwritten_unasked(folder):
    path = Scenario("Card declined!", 1).save()
    with pytest.raises(ScenarioError) as refused:
        Scenario("card declined", 2).save()
    assert str(refused.value) == (
        "card-declined.scenario.json is there already, with the scenario 'Card declined!': "
        "give this one, 'card declined', another name, or a path"
    )
    assert Scenario.load(path).input == 1
    Scenario("card declined", 2).save(path)
    assert Scenario.load(path).input == 2
    path.write_text("spoilt")
    Scenario("card declined", 3).save()
    assert Scenario.load(path).input == 3


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("Card declined", "card-declined"),
        ("  .../a\\b:c*  ", "a-b-c"),
        ("Zahlung schlägt fehl, groß", "zahlung-schlagt-fehl-gross"),
        ("CON", "scenario-con"),
        ("lpt1", "scenario-lpt1"),
        ("x" * 80, "x" * 80),
    ],
)
def test_the_name_of_the_file(name, stem):
    assert file_name(name) == f"{stem}.scenario.json"


def test_names_of_another_script_have_files_of_their_own():
    names = ["нет", "да", "支払い", "☃", "!!!", "payment 1", "payment 支"]
    assert len({file_name(name) for name in names}) == len(names)


def test_the_scenarios_in_a_folder(folder):
    assert scenario_files() == []
    for name in ("b", "a", "C"):
        Scenario(name).save()
    (folder / "z.scenario.json").mkdir()
    for name in (".d.scenario.json", "._a.scenario.json", "e.json"):
        Path(name).touch()
    assert [path.name for path in scenario_files()] == [f"{name}.scenario.json" for name in "abc"]
    assert scenario_files(folder) == [folder / f"{name}.scenario.json" for name in "abc"]
    assert [Scenario.load(path).name for path in scenario_files()] == ["a", "b", "C"]
    for nowhere in ("none", "e.json", "a\x00"):
        with pytest.raises(ScenarioError, match="no scenarios in "):
            scenario_files(nowhere)
