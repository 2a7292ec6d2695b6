"""What the page needs to know about a run, as small JSON values. All run logic stays on this side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from daga_nb.core.moves import Policy
from daga_nb.core.states import NodeState, RunState
from daga_nb.debug.breakpoints import Phase
from daga_nb.engine.faults import Fault, Where
from daga_nb.engine.preview import whole
from daga_nb.page.agreed import agreed_of
from daga_nb.page.doubts import doubts_of
from daga_nb.page.effects import verdict_looks
from daga_nb.page.fault_form import form_json
from daga_nb.page.fault_words import badge_word, fault_words, is_plain
from daga_nb.render.text import elide, seconds
from daga_nb.render.theme import FAULT_GLYPH, LOOKS, RUN_LOOKS, edge_kind

if TYPE_CHECKING:
    from daga_nb.core.next_step import NextStep
    from daga_nb.core.plan import Plan
    from daga_nb.core.tags import Tag
    from daga_nb.debug.finding import Finding
    from daga_nb.engine.run import FlowRun

__all__ = [
    "FACTS",
    "NUMBER",
    "PHASES",
    "PLACES",
    "RUN_NUMBER",
    "RUN_STATES",
    "SKIPPED_WORD",
    "STATES",
    "Planted",
    "edge_mode",
    "face",
    "head",
    "head_of",
    "node_mark",
    "planted_in",
]

STATES = tuple(LOOKS)
RUN_STATES = tuple(RUN_LOOKS)
PLACES: tuple[Where, ...] = ("before", "after", "rollback")
"""Where a fault strikes."""

PHASES: tuple[Phase, ...] = ("forward", "rollback")
"""Where a run stops: before an action, or before its rollback."""

FACTS = (
    "attempt", "waits for", "waited for", "inputs", "result", "took", "rolled back in", "rollback took",
    "rollback result", "rollback",
)  # fmt: skip
"""What an inspector says of an action, in this order; after it ``failed`` and ``rollback failed``."""

SKIPPED_WORD = "skipped"
"""What stands on the card of a skipped action where others have their duration."""

MODES = ("idle", "done", "flow", "back", "undone", "dead")

NUMBER = {state: number for number, state in enumerate(STATES)}
RUN_NUMBER = {state: number for number, state in enumerate(RUN_STATES)}
"""The numbers by which a page knows the states: of a node, and of the run."""

_N = NodeState
_DONE = frozenset({_N.SUCCEEDED, _N.KEPT})
_BUSY = frozenset({_N.RUNNING, _N.ROLLING_BACK})


def edge_mode(tail: NodeState | None, head: NodeState) -> str:
    """Give how an edge is drawn between a node (None for the input) and its successor.

    >>> edge_mode(NodeState.SUCCEEDED, NodeState.RUNNING)
    'flow'
    >>> edge_mode(NodeState.ROLLING_BACK, NodeState.ROLLED_BACK)
    'back'
    """
    if head is _N.RUNNING:
        return "flow"
    if head is _N.PENDING:
        return "idle"
    kind = edge_kind(tail, head)
    if kind == "back":
        return "back" if tail is _N.ROLLING_BACK else "undone"
    return "dead" if kind == "dead" else "done"


def face(
    plan: Plan,
    name: str,
    findings: Iterable[Finding] = (),
    *,
    tags: Iterable[Iterable[Tag]] = (),
    policy: Policy = Policy(),  # noqa: B008
) -> dict[str, Any]:
    """Give what never changes: names, batches, the looks of states and edges, what is agreed on, doubts."""
    rows: list[NodeState | None] = [*STATES, None]
    return {
        "name": elide(name, 60),
        "labels": [elide(one) for one in plan.names],
        "names": [elide(one, 160) for one in plan.names],
        "batch": [number + 1 for number in plan.batch_of],
        "batches": len(plan.batches),
        "looks": [
            {
                "key": look.key,
                "glyph": look.glyph,
                "word": look.word,
                "struck": look.struck,
                "busy": state in _BUSY,
            }
            for state, look in LOOKS.items()
        ],
        "run_looks": [
            {"key": look.key, "glyph": look.glyph, "word": look.word} for look in RUN_LOOKS.values()
        ],
        "modes": MODES,
        "edges": [[MODES.index(edge_mode(tail, one)) for one in STATES] for tail in rows],
        "places": PLACES,
        "place_words": ["before the effect", "after the effect", "in the rollback"],
        "fault_form": form_json(),
        "facts": FACTS,
        "verdicts": verdict_looks(),
        "forward": NUMBER[_N.RUNNING],
        "phases": PHASES,
        "fault_glyph": FAULT_GLYPH,
        "failed_glyph": LOOKS[_N.FAILED].glyph,
        "agreed": agreed_of(plan, tags, policy),
        "doubts": doubts_of(plan, findings),
    }


class Planted(NamedTuple):
    """What is planted at an action.

    Attributes
    ----------
    faults
        Each fault, with how often it has struck; -1 if it never did in a run that has ended.
    breaks
        A breakpoint 1 before it, 2 before its rollback; 4 and 8: the run stands there now.
    """

    faults: tuple[tuple[Fault, int], ...] = ()
    breaks: int = 0


NOTHING = Planted()


def planted_in(run: FlowRun) -> dict[str, Planted]:
    """Give what is planted at each action where anything is."""
    found: dict[str, Planted] = {}
    for fault in run.faults:
        faults, breaks = found.get(fault.at, NOTHING)
        struck = run.strikes(fault.at, fault.where) or (-1 if run.state.ended else 0)
        found[fault.at] = Planted((*faults, (fault, struck)), breaks)
    for one in run.breakpoints:
        faults, breaks = found.get(one.at, NOTHING)
        bit = PHASES.index(one.phase) + 1
        found[one.at] = Planted(faults, breaks | bit | (4 * bit if one in run.stopped_at else 0))
    return found


def _fault_mark(fault: Fault, struck: int) -> list[Any]:
    """Give what a badge shows: place, word, how often it struck, the same in words, whether it is plain."""
    words = whole(fault_words(fault, struck))
    return [PLACES.index(fault.where), whole(badge_word(fault)), struck, words, int(is_plain(fault))]


def node_mark(run: FlowRun, node: int, planted: Mapping[str, Planted], attempt: str = "") -> list[Any]:
    """Give what a node shows now: its state, a duration, its faults, whether it failed, its breakpoints.

    `attempt` says, in place of the duration, which attempt it is at, if that is not the first one. Of the
    faults there is a list of what their badges show, or 0 where none is planted.
    """
    name = run.plan.names[node]
    state = run.node_states[node]
    lasted = None
    if state not in _BUSY and state is not _N.PENDING:
        back = state is _N.ROLLED_BACK or state is _N.ROLLBACK_FAILED
        lasted = run.duration(name, rollback=back)
    skipped = lasted is None and state in _DONE and name in run.skipped
    time = SKIPPED_WORD if skipped else attempt or seconds(lasted)
    failed = name in run.errors and name not in run.unknown
    faults, breaks = planted.get(name, NOTHING)
    told = [_fault_mark(*one) for one in faults] or 0
    return [NUMBER[state], time, told, int(failed), breaks]


def head(run: FlowRun) -> dict[str, Any]:
    """Give what is said about the run as a whole: its state, what comes next, how far it is, its front."""
    return head_of(run.plan, run.node_states, run.state, run.next, turning=run.turning)


def head_of(
    plan: Plan,
    states: Sequence[NodeState],
    state: RunState,
    step: NextStep,
    turning: bool = False,
) -> dict[str, Any]:
    """Give the same of any moment: `step` is what comes next, `turning` whether a rollback is to follow."""
    counts = dict.fromkeys(STATES, 0)
    busy = []
    for node, one in enumerate(states):
        counts[one] += 1
        if one in _BUSY:
            busy.append(node)
    ways = {RunState.RUNNING: 1, RunState.RECOVERING: -1, RunState.ROLLING_BACK: -1}
    return {
        "state": RUN_NUMBER[state],
        "next": _at_work(plan, states, busy, state, turning) if busy else str(_short(step)),
        "counts": [[NUMBER[one], count] for one, count in counts.items() if count],
        "front": plan.batch_of[busy[0]] + 1 if busy else step.batch or 0,
        "way": ways.get(state, 0),
        "pivot": plan.ids[step.pivot] if step.pivot else -1,
    }


def _short(step: NextStep) -> NextStep:
    return step._replace(
        actions=_elided(step.actions), left=_elided(step.left), undecided=_elided(step.undecided)
    )


def _elided(names: tuple[str, ...]) -> tuple[str, ...]:
    return (*map(elide, names[:6]), *names[6:])  # no more of them are shown


def _at_work(plan: Plan, states: Sequence[NodeState], busy: list[int], state: RunState, turning: bool) -> str:
    verb = states[busy[0]].word
    if state is RunState.RECOVERING:
        verb = f"back to the save point: {verb}"
    names = ", ".join(elide(plan.names[node]) for node in busy[:6])
    more = f" and {len(busy) - 6} more" if len(busy) > 6 else ""
    then = "; then it is rolled back" if turning else ""
    return f"{verb} batch {plan.batch_of[busy[0]] + 1} of {len(plan.batches)}: {names}{more}{then}"
