"""What the lab shows beside the graph: the log, what actions print, the inspector. None of it is too long."""

from __future__ import annotations

import json

import pytest
from helpers import Boom, play
from widget_page import Page, failing, lab_of, raising

from daga_nb import DagaAction, DagaFlow, canvas, lab
from daga_nb.engine.preview import preview, traceback_of
from daga_nb.errors import FlowDefinitionError
from daga_nb.widgets.log import Log, as_python

# ---------------------------------------------------------------------- the log


def test_the_log_tells_the_run_in_words(done):
    async def main() -> None:
        page = lab_of(done, faults=[failing("c")])
        await page.open()
        for _ in range(4):
            await page.click(cmd="step")
        assert page.words() == [
            "run running",
            "a running",
            "a succeeded → 'a'",
            "b, c running",
            "b succeeded → 'b'",
            "c failed Boom: planted (planted, before the effect)",
            "run rolling back c failed",
            "d abandoned",
            "b, c rolling back",
            "b rolled back → 'undone b'",
            "c rolled back → 'undone c'",
            "a rolling back",
            "a rolled back → 'undone a'",
            "run rolled back",
        ]

    play(main())


def test_what_actions_print_is_in_the_log_between_their_events(done, capsys):
    async def charge(results):
        print("charging", end=" ")
        print("the card")

    def ship(results):
        print("shipping")
        print("without an end", end="")

    async def main() -> None:
        page = Page(lab(DagaFlow([(charge, ship)]), speed=1.0))
        await page.open()
        await page.click(cmd="run")
        printed = [line[4] for line in page.log if line[0] == "print"]
        assert printed == ["charging the card", "shipping", "without an end"]
        words = page.words()
        assert words.index("charge running") < words.index("charging the card")
        assert words.index("charging the card") < words.index("charge succeeded → None")
        print("from a cell")

    play(main())
    assert capsys.readouterr().out == "from a cell\n"


def test_the_log_is_bounded_on_both_sides():
    async def chatter(results):
        for number in range(20_000):
            print(number)

    async def main() -> None:
        page = Page(lab(DagaFlow([(chatter, abs)]), [1], speed=1.0))
        await page.open()
        await page.click(cmd="step")
        assert len(page.widget._log.lines) == 2000
        assert all(len(message.get("log", ())) <= 2000 for message in page.sent)
        assert any(line[4] == "19999" for line in page.log)

    play(main())


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (["x" * 5000, "\n"], "x" * 600 + "… (5,000 characters)"),
        (["x" * 3000] * 4 + ["\n"], "x" * 600 + "… (12,000 characters)"),
        (["10 %\r", "60 %\r", "90 %\r\n"], "90 %"),
        (["y" * 9000, "\rdone", "\n"], "done"),
        (["\x1b[1;31mlow\x1b[0m stock \x1b]8;;x\x07link\x1b]8;;\x07\n"], "low stock link"),
    ],
)
def test_a_printed_line_is_shown_from_its_start_with_its_true_length_and_no_terminal_codes(written, shown):
    story = Log()
    for text in written:
        story.write(text)
    assert [line[4] for line in story.take()] == [shown]


def test_a_rollback_that_fails_by_request_is_shown(done):
    async def main() -> None:
        page = lab_of(done, how={"a": {"undo_fails": Boom("stuck")}})
        await page.open()
        await page.click(cmd="step")
        await page.click(cmd="rollback")
        errors = [line[4] for line in page.log if line[0] == "error"]
        assert errors == ["RollbackError: the rollback of 'a' (batch 1) failed: Boom: stuck"]
        assert page.states()[0] == "rollback failed"

    play(main())


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_an_interrupt_in_an_action_is_shown_and_never_reaches_the_loop(done, error):
    async def main() -> None:
        page = lab_of(done, how={"b": {"fails": error}})
        await page.open()
        await page.click(cmd="run")
        assert page.states()[0] == "rolled back"
        assert any(line.startswith("b failed") for line in page.words())

    play(main())


