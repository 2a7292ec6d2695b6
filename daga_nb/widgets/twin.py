"""The what-if twin: two to four runs of one flow, side by side on one slider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import traitlets

from daga_nb.debug.comparison import Comparison
from daga_nb.debug.side_by_side import EndRow, SideBySide
from daga_nb.debug.story import Story
from daga_nb.engine.run import FlowRun
from daga_nb.errors import StoryError
from daga_nb.page.bundle import module, style
from daga_nb.page.marks import NUMBER, RUN_NUMBER
from daga_nb.page.modules import GRAPH_MODULES, PLAYER_MODULES
from daga_nb.page.record import record_of
from daga_nb.render.agreed import room_beside
from daga_nb.render.text import elide, seconds
from daga_nb.widgets.pictured import PicturedWidget, check_view

__all__ = ["FlowTwin", "compare"]

MOST = 4
"""Runs that can be seen at once."""

_LONGEST_NAME = 40
_LONGEST_WORDS = 240


class FlowTwin(PicturedWidget):
    """Runs side by side on one slider. `compare` makes it."""

    _esm = module(*GRAPH_MODULES, *PLAYER_MODULES, "twin.js")
    _css = style("graph.css", "viewer.css", "player.css", "twin.css")

    _records: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    _found = traitlets.Dict().tag(sync=True)

    def __init__(
        self, table: SideBySide, *, direction: Literal["LR", "TB"] = "LR", height: int | None = None
    ) -> None:
        check_view(direction, height)
        self._table = table
        # Under other policies an action may have other marks, and yet stands at the same place.
        rooms = [room for story in table.stories.values() if (room := room_beside(story.tags))]
        beside = [max(some) for some in zip(*rooms, strict=True)]
        super().__init__(
            direction=direction,
            height=height,
            _records=[record_of(story, beside) for story in table.stories.values()],
            _found=_to_json(table),
        )

    def __repr__(self) -> str:
        first = self._table.first
        flow = next(iter(self._table.stories.values())).flow
        return f"<FlowTwin of {flow}: {'no difference' if first is None else first}>"

    @property
    def table(self) -> SideBySide:
        """How each action ended in each of the runs, and what is different, as a value."""
        return self._table

    @property
    def comparison(self) -> Comparison:
        """What is different in two runs, as a value.

        Raises
        ------
        StoryError
            If there are more of them; `table` has them all.
        """
        stories = [*self._table.stories.values()]
        if len(stories) != 2:
            raise StoryError(f"a comparison is of two runs, and here are {len(stories)}; see table")
        return Comparison(*stories)

    def _picture(self, direction: Literal["LR", "TB"]) -> Any:
        from daga_nb.render.moments import picture_of_twin

        return picture_of_twin(self._table, direction)


def _to_json(table: SideBySide) -> dict[str, Any]:
    first = table.first
    stories = [*table.stories.values()]
    number = stories[0].plan.ids

    def row(one: EndRow) -> list[Any]:
        ends = [[NUMBER[state], seconds(took)] for state, took in zip(one.states, one.took, strict=True)]
        return [number[one.node], ends, int(one.differs), int(one.other_result)]

    sums = table.sums
    left = [elide(one.what_is_left, _LONGEST_WORDS) for one in sums]
    flaws = [
        elide(": ".join(filter(None, (story.ledger.flaws, one.effects_left))), _LONGEST_WORDS)
        for story, one in zip(stories, sums, strict=True)
    ]
    return {
        "names": [elide(name, _LONGEST_NAME) for name in table.names],
        "first": None
        if first is None
        else {
            "position": first.position,
            "node": -1 if first.node is None else number[first.node],
            "words": elide(str(first), _LONGEST_WORDS),
        },
        "endings": [row(one) for one in sorted(table.rows, key=lambda one: not one.differs)],
        "sums": [
            ["left", left],
            *([["left, by the ledger", flaws]] if any(flaws) else []),
            ["calls · undos", [f"{one.calls} · {one.undos}" for one in sums]],
        ],
        "ends": [RUN_NUMBER[one.state] for one in sums],
        "elapsed": [seconds(one.elapsed) for one in sums],
    }


def compare(
    one: FlowRun | Story | Mapping[str, FlowRun | Story],
    other: FlowRun | Story | None = None,
    *,
    direction: Literal["LR", "TB"] = "LR",
    height: int | None = None,
) -> FlowTwin:
    """Give runs of the same flow side by side on one slider, with what is different in them.

    Parameters
    ----------
    one, other
        The runs, or their stories; or in place of both two to four of them by name, as `DagaFlow.run_under`
        gives them.
    direction
        ``"LR"``, left to right, or ``"TB"``, top to bottom.
    height
        The height of each graph in pixels; None for one that suits it.

    Raises
    ------
    StoryError
        If they are no runs, not of the same flow, or too many.

    Examples
    --------
    >>> from daga_nb import DagaFlow
    >>> flow = DagaFlow([(abs, max)], name="tiny")
    >>> compare(flow.start(1), flow.start(2))
    <FlowTwin of tiny: no difference>
    >>> compare({"one": flow.start(1), "two": flow.start(2), "three": flow.start(3)}).table.names
    ('one', 'two', 'three')
    """
    if isinstance(one, Mapping):
        if other is not None or not 2 <= len(one) <= MOST:
            raise StoryError(f"compare takes two runs or stories, or 2 to {MOST} of them by name, at once")
        named: Mapping[Any, Any] = one
    else:
        named = {"run A": one, "run B": other}
    stories = {name: run.story if isinstance(run, FlowRun) else run for name, run in named.items()}
    for name, story in stories.items():
        if not isinstance(story, Story) or not isinstance(name, str):
            raise StoryError(
                f"compare takes two runs or stories, or 2 to {MOST} of them by name, not "
                f"{type(story).__name__}{'' if isinstance(name, str) else f' under {name!r}'}"
            )
    return FlowTwin(SideBySide(stories), direction=direction, height=height)
