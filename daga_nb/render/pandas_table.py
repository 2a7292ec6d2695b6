"""Tables for pandas, which is no dependency: only where it is installed."""

from __future__ import annotations

from typing import Any

from daga_nb.errors import DagaError

__all__ = ["load_pandas"]


def load_pandas() -> Any:
    """Give the module pandas, for a ``to_frame``.

    Raises
    ------
    DagaError
        If it is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise DagaError("to_frame gives a pandas.DataFrame: install it, pip install pandas") from error
    return pandas