def test_an_error_inside_the_lab_is_shown_not_lost(done, monkeypatch):
    async def main() -> None:
        page = lab_of(done)
        await page.open()
        monkeypatch.setattr(type(page.widget), "unplant", lambda *_: 1 / 0)
        await page.click(cmd="clear", node=0, where="after")
        assert page.log[-1][0] == "error"
        assert page.log[-1][4] == "ZeroDivisionError: division by zero"

    play(main())


# ---------------------------------------------------------------- the inspector


def test_the_inspector_shows_an_action_from_all_sides():
    @DagaAction
    async def pay(results):
        raise TimeoutError(f"no answer for {results[0]}")

    @pay.on_rollback
    async def refund(results, error):
        return "refunded"

    async def quote(results):
        return 842.0

    async def main() -> None:
        page = Page(lab(DagaFlow([(quote, pay)]), speed=1.0))
        await page.open()
        await page.click(cmd="run")
        await page.click(cmd="look", node=1)
        found = page.looks[-1]
        rows = dict(found["rows"])
        assert rows["inputs"] == "[842.0]"
        assert rows["rollback result"] == "'refunded'"
        assert set(rows) == {"attempt", "inputs", "took", "rolled back in", "rollback result"}
        label, text = found["errors"][0]
        assert label == "failed"
        assert text.splitlines()[0] == "TimeoutError: no answer for 842.0"
        assert 'raise TimeoutError(f"no answer for {results[0]}")' in text
        assert "driver.py" not in text
        titles = [title for title, _ in found["sources"]]
        assert titles == ["action · pay(results)", "rollback · refund(results, error)"]
        assert "raise TimeoutError" in found["sources"][0][1]
        assert 'return "refunded"' in found["sources"][1][1]
        assert [event[1] for event in found["events"]] == ["running", "failed", "rolling back", "rolled back"]

    play(main())


def test_the_inspector_says_nothing_untrue_of_what_never_began_or_was_not_undone(done):
    async def main() -> None:
        how = {"a": {"undo_fails": Boom("stuck")}, "b": {"fails": Boom()}}
        page = lab_of(done, how=how)
        await page.open()
        await page.click(cmd="run")
        assert page.states() == ["rollback failed", "rolled back", "rolled back", "abandoned"]
        await page.click(cmd="look", node=3)
        assert dict(page.looks[-1]["rows"]) == {"waited for": "b"}
        await page.click(cmd="look", node=0)
        labels = [label for label, _ in page.looks[-1]["rows"]]
        assert labels == ["attempt", "inputs", "result", "took", "rollback took"]

    play(main())


def test_what_is_looked_at_is_kept_up_to_date(done):
    async def main() -> None:
        page = lab_of(done)
        await page.open()
        await page.click(cmd="look", node=3)
        assert dict(page.looks[-1]["rows"]) == {"waits for": "b, c"}
        await page.click(cmd="step")
        before = len(page.looks)
        await page.click(cmd="step")
        assert len(page.looks) > before
        assert dict(page.looks[-1]["rows"])["inputs"] == "['b', 'c']"
        await page.click(cmd="plant", node=3, where="after", to=raising("ValueError"))
        assert page.looks[-1]["faults"][1]["draft"] == raising("ValueError")

    play(main())


def test_only_a_few_actions_are_watched_at_a_time(done):
    async def main() -> None:
        page = lab_of(done, [(f"a{n}", f"a{n + 1}") for n in range(20)])
        await page.open()
        for node in range(20):
            await page.click(cmd="look", node=node)
        assert len(page.widget._watch._nodes) == 8

    play(main())


class Broken:
    def __repr__(self) -> str:
        raise ValueError("no repr")


