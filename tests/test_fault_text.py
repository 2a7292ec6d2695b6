"""The text and the JSON of a fault: they come back exactly, and what is no fault is refused, and soon."""

import json
import time

import pytest
from helpers import Boom
from hypothesis import example, given
from hypothesis import strategies as st

from daga_nb import Fault, FaultPlan, When
from daga_nb.engine.fault_errors import BUILTIN
from daga_nb.engine.fault_tasks import OFF, Cancel, Corrupt, Delay, Hang, Raise, Repeat, Term
from daga_nb.engine.scanner import LONGEST
from daga_nb.engine.triggers import Comparison
from daga_nb.errors import FaultError

SAME = {"Fault": Fault, "When": When}


@pytest.mark.parametrize(
    ("text", "python"),
    [
        (
            "charge.after: 1*raise(TimeoutError)->off",
            "Fault.raising(TimeoutError, at='charge', where='after', when=When.first(1))",
        ),
        (
            'charge.before: 2*off->1*raise(ValueError, "no")->off',
            "Fault.raising(ValueError('no'), at='charge', where='before', when=When.call(3))",
        ),
        (
            "ship.before: 20%delay(0.5) seed 7",
            "Fault.delaying(0.5, at='ship', where='before', when=When.chance(0.2, seed=7))",
        ),
        ("x.rollback: hang", "Fault.hanging(at='x', where='rollback')"),
        ("x.after: corrupt(13)", "Fault.corrupting(13, at='x', where='after')"),
        ('x.before: corrupt({"a": [1, null]})', "Fault.corrupting({'a': [1, None]}, at='x', where='before')"),
        (
            "x.before: raise(TimeoutError) if quote > 500",
            "Fault.raising(TimeoutError, at='x', where='before', when=When.holds('quote > 500'))",
        ),
        ("x.after: raise(KeyError())", "Fault.raising(KeyError(), at='x', where='after')"),
        ("x.after: repeat(2)", "Fault.repeating(at='x', where='after')"),
        ("x.after: repeat(5)", "Fault.repeating(at='x', where='after', times=5)"),
        ("x.rollback: 3*cancel->off", "Fault.cancelling(at='x', where='rollback', when=When.first(3))"),
        (
            'x.before: 33.3%2*hang->off if "a.b" != "né" seed -5',
            "Fault.hanging(at='x', where='before', when=When.first(2) & When.chance(0.333, seed=-5) & "
            'When.holds(\'"a.b" != "né"\'))',
        ),
        ("x.before: 1*hang->raise(OSError)", "Fault.parse('x.before: 1*hang->raise(OSError)')"),
        ("x.before: 2*off->hang", "Fault.parse('x.before: 2*off->hang')"),
        ("pay 2.after: off->hang", "Fault.parse('pay 2.after: off->hang')"),
    ],
)
def test_a_text_comes_back_and_python_that_makes_the_same(text, python):
    fault = Fault.parse(text)
    assert (str(fault), repr(fault)) == (text, python)
    assert eval(python, SAME) == fault


