"""The notebooks: they run from top to bottom, tell what they should, and are saved with their pictures."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from lesson_facts import LESSON_FACTS, WRONG_ANSWERS
from nbconvert import HTMLExporter

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LESSONS = sorted((ROOT / "notebooks" / "lessons").glob("*.ipynb"))
PICTURES = {"image/png", "image/svg+xml"}

# Cells that are run after the notebook's own, and what they print.
FACTS = {
    "01_first_flow": (
        "[bench.run.state, bench.run.outputs, dict(run.results), list(run.batches[1])]",
        [
            "SUCCEEDED",
            {"add_four": 7, "add_five": 12},
            {"start": 1, "add_two": 3, "add_three": 4, "add_four": 7, "add_five": 12},
            ["add_two", "add_three"],
        ],
    ),
    "02_rollback": (
        "[run.state, dict(run.states), list(run.errors), list(run.rollback_errors)]",
        [
            "ROLLBACK_INCOMPLETE",
            {
                "quote": "ROLLED_BACK",
                "flight": "ROLLED_BACK",
                "hotel": "ROLLBACK_FAILED",
                "car": "ROLLED_BACK",
                "payment": "ROLLED_BACK",
                "invoice": "ABANDONED",
                "ticket": "ABANDONED",
            },
            ["payment"],
            ["hotel"],
        ],
    ),
    "03_step_and_break": (
        "[bench.run.state, [e.node for e in bench.run.events if e.state == 'ROLLED_BACK' and e.node], "
        "dict(bench.run.states)]",
        [
            "ROLLBACK_INCOMPLETE",
            ["charge", "reserve"],
            {
                "reserve": "ROLLED_BACK",
                "charge": "ROLLED_BACK",
                "pack": "ROLLBACK_FAILED",
                "ship": "ABANDONED",
            },
        ],
    ),
    "04_a_real_workflow": (
        "[bench.run.state, len(bench.run.plan), flow.world.of(bench.run), list(bench.run.errors)]",
        ["ROLLED_BACK", 22, {}, ["merge_ID0000022"]],
    ),
    "05_debugging": (
        "[bench.run.state, bench.run.outputs, called, TABLE, sorted(ARCHIVE), run.state, "
        "[one.attempt for one in bench.run.events if str(one) == 'parse SUCCEEDED'], "
        "[one.attempt for one in run.events if str(one) == 'load ROLLED_BACK']]",
        [
            "SUCCEEDED",
            {"report": "tuesday: 24.25"},
            ["download", "parse", "archive", "parse", "load"],
            {"tuesday": 24.25},
            ["tuesday"],
            "ROLLED_BACK",
            [2],
            [2],
        ],
    ),
    "06_time_travel": (
        "[run.state, len(story), [event.node for event in run.events if event.state == 'ROLLED_BACK'], "
        "dict(again.states)['bus'], again.results['tickets'], heir.state, str(twin.comparison.first), "
        "replayed.state, kept == story, [one.state for one in bench.runs], bench.run.events[1].reason[:19], "
        "quiz.run.state, [event.node for event in quiz.run.events if event.state == 'ROLLED_BACK']]",
        [
            "ROLLED_BACK",
            22,
            ["tickets", "collect", "bus", "hostel", "plan", None],
            "SUCCEEDED",
            "tickets for 1080",
            "ROLLED_BACK",
            "tickets: succeeded | failed (TimeoutError: nobody answers (planted, before the effect))",
            "ROLLED_BACK",
            True,
            ["ROLLED_BACK", "SUCCEEDED"],
            "inherited from run ",
            "ROLLED_BACK",
            ["tickets", "collect", "bus", "hostel", "plan", None],
        ],
    ),
    "07_crash_and_resume": (
        "[bank.statement(), [(one.state, one.resumed) for one in list_runs('runs.db')], "
        "[event.node for event in run.events if event.state == 'ROLLED_BACK'], "
        "[one.attempt for one in run.events if str(one) == 'payment ROLLING_BACK']]",
        [
            {"asked": 5, "charged": 4, "refunded": 2},
            [["SUCCEEDED", 0], ["ROLLED_BACK", 1], ["ROLLED_BACK", 1], ["SUCCEEDED", 1]],
            ["mail", "payment", "seat", "supper", "price", None],
            [1, 2],
        ],
    ),
}


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def words(cell):
    """What a cell says in text, without what stands beside a picture."""
    return [said(output) for output in cell.outputs if not PICTURES & set(output.get("data", {}))]


def said(output):
    if output.output_type == "error":
        return re.sub(r"\brun [0-9a-f]{12}\b", "run …", "\n".join(output.traceback))
    return output.get("text") or output.data["text/plain"]


def is_meant_to_fail(cell):
    return "raises-exception" in cell.metadata.get("tags", ())


STANDS = r"next:|rolled back:|rollback incomplete|succeeded:|paused:|\d runs:|\((OS|Value)Error"


def stands(cell):
    """Where the run stands, as far as a cell says so."""
    lines = [line for text in words(cell) for line in text.splitlines()]
    return [line for line in lines if re.match(STANDS, line)]


def pictures(cell):
    return [output for output in cell.outputs if set(output.get("data", {})) >= PICTURES]


def test_there_is_a_fact_to_check_for_each():
    assert [path.stem for path in NOTEBOOKS] == sorted(FACTS)
    assert [path.stem for path in LESSONS] == sorted(LESSON_FACTS) == sorted(WRONG_ANSWERS)


def executed(notebook, copy):
    """A notebook as it stands after it was executed at another place."""
    nbformat.write(notebook, copy)
    tool = [sys.executable, ROOT / "tools" / "execute_notebooks.py", copy]
    done = subprocess.run(tool, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return nbformat.read(copy, as_version=4)


def asks(facts):
    return nbformat.v4.new_code_cell(f"import json\nprint(json.dumps({facts}))")


def assert_tells_what_is_saved(cells, path):
    saved = code_cells(nbformat.read(path, as_version=4))
    assert [words(cell) for cell in cells] == [words(cell) for cell in saved]
    assert [len(pictures(cell)) for cell in cells] == [len(pictures(cell)) for cell in saved]


@pytest.mark.notebook
@pytest.mark.timeout(180)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_tells_what_is_saved_in_it(path, tmp_path):
    asked, told = FACTS[path.stem]
    shutil.copytree(path.parent / "data", tmp_path / "data")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(asks(asked))
    *cells, facts = code_cells(executed(notebook, tmp_path / path.name))
    assert_tells_what_is_saved(cells, path)
    assert json.loads(facts.outputs[0].text) == told


# What a reader does who presses each button that the text names, as cells before the cell that does the same.
CLICKS = {
    "03_step_and_break": {
        'bench.run.until("charge")': "await bench.run.step()",
        "bench.run.inject(Fault.raising(TimeoutError": 'bench.plant("charge", "after")',
        'bench.run.until("charge", "rollback")': "await bench.run.step()",
        'bench.run.until("reserve", "rollback")': "await bench.run.step()",
        "await bench.run.go()": "await bench.run.step()",
        "bench.reset()": 'bench.reset(); bench.plant("pack", "rollback"); await bench.run.go()',
    },
    "04_a_real_workflow": {"await bench.run.finish()": "bench.speed = 1; bench.play()"},
    "05_debugging": {
        "await bench.run.finish()": "bench.speed = 1; bench.play()",
        "bench.fix()": "bench.fix()",
    },
    "06_time_travel": {
        "bench.rerun(4)": "bench.speed = 1; bench.play(); await bench.rest(); bench.unplant('tickets'); "
        "bench.rerun(4); bench.play()",
        "quiz.predict(name)": "quiz.speed = 1; quiz.play(); await quiz.rest(); quiz.predict('tickets'); "
        "quiz.step(); await quiz.rest(); quiz.predict('collect'); quiz.predict('bus'); quiz.step()",
    },
}


@pytest.mark.notebook
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", CLICKS)
def test_a_reader_who_clicks_as_the_text_says_finds_it_true(name, tmp_path):
    path = ROOT / "notebooks" / f"{name}.ipynb"
    shutil.copytree(path.parent / "data", tmp_path / "data")
    saved = code_cells(nbformat.read(path, as_version=4))
    notebook = nbformat.read(path, as_version=4)
    todo = dict(CLICKS[name])
    told, cells = [], []
    for cell in notebook.cells:
        found = next((at for at in todo if cell.cell_type == "code" and at in cell.source), None)
        if found is not None:
            cells.append(nbformat.v4.new_code_cell(todo.pop(found)))
        cells.append(cell)
        told.append(len(cells) - 1)
    assert not todo
    notebook.cells = [*cells, asks(FACTS[name][0])]
    run = executed(notebook, tmp_path / path.name).cells
    again = [run[place] for place in told if run[place].cell_type == "code"]
    # What the actions print is in the lab's log, when a click has called them; what comes next is the same.
    assert [stands(cell) for cell in again] == [stands(cell) for cell in saved]
    assert sum(map(len, map(stands, saved)))
    assert json.loads(run[-1].outputs[0].text) == FACTS[name][1]


OPEN = "answer = ..."


def exercises(cells):
    """Each cell that waits for an answer, with the cell after it."""
    return [(cell, cells[at + 1]) for at, cell in enumerate(cells) if OPEN in cell.source.splitlines()]


def is_solution(cell):
    return "solution" in cell.metadata.get("tags", ())


def answered(cell, answer):
    """The cell of an exercise with an answer in it; an answer that breaks it does not stop the others."""
    made = nbformat.v4.new_code_cell(cell.source.replace(OPEN, answer, 1))
    made.metadata["tags"] = ["raises-exception", "wrong"]
    return made


@pytest.mark.notebook
@pytest.mark.timeout(180)
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_tells_what_is_saved_in_it_and_refuses_wrong_answers(path, tmp_path):
    asked, told = LESSON_FACTS[path.stem]
    notebook = nbformat.read(path, as_version=4)
    tasks = [cell for cell, _ in exercises(code_cells(notebook))]
    wrong = dict(zip([cell.id for cell in tasks], WRONG_ANSWERS[path.stem], strict=True))
    cells = []
    for cell in notebook.cells:
        answers = ["answer = None", *wrong[cell.id]] if cell.id in wrong else []
        cells += [cell, *(answered(cell, answer) for answer in answers)]
    notebook.cells = [*cells, asks(asked)]
    *cells, facts = code_cells(executed(notebook, tmp_path / path.name))
    tried = [cell for cell in cells if "wrong" in cell.metadata.get("tags", ())]
    assert_tells_what_is_saved([cell for cell in cells if cell not in tried], path)
    assert json.loads(facts.outputs[0].text) == told
    said = [(cell.source, words(cell)[-1]) for cell in tried]
    assert [one for one in said if not (one[1].startswith("✗") or is_no_answer_at_all(*one))] == []


def is_no_answer_at_all(source, told):
    """Whether it is the None that was tried in the place of a function, and cannot be called."""
    return "answer = None" in source and bool(re.search(r"(Type|Attribute|FlowDefinition)Error.*: ", told))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_waits_for_an_answer_and_has_one_that_is_right_hidden_below(path):
    cells = code_cells(nbformat.read(path, as_version=4))
    found = exercises(cells)
    assert 2 <= len(found) <= 4
    assert [solution for _, solution in found] == [cell for cell in cells if is_solution(cell)]
    for task, solution in found:
        assert words(task)[-1] == "… replace the three dots by your answer"
        assert words(solution)[-1].startswith("✓")
        assert solution.metadata["jupyter"] == {"outputs_hidden": True, "source_hidden": True}


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_shows_the_flow_and_an_end(path):
    cells = code_cells(nbformat.read(path, as_version=4))
    assert sum(len(pictures(cell)) for cell in cells if not is_solution(cell)) >= 2


@pytest.mark.parametrize("path", [*NOTEBOOKS, *LESSONS], ids=lambda path: path.stem)
def test_a_notebook_is_saved_executed_with_its_pictures_and_nothing_else(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        kinds = {output.output_type for output in cell.outputs}
        assert kinds <= (
            {"error"} if is_meant_to_fail(cell) else {"display_data", "execute_result", "stream"}
        )
    assert all(output.get("name") != "stderr" for cell in cells for output in cell.outputs)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert path.stat().st_size < 1_500_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_pictures_and_ends_with_one(path):
    cells = code_cells(nbformat.read(path, as_version=4))
    assert sum(len(pictures(cell)) for cell in cells) >= 3
    assert pictures(cells[-1])


def test_a_failed_flow_is_shown_in_short():
    cells = code_cells(nbformat.read(ROOT / "notebooks" / "05_debugging.ipynb", as_version=4))
    (failed,) = filter(is_meant_to_fail, cells)
    assert words(failed)[0].splitlines() == [
        "DagaFlowError: flow 'nightly sales', run …: 1 action failed",
        "  Cell In[5], line 1, in <module>",
        '    await flow.run("tuesday")',
        "",
        "parse (batch 2, attempt 1) failed: ValueError: could not convert string to float: '19,75'",
        "  Cell In[1], line 24, in parse",
        "    total += float(price)",
        "",
        "rolled back: nothing is left",
        "the full traceback: daga_nb.full_traceback()  ·  %debug: in the frame of parse",
    ]


@pytest.mark.parametrize("path", [*NOTEBOOKS, *LESSONS], ids=lambda path: path.stem)
def test_a_notebook_names_no_place_of_the_machine_that_saved_it(path):
    text = "\n".join(
        "\n".join([cell.source, *(words(cell) if cell.cell_type == "code" else [])])
        for cell in nbformat.read(path, as_version=4).cells
    )
    assert re.findall(r"(?:/home|/root|/tmp|/work|/Users|[A-Z]:\\)\S*", text) == []


@pytest.mark.parametrize("path", [*NOTEBOOKS, *LESSONS], ids=lambda path: path.stem)
def test_a_saved_notebook_shows_its_pictures_as_a_page(path):
    page, _ = HTMLExporter().from_filename(str(path))
    notebook = nbformat.read(path, as_version=4)
    drawn = sum(len(pictures(cell)) for cell in code_cells(notebook))
    assert page.count('src="data:image/svg+xml;base64,') == drawn
    assert "widget-view+json" not in page