HUGE = [
    "x" * 1_000_000,
    b"x" * 1_000_000,
    bytearray(1_000_000),
    list(range(1_000_000)),
    dict.fromkeys(range(1000), "y" * 1000),
    [["deep"] * 1000] * 1000,
    10**4000,
    Broken(),
]


@pytest.mark.parametrize("value", HUGE, ids=lambda value: type(value).__name__)
def test_the_page_never_gets_a_megabyte(done, value):
    assert len(preview(value)) <= 400

    async def main() -> None:
        error = Boom("z" * 1_000_000)
        page = lab_of(done, input=value, how={"a": {"result": value}, "b": {"fails": error}})
        await page.open()
        await page.click(cmd="look", node=1)
        await page.click(cmd="run")
        assert max(len(json.dumps(message)) for message in page.sent) < 20_000

    play(main())


def test_a_traceback_has_the_users_frames_alone():
    def charge():
        raise Boom("declined")

    with pytest.raises(Boom) as caught:
        charge()
    caught.value.add_note("ask the bank")
    text = traceback_of(caught.value)
    assert text.startswith("Boom: declined")
    assert "charge, line" in text
    assert text.endswith("ask the bank")


def test_actions_without_source_are_no_problem():
    made: dict = {}
    exec("async def ghost(results): return 1", made)
    page = Page(lab(DagaFlow([(made["ghost"], max)])))

    async def main() -> None:
        await page.click(cmd="look", node=0)
        assert page.looks[-1]["sources"] == [["action · ghost(results)", "(no source to be had)"]]

    play(main())


def test_the_line_of_python_begins_with_the_name_that_the_notebook_has_for_the_lab():
    names = iter(["", "", "trip"])
    story = Log(lambda: next(names))
    for _ in range(3):
        story.say("{lab}.play()")
    assert list(story.python) == [
        "# give the lab a name to go on in Python: bench = lab(...)",
        "bench.play()",
        "bench.play()",
        "trip.play()",
    ]
    assert story.take_python() == list(story.python)


def test_a_result_keeps_the_order_of_its_keys():
    assert preview({"teapot": 2, "cups": 6}) == "{'teapot': 2, 'cups': 6}"
    assert preview(dict.fromkeys(range(9))).endswith(", 7: None, ...}")
    assert preview({1: {2: {3: {4: {5: 6}}}}}) == "{1: {2: {3: {4: {...}}}}}"


def test_the_inspector_says_what_undoing_takes(done):
    async def main() -> None:
        page = lab_of(done, how={"a": {"undo": False}})
        await page.open()
        await page.click(cmd="look", node=0)
        assert dict(page.looks[-1]["rows"])["rollback"] == "none: its effect stays"

    play(main())


@pytest.mark.parametrize("wrong", [None, 3, "flow"])
def test_what_is_no_flow_or_no_run_is_refused_in_words(wrong):
    with pytest.raises(FlowDefinitionError, match="lab shows a DagaFlow"):
        lab(wrong)
    with pytest.raises(FlowDefinitionError, match="follows a FlowRun"):
        canvas(wrong)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, "slow", True])
def test_a_speed_that_is_none_is_refused(done, wrong):
    with pytest.raises(FlowDefinitionError, match="from 0"):
        lab(lab_of(done).widget.run.flow, speed=wrong)


@pytest.mark.parametrize(
    "value", [complex("infj"), complex("nanj"), complex(1, float("-inf")), [float("nan")]]
)
def test_a_number_that_python_has_no_literal_for_is_three_dots(value):
    assert as_python(value) == "..."


def test_a_function_that_says_that_it_wraps_itself_is_shown(done):
    def circle(results):
        done.append("circle")

    circle.__wrapped__ = circle

    async def main() -> None:
        page = Page(lab(DagaFlow([(circle, max)]), speed=1.0))
        await page.open()
        await page.click(cmd="look", node=0)
        assert page.looks[-1]["sources"] == [["action · circle", "(no source to be had)"]]
        await page.click(cmd="step")
        assert done == ["circle"]

    play(main())
