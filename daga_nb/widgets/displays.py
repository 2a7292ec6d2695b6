"""What is shown with a widget although its own room knows none: IPython is told of it, and loads it then."""

from __future__ import annotations

from typing import Any

from daga_nb.widgets.loop import running_loop
from daga_nb.widgets.shell import shell_or_none

__all__ = ["install"]


def install() -> bool:
    """Have a sweep that stands alone in a cell begin there. Gives whether there is a shell that could.

    >>> install()  # there is no shell here
    False
    """
    formatter = getattr(
        getattr(shell_or_none(), "display_formatter", None), "ipython_display_formatter", None
    )
    if formatter is None:
        return False
    formatter.for_type_by_name("daga_nb.debug.sweep", "Sweeping", _show_sweep)
    return True


def _show_sweep(sweeping: Any) -> None:
    if running_loop() is None:  # a terminal: there is nothing that it could go on in
        print(repr(sweeping))
        return
    from daga_nb.widgets.sweep_bar import show

    show(sweeping)
