"""A look at a flow before it runs: every rule, with what breaks it and what does not."""

import functools
import html
import inspect
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from unittest.mock import MagicMock

import pytest
from helpers import play

from daga_nb import DagaAction, DagaFlow, sketch
from daga_nb.action import EmptyAction
from daga_nb.debug.finding import SEVERITIES, Finding, Findings
from daga_nb.debug.lint import RULES, findings_of
from daga_nb.debug.lint_facts import facts_of
from daga_nb.debug.lint_source import Sources, first_of

DOCS = Path(__file__).parent.parent / "docs" / "lint.md"


def looked_at(text, *, schedule="batch", on_rollback_error="continue", **of):
    """Look at a sketch whose actions have these policies, given by name."""
    facts = facts_of(sketch(text, schedule=schedule, on_rollback_error=on_rollback_error))
    return findings_of(
        replace(facts, actions=tuple(replace(one, **of.get(one.name, {})) for one in facts.actions))
    )


def found(findings, *rules):
    """Give which actions have which findings; of some rules only, if they are named."""
    return {(one.rule, one.action) for one in findings if not rules or one.rule in rules}


PIVOT = {"pivot": True}
TRIED = {"retries": 3}


# ---------------------------------------------------------------------- what nothing undoes


def test_a_sound_flow_has_no_findings():
    findings = sketch("book >> pay >> (ship, notify[no effect])").lint()
    assert not findings
    assert str(findings) == "nothing found"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a[no rollback] >> b", "a"),
        ("a >> b[no rollback]", "b"),
        ("a[no effect] >> b", ""),
        ("a >> (b[no rollback], c[no rollback])", "bc"),
    ],
)
def test_no_rollback(text, names):
    assert found(looked_at(text)) == {("no-rollback", name) for name in names}


def test_of_the_last_action_only_its_own_failure_leaves_anything():
    findings = looked_at("a >> b[no rollback]")
    assert findings[0].severity == "note"
    assert "when it fails it may have half happened" in findings[0].why
    assert not looked_at("a >> b[no rollback]", b={"undoes_failed": False})
    assert looked_at("a[no rollback] >> b", a={"undoes_failed": False})[0].severity == "warning"


def test_the_last_action_is_the_last_by_the_schedule():
    text, silent = "a >> c[no rollback]; b", {"undoes_failed": False}
    assert not looked_at(text, c=silent), "b was through before c started"
    assert found(looked_at(text, schedule="eager", c=silent)) == {("no-rollback", "c")}, "b may still fail"


def test_past_a_pivot_nothing_is_undone_so_no_rollback_is_missed():
    findings = looked_at("a >> p[no rollback] >> b[no rollback]", p=PIVOT, b=TRIED)
    assert found(findings) == {("no-rollback", "p")}
    assert findings[0].severity == "note", "the pivot's own failure is the only case"


def test_a_failed_action_that_is_left_as_it_is():
    flow = sketch("a >> b[no rollback] >> c[no effect]", rollback_failed=False)
    assert found(flow.lint(), "failure-not-undone") == {("failure-not-undone", "a")}
    assert not found(looked_at("a >> b"), "failure-not-undone")


def test_one_failed_rollback_that_stops_the_others():
    assert found(looked_at("a >> b", on_rollback_error="stop")) == {("stop-leaves-rest", None)}
    assert not looked_at("a >> b[no effect]", on_rollback_error="stop"), "there are no others"


# ------------------------------------------------------------------------- tries and time


def plain(results): ...


def with_key(results, context): ...


async def quick(results): ...


def test_a_retry_that_may_do_it_twice():
    facts = facts_of(DagaFlow([(plain, with_key), (with_key, EmptyAction())]))
    tried = replace(facts, actions=tuple(replace(one, retries=2) for one in facts.actions))
    assert found(findings_of(tried), "not-idempotent") == {("not-idempotent", "plain")}
    assert not found(findings_of(facts), "not-idempotent")


def test_what_says_that_it_is_idempotent_needs_no_key_for_its_retries():
    told = DagaAction(plain, idempotent=True, retries=2)
    silent = DagaAction(quick, retries=2)
    findings = DagaFlow([(told, silent)]).lint()
    assert found(findings, "not-idempotent") == {("not-idempotent", "quick")}
    assert "idempotent=True" in next(one.do for one in findings if one.rule == "not-idempotent")


def test_a_timeout_of_what_cannot_be_stopped():
    facts = facts_of(DagaFlow([(plain, quick)]))
    timed = replace(facts, actions=tuple(replace(one, timeout=0.5) for one in facts.actions))
    assert found(findings_of(timed), "thread-timeout") == {("thread-timeout", "plain")}
    assert not found(findings_of(facts), "thread-timeout")


