"""The form of the lab, filled in: the fault that it means, and the form of a fault."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import flow_of
from hypothesis import given
from hypothesis import strategies as st

from daga_nb import Fault
from daga_nb.page.fault_form import (
    ERRORS,
    FIELDS,
    KINDS,
    LONGEST_CODE,
    LONGEST_TEXT,
    WHENS,
    form_json,
    is_draft,
)
from daga_nb.page.marks import PLACES
from daga_nb.widgets.commands import Command, parse
from daga_nb.widgets.drafts import draft_of, drafted, inputs_of

PLAN = flow_of([]).plan
D = PLAN.find("d")

WHEN: dict[str, dict[str, Any]] = {
    "always": {},
    "call": {"call": 3},
    "first": {"first": 2},
    "chance": {"percent": 12.5, "seed": 7},
    "if": {"input": 0, "operator": ">=", "value": "'text'"},
}
KIND: dict[str, dict[str, Any]] = {
    "raise": {"error": "TimeoutError", "text": "no answer"},
    "flaky": {"error": "KeyError", "text": "", "times": 2},
    "delay": {"seconds": 0.25},
    "hang": {},
    "corrupt": {"wrong": "{'id': [1, None]}"},
    "repeat": {"calls": 3},
    "cancel": {},
}
DRAFTS = [
    {"kind": kind, **KIND[kind], "when": when, **WHEN[when]} for kind in KINDS for when in KINDS[kind].whens
]


def test_the_samples_are_of_every_kind_and_moment():
    assert (set(KIND), set(WHEN)) == (set(KINDS), set(WHENS))
    fields = {name for kind in KINDS.values() for name in kind.fields}
    fields |= {name for _, names in WHENS.values() for name in names}
    assert fields == set(FIELDS) == set(form_json()["fields"])


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("draft", DRAFTS, ids=lambda draft: f"{draft['kind']}-{draft['when']}")
def test_each_kind_place_and_moment_is_a_fault_and_comes_back(draft, where):
    assert parse({"cmd": "plant", "node": D, "where": where, "to": draft}, len(PLAN)) == Command(
        "plant", D, where, draft
    )
    fault, field, why = drafted(PLAN, D, where, draft)
    assert fault is not None, (field, why)
    assert (fault.at, fault.where) == ("d", where)
    assert Fault.parse(fault.text) == fault
    assert draft_of(fault, PLAN, D) == draft


def test_an_error_without_a_text_is_its_class_and_a_condition_names_the_input():
    empty = {"kind": "raise", "error": "ValueError", "text": "", "when": "if", "input": 1, "operator": "<"}
    fault = drafted(PLAN, D, "after", {**empty, "value": "5"}).fault
    assert str(fault) == f"d.after: raise(ValueError) if {inputs_of(PLAN, D)[1]} < 5"
    fault = drafted(PLAN, 0, "after", {**empty, "input": 900, "value": "5"}).fault
    assert str(fault) == "a.after: raise(ValueError) if input < 5"


@pytest.mark.parametrize(
    "text",
    [
        "a.before: 2*delay(1)->hang",
        "a.before: 20%3*cancel->off",
        "a.before: 20%raise(Value) if input > 5 seed 3",
        "a.before: 2*off->hang",
        "a.before: raise(FileNotFound)",
        "a.before: raise(TimeoutError())",
        "a.before: raise(Value, 5)",
        "a.before: raise(Arithmetic)",
        "a.before: delay(1e6)",
        "a.before: 1*raise(Value)->raise(Key)",
        "a.before: hang if other > 5",
        "a.before: hang seed 3",
        f'a.before: corrupt("{"x" * LONGEST_CODE}")',
        f'a.before: raise(Value, "{"x" * (LONGEST_TEXT + 1)}")',
    ],
    ids=lambda text: text[:45],
)
def test_what_the_form_has_no_room_for_has_no_draft(text):
    assert draft_of(Fault.parse(text), PLAN, 0) is None


def test_functions_and_errors_of_ones_own_have_no_draft():
    class Own(Exception):
        pass

    assert draft_of(Fault.raising(Own("no"), at="a"), PLAN, 0) is None
    assert draft_of(Fault.corrupting(len, at="a"), PLAN, 0) is None
    assert draft_of(Fault.hanging(at="a", when=lambda inputs: True), PLAN, 0) is None


# ------------------------------------------------------------------------ what is wrong


@pytest.mark.parametrize(
    ("draft", "field", "why"),
    [
        ({"kind": "corrupt", "wrong": "quote", "when": "always"}, "wrong", "is no value as Python writes it"),
        ({"kind": "corrupt", "wrong": "", "when": "always"}, "wrong", "is no value as Python writes it"),
        ({"kind": "corrupt", "wrong": "open('x')", "when": "always"}, "wrong", "is no value as Python"),
        ({"kind": "corrupt", "wrong": "{1, 2}", "when": "always"}, "wrong", "set"),
        ({"kind": "corrupt", "wrong": "b'x'", "when": "always"}, "wrong", "bytes"),
        ({"kind": "hang", "when": "if", **WHEN["if"], "value": "text"}, "value", "is no value as Python"),
        ({"kind": "hang", "when": "if", **WHEN["if"], "value": "[1]"}, "value", "list"),
    ],
    ids=str,
)
def test_a_value_that_is_none_is_said_at_its_field(draft, field, why):
    assert is_draft(draft)
    found = drafted(PLAN, D, "after", draft)
    assert found.fault is None
    assert found.field == field
    assert why in found.why


ODD = [
    None,
    True,
    -1,
    0,
    1.5,
    10**400,
    float("nan"),
    float("inf"),
    "1",
    "",
    "x" * 3000,
    "\ud83d",
    [],
    {},
    ["raise"],
    b"1",
]


@pytest.mark.parametrize("draft", DRAFTS, ids=lambda draft: f"{draft['kind']}-{draft['when']}")
def test_a_draft_has_just_its_fields_each_within_its_bounds(draft):
    assert is_draft(draft)
    assert not is_draft({**draft, "more": 1})
    for name in draft:
        assert not is_draft({key: value for key, value in draft.items() if key != name})
        for value in ODD:
            changed = {**draft, name: value}
            if is_draft(changed):  # then it is another good value, and still a fault or a word at the field
                assert FIELDS[name].takes(value)
                drafted(PLAN, D, "after", changed)


@pytest.mark.parametrize(
    "value", [*ODD, {"kind": "raise"}, {"kind": "off", "when": "always"}], ids=lambda one: str(one)[:20]
)
def test_what_is_no_draft_is_no_command(value):
    assert not is_draft(value)
    assert parse({"cmd": "plant", "node": D, "where": "after", "to": value}, len(PLAN)) is None
    assert parse({"cmd": "draft", "node": D, "where": "after", "to": value}, len(PLAN)) is None


def test_only_the_errors_of_the_list_can_be_raised():
    for name in ("SystemExit", "KeyboardInterrupt", "Fault", "__import__", "timeouterror"):
        assert not is_draft({"kind": "raise", "error": name, "text": "", "when": "always"})
    assert all(issubclass(kind, Exception) for kind in ERRORS.values())


@given(
    st.dictionaries(
        st.sampled_from(["kind", "when", *FIELDS, "x"]),
        st.sampled_from([*KINDS, *WHENS, *ERRORS, "==", "1", "__import__('os')"])
        | st.integers(-5, 200)
        | st.floats()
        | st.none()
        | st.lists(st.integers(), max_size=1),
    )
)
def test_whatever_comes_is_a_draft_or_is_not(value):
    if is_draft(value):
        found = drafted(PLAN, D, "before", value)
        assert (found.fault is None) == bool(found.why)
