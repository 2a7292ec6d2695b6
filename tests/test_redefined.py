"""A cell that is run again: what a name of the notebook means now, and what the flow still uses."""

import functools
import itertools
import linecache
import textwrap

import pytest
from helpers import play, told, words

from daga_nb import DagaAction, DagaFlow
from daga_nb.core.states import RunState
from daga_nb.errors import DagaError
from daga_nb.widgets.redefined import Namesakes


class Notebook:
    """Cells that are run, as IPython does: each has a file of its own, which can be read later."""

    def __init__(self):
        self.names = {"__name__": "__main__", "DagaAction": DagaAction, "functools": functools}
        self.names["done"] = self.done = []
        self.count = 0

    def run(self, cell, **replaced):
        """Run a cell; ``x="y"`` has each x in it replaced by y."""
        cell = textwrap.dedent(cell).strip() + "\n"
        for old, new in replaced.items():
            assert old in cell
            cell = cell.replace(old, new)
        self.count += 1
        file = f"<cell {self.count} of {id(self)}>"
        linecache.cache[file] = (len(cell), None, cell.splitlines(keepends=True), file)
        exec(compile(cell, file, "exec"), self.names)
        return self

    def __getitem__(self, name):
        return self.names[name]

    def flow(self, *nodes, **options):
        """A flow of these expressions, one after the other."""
        made = [eval(node, self.names) for node in nodes]
        self.names["flow"] = DagaFlow(list(itertools.pairwise(made)), **options)
        return self["flow"]

    def watched(self, *nodes):
        return Namesakes(self.flow(*nodes).plan, self.names)


QUOTE = """
async def quote(results):
    return 842.0
"""

PAY = """
async def pay(results):
    return "paid"
"""

CHARGE = """
@DagaAction
async def charge(results):
    done.append("charge 1")
    return "receipt 1"
"""

REFUND = """
@charge.on_rollback
async def refund(results, result):
    done.append("refund 1")
"""


@pytest.fixture
def book():
    return Notebook().run(QUOTE).run(PAY)


def offers(namesakes):
    """What is offered, as lines of Python; what cannot be used, in words; with a * if it is the same."""
    return [
        f"{one.line.replace('{lab}', 'bench') or one.problem}{' *' if one.same_code else ''}"
        for one in namesakes.look()
    ]


def replacing(book, run, namesakes):
    """Put to use what is offered, just as the line says, and take note of it."""
    for one in namesakes.look():
        assert one.problem == ""
        exec(one.line.replace("{lab}", "bench"), {**book.names, "bench": type("Lab", (), {"run": run})})
        spelled = run.calls[one.node]
        run.replace(one.name, one.function, rollback=one.rollback)
        assert run.calls[one.node] == spelled or any("partial" in str(call) for call in spelled)
        namesakes.take(one)


# ------------------------------------------------------------------------- plain functions


def test_nothing_is_offered_before_anything_is_defined_again(book):
    namesakes = book.watched("quote", "pay")
    book.run("rate = 3")
    assert namesakes.look() == []


def test_a_function_defined_again_is_offered_with_what_changed(book):
    namesakes = book.watched("quote", "pay")
    book.run(QUOTE, **{"842.0": "17.5"})
    (found,) = namesakes.look()
    assert found._replace(diff="") == (
        0,
        "quote",
        "quote",
        book["quote"],
        None,
        "",
        False,
        "{lab}.run.replace('quote', quote)",
        "",
        book["quote"],
    )
    assert found.diff.splitlines() == [
        "--- before",
        "+++ now",
        "@@ -1,2 +1,2 @@",
        " async def quote(results):",
        "-    return 842.0",
        "+    return 17.5",
    ]


def test_what_was_taken_is_not_offered_again_until_it_changes_again(book):
    namesakes = book.watched("quote", "pay")
    book.run(QUOTE, **{"842.0": "17.5"})
    (first,) = namesakes.look()
    assert namesakes.look() == [first]
    assert namesakes.look()[0] is first, "what has been looked up is not looked up again"
    namesakes.take(first)
    assert (namesakes.look(), namesakes.taken) == ([], [first])
    book.run(QUOTE, **{"842.0": "3.25"})
    (second,) = namesakes.look()
    assert "-    return 17.5\n+    return 3.25" in second.diff
    namesakes.take(second)
    assert namesakes.taken == [second]


def test_what_is_taken_late_is_told_of_again(book):
    namesakes = book.watched("quote", "pay")
    book.run(QUOTE, **{"842.0": "17.5"})
    (first,) = namesakes.look()
    book.run(QUOTE, **{"842.0": "3.25"})
    namesakes.take(first)
    (second,) = namesakes.look()
    assert "-    return 17.5\n+    return 3.25" in second.diff