# --------------------------------------------------------------------------------- pivots


def test_past_the_pivot_something_must_be_tried_again():
    rule = "no-retry-past-pivot"
    assert found(looked_at("a >> p >> b >> c", p=PIVOT, b=TRIED), rule) == {(rule, "c")}
    assert not found(looked_at("a >> b >> c"), rule)


def test_a_save_point_at_the_pivot_is_a_way_back():
    saved = looked_at("a >> p >> b >> c[no rollback]", p={**PIVOT, "save_point": 1})
    assert found(saved) == {("kept-after-save-point", "c")}
    too_early = looked_at("a >> p >> b", a={"save_point": 1}, p=PIVOT)
    assert found(too_early, "no-retry-past-pivot") == {("no-retry-past-pivot", "b")}


@pytest.mark.parametrize("schedule", ["batch", "eager"])
def test_beside_the_pivot(schedule):
    beside = looked_at("a >> (p, x) >> b", schedule=schedule, p=PIVOT, b=TRIED)
    assert found(beside, "beside-pivot") == {("beside-pivot", "x")}
    assert "pivot 'p'" in beside.by_action()["x"][0].why
    assert not found(looked_at("a >> x >> p >> b", schedule=schedule, p=PIVOT), "beside-pivot")


def test_what_is_beside_the_pivot_hangs_on_the_schedule():
    text = "a >> p >> b; early >> mid >> late"
    assert found(looked_at(text, p=PIVOT), "beside-pivot") == {("beside-pivot", "mid")}
    eager = looked_at(text, p=PIVOT, schedule="eager")
    assert found(eager, "beside-pivot") == {("beside-pivot", name) for name in ("early", "mid", "late")}
    assert found(eager, "no-retry-past-pivot") == {("no-retry-past-pivot", "b")}


@pytest.mark.parametrize("schedule", ["batch", "eager"])
def test_two_pivots_at_the_same_time(schedule):
    twins = looked_at("a >> (p, q) >> b", schedule=schedule, p=PIVOT, q=PIVOT, b=TRIED)
    assert found(twins, "two-pivots", "beside-pivot") == {("two-pivots", "p"), ("two-pivots", "q")}
    in_a_row = looked_at("a >> p >> q >> b", schedule=schedule, p=PIVOT, q=PIVOT)
    assert not found(in_a_row, "two-pivots", "beside-pivot")


def test_a_rollback_for_nothing():
    rule = "rollback-never-called"
    assert found(looked_at("a >> p >> b", p=PIVOT), rule) == {(rule, "b")}, "the failed pivot is rolled back"
    not_even = looked_at("a >> p >> b[no rollback]", p={**PIVOT, "undoes_failed": False})
    assert found(not_even, rule) == {(rule, "p")}


# ---------------------------------------------------------------------------- save points


def test_a_save_point_for_nothing():
    rule = "save-point-at-the-end"
    assert found(looked_at("a >> b", b={"save_point": 1})) == {(rule, "b")}
    assert not looked_at("a >> b", a={"save_point": 1})


def test_what_bars_the_way_back_to_a_save_point():
    rule = "kept-after-save-point"
    text = "a[no rollback] >> s >> b[no rollback] >> c"
    assert found(looked_at(text, s={"save_point": 2}), rule) == {(rule, "b")}
    assert not found(looked_at(text), rule)


# ------------------------------------------------------------------- what cannot be had


class Bank:
    """A service with methods, one of which undoes."""

    def refund(self, results, result):
        self.paid.remove(result["id"])


def undo_attribute(results, result):
    result.cancel()


def undo_loop(results, result):
    for one in result:
        print(one)


def undo_sum(results, *, result):
    return result + 1


def undo_unpacks(results, result):
    one, other = result
    return one, other


def undo_length(results, result):
    return len(result)


def hands_on(results, result):
    Bank().delete("table", result)


def hands_on_by_name(results, result):
    Bank().delete((result,), row=result)


def tells(results, result):
    print("undo", result, f"{result} is gone")


def tells_the_old_way(results, result):
    return "undo %s" % result  # noqa: UP031


def checks_first(results, result):
    if result is None:
        return
    result.cancel()


def checks_short(results, result):
    return result and result.cancel()


def asks_the_outcome(results, result, context):
    if context.outcome == "SUCCEEDED":
        result.cancel()


def asks_the_error(results, result, error):
    return None if error else result["id"]


def catches(results, result):
    try:
        result.cancel()
    except AttributeError:
        print("nothing to undo")


