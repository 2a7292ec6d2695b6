"""When a fault strikes: the calls, the chance, the condition, and how they combine."""

from random import Random

import pytest
from helpers import flow_of

from daga_nb import Fault, When
from daga_nb.engine.fault_tasks import Hang
from daga_nb.engine.triggers import Comparison
from daga_nb.errors import FaultError


def pattern(run, calls=8, at="b", where="before", inputs=("a",)):
    """Give which of some calls are struck, as crosses and points."""
    faults, node = run._driver.faults, run.plan.ids[at]
    return "".join("x" if faults.strike(node, where, inputs) else "." for _ in range(calls))


def planted(*faults):
    return flow_of([]).start(faults=faults)


@pytest.mark.parametrize(
    ("chain", "struck"),
    [
        ("cancel", "xxxxxxxx"),
        ("1*cancel->off", "x......."),
        ("3*cancel", "xxx....."),
        ("2*off->1*cancel->off", "..x....."),
        ("2*off->cancel", "..xxxxxx"),
        ("1*cancel->2*off->1*repeat", "x..x...."),
        ("2*repeat->3*off->2*cancel->off", "xx...xx."),
        ("100%2*cancel", "xx......"),
        ("50%cancel seed 3", "x.xxxxx."),
        ("50%cancel->2*repeat seed 3", "xxxxxxxx"),
        ("50%2*cancel seed 3", "x.x....."),
    ],
)
def test_a_chain_is_tried_term_by_term_as_in_fail_rs(chain, struck):
    assert pattern(planted(f"b.before: {chain}")) == struck


@pytest.mark.parametrize(
    ("when", "struck"),
    [
        (None, "xxxxxxxx"),
        (When(), "xxxxxxxx"),
        (When.call(1), "x......."),
        (When.call(4), "...x...."),
        (When.first(3), "xxx....."),
        (When.chance(0.5, seed=3), "x.xxxxx."),
        (When.chance(0.5, seed=3) & When.first(2), "x.x....."),
        (When.chance(1), "xxxxxxxx"),
        ("a == 1", "xxxxxxxx"),
        (When.call(2) & When.holds("a == 1"), ".x......"),
        (When.holds("a == 2"), "........"),
        (lambda inputs: inputs["a"] == 1, "xxxxxxxx"),
    ],
)
def test_when_it_strikes(when, struck):
    run = planted(Fault.cancelling("b", when=when))
    assert pattern(run, inputs=(1,)) == struck
    assert run.strikes("b", "before") == struck.count("x")


def test_a_call_that_the_condition_does_not_hold_for_is_not_counted():
    run = planted(Fault.cancelling("b", when=When.call(2) & When.holds("a > 5")))
    faults, node = run._driver.faults, run.plan.ids["b"]
    assert [bool(faults.strike(node, "before", [value])) for value in (9, 1, 1, 9, 9)] == [
        False,
        False,
        False,
        True,
        False,
    ]


def test_a_share_of_the_calls_is_about_that_share():
    run = planted(Fault.cancelling("b", when=When.chance(0.2, seed=7) & When.holds("a == 1")))
    assert 1850 < pattern(run, 10_000, inputs=(1,)).count("x") < 2150
    assert pattern(run, 10_000, inputs=(2,)).count("x") == 0


def test_what_is_drawn_depends_on_the_seed_the_action_and_the_place_alone():
    faults = [
        Fault.cancelling(name, where, when=When.chance(0.5, seed=seed))
        for seed in (1,)
        for name in ("b", "c")
        for where in ("before", "after", "rollback")
    ]
    alone = {}
    for fault in faults:
        run = planted(fault)
        alone[fault] = pattern(run, 40, fault.at, fault.where)
    assert len(set(alone.values())) == len(faults), "each place draws something else"
    rng = Random(5)
    for _ in range(5):
        run, seen = planted(*faults), dict.fromkeys(faults, "")
        order = [fault for fault in faults for _ in range(40)]
        rng.shuffle(order)
        for fault in order:
            seen[fault] += pattern(run, 1, fault.at, fault.where)
        assert seen == alone
    other = planted(Fault.cancelling("b", when=When.chance(0.5, seed=2)))
    assert pattern(other, 40) != alone[faults[0]]


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ("a > 500", 501, True),
        ("a > 500", 500, False),
        ("a >= 500", 500, True),
        ("a < -1.5", -2, True),
        ("a <= 3", 3, True),
        ("a == null", None, True),
        ("a == true", True, True),
        ('a != "x"', "y", True),
        ('a == "x"', "x", True),
        ('a < "b"', "a", True),
        ("a > 500", "text", False),
        ("a < 500", "text", False),
        ("a < 500", None, False),
        ("a == 500", object(), False),
        ("a != 500", object(), True),
    ],
)
def test_a_comparison(text, value, holds):
    one = Comparison.parse(text)
    assert str(one) == text
    assert one.holds({"a": value}) is holds


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: When.call(0), "calls are counted from 1"),
        (lambda: When.call(True), "calls are counted from 1"),
        (lambda: When.first(0), "a number of calls, from 1"),
        (lambda: When.first("2"), "a number of calls, from 1"),
        (lambda: When.chance(0), "a share of the calls, above 0, up to 1"),
        (lambda: When.chance(20), "a share of the calls, above 0, up to 1"),
        (lambda: When.chance(float("nan")), "a share of the calls"),
        (lambda: When.chance(0.5, seed=0.5), "it is a whole number"),
        (lambda: When.holds(3), "a condition is a text such as"),
        (lambda: When.holds("a"), "is meant"),
        (lambda: When.holds("a > 1 and b > 2"), "one comparison is meant, and nothing more"),
        (lambda: When.call(1) & When.first(2), "say two things of one: how many calls are struck"),
        (lambda: When.chance(0.5) & When.chance(0.4), "say two things of one: the chance"),
        (lambda: When.holds("a > 1") & When.holds("a > 2"), "say two things of one: the condition"),
        (lambda: When.chance(0.5) & When.call(2), "one call alone is struck or not"),
        (lambda: Fault.hanging("a", when=3), "a condition is a text such as"),
        (lambda: Comparison("a", "in", 3), "a comparison is one of < <= == != >= >"),
        (lambda: Comparison("a", "<", [3]), "what 'a' is compared with is a list"),
    ],
)
def test_what_says_nothing_is_refused(make, says):
    with pytest.raises(FaultError) as refused:
        make()
    assert says in str(refused.value)


@pytest.mark.parametrize(
    "when",
    [
        When.call(3),
        When.first(2),
        When.chance(0.07, seed=-1),
        When.chance(1e-9),
        When.first(2) & When.chance(0.333, seed=7) & When.holds('a == "x"'),
        When.holds('"a b.c" >= -1.5e-07'),
        When(),
    ],
)
def test_it_prints_as_the_python_that_makes_it(when):
    assert eval(repr(when), {"When": When}) == when


def test_when_and_something_else_is_an_error_of_python():
    with pytest.raises(TypeError):
        When.call(1) & "a > 1"


def test_terms_of_the_constructors():
    assert [str(term) for term in When.call(3).terms(Hang())] == ["2*off", "1*hang", "off"]
    assert [str(term) for term in When.first(3).terms(Hang())] == ["3*hang", "off"]
    assert [str(term) for term in When.chance(0.25).terms(Hang())] == ["25%hang"]
