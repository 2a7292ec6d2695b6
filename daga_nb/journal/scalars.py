"""Values without parts that JSON lacks, each as one text: bytes, dates and times, decimals, and so on."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Context, Decimal, InvalidOperation
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from daga_nb.errors import kind_of

__all__ = ["SCALARS", "Scalar", "read_scalar", "scalar_of"]

_EXACT = Context(capitals=1, traps=[InvalidOperation])  # the caller's may be set to give NaN for nonsense

_ZONE = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*")


class Scalar(NamedTuple):
    """How one class of values becomes a text, and back.

    `write` raises a ValueError that says why, if a value of the class would not come back as it is.
    """

    tag: str
    kind: type
    write: Callable[[Any], str]
    read: Callable[[str], Any]
    longest: int | None = 100
    """Characters of the longest text that is read; None is for what is read in linear time."""


def scalar_of(kind: type) -> Scalar | None:
    """Give how values of exactly this class are written, if they are.

    >>> scalar_of(UUID).tag
    'uuid'
    """
    return _BY_KIND.get(id(kind))


def read_scalar(scalar: Scalar, text: object) -> Any:
    """Give the value of a text, if `Scalar.write` would write that text of it.

    Raises
    ------
    ValueError
        If it would not, whatever was wrong with it.

    Examples
    --------
    >>> read_scalar(SCALARS["date"], "2026-02-28")
    datetime.date(2026, 2, 28)
    >>> read_scalar(SCALARS["date"], "20260228")
    Traceback (most recent call last):
    ValueError: it is not as the tag date is written
    """
    if type(text) is not str or (scalar.longest is not None and len(text) > scalar.longest):
        raise ValueError(f"a short text is meant as the v of the tag {scalar.tag}")
    try:
        value = scalar.read(text)
        same = scalar.write(value) == text  # else "20260228" or "1_0" would do, too
    except (ValueError, ArithmeticError, TypeError, LookupError, OSError, ImportError) as error:
        raise ValueError(f"it is no {scalar.tag} ({kind_of(error)})") from error
    if not same:
        raise ValueError(f"it is not as the tag {scalar.tag} is written")
    return value


# ------------------------------------------------------------------------------ the classes


def _base64(value: bytes | bytearray) -> str:
    return b64encode(value).decode("ascii")


def _from_base64(text: str) -> bytes:
    return b64decode(text, validate=True)


def _write_complex(value: complex) -> str:
    # repr would lose the sign of a zero.
    return f"{value.real!r} {value.imag!r}"


def _read_complex(text: str) -> complex:
    real, imag = text.split(" ")
    return complex(float(real), float(imag))


def _write_timedelta(value: timedelta) -> str:
    return f"{value.days} {value.seconds} {value.microseconds}"


def _read_timedelta(text: str) -> timedelta:
    days, seconds, microseconds = map(int, text.split(" "))
    return timedelta(days, seconds, microseconds)


def _write_moment(value: datetime | time) -> str:
    """Give the ISO form, then "fold" in the second of two equal hours, then the zone if it has a name."""
    zone = value.tzinfo
    words = ["fold"] if value.fold else []
    if type(zone) is ZoneInfo and zone.key and _ZONE.fullmatch(zone.key):
        # Without the offset: what the zone's offset is then may be decided anew before it is read.
        value = value.replace(tzinfo=None)
        words.append(zone.key)
    elif zone is not None and not _is_offset(zone):
        raise ValueError(
            f"has a time zone ({kind_of(zone)}) that cannot be found again by its name; use a "
            "zoneinfo.ZoneInfo, or a datetime.timezone without a name of its own"
        )
    return " ".join([value.isoformat(), *words])


def _is_offset(zone: tzinfo) -> bool:
    # Compared by name: timezones are equal even if one has a name of its own, which would be lost.
    return type(zone) is timezone and str(zone) == str(timezone(zone.utcoffset(None)))


def _with_zone(read: Callable[[str], Any]) -> Callable[[str], Any]:
    def read_moment(text: str) -> Any:
        iso, *words = text.split(" ")
        value = read(iso)
        if words[:1] == ["fold"]:
            value = value.replace(fold=1)
            del words[0]
        for key in words:
            # ZoneInfo takes the key as a path below its own data: only what looks like a zone gets there.
            if not _ZONE.fullmatch(key):
                raise ValueError("that is no time zone")
            value = value.replace(tzinfo=ZoneInfo(key))
        return value

    return read_moment


SCALARS: dict[str, Scalar] = {
    one.tag: one
    for one in (
        Scalar("int", int, lambda value: f"{value:x}", lambda text: int(text, 16), None),  # the large ones
        Scalar("float", float, repr, float),  # nan and the infinities
        Scalar("complex", complex, _write_complex, _read_complex),
        Scalar("bytes", bytes, _base64, _from_base64, None),
        Scalar("bytearray", bytearray, _base64, lambda text: bytearray(_from_base64(text)), None),
        Scalar("decimal", Decimal, _EXACT.to_sci_string, lambda text: Decimal(text, _EXACT), None),
        Scalar("uuid", UUID, str, UUID),
        Scalar("date", date, date.isoformat, date.fromisoformat),
        Scalar("datetime", datetime, _write_moment, _with_zone(datetime.fromisoformat)),
        Scalar("time", time, _write_moment, _with_zone(time.fromisoformat)),
        Scalar("timedelta", timedelta, _write_timedelta, _read_timedelta),
    )
}

# By id: a metaclass may make its classes unhashable, or equal to these.
_BY_KIND = {id(one.kind): one for one in SCALARS.values()}
