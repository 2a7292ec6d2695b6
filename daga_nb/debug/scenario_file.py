"""The file of a scenario: its name, how it is written whole or not at all, and how it is read."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import unicodedata
from pathlib import Path
from typing import Any

from daga_nb.debug.whole_file import write_whole
from daga_nb.engine.exact import MAX_BYTES, MAX_DIGITS, short
from daga_nb.errors import ScenarioError

__all__ = ["LONGEST_NAME", "SUFFIX", "check_name", "file_name", "read_json", "scenario_files", "write_json"]

SUFFIX = ".scenario.json"
LONGEST_NAME = 80

_DEVICES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{number}" for port in ("com", "lpt") for number in range(10)),
}


def check_name(name: Any) -> None:
    """Make sure that a scenario can go by this name.

    Raises
    ------
    ScenarioError
        If it is empty, too long, or not one line of text.
    """
    if type(name) is not str or not name.strip():
        raise ScenarioError(f"a scenario has a name, a text that is not empty; {short(name)} is none")
    if len(name) > LONGEST_NAME:
        raise ScenarioError(
            f"the name {short(name)} has {len(name)} characters: at most {LONGEST_NAME} are good"
        )
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in name):
        raise ScenarioError(f"the name {short(name)} is not one line of text that can be shown")


def file_name(name: str) -> str:
    """Give the name of the file of a scenario: small letters, digits and hyphens, good on every file system.

    Names that differ in capitals, accents, blanks or signs alone have the same file. Where letters of another
    script have to be left out, a checksum of the name keeps them apart.

    >>> file_name("Card declined, café")
    'card-declined-cafe.scenario.json'
    >>> file_name("../../etc")
    'etc.scenario.json'
    >>> file_name("нет")
    'scenario-dc9337ff.scenario.json'
    """
    letters = unicodedata.normalize("NFKD", name.casefold())
    lost = any(char.isalnum() and not char.isascii() for char in letters)
    slug = re.sub("[^a-z0-9]+", "-", re.sub("[^\\x00-\\x7f]", "", letters).lower()).strip("-")
    cut = slug[:LONGEST_NAME].strip("-")
    if lost or cut != slug or not slug:
        cut = f"{cut or 'scenario'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    # Windows takes con.scenario.json for the console.
    return f"{f'scenario-{cut}' if cut in _DEVICES else cut}{SUFFIX}"


def scenario_files(folder: str | os.PathLike[str] = ".") -> list[Path]:
    """Give the files of scenarios in a folder, sorted by name. None of them is read.

    Raises
    ------
    ScenarioError
        If it is no folder.
    """
    try:
        names = sorted(os.listdir(folder))
    except (OSError, ValueError) as error:
        raise ScenarioError(f"no scenarios in {short(os.fspath(folder))}: {_why(error)}") from error
    paths = [Path(folder, name) for name in names if name.endswith(SUFFIX) and not name.startswith(".")]
    return [path for path in paths if path.is_file()]


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write a file, whole or not at all: what stood there before stands there until the new one is complete.

    Raises
    ------
    ScenarioError
        If it cannot be written, or would be larger than what is read.
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, indent=2) + "\n"
    content = text.encode("utf-8")
    if len(content) > MAX_BYTES:
        raise ScenarioError(
            f"the scenario has {len(content):,} bytes, and a file of one has at most {MAX_BYTES:,}: "
            "give the flow a smaller input, such as the name of a file"
        )
    try:
        write_whole(text, path)
    except (OSError, ValueError) as error:
        raise ScenarioError(f"{path} cannot be written: {_why(error)}") from error


def read_json(path: str | os.PathLike[str]) -> Any:
    """Give the JSON value in a small file.

    Raises
    ------
    ScenarioError
        If there is none in it; the message names the file, and the line where there is one.
    """
    shown = os.fsdecode(path)
    content = _content(path, shown)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ScenarioError(f"{shown}, line {line}: it is not UTF-8 text (byte {error.start})") from None
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_whole_number)
    except json.JSONDecodeError as error:
        told = f"{error.msg[:1].lower()}{error.msg[1:]}"
        raise ScenarioError(
            f"{shown}, line {error.lineno}, column {error.colno}: it is not JSON ({told})"
        ) from None
    except RecursionError:
        raise ScenarioError(f"{shown} is nested too deeply to be a scenario") from None
    except ScenarioError as error:
        raise ScenarioError(f"{shown}: {error}") from None


def _content(path: str | os.PathLike[str], shown: str) -> bytes:
    try:
        # A pipe or a device could be read for ever.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ScenarioError(f"{shown} is no regular file")
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ScenarioError(f"{shown} cannot be read: {_why(error)}") from error
    except ValueError as error:
        if isinstance(error, ScenarioError):
            raise
        raise ScenarioError(f"{short(shown)} cannot be read: {_why(error)}") from error
    if len(content) > MAX_BYTES:
        raise ScenarioError(f"{shown} is larger than {MAX_BYTES:,} bytes: it is no scenario")
    return content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ScenarioError(f"the field {short(twice)} stands twice in one object: which one is meant?")
    return made


def _constant(text: str) -> Any:
    raise ScenarioError(f"{text} is no number of JSON")


def _whole_number(text: str) -> int:
    if len(text) > MAX_DIGITS + text.startswith("-"):
        raise ScenarioError(f"the number {text[:20]}… has more than {MAX_DIGITS} digits")
    return int(text)


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "that is no name of a file"  # a NUL, or half a character
