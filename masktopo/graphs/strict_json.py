"""JSON that is not trusted: each value is asked for by its type, and a fault names its place."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from reprlib import repr as _shown
from typing import Any, NoReturn

from masktopo.errors import MasktopoError, WiringFileError

__all__ = ["MOST", "Place", "parse"]

MOST = 2**48
"""Greatest integer that is taken for a length, a size or a position."""


@dataclass(frozen=True)
class Place:
    """A value within a file.

    Attributes
    ----------
    file : str
        Name of the file, for messages.
    path : str
        Where the value stands, as ``links[3].use``; empty for the whole.
    value : object
        What was found there.
    """

    file: str
    path: str
    value: Any

    def refuse(self, expected: str) -> NoReturn:
        """Raise the error that says what was expected here instead."""
        self.blame(f"found {_shown(self.value)}, expected {expected}")

    def blame(self, words: str) -> NoReturn:
        """Raise an error about this place."""
        raise WiringFileError(f"{self.file}: {self.path or 'the file'}: {words}")

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Let what goes wrong in the block be an error about this place."""
        try:
            yield
        except WiringFileError:
            raise
        except MasktopoError as error:
            raise WiringFileError(f"{self.file}: {self.path or 'the file'}: {error}") from error

    def fields(self, *names: str) -> list["Place"]:
        """Return the fields of an object that has these and no others."""
        if type(self.value) is not dict or self.value.keys() != set(names):
            self.refuse(f"an object with the fields {', '.join(names)}")
        return [self.field(name) for name in names]

    def field(self, name: str) -> "Place":
        """Return one field of an object."""
        if type(self.value) is not dict or name not in self.value:
            self.refuse(f"an object with the field {name}")
        return Place(self.file, f"{self.path}.{name}".lstrip("."), self.value[name])

    def items(self) -> list["Place"]:
        """Return the items of a list."""
        if type(self.value) is not list:
            self.refuse("a list")
        return [Place(self.file, f"{self.path}[{at}]", item) for at, item in enumerate(self.value)]

    def text(self) -> str:
        """Return a string of characters that UTF-8 can hold."""
        if type(self.value) is not str or not _encodable(self.value):
            self.refuse("text")
        return self.value

    def texts(self) -> tuple[str, ...]:
        """Return a list of strings."""
        return tuple(item.text() for item in self.items())

    def choice(self, choices: Sequence[str]) -> str:
        """Return one of `choices`."""
        if type(self.value) is not str or self.value not in choices:
            self.refuse(f"one of {', '.join(choices)}")
        return self.value

    def flag(self) -> bool:
        """Return true or false."""
        if type(self.value) is not bool:
            self.refuse("true or false")
        return self.value

    def integer(self, least: int = 0, most: int = MOST) -> int:
        """Return an integer from `least` to `most`."""
        if type(self.value) is not int or not least <= self.value <= most:
            self.refuse(f"an integer from {least} to {most}")
        return self.value

    def integers(self, least: int = 0, most: int = MOST) -> tuple[int, ...]:
        """Return a list of integers from `least` to `most`."""
        return tuple(item.integer(least, most) for item in self.items())


def _encodable(text: str) -> bool:
    """Whether there is no half of a surrogate pair in it."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def parse(data: bytes, file: str) -> Place:
    """Parse strict JSON: UTF-8, no name twice in an object, no nan and no infinity.

    Parameters
    ----------
    data : bytes
    file : str
        Its name, for messages.

    Raises
    ------
    WiringFileError
        If it is none.
    """
    whole = Place(file, "", None)
    try:
        value = json.loads(
            data.decode(), object_pairs_hook=_distinct, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        whole.blame(f"no valid JSON, or truncated: {error}")
    return Place(file, "", value)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"an object has the field {_shown(twice)} twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
