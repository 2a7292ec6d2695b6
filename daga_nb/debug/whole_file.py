"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(text: str, path: Path) -> Path:
    """Write `text` to a file, and give its path: what stood there stands there until the new one is complete.

    Raises
    ------
    OSError
        If it cannot be written; it names the file that was asked for.
    """
    content = text.encode("utf-8")
    # With the name of the file in it, it could be too long.
    beside = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        if error.filename is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error  # not of what is beside it
    finally:
        beside.unlink(missing_ok=True)
    return path
