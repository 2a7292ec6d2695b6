"""The bar of a sweep: how far it is, and how it came to its end."""

from __future__ import annotations

import pytest
from helpers import flow_of, play, turns
from story_runs import CHAIN

from daga_nb import sweep
from daga_nb.errors import SweepError
from daga_nb.widgets.sweep_bar import SweepBar


def closed():
    raise OSError("the database is closed")


def followed(sweeping, ends=None):
    """Give what the bar says at the end, and how many grids were drawn."""
    grids = []

    async def follow():
        bar = SweepBar(sweeping, grids.append)
        bar.begin()
        if ends is None:
            await sweeping
        else:
            with pytest.raises(ends):
                await sweeping
        await turns(20)
        progress, button, words = bar.box.children
        assert button.disabled
        return progress.bar_style, words.value

    return play(follow()), grids


def test_a_sweep_that_is_through_says_so_and_shows_its_grid(done):
    (style, words), grids = followed(sweep(flow_of(done, CHAIN), where="before"))
    assert (style, words) == ("success", "4 of 4 cases")
    assert grids[-1].clean


def test_an_error_is_told_and_not_called_a_stop(done):
    (style, words), grids = followed(sweep(flow_of(done, CHAIN), reset=closed), SweepError)
    assert style == "danger"
    assert words.startswith("0 of 11 cases: SweepError: ")
    assert words.endswith("reset failed: OSError: the database is closed")
    assert not grids