def makes_its_own(results, result):
    result = dict(result or {})
    return result["id"]


def leaves_it(results, result): ...


WARNED = [Bank().refund, undo_attribute, undo_loop, undo_sum, undo_unpacks, undo_length]
CAREFUL = [
    *(tells, tells_the_old_way, checks_first, checks_short, asks_the_outcome, asks_the_error, catches),
    *(makes_its_own, leaves_it),
]


def undone_by(rollback, **options):
    action = DagaAction(quick, name="pay")
    action.on_rollback(rollback)
    return DagaFlow([(action, EmptyAction())], **options)


@pytest.mark.parametrize("rollback", WARNED)
def test_a_rollback_that_relies_on_a_lost_result(rollback):
    findings = undone_by(rollback).lint()
    assert [(one.rule, one.action, one.severity) for one in findings] == [
        ("result-unchecked", "pay", "warning")
    ]
    assert not found(undone_by(rollback, rollback_failed=False).lint(), "result-unchecked"), (
        "there is one then"
    )


@pytest.mark.parametrize("rollback", [hands_on, hands_on_by_name])
def test_a_rollback_that_hands_a_lost_result_on(rollback):
    findings = undone_by(rollback).lint()
    assert [(one.rule, one.severity) for one in findings] == [("result-unchecked", "note")]


@pytest.mark.parametrize("rollback", CAREFUL)
def test_a_careful_rollback(rollback):
    assert not undone_by(rollback).lint()


def test_a_rollback_that_relies_on_a_lost_result_really_fails():
    from daga_nb import DagaFlowError, Fault

    run = undone_by(undo_attribute).start(
        faults=[Fault.raising(TimeoutError("no answer"), at="pay", where="after")]
    )
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert run.states["pay"] == "ROLLBACK_FAILED"


def asks_second(results):
    return results[1]


def asks_last(results):
    return results[-2]


def unpacks_two(results):
    one, other = results
    return one, other


def unpacks_some(results):
    one, other, *rest = results
    return one, other, rest


def asks_by_name(results, context):
    return context.inputs["price"]


def asks_behind(results):
    def inner():
        return results[3]

    return inner()


def has_it(results):
    return results[0][5]


def looks_first(results):
    return results[1] if len(results) > 1 else None


def fills_it(results):
    results.append(1)
    return results[1]


def means_another(results):
    results = [1, 2]
    return results[1]


def inner_means_another(results):
    return (lambda results: results[3])([1, 2, 3, 4])


def slices(results):
    return results[1:]


def by_name(results, context):
    return context.inputs["quote"]


def decorated(function):
    @functools.wraps(function)
    def wrapper(results):
        return function([*results, *results])

    return wrapper


ASKING = [asks_second, asks_last, unpacks_two, unpacks_some, asks_by_name, asks_behind]
HAVING = [has_it, looks_first, fills_it, means_another, inner_means_another, slices, by_name]


def after_quote(action):
    return DagaFlow([(DagaAction(quick, name="quote", no_effect=True), action)])


@pytest.mark.parametrize("function", ASKING)
def test_asking_for_what_is_not_there(function):
    name = function.__name__
    assert found(after_quote(DagaAction(function, no_effect=True)).lint()) == {("no-such-input", name)}
    undo = DagaAction(quick, name="pay")
    undo.on_rollback(function)
    assert found(after_quote(undo).lint()) == {("no-such-input", "pay")}


@pytest.mark.parametrize(
    "function", [*HAVING, decorated(asks_second), functools.partial(asks_second, [1, 2])]
)
def test_asking_for_what_is_there(function):
    assert not after_quote(DagaAction(function, no_effect=True)).lint()


def test_what_is_asked_for_is_told():
    assert str(after_quote(DagaAction(asks_by_name, no_effect=True)).lint()) == (
        "1 error\n"
        "‼ error: asks_by_name (no-such-input)\n"
        "    It asks for context.inputs['price'], and has only 'quote'.\n"
        "    Ask for a predecessor that it has, or add the edge that is missing."
    )


def test_an_action_without_predecessors_gets_the_input():
    def first(results, context):
        return results[0], context.inputs["input"]

    assert not DagaFlow([(DagaAction(first, no_effect=True), EmptyAction())]).lint()
    asking = DagaFlow([(DagaAction(asks_second, no_effect=True), EmptyAction())]).lint()
    assert "It asks for results[1], and gets a list of 1 result ('input')" in asking[0].why


# -------------------------------------------------------------------------- odd functions


class Odd:
    def __call__(self, results):
        return results[7]


