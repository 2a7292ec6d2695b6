"""Values as JSON text, for the journal: exactly the same again, or refused."""

import json
import math
import struct
import sys
from collections import Counter, OrderedDict, defaultdict, namedtuple
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal, localcontext
from enum import Enum, Flag, IntEnum, StrEnum
from fractions import Fraction
from functools import partial
from io import BytesIO
from random import Random
from typing import Generic, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from long import LONG

from daga_nb import journaled
from daga_nb.errors import DagaError, JournalValueError
from daga_nb.journal.codec import DEEPEST, LARGEST_VALUE, decode, encode
from daga_nb.journal.scalars import SCALARS

A_ZONE = b"TZif" + bytes(16) + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + bytes(6) + b"UTC\0"  # a file of UTC

PRIME = sys.hash_info.modulus  # the multiples of it all have the hash 0


@journaled(name="point")
@dataclass(frozen=True, slots=True)
class Point:
    x: object
    y: object = 0


@journaled(name="basket")
@dataclass(kw_only=True)
class Basket:
    items: list
    total: object = field(default=0, init=False)
    seen: object = field(init=False)

    def __post_init__(self):
        self.seen = "just made"


@journaled(name="colour")
class Colour(Enum):
    RED = 1
    BLUE = 2
    AZURE = 2  # noqa: PIE796 (an alias)


@journaled(name="level")
class Level(IntEnum):
    LOW = 1


# ------------------------------------------------------------------------------ the same again

ZONES = st.sampled_from([ZoneInfo("Europe/Berlin"), ZoneInfo("America/St_Johns"), ZoneInfo("UTC"), UTC])
OFFSETS = st.integers(-86_399, 86_399).map(lambda seconds: timezone(timedelta(seconds=seconds)))
ANY_ZONE = st.none() | ZONES | OFFSETS
# Hypothesis' own texts have no surrogates.
TEXTS = st.text() | st.text(st.sampled_from('a$\\"\0\ud83d\ude00\U0001f600é'), max_size=6)
SIGNS = st.sampled_from([-1, 1])
HASHABLE_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.builds(lambda sign, digits, more: sign * 10**digits + more, SIGNS, st.integers(638, 700), SIGNS),
    st.floats(),
    st.complex_numbers(),
    TEXTS,
    st.binary(max_size=20),
    st.decimals().filter(lambda value: not value.is_snan()),
    st.sampled_from([Decimal("1E+999999"), Decimal("-0.00"), Decimal("-NaN12"), Decimal("-Infinity")]),
    st.uuids(),
    st.dates(),
    st.datetimes(timezones=ANY_ZONE),
    st.builds(lambda moment: moment.replace(fold=1), st.datetimes(timezones=ANY_ZONE)),
    st.times(timezones=ANY_ZONE),
    st.builds(lambda moment: moment.replace(fold=1), st.times()),
    st.timedeltas(),
    st.sampled_from([*Colour, *Level]),
)
HASHABLE = st.recursive(
    HASHABLE_LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.frozensets(inner, max_size=3),
        st.builds(Point, inner, inner),
    ),
    max_leaves=4,
)


def basket(items, total, seen):
    made = Basket(items=items)
    made.total, made.seen = total, seen
    return made


LEAVES = HASHABLE | st.binary(max_size=9).map(bytearray) | st.just(Decimal("sNaN7"))


def held(inner):
    return st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(TEXTS, inner, max_size=4),
        st.dictionaries(HASHABLE, inner, max_size=4),
        st.sets(HASHABLE, max_size=4),
        st.builds(Point, inner, inner),
        st.builds(basket, inner.map(lambda one: [one]), inner, inner),
    )


VALUES = st.recursive(LEAVES, held, max_leaves=12)


