"""The debugger in a real JupyterLab: breakpoints, decisions, mending, quiz, scenarios, post mortem, keys."""

from __future__ import annotations

import pytest
from flows import STAY

PENDING, RUNNING, DONE, FAILED, BACK = "pending", "running", "succeeded", "failed", "rolled-back"
QUOTE, FLIGHT, HOTEL, PAY = range(4)

PLACES = """[".dnb-head", ".dnb-tools", ".dnb-stage", ".dnb-inspector", ".dnb-history", ".dnb-foot"]
    .map(name => [name, ".dnb-lab"].map(one => document.querySelector(one).getBoundingClientRect()))
    .map(([box, lab]) => [box.x - lab.x, box.y - lab.y, box.width, box.height].map(Math.round).join())"""

TOO_WIDE = """["lab", "head", "tools", "below", "history", "decide", "decide-row", "foot", "tabs"]
    .map(name => [name, document.querySelector(`.dnb-${name}`)])
    .filter(([, box]) => box.scrollWidth > box.clientWidth)
    .map(([name]) => name)"""


def open_lab(notebook, options: str = "", speed: float = 1.0) -> None:
    notebook.show(STAY, f"bench = lab(flow, 'order 1042', speed={speed}{options})\nbench")
    notebook.see(".dnb-lab[data-line=live]")


def stop_at(node: int, phase: str = "forward") -> str:
    return f".dnb-node[data-node='{node}'] .dnb-stop[data-phase={phase}].dnb-shown"


def called(notebook) -> list[str]:
    return [name for name, *_ in notebook.ask("calls")]


def test_breakpoints_stop_the_run_forward_and_back_and_a_pause_takes_hold(notebook):
    open_lab(notebook)
    page = notebook.page
    notebook.node(FLIGHT).hover()
    page.click(f".dnb-node[data-node='{FLIGHT}'] .dnb-stop-handle")
    notebook.see(stop_at(FLIGHT))
    notebook.see(".dnb-latest", "bench.run.break_at('flight')")
    notebook.press("run")
    notebook.see(".dnb-next", "stopped before flight")
    notebook.see(stop_at(FLIGHT) + ".dnb-stands")
    assert notebook.states() == [DONE, PENDING, PENDING, PENDING]
    assert "paused" in notebook.read(".dnb-chip")

    # S moves it on to its rollback, as the inspector says.
    notebook.keys("s")
    notebook.see(stop_at(FLIGHT, "rollback"))
    assert page.locator(stop_at(FLIGHT)).count() == 0
    notebook.see(".dnb-stop-toggles .dnb-toggle[aria-pressed=true]", "its rollback")
    assert notebook.read(".dnb-stop-toggles .dnb-toggle[aria-pressed=false]") == "the action"

    # Pause: what runs, finishes.
    notebook.ask("gate.clear()")
    notebook.press("run")
    notebook.wait_for_states(DONE, RUNNING, DONE, PENDING)
    notebook.press("pause")
    notebook.see(".dnb-next", "pausing after this: running batch 2 of 3: flight")
    assert notebook.states()[FLIGHT] == RUNNING
    notebook.ask("gate.set()")
    notebook.wait_for_states(DONE, DONE, DONE, PENDING)
    notebook.see(".dnb-next", "next: batch 3")
    assert "pausing" not in notebook.read(".dnb-next")

    # The inspector's toggle; Run stops there once, and goes on.
    notebook.node(PAY).click()
    page.click(".dnb-stop-toggles .dnb-toggle:has-text('the action')[aria-disabled=false]")
    notebook.see(stop_at(PAY))
    notebook.press("run")
    notebook.see(".dnb-next", "stopped before pay")
    notebook.press("run")
    notebook.wait_for_states(DONE, DONE, DONE, DONE)
    notebook.press("rollback")
    notebook.see(".dnb-next", "stopped before the rollback of flight")
    assert notebook.states()[FLIGHT] == DONE
    assert notebook.states()[QUOTE] == DONE
    notebook.see(stop_at(FLIGHT, "rollback") + ".dnb-stands")
    notebook.press("run")
    notebook.wait_for_states(BACK, BACK, BACK, BACK)
    backwards = [name for name in called(notebook) if name.startswith("undo")]
    assert (backwards[0], sorted(backwards[1:3]), backwards[3]) == (
        "undo pay",
        ["undo flight", "undo hotel"],
        "undo quote",
    )

    # A new run keeps them; a third S takes one out.
    notebook.press("reset")
    notebook.wait_for_states(PENDING, PENDING, PENDING, PENDING)
    assert page.locator(".dnb-stop.dnb-shown").count() == 2
    notebook.node(FLIGHT).click()
    notebook.keys("s")
    page.wait_for_selector(stop_at(FLIGHT, "rollback"), state="detached")
    notebook.keys("s", "s")
    notebook.see(stop_at(FLIGHT, "rollback"))
    stops = notebook.ask("[str(one) for one in bench.run.breakpoints]")
    assert sorted(stops) == ["before pay", "before the rollback of flight"]


