"""Values as JSON text, for the journal: what comes back is what went in, its types included.

JSON's own values are written as they are. What JSON lacks is a tag, ``{"$": "tuple", "v": [...]}``, and a
dict that has the key ``"$"`` itself is written by the tag ``dict``. Never pickle: reading a journal runs
nothing but the constructors of the classes that this program has marked with `journaled`.
"""

from __future__ import annotations

from typing import Any

from daga_nb.journal.bounds import DEEPEST, LARGEST_VALUE
from daga_nb.journal.reader import read
from daga_nb.journal.refusals import refused
from daga_nb.journal.writer import Writer

__all__ = ["DEEPEST", "LARGEST_VALUE", "decode", "encode"]


def encode(value: Any) -> str:
    r"""Give a value as JSON text, of which `decode` makes the same value again, of the same types.

    Sets are written in an order that only depends on what is in them. A list that stands in two places comes
    back as two lists. A value with a `journaled` dataclass in it is read once, as a proof.

    Raises
    ------
    JournalValueError
        If it would not come back so, or is larger than `LARGEST_VALUE` or deeper than `DEEPEST`; the message
        says where in the value, what stands there, and what to do.

    Examples
    --------
    >>> encode({"paid": True, "rooms": (17, 18)})
    '{"paid":true,"rooms":{"$":"tuple","v":[17,18]}}'
    >>> encode({"user": [1, object()]})
    Traceback (most recent call last):
    daga_nb.errors.JournalValueError: ['user'][1] is of the class object, which the journal does not keep: ...
    """
    writer = Writer()
    text = writer.text(value)
    if writer.has_dataclasses and Writer().text(read(text)) != text:
        raise refused(None, "has a dataclass in it that takes other values than it is given")
    return text


def decode(text: str) -> Any:
    """Give the value of a text that `encode` has written, or that anybody has: it is never trusted.

    Raises
    ------
    JournalValueError
        If it is not the text of a value, or of one whose class is not defined here, or not as it was.

    Examples
    --------
    >>> decode('{"$":"tuple","v":[17,{"$":"decimal","v":"9.90"}]}')
    (17, Decimal('9.90'))
    >>> decode('{"$":"dataclass","v":["shop.Order",{}]}')
    Traceback (most recent call last):
    daga_nb.errors.JournalValueError: the value is of the class 'shop.Order', which is not defined here: ...
    """
    return read(text)
