"""Looking back in a real JupyterLab: the slider, what follows it, re-running, and 10,000 events."""

from __future__ import annotations

from statistics import median

import pytest
from flows import LONG, STAY, TRIP

PENDING, RUNNING, DONE, FAILED, BACK = "pending", "running", "succeeded", "failed", "rolled-back"
QUOTE, FLIGHT, HOTEL, PAY = range(4)

STORY = """
from daga_nb.render.theme import LOOKS, RUN_LOOKS

def shown(moment):
    return [[LOOKS[state].key for state in moment.states.values()], RUN_LOOKS[moment.state].key]

def told(story):
    return [shown(story.at(position)) for position in range(len(story) + 1)]
"""

SHOWN = """[states(0), document.querySelector(".dnb-chip").dataset.run]"""
WHERE = """document.querySelector(".dnb-where").textContent"""
SLIDER = """document.querySelector(".dnb-scrub").value"""


def open_lab(notebook, options: str = "", speed: float = 1.0) -> None:
    notebook.show(STAY, STORY, f"bench = lab(flow, 'order 1042', speed={speed}{options})\nbench")
    notebook.see(".dnb-lab[data-line=live]")


def inspected(notebook) -> dict[str, str]:
    return dict(
        notebook.evaluate(
            """[...document.querySelectorAll(".dnb-inspector dt")]
                .map(term => [term.textContent, term.nextElementSibling.textContent])"""
        )
    )


def test_at_each_position_it_shows_what_python_says_and_executes_nothing(notebook):
    open_lab(notebook)
    page = notebook.page
    notebook.ask("broken.add('pay')")
    notebook.press("run")
    notebook.wait_for_states(BACK, BACK, BACK, BACK)
    story = notebook.ask("told(bench.run.story)")
    events = notebook.ask("[[one.node, str(one.state)] for one in bench.run.events]")
    calls = notebook.ask("len(calls)")
    last = len(events)
    notebook.wait(f"{WHERE}.startsWith('{last} of {last} ')")
    notebook.node(FLIGHT).click()
    notebook.see(".dnb-inspector dt", "rollback result")

    # From the end to the beginning, event by event, with the slider itself.
    page.focus(".dnb-scrub")
    lines = len(notebook.log())
    for position in range(last - 1, -1, -1):
        notebook.keys("ArrowLeft")
        assert notebook.evaluate(SLIDER) == str(position)
        assert notebook.evaluate(SHOWN) == story[position], position
        now = notebook.log()
        assert len(now) <= lines
        lines = len(now)
        # The log tells nothing of what comes after this moment.
        later = [f"{node} {state.lower().replace('_', ' ')}" for node, state in events[position:] if node]
        assert not [line for line in now for words in later if words in line], position
        facts, done = inspected(notebook), ["flight", "SUCCEEDED"] in events[:position]
        assert ("result" in facts) == done
        assert ("inputs" in facts) == (["flight", "RUNNING"] in events[:position])
        assert ("rollback result" in facts) == (["flight", "ROLLED_BACK"] in events[:position])
        waits = ["quote", "SUCCEEDED"] not in events[:position]
        assert facts.get("waits for") == ("quote" if waits else None)
        if done:
            assert facts["result"] == "'seat 12'"
            assert "842" in facts["inputs"]
    notebook.see(".dnb-next", "looking back: before the start")
    assert lines == 0
    assert page.locator(".dnb-print:has-text('paying')").count() == 0

    # And on again: by event, by batch, to both ends, with the keys of the lab.
    for position in range(1, 5):
        notebook.keys(".")
        assert notebook.evaluate(SHOWN) == story[position]
    notebook.keys(",", ",")
    assert notebook.evaluate(SHOWN) == story[2]
    stops = []
    notebook.keys("Home")
    while notebook.evaluate("document.querySelector('.dnb-past') !== null"):
        stops.append(int(notebook.evaluate(SLIDER)))
        assert notebook.evaluate(SHOWN) == story[stops[-1]]
        notebook.keys(">")
    begins = [place for place, (_, state) in enumerate(events) if state in ("RUNNING", "ROLLING_BACK")]
    batches = [QUOTE, FLIGHT, PAY, PAY, FLIGHT, QUOTE]
    assert len(stops) == len(batches)
    assert stops[0] == 0
    assert set(stops[1:]) <= set(begins)
    assert notebook.evaluate(SHOWN) == story[last]
    notebook.keys("<")
    assert int(notebook.evaluate(SLIDER)) == stops[-1]
    notebook.keys("u", "ArrowLeft")
    assert int(notebook.evaluate(SLIDER)) == stops[-2]
    notebook.keys("u", "End")
    assert notebook.evaluate(SHOWN) == story[last]
    assert page.locator(".dnb-past").count() == 0

    # Played back, from the beginning to the end; the timeline's click goes to a moment.
    notebook.page.evaluate(
        """() => {
            const where = document.querySelector(".dnb-where");
            window.positions = [];
            new MutationObserver(() => window.positions.push(parseInt(where.textContent)))
                .observe(where, { childList: true });
        }"""
    )
    notebook.keys("p")
    notebook.wait(f"window.positions.at(-1) === {last}")
    assert page.evaluate("() => window.positions") == list(range(last + 1))
    notebook.see("[data-command=back]", "Play back")
    page.click(".dnb-tab:has-text('Timeline')")
    assert page.locator(".dnb-bar").count() == 8
    page.locator(".dnb-bar rect").first.click(position={"x": 1, "y": 4})
    notebook.see(".dnb-past")
    position = int(notebook.evaluate(SLIDER))
    assert position < last
    assert notebook.evaluate(SHOWN) == story[position]
    assert notebook.ask("len(calls)") == calls
    assert notebook.ask("len(bench.run.events)") == last
    page.click("[data-command=live]")
    assert notebook.evaluate(SHOWN) == story[last]