def fail(notebook, *names: str) -> None:
    notebook.ask(f"broken.update({list(names)!r})")
    notebook.press("run")
    notebook.see(".dnb-decide", f"{names[0]} failed: what now?")


def test_at_a_failure_one_decides_retry_skip_or_roll_back(notebook):
    open_lab(notebook)
    page = notebook.page
    page.click(".dnb-pauses")
    notebook.see(".dnb-latest", "bench.on_failure = 'pause'")
    notebook.node(HOTEL).click()
    notebook.keys("d")
    notebook.see(".dnb-latest", "bench.on_failure = 'rollback'")
    assert not page.get_by_role("checkbox", name="pause at failure").is_checked()
    notebook.keys("d")
    notebook.see(".dnb-latest", "bench.on_failure = 'pause'")
    assert page.get_by_role("checkbox", name="pause at failure").is_checked()
    before = notebook.evaluate(PLACES)
    fail(notebook, "hotel")
    assert notebook.evaluate(PLACES) == before
    assert notebook.states() == [DONE, DONE, FAILED, PENDING]
    shown = [
        button.inner_text().split("\n")[0] for button in page.locator(".dnb-decide button:visible").all()
    ]
    assert shown == ["Retry", "Fix and resume", "Skip with", "Roll back"]

    notebook.press("retry")
    notebook.see(".dnb-latest", "await bench.run.retry()")
    notebook.see(".dnb-inspector dl:has(dt:text-is('attempt')) dd", "2")
    assert called(notebook) == ["quote", "flight", "hotel", "hotel"]
    attempts = "[[str(one.state), one.attempt] for one in bench.run.events if one.node == 'hotel']"
    assert notebook.ask(attempts) == [["RUNNING", 1], ["FAILED", 1], ["RUNNING", 2], ["FAILED", 2]]

    # What is no value is refused in words, and nothing has happened.
    page.fill(".dnb-decide .dnb-value", "open('x')")
    notebook.press("skip")
    notebook.see(".dnb-error", "is no value as Python writes it")
    assert notebook.states() == [DONE, DONE, FAILED, PENDING]
    page.fill(".dnb-decide .dnb-value", "{'id': 17}")
    notebook.press("skip")
    notebook.see(".dnb-latest", "bench.run.skip('hotel', {'id': 17})")
    page.wait_for_selector(".dnb-decide", state="hidden")
    notebook.wait_for_states(DONE, DONE, DONE, PENDING)

    # The next failure begins with an empty field. When the last action is skipped, that is the end.
    fail(notebook, "pay")
    assert notebook.ask("calls[-1]") == ["pay", "seat 12", {"id": 17}]
    notebook.node(PAY).click()
    notebook.keys("k", "7", "Enter")
    notebook.see(".dnb-latest", "bench.run.skip('pay', 7)")
    notebook.see(".dnb-next", "succeeded: nothing more to do")
    notebook.wait_for_states(DONE, DONE, DONE, DONE)

    notebook.press("reset")
    notebook.wait_for_states(PENDING, PENDING, PENDING, PENDING)
    notebook.ask("calls.clear()")
    fail(notebook, "hotel")
    notebook.page.locator(".dnb-decide [data-command=rollback]").click()
    notebook.see(".dnb-latest", "await bench.run.rollback()")
    notebook.wait_for_states(BACK, BACK, BACK, "abandoned")
    page.wait_for_selector(".dnb-decide", state="hidden")
    backwards = called(notebook)[3:]
    assert (sorted(backwards[:2]), backwards[2:]) == (["undo flight", "undo hotel"], ["undo quote"])


