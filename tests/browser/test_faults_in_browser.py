"""Setting what goes wrong, by mouse and by keys, in a real JupyterLab; and seeing it strike."""

from __future__ import annotations

from itertools import combinations

import pytest
from flows import LAB

SHOP = """
import networkx as nx
from daga_nb import DagaAction, DagaFlow, lab

calls = []

def made(name, **options):
    async def do(results):
        calls.append(name)
        return name
    async def undo(results, result):
        calls.append(f"undo {name} {result}")
    one = DagaAction(do, name=name, **options)
    one.on_rollback(undo)
    return one

quote, charge, ship = made("quote"), made("charge", timeout=0.3), made("ship")
flow = DagaFlow([(quote, charge), (charge, ship)], name="shop")
"""
QUOTE, CHARGE, SHIP = range(3)

FORM = ".dnb-faults"
WHAT, WHEN = f"{FORM} select[aria-label='what happens']", f"{FORM} select[aria-label='when it happens']"
PLANT, REMOVE = f"{FORM} [data-command=plant]", f"{FORM} [data-command=clear]"


def open_lab(notebook) -> None:
    notebook.show(SHOP, LAB.format(speed=1.0))
    notebook.page.wait_for_selector(".dnb-lab[data-line=live]")


def look_at(notebook, node: int, place: str) -> None:
    notebook.node(node).click()
    notebook.page.click(f"{FORM} [data-place={place}][aria-disabled=false]")


def plant(notebook, node: int, place: str, what: str, when: str = "always", **fields: str) -> None:
    page = notebook.page
    look_at(notebook, node, place)
    page.select_option(WHAT, what)
    page.select_option(WHEN, when)
    for name, value in fields.items():
        field = page.locator(f"{FORM} [data-field={name}]")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    page.click(f"{PLANT}[aria-disabled=false]")
    page.wait_for_selector(badge(node, place))


def badge(node: int, place: str, more: str = "") -> str:
    return f".dnb-node[data-node='{node}'] .dnb-fault[data-place={place}]{more}"


def said(notebook, node: int) -> list[str]:
    places = f".dnb-node[data-node='{node}'] .dnb-fault"
    return [one.text_content() for one in notebook.page.locator(f"{places} .dnb-pill").all()]


def test_several_kinds_are_set_by_mouse_and_are_seen_to_strike(notebook):
    open_lab(notebook)
    page = notebook.page
    plant(notebook, QUOTE, "before", "corrupt", wrong="[842]")
    plant(notebook, QUOTE, "after", "delay", seconds="0.05")
    plant(notebook, CHARGE, "before", "repeat", calls="3")
    plant(notebook, CHARGE, "after", "hang", "if", operator="==", value="'quote'")
    plant(notebook, CHARGE, "rollback", "corrupt", wrong="'lost'")
    plant(notebook, SHIP, "after", "raise", "chance", error="TimeoutError", percent="20", seed="7")
    assert notebook.ask("[str(fault) for fault in bench.run.faults]") == [
        "quote.before: corrupt([842])",
        "quote.after: delay(0.05)",
        "charge.before: repeat(3)",
        'charge.after: hang if quote == "quote"',
        'charge.rollback: corrupt("lost")',
        'ship.after: 20%raise(TimeoutError, "planted") seed 7',
    ]
    assert said(notebook, QUOTE) == ["wrong", "0.05\xa0s"]
    assert said(notebook, SHIP) == ["20%"]
    assert "failure planted after the effect: raises TimeoutError: planted, in 20% of the calls" in (
        notebook.node(SHIP).get_attribute("aria-label")
    )
    notebook.press("run")
    notebook.wait_for_states("rolled-back", "rolled-back", "abandoned")
    for place in ("before", "after", "rollback"):
        page.wait_for_selector(badge(CHARGE, place, "[data-struck=yes]"))
    page.wait_for_selector(badge(SHIP, "after", "[data-struck=never]"))
    notebook.see(".dnb-words", "never struck: ship.after")
    calls = ["quote", "charge", "charge", "charge", "undo charge lost", "undo quote quote"]
    assert notebook.ask("calls") == calls
    notebook.press("reset")
    page.wait_for_selector(badge(CHARGE, "after", "[data-struck=no]"))


def test_the_text_and_the_python_are_shown_before_it_is_planted_and_do_the_same(notebook):
    open_lab(notebook)
    page = notebook.page
    look_at(notebook, CHARGE, "after")
    page.select_option(WHAT, "flaky")
    page.select_option(f"{FORM} [data-field=error]", "TimeoutError")
    page.fill(f"{FORM} [data-field=text]", "")
    page.fill(f"{FORM} [data-field=times]", "1")
    notebook.wait("document.querySelector('.dnb-fault-text').textContent.startsWith('charge.after: 1*')")
    text = page.locator(".dnb-fault-text").text_content()
    assert text == "charge.after: 1*raise(TimeoutError)->off"
    python = page.locator(".dnb-fault-python").text_content()
    assert python.splitlines()[0] == "from daga_nb import Fault, When"
    assert notebook.ask("len(bench.run.faults)") == 0
    notebook.run_cell(f"{python}; None")
    page.wait_for_selector(badge(CHARGE, "after"))
    assert notebook.ask("[str(fault) for fault in bench.run.faults]") == [text]
    assert page.locator(f"{PLANT}[aria-disabled=true]").inner_text() == "Change"
    page.click(REMOVE)
    page.wait_for_selector(badge(CHARGE, "after"), state="detached")
    assert page.locator(PLANT).inner_text() == "Plant"