def test_the_plan_gives_the_order(book):
    namesakes = book.watched("quote", "pay")
    book.run(PAY, paid="PAID").run(QUOTE, **{"842.0": "1.0"})
    assert offers(namesakes) == ["bench.run.replace('quote', quote)", "bench.run.replace('pay', pay)"]


def test_the_name_of_the_action_is_that_of_the_plan(book):
    namesakes = book.watched("DagaAction(quote, name='the price')", "pay")
    book.run(QUOTE, **{"842.0": "1.0"})
    assert offers(namesakes) == ["bench.run.replace('the price', quote)"]


@pytest.mark.parametrize(
    "cell",
    [
        QUOTE,
        "# moved down, with a comment\n\n" + QUOTE.strip().replace("return", "# why\n    return"),
    ],
)
def test_the_same_code_run_again_says_so(book, cell):
    namesakes = book.watched("quote", "pay")
    book.run(cell)
    assert offers(namesakes) == ["bench.run.replace('quote', quote) *"]


def test_the_same_code_with_another_option_is_other(book):
    namesakes = book.run(CHARGE).watched("charge", "pay")
    book.run(CHARGE, **{"@DagaAction": "@DagaAction.options(idempotent=True)"})
    assert offers(namesakes) == ["bench.run.replace('charge', charge)"]


def test_a_name_that_was_deleted_means_nothing_else(book):
    namesakes = book.watched("quote", "pay")
    kept = book["quote"]
    book.run("del quote")
    assert namesakes.look() == []
    book.run(QUOTE, **{"842.0": "17.5"})
    assert offers(namesakes) == ["bench.run.replace('quote', quote)"]
    book.names["quote"] = kept
    assert namesakes.look() == []


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("quote = 842.0", "quote is no function any more: it means 'float' now"),
        ("quote = print", "quote is no function any more: it means 'builtin_function_or_method' now"),
        ("class quote: pass", "quote is no function any more: it means 'type' now"),
        (
            "async def quote(results, rate): pass",
            "quote: nothing is known to hand to its parameter 'rate'. It is called with the list of its "
            "predecessors' results, and by name with 'context'; bind the rest with functools.partial.",
        ),
        (
            "async def quote(results):\n    yield 842.0",
            "quote is an async generator function: its body would never run. Return the result instead.",
        ),
    ],
)
def test_what_cannot_be_used_says_why(book, cell, problem):
    namesakes = book.watched("quote", "pay")
    book.run(cell)
    (found,) = namesakes.look()
    assert (found.problem, found.function, found.rollback, found.line) == (problem, None, None, "")
    with pytest.raises(DagaError, match="quote"):
        namesakes.take(found)
    book.run(QUOTE, **{"842.0": "1.0"})
    assert offers(namesakes) == ["bench.run.replace('quote', quote)"]


def test_another_function_under_the_same_name_is_offered(book):
    namesakes = book.watched("quote", "pay")
    book.run("def better(results):\n    return 1").run("quote = better")
    (found,) = namesakes.look()
    assert found.function is book["better"]
    assert "+def better(results):" in found.diff


def test_of_two_names_for_one_function_its_own_is_followed(book):
    book.run("step = pay")
    namesakes = book.watched("quote", "pay")
    book.run("step = quote")
    assert namesakes.look() == []
    book.run("step = 3")
    assert namesakes.look() == []
    book.run(PAY, paid="PAID")
    assert offers(namesakes) == ["bench.run.replace('pay', pay)"]


def test_without_its_own_name_another_one_is_followed_as_far_as_it_goes(book):
    book.run("step = pay\ndel pay")
    namesakes = book.watched("quote", "step")
    book.run("step = quote")
    assert namesakes.look() == [], "another action of the flow: a loop over them, it seems"
    book.run("step = 3")
    assert namesakes.look() == []
    book.run("def mail(results):\n    return 1").run("step = mail")
    assert offers(namesakes) == ["step means mail now, and meant pay: run.replace uses it, if that is meant"]
    book.run(PAY, paid="PAID").run("step = pay")
    assert offers(namesakes) == ["bench.run.replace('pay', step)"]


@pytest.mark.parametrize(
    ("cell", "again"),
    [
        ("quote = lambda results: 1", "quote = lambda results: 2"),
        ("from textwrap import dedent as quote", "from textwrap import indent as quote"),
        ("quote = functools.partial(abs)", "quote = functools.partial(max)"),
        (
            "def make(n):\n    def quote(results): return n\n    return quote\nquote = make(1)",
            "quote = make(2)",
        ),
        ("class Desk:\n    def quote(self, results): pass\nquote = Desk().quote", "quote = Desk().quote"),
    ],
    ids=["lambda", "import", "builtin", "factory", "method"],
)
def test_what_is_not_followed(book, cell, again):
    book.run(cell)
    namesakes = book.watched("quote", "pay")
    book.run(again)
    assert namesakes.look() == []


