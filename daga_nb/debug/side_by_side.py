"""Several runs of the same flow, side by side: where they went apart, how each action ended, what it cost."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from daga_nb.core.events import Event
from daga_nb.core.states import NodeState, RunState
from daga_nb.debug.story import Story
from daga_nb.errors import StoryError

__all__ = ["EndRow", "Parting", "RunSum", "SideBySide"]

_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")
"""Where an object lies in memory says nothing of it."""

_LONGEST = 60

_N = NodeState


class Parting(NamedTuple):
    """Where stories first differ: in what the same action, or the run itself, did next.

    Attributes
    ----------
    node
        The action; None for the run itself.
    events
        What it did in each of the stories; None if nothing more.
    """

    node: str | None
    events: tuple[Event | None, ...]

    @property
    def position(self) -> int:
        """After how many events the first of them is seen."""
        return min(event.seq for event in self.events if event is not None)

    def __str__(self) -> str:
        name = "the run" if self.node is None else self.node
        return f"{name}: {' | '.join(map(_words, self.events))}"


def _words(event: Event | None) -> str:
    if event is None:
        return "nothing more"
    return f"{event.state.word} ({event.reason})" if event.reason else event.state.word


class EndRow(NamedTuple):
    """How an action ended in each of the runs.

    Attributes
    ----------
    node
        The action.
    states
        Its states.
    took
        How many seconds its last call took; None if it was not called.
    other_result
        Whether it ended in the same state everywhere, and yet not with the same result.
    """

    node: str
    states: tuple[NodeState, ...]
    took: tuple[float | None, ...]
    other_result: bool

    @property
    def differs(self) -> bool:
        """Whether it ended differently; another duration is no difference."""
        return len({*self.states}) > 1 or self.other_result


class RunSum(NamedTuple):
    """How one of the runs ended as a whole, and what that took.

    Attributes
    ----------
    state
        The state of the run.
    elapsed
        Seconds of run time, up to its last event.
    calls, undos
        How many times an action was called, and a rollback; retries count.
    left
        The actions whose effect is, or may be, left after an incomplete rollback.
    effects
        The effects that are left behind according to the ledger: the name and the key of each.
    """

    state: RunState
    elapsed: float
    calls: int
    undos: int
    left: tuple[str, ...]
    effects: tuple[tuple[str, str], ...]

    @property
    def what_is_left(self) -> str:
        """What was left according to the states of the actions, in words; empty if it was not rolled back."""
        if self.state is RunState.SUCCEEDED:
            return ""
        if not self.state.ended:
            return "not at its end"
        return ", ".join(self.left) or "nothing"

    @property
    def effects_left(self) -> str:
        """What was left according to the ledger, in words: the names of the effects."""
        counts = Counter(name for name, _ in self.effects)
        return ", ".join(f"{name} ×{count}" if count > 1 else name for name, count in counts.items())


@dataclass(frozen=True)
class SideBySide:
    """Runs of the same flow, each under a name. ``compare`` shows them.

    What runs at once may end in any order: only the order of what the same action did is compared.

    Raises
    ------
    StoryError
        If there are fewer than two, or they are not of the same flow.

    Examples
    --------
    >>> import asyncio
    >>> from daga_nb import Fault, sketch
    >>> flow = sketch("book >> pay")
    >>> bad = Fault.raising(TimeoutError, at="pay")
    >>> runs = asyncio.run(flow.run_under({"as it is": {}, "patient": {"retries": 1}}, faults=[bad]))
    >>> table = SideBySide({name: run.story for name, run in runs.items()})
    >>> [one.calls for one in table.sums], table.first.node
    ([2, 3], 'pay')
    """

    stories: Mapping[str, Story]

    def __post_init__(self) -> None:
        if len(self.stories) < 2:
            raise StoryError("to be compared, there have to be two runs at least")
        one, *others = self.stories.values()
        for other in others:
            if one.plan.names != other.plan.names or one.plan.predecessors != other.plan.predecessors:
                raise StoryError(
                    f"{one.flow!r} and {other.flow!r} are different flows: only runs of the same one, "
                    "with the same actions in the same order, can be compared"
                )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the runs."""
        return tuple(self.stories)

    @property
    def first(self) -> Parting | None:
        """Where they first differ; None if nowhere."""
        told = [_by_node(story) for story in self.stories.values()]
        nodes = dict.fromkeys(node for one in told for node in one)
        found = [
            parting
            for node in nodes
            if (parting := _parting(node, [one.get(node, []) for one in told])) is not None
        ]
        return min(found, key=lambda parting: parting.position, default=None)

    @property
    def rows(self) -> list[EndRow]:
        """How each action ended, in plan order."""
        stories = [*self.stories.values()]
        ends = [story.at(len(story)).states for story in stories]
        calls, results = [_last_calls(story) for story in stories], [_results(story) for story in stories]
        rows = []
        for name in stories[0].plan.names:
            states = tuple(end[name] for end in ends)
            others = len({*states}) == 1 and len({one.get(name) for one in results}) > 1
            rows.append(EndRow(name, states, tuple(one.get(name) for one in calls), others))
        return rows

    @property
    def sums(self) -> list[RunSum]:
        """How each of the runs ended as a whole."""
        return [_sum(story) for story in self.stories.values()]

    def __str__(self) -> str:
        from daga_nb.render.text import aligned, elide

        sums = self.sums
        lines = [["", *self.names]]
        lines += [[row.node, *(state.word for state in row.states)] for row in self.rows]
        lines.append(["the whole run", *(one.state.word for one in sums)])
        lines.append(["left", *(one.what_is_left for one in sums)])
        if any(one.effects for one in sums):
            lines.append(["left, by the ledger", *(one.effects_left for one in sums)])
        lines.append(["calls, undos", *(f"{one.calls}, {one.undos}" for one in sums)])
        lines.append(["time", *(f"{one.elapsed:.3f} s" for one in sums)])
        return "\n".join(aligned([[elide(cell, _LONGEST) for cell in line] for line in lines]))


def _sum(story: Story) -> RunSum:
    end = story.at(len(story))
    calls = undos = 0
    before: dict[str | None, object] = {}
    for event in story.events:
        calls += event.state is _N.RUNNING
        undos += event.state is _N.ROLLING_BACK
        # The run turned back in the moment before it was called.
        calls -= event.state is _N.ABANDONED and before.get(event.node) is _N.RUNNING
        before[event.node] = event.state
    elapsed = story.events[-1].at if story.events else 0.0
    effects = tuple((row.name, row.key) for row in end.ledger.left)
    return RunSum(end.state, elapsed, calls, undos, end.next.left, effects)


def _by_node(story: Story) -> dict[str | None, list[Event]]:
    found: dict[str | None, list[Event]] = {}
    for event in story.events:
        found.setdefault(event.node, []).append(event)
    return found


def _parting(node: str | None, told: Sequence[list[Event]]) -> Parting | None:
    for place in range(max(map(len, told))):
        events = tuple(one[place] if place < len(one) else None for one in told)
        if len({_what(event) for event in events}) > 1:
            return Parting(node, events)
    return None


def _what(event: Event | None) -> Hashable:
    return event and (event.state, event.attempt)


def _last_calls(story: Story) -> dict[str, float]:
    return {
        event.node: note.took
        for event, note in zip(story.events, story.notes, strict=True)
        if event.node is not None and note.took is not None
    }


def _results(story: Story) -> dict[str, str]:
    return {
        event.node: _ADDRESS.sub("", note.text)
        for event, note in zip(story.events, story.notes, strict=True)
        if event.node is not None and event.state is _N.SUCCEEDED
    }
