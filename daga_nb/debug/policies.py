"""The same flow and the same faults under several policies, one run after the other."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from daga_nb.debug.shares import short
from daga_nb.debug.side_by_side import SideBySide
from daga_nb.engine.fault_plan import Faults, faults_of
from daga_nb.errors import FlowDefinitionError

if TYPE_CHECKING:
    from daga_nb.designed import Designed
    from daga_nb.engine.run import FlowRun
    from daga_nb.engine.world import Observe
    from daga_nb.flow import DagaFlow

__all__ = ["PolicyRuns", "run_under"]


class PolicyRuns(Mapping[str, "FlowRun"]):
    """The runs of a flow under several policies, by name. Alone in a cell it is seen as a picture.

    `DagaFlow.run_under` makes it; `compare` shows it on one slider.
    """

    def __init__(self, runs: Mapping[str, FlowRun]) -> None:
        self._runs = dict(runs)

    def __getitem__(self, name: str) -> FlowRun:
        return self._runs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._runs)

    def __len__(self) -> int:
        return len(self._runs)

    def __repr__(self) -> str:
        return f"<PolicyRuns: {', '.join(f'{short(name)} {run.state.word}' for name, run in self.items())}>"

    @property
    def table(self) -> SideBySide:
        """How each action ended under each policy, and what that took; as text, a table.

        Raises
        ------
        StoryError
            If there is only one run.
        """
        return SideBySide({name: run.story for name, run in self.items()})

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        if len(self) == 1:
            (run,) = self.values()
            return run._repr_mimebundle_(include, exclude)
        from daga_nb.render.moments import picture_of_twin

        table = self.table
        data, metadata = picture_of_twin(table)._repr_mimebundle_(include, exclude)
        return {**data, "text/plain": str(table)} if "text/plain" in data else data, metadata


async def run_under(
    flow: Designed,
    policies: Mapping[str, Mapping[str, Any]],
    input: Any,
    faults: Faults,
    reset: Callable[[], object] | None,
    observe: Observe | None,
) -> PolicyRuns:
    """Run a flow to its end under each of the policies in turn, and give the runs. See `DagaFlow.run_under`.

    Raises
    ------
    FlowDefinitionError
        If a policy makes no sense. Nothing has run then.
    FaultError
        If a fault could never fire. Nothing has run then.
    """
    if not isinstance(policies, Mapping) or not policies:
        raise FlowDefinitionError(
            'policies are choices of a flow by name, {"as it is": {}, "patient": {"retries": 2}}'
        )
    if reset is not None and not callable(reset):
        raise FlowDefinitionError(f"reset={reset!r}: it is a function that is called before each run")
    planted = faults_of(faults)
    flows = {name: _under(flow, name, choices) for name, choices in policies.items()}
    runs = {name: one.start(input, faults=planted, observe=observe) for name, one in flows.items()}
    for run in runs.values():
        run.take_notes()
        done = reset() if reset is not None else None
        if inspect.isawaitable(done):
            await done
        await run.go()
    return PolicyRuns(runs)


def _under(flow: Any, name: Any, choices: Any) -> DagaFlow[Any, Any]:
    if not isinstance(name, str) or not name:
        raise FlowDefinitionError(f"policy {name!r}: its name is a text to show")
    if not isinstance(choices, Mapping) or not all(isinstance(choice, str) for choice in choices):
        raise FlowDefinitionError(f"policy {name!r}: {choices!r} is no mapping of choices, as of with_policy")
    try:
        made: DagaFlow[Any, Any] = flow.with_policy(**choices)
    except FlowDefinitionError as error:
        raise FlowDefinitionError(f"policy {name!r}: {error}") from error
    return made
