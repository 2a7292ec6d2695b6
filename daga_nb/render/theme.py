"""How a state looks: colour, glyph, word and border. The only place with colours.

A state is never told by its colour alone: each has its own glyph, its own word and its own border. The
colours were chosen so that text reads on its fill (4.5:1 or better), and so that the states that must not
be taken for each other stay apart for people who do not see red or green; the tests compute both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from daga_nb.core.states import NodeState, RunState

__all__ = [
    "DARK",
    "EDGE_LOOKS",
    "FAULT_GLYPH",
    "LIGHT",
    "LOOKS",
    "ROOT_GLYPH",
    "RUN_LOOKS",
    "Colours",
    "EdgeLook",
    "Look",
    "Paint",
    "css",
    "edge_kind",
    "end_look",
    "looks_json",
]

FAULT_GLYPH = "⚡"
"""The badge of a node in which a fault is planted."""

ROOT_GLYPH = "▸"
"""The mark of the input, where a run begins."""


@dataclass(frozen=True)
class Paint:
    """The colours of one look in one theme: `ink` for glyph, word and border, `fill` for what is behind."""

    ink: str
    fill: str


@dataclass(frozen=True)
class Look:
    """How one state looks.

    Attributes
    ----------
    key
        The state's name as it stands in CSS: ``rolled-back``.
    glyph
        One character, different for each state.
    word
        The state in words.
    light, dark
        Its colours in the two themes.
    dash
        The border's dashes and gaps in pixels; empty for a solid line.
    weight
        The border's width in pixels.
    struck
        Whether the name is struck through.
    """

    key: str
    glyph: str
    word: str
    light: Paint
    dark: Paint
    dash: tuple[float, ...] = ()
    weight: float = 1.6
    struck: bool = False


@dataclass(frozen=True)
class EdgeLook:
    """How an edge looks: its colours in the two themes, dashes, width, and how strong it stands out."""

    light: str
    dark: str
    dash: tuple[float, ...]
    weight: float
    strength: float


@dataclass(frozen=True)
class Colours:
    """The colours of a theme that belong to no state."""

    background: str
    ink: str
    soft: str
    line: str
    panel: str
    band: str
    band2: str
    card: str
    accent: str
    accent_ink: str
    shadow: str


LIGHT = Colours(
    background="#ffffff",
    ink="#1f2430",
    soft="#5b6475",
    line="#d9dee7",
    panel="#f7f8fa",
    band="#f1f4f9",
    band2="#f8f9fc",
    card="#ffffff",
    accent="#0b62ba",
    accent_ink="#ffffff",
    shadow="rgba(20, 30, 50, 0.10)",
)

DARK = Colours(
    background="#15181e",
    ink="#e7eaf0",
    soft="#9aa4b5",
    line="#343c4b",
    panel="#1b1f27",
    band="#1c212a",
    band2="#181c23",
    card="#1f242d",
    accent="#62b0ff",
    accent_ink="#10151c",
    shadow="rgba(0, 0, 0, 0.5)",
)


def _look(
    state: NodeState | RunState,
    glyph: str,
    light: tuple[str, str],
    dark: tuple[str, str],
    dash: tuple[float, ...] = (),
    weight: float = 1.6,
    struck: bool = False,
) -> Look:
    key = state.value.lower().replace("_", "-")
    return Look(key, glyph, state.word, Paint(*light), Paint(*dark), dash, weight, struck)


_GREY = (("#5f6878", "#ffffff"), ("#9aa4b5", "#1f242d"))
_GONE = (("#646d7d", "#f4f6fa"), ("#8b95a6", "#1a1f28"))
_BLUE = (("#0b62ba", "#e3f0fd"), ("#62b0ff", "#14304d"))
_GREEN = (("#0a7353", "#e2f5ee"), ("#45c99b", "#123529"))
_ORANGE = (("#b83a06", "#fdeadd"), ("#ff9358", "#43230f"))
_PURPLE = (("#8b3fb0", "#f3e5fa"), ("#d193f2", "#38204a"))
_UNDONE = (("#8b3fb0", "#ffffff"), ("#d193f2", "#1f242d"))
_CRIMSON = (("#9f1239", "#fde4ea"), ("#ff5f7a", "#47131f"))
_AMBER = (("#8a5300", "#fdf3d7"), ("#e9bd4e", "#3d3010"))
_OLIVE = (("#665800", "#f7f3c8"), ("#e2d95a", "#37340c"))

_N = NodeState
_R = RunState

LOOKS: Mapping[NodeState, Look] = MappingProxyType(
    {
        _N.PENDING: _look(_N.PENDING, "○", *_GREY, weight=1.2),
        _N.RUNNING: _look(_N.RUNNING, "◐", *_BLUE, weight=2.4),
        _N.SUCCEEDED: _look(_N.SUCCEEDED, "✓", *_GREEN),
        _N.FAILED: _look(_N.FAILED, "✗", *_ORANGE, weight=3.0),
        _N.ROLLING_BACK: _look(_N.ROLLING_BACK, "↺", *_PURPLE, weight=2.8),
        _N.ROLLED_BACK: _look(_N.ROLLED_BACK, "↩", *_UNDONE, dash=(7, 4)),
        _N.ROLLBACK_FAILED: _look(_N.ROLLBACK_FAILED, "⚠", *_CRIMSON, dash=(12, 3, 3, 3), weight=2.8),
        _N.ABANDONED: _look(_N.ABANDONED, "⊘", *_GONE, dash=(2, 4), weight=1.4, struck=True),
        _N.KEPT: _look(_N.KEPT, "⚑", *_AMBER, dash=(14, 3), weight=2.0),
        _N.UNKNOWN: _look(_N.UNKNOWN, "?", *_OLIVE, dash=(4, 4), weight=2.0),
    }
)
"""The look of each state of a node."""

RUN_LOOKS: Mapping[RunState, Look] = MappingProxyType(
    {
        _R.READY: _look(_R.READY, "○", *_GREY, weight=1.2),
        _R.RUNNING: _look(_R.RUNNING, "◐", *_BLUE, weight=2.4),
        _R.SUCCEEDED: _look(_R.SUCCEEDED, "✓", *_GREEN),
        _R.RECOVERING: _look(_R.RECOVERING, "⟲", *_PURPLE, dash=(9, 3), weight=2.8),
        _R.ROLLING_BACK: _look(_R.ROLLING_BACK, "↺", *_PURPLE, weight=2.8),
        _R.ROLLED_BACK: _look(_R.ROLLED_BACK, "↩", *_UNDONE, dash=(7, 4)),
        _R.ROLLBACK_INCOMPLETE: _look(_R.ROLLBACK_INCOMPLETE, "⚠", *_CRIMSON, dash=(12, 3, 3, 3), weight=2.8),
    }
)
"""The look of each state of a run."""


def end_look(end: RunState) -> Look:
    """Give how the end of a run looks; one that stands still has failed past a pivot, with no way back."""
    return LOOKS[NodeState.FAILED] if end is RunState.RUNNING else RUN_LOOKS[end]


_GHOST = LOOKS[_N.ABANDONED]
_BACK = LOOKS[_N.ROLLING_BACK]

EDGE_LOOKS: Mapping[str, EdgeLook] = MappingProxyType(
    {
        "plain": EdgeLook(LIGHT.soft, DARK.soft, (), 1.5, 0.9),
        "dead": EdgeLook(_GHOST.light.ink, _GHOST.dark.ink, (2, 4), 1.3, 0.5),
        "back": EdgeLook(_BACK.light.ink, _BACK.dark.ink, (6, 5), 2.4, 0.9),
    }
)
"""The look of each kind of edge."""

_SETTLED = frozenset({_N.ROLLED_BACK, _N.ROLLBACK_FAILED, _N.KEPT, _N.FAILED, _N.UNKNOWN})
_TRAVELLED = frozenset({_N.ROLLED_BACK, _N.ROLLBACK_FAILED})


def edge_kind(tail: NodeState | None, head: NodeState) -> str:
    """Give how an edge is drawn: ``"plain"``, ``"back"`` (the rollback came this way), or ``"dead"``.

    The tail is None for the input marker.

    >>> edge_kind(NodeState.ROLLING_BACK, NodeState.ROLLED_BACK)
    'back'
    """
    if head is _N.ABANDONED:
        return "dead"
    if tail is None:
        return "back" if head in _TRAVELLED else "plain"
    if head in _SETTLED and (tail is _N.ROLLING_BACK or tail in _SETTLED):
        return "back"
    return "plain"


def _properties(colours: Colours, dark: bool) -> dict[str, str]:
    found = {
        f"--daga-{name.replace('_', '-')}": str(getattr(colours, name)) for name in Colours.__annotations__
    }
    for prefix, looks in (("", LOOKS.values()), ("run-", RUN_LOOKS.values())):
        for look in looks:
            paint = look.dark if dark else look.light
            found[f"--daga-{prefix}{look.key}-ink"] = paint.ink
            found[f"--daga-{prefix}{look.key}-fill"] = paint.fill
    for look in LOOKS.values():
        found[f"--daga-{look.key}-dash"] = " ".join(f"{part:g}" for part in look.dash) or "none"
        found[f"--daga-{look.key}-weight"] = f"{look.weight:g}"
    return found


def css(scope: str = ".daga") -> str:
    """Give every colour as CSS custom properties: light, and dark where JupyterLab's theme is dark.

    The names are ``--daga-<state>-ink``, ``-fill``, ``-dash``, ``-weight``, with ``run-`` before the states
    of a run, and ``--daga-ink``, ``--daga-soft``, ``--daga-line``, ... for the rest.

    >>> "--daga-rolled-back-ink: #8b3fb0;" in css()
    True
    """
    light, dark = _properties(LIGHT, dark=False), _properties(DARK, dark=True)
    changed = {name: value for name, value in dark.items() if light[name] != value}
    rules = [(scope, light), (f'body[data-jp-theme-light="false"] {scope}', changed)]
    blocks = []
    for selector, properties in rules:
        lines = "\n".join(f"  {name}: {value};" for name, value in properties.items())
        scheme = "light" if properties is light else "dark"
        blocks.append(f"{selector} {{\n  color-scheme: {scheme};\n{lines}\n}}\n")
    return "\n".join(blocks)


def looks_json() -> dict[str, dict[str, object]]:
    """Give glyph, word, key and border of each node state as JSON values, for a front-end.

    >>> looks_json()["KEPT"]["glyph"]
    '⚑'
    """
    return {
        state.value: {
            "key": look.key,
            "glyph": look.glyph,
            "word": look.word,
            "dash": list(look.dash),
            "weight": look.weight,
            "struck": look.struck,
        }
        for state, look in LOOKS.items()
    }