MENDED = """
async def hotel(results):
    call("another hotel")
    return "room 8"
"""


def test_a_function_is_mended_in_a_cell_and_the_run_resumes_also_in_a_rollback(notebook):
    open_lab(notebook, ", on_failure='pause'")
    page = notebook.page
    fail(notebook, "hotel")
    notebook.run_cell(MENDED)
    notebook.see(".dnb-anew", "hotel is defined anew")
    assert page.locator(".dnb-diff").is_hidden()
    page.click(".dnb-anew")
    notebook.see(".dnb-diff .dnb-less", '-    call("hotel")')
    notebook.see(".dnb-diff .dnb-more", '+    call("another hotel")')
    notebook.press("fix")
    notebook.wait_for_states(DONE, DONE, DONE, DONE)
    notebook.see(".dnb-latest", "bench.fix()")
    page.click(".dnb-tab:has-text('Python')")
    notebook.see(".dnb-code-row", "bench.run.replace('hotel', hotel)")
    page.wait_for_selector(".dnb-decide", state="hidden")
    assert called(notebook) == ["quote", "flight", "hotel", "another hotel", "pay"]
    assert notebook.ask("calls[-1]") == ["pay", "seat 12", "room 8"]

    # The same for a rollback: the run ends dirty, and is clean after the undo has been mended.
    notebook.ask("broken.add('undo flight')")
    notebook.press("rollback")
    notebook.see(".dnb-chip", "paused, going back")
    notebook.see(".dnb-decide", "the rollback of flight failed: what now?")
    notebook.wait_for_states(DONE, "rollback-failed", BACK, BACK)
    notebook.press("run")
    notebook.see(".dnb-chip", "rollback incomplete")
    notebook.wait_for_states(BACK, "rollback-failed", BACK, BACK)
    notebook.see(".dnb-decide", "the rollback of flight failed: what now?")
    assert page.locator(".dnb-decide .dnb-value").is_hidden()
    notebook.run_cell("async def undo_flight(results): call('another undo flight')")
    notebook.see(".dnb-anew", "flight is defined anew")
    notebook.press("retry")
    notebook.wait_for_states(BACK, BACK, BACK, BACK)
    notebook.see(".dnb-chip[data-run=rolled-back]", "rolled back")
    page.wait_for_selector(".dnb-decide", state="hidden")
    assert called(notebook)[-1] == "another undo flight"
    assert sum(name == "undo quote" for name in called(notebook)) == 1


@pytest.mark.parametrize(("width", "theme"), [(600, "Dark"), (1400, "Light")])
def test_nothing_overflows_or_moves_while_one_decides(notebook, width, theme):
    notebook.page.set_viewport_size({"width": width, "height": 1100})
    open_lab(notebook, ", on_failure='pause'")
    notebook.theme(f"JupyterLab {theme}")
    notebook.node(HOTEL).click()
    notebook.see(".dnb-toggle[aria-disabled=false]")
    before = notebook.evaluate(PLACES)
    assert notebook.evaluate(TOO_WIDE) == []
    fail(notebook, "hotel", "flight")
    assert notebook.evaluate(TOO_WIDE) == []
    assert notebook.evaluate(PLACES) == before
    notebook.run_cell(MENDED + "def flight(results): return 'a seat ' + 'that is far away ' * 20")
    notebook.see(".dnb-anew", "hotel is defined anew")
    notebook.page.click(".dnb-anew")
    assert notebook.evaluate(TOO_WIDE) == []
    assert notebook.evaluate(PLACES) == before
    strip = notebook.page.locator(".dnb-decide").bounding_box()
    lab = notebook.page.locator(".dnb-lab").bounding_box()
    assert lab["y"] <= strip["y"]
    assert strip["y"] + strip["height"] <= lab["y"] + lab["height"]
    for button in notebook.page.locator(".dnb-decide button:visible").all():
        box = button.bounding_box()
        assert lab["x"] <= box["x"]
        assert box["x"] + box["width"] <= lab["x"] + lab["width"]
    notebook.theme("JupyterLab Light")


