"""What actions and flows have agreed on, as marks: small signs with a number, and what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from daga_nb.core.moves import Policy
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState
from daga_nb.core.tags import Tag
from daga_nb.render.text import elide, text_width

__all__ = [
    "MARK_SIZE",
    "POLICY_GLYPH",
    "TAG_LOOKS",
    "Mark",
    "TagLook",
    "choices_of",
    "kinds_in",
    "marks_of",
    "room_beside",
    "saved_in",
]


class TagLook(NamedTuple):
    """How a tag looks: its glyph, the one that it has once it is reached, and what it means."""

    glyph: str
    reached: str
    words: str


TAG_LOOKS: Mapping[str, TagLook] = MappingProxyType(
    {
        "pivot": TagLook("◇", "◆", "pivot, ◆ passed: no way back"),
        "save point": TagLook("⇤", "⇤", "save point: goes back to here, and on again"),
        "retries": TagLook("↻", "↻", "retries"),
        "timeout": TagLook("◷", "◷", "timeout"),
    }
)
"""How the tags look that are seen on a card, by kind, the most important first."""

POLICY_GLYPH = "§"
"""The mark of what a flow has chosen for all of its runs."""

MARK_SIZE = 12.5
"""Pixels of a mark's font."""

_BETWEEN = 7.0
_LONGEST = 8


class Mark(NamedTuple):
    """A sign on a card: what it is about, the glyph, the one that it has once it is reached, and a number."""

    kind: str
    glyph: str
    reached: str
    short: str

    @property
    def text(self) -> str:
        """The mark as it stands on a card."""
        return f"{self.glyph}{self.short}"


def marks_of(tags: Iterable[Tag]) -> tuple[Mark, ...]:
    """Give the marks of an action: of its tags those that are seen from afar.

    >>> [mark.text for mark in marks_of([Tag("pivot"), Tag("retries", "3", "3"), Tag("no effect")])]
    ['◇', '↻3']
    """
    return tuple(
        Mark(tag.kind, look.glyph, look.reached, elide(tag.short, _LONGEST) if tag.short else "")
        for tag in tags
        if (look := TAG_LOOKS.get(tag.kind)) is not None
    )


def room_beside(tags: Sequence[Sequence[Tag]]) -> tuple[float, ...]:
    """Give the room that the marks of each action take beside its name, in pixels; empty if none has any."""
    rooms = [
        sum(text_width(mark.text, MARK_SIZE, bold=True) + _BETWEEN for mark in marks_of(some))
        for some in tags
    ]
    return tuple(rooms) if any(rooms) else ()


def kinds_in(tags: Iterable[Iterable[Tag]]) -> list[str]:
    """Give which kinds of marks stand on any of the cards, in the order of their importance."""
    found = {tag.kind for some in tags for tag in some}
    return [kind for kind in TAG_LOOKS if kind in found]


def choices_of(policy: Policy) -> str:
    """Give what a flow has chosen for its runs other than the default, as one line; empty if nothing.

    >>> choices_of(Policy(on_rollback_error="stop", rollback_failed=False))
    'what failed is not rolled back · stops where a rollback fails'
    """
    return " · ".join(policy.choices)


def saved_in(plan: Plan, policy: Policy, states: Sequence[NodeState] | None) -> dict[int, bool]:
    """Give the batches behind which a save point stands, and whether it is reached: all up to it is done."""
    done = 0
    while (
        states is not None
        and done < len(plan.batches)
        and all(states[node] is NodeState.SUCCEEDED for node in plan.batches[done])
    ):
        done += 1
    return {batch: batch < done for batch in sorted({plan.batch_of[node] for node, _ in policy.save_points})}
