"""The candidates scored so far, in memory and, where the run has a folder, on disk."""

import os
from pathlib import Path

import numpy as np

from masktopo._files import atomic_write
from masktopo.errors import RunError
from masktopo.masks.layer import BoolArray
from masktopo.sampling.candidate import Candidate, read_candidate, write_candidate
from masktopo.sampling.folder import CANDIDATES_FILE, EXPLORED_FILE

__all__ = ["Journal"]


class Journal:
    """Candidates in the order of their index, and the union of their masks.

    Parameters
    ----------
    size : int
        Number of prunable weights.
    folder : path or None
        Where candidates are appended as they come; what is there already is read. A line that
        an interruption cut short is dropped.

    Raises
    ------
    RunError
        If a file of the folder is damaged; file and line are named.
    """

    def __init__(self, size: int, folder: Path | None = None) -> None:
        self.candidates: list[Candidate] = []
        self.explored: BoolArray = np.zeros(size, dtype=bool)
        self._folder = folder
        if folder is not None and (folder / CANDIDATES_FILE).exists():
            self.candidates = _read_candidates(folder / CANDIDATES_FILE)
            if self.candidates:
                self.explored = _read_explored(folder / EXPLORED_FILE, size)

    def add(self, candidate: Candidate, kept: BoolArray) -> None:
        """Take up the next candidate; it is on disk when this returns."""
        self.candidates.append(candidate)
        self.explored |= kept
        if self._folder is None:
            return
        # The union first: a candidate that is only in it is drawn again and adds nothing.
        with atomic_write(self._folder / EXPLORED_FILE) as file:
            np.save(file, np.packbits(self.explored))
        with (self._folder / CANDIDATES_FILE).open("a", encoding="utf-8") as lines:
            lines.write(write_candidate(candidate) + "\n")
            lines.flush()
            os.fsync(lines.fileno())


def _read_candidates(path: Path) -> list[Candidate]:
    """Read all whole lines, and cut off a last one that is not."""
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        with atomic_write(path) as file:
            file.write(whole.encode())
    return [_parse(path, place, line) for place, line in enumerate(whole.splitlines())]


def _parse(path: Path, place: int, line: str) -> Candidate:
    try:
        candidate = read_candidate(line)
    except ValueError as error:
        raise RunError(f"{path}, line {place + 1} is damaged: {error}") from error
    if candidate.index != place:
        raise RunError(
            f"{path}, line {place + 1} holds candidate {candidate.index}, expected {place}"
        )
    return candidate


def _read_explored(path: Path, size: int) -> BoolArray:
    try:
        packed = np.load(path, allow_pickle=False)
        return np.unpackbits(packed, count=size).astype(bool)
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"{path} is missing or damaged: {error}") from error
