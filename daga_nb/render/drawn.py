"""What every static picture can do: SVG, PNG and text, as files, and as what Jupyter shows."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from daga_nb.render.ink import drawing, png_of, svg_of

__all__ = ["Drawn"]

TALLEST = 2400.0
"""Pixels of height that a picture takes in a page; higher ones are shown smaller."""

DOTS = 6e6
LONGEST = 12_000.0


class Drawn(ABC):
    """A picture that never changes after it was made. What draws it gives these four."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The picture as plain text."""

    @property
    @abstractmethod
    def _title(self) -> str: ...

    @property
    @abstractmethod
    def _salt(self) -> str: ...

    @property
    @abstractmethod
    def _figure(self) -> Figure: ...

    def __repr__(self) -> str:
        return self.text

    @cached_property
    def size(self) -> tuple[float, float]:
        """Width and height in pixels, as shown in a page."""
        width, height = (float(inches * 96) for inches in self._drawn().bbox_inches.size)
        scale = min(1.0, TALLEST / height)
        return round(width * scale), round(height * scale)

    def _drawn(self) -> Figure:
        with drawing(self._salt):
            return self._figure

    @cached_property
    def svg(self) -> str:
        """The picture as SVG text."""
        size = self.size
        with drawing(self._salt):
            return svg_of(self._figure, self._title, size)

    @cached_property
    def png(self) -> bytes:
        """The picture as PNG, with two dots to a pixel unless it is very big."""
        width, height = (float(inches * 96) for inches in self._drawn().bbox_inches.size)
        density = min(2.0, LONGEST / max(width, height), math.sqrt(DOTS / (width * height)))
        with drawing(self._salt):
            return png_of(self._figure, density)

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the picture to a file, whose ending (``.svg``, ``.png``, ``.txt``) decides the format.

        Raises
        ------
        ValueError
            If the ending is another one.
        """
        target = Path(path)
        kind = target.suffix.lower()
        if kind == ".png":
            target.write_bytes(self.png)
        elif kind in (".svg", ".txt"):
            target.write_text(self.svg if kind == ".svg" else self.text + "\n", "utf-8")
        else:
            raise ValueError(f"{target.name}: a picture can be saved as .svg, .png or .txt")
        return target

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give Jupyter the picture in every format, so that one of them is shown everywhere."""
        makers: dict[str, Callable[[], str | bytes]] = {
            "image/svg+xml": lambda: self.svg,
            "image/png": lambda: self.png,
            "text/plain": lambda: self.text,
        }
        wanted = [kind for kind in makers if (not include or kind in include) and kind not in (exclude or ())]
        data = {kind: makers[kind]() for kind in wanted}
        width, height = self.size
        return data, {"image/png": {"width": width, "height": height}} if "image/png" in data else {}
