"""A run as one HTML page that needs nothing else: no kernel, no network, no other file."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from daga_nb.debug.whole_file import write_whole
from daga_nb.page.bundle import module, style
from daga_nb.page.modules import GRAPH_MODULES, PLAYER_MODULES
from daga_nb.page.record import record_of
from daga_nb.render.text import elide

if TYPE_CHECKING:
    from daga_nb.debug.story import Story

__all__ = ["html_of", "write"]

# Nothing may be loaded, and nothing sent: what others wrote into the story is data, and stays here.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"


def html_of(story: Story) -> str:
    """Give the page.

    >>> from daga_nb import DagaFlow
    >>> html_of(DagaFlow([(abs, max)], name="a <b>").start().story)[:15]
    '<!DOCTYPE html>'
    """
    record = json.dumps(record_of(story), separators=(",", ":"))
    # No tag can be closed or opened by what stands in a text.
    data = record.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    title = escape(f"{elide(story.flow, 60)}: run {elide(story.run, 20)}")
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<link rel="icon" href="data:,">',
            f"<title>{title}</title>",
            f"<style>\n{style('graph.css', 'viewer.css', 'player.css')}\n</style>",
            "</head>",
            "<body>",
            '<main class="daga dnb-page"><noscript>This page needs JavaScript.</noscript></main>',
            f'<script type="application/json" id="record">{data}</script>',
            f'<script type="module">\n{module(*GRAPH_MODULES, *PLAYER_MODULES, "report.js")}\n</script>',
            "</body>",
            "</html>",
            "",
        ]
    )


def write(story: Story, path: Path) -> Path:
    """Write the page to a file, whole or not at all."""
    return write_whole(html_of(story), path)