def marks(notebook) -> list[str]:
    return notebook.evaluate("nodes(0).map(node => node.dataset.quiz ?? '')")


def test_the_quiz_is_answered_by_clicks_and_by_keys(notebook):
    open_lab(notebook, ", quiz=True")
    page = notebook.page
    cells = notebook.cells()
    notebook.press("run")
    notebook.wait_for_states(DONE, DONE, DONE, DONE)
    notebook.press("rollback")
    notebook.see(".dnb-next", "what is undone next?")
    assert page.locator("[data-command=step][aria-disabled=true]").count() == 1
    notebook.node(PAY).click()
    notebook.see(".dnb-node[data-node='3'] .dnb-quiz[data-mark=guess]")
    notebook.press("step")
    notebook.wait_for_states(DONE, DONE, DONE, BACK)
    notebook.see(".dnb-quiz-score", "predict · right · 1 of 1 right")
    notebook.see(".dnb-node[data-node='3'] .dnb-quiz[data-mark=right]")
    notebook.node(HOTEL).click()
    notebook.node(QUOTE).click()
    notebook.wait("nodes(0)[0].dataset.quiz === 'guess' && nodes(0)[2].dataset.quiz === 'guess'")
    notebook.press("step")
    notebook.wait_for_states(DONE, BACK, BACK, BACK)
    notebook.see(".dnb-quiz-score", "predict · not quite · 1 of 2 right")
    assert marks(notebook) == ["wrong", "missed", "right", ""]
    notebook.see(".dnb-words", "prediction not quite (1 of 2 right)")

    # Looking back, a click is for looking: a prediction is about the present, and so are its marks.
    notebook.keys("Home")
    notebook.see(".dnb-lab.dnb-past")
    assert page.locator(".dnb-quiz:visible").count() == 0
    notebook.node(QUOTE).click()
    notebook.keys("Enter")
    assert notebook.ask("sorted(bench._quiz.guess)") == []
    notebook.keys("End")
    notebook.see(".dnb-node[data-node='1'] .dnb-quiz[data-mark=missed]")

    # The last one by keys alone: QUOTE has the focus.
    notebook.keys("ArrowRight", "ArrowLeft", "Enter")
    notebook.see(".dnb-node[data-node='0'] .dnb-quiz[data-mark=guess]")
    notebook.keys("Enter")
    notebook.wait("!nodes(0)[0].dataset.quiz")
    notebook.keys("Enter")
    notebook.see(".dnb-node[data-node='0'] .dnb-quiz[data-mark=guess]")
    notebook.keys("n")
    notebook.wait_for_states(BACK, BACK, BACK, BACK)
    notebook.see(".dnb-quiz-score", "predict · right · 2 of 3 right")
    assert notebook.cells() == cells


def test_a_scenario_is_saved_beside_the_notebook_and_replayed(notebook):
    open_lab(notebook)
    page = notebook.page
    notebook.node(PAY).click()
    notebook.keys("f", "c")
    notebook.see(".dnb-scenario-list", "none yet")
    page.keyboard.type("pay fails")
    notebook.keys("Enter")
    notebook.see(".dnb-scenario-list button")
    file = page.locator(".dnb-scenario-list button").inner_text()
    assert (notebook.server.folder / file).is_file()
    notebook.keys("Escape")
    page.wait_for_selector(".dnb-scenarios", state="hidden")
    assert notebook.evaluate("document.activeElement.closest('.dnb-lab') !== null")
    notebook.press("run")
    notebook.wait_for_states(BACK, BACK, BACK, BACK)
    notebook.see(".dnb-seen", "1 of 4 seen failing")
    notebook.node(PAY).click()
    notebook.keys("f", "f", "f")
    page.wait_for_selector(".dnb-node.dnb-broken", state="detached")
    notebook.press("reset")
    notebook.wait_for_states(PENDING, PENDING, PENDING, PENDING)
    page.click("button:has-text('Scenarios')")
    page.click(f".dnb-scenario-list button:has-text('{file}')")
    notebook.wait_for_states(BACK, BACK, BACK, BACK)
    notebook.see(".dnb-facts", "run 3")
    notebook.see(".dnb-words", "run 3 replays the scenario")
    notebook.see(".dnb-latest", f"bench.replay('{file}')")
    assert page.locator(".dnb-scenarios").is_hidden()
    assert notebook.evaluate("document.activeElement.closest('.dnb-lab') !== null")
    (notebook.server.folder / file).unlink()


