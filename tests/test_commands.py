"""What a page may ask for: a closed list, and every field of it is checked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daga_nb.errors import StepError
from daga_nb.widgets import commands, obey
from daga_nb.widgets.commands import Command, parse
from daga_nb.widgets.obey import value_of

GOOD: list[tuple[dict[str, Any], Command]] = [
    ({"cmd": "retry"}, Command("retry")),
    ({"cmd": "fix"}, Command("fix")),
    ({"cmd": "use"}, Command("use")),
    ({"cmd": "resume"}, Command("resume")),
    ({"cmd": "leave"}, Command("leave")),
    ({"cmd": "older"}, Command("older")),
    ({"cmd": "find"}, Command("find")),
    ({"cmd": "journal", "to": True}, Command("journal", to=True)),
    ({"cmd": "journal", "to": False}, Command("journal", to=False)),
    ({"cmd": "scenarios"}, Command("scenarios")),
    ({"cmd": "rerun", "to": 2}, Command("rerun", to=2)),
    ({"cmd": "replay", "to": "x.json"}, Command("replay", to="x.json")),
    ({"cmd": "keep", "to": "card declined"}, Command("keep", to="card declined")),
    ({"cmd": "failure", "to": "pause"}, Command("failure", to="pause")),
    ({"cmd": "failure", "to": "rollback"}, Command("failure", to="rollback")),
    ({"cmd": "stop", "node": 2, "to": "forward"}, Command("stop", 2, to="forward")),
    ({"cmd": "stop", "node": 0, "to": "rollback"}, Command("stop", 0, to="rollback")),
    ({"cmd": "stops", "node": 1}, Command("stops", 1)),
    ({"cmd": "again", "node": 1}, Command("again", 1)),
    ({"cmd": "predict", "node": 1}, Command("predict", 1)),
    ({"cmd": "skip", "node": 1, "to": "42"}, Command("skip", 1, to="42")),
    ({"cmd": "skip", "node": 1, "to": ""}, Command("skip", 1, to="")),
    ({"cmd": "skip", "node": 1, "to": "x" * 2000}, Command("skip", 1, to="x" * 2000)),
]


@pytest.mark.parametrize(("content", "command"), GOOD, ids=str)
def test_a_command_is_understood(content, command):
    assert parse(content, nodes=3) == command


@pytest.mark.parametrize("content", [content for content, _ in GOOD], ids=str)
def test_with_a_field_too_many_or_too_few_it_is_not(content):
    assert parse({**content, "more": 1}, nodes=3) is None
    for field in content:
        assert parse({key: value for key, value in content.items() if key != field}, nodes=3) is None
    if "node" not in content:
        assert parse({**content, "node": 1}, nodes=3) is None


ODD = [
    None,
    True,
    False,
    -1,
    3,
    0.0,
    1.5,
    "1",
    "",
    "eval",
    [],
    [1],
    {},
    {"to": 1},
    float("nan"),
    10**400,
    b"1",
]


@pytest.mark.parametrize("value", ODD, ids=lambda value: str(value)[:20])
@pytest.mark.parametrize("content", [content for content, _ in GOOD], ids=str)
def test_with_a_value_of_another_kind_it_is_not(content, value):
    for field in content:
        found = parse({**content, field: value}, nodes=3)
        if found is not None:  # another good value
            assert (field, type(value)) in [("to", str), ("to", int), ("to", bool)]
            assert (content["cmd"], type(value)) in [
                ("journal", bool),
                ("keep", str),
                ("skip", str),
                ("rerun", int),
                ("replay", str),
            ]


@pytest.mark.parametrize(
    "content",
    [
        {"cmd": "rerun", "to": 0},
        {"cmd": "rerun", "to": 1_000_000},
        {"cmd": "replay", "to": 1},
        {"cmd": "replay", "to": ""},
        {"cmd": "replay", "to": "../secret.json"},
        {"cmd": "keep", "to": "x" * 2001},
        {"cmd": "skip", "node": 1, "to": "x" * 2001},
        {"cmd": "skip", "node": 1, "to": 42},
        {"cmd": "failure", "to": "ignore"},
        {"cmd": "stop", "node": 1, "to": "back"},
        {"cmd": "stop", "node": 1, "to": ["forward"]},
        {"cmd": "again", "node": "b"},
        {"cmd": "__class__"},
        {"cmd": "_obey"},
        {"cmd": "close"},
        {"cmd": "replace", "node": 1, "to": "print"},
        {"cmd": ["retry"]},
        ["retry"],
        "retry",
        None,
    ],
    ids=str,
)
def test_what_is_no_command_is_none(content):
    assert parse(content, nodes=3) is None


@given(
    st.dictionaries(
        st.sampled_from(["cmd", "node", "to", "where", "kind", "x"]),
        st.sampled_from([*commands._FIELDS, *commands._NODE_FIELDS])
        | st.sampled_from(["before", "TimeoutError", "forward", "pause", "LR"])
        | st.integers(-2, 5)
        | st.floats()
        | st.none()
        | st.booleans()
        | st.lists(st.integers(), max_size=2),
    )
)
def test_whatever_comes_is_a_checked_command_or_none(content):
    found = parse(content, nodes=3)
    if found is not None:
        assert found.name == content["cmd"]
        assert (found.node in (0, 1, 2)) == (found.name in commands._NODE_FIELDS)
        assert {key for key in content if key != "cmd"} <= {"node", "to", "where", "kind"}


def test_the_lab_obeys_each_command_that_is_understood():
    own = {"hello", "direction"}  # a canvas does these by itself
    assert set(commands._FIELDS) - own == set(obey._BUTTONS) | set(obey._ON_RUN)
    assert set(commands._NODE_FIELDS) == set(obey._ON_ACTION)


# ------------------------------------------------------------------------------ values as text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("   ", None),
        ("None", None),
        ("42", 42),
        (" -1.5 ", -1.5),
        ("'text'", "text"),
        ("b'bytes'", b"bytes"),
        ("[1, {'a': (True, None)}]", [1, {"a": (True, None)}]),
        ("{1, 2}", {1, 2}),
        ("1 + 2j", 1 + 2j),
    ],
)
def test_a_value_is_read_as_python_writes_it(text, value):
    assert value_of(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "__import__('os').system('touch hacked')",
        "print",
        "pay",
        "lambda: 0",
        "[x for x in (1,)]",
        "f'{1}'",
        "1 if True else 2",
        "(1).__class__",
        "2 ** 9999999",
        "'x' * 99",
        "text without quotes",
        "1; 2",
        "1\n2",
        "(",
        "'",
        "\x00",
        "'half \ud83d'",
        "[" * 1000,
        "[" * 900 + "]" * 900,
        "-" * 1999 + "1",
        "1" * 5000,
        "{[]: 1}",
        "{{}}",
    ],
    ids=lambda text: text[:30],
)
def test_what_is_no_value_is_refused_and_nothing_is_run(text):
    with pytest.raises(StepError, match="is no value as Python writes it"):
        value_of(text)
