"""The text of a sketch: what it says, held against an independent reading; what it refuses, and where."""

from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daga_nb.engine.effects import LONGEST_NAME
from daga_nb.errors import FlowDefinitionError, SketchError
from daga_nb.sketching.notation import DEEPEST, MARKS, MOST_EDGES, MOST_TEXT, options_of, read


def edges(text):
    return [f"{one}{other}" for one, other in read(text).edges]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a", []),
        ("a >> b >> c", ["ab", "bc"]),
        ("a>>b;a>>c;(b,c)>>d", ["ab", "ac", "bd", "cd"]),
        ("a >> (b, c) >> d", ["ab", "ac", "bd", "cd"]),
        ("a >> (b >> c, d) >> e", ["bc", "ab", "ad", "ce", "de"]),
        ("(a, b) >> (c, d)", ["ac", "ad", "bc", "bd"]),
        ("a >> (b, (c, d >> e)) >> f", ["de", "ab", "ac", "ad", "bf", "cf", "ef"]),
        ("(((a))) >> b", ["ab"]),
        ("a >> (b, b) >> c", ["ab", "bc"]),
        ("a >> b; a >> b", ["ab"]),
        ("\n\n a >> b \n\n a >> c \n", ["ab", "ac"]),
        ("a\n  >> b\n  >> c", ["ab", "bc"]),
        ("a >>\n\n  b\n;;c >> d;", ["ab", "cd"]),
        ("a >> (\n  b,\n  c >>\n  d\n)", ["cd", "ab", "ac"]),
        ("'a' >> \"b\"; a >> c", ["ab", "ac"]),
    ],
)
def test_what_a_text_says(text, found):
    assert edges(text) == found


def test_the_names_stand_in_the_order_of_their_appearance():
    assert list(read("é2 >> (_x, 'Größe (m³)'); 'a >> b' ; é2").marks) == ["é2", "_x", "Größe (m³)", "a >> b"]


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("a[pivot]", {"pivot": True}),
        ("a [ no  effect ]", {"no effect": True}),
        ("a[idempotent, pivot]", {"idempotent": True, "pivot": True}),
        ("a[no_rollback]", {"no rollback": True}),
        ("a[retries=3, timeout = 2.5]", {"retries": 3, "timeout": 2.5}),
        ("a[save point]", {"save point": 1}),
        ("a[save point=4][pivot]", {"save point": 4, "pivot": True}),
        ("a[pivot]; a[pivot]; a[retries=1]", {"pivot": True, "retries": 1}),
    ],
)
def test_marks(text, marks):
    assert read(text).marks["a"] == marks


def test_every_mark_is_known_and_becomes_an_option():
    numbers = {"retries": "=3", "timeout": "=2"}
    text = "a[" + ", ".join(mark + numbers.get(mark, "") for mark in MARKS) + "]"
    assert options_of(read(text).marks["a"]) == {
        "no_effect": True,
        "idempotent": True,
        "pivot": True,
        "save_point": 1,
        "retries": 3,
        "timeout": 2.0,
    }


@pytest.mark.parametrize(
    ("text", "said", "shown"),
    [
        ("", "the sketch is empty", None),
        (" ;\n; ", "the sketch is empty", None),
        ("a >> ", "a name or a group is missing", "    a >> \n         ^"),
        (">> a", "a name or a group is missing", "    >> a\n    ^^"),
        ("a >> >> b", "a name or a group is missing", "    a >> >> b\n         ^^"),
        ("a b", "after a name comes >>", "    a b\n      ^"),
        ("a, b", "after a name comes >>", "    a, b\n     ^"),
        ("a >> (b, c", "this group is never closed", "    a >> (b, c\n         ^"),
        ("a >> b)", "closes here that was never opened", "    a >> b)\n          ^"),
        ("(a; b)", "separated by a comma", "    (a; b)\n      ^"),
        ("a >> ()", "a name or a group is missing", "    a >> ()\n          ^"),
        ("a -> b", "joined by >>", "    a -> b\n      ^"),
        ("a > b", "joined by >>", "    a > b\n      ^"),
        ("a >> 2b", "'2' means nothing here", "    a >> 2b\n         ^"),
        ("a >> 'b", "this quote is never closed", "    a >> 'b\n         ^"),
        ("a >> ' '", "is not empty", "    a >> ' '\n         ^^^"),
        ("a[pivot >> b", "this bracket is never closed", "    a[pivot >> b\n     ^"),
        ("a] >> b", "a bracket closes here", "    a] >> b\n     ^"),
        ("(a, b)[pivot]", "not behind a group", "    (a, b)[pivot]\n          ^^^^^^^"),
        ("a[]", "there is no mark ''", "    a[]\n      ^"),
        (
            "a[retries=3,  pivott]",
            "Did you mean 'pivot'?",
            "    a[retries=3,  pivott]\n" + " " * 18 + "^^^^^^",
        ),
        ("a[pivot=1]", "'pivot' takes no number", "    a[pivot=1]\n      ^^^^^^^"),
        ("a[idempotent=1]", "'idempotent' takes no number", "    a[idempotent=1]\n      ^^^^^^^^^^^^"),
        ("a[idempotant]", "Did you mean 'idempotent'", "    a[idempotant]\n      ^^^^^^^^^^"),
        ("a[retries]", "retries is a whole number", "    a[retries]\n      ^^^^^^^"),
        ("a[retries=0]", "retries is a whole number", "    a[retries=0]\n      ^^^^^^^^^"),
        ("a[retries=-1]", "retries is a whole number", "    a[retries=-1]\n      ^^^^^^^^^^"),
        ("a[retries=1_0]", "retries is a whole number", "    a[retries=1_0]\n      ^^^^^^^^^^^"),
        ("a[timeout=soon]", "timeout is a number", "    a[timeout=soon]\n      ^^^^^^^^^^^^"),
        ("a[timeout=0.0]", "timeout is a number", "    a[timeout=0.0]\n      ^^^^^^^^^^^"),
        ("a[timeout=nan]", "timeout is a number", "    a[timeout=nan]\n      ^^^^^^^^^^^"),
        ("a[retries=1]; a[retries=2]", "has the mark 'retries' already", " " * 20 + "^^^^^^^^^"),
        ("a >> b\nc -> d", "(line 2, column 3)", "    c -> d\n      ^"),
        ("\ta -> b", "joined by >>", "     a -> b\n       ^"),
    ],
)
def test_what_cannot_be_read_is_shown_at_its_place(text, said, shown):
    with pytest.raises(SketchError) as caught:
        read(text)
    assert said in str(caught.value)
    assert shown is None or str(caught.value).endswith(shown)
    assert isinstance(caught.value, FlowDefinitionError)


