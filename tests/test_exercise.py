"""Exercises: what is said about an answer, and that the truth is never given away."""

from __future__ import annotations

import asyncio

import pytest

from daga_nb import DagaAction, DagaFlow, check

TRUTH = ["ship", "pay", "hotel"]


@pytest.mark.parametrize(
    ("answer", "right", "words"),
    [
        (..., None, "replace the three dots by your answer"),
        (TRUTH, True, "['ship', 'pay', 'hotel']"),
        (tuple(TRUTH), True, "('ship', 'pay', 'hotel')"),
        ([], False, "right so far; 3 more to come"),
        (["ship"], False, "right so far; 2 more to come"),
        (["ship", "hotel", "pay"], False, "the 2nd is not 'hotel'"),
        ([*TRUTH, "flight"], False, "there are 1 too many"),
        ("ship", False, "a list is asked for, not 'ship'"),
        (7, False, "a list is asked for, not 7"),
    ],
)
def test_a_list_is_compared_in_its_order(answer, right, words):
    found = check(answer, TRUTH)
    assert (found.right, found.words) == (right, words)
    assert bool(found) is (right is True)


@pytest.mark.parametrize(
    ("answer", "right", "words"),
    [
        ({"a", "b"}, True, None),
        (["b", "a"], True, "['b', 'a']"),
        ({"a"}, False, "1 of 2 are still missing"),
        ({"a", "c"}, False, "'c' does not belong to it"),
    ],
)
def test_a_set_is_compared_without_an_order(answer, right, words):
    found = check(answer, {"a", "b"})
    assert found.right is right
    assert words is None or found.words == words


@pytest.mark.parametrize(
    ("answer", "truth", "right"),
    [
        (3, 3, True),
        (3.0, 3, True),
        (True, 1, False),
        (1, True, False),
        ("3", 3, False),
        ("ROLLED_BACK", "ROLLED_BACK", True),
        (None, None, True),
        (False, None, False),
    ],
)
def test_a_single_value_is_of_the_same_kind(answer, truth, right):
    assert check(answer, truth).right is right


def test_a_function_judges():
    assert check(5, lambda number: number > 3).right is True
    assert check(2, lambda number: number > 3, hint="think of four").words == "think of four"
    assert check(2, lambda number: number > 3 or "too few").words == "too few"


def test_a_hint_is_given_to_who_is_wrong_alone():
    assert check(["x"], TRUTH, hint="from the end").words == "the 1st is not 'x'; from the end"
    assert "from the end" not in check(TRUTH, TRUTH, hint="from the end").words


@pytest.mark.parametrize("answer", [..., [], ["x"], ["ship"], "ship", {"ship"}, 7])
def test_a_wrong_answer_never_tells_the_right_one(answer):
    said = str(check(answer, ["ship", "SECRET"])) + str(check(answer, {"ship", "SECRET"}))
    assert "SECRET" not in said


def test_what_a_notebook_shows_is_text_and_no_markup():
    bundle = check("<b>x</b>", 3)._repr_mimebundle_()
    assert bundle["text/html"] == "<p><b>✗ Not yet.</b> it is not &#x27;&lt;b&gt;x&lt;/b&gt;&#x27;</p>"
    assert bundle["text/plain"] == "✗ it is not '<b>x</b>'"


def test_a_judge_may_run_a_flow_with_the_answer():
    async def ends_well(refund):
        @DagaAction
        async def pay(results):
            return "paid"

        async def ship(results):
            raise RuntimeError("no van")

        pay.on_rollback(refund)
        run = DagaFlow([(pay, ship)]).start()
        await run.go()
        return run.rollback_results.get("pay") == "refunded" or "nothing was refunded"

    async def refund(results):
        return "refunded"

    async def idle(results):
        return None

    answers = (..., idle, refund)
    found = [asyncio.run(check(answer, ends_well)) for answer in answers]
    assert [one.right for one in found] == [None, False, True]
    assert found[1].words == "nothing was refunded"
    assert "refund" in found[2].words
    assert " at 0x" not in str(found)