def same(a, b):
    """Whether two values are the same, their types, their order, and what `==` does not see, included."""
    if type(a) is not type(b):
        return False
    if type(a) in (list, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if type(a) is dict:
        return same(list(a.items()), list(b.items()))
    if type(a) in (set, frozenset):
        left = list(b)
        for one in a:
            match = next((number for number, other in enumerate(left) if same(one, other)), None)
            if match is None:
                return False
            del left[match]
        return not left
    if type(a) is float:
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if type(a) is complex:
        return same(a.real, b.real) and same(a.imag, b.imag)
    if type(a) is Decimal:
        return a.as_tuple() == b.as_tuple()
    if type(a) in (datetime, time):
        zones = [str(one.tzinfo) for one in (a, b)]
        return a.replace(tzinfo=None) == b.replace(tzinfo=None) and (a.fold, type(a.tzinfo), zones[0]) == (
            b.fold,
            type(b.tzinfo),
            zones[1],
        )
    if type(a) is Point:
        return same((a.x, a.y), (b.x, b.y))
    if type(a) is Basket:
        return same((a.items, a.total, a.seen), (b.items, b.total, b.seen))
    return a == b


@settings(max_examples=3000 if LONG else 200, deadline=None)
@given(VALUES)
def test_what_comes_back_is_what_went_in(value):
    text = encode(value)
    assert text.isascii()
    assert same(decode(text), value)
    assert encode(decode(text)) == text

    def strict(name):
        raise AssertionError(f"{name} is no JSON")

    json.loads(text, parse_constant=strict)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [None, True, 1, 1.5, "x"]}, '{"a":[null,true,1,1.5,"x"]}'),
        ((), '{"$":"tuple","v":[]}'),
        ({1: "a"}, '{"$":"dict","v":[[1,"a"]]}'),
        ({"$": 1}, '{"$":"dict","v":[["$",1]]}'),
        ({"b", "a", "c"}, '{"$":"set","v":["a","b","c"]}'),
        (-0.0, "-0.0"),
        (math.inf, '{"$":"float","v":"inf"}'),
        (-(16**700), '{"$":"int","v":"-1' + "0" * 700 + '"}'),
        (b"\0\xff", '{"$":"bytes","v":"AP8="}'),
        ("\ud83d", '"\\ud83d"'),
        ("\ud83d\ude00", '{"$":"str","v":["\\ud83d","\\ude00"]}'),
        ("\U0001f600", '"\\ud83d\\ude00"'),
        (Decimal("1e3"), '{"$":"decimal","v":"1E+3"}'),
        (UUID(int=1), '{"$":"uuid","v":"00000000-0000-0000-0000-000000000001"}'),
        (datetime(2026, 2, 3, 4, 5), '{"$":"datetime","v":"2026-02-03T04:05:00"}'),
        (datetime(2026, 2, 3, tzinfo=UTC), '{"$":"datetime","v":"2026-02-03T00:00:00+00:00"}'),
        (
            datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
            '{"$":"datetime","v":"2026-10-25T02:30:00 fold Europe/Berlin"}',
        ),
        (timedelta(-1, 2, 3), '{"$":"timedelta","v":"-1 2 3"}'),
        (complex(-0.0, math.nan), '{"$":"complex","v":"-0.0 nan"}'),
        (Colour.AZURE, '{"$":"enum","v":["colour","BLUE"]}'),
        (Point(1, (2,)), '{"$":"dataclass","v":["point",{"x":1,"y":{"$":"tuple","v":[2]}}]}'),
    ],
)
def test_the_form_of_a_text_is_fixed(value, text):
    assert encode(value) == text
    assert same(decode(text), value)


def test_sets_are_written_in_an_order_of_their_own():
    words = [f"word {number}" for number in range(50)]
    texts = set()
    for seed in range(5):
        Random(seed).shuffle(words)
        texts.add(encode([set(words), frozenset((word, 1) for word in words)]))
    assert len(texts) == 1


def test_the_context_of_decimals_does_not_matter():
    with localcontext() as context:
        context.prec, context.capitals = 3, 0
        context.clear_traps()
        text = encode(Decimal("1.23456E+700"))
        assert text == '{"$":"decimal","v":"1.23456E+700"}'
        assert str(decode(text).as_tuple()) == str(Decimal("1.23456E+700").as_tuple())
        with pytest.raises(JournalValueError, match="it is no decimal"):
            decode('{"$":"decimal","v":"nonsense"}')


def test_a_list_in_two_places_comes_back_as_two():
    inner = [1]
    first, second = decode(encode([inner, inner]))
    assert first == second == [1]
    assert first is not second


def test_two_nans_are_two_keys():
    assert len(decode(encode({float("nan"): 1, float("nan"): 2}))) == 2


