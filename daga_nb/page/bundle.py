"""The front-end's code and style, put together as text: no build step, nothing loaded from the network."""

from __future__ import annotations

from importlib.resources import files

from daga_nb.render.theme import LOOKS, RUN_LOOKS, css

__all__ = ["module", "style"]

_STATIC = files("daga_nb.page") / "static"


def _read(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")


def module(*names: str) -> str:
    """Give the named JavaScript files as one ES module; the last one holds its default export.

    >>> "export default" in module("dom.js", "link.js", "camera.js", "node.js", "graph.js", "canvas.js")
    True
    """
    return "\n".join([*map(_read, names), f"//# sourceURL=daga_nb/{names[-1]}"])


def style(*names: str) -> str:
    """Give the colours of the theme, a rule for each state, and the named style sheets.

    Whatever has the attribute ``data-state`` (or ``data-run``, for a run) finds its look in ``--ink``,
    ``--fill``, ``--dash`` and ``--weight``.
    """
    rules = [_rule("state", look.key, look.key, "ink", "fill", "dash", "weight") for look in LOOKS.values()]
    rules += [_rule("run", look.key, f"run-{look.key}", "ink", "fill") for look in RUN_LOOKS.values()]
    return "\n".join([css(), *rules, *map(_read, names)])


def _rule(attribute: str, key: str, name: str, *parts: str) -> str:
    body = " ".join(f"--{part}: var(--daga-{name}-{part});" for part in parts)
    return f'.daga [data-{attribute}="{key}"] {{ {body} }}'