@pytest.mark.parametrize("name", ["_", "_1", "_quote"])
def test_names_that_begin_with_an_underscore_do_not_count(book, name):
    book.names[name] = book["quote"]
    del book.names["quote"]
    namesakes = book.watched(name, "pay")
    book.names[name] = book["pay"]
    assert namesakes.look() == []


def test_names_that_come_later_do_not_count(book):
    kept = book.names.pop("quote")
    namesakes = Namesakes(DagaFlow([(kept, book["pay"])]).plan, book.names)
    book.run(QUOTE)
    assert namesakes.look() == []


def test_the_module_is_that_of_the_names():
    book = Notebook()
    book.names["__name__"] = "some.module"
    namesakes = book.run(QUOTE).run(PAY).watched("quote", "pay")
    book.run(QUOTE, **{"842.0": "1.0"})
    assert offers(namesakes) == ["bench.run.replace('quote', quote)"]


def test_without_sources_there_is_no_diff():
    names = {"__name__": "__main__"}
    exec(QUOTE + PAY, names)
    namesakes = Namesakes(DagaFlow([(names["quote"], names["pay"])]).plan, names)
    exec(QUOTE.replace("842.0", "1.0"), names)
    (found,) = namesakes.look()
    assert (found.diff, found.same_code, found.problem) == ("", False, "")


def test_the_old_source_is_known_even_if_its_cell_is_not_any_more(book):
    namesakes = book.watched("quote", "pay")
    linecache.clearcache()
    book.run(QUOTE, **{"842.0": "17.5"})
    (found,) = namesakes.look()
    assert "-    return 842.0\n+    return 17.5" in found.diff


def test_a_long_difference_is_cut_short(book):
    lines = "".join(f"    a{number} = {number}\n" for number in range(2000))
    book.run(f"def quote(results):\n{lines}")
    namesakes = book.watched("quote", "pay")
    book.run(f"def quote(results):\n{lines.replace('a', 'b')}")
    (found,) = namesakes.look()
    assert len(found.diff) == 4000
    assert found.diff.endswith("…")


def test_no_code_of_a_user_is_called(book):
    class Touchy:
        def __getattribute__(self, name):
            raise AssertionError(name)

        __eq__ = __hash__ = __repr__ = __bool__ = __len__ = __iter__ = __getattribute__

    book.names["touchy"] = Touchy()
    cell = """
    def make():
        inside = touchy
        def fee(results, rate=touchy, *, more=touchy):
            return inside
        return fee
    """
    book.run(cell).run("def quote(results, rate=touchy, *, more=make()):\n    return 1")
    namesakes = book.watched("quote", "pay")
    book.run("def quote(results, rate=touchy, *, more=make()):\n    return 1")
    assert offers(namesakes) == ["bench.run.replace('quote', quote) *"]
    namesakes.take(namesakes.look()[0])
    book.run("quote = touchy")
    assert offers(namesakes) == ["quote is no function any more: it means 'Touchy' now"]


# --------------------------------------------------------------------------- is it the same


@pytest.mark.parametrize(
    ("cell", "again"),
    [
        ("def quote(results): return 1", "def quote(results): return 1.0"),
        ("def quote(results): return 1", "def quote(results): return True"),
        ("def quote(results): return 0.0", "def quote(results): return -0.0"),
        ("def quote(results): return len(results)", "def quote(results): return sum(results)"),
        ("def quote(results): return results.a", "def quote(results): return results.b"),
        ("def quote(results): return (1, 2)", "def quote(results): return (1, 3)"),
        ("def quote(results): return results in {1, 2}", "def quote(results): return results in {1, 3}"),
        ("def quote(results): pass", "async def quote(results): pass"),
        ("def quote(results): pass", "def quote(given): pass"),
        ("def quote(results): pass", "def quote(results, context): pass"),
        ("def quote(results, n=1): pass", "def quote(results, n=2): pass"),
        ("def quote(results, *, n=1): pass", "def quote(results, *, n=2): pass"),
        ("def quote(results, *, n=1, m=1): pass", "def quote(results, *, m=1, n=2): pass"),
        ("def quote(results, n=[1, {2: 3}]): pass", "def quote(results, n=[1, {2: 4}]): pass"),
        ("def quote(results, n=object()): pass", "def quote(results, n=object()): pass"),
        (
            "def quote(results): return [1 for _ in results]",
            "def quote(results): return [2 for _ in results]",
        ),
        (
            "def quote(results): return (lambda: (lambda: 1))",
            "def quote(results): return (lambda: (lambda: 2))",
        ),
    ],
)
def test_other_code_is_never_the_same(book, cell, again):
    book.run(cell)
    namesakes = book.watched("quote", "pay")
    book.run(again)
    assert offers(namesakes) == ["bench.run.replace('quote', quote)"]