def test_what_is_as_deep_and_as_large_as_may_be_comes_back():
    deep = 1
    for number in range(DEEPEST):
        deep = (
            [{number: deep}, (deep,), [deep]][number % 3]
            if number < 3
            else [(deep,), {number: deep}][number % 2]
        )
    assert decode(encode(deep)) == deep
    assert decode(encode(1 << 4_000_000 - 100)) == 1 << 4_000_000 - 100
    with pytest.raises(JournalValueError, match=f"goes deeper than {DEEPEST} levels, or stands in itself"):
        encode([deep])
    large = "x" * (LARGEST_VALUE - 2)
    assert decode(encode(large)) == large
    with pytest.raises(
        JournalValueError, match=r"larger than 1,048,576 characters as text.*hand on its path"
    ):
        encode(large + "x")


# ---------------------------------------------------------------------------------- refusals


class Session:
    pass


class Liar:
    __class__ = dict


class Permission(Flag):
    READ = 1
    WRITE = 2


@dataclass
class Unmarked:
    x: int


@dataclass(frozen=True)
class Special(Point):
    pass


class Shout(str):
    pass


class MoreRed(StrEnum):
    RED = "red"


class Nowhere(tzinfo):
    def utcoffset(self, moment):
        return timedelta(hours=1)


Pair = namedtuple("Pair", "a b")


async def later():
    return 1


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (Session(), "class Session, which the journal does not keep: hand on a dict .* or make its class a"),
        (Liar(), "class Liar, .*hand on a dict"),
        (Unmarked(1), "class Unmarked, .*write @journaled above the @dataclass of its class"),
        (Special(1), "class Special, .*write @journaled above the @dataclass"),
        (Permission.READ, r"class Permission, .*mark its class with @journaled, or hand on its \.value"),
        (MoreRed.RED, "class MoreRed, .*mark its class with @journaled"),
        (Pair(1, 2), r"class Pair, .*it is a namedtuple: hand on tuple\(value\) or value\._asdict\(\)"),
        (OrderedDict(a=1), r"class OrderedDict, .*it is a subclass of dict: hand on dict\(value\)"),
        (defaultdict(list), r"class defaultdict, .*dict\(value\)"),
        (Counter("aa"), r"class Counter, .*dict\(value\)"),
        (Shout("a"), r"class Shout, .*it is a subclass of str: hand on str\(value\)"),
        (Fraction(1, 2), "class Fraction, .*hand on a dict"),
        (np.float64(1.5), r"class float64, .*\.tolist\(\) makes plain values of it"),
        (np.zeros(3), r"class ndarray, .*\.tolist\(\) makes plain"),
        (np.True_, r"class bool, .*\.tolist\(\) makes plain"),
        (pd.DataFrame({"a": [1]}), r"class DataFrame, .*\.to_dict\(\), .* makes plain values of it"),
        (pd.Timestamp(2026, 1, 2), r"class Timestamp, .*\.to_pydatetime\(\)"),
        (len, "class builtin_function_or_method, .*hand on its name, or what it gives"),
        (later, "class function, .*hand on its name"),
        (int, "class type, .*hand on its name"),
        (partial(len), "class partial, .*hand on a dict"),
        (iter([1]), r"class list_iterator, .*hand on list\(value\)"),
        (ValueError("x"), r"class ValueError, .*raise it, or hand on str\(error\)"),
        (NotImplemented, "class NotImplementedType, "),
        (range(3), "class range, "),
        (memoryview(b"x"), "class memoryview, "),
        (UTC, "class timezone, "),
        (
            datetime(2026, 1, 1, tzinfo=Nowhere()),
            r"has a time zone \(Nowhere\) that .* use a zoneinfo\.ZoneInfo",
        ),
        (datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1), "CET")), r"has a time zone \(timezone\)"),
        ({PRIME * number for number in range(101)}, "more than 100 keys with the same hash"),
        ({PRIME * number: 1 for number in range(101)}, "more than 100 keys with the same hash"),
    ],
)
def test_what_would_not_come_back_is_refused_where_it_stands(value, what):
    for held, where in [
        (value, "^the value "),
        ([0, value], r"^\[1\] "),
        ({"user": (value,)}, r"^\['user'\]\[0\] "),
        ({1: value}, r"^\[1\] "),
        ({"a": [Point(1, {"b": value})]}, r"^\['a'\]\[0\]\.y\['b'\] "),
    ]:
        with pytest.raises(JournalValueError, match=where + r".*" + what) as refused:
            encode(held)
        assert isinstance(refused.value, DagaError | TypeError)
        assert "Session object" not in str(refused.value), "what is in a value may be a secret"


