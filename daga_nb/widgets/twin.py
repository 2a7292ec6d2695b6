"""The what-if twin: two runs of one flow, side by side on one slider."""

from __future__ import annotations

from typing import Any, Literal

import traitlets

from daga_nb.debug.comparison import Comparison
from daga_nb.debug.story import Story
from daga_nb.engine.run import FlowRun
from daga_nb.errors import StoryError
from daga_nb.page.bundle import module, style
from daga_nb.page.marks import NUMBER
from daga_nb.page.modules import GRAPH_MODULES, PLAYER_MODULES
from daga_nb.page.record import record_of
from daga_nb.render.text import elide, seconds
from daga_nb.widgets.pictured import PicturedWidget, check_view

__all__ = ["FlowTwin", "compare"]


class FlowTwin(PicturedWidget):
    """Two runs side by side on one slider. `compare` makes it."""

    _esm = module(*GRAPH_MODULES, *PLAYER_MODULES, "twin.js")
    _css = style("graph.css", "viewer.css", "player.css", "twin.css")

    _records: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    _found = traitlets.Dict().tag(sync=True)

    def __init__(
        self, found: Comparison, *, direction: Literal["LR", "TB"] = "LR", height: int | None = None
    ) -> None:
        check_view(direction, height)
        self._comparison = found
        super().__init__(
            direction=direction,
            height=height,
            _records=[record_of(found.one), record_of(found.other)],
            _found=_to_json(found),
        )

    def __repr__(self) -> str:
        first = self._comparison.first
        return f"<FlowTwin of {self._comparison.one.flow}: {'no difference' if first is None else first}>"

    @property
    def comparison(self) -> Comparison:
        """What is different, as a value."""
        return self._comparison

    def _picture(self, direction: Literal["LR", "TB"]) -> Any:
        from daga_nb.render.moments import picture_of_twin

        return picture_of_twin(self._comparison, direction)


def _to_json(found: Comparison) -> dict[str, Any]:
    first = found.first
    number = found.one.plan.ids
    return {
        "first": None
        if first is None
        else {
            "position": first.position,
            "node": -1 if first.node is None else number[first.node],
            "words": elide(str(first), 240),
        },
        "endings": [
            [
                number[ending.node],
                NUMBER[ending.one],
                seconds(ending.took_one),
                NUMBER[ending.other],
                seconds(ending.took_other),
                int(ending.differs),
                int(ending.other_result),
            ]
            for ending in sorted(found.endings, key=lambda ending: not ending.differs)
        ],
        "elapsed": [seconds(took) for took in found.elapsed],
    }


def compare(
    one: FlowRun | Story,
    other: FlowRun | Story,
    *,
    direction: Literal["LR", "TB"] = "LR",
    height: int | None = None,
) -> FlowTwin:
    """Give two runs of the same flow side by side on one slider, with what is different in them.

    Parameters
    ----------
    one, other
        The runs, or their stories.
    direction
        ``"LR"``, left to right, or ``"TB"``, top to bottom.
    height
        The height of each graph in pixels; None for one that suits it.

    Raises
    ------
    StoryError
        If they are no runs, or not of the same flow.

    Examples
    --------
    >>> from daga_nb import DagaFlow
    >>> flow = DagaFlow([(abs, max)], name="tiny")
    >>> compare(flow.start(1), flow.start(2))
    <FlowTwin of tiny: no difference>
    """
    stories = [run.story if isinstance(run, FlowRun) else run for run in (one, other)]
    for story in stories:
        if not isinstance(story, Story):
            raise StoryError(f"compare takes two runs or stories, not {type(story).__name__}")
    return FlowTwin(Comparison(*stories), direction=direction, height=height)
