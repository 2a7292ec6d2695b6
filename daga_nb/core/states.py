"""The states of a node and of a run, and the one table of legal transitions for each.

The tables are the source of everything that must agree about states: the machine checks against them,
the state diagram in the docs is drawn from them, and a test tries every pair.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "NODE_TRANSITIONS",
    "RUN_TRANSITIONS",
    "NodeState",
    "RunState",
    "State",
    "diagram",
    "parse_state",
]


class NodeState(StrEnum):
    """What has become of one action in one run.

    >>> NodeState.ROLLED_BACK.word
    'rolled back'
    """

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    ROLLING_BACK = "ROLLING_BACK"
    ROLLED_BACK = "ROLLED_BACK"
    ROLLBACK_FAILED = "ROLLBACK_FAILED"
    ABANDONED = "ABANDONED"
    KEPT = "KEPT"
    UNKNOWN = "UNKNOWN"

    # Enum hashes in Python; every event looks a state up, and the string's own hash is the same one in C.
    __hash__ = str.__hash__

    @property
    def word(self) -> str:
        """The state as people read it."""
        return self.value.lower().replace("_", " ")

    def __str__(self) -> str:
        return self.value


class RunState(StrEnum):
    """What has become of one execution of a flow.

    ``RECOVERING`` goes back to the last save point, to go forward again from there. ``ROLLED_BACK`` is clean:
    nothing is left. ``ROLLBACK_INCOMPLETE`` is dirty: something was kept, or an undo failed.
    """

    READY = "READY"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    RECOVERING = "RECOVERING"
    ROLLING_BACK = "ROLLING_BACK"
    ROLLED_BACK = "ROLLED_BACK"
    ROLLBACK_INCOMPLETE = "ROLLBACK_INCOMPLETE"

    __hash__ = str.__hash__

    @property
    def word(self) -> str:
        """The state as people read it."""
        return self.value.lower().replace("_", " ")

    @property
    def back(self) -> bool:
        """Whether actions are being undone: all of them, or those since a save point."""
        return self in _BACK

    @property
    def ended(self) -> bool:
        """Whether the run is at its end (a succeeded run can still be rolled back by request)."""
        return self in _ENDED

    def __str__(self) -> str:
        return self.value


_BACK = (RunState.RECOVERING, RunState.ROLLING_BACK)
_ENDED = (RunState.SUCCEEDED, RunState.ROLLED_BACK, RunState.ROLLBACK_INCOMPLETE)

State = NodeState | RunState

_N = NodeState
_R = RunState

NODE_TRANSITIONS: frozenset[tuple[NodeState, NodeState]] = frozenset(
    {
        (_N.PENDING, _N.RUNNING),  # its turn has come
        (_N.PENDING, _N.ABANDONED),  # the run turned back before it started
        (_N.PENDING, _N.SUCCEEDED),  # inherited by a fork: another run has done it
        (_N.RUNNING, _N.SUCCEEDED),
        (_N.RUNNING, _N.FAILED),
        (_N.RUNNING, _N.UNKNOWN),  # started, outcome lost
        (_N.RUNNING, _N.ABANDONED),  # the run turned back in the moment before it was called
        (_N.SUCCEEDED, _N.ROLLING_BACK),
        (_N.SUCCEEDED, _N.ROLLED_BACK),  # it has no effect: there is nothing to undo
        (_N.SUCCEEDED, _N.KEPT),  # it has no rollback: its effect stays
        (_N.FAILED, _N.RUNNING),  # tried again
        (_N.FAILED, _N.SUCCEEDED),  # skipped, with a value given by hand
        (_N.FAILED, _N.ROLLING_BACK),  # it may have half happened
        (_N.UNKNOWN, _N.RUNNING),
        (_N.UNKNOWN, _N.SUCCEEDED),
        (_N.UNKNOWN, _N.ROLLING_BACK),
        (_N.ROLLED_BACK, _N.RUNNING),  # done again, after the run went back to a save point
        (_N.ABANDONED, _N.RUNNING),  # it was not called, and the run goes forward all the same
        (_N.ROLLING_BACK, _N.ROLLED_BACK),
        (_N.ROLLING_BACK, _N.ROLLBACK_FAILED),
        (_N.ROLLBACK_FAILED, _N.ROLLING_BACK),  # tried again
    }
)
"""Every legal move of a node. What is not here is illegal."""

RUN_TRANSITIONS: frozenset[tuple[RunState, RunState]] = frozenset(
    {
        (_R.READY, _R.RUNNING),
        (_R.READY, _R.ROLLING_BACK),  # cancelled or aborted before anything ran
        (_R.RUNNING, _R.SUCCEEDED),
        (_R.RUNNING, _R.ROLLING_BACK),
        (_R.RUNNING, _R.RECOVERING),  # back to a save point
        (_R.RECOVERING, _R.RUNNING),  # and forward again from there
        (
            _R.RECOVERING,
            _R.ROLLING_BACK,
        ),  # what was done since then could not be undone, or no more is wanted
        (_R.SUCCEEDED, _R.ROLLING_BACK),  # undone by request
        (_R.ROLLING_BACK, _R.ROLLED_BACK),
        (_R.ROLLING_BACK, _R.ROLLBACK_INCOMPLETE),
        (_R.ROLLBACK_INCOMPLETE, _R.ROLLING_BACK),  # an undo that failed is tried again
    }
)
"""Every legal move of a run."""


def parse_state(text: str, *, of_run: bool) -> State:
    """Give the state named `text`.

    >>> parse_state("KEPT", of_run=False)
    <NodeState.KEPT: 'KEPT'>

    Raises
    ------
    ValueError
        If no such state exists.
    """
    return RunState(text) if of_run else NodeState(text)


def diagram(of_run: bool = False) -> str:
    """Give the state diagram as Mermaid text, drawn from the table so that the two cannot disagree.

    >>> print(diagram(of_run=True).splitlines()[1].strip())
    [*] --> READY
    """
    states: list[State] = list(RunState) if of_run else list(NodeState)
    table = RUN_TRANSITIONS if of_run else NODE_TRANSITIONS
    lines = ["stateDiagram-v2", f"    [*] --> {states[0]}"]
    lines += [f"    {old} --> {new}" for old in states for new in states if (old, new) in table]
    return "\n".join(lines)