@pytest.mark.parametrize(
    "cell",
    [
        "def quote(results, n=[1, {2: (3, {4})}], *, key=None, x=1.5, z=2j): return results in {1, 'a', 2.5}",
        "def quote(results, inner=lambda: [i for i in range(3)]): return inner()",
        "def quote(results):\n    class Price:\n        n = 1\n    return Price",
        "def quote(results):\n    def more(): return more\n    return more",
        "big = 0x" + "f" * 5000 + "\ndef quote(results, n=big): return 0x" + "f" * 5000,
        "def quote(results):\n    try:\n        return 1\n    except* ValueError:\n        raise",
    ],
)
def test_an_identical_cell_is_always_the_same(book, cell):
    book.run(cell)
    namesakes = book.watched("quote", "pay")
    book.run(cell)
    assert offers(namesakes) == ["bench.run.replace('quote', quote) *"]


DECORATED = """
def times(n):
    def decorate(function):
        @functools.wraps(function)
        async def repeated(results):
            return [await function(results) for _ in range(n)]
        return repeated
    return decorate

@times(2)
async def quote(results):
    return 842.0
"""


@pytest.mark.parametrize(
    ("change", "same"), [({}, True), ({"842": "843"}, False), ({"times(2)": "times(3)"}, False)]
)
def test_what_a_closure_holds_is_compared_too(book, change, same):
    book.run(DECORATED)
    namesakes = book.watched("quote", "pay")
    book.run(DECORATED, **change)
    (found,) = namesakes.look()
    assert (found.function, found.same_code) == (book["quote"], same)
    assert bool(found.diff) is not same


def test_a_function_that_holds_itself_is_read_to_an_end(book):
    cell = "def quote(results, me=[]):\n    return me\nquote.__defaults__[0].append(quote)"
    book.run(cell)
    namesakes = book.watched("quote", "pay")
    book.run(cell)
    assert offers(namesakes) == ["bench.run.replace('quote', quote) *"]


def test_what_is_too_much_to_read_is_not_the_same(book):
    cell = "def quote(results, table=[*range(100_000)]): return table"
    book.run(cell)
    namesakes = book.watched("quote", "pay")
    book.run(cell)
    assert offers(namesakes) == ["bench.run.replace('quote', quote)"]


# ---------------------------------------------------------------------------------- actions


def rolled_back(book, flow, namesakes):
    """What is called, and undone, by a new run that uses what is offered, and what was taken before."""
    run = flow.start()
    for one in namesakes.taken:
        run.replace(one.name, one.function, rollback=one.rollback)
    replacing(book, run, namesakes)
    book.done.clear()
    play(run.go())
    play(run.rollback())
    return book.done


def test_the_whole_cell_again_brings_the_new_rollback(book):
    book.run(CHARGE + REFUND)
    namesakes = book.watched("quote", "charge")
    book.run(CHARGE + REFUND, **{"charge 1": "charge 2", "refund 1": "refund 2"})
    assert offers(namesakes) == [
        "bench.run.replace('charge', charge)",
        "bench.run.replace('charge', rollback=refund)",
    ]
    assert [one.diff.count("\n") for one in namesakes.look()] == [8, 7]
    assert rolled_back(book, book["flow"], namesakes) == ["charge 2", "refund 2"]
    assert namesakes.look() == []


def test_the_action_taken_alone_brings_its_rollback_along(book):
    book.run(CHARGE + REFUND)
    namesakes = book.watched("quote", "charge")
    book.run(CHARGE + REFUND, **{"refund 1": "refund 2"})
    action, rollback = namesakes.look()
    assert (action.same_code, rollback.same_code) == (True, False)
    namesakes.take(action)
    assert (namesakes.look(), namesakes.taken) == ([], [action])


def test_the_cell_of_the_action_alone_keeps_the_rollback_of_another_cell(book):
    book.run(CHARGE).run(REFUND)
    namesakes = book.watched("quote", "charge")
    book.run(CHARGE, **{"charge 1": "charge 2"})
    assert offers(namesakes) == ["bench.run.replace('charge', charge)"]
    assert rolled_back(book, book["flow"], namesakes) == ["charge 2", "refund 1"]
    book.run(REFUND, **{"refund 1": "refund 2"})
    assert offers(namesakes) == ["bench.run.replace('charge', rollback=refund)"]
    assert rolled_back(book, book["flow"], namesakes) == ["charge 2", "refund 2"]


