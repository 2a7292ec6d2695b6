"""A run as it is told and shown: its story, its pictures, its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from matplotlib.figure import Figure

    from daga_nb.debug.history import History
    from daga_nb.debug.story import Story
    from daga_nb.engine.run import FlowRun
    from daga_nb.render.picture import Picture

__all__ = ["RunTelling"]


class RunTelling:
    """The part of a `FlowRun` that makes something to look at, or to keep, of it."""

    _history: History | None = None

    def take_notes(self) -> History:
        """Keep from now on what is seen when each event happens: inputs, results, errors, as text.

        A lab does so by itself. Without it, `story` has what can still be seen when it is asked for: of an
        action that was tried several times, only its last error.
        """
        from daga_nb.debug.history import History

        if self._history is None:
            self._history = History(cast("FlowRun", self))
        return self._history

    @property
    def story(self) -> Story:
        """The run so far as a value, to look back at, to save and to show."""
        from daga_nb.debug.history import story_of

        return story_of(cast("FlowRun", self), self._history)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the story so far to a file, as JSON; ``Story.load`` reads it. See `Story.save`."""
        return self.story.save(path)

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write the run so far as one HTML page that works offline. See `Story.report`."""
        return self.story.report(path)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return self.picture()._repr_mimebundle_(include, exclude)

    def picture(self) -> Picture:
        """Give the graph with its present states as a picture: the last cell of a notebook."""
        from daga_nb.render.picture import picture_of_run

        return picture_of_run(self)

    def timeline(self) -> Figure:
        """Give a timeline: a bar for each action and each rollback, batches and failure marked."""
        from daga_nb.render.timeline import timeline

        return timeline(self)
