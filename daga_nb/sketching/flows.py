"""From the text of a sketch to a flow of simulated actions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import networkx as nx

from daga_nb.action import DagaAction
from daga_nb.errors import FlowDefinitionError, unknown_action
from daga_nb.flow import DagaFlow
from daga_nb.nodes import LONGEST
from daga_nb.simulated import Simulated, SimulatedRollback
from daga_nb.sketching.notation import Drawing, options_of, read

__all__ = ["sketch"]


def sketch(
    text: str,
    *,
    name: str = "sketch",
    duration: float | Mapping[str, float] = 0.0,
    actions: Mapping[str, Callable[..., Any]] | None = None,
    **options: Any,
) -> DagaFlow[Any, Any]:
    """Give a flow of simulated actions, drawn by a line of text: to be run and broken before any code.

    Each action leaves an effect of its own name behind, and has a rollback that takes it away again. Real
    functions take the places of the simulated ones, one by one, with `DagaFlow.with_actions`.

    Names are joined by ``>>``; ``(a >> b, c)`` stand side by side; ``;`` or a new line begins another chain.
    A name that appears again is the same action; one that is no identifier stands in quotes. Marks stand in
    brackets behind a name: ``[no effect]``, ``[no rollback]``, ``[idempotent]``, ``[pivot]``,
    ``[save point]``, ``[retries=3]``, ``[timeout=2]``; several with commas.

    Parameters
    ----------
    text
        What the flow looks like.
    name
        The name to show.
    duration
        Seconds that each simulated action takes, and its rollback; or a mapping of names to seconds.
    actions
        Real functions to begin with, by name.
    options
        Options of the flow, as for `DagaFlow`.

    Raises
    ------
    SketchError
        If the text cannot be read; the message shows the place.
    CycleError
        If it goes in a circle.
    UnknownAction
        If `duration` or `actions` has a name that is not in the text.
    FlowDefinitionError
        If an option, a duration or a function is wrong.

    Examples
    --------
    >>> import asyncio
    >>> from daga_nb import Fault
    >>> flow = sketch("book >> pay >> (ship, notify[no effect])")
    >>> asyncio.run(flow.run())
    ['ship done', 'notify done']
    >>> run = flow.start(faults=[Fault.raising(TimeoutError("no answer"), at="ship", where="after")])
    >>> _ = asyncio.run(run.go())
    >>> print(run.state.word, *(event.node for event in run.events if event.state == "ROLLING_BACK"))
    rolled back None ship pay book
    """
    found = read(text)
    seconds = _seconds(found, duration)
    made = {one: _action(one, marks, seconds[one]) for one, marks in found.marks.items()}
    graph: nx.DiGraph[Any] = nx.DiGraph()
    graph.add_nodes_from(made.values())
    graph.add_edges_from((made[one], made[other]) for one, other in found.edges)
    deadline = {"rollback_timeout": min(30.0 + max(seconds.values()), LONGEST)}
    flow: DagaFlow[Any, Any] = DagaFlow(graph, name=name, **{**deadline, **options})
    return flow.with_actions(actions) if actions else flow


def _action(name: str, marks: dict[str, float | bool], seconds: float) -> DagaAction[Any, Any]:
    has_effect = "no effect" not in marks
    made: DagaAction[Any, Any] = DagaAction(
        Simulated(name, seconds, has_effect), name=name, **options_of(marks)
    )
    if has_effect and "no rollback" not in marks:
        made.on_rollback(SimulatedRollback(name, seconds))
    return made


def _seconds(found: Drawing, duration: Any) -> dict[str, float]:
    by_name = duration if isinstance(duration, Mapping) else dict.fromkeys(found.marks, duration)
    for name in by_name:
        if name not in found.marks:
            raise unknown_action(name, list(found.marks))
    seconds = {name: by_name.get(name, 0.0) for name in found.marks}
    for name, value in seconds.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not 0 <= value <= LONGEST:
            raise FlowDefinitionError(f"duration={value!r} of {name!r}: it is a number of seconds from 0")
    return seconds