def test_the_cell_of_the_rollback_alone(book):
    book.run(CHARGE).run(REFUND)
    namesakes = book.watched("quote", "charge")
    run = book["flow"].start()
    book.run(REFUND, **{"refund 1": "refund 2"})
    assert offers(namesakes) == ["bench.run.replace('charge', rollback=refund)"]
    replacing(book, run, namesakes)
    play(run.go())
    play(run.rollback())
    assert book.done == ["charge 1", "refund 2"]


def test_the_same_action_run_again_without_its_rollback_is_the_same(book):
    book.run(CHARGE).run(REFUND)
    namesakes = book.watched("quote", "charge")
    book.run(CHARGE)
    assert offers(namesakes) == ["bench.run.replace('charge', charge) *"]


def test_a_rollback_without_a_name_comes_with_its_action(book):
    cell = CHARGE + "charge.on_rollback(lambda results: done.append('refund 1'))"
    book.run(cell)
    namesakes = book.watched("quote", "charge")
    book.run(cell)
    assert offers(namesakes) == ["bench.run.replace('charge', charge) *"]
    book.run(cell, **{"refund 1": "refund 2"})
    (found,) = namesakes.look()
    assert not found.same_code
    assert "-charge.on_rollback(lambda results: done.append('refund 1'))" in found.diff
    assert rolled_back(book, book["flow"], namesakes) == ["charge 1", "refund 2"]


def test_a_rollback_that_makes_way_for_another_is_not_offered(book):
    book.run(CHARGE + REFUND)
    namesakes = book.watched("quote", "charge")
    book.run(CHARGE + REFUND, **{"refund 1": "refund 2"})
    book.run("charge.on_rollback(lambda results: done.append('refund 3'))")
    (found,) = namesakes.look()
    assert (found.variable, found.same_code) == ("charge", False)
    assert rolled_back(book, book["flow"], namesakes) == ["charge 1", "refund 3"]
    book.run(REFUND, **{"refund 1": "refund 4"})
    assert namesakes.look() == [], "it is not in use any more under this name"


def test_an_action_that_says_it_has_no_effect_needs_no_rollback(book):
    book.run(CHARGE).run(REFUND)
    namesakes = book.watched("quote", "charge")
    book.run(REFUND, **{"refund 1": "refund 2"})
    book.run(CHARGE, **{"@DagaAction": "@DagaAction.options(no_effect=True)"})
    assert offers(namesakes) == ["bench.run.replace('charge', charge)"]
    assert rolled_back(book, book["flow"], namesakes) == ["charge 1"]
    assert namesakes.look() == []


def test_several_are_taken_at_once_or_none(book):
    book.run(CHARGE + REFUND)
    namesakes = book.watched("quote", "charge", "pay")
    book.run(CHARGE + REFUND, **{"charge 1": "charge 2", "refund 1": "refund 2"})
    book.run(QUOTE, **{"842": "17"}).run("pay = 3")
    found = namesakes.look()
    assert [one.variable for one in found] == ["quote", "charge", "refund", "pay"]
    with pytest.raises(DagaError, match="pay is no function any more"):
        namesakes.take(*found)
    assert (namesakes.look(), namesakes.taken) == (found, [])
    namesakes.take(*found[:3])
    assert (namesakes.look(), namesakes.taken) == (found[3:], found[:3])


def test_a_rollback_may_be_added_with_the_action(book):
    book.run(CHARGE)
    namesakes = book.watched("quote", "charge")
    book.run(CHARGE + REFUND)
    (found,) = namesakes.look()
    assert not found.same_code
    assert rolled_back(book, book["flow"], namesakes) == ["charge 1", "refund 1"]
    book.run(REFUND, **{"refund 1": "refund 2"})
    assert offers(namesakes) == ["bench.run.replace('charge', rollback=refund)"]


def test_an_action_may_become_a_plain_function_and_the_other_way(book):
    book.run(CHARGE).run(REFUND)
    namesakes = book.watched("quote", "charge")
    book.run(CHARGE.replace("@DagaAction\n", ""), **{"charge 1": "charge 2"})
    assert rolled_back(book, book["flow"], namesakes) == ["charge 2", "refund 1"]
    book.run(CHARGE + REFUND, **{"charge 1": "charge 3", "refund 1": "refund 3"})
    assert rolled_back(book, book["flow"], namesakes) == ["charge 3", "refund 3"]


