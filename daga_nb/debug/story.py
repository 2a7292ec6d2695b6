"""A run to keep: its story as a value, with what was seen when each event happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from daga_nb.core.entries import Entry
from daga_nb.core.events import Event
from daga_nb.core.ledger import Ledger
from daga_nb.core.machine import fold
from daga_nb.core.moves import Policy, Undo
from daga_nb.core.next_step import NextStep, next_step
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState, RunState
from daga_nb.core.tags import Tag
from daga_nb.errors import StoryError

if TYPE_CHECKING:
    import os

    from daga_nb.render.picture import Picture

__all__ = ["Moment", "Note", "Story"]


class Note(NamedTuple):
    """What was seen when an event happened.

    Attributes
    ----------
    text
        Of a start: the inputs. Of an end: the result, or the error with the frames of the action. Cut short.
    took
        Of an end: the seconds that the call took.
    """

    text: str = ""
    took: float | None = None


class Moment(NamedTuple):
    """How a run stood after one of its events.

    Attributes
    ----------
    position
        After how many events.
    event
        The last of them; None at the beginning.
    state
        The state of the run.
    states
        The state of each action, by display name.
    next
        What would have come next; as text, in words.
    ledger
        What the actions had said about their effects.
    """

    position: int
    event: Event | None
    state: RunState
    states: Mapping[str, NodeState]
    next: NextStep
    ledger: Ledger = Ledger()


@dataclass(frozen=True)
class Story:
    """The story of a run as a value. It can be looked at, saved and shown, and never runs anything.

    ``run.story`` makes it. Equal stories have the same events, notes and lines.

    Attributes
    ----------
    flow
        The name of the flow.
    run
        The name of the run.
    input
        The input, as text.
    plan
        The shape of the flow; its nodes are the names.
    undo
        What undoing each action takes.
    policy
        The choices of the flow.
    started_at
        When it began, in seconds since the epoch; None before.
    events
        What happened.
    notes
        What was seen at each event.
    lines
        What was printed: after how many events, and the line. Only a lab listens.
    effects
        What the actions said about their effects.
    tags
        What each action has agreed on about failures, by its number; nothing in a story from an older file.

    Examples
    --------
    >>> import asyncio
    >>> from daga_nb import DagaFlow
    >>> async def quote(results): return results[0] * 2
    >>> async def pay(results): return f"paid {results[0]}"
    >>> run = DagaFlow([(quote, pay)]).start(21)
    >>> _ = asyncio.run(run.finish())
    >>> story = run.story
    >>> print(story.at(3).event, story.at(3).states["pay"], sep=", ")
    quote SUCCEEDED, PENDING
    >>> story.notes[2].text
    '42'
    """

    flow: str
    run: str
    input: str
    plan: Plan
    undo: tuple[Undo, ...]
    policy: Policy
    started_at: float | None
    events: tuple[Event, ...]
    notes: tuple[Note, ...]
    lines: tuple[tuple[int, str], ...] = field(default=(), repr=False)
    effects: tuple[Entry, ...] = field(default=(), repr=False)
    tags: tuple[tuple[Tag, ...], ...] = field(default=(), repr=False)

    def __repr__(self) -> str:
        return f"<Story of run {self.run} of {self.flow}: {len(self.events)} events>"

    def __len__(self) -> int:
        return len(self.events)

    def at(self, position: int) -> Moment:
        """Give how the run stood after its first `position` events. Nothing is executed.

        Raises
        ------
        StoryError
            If it has not as many events.
        """
        if not isinstance(position, int) or not 0 <= position <= len(self.events):
            raise StoryError(f"position {position!r}: this story has the positions 0 to {len(self.events)}")
        machine = fold(self.plan, self.undo, self.events[:position], self.policy)
        states = dict(zip(self.plan.names, machine.states, strict=True))
        event = self.events[position - 1] if position else None
        at_rest = position == len(self.events) and not machine.running
        # Going back, a run that can go on by itself is held by a stepper as a rule.
        back = machine.run_state.back and machine.ready().direction is None
        paused = at_rest and (machine.run_state is RunState.RUNNING or back)
        ledger = Ledger.until(self.effects, position, self.plan, machine.run_state)
        step = next_step(machine, machine.undecided() if paused else (), ledger.entries)
        return Moment(position, event, machine.run_state, states, step, ledger)

    @property
    def ledger(self) -> Ledger:
        """What the actions said about their effects, counted."""
        return self.at(len(self)).ledger

    def picture(self, position: int | None = None, *, direction: Literal["LR", "TB"] = "LR") -> Picture:
        """Give the graph with its states after the first `position` events as a picture.

        Parameters
        ----------
        position
            After how many events; by default after all of them.
        direction
            ``"LR"``, left to right, or ``"TB"``, top to bottom.

        Raises
        ------
        StoryError
            If it has not as many events.
        """
        from daga_nb.render.moments import picture_of_story

        return picture_of_story(self, position, direction)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return self.picture()._repr_mimebundle_(include, exclude)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the story to a file, as JSON, and give its path. `load` reads it again.

        Raises
        ------
        OSError
            If it cannot be written; then a file that was there before is as it was.
        StoryError
            If the file would be larger than what `load` reads.
        """
        from daga_nb.debug.story_file import write

        return write(self, Path(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Story:
        """Give the story in a file. It is checked, and nothing in it is executed.

        Raises
        ------
        StoryError
            If it is no story: too large, of another format, or with events that no such run could have.
        """
        from daga_nb.debug.story_file import read

        return read(Path(path))

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write one HTML page with graph, slider, inspector, log and timeline, and give its path.

        It holds all it needs, and opens by a double-click, without a network.
        """
        from daga_nb.page.report import write

        return write(self, Path(path))