def test_a_class_that_hides_all_it_can_is_refused_too():
    class Odd(type):
        __hash__ = None

        def __eq__(cls, other):
            return True

        @property
        def __module__(cls):
            raise RuntimeError("nobody may know")

    class Oddity(metaclass=Odd):
        pass

    with pytest.raises(JournalValueError, match=r"^\[0\] is of the class Oddity, .*hand on a dict"):
        encode([Oddity()])


def test_a_coroutine_is_to_be_awaited():
    coroutine = later()
    with pytest.raises(JournalValueError, match=r"class coroutine, .*await it, and hand on what it gives"):
        encode([coroutine])
    coroutine.close()


def test_a_zone_that_nobody_finds_again_is_refused():
    for key, what in [
        ("Nowhere/Land", r"could not be read again: it is no datetime \(ZoneInfoNotFoundError\)"),
        ("../../etc/passwd", r"has a time zone \(ZoneInfo\) that cannot be found again"),
        (None, r"has a time zone \(ZoneInfo\) that cannot be found again"),
    ]:
        zone = ZoneInfo.from_file(BytesIO(A_ZONE), key=key)
        with pytest.raises(JournalValueError, match=r"^\[0\] " + what):
            encode([datetime(2026, 1, 1, tzinfo=zone)])


def test_keys_and_members_are_refused_where_they_stand():
    with pytest.raises(JournalValueError, match=r"^\.keys\(\)\[1\]\[0\] is of the class Session"):
        encode({1: 2, (Session(),): 3})
    with pytest.raises(JournalValueError, match=r"^\['a'\]\{…\}\[1\] is of the class Pair"):
        encode({"a": {(0, Pair(1, 2))}})
    with pytest.raises(JournalValueError, match=r"^\['x{50,}…\] is of the class Session"):
        encode({"x" * 1000: Session()})


def test_the_error_says_what_is_kept():
    with pytest.raises(
        JournalValueError, match=r"The journal keeps None, bool, int, .* marked with @journaled\.$"
    ):
        encode(object())


def test_what_stands_in_itself_is_refused():
    around = {"list": []}
    around["list"].append((around,))
    with pytest.raises(
        JournalValueError, match=r"^\['list'\]\[0\]\[0\].*…\S+ goes deeper than 64 levels, or stands"
    ):
        encode(around)


def test_what_stands_in_very_many_places_is_refused_in_time():
    value = [1]
    for _ in range(60):
        value = [value, value]
    with pytest.raises(JournalValueError, match="larger than"):
        encode(value)
    for large in (
        b"x" * LARGEST_VALUE,
        1 << 8 * LARGEST_VALUE,
        {"x" * LARGEST_VALUE: 1},
        [1] * LARGEST_VALUE,
    ):
        with pytest.raises(JournalValueError, match="larger than"):
            encode(large)