def test_options_belong_to_what_an_action_does(book):
    book.run(CHARGE)
    namesakes = book.watched("quote", "charge")
    book.run(CHARGE, **{"@DagaAction": "@DagaAction.options(no_effect=True)"})
    (found,) = namesakes.look()
    assert not found.same_code
    namesakes.take(found)
    book.run(CHARGE, **{"@DagaAction": "@DagaAction.options(no_effect=True)"})
    assert offers(namesakes) == ["bench.run.replace('charge', charge) *"]


def test_an_action_that_contradicts_itself_is_a_problem(book):
    book.run(CHARGE).run(REFUND)
    namesakes = book.watched("quote", "charge")
    book.run(CHARGE + REFUND, **{"@DagaAction": "@DagaAction.options(no_effect=True)"})
    assert offers(namesakes) == [
        "charge says no_effect=True and has a rollback: one of the two is wrong.",
        "bench.run.replace('charge', rollback=refund) *",
    ]


def test_the_function_inside_of_an_action_is_followed_and_its_options_stay(book):
    book.run("def undo(results):\n    done.append('undo 1')")
    book.run("def call(results):\n    done.append('call 1')")
    flow = book.flow("quote", "DagaAction(call, in_thread=False)")
    flow.plan.nodes[1].on_rollback(book["undo"])
    namesakes = Namesakes(flow.plan, book.names)
    book.run("def undo(results):\n    done.append('undo 2')")
    book.run("def call(results):\n    done.append('call 2')")
    assert offers(namesakes) == [
        "bench.run.replace('call', call)",
        "bench.run.replace('call', rollback=undo)",
    ]
    run = flow.start()
    replacing(book, run, namesakes)
    assert not run.calls[1].action.in_thread
    assert not run.calls[1].rollback.in_thread
    book.run("def call(results):\n    done.append('call 3')")
    assert rolled_back(book, flow, namesakes) == ["call 3", "undo 2"]
    assert [one.variable for one in namesakes.taken] == ["call", "undo"]


def test_a_function_inside_may_become_an_action_and_the_rollback_outside_stays(book):
    book.run("def undo(results):\n    done.append('undo 1')")
    book.run("def call(results):\n    done.append('call 1')")
    flow = book.flow("quote", "DagaAction(call)")
    flow.plan.nodes[1].on_rollback(book["undo"])
    namesakes = Namesakes(flow.plan, book.names)
    book.run("@DagaAction\ndef call(results):\n    done.append('call 2')\ncall.on_rollback(print)")
    assert offers(namesakes) == ["bench.run.replace('call', call.wrapped_func)"]
    assert rolled_back(book, flow, namesakes) == ["call 2", "undo 1"]
    book.run("@DagaAction\ndef call(results):\n    done.append('call 3')")
    assert offers(namesakes) == ["bench.run.replace('call', call.__wrapped__)"]


def test_of_an_action_and_the_function_inside_what_changed_last_is_told(book):
    book.run("def call(results):\n    done.append('call 1')").run("step = DagaAction(call)")
    namesakes = book.watched("quote", "step")
    book.run("def call(results):\n    done.append('call 2')")
    assert offers(namesakes) == ["bench.run.replace('call', call)"]
    book.run("step = DagaAction(call)")
    assert offers(namesakes) == ["bench.run.replace('call', step)"]
    assert rolled_back(book, book["flow"], namesakes) == ["call 2"]
    assert namesakes.look() == []
    book.run("def call(results):\n    done.append('call 3')")
    assert rolled_back(book, book["flow"], namesakes) == ["call 3"]
    book.run("step = DagaAction(call, name='another')")
    assert offers(namesakes) == ["bench.run.replace('call', step)"]


def test_a_rollback_that_is_an_action(book):
    cell = "@DagaAction\ndef undo(results):\n    done.append('undo 1')"
    book.run(CHARGE).run(cell).run("charge.on_rollback(undo)")
    namesakes = book.watched("quote", "charge")
    book.run(cell, **{"undo 1": "undo 2"})
    assert offers(namesakes) == ["bench.run.replace('charge', rollback=undo)"]
    assert rolled_back(book, book["flow"], namesakes) == ["charge 1", "undo 2"]