@pytest.mark.parametrize(
    ("loose", "text"),
    [
        ("  a.after :raise( Timeout )  ", "a.after: raise(TimeoutError)"),
        ("a.after:raise(Value)", "a.after: raise(ValueError)"),
        ("a.after: raise(Exception,1)", "a.after: raise(Exception, 1)"),
        ("a.after: 20% 3* delay( 1e0 ) -> off", "a.after: 20%3*delay(1)->off"),
        ("a.after: repeat", "a.after: repeat(2)"),
        ('"a".after: 100%hang', "a.after: hang"),
        ('a.after: hang if a>="x" seed 0', 'a.after: hang if a >= "x"'),
        ("a - b .after: hang if two words<1", "a - b.after: hang if two words < 1"),
    ],
)
def test_what_may_be_written_in_another_way(loose, text):
    assert str(Fault.parse(loose)) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the name of an action is meant"),
        ("charge", "'.' is meant, as in 'charge.after: raise(Timeout)'"),
        ("charge.after", "':' is meant"),
        ("charge.around: hang", "before or after or rollback is meant, and not 'around'"),
        ("charge.After: hang", "before or after or rollback is meant, and not 'After'"),
        ("charge.after:", "one of raise, delay, hang, corrupt, repeat, cancel, off is meant"),
        ("charge.after: off", "all its terms are off"),
        ("charge.after: off->2*off", "all its terms are off"),
        ("charge.after: delays(3)", "delay is meant, and not 'delays'"),
        ("charge.after: delay", "'(' is meant"),
        ("charge.after: delay()", "a delay of None: it is a number of seconds above 0"),
        ("charge.after: delay(0)", "a delay of 0"),
        ("charge.after: delay(-1)", "a delay of -1"),
        ("charge.after: delay(1e999)", "is inf, which JSON does not have"),
        ("charge.after: delay(Infinity)", "a delay of None"),
        ("charge.after: raise", "'(' is meant"),
        ("charge.after: raise()", "the name of a builtin exception is meant"),
        ("charge.after: raise(Boom)", "and not 'Boom'"),
        ("charge.after: raise(os.system)", "and not 'os'"),
        ("charge.after: raise(SystemExit)", "and not 'SystemExit'"),
        ("charge.after: raise(KeyboardInterrupt)", "and not 'KeyboardInterrupt'"),
        ("charge.after: raise(Valeu)", "ValueError"),
        ("charge.after: raise(eval, 1)", "and not 'eval'"),
        ("charge.after: raise(__import__)", "and not '__import__'"),
        ("charge.after: raise(UnicodeDecode)", "cannot be made without arguments"),
        ("charge.after: raise(OSError, 2, 3)", "becomes a FileNotFoundError"),
        ("charge.after: raise(ValueError, [1])", "is a list: texts, numbers"),
        ("charge.after: raise(ValueError(), 1)", "')' is meant"),
        ("charge.after: raise(ValueError, x)", "a JSON value is meant"),
        ("charge.after: corrupt()", "a JSON value is meant"),
        ("charge.after: corrupt(NaN)", "NaN is no number of JSON"),
        ('charge.after: corrupt({"a": 1, "a": 2})', "no key stands twice"),
        ('charge.after: corrupt("\\ud83d")', "half a character"),
        ("charge.after: repeat(1)", "it is a number from 2 to 100"),
        ("charge.after: repeat(1e2)", "how often it is called is a whole number"),
        ("charge.after: repeat(9999999)", "it is a number from 2 to 100"),
        ("charge.after: 0*hang", "it is a whole number from 1"),
        ("charge.after: 1.5*hang", "it is a whole number from 1"),
        ("charge.after: -1*hang", "it is a whole number from 1"),
        ("charge.after: 0%hang", "it is a number above 0, up to 100"),
        ("charge.after: 101%hang", "it is a number above 0, up to 100"),
        ("charge.after: 3hang", "'*' is meant"),
        ("charge.after: hang->", "one of raise"),
        ("charge.after: hang if", "the name of an action is meant"),
        ("charge.after: hang if quote", "one of < <= == != >= > is meant"),
        ("charge.after: hang if quote = 3", "one of < <= == != >= > is meant"),
        ("charge.after: hang if quote > [3]", "are not compared"),
        ("charge.after: hang if quote > x", "a JSON value is meant"),
        ("charge.after: hang if quote.price > 3", "one of < <= == != >= > is meant"),
        ("charge.after: hang if __import__('os') > 3", "one of < <="),
        ("charge.after: hang unless x", "'if' or 'seed' is meant, and not 'unless'"),
        ("charge.after: hang seed", "a seed is a whole number"),
        ("charge.after: hang seed 0.5", "a seed is a whole number"),
        ("charge.after: hang seed 99999999999999999999", "less than 64 bits"),
        ("charge.after: hang seed 1 if quote > 3", "one fault is meant, and nothing more"),
        ("charge.after: hang; b.after: hang", "FaultPlan.parse reads several"),
        ("charge.after: hang\nb.after: hang", "FaultPlan.parse reads several"),
        ("<b>.after: hang", "the name of an action is meant; in quotes"),
        (b"charge.after: hang", "is no text that tells of a fault"),
        (None, "is no text that tells of a fault"),
    ],
)
def test_what_is_no_fault_is_refused_and_the_place_is_told(text, says):
    with pytest.raises(FaultError) as refused:
        Fault.parse(text)
    assert says in str(refused.value)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    "text",
    [
        "x" * LONGEST,
        " " * (LONGEST - 1) + ".",
        "- " * (LONGEST // 2),
        '"' + "\\" * (LONGEST - 1),
        '"' * LONGEST,
        "a.after: " + "hang->" * 3000,
        "a.after: " + "1*" * 9000,
        "a.after: " + "1" * 19_000 + "*hang",
        "a.after: delay(" + "1" * 19_000 + ")",
        "a.after: delay(1." + "1" * 19_000,
        "a.after: corrupt(" + "[" * 19_000,
        "a.after: corrupt(" + '{"a":' * 3900,
        "a.after: corrupt(" + "[" * 2000 + "]" * 2000 + ")",
        "a.after: raise(" + "Error" * 3900 + ")",
        "a.after: raise(Exception" + ", 1" * 6000,
        "a.after: hang if " + "a " * 9000,
        "a.after: hang if a " + "<" * 19_000,
        "a.after: hang\n" * 1400 + "!",
        "x" * 10_000_000,
    ],
    ids=lambda text: f"{text[:30]}... {len(text)}",
)
def test_a_hostile_text_is_refused_soon(text):
    began = time.perf_counter()
    for read in (Fault.parse, FaultPlan.parse):
        with pytest.raises(FaultError) as refused:
            read(text)
        assert len(str(refused.value)) < 600
    assert time.perf_counter() - began < 2


