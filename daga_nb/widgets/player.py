"""A story that is kept, to look back at in a notebook."""

from __future__ import annotations

from typing import Any, Literal

import traitlets

from daga_nb.debug.story import Story
from daga_nb.engine.run import FlowRun
from daga_nb.errors import StoryError
from daga_nb.page.bundle import module, style
from daga_nb.page.modules import GRAPH_MODULES, PLAYER_MODULES
from daga_nb.page.record import record_of
from daga_nb.widgets.pictured import PicturedWidget, check_view

__all__ = ["FlowPlayer", "scrub"]


class FlowPlayer(PicturedWidget):
    """A story with a slider, an inspector and a log. `scrub` makes it.

    Examples
    --------
    >>> from daga_nb import DagaFlow
    >>> player = FlowPlayer(DagaFlow([(abs, max)], name="tiny").start().story)
    >>> player.story.flow
    'tiny'
    """

    _esm = module(*GRAPH_MODULES, *PLAYER_MODULES, "scrub.js")
    _css = style("graph.css", "viewer.css", "player.css")

    _record = traitlets.Dict().tag(sync=True)

    def __init__(
        self, story: Story, *, direction: Literal["LR", "TB"] = "LR", height: int | None = None
    ) -> None:
        check_view(direction, height)
        self._story = story
        super().__init__(direction=direction, height=height, _record=record_of(story))

    def __repr__(self) -> str:
        return f"<FlowPlayer of {self._story!r}>"

    @property
    def story(self) -> Story:
        """The story that is shown."""
        return self._story

    def _picture(self, direction: Literal["LR", "TB"]) -> Any:
        return self._story.picture(direction=direction)


def scrub(
    story: Story | FlowRun, *, direction: Literal["LR", "TB"] = "LR", height: int | None = None
) -> FlowPlayer:
    """Give a slider over a story, or over a run as it is now. Looking back never executes anything.

    Parameters
    ----------
    story
        The story: ``Story.load("run.json")``, ``run.story``, or the run.
    direction
        ``"LR"``, left to right, or ``"TB"``, top to bottom.
    height
        The height of the graph in pixels; None for one that suits it.

    Raises
    ------
    StoryError
        If it is neither.
    """
    if isinstance(story, FlowRun):
        story = story.story
    if not isinstance(story, Story):
        raise StoryError(
            f"scrub shows a Story or a FlowRun, not {type(story).__name__}; see Story.load(path)"
        )
    return FlowPlayer(story, direction=direction, height=height)
