"""Widgets that are seen also where they cannot live: each display carries a static picture."""

from __future__ import annotations

from typing import Any, Literal

import anywidget
import traitlets
from IPython.display import publish_display_data

from daga_nb.errors import FlowDefinitionError

__all__ = ["PicturedWidget", "check_view"]

_VIEW = "application/vnd.jupyter.widget-view+json"


def check_view(direction: Any, height: Any) -> None:
    """Refuse what is no direction, and no height in pixels.

    Raises
    ------
    FlowDefinitionError
        If one of them is none.
    """
    if direction not in ("LR", "TB"):
        raise FlowDefinitionError(
            f"direction={direction!r}: a graph goes from left to right, 'LR', or from top to bottom, 'TB'"
        )
    if height is not None and (type(height) is not int or height < 1):
        raise FlowDefinitionError(
            f"height={height!r}: it is a whole number of pixels, or None for one that suits"
        )


class PicturedWidget(anywidget.AnyWidget):
    """A widget with a graph, and with a picture for a page on which no kernel is.

    Attributes
    ----------
    direction
        ``"LR"``, left to right, or ``"TB"``, top to bottom.
    height
        The height of the graph in pixels; None for one that suits it.
    """

    direction = traitlets.Enum(["LR", "TB"], default_value="LR").tag(sync=True)
    height = traitlets.Int(None, allow_none=True).tag(sync=True)

    def _picture(self, direction: Literal["LR", "TB"]) -> Any:
        """Give what is seen now as a static picture. It loads matplotlib, which only a display needs."""
        raise NotImplementedError

    def _ipython_display_(self) -> None:
        # The view and the picture as two outputs: of one, nbconvert and a reopened notebook without its
        # kernel would choose the view, and show nothing. Where the view lives, graph.css hides the picture.
        data, metadata = self._repr_mimebundle_()
        view = {kind: data[kind] for kind in data if kind == _VIEW}
        publish_display_data({**view, "text/plain": repr(self)}, metadata)
        publish_display_data({kind: data[kind] for kind in data if kind != _VIEW}, metadata)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        view = super()._repr_mimebundle_(**kwargs)
        data, metadata = view if isinstance(view, tuple) else (view or {}, {})
        pictures, sizes = self._picture("TB" if self.direction == "TB" else "LR")._repr_mimebundle_()
        return {**data, **pictures}, {**metadata, **sizes}
