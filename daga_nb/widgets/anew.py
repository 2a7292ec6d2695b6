"""What a lab does when a cell has defined anew what its run calls: it says so, and takes it into use."""

from __future__ import annotations

from typing import Any

from daga_nb.engine.preview import whole
from daga_nb.engine.run import FlowRun
from daga_nb.errors import DagaError
from daga_nb.page.words import LONGEST_PART
from daga_nb.render.text import elide
from daga_nb.widgets.redefined import Namesakes, Redefinition
from daga_nb.widgets.shell import notebook_names
from daga_nb.widgets.workbench import Workbench

__all__ = ["LabFunctions"]


class LabFunctions(Workbench):
    """The part of a `FlowLab` that follows what its functions are called in the notebook."""

    def __init__(self, run: FlowRun, **options: Any) -> None:
        self._namesakes = Namesakes(run.plan, notebook_names())
        self._redefined: list[Redefinition] = []
        super().__init__(run, **options)

    def _cell_has_run(self) -> None:
        self._redefined = [one for one in self._namesakes.look() if one.problem or not one.same_code]
        self._feed.touch()
        super()._cell_has_run()

    def _use_redefined(self) -> None:
        """Use in this run, and in the next ones, what was defined anew."""
        taken = []
        for one in self._redefined:
            if one.problem:
                continue
            try:
                self._run.replace(one.name, one.function, rollback=one.rollback)
            except DagaError as error:
                self._complain(error)
                continue
            taken.append(one)
            self._log.say(one.line)
            part = "its rollback" if one.function is None else "it"
            self._log.add("note", f"{one.name}: {part} is {one.variable} as defined now")
        self._namesakes.take(*taken)
        self._redefined = [one for one in self._redefined if one not in taken]
        self._watch.changed(self._run, None)

    def _use_again(self, run: FlowRun) -> FlowRun:
        """Have another run of the flow use what was taken into use, and look at the same world."""
        run.observe = self._run.observe
        for one in self._namesakes.taken:
            run.replace(one.name, one.function, rollback=one.rollback)
        return run

    def _facts(self) -> dict[str, Any]:
        facts = super()._facts()
        if self._redefined:
            facts["redefined"] = [
                {
                    "name": _spoken(one),
                    "words": whole(one.problem[:LONGEST_PART]) or "is defined anew",
                    "diff": whole(one.diff),
                }
                for one in self._redefined
            ]
        return facts


def _spoken(one: Redefinition) -> str:
    """Give what a line about a redefinition begins with: an action, its rollback, or what has a problem."""
    name = elide(one.name, 60)
    if one.problem:
        return f"{name}:"
    return f"the rollback of {name}" if one.function is None else name