def test_a_rollback_that_is_decorated_from_outside(book):
    cell = """
    def logged(function):
        @functools.wraps(function)
        def call(*args): return function(*args)
        return call

    @logged
    @charge.on_rollback
    def refund(results):
        done.append("refund 1")
    """
    book.run(CHARGE).run(cell)
    namesakes = book.watched("quote", "charge")
    book.run(cell)
    assert offers(namesakes) == ["bench.run.replace('charge', rollback=refund.__wrapped__) *"]
    book.run(cell, **{"refund 1": "refund 2"})
    assert rolled_back(book, book["flow"], namesakes) == ["charge 1", "refund 2"]
    book.run(cell, **{"refund 1": "refund 3"})
    assert offers(namesakes) == ["bench.run.replace('charge', rollback=refund.__wrapped__)"]


def test_what_stands_under_a_decorator_is_not_put_in_its_place(book):
    cell = """
    def logged(function):
        @functools.wraps(function)
        def call(results): return function(results)
        return call

    safe = logged(pay)
    """
    book.run(cell)
    namesakes = book.watched("quote", "safe")
    book.run(PAY, paid="PAID")
    assert offers(namesakes) == ["pay stands under a decorator here: decorate the new one too"]
    book.run("safe = logged(pay)")
    assert offers(namesakes) == ["bench.run.replace('pay', safe)"]
    namesakes.take(namesakes.look()[0])
    assert namesakes.look() == []


# ------------------------------------------------------------------------- actions of classes

CLASS = """
class Charge(DagaAction):
    async def __call__(self, results):
        done.append("charge 1")

    async def rollback(self, results):
        done.append("refund 1")
"""


def test_the_instance_of_a_class_is_followed_by_its_own_name(book):
    cell = CLASS.replace("rollback", "mail") + "\n\ncharge = Charge()"
    book.run(cell)
    namesakes = book.watched("quote", "charge")
    book.run(cell)
    assert offers(namesakes) == ["bench.run.replace('Charge', charge) *"]
    book.run(cell, **{"charge 1": "charge 2"})
    (found,) = namesakes.look()
    assert '-    done.append("charge 1")' in found.diff
    assert rolled_back(book, book["flow"], namesakes) == ["charge 2"]
    book.run(cell, **{"charge 1": "charge 2", "refund 1": "refund 2"})
    assert offers(namesakes) == ["bench.run.replace('Charge', charge)"], "a method that it may use"


def test_a_class_may_have_a_rollback_of_its_own(book):
    cell = CLASS + "\n\ncharge = Charge()"
    book.run(cell)
    namesakes = book.watched("quote", "charge")
    book.run(cell)
    assert offers(namesakes) == ["bench.run.replace('Charge', charge) *"]
    book.run(cell, **{"refund 1": "refund 2"})
    assert offers(namesakes) == ["bench.run.replace('Charge', charge)"]
    assert rolled_back(book, book["flow"], namesakes) == ["charge 1", "refund 2"]


def test_a_class_alone_is_not_followed(book):
    cell = CLASS.split("\n\n")[0]
    book.run(cell)
    namesakes = book.watched("quote", "Charge()")
    book.run(cell, **{"charge 1": "charge 2"})
    assert namesakes.look() == []


def test_a_class_brings_the_rollback_that_is_registered_with_it(book):
    cell = (
        CLASS.split("\n\n")[0]
        + """
class Refund(DagaAction):
    async def __call__(self, results):
        done.append("refund 1")

Charge.register_class_as_rollback(Refund)
charge = Charge()
"""
    )
    book.run(cell)
    namesakes = book.watched("quote", "charge")
    book.run(cell)
    assert offers(namesakes) == ["bench.run.replace('Charge', charge) *"]
    book.run(cell, **{"refund 1": "refund 2"})
    (found,) = namesakes.look()
    assert '-    done.append("refund 1")' in found.diff
    assert rolled_back(book, book["flow"], namesakes) == ["charge 1", "refund 2"]


# ---------------------------------------------------------------------------------- partials

SEND = """
async def send(results, to, *, times=1):
    done.append(f"send 1 {to} {times}")
"""


def test_one_function_at_two_places_is_offered_at_both(book):
    book.run(SEND)
    namesakes = book.watched(
        "functools.partial(send, to='Ann')", "quote", "functools.partial(send, to='Bob', times=2)"
    )
    book.run(SEND, **{"send 1": "send 2"})
    assert offers(namesakes) == [
        "bench.run.replace('send', functools.partial(send, to='Ann'))",
        "bench.run.replace('send 2', functools.partial(send, to='Bob', times=2))",
    ]
    assert rolled_back(book, book["flow"], namesakes) == ["send 2 Ann 1", "send 2 Bob 2"]
    assert namesakes.look() == []
    book.run(SEND, **{"send 1": "send 3"})
    assert rolled_back(book, book["flow"], namesakes) == ["send 3 Ann 1", "send 3 Bob 2"]


