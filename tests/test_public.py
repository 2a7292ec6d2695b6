"""What people import, and what they find there."""

import importlib.metadata
import importlib.resources
import inspect
import subprocess
import sys

import pytest

import daga_nb
from daga_nb.action import OPTIONS

TOP = [
    "DagaAction",
    "DagaFlow",
    "DagaFlowError",
    "Fault",
    "FaultPlan",
    "FlowRun",
    "Retries",
    "Scenario",
    "Story",
    "When",
    "canvas",
    "check",
    "compare",
    "full_traceback",
    "journaled",
    "lab",
    "list_runs",
    "scrub",
    "simulate",
    "sketch",
    "sweep",
]


def test_the_public_names():
    assert sorted(daga_nb.__all__) == TOP
    assert all(getattr(daga_nb, name) is not None for name in TOP)
    assert set(TOP) <= set(dir(daga_nb))
    assert dir(daga_nb) == sorted(dir(daga_nb))


def test_the_names_of_the_modules_are_the_same_things():
    from daga_nb.action import DagaAction
    from daga_nb.debug.exercise import check
    from daga_nb.debug.scenario import Scenario
    from daga_nb.debug.simulation import simulate
    from daga_nb.debug.story import Story
    from daga_nb.debug.sweep import sweep
    from daga_nb.engine.fault_plan import FaultPlan
    from daga_nb.engine.faults import Fault
    from daga_nb.engine.retries import Retries
    from daga_nb.engine.run import FlowRun
    from daga_nb.engine.triggers import When
    from daga_nb.errors import DagaFlowError
    from daga_nb.flow import DagaFlow
    from daga_nb.journal.kinds import journaled
    from daga_nb.journal.runs import list_runs
    from daga_nb.sketching.flows import sketch
    from daga_nb.widgets.canvas import canvas
    from daga_nb.widgets.lab import lab
    from daga_nb.widgets.player import scrub
    from daga_nb.widgets.postmortem import full_traceback
    from daga_nb.widgets.twin import compare

    classes = (DagaAction, DagaFlow, DagaFlowError, Fault, FaultPlan, FlowRun, Retries, Scenario, Story, When)
    tools = (
        canvas,
        check,
        compare,
        full_traceback,
        journaled,
        lab,
        list_runs,
        scrub,
        simulate,
        sketch,
        sweep,
    )
    here = (*classes, *tools)
    assert here == tuple(getattr(daga_nb, name) for name in TOP)


@pytest.mark.parametrize("name", ["Lab", "nothing", "__wrapped__", "DagaMeta"])
def test_a_name_that_is_none_is_an_attribute_error(name):
    with pytest.raises(AttributeError, match=f"module 'daga_nb' has no attribute '{name}'"):
        getattr(daga_nb, name)


def test_a_name_that_is_none_cannot_be_imported():
    with pytest.raises(ImportError, match="cannot import name 'Lab'"):
        from daga_nb import Lab  # noqa: F401


@pytest.mark.parametrize("name", ["lab", "canvas"])
def test_the_widgets_are_loaded_on_first_use(name):
    code = (
        "import sys, daga_nb\n"
        "before = 'anywidget' in sys.modules\n"
        f"daga_nb.{name}\n"
        "print(before, 'anywidget' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "True"]


def test_a_star_import_gives_all_of_it():
    code = f"from daga_nb import *\nprint(sorted(name for name in {TOP} if name in globals()) == {TOP})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["True"]


def test_the_version_is_that_of_the_package():
    assert daga_nb.__version__ == importlib.metadata.version("daga-nb")


def test_the_package_says_that_it_is_typed():
    assert importlib.resources.files("daga_nb").joinpath("py.typed").is_file()


RUN = {
    "break_at",
    "breakpoints",
    "calls",
    "clear_breaks",
    "effects",
    "elapsed",
    "fork",
    "go",
    "ledger",
    "observe",
    "world",
    "on_failure",
    "release",
    "released",
    "report",
    "save",
    "story",
    "take_notes",
    "replace",
    "retry",
    "skip",
    "skipped",
    "stopped_at",
    "undecided",
    "unfired",
    "refusal",
    "why_unfired",
    "until",
    "batches",
    "busy",
    "cancel",
    "clear_faults",
    "drive",
    "duration",
    "turning",
    "undo",
    "errors",
    "events",
    "faults",
    "finish",
    "fired",
    "flow",
    "id",
    "inject",
    "input",
    "inputs_of",
    "next",
    "journal",
    "lost",
    "unknown",
    "node_states",
    "outputs",
    "policy",
    "picture",
    "plan",
    "results",
    "rollback",
    "pivot",
    "rollback_errors",
    "rollback_results",
    "running",
    "started_at",
    "state",
    "states",
    "step",
    "step_action",
    "strikes",
    "subscribe",
    "subscribe_effects",
    "tags",
    "timeline",
}


def test_what_a_run_offers():
    assert {name for name in dir(daga_nb.FlowRun) if not name.startswith("_")} == RUN


def test_only_what_blocks_is_async():
    waits = {name for name in RUN if inspect.iscoroutinefunction(getattr(daga_nb.FlowRun, name))}
    assert waits == {"cancel", "drive", "finish", "go", "retry", "rollback", "step", "step_action", "until"}
    offers = {name for name in dir(daga_nb.DagaFlow) if not name.startswith("_")}
    assert {name for name in offers if inspect.iscoroutinefunction(getattr(daga_nb.DagaFlow, name))} == {
        "run",
        "run_under",
        "try_action",
    }
    assert offers == {
        "action_matrix",
        "calls",
        "dag",
        "lint",
        "resume",
        "run",
        "run_sync",
        "run_under",
        "sketched",
        "start",
        "tags",
        "try_action",
        "with_actions",
        "with_policy",
    }


@pytest.mark.parametrize(
    "thing", [daga_nb.FlowRun, daga_nb.DagaFlow, daga_nb.DagaAction, daga_nb.Fault, daga_nb.Scenario]
)
def test_everything_that_is_offered_is_explained(thing):
    assert inspect.getdoc(thing)
    offers = [name for name, _ in inspect.getmembers(thing) if not name.startswith("_")]
    options = {*OPTIONS, "is_decorator_action", "log", "where", "condition", "input"}
    assert [name for name in offers if not inspect.getdoc(getattr(thing, name)) and name not in options] == []