def test_a_name_is_no_longer_than_that_of_an_effect():
    assert list(read("a" * LONGEST_NAME).marks) == ["a" * LONGEST_NAME]
    with pytest.raises(SketchError, match=f"a name has at most {LONGEST_NAME} characters"):
        read(f"book >> '{'a' * (LONGEST_NAME + 1)}'")


def test_of_a_long_line_only_a_part_is_shown():
    with pytest.raises(SketchError) as caught:
        read(" >> ".join(f"action_{number}" for number in range(400)) + " -> b" + " >> c" * 400)
    _, shown, carets = str(caught.value).splitlines()
    assert len(shown) <= 104
    assert shown[carets.index("^")] == "-"


@pytest.mark.parametrize("text", [None, 3, b"a >> b", ["a", "b"]])
def test_a_sketch_is_a_text(text):
    with pytest.raises(SketchError, match=f"a sketch is a text.*not {type(text).__name__}"):
        read(text)


def test_what_would_be_too_much_is_refused_at_once():
    with pytest.raises(SketchError, match="at most"):
        read("a" * (MOST_TEXT + 1))
    wide = ", ".join(f"a{number}" for number in range(400))
    with pytest.raises(SketchError, match=f"more than {MOST_EDGES} edges"):
        read(f"({wide}) >> ({wide.replace('a', 'b')})")
    assert edges("(" * DEEPEST + "a >> b" + ")" * DEEPEST) == ["ab"]
    with pytest.raises(SketchError, match="more than"):
        read("(" * (DEEPEST + 1) + "a" + ")" * (DEEPEST + 1))


@pytest.mark.parametrize(
    "text", ["a[" + " " * 40_000 + "=", "(" * 40_000, "a[" * 20_000, "'" * 49_999, " " * 49_999]
)
def test_a_hostile_text_is_refused_in_no_time(text):
    with pytest.raises(SketchError):
        read(text)


# ------------------------------------------------------------------ against an independent reading

NAMES = [f"n{number}" for number in range(8)]
GAPS = st.sampled_from(["", " ", "  "])
NEAR = st.sampled_from(["", " ", "\n", " \n  "])

# A chain is a list of terms; a term is a name, or a tuple of chains.
chains = st.deferred(lambda: st.lists(terms, min_size=1, max_size=3))
terms = st.deferred(
    lambda: st.one_of(st.sampled_from(NAMES), st.lists(chains, min_size=1, max_size=3).map(tuple))
)


def written(draw, chain, inside=False):
    gap = NEAR if inside else GAPS
    parts = []
    for term in chain:
        if isinstance(term, str):
            parts.append(draw(st.sampled_from([term, f'"{term}"', f"'{term}'"])))
        else:
            inner = [draw(gap) + written(draw, one, True) + draw(NEAR) for one in term]
            parts.append("(" + ",".join(inner) + ")")
    text = parts[0]
    for part in parts[1:]:
        text += draw(NEAR) + ">>" + draw(NEAR) + part
    return text


def ends(chain, which):
    term = chain[which]
    return {term} if isinstance(term, str) else {name for one in term for name in ends(one, which)}


def meant(chain):
    """The edges of a chain as a set: each step's own, and each end of a step with each beginning after it."""
    found = set()
    for term in chain:
        if not isinstance(term, str):
            found.update(*map(meant, term))
    for one, after in pairwise(chain):
        found.update(product(ends([one], -1), ends([after], 0)))
    return found


@settings(max_examples=40)
@given(st.data(), st.lists(chains, min_size=1, max_size=4))
def test_a_random_text_says_what_was_meant(data, several):
    text = data.draw(st.sampled_from([";", "\n", ";\n"])).join(written(data.draw, one) for one in several)
    assert set(read(text).edges) == set().union(*map(meant, several))


@given(st.text(alphabet="ab >()[],;='\"\npivot", max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        found = read(text)
    except SketchError:
        return
    assert {name for edge in found.edges for name in edge} <= set(found.marks)
