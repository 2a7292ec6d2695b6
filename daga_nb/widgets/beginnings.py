"""How another run begins in a lab: the same once more, from a batch of the last one, or as a scenario."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from daga_nb.debug.scenario import Scenario, scenario_files
from daga_nb.engine.preview import whole
from daga_nb.widgets.decisions import words_of_fork
from daga_nb.widgets.journals import LabJournals
from daga_nb.widgets.log import as_python

__all__ = ["LabBeginnings"]

MOST_SCENARIOS = 100


class LabBeginnings(LabJournals):
    """The part of a `FlowLab` that begins other runs of its flow."""

    _scenarios: list[Path] | None = None

    def reset(self) -> None:
        """Begin a new run with the same input, faults and breakpoints; the old one is left as it was."""
        self._check_idle()
        self._log.say("{lab}.reset()")
        old = self._run
        self._begin(self._anew(self._file, old.input), "is ready", old.breakpoints)

    def rerun(self, batch: int, **changes: Any) -> None:
        """Re-run from here: go on with a new run that begins with `batch`, and has what was done before it.

        It inherits results, not effects: what this run did before is not undone by it, unless ``adopt=True``.
        Nothing starts yet, so that faults can be planted and functions replaced first.

        Parameters
        ----------
        batch
            The batch that it begins with, from 1.
        changes
            ``results``, ``replace``, ``faults``, ``adopt``, ``input``: as for `FlowRun.fork`. In a lab with a
            journal the fork is written down too.

        Raises
        ------
        ForkError
            If the run cannot be forked in this way.
        """
        self._check_idle()
        forked = self._run.fork(batch, **{"journal": self._file, **changes})
        more = "".join(f", {name}={as_python(value)}" for name, value in changes.items())
        self._log.say(f"{{lab}}.rerun({batch}{more})")
        words = words_of_fork(self._run, self._count, batch, bool(changes.get("adopt")))
        self._begin(forked, words, self._run.breakpoints)

    # -------------------------------------------------------------- scenarios

    def scenario(self, name: str) -> Scenario:
        """Give the failures, the breakpoints and the input as they are now, under a name."""
        return Scenario.of(self._run, name)

    def replay(self, scenario: Scenario | str | os.PathLike[str]) -> None:
        """Begin a new run as a scenario, or the one in a file, says, and run it at the pace of `speed`.

        Raises
        ------
        ScenarioError
            If the file holds none, or it does not fit this flow.
        """
        self._check_idle()
        found = scenario if isinstance(scenario, Scenario) else Scenario.load(scenario)
        run = found.start(self._flow, self._use_again, journal=self._file)
        if not isinstance(scenario, Scenario):
            self._log.say(f"{{lab}}.replay({os.fspath(scenario)!r})")
        self._begin(run, f"replays the scenario {found}", ())
        self._work(lambda: run.drive(self._pacer), paced=True)

    def _list_scenarios(self) -> None:
        self._scenarios = scenario_files()
        self._feed.touch()

    def _keep_scenario(self, name: str) -> None:
        path = self.scenario(name).save()
        self._log.say(f"{{lab}}.scenario({name!r}).save()")
        self._log.add("note", f"scenario {name} saved", path.name)
        self._list_scenarios()

    def _facts(self) -> dict[str, Any]:
        facts = super()._facts()
        if self._scenarios is not None:
            facts["scenarios"] = [whole(path.name) for path in self._scenarios[:MOST_SCENARIOS]]
        return facts