class Hostile:
    """A callable that minds being looked at, once it stands in a flow."""

    looked_at = False

    def __call__(self, results):
        return results[7]

    def __getattribute__(self, name):
        if Hostile.looked_at:
            raise RuntimeError("do not look")
        return object.__getattribute__(self, name)


def test_odd_functions_are_left_alone():
    space = {}
    exec("def from_nowhere(results, result=None):\n    return result.x, results[9]", space)
    odd = [
        *(len, print, dict, int.from_bytes, str.upper, functools.partial(print, 1), MagicMock()),
        *(functools.cache(asks_second), functools.singledispatch(has_it), space["from_nowhere"], Hostile()),
        *((lambda results: results[8]), (lambda results: results[9])),
    ]
    flow = DagaFlow([(one, EmptyAction()) for one in odd])
    Hostile.looked_at = True
    try:
        findings = flow.lint()
    finally:
        Hostile.looked_at = False
    assert {one.rule for one in findings} <= {"no-rollback", "no-such-input"}
    assert "from_nowhere" not in {one.action for one in findings if one.rule == "no-such-input"}


def test_callable_objects_methods_and_lambdas_are_read():
    flow = DagaFlow([(Odd(), EmptyAction())])
    assert ("no-such-input", "Odd") in found(flow.lint())
    alone = lambda results: results[6]  # noqa: E731
    assert ("no-such-input", "lambda") in found(DagaFlow([(alone, EmptyAction())]).lint())


def test_what_python_minds_in_a_source_is_not_said_again(monkeypatch):
    monkeypatch.setattr(
        inspect, "getsource", lambda code: 'def asks_second(results):\n    return "\\d", results[1]'
    )
    body = Sources().body(asks_second)
    assert body is not None
    assert len(body.asking) == 1


def test_a_function_whose_file_has_changed_since_is_not_misread(tmp_path, monkeypatch):
    monkeypatch.setattr(inspect, "getsource", lambda code: "def another(results):\n    return results[9]")
    assert Sources().body(asks_second) is None


def test_the_same_source_is_read_once(monkeypatch):
    read = []
    real = inspect.getsource
    monkeypatch.setattr(inspect, "getsource", lambda code: read.append(code) or real(code))
    sources = Sources()
    assert sources.body(Odd()) is sources.body(Odd())
    assert first_of(Odd()) == "results"
    assert len(read) == 1


@pytest.mark.alone
def test_a_thousand_actions_take_no_time():
    flow = sketch(" >> ".join(f"(a{n}, b{n})" for n in range(500)), schedule="eager")
    facts = facts_of(flow)
    pivots = replace(facts, actions=tuple(replace(one, pivot=True) for one in facts.actions))
    begun = perf_counter()
    findings_of(pivots)
    flow.lint()
    assert perf_counter() - begun < 1


# -------------------------------------------------------------------------------- shown


def test_findings_stand_the_worst_first_and_by_action():
    def last(results):
        return results[5]

    flow = DagaFlow([(plain, quick), (quick, DagaAction(last))])
    findings = flow.lint()
    assert [one.severity for one in findings] == ["error", "warning", "warning", "note"]
    assert findings.summary == "1 error, 2 warnings, 1 note"
    assert repr(findings) == "<Findings: 1 error, 2 warnings, 1 note>"
    assert {action: len(some) for action, some in findings.by_action().items()} == {
        "last": 2,
        "plain": 1,
        "quick": 1,
    }
    assert isinstance(findings.by_action()["last"], Findings)


def test_the_table_is_text_and_never_markup():
    name = "<script>alert('&')</script>"
    shown = sketch(f'"{name}"[no rollback] >> b').lint()._repr_mimebundle_()
    assert name not in shown["text/html"]
    assert html.escape(name) in shown["text/html"]
    assert name in shown["text/plain"]
    assert "half" in Findings([Finding("r", "half \ud83d", "note", "", "")])._repr_mimebundle_()["text/html"]
    assert sketch("a").lint()._repr_mimebundle_() == {
        "text/plain": "nothing found",
        "text/html": "<p>nothing found</p>",
    }


def test_nothing_is_run_by_a_look():
    called = []

    def pay(results):
        called.append("pay")

    assert DagaFlow([(pay, len)]).lint()
    assert called == []


def test_every_rule_is_explained():
    text = DOCS.read_text(encoding="utf-8")
    assert len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert f"| `{rule.name}` | {rule.about} |" in text
    assert text.count("\n| `") == len(RULES)
    assert all(f"{glyph} *{kind}*" in text for kind, glyph in SEVERITIES.items())
