"""PNG with a palette made of the theme's colours: a third of the size, and nothing seen is lost."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from daga_nb.render.theme import LIGHT, LOOKS

__all__ = ["palette", "png_bytes"]

Colour = tuple[int, int, int]

SPARE = 256
"""Colours that a palette can hold."""


def _rgb(colour: str) -> Colour:
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return red, green, blue


def _mixed(below: str, above: str, steps: int) -> list[Colour]:
    one, other = _rgb(below), _rgb(above)
    parts = [step / (steps + 1) for step in range(1, steps + 1)]
    return [
        (
            round(one[0] * (1 - part) + other[0] * part),
            round(one[1] * (1 - part) + other[1] * part),
            round(one[2] * (1 - part) + other[2] * part),
        )
        for part in parts
    ]


@lru_cache(maxsize=1)
def palette() -> tuple[Colour, ...]:
    """Give the light theme's colours, and what lies between ink and fill at the edges of lines and letters.

    >>> len(palette()) <= 256
    True
    """
    fills = (LIGHT.background, LIGHT.band, LIGHT.band2, LIGHT.card, LIGHT.panel, LIGHT.line)
    found = [_rgb(colour) for colour in (*fills, LIGHT.ink, LIGHT.soft, LIGHT.accent)]
    for look in LOOKS.values():
        found += [_rgb(look.light.fill), _rgb(look.light.ink)]
    found += _mixed(LIGHT.background, LIGHT.ink, 10) + _mixed(LIGHT.band, LIGHT.soft, 10)
    for look in LOOKS.values():
        found += _mixed(look.light.fill, look.light.ink, 7)
        found += _mixed(LIGHT.band, look.light.ink, 5) + _mixed(look.light.fill, LIGHT.ink, 4)
    return tuple(dict.fromkeys(found))[:SPARE]


def png_bytes(pixels: Any, density: float) -> bytes:
    """Give RGBA pixels as PNG, each in the colour of the palette that is nearest."""
    four = np.ascontiguousarray(np.asarray(pixels))
    codes = (four.view("<u4")[:, :, 0] & 0xFFFFFF).astype(np.intp)  # blue, green, red
    place = np.zeros(1 << 24, np.uint8)
    place[codes] = 1
    present = np.flatnonzero(place)
    colours = np.stack([present & 255, (present >> 8) & 255, present >> 16], axis=1).astype(np.int32)
    known = np.array(palette(), np.int32)
    best = np.full(len(present), np.iinfo(np.int32).max, np.int32)
    for index, colour in enumerate(known):
        apart = ((colours - colour) ** 2).sum(axis=1, dtype=np.int32)
        nearer = apart < best
        best[nearer] = apart[nearer]
        place[present[nearer]] = index
    image = Image.fromarray(place.take(codes))
    image.putpalette(known.astype(np.uint8).tobytes())
    out = BytesIO()
    image.save(out, "PNG", dpi=(96 * density, 96 * density))
    return out.getvalue()