# ------------------------------------------------------------------------------ hostile texts


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "its text is not JSON: JSONDecodeError"),
        ("[1,]", "its text is not JSON"),
        ("NaN", "JSON has no NaN"),
        ("[-Infinity]", "JSON has no -Infinity"),
        ("1e999", "too large for a float"),
        ("9" * 700, "too many digits"),
        ("[" * 300_000, "goes deeper than 64 levels"),
        ('{"a":' * 100_000, "goes deeper than 64 levels"),
        ("[" * 65 + "]" * 65, "goes deeper than 64 levels"),
        ('"' + "\\" * 500_001, "not JSON"),
        ('\\"' * 500_000, "not JSON"),
        ("1" + " " * LARGEST_VALUE, "longer than 1,048,576 characters"),
        (b"1", "a str of JSON, and this is something else"),
        (None, "a str of JSON"),
        ('{"$":"tuple"}', "is no tag"),
        ('{"$":"tuple","v":[],"w":1}', "is no tag"),
        ('{"$":["tuple"],"v":[]}', "is no tag"),
        ('{"$":"tuple","v":{}}', "a tag without the list"),
        ('{"$":"frozenset","v":null}', "a tag without the list"),
        ('{"$":"os.system","v":"ls"}', "a tag that this version of daga_nb does not know"),
        (
            '[{"$":"set","v":[1,[2]]}]',
            r"^\[0\] has a key that cannot be one: TypeError: unhashable type: 'list'",
        ),
        ('{"$":"set","v":[{"$":"decimal","v":"sNaN"}]}', "has a key that cannot be one: TypeError"),
        ('{"$":"dict","v":[[1]]}', "keys and values are no pairs"),
        ('{"$":"dict","v":[1]}', "keys and values are no pairs"),
        ('{"$":"dict","v":{"a":1}}', "keys and values are no pairs"),
        ('{"$":"dict","v":[[{},1]]}', "has a key that cannot be one"),
        ('{"$":"str","v":[1]}', "no text in pieces"),
        ('{"$":"str","v":"x"}', "no text in pieces"),
        ('{"$":"int","v":5}', "a short text is meant as the v of the tag int"),
        ('{"$":"int","v":"0x_f"}', "not as the tag int|no int"),
        ('{"$":"float","v":"Infinity"}', "not as the tag float"),
        ('{"$":"float","v":"' + "1" * 500 + '"}', "a short text is meant"),
        ('{"$":"complex","v":"1.0"}', r"no complex \(ValueError\)"),
        ('{"$":"bytes","v":"AP8"}', "no bytes"),
        ('{"$":"bytes","v":"AP8=\\n"}', "no bytes|not as the tag"),
        ('{"$":"decimal","v":"1_0"}', "not as the tag decimal"),
        ('{"$":"decimal","v":"1E+9999999999999999999999"}', "no decimal"),
        ('{"$":"uuid","v":"{00000000-0000-0000-0000-000000000001}"}', "not as the tag uuid"),
        ('{"$":"date","v":"20260203"}', "not as the tag date"),
        ('{"$":"date","v":"2026-02-30"}', "no date"),
        ('{"$":"datetime","v":"2026-02-03"}', "not as the tag datetime"),
        ('{"$":"datetime","v":"2026-02-03T00:00:00 fold fold"}', "no datetime"),
        ('{"$":"datetime","v":"2026-02-03T00:00:00 UTC UTC"}', "not as the tag datetime"),
        ('{"$":"datetime","v":"2026-02-03T00:00:00 ../../etc/passwd"}', "no datetime"),
        ('{"$":"datetime","v":"2026-02-03T00:00:00 Europe"}', "no datetime"),
        ('{"$":"datetime","v":"2026-02-03T00:00:00 os/path"}', "no datetime"),
        ('{"$":"time","v":"25:00:00"}', "no time"),
        ('{"$":"timedelta","v":"0 90000 0"}', "not as the tag timedelta"),
        ('{"$":"timedelta","v":"99999999999 0 0"}', "no timedelta"),
        ('{"$":"enum","v":["colour","GREEN"]}', "no member of colour, as it is defined now"),
        ('{"$":"enum","v":["colour",["RED"]]}', "no member of colour"),
        ('{"$":"enum","v":["point","RED"]}', "no member of point"),
        ('{"$":"enum","v":["colour"]}', "lacks its name or its parts"),
        ('{"$":"dataclass","v":["colour",{}]}', "no dataclass colour"),
        ('{"$":"dataclass","v":["point",[1,2]]}', "no dataclass point"),
        ('{"$":"dataclass","v":[{},{}]}', "lacks its name or its parts"),
        (
            '{"$":"dataclass","v":["os.path",{}]}',
            "class 'os.path', which is not defined here: run the cell, or",
        ),
        (
            '[{"$":"dataclass","v":["point",{"x":1}]}]',
            r"^\[0\] was written with the fields x, and point has x, y",
        ),
        ('{"$":"dataclass","v":["point",{"x":1,"y":2,"self":3}]}', "written with the fields x, y, self"),
    ],
)
def test_a_text_that_is_none_is_refused(text, what):
    with pytest.raises(JournalValueError, match=what):
        decode(text)


def test_keys_that_were_made_to_have_one_hash_are_refused():
    numbers = ",".join(str(PRIME * number) for number in range(40_000))
    for text in ('{"$":"set","v":[%s]}' % numbers, '{"$":"frozenset","v":[[],%s]}' % numbers):  # noqa: UP031
        with pytest.raises(JournalValueError, match=r"same hash|unhashable"):
            decode(text)


def test_a_key_that_stands_twice_in_an_object_is_the_last_one():
    assert decode('{"a":1,"a":2}') == {"a": 2}
    assert decode('{"$":"dict","v":[[1,2],[1,3]]}') == {1: 3}


