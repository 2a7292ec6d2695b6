"""Stories as static pictures: one at any of its moments, or several at their ends, one below the other."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from matplotlib.figure import Figure

from daga_nb.core.events import Event
from daga_nb.core.states import NodeState
from daga_nb.core.tries import Tries
from daga_nb.render.dot import Direction
from daga_nb.render.drawn import Drawn
from daga_nb.render.ink import salt_of
from daga_nb.render.paint import paint
from daga_nb.render.picture import QUIET, UNDONE, Picture
from daga_nb.render.sheet import Heading
from daga_nb.render.text import elide, seconds

__all__ = ["TwinPicture", "picture_of_story", "picture_of_twin"]

LONGEST_WORDS = 140
"""Columns of what is said above two pictures."""

_N = NodeState
_FORGETS = (_N.RUNNING, _N.SUCCEEDED)


def picture_of_story(
    story: Any, position: int | None = None, direction: Direction = "LR", name: str = ""
) -> Picture:
    """Give how a run stood after its first `position` events as a picture; by default, at its end."""
    moment = story.at(len(story) if position is None else position)
    tries = Tries(story.events[: moment.position])
    took: dict[tuple[str, bool], float | None] = {}
    failed: set[str] = set()
    for event, note in zip(story.events[: moment.position], story.notes, strict=False):
        if event.node is None:
            continue
        if event.state is _N.FAILED:
            failed.add(event.node)
        elif event.state in _FORGETS:
            failed.discard(event.node)
        if note.took is not None:
            took[event.node, event.state in UNDONE] = note.took
    if moment.position < len(story):
        words = f"{_words(moment.event)} (event {moment.position} of {len(story)})"
    else:
        words = moment.next.what_is_left if moment.state.ended else str(moment.next)
    return Picture(
        story.plan,
        moment.states.values(),
        direction=direction,
        details=[
            tries.of(node) or ("" if state in QUIET else seconds(took.get((node, state in UNDONE))))
            for node, state in moment.states.items()
        ],
        failed={story.plan.ids[one] for one in failed},
        title=f"{story.flow}, {name}" if name else story.flow,
        text=words,
        run_state=moment.state,
        tags=story.tags,
        policy=story.policy,
    )


def _words(event: Event | None) -> str:
    if event is None:
        return "before the start"
    return f"{'the run' if event.node is None else elide(event.node, 40)}: {event.state.word}"


class TwinPicture(Drawn):
    """Several pictures, one below the other, with a line above them.

    Examples
    --------
    >>> import networkx as nx
    >>> from daga_nb.core.plan import Plan
    >>> picture = Picture(Plan.compile(nx.DiGraph([("quote", "pay")]), str))
    >>> print(TwinPicture([picture, picture], "no difference"))
    no difference
    <BLANKLINE>
    batch 1: quote
    batch 2: pay
    <BLANKLINE>
    batch 1: quote
    batch 2: pay
    """

    def __init__(self, pictures: Iterable[Picture], words: str) -> None:
        self.pictures = tuple(pictures)
        self.words = elide(words, LONGEST_WORDS)

    @cached_property
    def text(self) -> str:
        """The pictures as plain text, one below the other."""
        return "\n\n".join([self.words, *(picture.text for picture in self.pictures)])

    @property
    def _title(self) -> str:
        return self.words

    @cached_property
    def _salt(self) -> str:
        return salt_of(self.text)

    @cached_property
    def _figure(self) -> Figure:
        scenes = [picture.scene for picture in self.pictures]
        return paint(*scenes, above=Heading("", None, self.words, LONGEST_WORDS))


def picture_of_twin(table: Any, direction: Direction = "LR") -> TwinPicture:
    """Give runs that are compared as a picture: where they went apart, and how each of them ended."""
    pictures = [picture_of_story(story, None, direction, name) for name, story in table.stories.items()]
    first = table.first
    words = "no difference in what happened" if first is None else f"first difference: {first}"
    return TwinPicture(pictures, words)
