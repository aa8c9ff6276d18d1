"""The folder of a run: whose it is, whether it is finished, and its JSON files."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from masktopo._files import atomic_write, remove_temporaries
from masktopo.errors import RunError
from masktopo.training.identity import RunIdentity, python_number

__all__ = [
    "check_free",
    "claim_folder",
    "has_begun",
    "is_finished",
    "read_checked",
    "read_figures",
    "read_json",
    "read_run",
    "remove_leftovers",
    "with_checksum",
    "without_checksum",
    "write_checked",
    "write_figures",
    "write_json",
    "write_run",
]

CONFIG_FILE = "config.json"
CHECKPOINT_FILE = "last.pt"
ENVIRONMENT_FILE = "environment.json"
HISTORY_FILE = "history.csv"
MASKS_FILE = "net.masks"
MONITOR_FILE = "monitor.json"
RESULT_FILE = "result.json"
TABLE_FILE = "rounds.csv"
TICKET_FILE = "ticket.masks"
TOPOLOGY_FILE = "topology.csv"
SEARCH_FILE = "search.json"
SAMPLING_FILE = "settings.json"
UPDATES_FOLDER = "updates"
WEIGHTS_FILE = "best.pt"

_FILES = (
    CONFIG_FILE,
    CHECKPOINT_FILE,
    ENVIRONMENT_FILE,
    HISTORY_FILE,
    MASKS_FILE,
    MONITOR_FILE,
    RESULT_FILE,
    TOPOLOGY_FILE,
    WEIGHTS_FILE,
)

_TEXT_FILES = (CONFIG_FILE, HISTORY_FILE, TOPOLOGY_FILE)
"""What a result consists of beside masks and weights, whose files have checksums of their own."""


_KINDS = {
    CONFIG_FILE: "a training run",
    SAMPLING_FILE: "a PAGS run",
    TICKET_FILE: "a ticket found by training",
    TABLE_FILE: "a ticket found by training",
    SEARCH_FILE: "the search for an early-bird ticket",
}
"""Kinds of runs, by a file that each has. PAGS runs have a ``ticket.masks`` too, so they come
before tickets."""


def check_free(folder: Path, *own: str) -> None:
    """Raise a `RunError` where `folder` cannot be one, or holds a run of another kind.

    A run is of the caller's kind where it has one of the `own` files.
    """
    for path in (folder, *folder.parents):
        if path.is_file():
            raise RunError(f"{path} is a file; expected a folder, or none yet")
    for name, kind in _KINDS.items():
        if name not in own and (folder / name).exists():
            raise RunError(f"{folder} holds {kind} ({name}); choose another folder")


def claim_folder(folder: Path, run: RunIdentity) -> None:
    """Make `folder` the folder of `run`; a run that never got under way there gives way.

    Raises
    ------
    RunError
        If it belongs to a run of another configuration; what differs is named with both values.
        Also if it belongs to a run of another kind.
    """
    if not (folder / CONFIG_FILE).exists():
        check_free(folder)
        write_run(folder, run)
        return
    found, wanted = read_run(folder).entries(), run.entries()
    differing = [name for name in {**wanted, **found} if found.get(name) != wanted.get(name)]
    if differing and has_begun(folder):
        raise RunError(
            f"{folder} holds a run with {_listing(found, differing)}, but this one has "
            f"{_listing(wanted, differing)}; choose another folder"
        )
    if differing:
        shutil.rmtree(folder / UPDATES_FOLDER, ignore_errors=True)
        write_run(folder, run)


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed process left of files of the run that it was writing."""
    remove_temporaries(folder, _FILES)
    remove_temporaries(folder / UPDATES_FOLDER, ["*.masks"])


def has_begun(folder: Path) -> bool:
    """Whether the run of `folder` has left more than what it was to start from."""
    updates = len(list((folder / UPDATES_FOLDER).glob("*.masks")))
    return updates > 1 or (folder / CHECKPOINT_FILE).exists() or is_finished(folder)


def is_finished(folder: Path) -> bool:
    """Whether the run of `folder` came to its end; its result is written last."""
    return (folder / RESULT_FILE).exists()


def read_run(folder: Path) -> RunIdentity:
    """Return the run that `folder` belongs to."""
    path = folder / CONFIG_FILE
    record = read_json(path)
    try:
        return RunIdentity.from_dict(record)
    except RunError as error:
        raise RunError(f"{path}: {error}") from error


def write_run(folder: Path, run: RunIdentity) -> None:
    """Write the run that `folder` belongs to."""
    write_json(folder / CONFIG_FILE, run.to_dict())


def write_figures(
    folder: Path, figures: Mapping[str, Any], files: Iterable[str] = _TEXT_FILES
) -> None:
    """Write ``result.json``, with checksums of itself and of those of `files` that are there."""
    digests = {name: _file_digest(folder / name) for name in files if (folder / name).exists()}
    write_checked(folder / RESULT_FILE, {**figures, "files": digests})


def read_figures(folder: Path) -> dict[str, Any]:
    """Read ``result.json``.

    Raises
    ------
    RunError
        If the run is not finished, or the file, or a file that it has the checksum of, is missing
        or not as it was written. Files of before there were checksums are read as they are.
    """
    record = read_checked(folder / RESULT_FILE)
    for name, expected in record.get("files", {}).items():
        try:
            found = _file_digest(folder / name)
        except OSError as error:
            raise RunError(f"{folder / name} is missing or damaged: {error}") from error
        if found != expected:
            raise RunError(
                f"{folder / name} is damaged: its SHA-256 is {found[:16]}, not {expected[:16]} "
                f"as in {RESULT_FILE}"
            )
    return record


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_checked(path: Path, record: Mapping[str, Any]) -> None:
    """Write `record` like `write_json`, with a checksum of its entries."""
    write_json(path, with_checksum(record))


def read_checked(path: Path) -> dict[str, Any]:
    """Read what `write_checked` wrote; a file of before there were checksums is read as it is.

    Raises
    ------
    RunError
        If the file is missing or damaged.
    """
    record = read_json(path)
    if "checksum" not in record:
        return record
    try:
        return without_checksum(record)
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}") from error


def with_checksum(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return `record` with one more entry, the SHA-256 over the others by name (hex)."""
    text = json.dumps(record, sort_keys=True, default=python_number)
    return {**record, "checksum": hashlib.sha256(text.encode()).hexdigest()}


def without_checksum(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `with_checksum` got; a ValueError where the entries are others."""
    entries = {name: value for name, value in record.items() if name != "checksum"}
    if with_checksum(entries)["checksum"] != record.get("checksum"):
        raise ValueError("its entries do not have their checksum")
    return entries


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write `record` as indented JSON, whole or not at all."""
    with atomic_write(path) as file:
        file.write((json.dumps(record, indent=2, default=python_number) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read one object.

    Raises
    ------
    RunError
        If the file is missing or damaged.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing, so this is no folder of a finished run") from error
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}") from error
    if not isinstance(record, dict):
        raise RunError(f"{path} is damaged: expected an object, not {type(record).__name__}")
    return record


def _listing(entries: Mapping[str, Any], names: list[str]) -> str:
    """List entries; digests are cut to what tells them apart."""
    return ", ".join(
        f"{name}={value[:24] if isinstance(value := entries.get(name), str) else value}"
        for name in names
    )
