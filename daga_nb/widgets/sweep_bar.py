"""A sweep that is being made, in a cell: how far it is, a stop button, and the grid as it fills."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets
from IPython.display import DisplayHandle, display

from daga_nb.debug.sweep import Sweeping
from daga_nb.debug.swept import Sweep
from daga_nb.errors import describe
from daga_nb.widgets.loop import Home, Throttle, capture_prints

__all__ = ["SweepBar", "show"]

MOST_LIVE = 60
"""Cases up to which the grid is drawn while it fills; a larger one takes long, and is drawn at the end."""

_BAR_SECONDS = 0.05
_GRID_SECONDS = 1.0


def show(sweeping: Sweeping) -> SweepBar:
    """Begin a sweep in the background, and show it below the cell that runs now."""
    grid: DisplayHandle | None = None

    def draw(swept: Sweep) -> None:
        if grid is not None:
            grid.update(swept)

    bar = SweepBar(sweeping, draw)
    display(bar.box)
    grid = display({"text/plain": repr(sweeping)}, raw=True, display_id=True)
    bar.begin()
    return bar


class SweepBar:
    """How far a sweep is, with a button that stops it. What its actions print is kept out of the notebook.

    Parameters
    ----------
    sweeping
        The sweep.
    draw
        Shows what there is by now.

    Attributes
    ----------
    box
        The widget.
    """

    def __init__(self, sweeping: Sweeping, draw: Callable[[Sweep], None]) -> None:
        self.sweeping = sweeping
        self._draw = draw
        self._home = Home(self._complain)
        self._progress = ipywidgets.IntProgress(max=sweeping.planned)
        self._button = ipywidgets.Button(
            description="Stop", icon="stop", tooltip="Let the run that is under way end, and try no more"
        )
        self._words = ipywidgets.Label()
        self._button.on_click(self._stop)
        self.box = ipywidgets.HBox([self._progress, self._button, self._words])
        self.box.add_class("dnb-sweep-bar")
        self._bar = Throttle(self._show_bar, _BAR_SECONDS)
        self._grid = Throttle(self._show_grid, _GRID_SECONDS, delay=_GRID_SECONDS)
        sweeping.observers.append(self._tell)
        self._show_bar()

    def begin(self) -> None:
        """Start the sweep, unless it has begun, and follow it to its end."""
        self._home.start(self._follow())

    async def _follow(self) -> None:
        with capture_prints(_drop):
            try:
                await self.sweeping
            finally:
                if self._tell in self.sweeping.observers:  # else it has failed, and was taken out
                    self.sweeping.observers.remove(self._tell)
                self._bar.flush_now()
                self._grid.flush_now()

    def _tell(self) -> None:
        self._bar.request()
        if self.sweeping.planned <= MOST_LIVE:
            self._grid.request()

    def _stop(self, _button: Any) -> None:
        self.sweeping.stop()
        self._button.disabled = True

    def _show_bar(self) -> None:
        sweeping = self.sweeping
        self._progress.value = sweeping.done
        words = f"{sweeping.done} of {sweeping.planned} cases"
        if sweeping.ended:
            self._button.disabled = True
            whole = sweeping.done == sweeping.planned
            words += "" if whole or sweeping.error is not None else ", stopped"
            self._progress.bar_style = "success" if whole else "warning"
        self._words.value = words

    def _show_grid(self) -> None:
        if self.sweeping.done:
            self._draw(self.sweeping.result)

    def _complain(self, error: BaseException) -> None:
        self._words.value = f"{self._words.value}: {describe(error, 1000)}"
        self._progress.bar_style = "danger"


def _drop(text: str) -> None:
    """Keep out what is printed: with hundreds of runs nobody would read it."""