# ------------------------------------------------------------------------------- properties

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
)
VALUES = st.recursive(SCALARS, lambda some: st.lists(some) | st.dictionaries(st.text(), some), max_leaves=6)
NAMES = st.one_of(st.text(max_size=12), st.sampled_from(["pay", "pay 2", "a - b", " x", "if", "seed", "a.b"]))


@st.composite
def errors(draw):
    kind = draw(st.sampled_from([RuntimeError, TimeoutError, KeyError, Exception, OSError, UnicodeWarning]))
    args = draw(st.lists(SCALARS, max_size=1 if issubclass(kind, OSError) else 3))
    return kind if draw(st.booleans()) else kind(*args)


TASKS = st.one_of(
    st.builds(Raise, errors()),
    st.builds(Delay, st.floats(1e-300, 1e300)),
    st.just(Hang()),
    st.builds(Corrupt.by, VALUES),
    st.builds(Repeat, st.integers(2, 100)),
    st.just(Cancel()),
)
TERMS = st.builds(
    Term,
    TASKS | st.just(OFF),
    st.none() | st.integers(1, 10**9),
    st.just(100) | st.integers(1, 100) | st.floats(1e-9, 100),
)
FAULTS = st.builds(
    Fault,
    st.lists(TERMS, min_size=1, max_size=4)
    .filter(lambda terms: any(term.task != OFF for term in terms))
    .map(tuple),
    NAMES,
    st.sampled_from(["before", "after", "rollback"]),
    st.none() | st.builds(Comparison, NAMES, st.sampled_from(["<", "<=", "==", "!=", ">=", ">"]), SCALARS),
    st.just(0) | st.integers(-(2**63) + 1, 2**63 - 1),
)


def exact(fault):
    return json.dumps(fault.to_json())


@given(FAULTS)
def test_every_fault_comes_back_from_its_text_and_its_json(fault):
    for again in (Fault.parse(str(fault)), Fault.from_json(json.loads(exact(fault)))):
        assert again == fault
        assert hash(again) == hash(fault)
        assert exact(again) == exact(fault)
        assert str(again) == str(fault)
        assert repr(again) == repr(fault)
    assert str(fault).isprintable(), "in one line"


@given(FAULTS)
def test_the_python_of_every_fault_makes_it_again(fault):
    assert exact(eval(repr(fault), SAME)) == exact(fault)


@given(st.lists(FAULTS, max_size=4))
def test_every_plan_comes_back_from_its_text_and_its_json(faults):
    plan = FaultPlan(faults)
    for again in (
        FaultPlan.parse(str(plan)),
        FaultPlan.parse("\n".join(map(str, plan))),
        FaultPlan.from_json(json.loads(json.dumps(plan.to_json()))),
    ):
        assert again == plan
        assert str(again) == str(plan)