PIECES = st.sampled_from(
    [*'[]{}",:\\0-9eE.', "null", '"$"', '"v"', '{"$":"', '","v":', '"\\ud83d', "NaN", "1e999", " fold", "UTC"]
    + [
        f'"{tag}"'
        for tag in ("tuple", "set", "dict", "datetime", "decimal", "int", "bytes", "dataclass", "enum")
    ]
)


CHANGES = st.tuples(st.floats(0, 1), st.sampled_from([0, 0, 1, 2, 5]), PIECES)


@settings(max_examples=5000 if LONG else 300, deadline=None)
@given(LEAVES | held(LEAVES), st.lists(CHANGES, min_size=1, max_size=4))
def test_any_text_gives_a_value_or_the_one_error(value, changes):
    text = encode(value)
    for place, without, piece in changes:
        start = int(place * len(text))
        text = text[:start] + piece + text[start + without :]
    read_or_refused(text)


TAGS = [*SCALARS, "str", "tuple", "set", "frozenset", "dict", "dataclass", "enum", "nothing"]
WORDS = "0 -1 1.5 nan Infinity 2026-02-03 04:05:06 2026-02-03T04:05:06+01:00 UTC AA== ff point RED $ v x y"
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(WORDS.split()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["$", "v", "x"]), inner, max_size=3),
        st.fixed_dictionaries({"$": st.sampled_from(TAGS), "v": inner | st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"$": st.just("dict"), "v": st.lists(st.tuples(inner, inner), max_size=3)}),
        st.fixed_dictionaries(
            {
                "$": st.just("dataclass"),
                "v": st.tuples(st.just("point"), st.fixed_dictionaries({"x": inner}, optional={"y": inner})),
            }
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=5000 if LONG else 300, deadline=None)
@given(TREES)
def test_any_json_gives_a_value_or_the_one_error(tree):
    read_or_refused(json.dumps(tree))


def read_or_refused(text):
    try:
        value = decode(text)
    except JournalValueError:
        return
    assert same(decode(encode(value)), value), "what can be read can be written"


def test_reading_imports_nothing():
    before = set(sys.modules)
    for name in ("this.s", "antigravity", "daga_nb.widgets.lab.FlowLab", "idlelib.idle"):
        with pytest.raises(JournalValueError, match="not defined here"):
            decode(json.dumps({"$": "dataclass", "v": [name, {}]}))
    assert set(sys.modules) == before


# --------------------------------------------------------------------------- classes of one's own


def test_a_class_is_called_by_module_and_name():
    @journaled
    @dataclass
    class Order:
        number: int

    name = f"{__name__}.test_a_class_is_called_by_module_and_name.<locals>.Order"
    assert encode(Order(1)) == json.dumps(
        {"$": "dataclass", "v": [name, {"number": 1}]}, separators=(",", ":")
    )
    assert decode(encode(Order(1))) == Order(1)


def test_defined_again_in_the_same_module_it_replaces_the_older_one():
    def cell():
        @journaled
        @dataclass
        class Order:
            number: int

        return Order

    older, newer = cell(), cell()
    text = encode(newer(1))
    assert type(decode(text)) is newer
    with pytest.raises(
        JournalValueError, match="its class was defined again since; make it anew, of the new class"
    ):
        encode(older(1))


def test_another_module_that_claims_the_name_is_refused():
    @dataclass
    class Stranger:
        x: int

    Stranger.__module__ = "elsewhere"
    with pytest.raises(
        JournalValueError, match=f"the module {__name__} has journaled a class as 'point'; give this"
    ):
        journaled(name="point")(Stranger)
    assert decode(encode(Point(1))) == Point(1)
    journaled(name="other point")(Stranger)
    assert decode(encode(Stranger(1))) == Stranger(1)


def test_a_class_under_a_new_name_is_no_longer_read_under_the_old_one():
    @journaled(name="old")
    @dataclass
    class Order:
        number: int

    text = encode(Order(1))
    journaled(name="new")(Order)
    assert '"new"' in encode(Order(1))
    with pytest.raises(JournalValueError, match="class 'old', which is not defined here"):
        decode(text)


def test_changed_fields_are_said():
    @journaled(name="order")
    @dataclass
    class Order:
        number: int

    text = encode({"order": Order(1)})

    @journaled(name="order")
    @dataclass
    class Order:
        number: int
        paid: bool = False

    what = r"^\['order'\] was written with the fields number, and order has number, paid: its definition"
    with pytest.raises(JournalValueError, match=what):
        decode(text)