LANDED = """
import sys
tb = sys.last_value.__traceback__
while tb.tb_next:
    tb = tb.tb_next
print("landed in", tb.tb_frame.f_code.co_name, tb.tb_frame.f_locals.get("results"))
"""


def test_after_a_failed_cell_the_debugger_lands_in_the_action(notebook):
    failing = "async def pay(results):\n    received = results[0]\n    return received / 0"
    action = "from daga_nb import DagaFlow\nasync def quote(results): return 842"
    notebook.show(action, failing, "flow = DagaFlow([(quote, pay)])\nbench = flow")
    notebook.run_cell("await flow.run()")
    shown = notebook.output()
    assert "return received / 0" in shown
    assert "ZeroDivisionError" in shown
    assert "/daga_nb/" not in shown
    assert "engine" not in shown
    assert len(shown.splitlines()) < 30
    notebook.run_cell(LANDED)
    assert "landed in pay [842]" in notebook.output()
    # The same after a failure in a lab, which no cell awaits.
    notebook.run_cell(
        "import sys; del sys.last_value\nfrom daga_nb import lab\nbench = lab(flow, speed=1.0)\nbench"
    )
    notebook.see(".dnb-lab[data-line=live]")
    notebook.press("run")
    notebook.see(".dnb-chip", "rollback incomplete")
    notebook.wait("states(0)[1] === 'failed'")
    notebook.run_cell(LANDED)
    assert "landed in pay [842]" in notebook.output()


def test_a_whole_session_by_keys_alone(notebook):
    open_lab(notebook)
    page = notebook.page
    notebook.ask("broken.add('hotel')")
    cells = notebook.cells()
    sources = "panel().content.widgets.map(cell => cell.model.sharedModel.getSource())"
    before = notebook.evaluate(sources)
    page.focus(".dnb-graph")
    notebook.keys("d", "ArrowRight", "s")
    notebook.see(stop_at(QUOTE))
    notebook.keys(" ")
    notebook.see(".dnb-next", "stopped before quote")
    notebook.keys("s", "s", " ")
    notebook.see(".dnb-decide", "hotel failed")
    notebook.keys("t")
    notebook.wait("document.querySelector('.dnb-latest').textContent.endsWith('retry()')")
    notebook.see(".dnb-decide", "hotel failed")
    # To the value by K, or by Tab; Enter skips, and the focus stays in the lab.
    notebook.keys("k")
    assert notebook.evaluate("document.activeElement.classList.contains('dnb-value')")
    page.keyboard.type("{'dd': 'bba'}")
    notebook.keys("Enter")
    notebook.wait_for_states(DONE, DONE, DONE, PENDING)
    page.wait_for_selector(".dnb-decide", state="hidden")
    assert notebook.evaluate("document.activeElement.closest('.dnb-lab') !== null")
    notebook.keys(" ")
    notebook.wait_for_states(DONE, DONE, DONE, DONE)
    assert notebook.ask("calls[-1]") == ["pay", "seat 12", {"dd": "bba"}]
    # History: keys, then the slider itself.
    notebook.keys("Home")
    notebook.wait_for_states(PENDING, PENDING, PENDING, PENDING)
    notebook.see(".dnb-next", "looking back: before the start")
    notebook.keys(".", ".", ">", "h")
    assert notebook.evaluate("document.activeElement.classList.contains('dnb-scrub')")
    notebook.keys("ArrowLeft", "ArrowLeft", "u", "ArrowRight", "d", "d", "End")
    notebook.wait_for_states(DONE, DONE, DONE, DONE)
    notebook.keys("b")
    notebook.wait_for_states(BACK, BACK, BACK, BACK)
    notebook.keys("r")
    notebook.wait_for_states(PENDING, PENDING, PENDING, PENDING)
    notebook.keys("Tab", "Shift+Tab")
    assert notebook.cells() == cells
    assert notebook.evaluate(sources) == before
    notebook.keys("Escape")
    assert notebook.evaluate("document.activeElement.classList.contains('jp-Cell')")
