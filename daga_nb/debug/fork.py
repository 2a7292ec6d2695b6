"""Re-running from here: a new run that goes on with what another one has done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from daga_nb.core.entries import Entry
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState
from daga_nb.engine.admission import OnFailure
from daga_nb.engine.fault_plan import Faults
from daga_nb.engine.faults import Fault, find_node
from daga_nb.engine.inherit import Inherited
from daga_nb.engine.run import FlowRun
from daga_nb.errors import ForkError

if TYPE_CHECKING:
    import os

    from daga_nb.engine.log import Log
    from daga_nb.flow import DagaFlow

__all__ = ["fork", "try_action"]

_SAME: Any = object()


def fork(
    run: FlowRun,
    batch: int,
    *,
    input: Any = _SAME,
    results: Mapping[str, Any] | None = None,
    replace: Mapping[str, Any] | None = None,
    faults: Faults | None = None,
    on_failure: OnFailure | None = None,
    adopt: bool = False,
    journal: str | os.PathLike[str] | None = None,
) -> FlowRun:
    """Give a run that begins with `batch`, with what comes before it from `run`. See `FlowRun.fork`."""
    plan = run.plan
    if not isinstance(batch, int) or not 1 <= batch <= len(plan.batches):
        raise ForkError(f"batch={batch!r}: a fork begins with one of the batches 1 to {len(plan.batches)}")
    before = [node for some in plan.batches[: batch - 1] for node in some]
    missing = [plan.names[node] for node in before if plan.names[node] not in run.results]
    if missing:
        raise ForkError(
            f"a fork from batch {batch} needs the results before it, and there are none of "
            f"{', '.join(missing[:6])}: fork from an earlier batch"
        )
    inherited = {node: run.results[plan.names[node]] for node in before}
    for name, value in (results or {}).items():
        node = find_node(plan, name)
        if node not in inherited:
            raise ForkError(
                f"{name!r} runs in the fork: only what comes before batch {batch} has a result to change"
            )
        inherited[node] = value
    if input is not _SAME and before:
        raise ForkError("the input goes to batch 1, which this fork does not run: change results={...}")
    if adopt:
        _check_adoption(run, before)
    if faults is None:  # what another run is to undo cannot fail here
        faults = [
            one for one in run.faults if adopt or one.where != "rollback" or plan.ids[one.at] not in inherited
        ]
    forked = FlowRun(
        run.flow,
        run.input if input is _SAME else input,
        faults,
        on_failure=run.on_failure if on_failure is None else on_failure,
        calls=run.calls,
        inherited=Inherited(
            inherited,
            f"{'adopted' if adopt else 'inherited'} from run {run.id}",
            adopt,
            _effects_of(run, before) if adopt else (),
        ),
        observe=run.observe,
        log=_log(run, journal, run.input if input is _SAME else input),
    )
    try:
        for name, function in (replace or {}).items():
            forked.replace(name, function)
        if adopt:  # no other run undoes it now: it is not to be lost with this process
            forked._driver.recorder.write()
    except BaseException:
        if forked._driver.keeping is not None:
            forked._driver.keeping.log.rest()
        raise
    run._driver.adopted = run._driver.adopted or adopt
    return forked


def _log(run: FlowRun, journal: str | os.PathLike[str] | None, input: Any) -> Log | None:
    if journal is None:
        return None
    from daga_nb.journal.run_log import RunLog

    return RunLog(journal, run.flow.name, input)


def _effects_of(run: FlowRun, nodes: Iterable[int]) -> tuple[Entry, ...]:
    names = {run.plan.names[node] for node in nodes}
    return tuple(entry for entry in run.effects if entry.node in names)


def _check_adoption(run: FlowRun, nodes: Iterable[int]) -> None:
    gone = [
        run.plan.names[node]
        for node in nodes
        if run.node_states[node] not in (NodeState.SUCCEEDED, NodeState.KEPT)
    ]
    if gone:
        raise ForkError(
            f"run {run.id} has undone, or tried to undo, {', '.join(gone[:6])}: there is nothing to adopt"
        )
    if not run.released:
        raise ForkError(
            f"run {run.id} could still roll back what is to be adopted: let it go first, run.release(), "
            "or fork without adopt=True"
        )
    if run._driver.adopted:
        raise ForkError(f"another fork has adopted what run {run.id} has done: it is undone once")


async def try_action(
    flow: DagaFlow[Any, Any], name: str, inputs: Sequence[Any] | None, error: BaseException | None
) -> FlowRun:
    """Run one action alone, in a run of its own. See `DagaFlow.try_action`."""
    plan = flow.plan
    node = find_node(plan, name)
    before = plan.predecessors[node]
    wanted = [plan.names[one] for one in before] or ["the input"]
    given = list(inputs) if inputs is not None else [None] * (not before)
    if len(given) != len(wanted):
        raise ForkError(
            f"{plan.names[node]!r} gets {len(wanted)} input{'s' * (len(wanted) > 1)} "
            f"({', '.join(wanted[:6])}): inputs=[...] is to have as many, not {len(given)}"
        )
    last = len(before)
    alone = Plan(
        names=tuple([plan.names[one] for one in (*before, node)]),
        predecessors=(*[()] * last, tuple(range(last))),
        successors=(*[(last,)] * last, ()),
        batches=(tuple(range(last)), (last,)) if before else ((0,),),
        batch_of=(*[0] * last, 1 if before else 0),
        nodes=tuple([plan.nodes[one] for one in (*before, node)]),
    )
    run = FlowRun(
        flow,
        None if before else given[0],
        [] if error is None else [Fault.raising(error, at=plan.names[node])],
        plan=alone,
        calls=[flow.calls[one] for one in (*before, node)],
        inherited=Inherited(dict(enumerate(given)) if before else {}, "given by hand"),
        policy=flow.policy.of_one(node, last),
    )
    await run.go()
    return run
