"""The benchmark's results as records, and as a JSON file."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from masktopo._files import atomic_write
from masktopo.bench.timing import Timing
from masktopo.errors import ArgumentError

__all__ = ["FORMAT", "STATUSES", "Results", "Row", "read_results", "write_results"]

FORMAT = "masktopo-bench 2"

STATUSES = ("timed", "skipped", "differs", "failed")
"""``differs``: the answer is another than masktopo's, so its time is not worth reporting."""


@dataclass(frozen=True)
class Row:
    """One implementation on one case.

    Attributes
    ----------
    suite, task, case : str
    network, rule : str
        The network and the mask rule.
    density : float
        Of the whole network.
    edges : int
    implementation : str
    own : bool
        Whether it is masktopo's own, and with it the answer that others are compared to.
    status : str
        One of `STATUSES`.
    note : str
        Why it was not timed.
    difference : float or None
        From masktopo's answer, in the task's own measure.
    bound : float or None
        Seconds for the bytes that must be moved, see `masktopo.bench.bandwidth`; at masktopo's
        own row only.
    timing : Timing or None
    """

    suite: str
    task: str
    case: str
    network: str
    rule: str
    density: float
    edges: int
    implementation: str
    own: bool
    status: str
    note: str = ""
    difference: float | None = None
    bound: float | None = None
    timing: Timing | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What is the same measurement in two files."""
        return self.suite, self.task, self.case, self.implementation


@dataclass(frozen=True)
class Results:
    """All rows of one run, with the machine and the settings that they were taken on."""

    machine: Mapping[str, Any]
    settings: Mapping[str, Any]
    rows: Sequence[Row]


def write_results(results: Results, path: str | os.PathLike[str]) -> None:
    """Write a JSON file that `read_results` reads back without loss; nan becomes null."""
    content = {"format": FORMAT, **asdict(results)}
    with atomic_write(path) as file:
        file.write((json.dumps(_plain(content), indent=1, allow_nan=False) + "\n").encode())


def read_results(path: str | os.PathLike[str]) -> Results:
    """Read a file of `write_results`.

    Raises
    ------
    ArgumentError
        If it cannot be read, or is no such file; the file and the fault are named.
    """
    try:
        content = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise ArgumentError(f"{os.fspath(path)}: {error.strerror}") from error
    except ValueError as error:
        raise ArgumentError(f"{os.fspath(path)} is no JSON file: {error}") from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise ArgumentError(f"{os.fspath(path)}: the format is {found!r}, expected {FORMAT!r}")
    try:
        rows = tuple(map(_row, content["rows"]))
        return Results(content["machine"], content["settings"], rows)
    except (KeyError, TypeError) as error:
        raise ArgumentError(f"{os.fspath(path)}: a field is missing or unknown: {error}") from error


def _row(content: Mapping[str, Any]) -> Row:
    timing = content["timing"]
    row = Row(**{**content, "timing": None if timing is None else _timing(timing)})
    if row.status not in STATUSES:
        raise KeyError(f"status {row.status!r}")
    return row


def _timing(content: Mapping[str, Any]) -> Timing:
    values: dict[str, Any] = {}
    for field in fields(Timing):
        value = content[field.name]
        values[field.name] = math.nan if value is None else value
    return Timing(**values)


def _plain(value: Any) -> Any:
    """Turn records to what JSON knows, and numbers that it lacks to None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