def test_a_partial_is_followed_by_its_own_name_too(book):
    book.run(SEND).run("from functools import partial\nmail = partial(send, to='Ann')")
    namesakes = book.watched("quote", "mail")
    book.run("mail = partial(send, to='Ann')")
    assert offers(namesakes) == ["bench.run.replace('send', mail) *"]
    book.run("mail = partial(send, to='Bob')")
    assert rolled_back(book, book["flow"], namesakes) == ["send 1 Bob 1"]
    book.run(SEND, **{"send 1": "send 2"})
    assert offers(namesakes) == ["bench.run.replace('send', partial(send, to='Bob'))"]
    assert rolled_back(book, book["flow"], namesakes) == ["send 2 Bob 1"]
    book.run("mail = partial(send, to='Eve')")
    assert rolled_back(book, book["flow"], namesakes) == ["send 2 Eve 1"]


def test_arguments_that_cannot_be_spelled_are_bound_all_the_same(book):
    book.run(SEND)
    namesakes = book.watched("quote", "functools.partial(send, to=[1])")
    book.run(SEND, **{"send 1": "send 2"})
    (found,) = namesakes.look()
    assert found.line == "# {lab}.run.replace('send', functools.partial(send, what was bound))"
    assert found.function.keywords == {"to": [1]}
    assert found.function.keywords["to"] is book["flow"].plan.nodes[1].keywords["to"]


def test_a_partial_of_an_action_keeps_its_rollback(book):
    book.run("@DagaAction\nasync def send(results, to):\n    done.append('send 1')")
    book.run("@send.on_rollback\ndef unsend(results):\n    done.append('unsend 1')")
    namesakes = book.watched("quote", "functools.partial(send, to=1)")
    book.run("@DagaAction\nasync def send(results, to):\n    done.append('send 2')")
    assert offers(namesakes) == ["bench.run.replace('send', functools.partial(send, to=1))"]
    assert rolled_back(book, book["flow"], namesakes) == ["send 2", "unsend 1"]
    book.run("@send.on_rollback\ndef unsend(results):\n    done.append('unsend 2')")
    assert rolled_back(book, book["flow"], namesakes) == ["send 2", "unsend 2"]


# ------------------------------------------------------------------------- from end to end


def test_fix_and_resume(book):
    book.run(CHARGE + "\n" + REFUND, **{'return "receipt 1"': 'raise OSError("card refused")'})
    flow = book.flow("quote", "charge", "pay")
    namesakes = Namesakes(flow.plan, book.names)
    run = flow.start(on_failure="pause")
    play(run.go())
    assert (run.undecided, book.done) == (("charge",), ["charge 1"])
    book.run(CHARGE + "\n" + REFUND, **{"charge 1": "charge 2"})
    (found, same) = namesakes.look()
    assert found.diff.splitlines()[3:] == [
        " @DagaAction",
        " async def charge(results):",
        '-    done.append("charge 1")',
        '-    raise OSError("card refused")',
        '+    done.append("charge 2")',
        '+    return "receipt 1"',
    ]
    assert same.same_code
    replacing(book, run, namesakes)
    assert told(play(run.retry())) == ["charge RUNNING", "charge SUCCEEDED"]
    assert play(run.finish()) == ["paid"]
    assert book.done == ["charge 1", "charge 2"]
    play(run.rollback())
    assert book.done == ["charge 1", "charge 2", "refund 1"]


def test_a_rollback_that_failed_is_mended_and_the_run_is_clean(book):
    reserve = CHARGE.replace("charge", "reserve") + REFUND.replace("charge", "reserve").replace(
        "refund", "cancel"
    )
    book.run(reserve).run(CHARGE)
    book.run(REFUND, **{'done.append("refund 1")': 'raise OSError("bank closed")'})
    book.run(PAY, **{'return "paid"': 'raise OSError("no")'})
    flow = book.flow("reserve", "charge", "pay")
    namesakes = Namesakes(flow.plan, book.names)
    run = flow.start()
    play(run.go())
    assert run.state is RunState.ROLLBACK_INCOMPLETE
    assert book.done == ["reserve 1", "charge 1", "cancel 1"]
    assert words(run)["charge"] == "rollback failed"
    book.run(REFUND, **{"refund 1": "refund 2"})
    assert offers(namesakes) == ["bench.run.replace('charge', rollback=refund)"]
    replacing(book, run, namesakes)
    events = play(run.retry())
    assert told(events)[:3] == ["run ROLLING_BACK", "charge ROLLING_BACK", "charge ROLLED_BACK"]
    assert book.done == ["reserve 1", "charge 1", "cancel 1", "refund 2"]
    assert namesakes.look() == []