@given(st.text(alphabet='ab.: \n;"\\()[]{},*%->=!<0123456789raiseTimeoutofflhngcup', max_size=60))
@example("a.after: raise(Timeout)")
def test_any_text_is_a_fault_that_comes_back_or_is_refused(text):
    try:
        fault = Fault.parse(text)
    except FaultError:
        return
    assert Fault.parse(str(fault)) == fault


@given(FAULTS, VALUES, st.data())
def test_any_json_is_a_fault_that_comes_back_or_is_refused(fault, value, draw):
    data = fault.to_json()
    part = data
    if "terms" in data and draw.draw(st.booleans()):
        part = data["terms"][0]
    part[draw.draw(st.sampled_from([*part, "more"]))] = value
    try:
        made = Fault.from_json(data)
    except FaultError:
        return
    assert Fault.from_json(made.to_json()) == made


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_every_builtin_exception_can_be_raised_by_its_name(name):
    try:
        BUILTIN[name]()
    except TypeError:
        return
    fault = Fault.parse(f"a.before: raise({name})")
    assert fault.tasks == (Raise(BUILTIN[name]),)
    if name.endswith("Error") and name.removesuffix("Error") not in BUILTIN:
        assert Fault.parse(f"a.before: raise({name.removesuffix('Error')})") == fault


# ------------------------------------------------------------------------ what has no text


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault.raising(Boom("no"), "a"), "builtin exceptions can be saved"),
        (Fault.raising(TimeoutError, len), "the name of the action is a builtin_function_or_method"),
        (Fault.raising(TimeoutError, "a\ud800"), "half a character"),
        (Fault.corrupting(lambda right: 1, "a"), "it corrupts by a function, which no text carries"),
        (Fault.hanging("a", when=lambda inputs: True), "its condition is a function"),
        (Fault.raising(ValueError("x" * LONGEST), "a"), "at most 20,000 are read"),
    ],
)
def test_what_no_text_carries_is_refused_and_shown_as_python(fault, says):
    with pytest.raises(FaultError) as refused:
        _ = fault.text
    assert says in str(refused.value)
    assert str(fault) == repr(fault)
    assert str(fault).startswith("Fault.")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (3, "the fault is an object with the fields at, where, error, args, and not an int"),
        ({}, "'at', 'where', 'error', 'args' is missing"),
        ({"terms": []}, "'at', 'where', 'if', 'seed' is missing"),
        ({"terms": 3}, "the 'terms' of the fault are 3: a list is meant"),
        ({"terms": []}, "all its terms are off"),
        ({"terms": ["hang"]}, "terms[0] of the fault is an object with a 'task', which is one of"),
        ({"terms": [{"task": "eval"}]}, "terms[0] of the fault is an object with a 'task'"),
        ({"terms": [{"task": []}]}, "terms[0] of the fault is an object with a 'task'"),
        ({"terms": [{"task": "hang"}]}, "'percent', 'at most' is missing"),
        ({"terms": [{"task": "hang", "percent": 100, "at most": 0}]}, "terms[0] of the fault: 0 times"),
        ({"terms": [{"task": "hang", "percent": True, "at most": None}]}, "True percent"),
        ({"terms": [{"task": "delay", "seconds": "1", "percent": 100, "at most": None}]}, "a delay of '1'"),
        ({"if": {"name": "a", "operator": "in", "value": 3}}, "'in': a comparison is one of <"),
        ({"if": {"name": 3, "operator": "<", "value": 3}}, "the name of what is compared is an int"),
        ({"if": {"name": "a", "operator": "<", "value": [3]}}, "what 'a' is compared with is a list"),
        ({"if": "a < 3"}, "the 'if' of the fault is an object with the fields name, operator, value"),
        ({"seed": "7"}, "seed='7': it is a whole number"),
    ],
)
def test_json_that_is_no_fault_is_refused(data, says):
    sound = Fault.parse("a.before: 1*hang->off if b > 3 seed 7").to_json()
    bare = data in (3, {}) or (says.endswith("is missing") and "task" not in str(data))
    with pytest.raises(FaultError) as refused:
        Fault.from_json(data if bare else {**sound, **data})
    assert says in str(refused.value)
