"""A matplotlib figure that a cell shows by itself."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Any

from matplotlib.figure import Figure

from daga_nb.render.ink import drawing, png_of, svg_of

__all__ = ["Shown"]


class Shown(Figure):
    """A matplotlib figure that Jupyter shows as it is, without pyplot and without an inline backend."""

    caption = "picture"
    salt = ""

    def draw(self, renderer: Any) -> None:
        """Draw with our settings, whatever the user's are."""
        with drawing(self.salt):
            super().draw(renderer)

    @cached_property
    def _bundle(self) -> tuple[dict[str, Any], dict[str, Any]]:
        width, height = (round(float(inches * 96)) for inches in self.bbox_inches.size)
        with drawing(self.salt):
            data = {
                "image/svg+xml": svg_of(self, self.caption, (width, height)),
                "image/png": png_of(self),
                "text/plain": self.caption,
            }
        return data, {"image/png": {"width": width, "height": height}}

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = self._bundle
        wanted = {
            kind: value
            for kind, value in data.items()
            if (not include or kind in include) and kind not in (exclude or ())
        }
        return wanted, metadata if "image/png" in wanted else {}
