"""Workflows of WfCommons (WfFormat 1.5) as flows whose actions take the measured runtimes.

Nothing of the file is executed: an action sleeps as long as its task once ran, sped up, and then "writes" the
task's output files into an in-memory `World`; its rollback takes them back.
"""

from __future__ import annotations

import asyncio
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx

from daga_nb.action import DagaAction
from daga_nb.engine.calls import Context
from daga_nb.engine.exact import short
from daga_nb.errors import CycleError, FlowDefinitionError, FormatError
from daga_nb.flow import DagaFlow
from daga_nb.interop.wfreader import SCHEMA, Unreadable, read_tasks, to_number
from daga_nb.nodes import LONGEST

if TYPE_CHECKING:
    from daga_nb.engine.run import FlowRun

__all__ = ["WfFlow", "World", "load"]


class World:
    """What the simulated tasks of a flow have written and not taken back, run by run.

    Every run has its own place in it, so runs at the same time do not disturb each other.
    """

    def __init__(self) -> None:
        self._runs: dict[str, dict[str, list[str]]] = {}

    def of(self, run: FlowRun | str) -> dict[str, list[str]]:
        """Give what a run (or the run with this id) has left: the output files of each task, oldest first."""
        found = self._runs.get(run if isinstance(run, str) else run.id, {})
        return {task: list(files) for task, files in found.items()}

    def write(self, run_id: str, task: str, files: list[str]) -> None:
        """Note that a task has written its files."""
        self._runs.setdefault(run_id, {})[task] = files

    def take_back(self, run_id: str, task: str) -> list[str]:
        """Take back what a task has written, if it has, and give the files."""
        left = self._runs.get(run_id, {})
        files = left.pop(task, [])
        if not left:
            self._runs.pop(run_id, None)
        return files

    def __repr__(self) -> str:
        outputs = sum(map(len, self._runs.values()))
        return f"<World: the outputs of {outputs} tasks, of {len(self._runs)} runs>"


class WfFlow(DagaFlow[Any, list[str]]):
    """A flow made by `load`.

    Attributes
    ----------
    world
        What its runs have written and not taken back.
    runtimes
        The measured runtime of each task, in seconds, by id.
    speedup
        How many times faster than measured it runs.
    """

    world: World
    runtimes: dict[str, float]
    speedup: float


def load(
    path: str | os.PathLike[str], *, speedup: float = 100.0, rollback_share: float = 0.25, **options: Any
) -> WfFlow:
    """Give the workflow in a WfFormat 1.5 file as a flow.

    There is an action for each task, with the task's ``id`` as its name, and an edge for each parent, both in
    the file's order. An action gives the list of its output files; a task that names none writes one that is
    named after it. A task without a runtime takes no time. An edge may stand in ``parents``, in
    ``children``, or in both; where a task has both lists, they must agree with those of its neighbours.

    Parameters
    ----------
    path
        The file.
    speedup
        How many times faster than measured; infinite for no waiting at all.
    rollback_share
        How long a rollback takes, as a share of its action's time.
    options
        Options of the flow, as for `DagaFlow`; its name is the file's unless given.

    Raises
    ------
    FormatError
        If the file cannot be read, or is no sound WfFormat 1.5 workflow; the message names the file and
        what is wrong.
    FlowDefinitionError
        If an option is wrong.

    Examples
    --------
    >>> text = '''{"schemaVersion": "1.5", "workflow": {
    ...   "specification": {"tasks": [
    ...     {"id": "split", "name": "split", "parents": [], "outputFiles": ["a.txt", "b.txt"]},
    ...     {"id": "count", "name": "count", "parents": ["split"], "outputFiles": ["sum.txt"]}]},
    ...   "execution": {"tasks": [{"id": "split", "runtimeInSeconds": 8.0}]}}}'''
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "count.json")
    ...     _ = file.write_text(text)
    ...     flow = load(file, speedup=1000)
    >>> flow
    DagaFlow(count: 2 actions in 2 batches)
    >>> run = flow.start()
    >>> asyncio.run(run.finish())
    [['sum.txt']]
    >>> flow.world.of(run)
    {'split': ['a.txt', 'b.txt'], 'count': ['sum.txt']}
    >>> _ = asyncio.run(run.rollback())
    >>> flow.world.of(run)
    {}
    """
    factor, share = to_number(speedup), to_number(rollback_share)
    if not factor > 0:
        raise FlowDefinitionError(f"speedup={speedup!r}: it is a number above 0")
    if not 0 <= share < math.inf:
        raise FlowDefinitionError(f"rollback_share={rollback_share!r}: it is a number from 0")
    shown = os.fsdecode(path)
    try:
        tasks = read_tasks(shown)
        graph, world = nx.DiGraph(), World()
        made: dict[str, DagaAction[Any, list[str]]] = {}
        longest = 0.0
        for task in tasks:
            seconds = task.runtime / factor
            longest = max(longest, seconds * share)
            files = task.files or (f"{task.id}.out",)
            work = _Simulated(task.id, files, seconds, seconds * share, world)
            made[task.id] = DagaAction(work.do, name=task.id)
            made[task.id].on_rollback(work.undo)
        graph.add_nodes_from(made.values())
        for task in tasks:
            graph.add_edges_from((made[parent], made[task.id]) for parent in task.parents)
        settings = {
            "name": Path(shown).stem,
            "rollback_timeout": min(30.0 + 2 * longest, LONGEST),
            **options,
        }
        flow = WfFlow(graph, **settings)
    except CycleError as error:
        circle = [short(task_id) for task_id in error.cycle]
        told = " -> ".join(circle if len(circle) <= 12 else [*circle[:6], "...", *circle[-5:]])
        raise FormatError(_message(shown, f"its tasks wait for each other in a circle, {told}")) from None
    except Unreadable as error:
        raise FormatError(_message(shown, str(error))) from None
    flow.world = world
    flow.runtimes = {task.id: task.runtime for task in tasks}
    flow.speedup = factor
    return flow


@dataclass(frozen=True)
class _Simulated:
    id: str
    files: tuple[str, ...]
    seconds: float
    undo_seconds: float
    world: World

    async def do(self, results: list[Any], context: Context) -> list[str]:
        """Take the task's time, then write its output files."""
        await asyncio.sleep(self.seconds)
        self.world.write(context.run_id, self.id, list(self.files))
        return list(self.files)

    async def undo(self, results: list[Any], context: Context) -> list[str]:
        """Take a share of that time, then take back what is there."""
        await asyncio.sleep(self.undo_seconds)
        return self.world.take_back(context.run_id, self.id)


def _message(path: str, wrong: str) -> str:
    return f"{path} cannot be read as a WfFormat {SCHEMA} workflow: {wrong}"
