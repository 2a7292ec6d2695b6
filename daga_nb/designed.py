"""The half of a flow that looks at its design, before anything runs, and gives others of the same design."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, Self

from daga_nb.engine.tags import tags_of
from daga_nb.errors import FlowDefinitionError
from daga_nb.options import Options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daga_nb.core.moves import Policy
    from daga_nb.core.plan import Plan
    from daga_nb.core.tags import Tag
    from daga_nb.debug.finding import Findings
    from daga_nb.debug.policies import PolicyRuns
    from daga_nb.engine.calls import ActionCall
    from daga_nb.engine.fault_plan import Faults
    from daga_nb.engine.world import Observe

__all__ = ["Designed"]


class Designed:
    """What a `DagaFlow` tells about itself without a run."""

    plan: Plan
    policy: Policy
    name: str
    options: Options
    max_parallel: int | None
    rollback_timeout: float

    if TYPE_CHECKING:

        @property
        def calls(self) -> list[ActionCall]:
            """How each action is called."""

        def _look_at_nodes(self) -> None: ...

        def _with_nodes(self, nodes: Sequence[Callable[..., Any]]) -> Self: ...

    @property
    def tags(self) -> tuple[tuple[Tag, ...], ...]:
        """What each action has agreed on about failures, by its number in the plan.

        >>> from daga_nb import sketch
        >>> [str(tag) for tag in sketch("pay[pivot] >> ship[retries=3]").tags[1]]
        ['retries: 3']
        """
        return tags_of(self.calls, deadline=self.rollback_timeout)

    @property
    def sketched(self) -> tuple[str, ...]:
        """The actions that are only simulated, in plan order. See `sketch`."""
        from daga_nb.sketching.real import sketched

        return sketched(self.plan, self.calls)

    def with_actions(
        self, actions: Mapping[str, Callable[..., Any]] | None = None, /, **named: Callable[..., Any]
    ) -> Self:
        """Give a flow of the same shape, with other functions in the places named; this one stays as it is.

        Names, edges, options of the flow and the order of predecessors stay. An option that a new action
        leaves unsaid is that of its place; only whether it is idempotent, a `DagaAction` says for itself. The
        rollback is that of its place too, unless it has one, or says ``no_effect=True``, or its place was
        simulated: a simulated rollback cannot undo what is real.

        Parameters
        ----------
        actions
            The new functions, `functools.partial`s or `DagaAction`s by display name.
        named
            More of them, for names that are identifiers.

        Raises
        ------
        UnknownAction
            If there is no such place; the message names the nearest ones.
        FlowDefinitionError
            If one of them cannot be called as an action is.

        Examples
        --------
        >>> import asyncio
        >>> from daga_nb import DagaAction, sketch
        >>> @DagaAction
        ... async def charge(results):
        ...     return f"paid for {results[0]}"
        >>> @charge.on_rollback
        ... async def refund(results, result): ...
        >>> flow = sketch("book >> pay >> ship").with_actions(pay=charge)
        >>> flow.sketched
        ('book', 'ship')
        >>> run = flow.start()
        >>> _ = asyncio.run(run.finish())
        >>> run.results["pay"]
        'paid for book done'
        """
        from daga_nb.sketching.real import places_taken

        return self._with_nodes(places_taken(self.plan, self.calls, actions, named))

    def with_policy(self, **options: Any) -> Self:
        """Give the same flow with other choices about its runs: any keyword of `DagaFlow` but `name`.

        What an action says of itself stays.

        Raises
        ------
        FlowDefinitionError
            If there is no such choice, or it makes no sense.

        Examples
        --------
        >>> from daga_nb import sketch
        >>> sketch("book >> pay >> ship").with_policy(rollback_order="completion").policy.order
        'completion'
        """
        unknown = set(options) - set(Options._fields)
        if unknown:
            raise FlowDefinitionError(
                f"a flow has no choice {', '.join(sorted(unknown))}; it has {', '.join(Options._fields)}"
            )
        flow = copy(self)
        flow.__dict__.pop("dag", None)
        flow.options = self.options._replace(**options).checked()
        flow.max_parallel, flow.rollback_timeout = flow.options.max_parallel, flow.options.rollback_timeout
        flow._look_at_nodes()
        return flow

    async def run_under(
        self,
        policies: Mapping[str, Mapping[str, Any]],
        input: Any = None,
        *,
        faults: Faults = (),
        reset: Callable[[], object] | None = None,
        observe: Observe | None = None,
    ) -> PolicyRuns:
        """Run the flow under several policies in turn, and give the runs by name. Never raises for an action.

        The runs stand side by side on one slider with ``compare(runs)``; alone in a cell they are a picture.

        Parameters
        ----------
        policies
            For each name the choices in which the flow is to differ from what it is, as for `with_policy`.
        input
            What the actions without predecessors get, each time.
        faults
            The failures planned for each of the runs; none of them takes one away from another.
        reset
            Called before each run, plainly or async: it makes the world what it was.
        observe
            Looks at the world before and after each run, as for `start`.

        Raises
        ------
        FlowDefinitionError
            If a policy makes no sense. Nothing has run then.
        FaultError
            If a fault could never fire. Nothing has run then.

        Examples
        --------
        >>> import asyncio
        >>> from daga_nb import Fault, sketch
        >>> flow = sketch("book >> pay >> ship")
        >>> late = Fault.raising(TimeoutError("no answer"), at="pay")
        >>> policies = {"as it is": {}, "textbook": {"rollback_failed": False}, "patient": {"retries": 2}}
        >>> runs = asyncio.run(flow.run_under(policies, faults=[late]))
        >>> [run.states["pay"].word for run in runs.values()]
        ['rolled back', 'failed', 'rolled back']
        """
        from daga_nb.debug.policies import run_under

        return await run_under(self, policies, input, faults, reset, observe)

    def lint(self) -> Findings:
        """Give what is doubtful in the design, each with the reason and what to do. Nothing is executed.

        Actions without a rollback, effects past the pivot, rollbacks that ask for what they cannot get, and
        more: docs/lint.md has all the rules. Where there is source text, it is read; a doubt that hangs on a
        source that cannot be had is not raised.

        Examples
        --------
        >>> from daga_nb import sketch
        >>> found = sketch("book[no rollback] >> pay").lint()
        >>> [(one.rule, one.action) for one in found]
        [('no-rollback', 'book')]
        """
        from daga_nb.debug.lint import lint

        return lint(self)
