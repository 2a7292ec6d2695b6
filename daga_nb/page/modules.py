"""Which JavaScript files make up what: each list can stand only behind the ones before it."""

from __future__ import annotations

__all__ = ["GRAPH_MODULES", "PLAYER_MODULES", "VIEWER_MODULES"]

GRAPH_MODULES = (
    "dom.js",
    "link.js",
    "camera.js",
    "badges.js",
    "agreed.js",
    "node.js",
    "crowd.js",
    "graph.js",
    "stage.js",
)
"""The graph, for the canvas and all that has one."""

VIEWER_MODULES = (
    "head.js",
    "story.js",
    "history.js",
    "faults.js",
    "inspector.js",
    "log.js",
    "timeline.js",
    "ledger.js",
    "viewer.js",
)
"""The graph with a head, an inspector, a log, and a story to look back at."""

PLAYER_MODULES = (*VIEWER_MODULES, "still.js", "player.js")
"""The viewer without a kernel behind it: a story that is kept."""
