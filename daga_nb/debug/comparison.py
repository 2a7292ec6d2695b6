"""Two runs of the same flow, compared: where they went apart, and what ended differently."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

from daga_nb.core.events import Event
from daga_nb.core.states import NodeState
from daga_nb.debug.story import Story
from daga_nb.errors import StoryError

__all__ = ["Apart", "Comparison", "Ending"]

_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")
"""Where an object lies in memory says nothing of it."""


class Apart(NamedTuple):
    """Where two stories first differ: in what the same action, or the run itself, did next.

    Attributes
    ----------
    node
        The action; None for the run itself.
    one, other
        What it did in each of the stories; None if nothing more.
    """

    node: str | None
    one: Event | None
    other: Event | None

    @property
    def position(self) -> int:
        """After how many events the first of the two is seen."""
        return min(event.seq for event in (self.one, self.other) if event is not None)

    def __str__(self) -> str:
        name = "the run" if self.node is None else self.node
        words = [_words(event) for event in (self.one, self.other)]
        return f"{name}: {words[0]} | {words[1]}"


def _words(event: Event | None) -> str:
    if event is None:
        return "nothing more"
    return f"{event.state.word} ({event.reason})" if event.reason else event.state.word


class Ending(NamedTuple):
    """How an action ended in each of two runs.

    Attributes
    ----------
    node
        The action.
    one, other
        Its states.
    took_one, took_other
        How many seconds its last call took; None if it was not called.
    other_result
        Whether it ended in the same state, and yet with another result.
    """

    node: str
    one: NodeState
    other: NodeState
    took_one: float | None
    took_other: float | None
    other_result: bool

    @property
    def differs(self) -> bool:
        """Whether it ended differently; another duration is no difference."""
        return self.one is not self.other or self.other_result


@dataclass(frozen=True)
class Comparison:
    """What is different in two runs of the same flow. ``compare`` shows it.

    What runs at once may end in any order: only the order of what the same action did is compared.

    Raises
    ------
    StoryError
        If they are not of the same flow.

    Examples
    --------
    >>> import asyncio
    >>> from daga_nb import DagaFlow, Fault
    >>> async def quote(results): return 842.0
    >>> async def pay(results): return "paid"
    >>> flow = DagaFlow([(quote, pay)])
    >>> good, bad = flow.start(), flow.start(faults=[Fault.raising(TimeoutError("no answer"), at="pay")])
    >>> _ = asyncio.run(good.go()), asyncio.run(bad.go())
    >>> found = Comparison(good.story, bad.story)
    >>> print(found.first)
    pay: succeeded | failed (TimeoutError: no answer (planted, before the effect))
    >>> [ending.node for ending in found.differing]
    ['quote', 'pay']
    """

    one: Story
    other: Story

    def __post_init__(self) -> None:
        one, other = self.one.plan, self.other.plan
        if one.names != other.names or one.predecessors != other.predecessors:
            raise StoryError(
                f"{self.one.flow!r} and {self.other.flow!r} are different flows: only runs of the same one, "
                "with the same actions in the same order, can be compared"
            )

    @property
    def first(self) -> Apart | None:
        """Where they first differ; None if nowhere."""
        one, other = _by_node(self.one), _by_node(self.other)
        found = [
            apart
            for node in {**one, **other}
            if (apart := _apart(node, one.get(node, []), other.get(node, []))) is not None
        ]
        return min(found, key=lambda apart: apart.position, default=None)

    @property
    def endings(self) -> list[Ending]:
        """How each action ended, in plan order."""
        one, other = self.one.at(len(self.one)), self.other.at(len(self.other))
        calls = _last_calls(self.one), _last_calls(self.other)
        results = _results(self.one), _results(self.other)
        return [
            Ending(
                name,
                one.states[name],
                other.states[name],
                calls[0].get(name),
                calls[1].get(name),
                one.states[name] is other.states[name] and results[0].get(name) != results[1].get(name),
            )
            for name in self.one.plan.names
        ]

    @property
    def differing(self) -> list[Ending]:
        """The actions that ended differently, in plan order."""
        return [ending for ending in self.endings if ending.differs]

    @property
    def elapsed(self) -> tuple[float, float]:
        """How many seconds of run time each of them took, up to its last event."""
        one, other = (story.events[-1].at if story.events else 0.0 for story in (self.one, self.other))
        return one, other


def _by_node(story: Story) -> dict[str | None, list[Event]]:
    found: dict[str | None, list[Event]] = {}
    for event in story.events:
        found.setdefault(event.node, []).append(event)
    return found


def _apart(node: str | None, one: list[Event], other: list[Event]) -> Apart | None:
    for mine, yours in zip(one, other, strict=False):
        if _what(mine) != _what(yours):
            return Apart(node, mine, yours)
    if len(one) == len(other):
        return None
    shorter = min(len(one), len(other))
    return Apart(node, *(events[shorter] if shorter < len(events) else None for events in (one, other)))


def _what(event: Event) -> Hashable:
    return event.state, event.attempt


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
        if event.node is not None and event.state is NodeState.SUCCEEDED
    }