@pytest.mark.parametrize(
    ("what", "field", "value", "why"),
    [
        ("delay", "seconds", "0", "is not a number from 0.001 to 3,600"),
        ("delay", "seconds", "", "nothing is not a number"),
        ("repeat", "calls", "2.5", "is not a whole number from 2 to 100"),
        ("corrupt", "wrong", "quote", "is no value as Python writes it"),
    ],
)
def test_what_is_wrong_is_said_at_the_field_and_nothing_is_planted(notebook, what, field, value, why):
    open_lab(notebook)
    page = notebook.page
    look_at(notebook, CHARGE, "after")
    page.select_option(WHAT, what)
    page.fill(f"{FORM} [data-field={field}]", value)
    notebook.see(".dnb-wrong", why)
    page.wait_for_selector(f"{FORM} [data-field={field}][aria-invalid=true]")
    page.wait_for_selector(f"{PLANT}[aria-disabled=true]")
    page.press(f"{FORM} [data-field={field}]", "Enter")
    page.fill(f"{FORM} [data-field={field}]", "3")
    page.wait_for_selector(".dnb-wrong", state="hidden")
    assert notebook.ask("len(bench.run.faults)") == 0
    page.press(f"{FORM} [data-field={field}]", "Enter")
    page.wait_for_selector(badge(CHARGE, "after"))


def test_only_what_makes_sense_is_offered(notebook):
    open_lab(notebook)
    look_at(notebook, SHIP, "after")
    offered = '[...document.querySelectorAll("{}")].filter(one => !one.disabled).map(one => one.value)'
    kinds = offered.format(f"{WHAT} option")
    assert notebook.evaluate(kinds) == ["raise", "flaky", "delay", "corrupt", "repeat", "cancel"]
    look_at(notebook, CHARGE, "after")
    assert "hang" in notebook.evaluate(kinds)
    notebook.page.select_option(WHAT, "flaky")
    assert notebook.evaluate(offered.format(f"{WHEN} option")) == ["always", "if"]
    fields = notebook.page.locator(f"{FORM} .dnb-field:visible").all()
    assert [one.get_attribute("data-row") for one in fields] == ["error", "text", "times"]


def test_it_is_all_within_reach_of_the_keys(notebook):
    open_lab(notebook)
    page = notebook.page
    cells = notebook.cells()
    notebook.node(CHARGE).click()
    page.wait_for_selector(f"{FORM} [data-place=after][aria-disabled=false]")
    page.focus(f"{FORM} [data-place=after]")
    notebook.keys("Space", "Tab", "Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "what happens"
    notebook.keys("r", "Tab")  # to what begins with r, "replies late", and on to its field
    assert page.evaluate("document.activeElement.dataset.field") == "seconds"
    page.keyboard.press("Control+a")
    page.keyboard.type("0.1b")
    notebook.keys("Enter")
    page.wait_for_selector(badge(CHARGE, "after"))
    assert said(notebook, CHARGE) == ["0.1\xa0s"]
    assert notebook.cells() == cells, "no key of the form reached JupyterLab"


def test_a_click_on_a_badge_that_took_setting_opens_it_and_takes_nothing_away(notebook):
    open_lab(notebook)
    page = notebook.page
    plant(notebook, CHARGE, "rollback", "delay", seconds="0.1")
    notebook.node(QUOTE).click()
    page.click(badge(CHARGE, "rollback"))
    page.wait_for_selector(f"{FORM} [data-place=rollback][aria-pressed=true]")
    notebook.wait(f"document.querySelector(\"{FORM} [data-field=seconds]\").value === '0.1'")
    assert notebook.ask("len(bench.run.faults)") == 1


BOXES = """[...document.querySelectorAll(".dnb-fault .dnb-pin")].map(one => one.getBoundingClientRect())
    .map(box => [box.left + 1, box.right - 1, box.top + 1, box.bottom - 1])"""
TOO_WIDE = """[...document.querySelectorAll(".dnb-inspector-scroll, .dnb-faults *:not(input, option)")]
    .filter(one => getComputedStyle(one).display !== "inline" && one.scrollWidth > one.clientWidth + 1)
    .map(one => one.className)"""


def overlap(one: list[float], other: list[float]) -> bool:
    beside = one[1] <= other[0] or other[1] <= one[0]
    return not beside and one[3] > other[2] and other[3] > one[2]


@pytest.mark.parametrize(("width", "theme"), [(500, "Dark"), (1100, "Light")])
def test_badges_cover_no_other_and_the_form_fits(notebook, width, theme):
    open_lab(notebook)
    page = notebook.page
    notebook.theme(f"JupyterLab {theme}")
    page.evaluate("width => document.querySelector('.dnb-lab').style.width = `${width}px`", width)
    notebook.run_cell(
        "for at in ('quote', 'charge', 'ship'):\n"
        "    for fault in ('before: 20%delay(2)', 'after: 20%repeat(3)', 'rollback: cancel'):\n"
        "        bench.run.inject(f'{at}.{fault}')\n"
    )
    page.wait_for_selector(badge(SHIP, "rollback"))
    boxes = notebook.evaluate(BOXES)
    assert len(boxes) == 9
    assert [(one, other) for one, other in combinations(boxes, 2) if overlap(one, other)] == []
    notebook.node(CHARGE).click()
    page.click(".dnb-fault-head")
    page.wait_for_selector(f"{REMOVE}:visible")
    assert notebook.evaluate(TOO_WIDE) == []
    notebook.theme("JupyterLab Light")
