"""What matplotlib needs to draw pictures that look the same as SVG and as PNG, and disturb nobody's settings.

Figures are never registered with pyplot, and settings are changed for the time of a drawing alone.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import TextPath, TextToPath
from matplotlib.transforms import Affine2D

from daga_nb.render.png import png_bytes

__all__ = ["POINT", "drawing", "font", "glyph_path", "png_of", "rounded", "salt_of", "svg_of", "width_of"]

POINT = 0.75
"""Points in a CSS pixel."""

FAMILY = "DejaVu Sans"
_FALLBACK = f"'{FAMILY}', Verdana, system-ui, sans-serif"

_SETTINGS: dict[Any, Any] = {
    "font.family": [FAMILY],
    "font.size": 10.0,
    "text.usetex": False,
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.image_inline": True,
    "lines.scale_dashes": False,
    "path.simplify": True,
    "path.sketch": None,
    "path.effects": [],
    "savefig.bbox": None,
    "savefig.transparent": False,
    "axes.formatter.useoffset": False,
}


@contextmanager
def drawing(salt: str = "") -> Iterator[None]:
    """Draw with our settings. A character that the font lacks is no reason for a warning to the user."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update({**_SETTINGS, "svg.hashsalt": "daga" + salt})
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        warnings.filterwarnings("ignore", message=r"Matplotlib currently does not support")
        yield


@lru_cache(maxsize=64)
def font(size: float, bold: bool = False) -> FontProperties:
    """Give the font of `size` pixels."""
    return FontProperties(family=[FAMILY], size=size * POINT, weight="bold" if bold else "normal")


@lru_cache(maxsize=64)
def glyph_path(glyph: str, size: float, bold: bool = True) -> Path:
    """Give a glyph as a shape around (0, 0), in pixels, y upwards: so no browser makes an emoji of it."""
    with drawing():
        path = TextPath((0, 0), glyph, size=size, prop=font(size, bold), usetex=False)
    box = path.get_extents()
    return path.transformed(Affine2D().translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2))


_measure = TextToPath()


@lru_cache(maxsize=4096)
def width_of(text: str, size: float, bold: bool = False) -> float:
    """Measure a text in pixels; call it while `drawing`."""
    width, _, _ = _measure.get_text_width_height_descent(text, font(size, bold), ismath=False)
    return float(width) / POINT


def rounded(x: float, y: float, width: float, height: float, radius: float) -> Path:
    """Give a rectangle with round corners as a path."""
    r = min(radius, width / 2, height / 2)
    c = r * 0.4477  # a quarter of a circle as one cubic curve
    right, bottom = x + width, y + height
    points = [
        (x + r, y),
        (right - r, y),
        (right - c, y), (right, y + c), (right, y + r),
        (right, bottom - r),
        (right, bottom - c), (right - c, bottom), (right - r, bottom),
        (x + r, bottom),
        (x + c, bottom), (x, bottom - c), (x, bottom - r),
        (x, y + r),
        (x, y + c), (x + c, y), (x + r, y),
        (x + r, y),
    ]  # fmt: skip
    corner = [Path.CURVE4] * 3
    codes = [Path.MOVETO]
    for _ in range(4):
        codes += [Path.LINETO, *corner]
    return Path(points, [*codes, Path.CLOSEPOLY])


def svg_of(figure: Figure, title: str, size: tuple[float, float]) -> str:
    """Give a figure as SVG text, shown at `size` pixels. The same figure always gives the same text."""
    out = BytesIO()
    metadata: dict[str, Any] = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(out, format="svg", metadata=metadata, transparent=False)
    text = out.getvalue().decode("utf-8")
    text = text[text.index("<svg") :]
    head, rest = text.split(">", 1)
    head = re.sub(r' (width|height)="[^"]*"', "", head)
    head += f' width="{size[0]:g}" height="{size[1]:g}" role="img"'
    # A style sheet in an SVG would reach out into the page that it stands in.
    rest = re.sub(r"\s*<style type=\"text/css\">.*?</style>", "", rest, count=1, flags=re.DOTALL)
    head += ' style="stroke-linejoin: round; stroke-linecap: butt"'
    rest = re.sub(rf"(style=\"[^\"<>]*)'{FAMILY}'", rf"\1{_FALLBACK}", rest)
    return f"{head}><title>{_escaped(title)}</title>{rest}"


def png_of(figure: Figure, density: float = 2.0) -> bytes:
    """Give a figure as PNG with `density` dots to a CSS pixel."""
    figure.set_dpi(96 * density)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    data = png_bytes(canvas.buffer_rgba(), density)
    figure.set_dpi(96)
    return data


def salt_of(*parts: object) -> str:
    """Give a short text that stands for `parts`: it keeps the ids of two pictures on one page apart."""
    return sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
