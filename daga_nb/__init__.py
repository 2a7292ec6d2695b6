"""daga-nb: sagas you can watch, step and break in a Jupyter notebook.

The widgets, `lab` and `canvas`, are loaded on first use, so that a script never pays for Jupyter; so is
`Scenario` and `simulate`. Inside IPython, a failed flow is shown in short.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from daga_nb.action import DagaAction
from daga_nb.engine.faults import Fault
from daga_nb.engine.run import FlowRun
from daga_nb.errors import DagaFlowError
from daga_nb.flow import DagaFlow

if TYPE_CHECKING:
    from daga_nb.debug.scenario import Scenario
    from daga_nb.debug.simulation import simulate
    from daga_nb.debug.story import Story
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
    "FlowRun",
    "Scenario",
    "Story",
    "canvas",
    "compare",
    "full_traceback",
    "lab",
    "scrub",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name == "lab":
        from daga_nb.widgets.lab import lab

        return lab
    if name == "canvas":
        from daga_nb.widgets.canvas import canvas

        return canvas
    if name == "scrub":
        from daga_nb.widgets.player import scrub

        return scrub
    if name == "compare":
        from daga_nb.widgets.twin import compare

        return compare
    if name == "Story":
        from daga_nb.debug.story import Story

        return Story
    if name == "Scenario":
        from daga_nb.debug.scenario import Scenario

        return Scenario
    if name == "simulate":
        from daga_nb.debug.simulation import simulate

        return simulate
    if name == "full_traceback":
        from daga_nb.widgets.postmortem import full_traceback

        return full_traceback
    raise AttributeError(f"module 'daga_nb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _meet_the_shell() -> None:
    if "IPython" in sys.modules:
        from daga_nb.widgets.postmortem import install

        install()


_meet_the_shell()