def test_the_past_stays_while_the_run_goes_on_until_one_returns(notebook):
    open_lab(notebook)
    page = notebook.page
    notebook.ask("gate.clear()")
    notebook.press("run")
    notebook.wait_for_states(DONE, RUNNING, DONE, PENDING)
    notebook.node(QUOTE).click()
    notebook.keys(",")
    before, log = notebook.evaluate(SHOWN), notebook.log()
    assert before[0][HOTEL] == RUNNING
    notebook.ask("gate.set()")
    story = "len(bench.run.events)"
    notebook.wait("document.querySelector('.dnb-scrub').max !== document.querySelector('.dnb-scrub').value")
    notebook.see(f".dnb-where:has-text('of {notebook.ask(story)} ')")
    notebook.wait(f"{WHERE}.includes(' of {notebook.ask(story)} ')")
    assert notebook.evaluate(SHOWN) == before
    assert notebook.log() == log
    assert "looking back" in notebook.read(".dnb-next")
    page.click("[data-command=live]")
    notebook.wait_for_states(DONE, DONE, DONE, DONE)
    assert any("paying" in line for line in notebook.log())
    # What is asked for happens in the present, and there it is seen.
    notebook.keys("Home")
    notebook.wait_for_states(PENDING, PENDING, PENDING, PENDING)
    notebook.press("rollback")
    notebook.wait_for_states(BACK, BACK, BACK, BACK)
    notebook.press("reset")
    notebook.wait_for_states(PENDING, PENDING, PENDING, PENDING)
    notebook.press("step")
    notebook.wait_for_states(DONE, PENDING, PENDING, PENDING)
    notebook.keys("Home")
    notebook.wait_for_states(PENDING, PENDING, PENDING, PENDING)
    notebook.press("run")
    notebook.wait_for_states(DONE, DONE, DONE, DONE)
    assert page.locator(".dnb-past").count() == 0


def test_a_run_is_run_again_from_a_batch_and_the_old_one_is_left_alone(notebook):
    open_lab(notebook)
    page = notebook.page
    notebook.press("run")
    notebook.wait_for_states(DONE, DONE, DONE, DONE)
    old = notebook.ask("told(bench.run.story)")
    notebook.ask("calls.clear()")
    notebook.node(FLIGHT).click()
    notebook.keys("<")
    notebook.see("[data-command=rerun]", "Re-run from batch 3")
    notebook.keys("<", "<")
    notebook.see("[data-command=rerun]", "Re-run from batch 1")
    notebook.keys(">", ">")
    notebook.wait_for_states(DONE, DONE, DONE, PENDING)
    notebook.press("rerun")
    notebook.see(".dnb-facts", "run 2")
    notebook.see(".dnb-latest", "bench.rerun(3)")
    notebook.see(".dnb-words", "it inherits the results of run 1, not its effects")
    assert page.locator(".dnb-past").count() == 0
    notebook.wait_for_states(DONE, DONE, DONE, PENDING)
    notebook.see(".dnb-next", "next: batch 3")
    notebook.see(".dnb-inspector dl:has(dt:text-is('result')) dd", "'seat 12'")
    notebook.press("run")
    notebook.wait_for_states(DONE, DONE, DONE, DONE)
    assert notebook.ask("calls") == [["pay", "seat 12", "room 7"]]
    assert notebook.ask("told(bench.runs[0].story)") == old
    assert notebook.ask("len(bench.runs)") == 2
    # Its rollback undoes what it did itself, and nothing of run 1.
    notebook.press("rollback")
    notebook.wait("states(0)[3] === 'rolled-back'")
    notebook.see(".dnb-chip[data-run=rolled-back]")
    assert [name for name, *_ in notebook.ask("calls")] == ["pay", "undo pay"]