def test_a_field_comes_back_as_it_was_whatever_post_init_makes_of_it():
    @journaled
    @dataclass
    class Price:
        net: Decimal
        gross: Decimal = field(init=False)

        def __post_init__(self):
            self.net *= 2
            self.gross = self.net + 1
            self.remembered = True

    price = Price(Decimal(10))
    price.gross = Decimal(7)
    back = decode(encode(price))
    assert (back.net, back.gross, back.remembered) == (Decimal(20), Decimal(7), True)


def test_a_constructor_that_does_not_take_its_own_fields_is_found_when_it_is_written():
    @journaled(name="amount")
    @dataclass
    class Amount:
        cents: object

        def __post_init__(self):
            self.cents = int(self.cents.replace(".", ""))

    with pytest.raises(
        JournalValueError, match=r"^\[0\] cannot be made by amount, of the fields that it had: AttributeError"
    ):
        encode([Amount("1.50")])


def test_a_constructor_that_refuses_what_a_file_says_is_heard():
    @journaled(name="age")
    @dataclass(frozen=True)
    class Age:
        years: int

        def __post_init__(self):
            if self.years < 0:
                raise ValueError("nobody is so young")

    with pytest.raises(JournalValueError, match=r"cannot be made by age, .*: ValueError: nobody is so"):
        decode(encode(Age(1)).replace("1", "-1"))


def test_a_field_that_is_missing_or_refuses_to_be_read_is_said():
    broken = Basket(items=[])
    del broken.seen
    with pytest.raises(
        JournalValueError, match=r"^\[0\] has a field 'seen' that cannot be read: AttributeError"
    ):
        encode([broken])


def test_a_dataclass_that_changes_what_it_is_given_is_refused():
    class Rounded:
        def __set_name__(self, owner, name):
            self.name = "_" + name

        def __get__(self, held, owner=None):
            return 0.0 if held is None else getattr(held, self.name) + 0.5

        def __set__(self, held, value):
            setattr(held, self.name, float(value))

    @journaled
    @dataclass
    class Odd:
        x: float = Rounded()

    with pytest.raises(
        JournalValueError, match="has a dataclass in it that takes other values than it is given"
    ):
        encode(Odd(1.0))


def test_generic_classes_and_flags_with_a_name_are_kept():
    T = TypeVar("T")

    @journaled
    @dataclass
    class Box(Generic[T]):
        inside: T

    journaled(name="permission")(Permission)
    assert decode(encode(Box[int](1))) == Box(1)
    assert decode(encode(Permission.READ)) is Permission.READ
    with pytest.raises(JournalValueError, match=r"^\[0\] is a combination of flags, .* hand on its \.value"):
        encode([Permission.READ | Permission.WRITE])


def not_a_dataclass():
    @dataclass
    @journaled
    class Upside:
        x: int


def below_a_dataclass():
    @journaled
    class Below(Unmarked):
        pass


def with_init_var():
    @journaled
    @dataclass
    class Given:
        x: int
        seed: InitVar[int]


def with_its_own_init():
    @journaled
    @dataclass(init=False)
    class Own:
        x: int

        def __init__(self, text):
            self.x = int(text)


def below_a_list():
    @journaled
    @dataclass
    class Many(list):
        x: int


def an_empty_enum():
    @journaled
    class Nothing(Enum):
        pass


@pytest.mark.parametrize(
    ("define", "what"),
    [
        (
            not_a_dataclass,
            r"Upside is no dataclass: write @journaled, and @dataclass below it, above the class",
        ),
        (below_a_dataclass, "Below is no dataclass"),
        (with_init_var, r"a .*Given cannot be made again of its fields: .* takes other things \(seed\)"),
        (with_its_own_init, r"takes other things \(text, x\)"),
        (below_a_list, "Many is more than its fields"),
        (an_empty_enum, "has no members"),
        (lambda: journaled(17), "stands above a class, and not above something of the class int"),
        (lambda: journaled(name="")(Point), "a text that is not empty"),
        (lambda: journaled(name=3)(Point), "a text that is not empty"),
    ],
)
def test_a_class_that_could_not_come_back_is_refused_when_it_is_marked(define, what):
    with pytest.raises(JournalValueError, match=what):
        define()


def test_values_are_kept_whatever_day_it_is():
    for value in (date.min, date.max, datetime.min, datetime.max, time.max, timedelta.min, timedelta.max):
        assert same(decode(encode(value)), value)
