"""daga-nb: sagas you can watch, step and break in a Jupyter notebook.

What is not needed to run a flow is loaded on first use, the widgets above all, so that a script never pays
for Jupyter. Inside IPython, a failed flow is shown in short, and a sweep with a bar.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from daga_nb.action import DagaAction
from daga_nb.engine.fault_plan import FaultPlan
from daga_nb.engine.faults import Fault
from daga_nb.engine.retries import Retries
from daga_nb.engine.run import FlowRun
from daga_nb.engine.triggers import When
from daga_nb.errors import DagaFlowError
from daga_nb.flow import DagaFlow

if TYPE_CHECKING:
    from daga_nb.debug.exercise import check
    from daga_nb.debug.scenario import Scenario
    from daga_nb.debug.simulation import simulate
    from daga_nb.debug.story import Story
    from daga_nb.debug.sweep import sweep
    from daga_nb.journal.kinds import journaled
    from daga_nb.journal.runs import list_runs
    from daga_nb.sketching.flows import sketch
    from daga_nb.widgets.canvas import canvas
    from daga_nb.widgets.lab import lab
    from daga_nb.widgets.player import scrub
    from daga_nb.widgets.postmortem import full_traceback
    from daga_nb.widgets.twin import compare

__version__ = "0.1.0"

__all__ = [
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


_ON_FIRST_USE = {
    "Scenario": "debug.scenario",
    "Story": "debug.story",
    "canvas": "widgets.canvas",
    "check": "debug.exercise",
    "compare": "widgets.twin",
    "full_traceback": "widgets.postmortem",
    "journaled": "journal.kinds",
    "lab": "widgets.lab",
    "list_runs": "journal.runs",
    "scrub": "widgets.player",
    "simulate": "debug.simulation",
    "sketch": "sketching.flows",
    "sweep": "debug.sweep",
}


def __getattr__(name: str) -> Any:
    if name in _ON_FIRST_USE:
        return getattr(import_module(f"daga_nb.{_ON_FIRST_USE[name]}"), name)
    raise AttributeError(f"module 'daga_nb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _meet_the_shell() -> None:
    if "IPython" in sys.modules:
        from daga_nb.widgets import displays, postmortem

        postmortem.install()
        displays.install()


_meet_the_shell()