def test_the_history_of_a_saved_notebook_can_be_looked_at_without_its_kernel(notebook):
    show = "bench = lab(flow, speed=1.0)\nbench"
    run = "broken.add('pay')\nawait bench.run.go()\nprint(len(bench.run.events))"
    name = notebook.server.write("saved-history.ipynb", STAY, show, run)
    notebook.server.execute(name)
    notebook.open(name)
    notebook.wait_for_states(BACK, BACK, BACK, BACK)
    last = int(notebook.output().split()[-1])
    notebook.see(".dnb-next", "as saved")
    notebook.node(FLIGHT).click()
    notebook.keys("Home")
    notebook.wait_for_states(PENDING, PENDING, PENDING, PENDING)
    assert notebook.evaluate(WHERE).startswith(f"0 of {last} ")
    notebook.keys(".", ".", ".")
    notebook.wait_for_states(DONE, PENDING, PENDING, PENDING)
    assert notebook.log()[-1].startswith("✓ quote succeeded")
    assert notebook.page.locator("[data-command=rerun]").get_attribute("aria-disabled") == "true"
    notebook.keys("p")
    notebook.wait_for_states(BACK, BACK, BACK, BACK)
    notebook.keys("End")
    notebook.wait_for_states(BACK, BACK, BACK, BACK)


KEYS = (
    *(",", ",", "Home", ".", ".", ">", ">", "End", "Home", "End", "<", "<", ",", ",", "Home"),
    *(">" for _ in range(8)),
    *("." for _ in range(8)),
    *("End", "Home", "End"),
    *("<" for _ in range(8)),
    *("," for _ in range(8)),
    *("Home", "End"),
)


def quick(notebook, what: str) -> None:
    """Hold what is measured against the promise: any moment is seen less than 50 ms after its key.

    Other work on the machine only adds to it: of two rounds of the same keys the better of each key counts.
    """
    rounds = [notebook.paints(*KEYS) for _ in range(2)]
    best = [min(times) for times in zip(*rounds, strict=True)]
    for name, took in (*enumerate(rounds, start=1), ("best", best)):
        ordered = sorted(took)
        high = ordered[int(0.95 * (len(ordered) - 1))]
        found = f"median {median(took):.0f} ms, 95 % {high:.0f} ms, max {ordered[-1]:.0f} ms"
        print(f"{what}, {name}: {len(took)} keys, {found}")
    assert median(best) < 50
    assert high < 50


@pytest.mark.timeout(120)
@pytest.mark.alone
def test_ten_thousand_events_are_looked_at_without_waiting(notebook):
    # In a box it is displayed without its pictures, which take far longer than all the rest of this test.
    show = "bench = lab(flow, on_failure='pause', speed=1.0)\nVBox([bench])"
    notebook.show(TRIP, LONG + "from ipywidgets import VBox", show)
    notebook.see(".dnb-lab[data-line=live]")
    notebook.run_cell("await whole(bench.run)\nprint(len(bench.run.events))")
    last = int(notebook.output())
    assert last >= 10_000
    notebook.wait(f"{WHERE}.startsWith('{last} of {last} ')")
    notebook.wait("document.querySelector('.dnb-progress').title === '1250 rolled back'")
    notebook.page.focus(".dnb-lab")
    quick(notebook, "lab")
    notebook.run_cell("bench.close()\nfrom daga_nb import scrub\nscrub(bench.run)")
    notebook.see(".dnb-player")
    notebook.page.focus(".dnb-player")
    quick(notebook, "scrub")
    assert notebook.evaluate(WHERE).startswith(f"{last} of {last} ")
