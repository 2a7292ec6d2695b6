"""The look of the states: readable, and told apart without colour and without red and green."""

from __future__ import annotations

import math
import re
from itertools import combinations, product
from pathlib import Path

import pytest

import daga_nb
from daga_nb.core.states import NodeState, RunState
from daga_nb.render import theme
from daga_nb.render.theme import DARK, LIGHT, LOOKS, RUN_LOOKS, css, looks_json

# How the colours of linear light look to people without one kind of cone (Machado, Oliveira, Fernandes 2009).
SIGHT = {
    "full": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
}

MUST_DIFFER = (NodeState.SUCCEEDED, NodeState.FAILED, NodeState.ROLLED_BACK, NodeState.ROLLBACK_FAILED)


def linear(colour: str) -> list[float]:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def contrast(one: str, other: str) -> float:
    weights = (0.2126, 0.7152, 0.0722)
    light = sorted(
        sum(weight * part for weight, part in zip(weights, linear(colour), strict=True))
        for colour in (one, other)
    )
    return (light[1] + 0.05) / (light[0] + 0.05)


def lab(colour: str, sight: str) -> tuple[float, float, float]:
    seen = [
        min(1.0, max(0.0, sum(a * b for a, b in zip(row, linear(colour), strict=True))))
        for row in SIGHT[sight]
    ]
    rows = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    xyz = [sum(a * b for a, b in zip(row, seen, strict=True)) for row in rows]
    x, y, z = (
        part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116
        for part in (xyz[0] / 0.95047, xyz[1], xyz[2] / 1.08883)
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def test_black_on_white_has_the_known_contrast() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_every_state_has_a_look() -> None:
    assert set(LOOKS) == set(NodeState)
    assert set(RUN_LOOKS) == set(RunState)
    assert all(look.word == state.word for state, look in [*LOOKS.items(), *RUN_LOOKS.items()])


@pytest.mark.parametrize("looks", [LOOKS, RUN_LOOKS])
@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_text_reads_on_its_fill(looks: dict, colours: theme.Colours) -> None:
    for state, look in looks.items():
        paint = look.light if colours is LIGHT else look.dark
        for behind in (paint.fill, colours.background, colours.band, colours.band2, colours.panel):
            assert contrast(paint.ink, behind) >= 4.5, (state, behind)
        assert contrast(colours.ink, paint.fill) >= 7, state


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_plain_text_reads(colours: theme.Colours) -> None:
    for behind in (colours.background, colours.panel, colours.band, colours.band2, colours.card):
        assert contrast(colours.ink, behind) >= 7
        assert contrast(colours.soft, behind) >= 4.5
    assert contrast(colours.accent_ink, colours.accent) >= 4.5


@pytest.mark.parametrize("looks", [LOOKS, RUN_LOOKS])
def test_no_two_states_share_glyph_word_or_border(looks: dict) -> None:
    for one, other in combinations(looks.values(), 2):
        assert one.glyph != other.glyph
        assert one.word != other.word
        assert one.key != other.key
        assert (one.dash, one.weight) != (other.dash, other.weight)


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("dark", [False, True])
def test_outcomes_stay_apart_for_the_colour_blind(sight: str, dark: bool) -> None:
    for one, other in combinations(MUST_DIFFER, 2):
        inks = [(LOOKS[state].dark if dark else LOOKS[state].light).ink for state in (one, other)]
        assert math.dist(lab(inks[0], sight), lab(inks[1], sight)) >= 15, (one, other)


def test_outcomes_differ_in_border_and_not_only_in_width() -> None:
    dashes = [LOOKS[state].dash for state in MUST_DIFFER if state is not NodeState.FAILED]
    assert len(set(dashes)) == 3
    assert LOOKS[NodeState.FAILED].weight >= LOOKS[NodeState.SUCCEEDED].weight + 1


def test_css_has_every_colour_in_both_themes() -> None:
    light, dark = css().split("body")
    for look, part in product(LOOKS.values(), ("ink", "fill", "dash", "weight")):
        assert f"--daga-{look.key}-{part}: " in light
    for look in LOOKS.values():
        assert f"--daga-{look.key}-ink: {look.light.ink};" in light
        assert f"--daga-{look.key}-ink: {look.dark.ink};" in dark
    for look in RUN_LOOKS.values():
        assert f"--daga-run-{look.key}-fill: {look.dark.fill};" in dark
    for name in (
        "background",
        "ink",
        "soft",
        "line",
        "panel",
        "band",
        "band2",
        "card",
        "accent",
        "accent-ink",
    ):
        assert f"--daga-{name}: #" in light
        assert f"--daga-{name}: #" in dark


def test_css_is_scoped() -> None:
    selectors = [line.removesuffix(" {") for line in css(".x").splitlines() if line.endswith("{")]
    assert selectors == [".x", 'body[data-jp-theme-light="false"] .x']


def test_looks_for_the_front_end_are_complete() -> None:
    found = looks_json()
    assert set(found) == {state.value for state in NodeState}
    assert found["ABANDONED"]["struck"] is True


def test_no_colour_stands_elsewhere() -> None:
    """Colours are written in theme.py alone (in Python, JavaScript and CSS)."""
    colour = re.compile(r"""(?<![&\w/])#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{3})\b|\brgba?\(|\bhsla?\(""")
    package = Path(daga_nb.__path__[0])
    files = [path for kind in ("py", "js", "css") for path in package.rglob(f"*.{kind}")]
    guilty = {
        f"{path.relative_to(package)}: {found.group()}"
        for path in files
        if path.name != "theme.py"
        for found in colour.finditer(path.read_text("utf-8"))
    }
    assert not guilty
